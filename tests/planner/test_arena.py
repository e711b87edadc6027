import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.planner.arena import ArenaError, Blocks, Life, blocks_of, lay_out

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
MINIMALLOC = DATA / "planner" / "minimalloc"

LIVES = st.lists(
    st.builds(
        lambda size, first, length: Life(size, first, first + length),
        st.integers(0, 300),
        st.integers(0, 12),
        st.integers(0, 6),
    ),
    max_size=16,
)


def alive(lives, step):
    return [life for life in lives if life.first <= step <= life.last]


def assert_apart(blocks, layout, alignment):
    """No two blocks that clash share a byte, all are aligned, and the arena holds all."""
    places = list(zip(layout.offsets, blocks.sizes, blocks.clashes, strict=True))
    for index, (offset, size, mask) in enumerate(places):
        assert offset >= 0
        assert offset % alignment == 0
        assert offset + size <= layout.total
        for other, (start, length, _) in enumerate(places):
            if mask >> other & 1 and size and length:
                assert other != index
                assert offset + size <= start or start + length <= offset


@given(LIVES, st.sampled_from([1, 64, 128]))
def test_blocks_that_live_together_lie_apart(lives, alignment):
    blocks = blocks_of(lives)
    layout = lay_out(blocks, alignment)
    assert_apart(blocks, layout, alignment)
    assert layout.total >= layout.bound == blocks.bound
    assert layout == lay_out(blocks, alignment)


@given(LIVES)
def test_the_bound_is_the_most_that_is_alive_at_once(lives):
    blocks = blocks_of(lives)
    steps = range(20)
    assert blocks.bound == max(sum(life.size for life in alive(lives, step)) for step in steps)
    for one, mask in enumerate(blocks.clashes):
        for two in range(len(lives)):
            meet = any(
                {one, two} <= {i for i, x in enumerate(lives) if x in alive(lives, s)}
                for s in steps
            )
            assert (mask >> two & 1) == (one != two and meet)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 200), min_size=1, max_size=10))
def test_any_clashes_are_kept_apart(seed, sizes):
    clashes = [0] * len(sizes)
    for one in range(len(sizes)):
        for two in range(one):
            if seed >> (3 * one + two) % 32 & 1:
                clashes[one] |= 1 << two
                clashes[two] |= 1 << one
    blocks = Blocks(tuple(sizes), tuple(clashes), max(sizes))
    assert_apart(blocks, lay_out(blocks), 64)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=12))
def test_a_chain_needs_no_more_than_its_largest_neighbours(sizes):
    aligned = [64 * size for size in sizes]
    lives = [Life(size, step, step + 1) for step, size in enumerate(aligned)]
    layout = lay_out(blocks_of(lives))
    assert layout.total == layout.bound


def test_nothing_needs_no_memory():
    assert lay_out(blocks_of([])).total == 0


def test_a_life_that_ends_before_it_begins_is_refused():
    with pytest.raises(ArenaError, match="from 3 to 2"):
        Life(1, 3, 2)
    with pytest.raises(ArenaError, match="-1 bytes"):
        Life(-1, 0, 0)


@pytest.mark.slow
@pytest.mark.skipif(not MINIMALLOC.exists(), reason=f"no {MINIMALLOC}; set BNNPLAN_DATA")
@pytest.mark.parametrize("name", "ABCDE")
def test_hard_instances_are_placed_apart(name, record_property):
    rows = csv.DictReader((MINIMALLOC / f"{name}.1048576.csv").open())
    lives = [Life(int(r["size"]), int(r["lower"]), int(r["upper"]) - 1) for r in rows]
    blocks = blocks_of(lives)
    layout = lay_out(blocks)
    assert_apart(blocks, layout, 64)
    record_property("arena by bound", layout.total / layout.bound)
    # All of them are known to fit 1 MiB; the heuristics come within a quarter of it.
    assert layout.total <= 1.25 * 2**20
