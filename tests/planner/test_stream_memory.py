"""Sets of streams that fit in memory together, where streams share weights."""

import itertools
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.interface import Configuration
from bnnplan.planner.problem import Limit, Measure
from bnnplan.planner.streams.memory import _best, _Held, _Memory
from bnnplan.planner.streams.problems import IN_ALL
from bnnplan.planner.streams.weights import Packed, PackedSize, counted_again

SIZES = {
    Packed("cpu0", f"l{n}", Configuration()): PackedSize(space, nbytes)
    for n, (space, nbytes) in enumerate([("ram", 3), ("ram", 4), ("far", 5), ("far", 1)])
}


def memory_of(limits):
    """Limits of ram, of far memory, and of both together."""
    *spaces, whole = limits
    request = SimpleNamespace(
        capacities=lambda _: dict(zip(("ram", "far"), spaces, strict=True)),
        limits=[Limit(Measure.MEMORY, whole)],
    )
    problems = SimpleNamespace(profile=SimpleNamespace(board=None))
    return _Memory(SimpleNamespace(request=request, problems=problems))


@st.composite
def streams(draw):
    """Of one or two cores, with memory of its own besides its weights."""
    weights = {key: SIZES[key] for key in draw(st.sets(st.sampled_from(list(SIZES))))}
    own = {"ram": draw(st.integers(0, 4)), "far": draw(st.integers(0, 2))}
    for held in weights.values():
        own[held.space] += held.nbytes
    own[IN_ALL] = sum(own.values())
    lineup = SimpleNamespace(takes=(draw(st.integers(1, 2)),))
    stream = SimpleNamespace(lineup=lineup, rate=draw(st.integers(1, 9)))
    allocated = tuple(own[name] for name in ("ram", "far", IN_ALL))
    return _Held(stream, allocated, allocated, weights)


@given(
    st.lists(streams(), min_size=1, max_size=4),
    st.integers(1, 4),
    st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(0, 28)),
)
def test_the_best_set_is_the_fastest_that_fits(offered, cores, limits):
    rates = [0]
    for count in range(1, cores + 1):
        for some in itertools.combinations_with_replacement(offered, count):
            if sum(one.stream.lineup.takes[0] for one in some) > cores:
                continue
            again = counted_again(one.weights for one in some)
            ram, far, both = (sum(one.allocated[n] for one in some) for n in range(3))
            held = (ram - again["ram"], far - again["far"], both - again.total())
            if all(one <= limit for one, limit in zip(held, limits, strict=True)):
                rates.append(sum(one.stream.rate for one in some))
    memory = memory_of(limits)
    found = _best(offered, (cores,), memory)
    assert found.rate == max(rates)
    assert memory.fits(found.allocated)
