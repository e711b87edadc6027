"""A predicted profile as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bnnplan.models.graph import Network
from bnnplan.planner.estimates import Estimate
from bnnplan.planner.profile import Origin, Profile
from bnnplan.planner.report.origin_text import cost_text, interval_text, spread_text
from bnnplan.planner.report.rejections import rejection_lines
from bnnplan.planner.report.tables import Rows
from bnnplan.planner.report.units import duration
from bnnplan.planner.uncertainty import origins_text


def predicted_text(
    profile: Profile, network: Network, estimates: Iterable[Estimate], *, verbose: bool = False
) -> Iterator[str | Rows]:
    """Give the table of layers, and what the whole takes on each device.

    Parameters
    ----------
    profile : Profile
    network : Network
    estimates : iterable of Estimate
    verbose : bool
        All configurations of each layer and device instead of the fastest.
    """
    rows = Rows(
        *("layer", "device", "configuration", "time", "within", "weights", "workspace"),
        left=3,
        optional=("weights", "workspace"),
    )
    unsure = False
    for node in network.nodes:
        shown: set[str] = set()
        costs = sorted(
            profile.layers[node.name].placements, key=lambda cost: (cost.device, cost.time.median)
        )
        for cost in costs:
            if cost.device in shown and not verbose:
                continue
            unsure = unsure or not cost.time.stable
            rows.add_row(
                "" if shown else node.name,
                cost.device,
                cost.configuration.label,
                cost_text(cost.time.median, cost.origin),
                spread_text(cost.time) + ("" if cost.time.stable else "*"),
                f"{cost.weight_bytes:,} B",
                f"{cost.workspace_bytes:,} B",
            )
            shown.add(cost.device)
    yield rows
    if unsure:
        yield "* a wide interval: measure these layers where it matters"
    origins = [c.origin for costs in profile.layers.values() for c in costs.placements]
    is_modelled = Origin.MODELLED in origins
    for estimate in estimates:
        if estimate.predicted is None:
            yield f"all on {estimate.device}: {estimate.note}"
            continue
        text = f"all on {estimate.device}: ~{duration(estimate.predicted.alone_ns)}"
        if estimate.predicted.interval is not None:
            text = f"{text}, {interval_text(estimate.predicted.interval, is_modelled)}"
        yield text
    yield from rejection_lines(profile)
    yield f"placements: {origins_text(origins)}; by {profile.conditions.model}"
