"""The laws that every backend keeps, in the order and with the numbers of the documentation.

A law returns if it is kept and raises :class:`LawBrokenError` with the reason if not. Any other
exception breaks the law as well.
"""

from __future__ import annotations

from bnnplan.backends.conformance import device_laws, layer_laws
from bnnplan.backends.conformance.law import Law, Scope

LAWS: tuple[Law, ...] = (
    Law("devices", Scope.DEVICE, device_laws.devices),
    Law("support", Scope.ANSWER, layer_laws.support),
    Law("configurations", Scope.LAYER, layer_laws.configurations),
    Law("results", Scope.KIND, layer_laws.results),
    Law("extremes", Scope.EXTREME, layer_laws.extremes),
    Law("repetition", Scope.LAYER, layer_laws.repetition),
    Law("concurrency", Scope.LAYER, layer_laws.concurrency),
    Law("memory", Scope.LAYER, layer_laws.memory),
    Law("formats", Scope.LAYER, layer_laws.formats),
    Law("transport", Scope.TENSOR, device_laws.transport),
    Law("linking", Scope.NETWORK, device_laws.linking),
    Law("timing", Scope.NETWORK, device_laws.timing),
    Law("refusals", Scope.TENSOR, device_laws.refusals),
    Law("strange configurations", Scope.LAYER, layer_laws.strange_configurations),
)
"""All laws; the number of a law is its place, from 1."""
