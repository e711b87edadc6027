"""Ceilings of the cpu backend: which there are, and of what memory; how high is the machine's."""

from __future__ import annotations

import math
import os
from types import SimpleNamespace

import pytest
from cpu_harness import available_isas, available_variants

from bnnplan.backends.cpu import CpuBackend, peak
from bnnplan.backends.cpu.clusters import Cache
from bnnplan.backends.cpu.native import ISAS, LOOKUPS, lib
from bnnplan.backends.cpu.program import Team
from bnnplan.backends.interface import Work
from bnnplan.models.errors import InputError

KIB, MIB, GIB = 2**10, 2**20, 2**30
CORES = sorted(os.sched_getaffinity(0))
MOMENT = 1e-3
CACHES = (
    Cache(1, "data", 32 * KIB, (0,)),
    Cache(1, "instruction", 64 * KIB, (0,)),
    Cache(2, "unified", MIB, (0,)),
    Cache(3, "unified", 16 * MIB, (0, 1, 2, 3)),
)


def shown(levels):
    return [(level.name, level.capacity, level.nbytes) for level in levels]


def test_levels_of_one_thread():
    assert shown(peak.levels(CACHES, 1, GIB)) == [
        ("L1", 32 * KIB, 16 * KIB),
        ("L2", MIB, MIB // 2),
        ("L3", 16 * MIB, 4 * MIB),
        ("memory", None, 64 * MIB),
    ]


def test_threads_share_what_their_cores_share():
    assert shown(peak.levels(CACHES, 4, GIB)) == [
        ("L1", 32 * KIB, 16 * KIB),
        ("L2", MIB, MIB // 2),
        ("L3", 4 * MIB, 2 * MIB),
        ("memory", None, 16 * MIB),
    ]


def test_a_cache_that_leaves_a_thread_no_more_than_the_one_before_is_left_out():
    shared = (Cache(1, "data", 32 * KIB, (0,)), Cache(2, "unified", 64 * KIB, (0, 1)))
    assert [level.name for level in peak.levels(shared, 1, GIB)] == ["L1", "L2", "memory"]
    assert [level.name for level in peak.levels(shared, 2, GIB)] == ["L1", "memory"]


def test_memory_is_measured_with_no_more_than_a_share_of_what_is_free():
    (*_, memory) = peak.levels(CACHES, 1, 160 * MIB)
    assert (memory.name, memory.nbytes) == ("memory", 20 * MIB)
    assert [level.name for level in peak.levels(CACHES, 1, 100 * MIB)] == ["L1", "L2", "L3"]


def test_without_known_caches_there_is_memory_alone():
    assert shown(peak.levels((), 2, GIB)) == [("memory", None, 32 * MIB)]
    assert peak.levels((), 2, 0) == []


@pytest.fixture
def brief(monkeypatch):
    """Measure for a moment only."""
    monkeypatch.setattr(peak, "SECONDS", MOMENT)
    monkeypatch.setattr(peak, "LEAST_MEMORY", MIB)
    monkeypatch.setattr(peak, "MOST_MEMORY", 64 * MIB)


def test_a_device_states_its_ceilings_for_one_thread_and_for_all(brief):
    backend = CpuBackend()
    (device, *_), _ = backend.devices()
    found = backend.ceilings(device)
    assert {c.threads for c in found} == {1, device.threads}
    assert all(math.isfinite(c.rate) and c.rate > 0 for c in found)
    assert {Work.CYCLES, Work.BIT_PRODUCTS, Work.FLOAT_PRODUCTS} <= {c.work for c in found}
    assert len({(c.work, c.name, c.variant, c.threads) for c in found}) == len(found)
    anyhow = (Work.CYCLES, Work.BYTES_READ)
    assert {c.variant for c in found if c.work not in anyhow} <= set(available_variants())
    assert {c.variant for c in found if c.work in anyhow} == {""}


@pytest.mark.parametrize("isa", available_isas())
def test_a_forced_instruction_set_has_its_own_ceilings(brief, monkeypatch, isa):
    monkeypatch.setenv("BNNPLAN_ISA", isa)
    found = peak.ceilings(Team(CORES[:1]), CACHES)
    variants = {c.variant for c in found if c.work is Work.BIT_PRODUCTS}
    assert variants == {isa, LOOKUPS.get(isa, isa)}
    numbers = (Work.BYTE_PRODUCTS, Work.FLOAT_PRODUCTS)
    assert {c.variant for c in found if c.work in numbers} == {isa}
    levels = [c.name for c in found if c.work is Work.BYTES_READ]
    assert levels == ["L1", "L2", "L3"] or levels == ["L1", "L2", "L3", "memory"]


def test_every_round_measures_the_same_levels_however_much_memory_is_free(brief, monkeypatch):
    free = iter([GIB, 0])
    monkeypatch.setattr(peak, "memory", lambda: SimpleNamespace(available=next(free)))
    found = peak.ceilings(Team(CORES[:1]), CACHES)
    assert [c.name for c in found if c.work is Work.BYTES_READ][-1] == "memory"


def test_impossible_requests_are_errors():
    team = Team(CORES[:1])
    with pytest.raises(InputError, match="2 threads on a team of 1"):
        peak.measure(lib.BNN_PEAK_COUNT, team, 2, MOMENT)
    with pytest.raises(InputError, match="seconds"):
        peak.measure(lib.BNN_PEAK_COUNT, team, 1, 0.0)
    with pytest.raises(InputError, match="4096 bytes"):
        peak.measure(lib.BNN_PEAK_READ, team, 1, MOMENT, isa=ISAS[""], nbytes=1)
