"""Lowering: turn a network as it was trained into one that is cheap to run, value for value.

Every pass is a function from a network to an equal one; it returns the very same object if there
is nothing to do. Every output is the same number for every input; only the sign of a zero may
change, and a maximum over NaN, which is not defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bnnplan.models.graph import Network
from bnnplan.models.lowering.batch_norms import fold_batch_norms
from bnnplan.models.lowering.dead_layers import remove_dead_layers
from bnnplan.models.lowering.early_flattens import flatten_early
from bnnplan.models.lowering.early_signs import move_signs_forward
from bnnplan.models.lowering.fuse_pool import fuse_pools
from bnnplan.models.lowering.fuse_scale_bias import fuse_scales
from bnnplan.models.lowering.fuse_threshold import fuse_thresholds
from bnnplan.models.lowering.identities import remove_identities
from bnnplan.models.lowering.integer_inputs import keep_integers
from bnnplan.models.lowering.pooling import pool_bits
from bnnplan.models.lowering.thresholds import fold_thresholds
from bnnplan.models.lowering.transposes import remove_transposes

Pass = Callable[[Network], Network]

PASSES: tuple[Pass, ...] = (
    remove_dead_layers,
    remove_identities,
    keep_integers,
    move_signs_forward,
    fold_thresholds,
    pool_bits,
    flatten_early,
    fuse_thresholds,
    remove_transposes,
    fold_batch_norms,
)
"""All passes but the last ones, in the order in which they are tried."""

LAST_PASSES: tuple[Pass, ...] = (fuse_pools, fuse_scales)
"""What they fuse stands in the way of other passes, so they run when those are done."""


def lower(network: Network) -> Network:
    """Run all passes until none finds anything to do.

    Each pass makes the network smaller, or moves a decision, a flattening or an integer sum
    towards the inputs, so this ends: which of a decision and a flattening stands first depends on
    what is before both.
    """
    network = run_passes(network, PASSES)
    for run in LAST_PASSES:
        network = run(network)
    return network


def run_passes(network: Network, passes: Iterable[Pass]) -> Network:
    """Run passes in turn, again and again, until none of them finds anything to do."""
    passes = tuple(passes)
    while True:
        before = network
        for run in passes:
            network = run(network)
        if network is before:
            return network
