"""A network laid out on a board: its kernels, prepared once and kept."""

from __future__ import annotations

from collections.abc import Mapping

from bnnplan.backends.interface import Backend, Configuration, Device, DeviceError, Kernel
from bnnplan.backends.registry import devices_of, load_backends
from bnnplan.models.graph import Network, Node
from bnnplan.planner.board import Board

Assignment = Mapping[str, tuple[str, Configuration]]
"""Device name and configuration by name of node."""


class Workbench:
    """Prepares kernels of one network for the devices of one board, each only once.

    Parameters
    ----------
    network : Network
    board : Board
    batch : int
        Images computed at once.

    Raises
    ------
    DeviceError
        If a device of the board cannot be used now; the message says why.
    """

    def __init__(self, network: Network, board: Board, batch: int = 1) -> None:
        self.network = network
        self.board = board
        self.batch = batch
        usable = load_backends().usable
        self.backends: dict[str, Backend] = {}
        for device in board.devices:
            if device.backend not in usable:
                raise DeviceError(
                    f"device {device.name} needs backend {device.backend!r}, which is not "
                    "installed or broken; see 'bnnplan backends'"
                )
            self.backends[device.name] = usable[device.backend]
        self._check_present()
        self._kernels: dict[tuple[str, str, Configuration], Kernel] = {}

    def _check_present(self) -> None:
        """Every device must be there still: a board file may be old, a device unplugged."""
        for name in dict.fromkeys(device.backend for device in self.board.devices):
            mine = [device for device in self.board.devices if device.backend == name]
            present, missing = devices_of(self.backends[mine[0].name])
            here = frozenset[str]().union(*(device.resources for device in present))
            for device in mine:
                if not device.resources <= here:
                    gone = ", ".join(sorted(device.resources - here))
                    reasons = "; ".join(lost.reason for lost in missing) or "not found"
                    raise DeviceError(
                        f"device {device.name} of board {self.board.name!r} is not here "
                        f"({gone}): {reasons}; see 'bnnplan devices'"
                    )

    def device(self, name: str) -> Device:
        """The board's device of a name."""
        return self.board.device(name)

    def kernel(self, node: Node, device: str, configuration: Configuration) -> Kernel:
        """The node's kernel for a device and configuration."""
        key = (node.name, device, configuration)
        if key not in self._kernels:
            bound = self.network.bind(node, self.batch)
            self._kernels[key] = self.backends[device].prepare(
                bound, self.device(device), configuration
            )
        return self._kernels[key]
