import csv
import itertools
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnplan.planner import arena
from bnnplan.planner.arena import ArenaError, Blocks, Layout, Life, blocks_of, lay_out
from bnnplan.planner.arena_parts import find_offsets
from bnnplan.planner.arena_sections import bits, cover
from bnnplan.planner.arena_skyline import Outcome
from bnnplan.planner.cpsat_offsets import offsets_by_cpsat

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


def lowest(sizes, clashes):
    """The least total of all placements: of the blocks one after the other, each as low as it can.

    The order of a best placement's offsets is one of those tried.
    """
    totals = []
    for order in itertools.permutations(range(len(sizes))):
        offsets = {}
        for block in order:
            offset = 0
            below = [other for other in offsets if clashes[block] >> other & 1]
            for other in sorted(below, key=offsets.get):
                if offsets[other] < offset + sizes[block]:
                    offset = max(offset, offsets[other] + sizes[other])
            offsets[block] = offset
        totals.append(max(offsets[block] + sizes[block] for block in order))
    return min(totals)


GRAPHS = st.lists(st.integers(1, 9), min_size=1, max_size=6).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes),
        st.lists(st.booleans(), min_size=len(sizes) ** 2, max_size=len(sizes) ** 2),
    )
)


def clashes_of(sizes, edges):
    clashes = [0] * len(sizes)
    for one, two in itertools.combinations(range(len(sizes)), 2):
        if edges[one * len(sizes) + two]:
            clashes[one] |= 1 << two
            clashes[two] |= 1 << one
    return clashes


@given(GRAPHS)
@settings(max_examples=150, deadline=None)
def test_the_search_finds_offsets_if_and_only_if_there_are_any(graph):
    sizes, edges = graph
    clashes = clashes_of(sizes, edges)
    sections = cover(clashes)
    least = lowest(sizes, clashes)
    outcome, offsets = find_offsets(sizes, sections, least, steps=10_000)
    assert outcome is Outcome.FOUND
    found = Layout(tuple(offsets), least, 0)
    assert_apart(Blocks(tuple(sizes), tuple(clashes), 0), found, 1)
    assert find_offsets(sizes, sections, least - 1, steps=10_000)[0] is Outcome.NONE


@given(GRAPHS)
def test_sections_clash_within_and_cover_all_clashes(graph):
    sizes, edges = graph
    clashes = clashes_of(sizes, edges)
    sections = cover(clashes)
    covered = [0] * len(sizes)
    for section in sections:
        for block in bits(section):
            assert section & ~clashes[block] == 1 << block
            covered[block] |= section
    assert covered == [mask | 1 << block for block, mask in enumerate(clashes)]
    assert not any(
        one & ~two == 0 for one, two in itertools.permutations(sections, 2) if one != two
    )


@given(LIVES)
def test_sections_of_intervals_are_what_is_alive_when_something_dies(lives):
    blocks = blocks_of(lives)
    assert set(blocks.sections) == set(cover(blocks.clashes))
    sums = [sum(blocks.sizes[block] for block in bits(one)) for one in blocks.sections]
    assert max(sums, default=0) == blocks.bound


def test_what_clashes_with_everything_lies_lowest_and_the_rest_apart():
    # A block under two pairs that never meet: each pair fits by itself.
    lives = [Life(64, 0, 9), Life(64, 0, 3), Life(128, 0, 3), Life(128, 5, 9), Life(64, 5, 9)]
    blocks = blocks_of(lives)
    outcome, offsets = find_offsets(blocks.sizes, blocks.sections, 256, steps=0)
    assert outcome is Outcome.FOUND
    assert_apart(blocks, Layout(tuple(offsets), 256, 0), 64)
    assert offsets[0] == 0


def packed(seed, count=40, capacity=64):
    """A rectangle of time and memory, cut into blocks that fill it without a gap."""
    chance = random.Random(seed)
    cuts = [(0, 100, capacity)]
    while len(cuts) < count:
        first, last, size = cuts.pop(chance.randrange(len(cuts)))
        if size > 1 and (last - first < 8 or chance.random() < 0.5):
            part = chance.randint(1, size - 1)
            cuts += [(first, last, part), (first, last, size - part)]
        elif last - first >= 2:
            middle = chance.randint(first + 1, last - 1)
            cuts += [(first, middle, size), (middle, last, size)]
        else:
            cuts.append((first, last, size))
    return [Life(64 * size, first, last - 1) for first, last, size in cuts]


@pytest.mark.parametrize("seed", range(6))
def test_a_capacity_that_leaves_no_gap_is_reached(seed):
    blocks = blocks_of(packed(seed))
    layout = lay_out(blocks, 64, 64 * 64)
    assert_apart(blocks, layout, 64)
    assert layout.total == blocks.bound == 64 * 64


def test_a_capacity_out_of_reach_gives_what_is_given_without_one():
    blocks = blocks_of(packed(1))
    assert lay_out(blocks, 64, blocks.bound - 64) == lay_out(blocks, 64)
    # Each needs a multiple of the alignment, and no placement of all has less between them.
    small = blocks_of([Life(1, 0, 1), Life(1, 1, 2), Life(1, 1, 1)])
    assert lay_out(small, 64, 128) == lay_out(small, 64)
    assert lay_out(small, 64, 128).total == 129


@given(GRAPHS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_cpsat_finds_offsets_if_and_only_if_there_are_any(graph, as_intervals):
    sizes, edges = graph
    clashes = clashes_of(sizes, edges)
    sections = cover(clashes)
    if as_intervals:
        blocks = blocks_of([Life(s, 3 * e, 3 * e + s) for s, e in zip(sizes, edges, strict=False)])
        clashes, sections = blocks.clashes, blocks.sections
    least = lowest(sizes, clashes)
    offsets = offsets_by_cpsat(sizes, sections, least)
    assert offsets is not None
    assert_apart(Blocks(tuple(sizes), tuple(clashes), 0), Layout(tuple(offsets), least, 0), 1)
    assert offsets_by_cpsat(sizes, sections, least - 1) is None


def test_cpsat_follows_where_the_search_gives_up(monkeypatch):
    monkeypatch.setattr(arena, "STEPS", 1)
    monkeypatch.setattr(arena, "SHORT_STEPS", 1)
    # The heuristics have to miss it, too.
    monkeypatch.setattr(arena, "fitted", lambda sizes, *_: [*itertools.accumulate(sizes)])
    blocks = blocks_of(packed(2, count=12))
    arena.lay_out.cache_clear()
    assert lay_out(blocks).total > blocks.bound
    layout = lay_out(blocks, 64, blocks.bound)
    arena.lay_out.cache_clear()
    assert_apart(blocks, layout, 64)
    assert layout.total == blocks.bound


@pytest.mark.skipif(not MINIMALLOC.exists(), reason=f"no {MINIMALLOC}; set BNNPLAN_DATA")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in "BC" else pytest.mark.slow) for n in "ABCDE"]
)
def test_instances_of_minimalloc_fit_at_their_capacity(name):
    with (MINIMALLOC / f"{name}.1048576.csv").open() as file:
        lives = [
            Life(int(row["size"]), int(row["lower"]), int(row["upper"]) - 1)
            for row in csv.DictReader(file)
        ]
    blocks = blocks_of(lives)
    layout = lay_out(blocks, 64, 2**20)
    assert_apart(blocks, layout, 64)
    assert layout.total <= 2**20
