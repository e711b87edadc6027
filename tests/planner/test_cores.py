"""Parts of clusters, and what is measured of a cluster offered on them."""

import attrs
import pytest
from clusters import cluster, gpu, made_up
from hypothesis import given
from hypothesis import strategies as st
from networks import chain

from bnnplan.backends.interface import Configuration
from bnnplan.planner.board import Board
from bnnplan.planner.cores import blocks, by_cores, lay_out, named_part, on_devices, part_of
from bnnplan.planner.profile import LaunchCost


@st.composite
def cores_with_sizes(draw):
    """Cores, and sizes of blocks of them whose sum is at most their number."""
    cores = sorted(draw(st.sets(st.integers(0, 80), min_size=1, max_size=24)))
    known = sorted({len(block) for block in blocks(cores)})
    sizes, left = [], len(cores)
    while fitting := [size for size in known if size <= left]:
        size = draw(st.sampled_from([0, *fitting]))
        if not size:
            break
        sizes.append(size)
        left -= size
    return cores, sizes


@given(cores_with_sizes())
def test_blocks_of_any_sizes_that_fit_can_be_laid_out(drawn):
    cores, sizes = drawn
    laid = lay_out(cores, sizes)
    assert [len(one) for one in laid] == sizes
    assert len({core for one in laid for core in one}) == sum(sizes)
    assert set(laid) <= set(blocks(cores))


def test_more_than_there_is_cannot_be_laid_out():
    with pytest.raises(ValueError, match="4 cores are too few"):
        lay_out(range(4), [3, 2])


def test_blocks_are_few_where_cores_are_many():
    assert {len(block) for block in blocks(range(6))} == {1, 2, 3, 4, 6}
    assert len(blocks(range(64))) == 64 + 32 + 21 + 16 + 8 + 4 + 2 + 1
    assert blocks([]) == []


def test_parts_have_names_that_lead_back_to_them():
    whole = cluster("big", 2, 6)
    board = Board("b", (whole, gpu()))
    part = part_of(whole, (2, 3, 7))
    assert (part.name, part.threads) == ("big:2-3,7", 3)
    assert part.resources == {"core:2", "core:3", "core:7"}
    assert named_part(board, "big:2-3,7") == part
    assert part_of(whole, range(2, 8)) is whole
    for wrong in (
        "big:2,3",
        "big:9",
        "big:2-9",
        "big:",
        "big:x",
        "gpu0:0",
        "none:2",
        "big",
        "big:3-2",
    ):
        assert named_part(board, wrong) is None


def test_a_part_draws_its_share():
    watts = attrs.evolve(cluster("big", 0, 4), power_watts=8.0)
    assert part_of(watts, (0, 1)).power_watts == 4.0
    assert part_of(cluster("big", 0, 4), (0, 1)).power_watts is None


def test_everything_is_offered_on_all_parts_that_have_the_cores():
    network = chain()
    profile = made_up(
        network, [cluster("big", 0, 4), gpu()], lambda layer, _, threads: 100 // threads
    )
    profile = attrs.evolve(
        profile, launches=[LaunchCost("big", 2, 70), LaunchCost("big", 4, 90, "gpu0")]
    )
    parts = by_cores(profile)
    names = ["big", *(f"big:{core}" for core in range(4)), "big:0-1", "big:2-3", "big:1-3", "gpu0"]
    assert [device.name for device in parts.board.devices] == names
    for costs in parts.layers.values():
        offered = {(cost.device, cost.configuration.threads) for cost in costs.placements}
        assert {(device, count) for device, count in offered if device == "big:1-3"} == {
            ("big:1-3", 1),
            ("big:1-3", 2),
            ("big:1-3", 3),
        }
        assert all(
            cost.time.median == 100 // cost.configuration.threads for cost in costs.placements
        )
        assert ("gpu0", 1) in offered
    assert parts.launch("big:2-3", 2) == 70
    assert parts.launch("big:2-3", 4, "gpu0") == 90
    assert parts.transfers == profile.transfers


def test_what_ran_before_may_be_a_part_as_well():
    profile = made_up(chain(), [cluster("big", 0, 2), gpu()], lambda *_: 5)
    seen = attrs.evolve(
        profile, launches=[LaunchCost("gpu0", 1, 10), LaunchCost("gpu0", 1, 20, "big")]
    )
    parts = by_cores(seen)
    assert parts.launch("gpu0", 1, "big:1") == parts.launch("gpu0", 1, "big") == 20
    assert parts.launch("gpu0", 1, "user") == 10


def test_a_profile_on_some_devices_has_only_those():
    whole = cluster("big", 0, 4)
    profile = made_up(chain(), [whole, gpu()], lambda *_: 5)
    few = on_devices(profile, [part_of(whole, (1, 2))])
    assert [device.name for device in few.board.devices] == ["big:1-2"]
    used = {cost.device for costs in few.layers.values() for cost in costs.placements}
    threads = {c.configuration for costs in few.layers.values() for c in costs.placements}
    assert used == {"big:1-2"}
    assert threads == {Configuration("", 1), Configuration("Y", 2)}
