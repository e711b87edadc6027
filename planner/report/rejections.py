"""Why layers are not offered somewhere, as text."""

from __future__ import annotations

from collections.abc import Iterator

from bnnplan.planner.profile import Profile


def rejection_lines(profile: Profile) -> Iterator[str]:
    """Each reason why layers are not offered somewhere once, with the layers' number."""
    layers: dict[tuple[str, str], list[str]] = {}
    for name, costs in profile.layers.items():
        for rejection in costs.rejections:
            where = f"{rejection.device} {rejection.configuration}".strip()
            layers.setdefault((where, rejection.reason), []).append(name)
    for (where, reason), names in layers.items():
        what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more layers"
        yield f"not offered on {where}: {what}: {reason}"
