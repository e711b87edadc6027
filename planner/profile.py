"""The profile: what every layer costs in every placement, and every transfer, as measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import attrs
from attrs import field, frozen

from bnnplan.models.converters import as_dict, as_tuple
from bnnplan.models.files import Migrations, converter, read_json, structure, write_json
from bnnplan.models.graph import Network
from bnnplan.planner.board import Board
from bnnplan.planner.profile_parts import (
    MOST,
    Conditions,
    Eliminated,
    LaunchCost,
    LayerCosts,
    Origin,
    PlacementCost,
    ProfileError,
    Rejection,
    Time,
    TransferCost,
    check_configuration,
    check_figures,
)

__all__ = [
    "MIGRATIONS",
    "MOST",
    "MOST_IMAGES",
    "SCHEMA",
    "VERSION",
    "Conditions",
    "Eliminated",
    "LaunchCost",
    "LayerCosts",
    "Origin",
    "PlacementCost",
    "Profile",
    "ProfileError",
    "Rejection",
    "Time",
    "TransferCost",
    "check_configuration",
    "check_figures",
    "launch_of",
    "load_profile",
    "save_profile",
    "shape_fingerprint",
    "transfer_of",
]

SCHEMA = "bnnplan.profile"
VERSION = 4
MIGRATIONS: Migrations = dict.fromkeys((1, 2, 3), lambda content: content)
"""Versions 2 and 3 are those of the board, which it holds; version 3 added layers{}.placements[]
.loaded as well, version 4 layers{}.placements[].origin, conditions.elimination and
conditions.model. All that was added may be missing."""
MOST_IMAGES = 65536
"""In one batch."""


@frozen
class Profile:
    """All costs of one network on one board for one batch size.

    Parameters
    ----------
    network, network_fingerprint : str
        Name, and fingerprint over layer shapes (the values of weights do not matter).
    board : Board
    batch : int
        Images computed at once.
    layers : mapping of str to LayerCosts
        By name of node.
    transfers : tuple of TransferCost
    launches : tuple of LaunchCost
    conditions : Conditions
    """

    network: str
    network_fingerprint: str
    board: Board
    batch: int
    layers: Mapping[str, LayerCosts] = field(converter=as_dict)
    transfers: tuple[TransferCost, ...] = field(converter=as_tuple)
    launches: tuple[LaunchCost, ...] = field(converter=as_tuple)
    conditions: Conditions

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.batch <= MOST_IMAGES:
            raise ProfileError(f"the batch must be from 1 to {MOST_IMAGES}, not {self.batch}")
        devices = {device.name for device in self.board.devices}
        for name, costs in self.layers.items():
            for cost in costs.placements:
                if cost.device not in devices:
                    raise ProfileError(
                        f"layer {name!r} is placed on {cost.device!r}, which is no device of "
                        f"board {self.board.name!r}"
                    )

    @cached_property
    def costs_digest(self) -> str:
        """SHA-256 over all that a plan is computed from but the board, which the plan states.

        That a cost was measured is not told: digests of before other costs were known still hold.
        """
        plain = converter().unstructure(
            (
                (self.network_fingerprint, self.batch),
                {name: costs.placements for name, costs in self.layers.items()},
                (self.transfers, self.launches),
            )
        )
        for placements in plain[1].values():
            for cost in placements:
                if cost["origin"] == Origin.MEASURED:
                    del cost["origin"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    @property
    def is_loaded(self) -> bool:
        """Whether costs under load were measured."""
        return any(
            cost.loaded is not None for costs in self.layers.values() for cost in costs.placements
        )

    @property
    def under_load(self) -> Profile:
        """The same with the costs under load as its costs, where they are known."""
        return attrs.evolve(
            self,
            layers={
                name: attrs.evolve(
                    costs,
                    placements=[
                        attrs.evolve(cost, time=cost.loaded or cost.time)
                        for cost in costs.placements
                    ],
                )
                for name, costs in self.layers.items()
            },
        )

    def transfer(self, source: str, target: str) -> TransferCost | None:
        """The cost of moving tensors from one space to another; None where impossible."""
        return transfer_of(self.transfers, source, target)

    def launch(self, device: str, threads: int, source: str = "") -> int:
        """Nanoseconds to start and finish a program on a device, after `source` has run.

        Parameters
        ----------
        device : str
        threads : int
            Most threads that a layer of the program uses.
        source : str
            The device that ran before, or ``user``.
        """
        return launch_of(self.launches, device, threads, source)

    def thread_counts(self, device: str) -> tuple[int, ...]:
        """Thread counts that configurations of a device use, ascending; (1,) if none."""
        counts = {
            cost.configuration.threads
            for costs in self.layers.values()
            for cost in costs.placements
            if cost.device == device
        }
        return tuple(sorted(counts)) or (1,)

    def require(self, network: Network, batch: int) -> None:
        """Raise ProfileError unless the profile is of this network and batch size, and whole."""
        if self.network_fingerprint != shape_fingerprint(network):
            raise ProfileError(
                f"the profile is of another network, {self.network!r}: its layers differ from "
                f"those of {network.name!r} here, or another bnnplan lowered them; profile this "
                "network"
            )
        if self.batch != batch:
            raise ProfileError(
                f"the profile is for batches of {self.batch}, not {batch}; profile with --batch"
            )
        for node in network.nodes:
            if node.name not in self.layers:
                raise ProfileError(f"the profile has no layer {node.name!r}; profile again")
            for cost in self.layers[node.name].placements:
                formats = len(cost.input_formats), len(cost.output_formats)
                if formats != (len(node.inputs), len(node.outputs)):
                    raise ProfileError(
                        f"the profile gives layer {node.name!r} on {cost.device} {formats[0]} "
                        f"input and {formats[1]} output formats, but it has {len(node.inputs)} "
                        f"inputs and {len(node.outputs)} outputs; profile again"
                    )


def transfer_of(transfers: Iterable[TransferCost], source: str, target: str) -> TransferCost | None:
    """The cost of moving tensors from one space to another; None where impossible."""
    for cost in transfers:
        if (cost.source, cost.target) == (source, target):
            return cost
    return None


def launch_of(launches: Iterable[LaunchCost], device: str, threads: int, source: str = "") -> int:
    """Nanoseconds to start and finish a program; see :meth:`Profile.launch`."""
    mine = [cost for cost in launches if cost.device == device]
    for seen in (source, ""):
        known = {cost.threads: cost.ns for cost in mine if cost.source == seen}
        fitting = [count for count in sorted(known) if count >= threads]
        if fitting:
            return known[fitting[0]]
    return max((cost.ns for cost in mine), default=0)


def shape_fingerprint(network: Network) -> str:
    """SHA-256 over names, wiring and shapes of all layers, without the values of weights."""
    ends = sorted(network.inputs.items()), network.outputs
    digest = hashlib.sha256(repr(ends).encode())
    for node in network.nodes:
        wiring = (node.name, node.inputs, node.outputs, network.bind(node).signature)
        digest.update(repr(wiring).encode())
    return digest.hexdigest()


def save_profile(profile: Profile, path: Path) -> None:
    """Write a profile file (schema ``bnnplan.profile``)."""
    write_json(path, SCHEMA, VERSION, converter().unstructure(profile))


def load_profile(path: Path) -> Profile:
    """Read a profile file; FileError with file, field and reason where that is impossible."""
    profile: Profile = structure(read_json(path, SCHEMA, VERSION, MIGRATIONS), Profile, path)
    return profile
