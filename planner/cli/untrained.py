"""Says that a network was never trained, where its answers are printed."""

from __future__ import annotations

from bnnplan.models.graph import Network
from bnnplan.models.zoo import has_random_weights
from bnnplan.planner.cli.common import notes


def warn_of_random_weights(network: Network) -> None:
    """Print a line on standard error if a network's weights are random."""
    if has_random_weights(network):
        notes.print(
            f"note: {network.name!r} has random weights: its times are real, its answers are not"
        )
