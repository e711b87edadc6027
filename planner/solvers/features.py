"""What a problem asks for beyond the least latency, and which method takes it into account.

A module of a method states what it understands as ``SUPPORTS``, and as ``REQUIRES`` what must be
asked for, if there is such; a method is never run on a problem with a feature that it does not
understand, or without one that it requires. As ``COMPLETE`` it states whether it finds a solution
wherever there is one, given the time; what is not complete may miss one even so.
"""

from __future__ import annotations

import enum

from bnnplan.planner.problem import Measure, Problem


class Feature(enum.StrEnum):
    """Something that a method has to understand, in words for messages."""

    PIPELINE = "a pipeline (throughput)"
    ENERGY = "energy as objective"
    MEMORY = "memory as objective"
    LIMITS = "limits on latency, energy or memory"
    EXPORTS = "exports of tensors"
    CONTIGUOUS = "contiguous devices"
    COLOCATED = "colocated tasks"
    SWITCHES = "a limit on switches"


EVERYTHING = frozenset(Feature)


def features(problem: Problem) -> frozenset[Feature]:
    """Tell what `problem` asks for."""
    asked = {
        Feature.PIPELINE: problem.is_pipeline,
        Feature.ENERGY: problem.objectives[0] is Measure.ENERGY,
        Feature.MEMORY: problem.objectives[0] is Measure.MEMORY,
        Feature.LIMITS: any(limit.measure is not Measure.PERIOD for limit in problem.limits),
        Feature.EXPORTS: any(tensor.exports for tensor in problem.tensors),
        Feature.CONTIGUOUS: any(device.contiguous for device in problem.devices),
        Feature.COLOCATED: any(len(group) > 1 for group in problem.colocated),
        Feature.SWITCHES: problem.switches is not None,
    }
    return frozenset(feature for feature, is_asked in asked.items() if is_asked)
