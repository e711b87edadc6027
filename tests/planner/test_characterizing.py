"""Designed layers, what they are measured in, and the command that fits a board's model."""

import contextlib
import itertools
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.interface import Configuration, DeviceError
from bnnplan.models.errors import FileError
from bnnplan.planner.board import BoardError, detect_board
from bnnplan.planner.board_model import BoardModelError, load_board_model
from bnnplan.planner.characterizing import (
    Options,
    characterize,
    fitted,
    launches,
    missing_families,
    products,
    session,
    turns,
)
from bnnplan.planner.characterizing.chains import (
    FIRST_LAYERS,
    LENGTHS,
    MEASURED,
    WRITER,
    chain_of,
    chains,
)
from bnnplan.planner.characterizing.coverage import families_run
from bnnplan.planner.characterizing.designs import (
    DESIGNS,
    MOST_ELEMENTS,
    designed_layers,
    layers_of,
)
from bnnplan.planner.characterizing.launches import launches_of
from bnnplan.planner.characterizing.measuring import OpenChain, probe_on
from bnnplan.planner.characterizing.probes import BITS, NUMBERS, probes_of
from bnnplan.planner.characterizing.samples import Measurements
from bnnplan.planner.characterizing.sequence import halton
from bnnplan.planner.descriptors import family_of
from bnnplan.planner.descriptors.families import COMPUTE
from bnnplan.planner.descriptors.reuse import touched_bytes
from bnnplan.planner.profile import Origin

FILES = Path(__file__).parents[1] / "data" / "files"
LAYERS = list(itertools.islice(designed_layers(), 120))


@pytest.fixture(scope="module")
def cpu_board():
    return detect_board().board.only(["cpu0"])


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_points_fill_every_half_and_quarter_evenly(seed):
    points = list(itertools.islice(halton(6, seed), 256))
    for axis in range(6):
        quarters = Counter(int(4 * point[axis]) for point in points)
        assert set(quarters) == {0, 1, 2, 3}
        assert max(quarters.values()) - min(quarters.values()) <= 24
    assert all(0 <= x < 1 for point in points for x in point)


def test_the_first_points_are_those_of_halton():
    points = list(itertools.islice(halton(2), 3))
    assert [x for point in points for x in point] == pytest.approx(
        [1 / 2, 1 / 3, 1 / 4, 2 / 3, 3 / 4, 1 / 9]
    )


def test_designed_layers_are_the_same_for_a_seed_and_others_for_another():
    again = [bound.signature for bound in itertools.islice(designed_layers(), 40)]
    assert again == [bound.signature for bound in LAYERS[:40]]
    other = [bound.signature for bound in itertools.islice(designed_layers(1), 40)]
    assert not set(again) & set(other)


def test_designed_layers_are_many_of_each_family_in_any_prefix():
    families = Counter(family_of(bound) for bound in LAYERS)
    assert families["binary-conv"] >= 8
    assert len(families) >= len(DESIGNS) - 4
    assert all(sum(t.elements for t in bound.inputs) <= MOST_ELEMENTS for bound in LAYERS)


@pytest.mark.parametrize(
    ("design", "long"),
    [
        (products.binary_dense, 2e6),
        (products.number_dense, 1.5e6),
        (products.float_dense, 5e5),
        (products.binary_depthwise, 4e6),
        (products.float_depthwise, 1.5e6),
    ],
)
def test_of_layers_that_are_often_short_many_are_long(design, long):
    layers = list(itertools.islice(layers_of(design), 40))
    macs = [bound.layer.macs(bound.inputs) * bound.batch for bound in layers]
    assert sum(count > long for count in macs) >= 10
    assert sum(count < long / 4 for count in macs) >= 8


def test_chains_hold_layers_of_one_batch_size():
    for chain in itertools.islice(chains(designed_layers()), 6):
        assert len(chain) in LENGTHS
        assert len({bound.batch for bound in chain}) == 1


def test_chains_touch_from_hardly_anything_to_more_than_caches_hold():
    found = list(itertools.islice(chains(designed_layers()), 50))
    touched = [touched_bytes(chain_of(chain), chain[0].batch) for chain in found]
    assert min(touched) < 1 << 14
    assert max(touched) > 1 << 22
    assert sum(1 << 15 < nbytes < 1 << 20 for nbytes in touched) > 10


def test_a_layer_of_a_chain_stands_behind_a_writer_unless_it_is_a_first_one():
    chain = next(chains(iter(LAYERS)))
    network = chain_of(chain)
    assert [node.name for node in network.nodes if node.name.startswith(MEASURED)] == [
        f"{MEASURED}{number}" for number in range(len(chain))
    ]
    for number, bound in enumerate(chain):
        node = next(node for node in network.nodes if node.name == f"{MEASURED}{number}")
        assert network.bind(node, bound.batch).signature == bound.signature
        before = network.producers.get(node.inputs[0])
        is_first = isinstance(bound.layer, FIRST_LAYERS)
        assert is_first or before is None or before.name == f"{WRITER}{number}"
        assert not (is_first and before)


def test_a_frozen_file_still_reads_back():
    model = load_board_model(FILES / "board-model-1.json")
    assert model.origin is Origin.PREDICTED
    (family,) = model.families
    assert family.family == "binary-conv"
    assert family.nanoseconds["layer"] == 250.5
    assert family.error.samples == 120
    assert model.conditions is not None
    assert model.conditions.complete


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d["families"][0]["nanoseconds"].update(layer=-1.0), "coefficient 'layer'"),
        (
            lambda d: d["families"][0]["nanoseconds"].update({"old term": 1.0}),
            "family 'binary-conv' on .* no layer has a term 'old term'.*make it again",
        ),
        (lambda d: d["families"][0]["weight_bytes"].update({"old term": 1.0}), "'old term'"),
        (lambda d: d["families"][0]["workspace_bytes"].update({"old term": 1.0}), "'old term'"),
        (lambda d: d["families"][0]["nanoseconds"].update({"strips": 1.0}), "term 'strips'"),
        (lambda d: d["families"][0].update(device="lost"), "no device 'lost'"),
        (lambda d: d["families"][0].pop("error"), "error"),
        (lambda d: d.update(origin="measured"), "predicted or modelled"),
        (lambda d: d.update(families=3), "families"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.update(version=99), "newer"),
        (lambda d: d["families"][0]["error"].update(low=2.0), "low up to high"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path, change, fault):
    document = json.loads((FILES / "board-model-1.json").read_text())
    change(document)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match=fault) as caught:
        load_board_model(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_characterize_writes_a_model_that_predicts(bnnplan, net, tmp_path):
    path = tmp_path / "board.json"
    code, out, err = bnnplan(
        "characterize", "-o", path, "--devices", "cpu0", "--budget", "2", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["schema"] == "bnnplan.board-model"
    model = load_board_model(path)
    assert model.origin is Origin.PREDICTED
    assert {family.device for family in model.families} == {"cpu0"}
    assert {family.family for family in model.families} & COMPUTE
    assert {(t.source, t.target) for t in model.transfers} == {("user", "host"), ("host", "user")}
    assert {launch.device for launch in model.launches} == {"cpu0"}
    assert model.conditions.complete


def test_the_table_names_families_errors_and_terms(bnnplan, monkeypatch):
    model = load_board_model(FILES / "board-model-1.json")
    monkeypatch.setattr("bnnplan.planner.characterizing.characterize", lambda *a, **k: model)
    code, out, _ = bnnplan("characterize")
    assert code == 0
    assert "binary-conv" in out
    assert "layer 250 ns" in out
    assert "−10 % +20 %" in out
    assert "off on average: binary-conv on a with avx512 by 30 %; characterize again" in out


def test_ctrl_c_keeps_what_was_measured(monkeypatch, cpu_board):
    measure, calls = OpenChain.time_round, []

    def interrupted(chain, found):
        if calls:
            raise KeyboardInterrupt
        calls.append(chain)
        measure(chain, found)

    monkeypatch.setattr(OpenChain, "time_round", interrupted)
    # Of one chain there are fewer samples of a family than a model is made of otherwise.
    monkeypatch.setattr(fitted, "FEWEST", 1)
    model = characterize(cpu_board, options=Options(budget=60.0))
    assert not model.conditions.complete
    assert model.families


def test_ctrl_c_while_launches_are_measured_keeps_all_layers(monkeypatch, cpu_board):
    measure, calls = OpenChain.time_round, []

    def interrupted(*_arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append("layers")

    def once(chain, found):
        interrupted()
        measure(chain, found)

    monkeypatch.setattr(OpenChain, "time_round", once)
    monkeypatch.setattr(session, "launches_of", interrupted)
    monkeypatch.setattr(fitted, "FEWEST", 1)
    model = characterize(cpu_board, options=Options(budget=60.0))
    assert model.families
    assert model.launches == ()
    assert not model.conditions.complete


def test_what_was_timed_of_a_chain_counts_if_its_round_is_interrupted(monkeypatch, cpu_board):
    run, calls = OpenChain._run, []

    def interrupted(chain, *arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(chain)
        run(chain, *arguments)

    monkeypatch.setattr(OpenChain, "_run", interrupted)
    found = Measurements()
    with pytest.raises(KeyboardInterrupt):
        session.measure_board(cpu_board, Options(budget=60.0), found, lambda share, text: None)
    assert {sample.device for sample in found.samples} == {"cpu0"}
    assert all(sample.ns >= 1 for sample in found.usual())


def test_a_chain_that_fails_is_left_out_once_another_was_timed(monkeypatch, cpu_board):
    taken = []

    def failing(chain, found):
        taken.append(chain)
        if len(taken) in (2, 4):
            raise DeviceError("no room")
        chain.rounds += 1

    monkeypatch.setattr(OpenChain, "time_round", failing)
    monkeypatch.setattr(turns, "MOST_OPEN", 2)
    queue = turns.Queue(cpu_board, "cpu0", 0, Measurements())
    for _ in range(5):
        with contextlib.suppress(DeviceError):
            queue.go_on()
    # The second is dropped at once, and the third in its second round.
    first, second, third, *others = taken
    assert len({id(chain) for chain in (first, second, third)}) == 3
    assert second not in others
    assert queue.has_timed


def test_a_device_that_times_nothing_is_refused_with_its_reason(monkeypatch, cpu_board):
    def failing(chain, found):
        raise DeviceError("no room")

    monkeypatch.setattr(OpenChain, "time_round", failing)
    with pytest.raises(BoardError, match="cpu0: no room"):
        session.measure_board(
            cpu_board, Options(budget=60.0), Measurements(), lambda share, text: None
        )


def test_of_a_small_memory_chains_that_are_open_hold_a_part(monkeypatch, cpu_board):
    taken = []

    def counted(chain, found):
        taken.append(chain)
        chain.rounds += 1

    monkeypatch.setattr(OpenChain, "time_round", counted)
    (device,) = cpu_board.devices
    small = attrs.evolve(device, space=attrs.evolve(device.space, capacity=1 << 10))
    queue = turns.Queue(attrs.evolve(cpu_board, devices=[small]), device.name, 0, Measurements())
    for _ in range(4):
        queue.go_on()
    # Each is done before the next one is made.
    assert [taken.index(chain) for chain in taken] == [0, 0, 0, 3]


def test_an_open_chain_holds_its_layers_and_all_that_is_packed_of_them(cpu_board):
    chain = OpenChain(LAYERS[:1], cpu_board, "cpu0", 0)
    packed = [trial.kernel.weight_bytes for mine in chain.trials.values() for trial in mine]
    arrays = sum(array.nbytes for array in LAYERS[0].layer.arrays().values())
    assert chain.held_bytes >= arrays + sum(packed) > 0


class Only:
    """A backend that runs layers of these kinds."""

    def __init__(self, *kinds):
        self.kinds = kinds

    def supports(self, bound, device):
        return None if bound.layer.kind in self.kinds else "no"


@pytest.mark.parametrize(
    ("kinds", "probes"),
    [(("BinaryConv2d", "FloatConv2d"), BITS), (("FloatConv2d",), NUMBERS)],
)
def test_the_pace_is_told_by_what_a_device_runs(monkeypatch, cpu_board, kinds, probes):
    usable = SimpleNamespace(usable={"cpu": Only(*kinds)})
    monkeypatch.setattr("bnnplan.planner.characterizing.probes.load_backends", lambda: usable)
    assert probes_of(cpu_board, "cpu0") is probes


def test_a_device_that_runs_numbers_alone_is_measured_too():
    pytest.importorskip("onnxruntime")
    board = detect_board(oracles=True).board.only(["onnxruntime0"])
    found = Measurements()
    layers = [next(layers_of(design)) for design in (products.float_conv, products.binary_conv)]
    layers = [attrs.evolve(bound, batch=1) for bound in layers]
    chain = OpenChain(layers, board, "onnxruntime0", 0)
    chain.time_round(found)
    assert {family_of(sample.bound) for sample in chain.samples(found)} == {"float-conv"}


def test_a_device_without_a_probe_is_refused_in_one_line(monkeypatch, cpu_board):
    usable = SimpleNamespace(usable={"cpu": Only("MaxPool2d")})
    monkeypatch.setattr("bnnplan.planner.characterizing.probes.load_backends", lambda: usable)
    with pytest.raises(BoardError, match="leave it out with --devices") as caught:
        characterize(cpu_board, options=Options(budget=60.0))
    assert "\n" not in str(caught.value)
    assert launches_of(cpu_board, Measurements()) == []


@given(st.lists(st.integers(1, 9), min_size=1), st.integers(1, 9))
def test_the_probe_uses_as_many_threads_as_it_can_of_those_that_are_wanted(counts, threads):
    trials = [
        SimpleNamespace(kernel=SimpleNamespace(configuration=Configuration("Z", n))) for n in counts
    ]
    chosen = probe_on(threads, trials).kernel.configuration.threads
    fitting = [count for count in counts if count <= threads]
    assert chosen == (max(fitting) if fitting else min(counts))


def test_launches_are_told_by_threads_each_once(monkeypatch, cpu_board):
    monkeypatch.setattr(launches, "MOST", 5)
    found = launches_of(cpu_board, Measurements())
    counts = [cost.threads for cost in found]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    assert all(cost.ns >= 0 for cost in found)


def test_chains_that_are_open_take_turns_and_none_is_lost(monkeypatch, cpu_board):
    taken, done = [], OpenChain.is_done

    def counted(chain, found):
        taken.append(chain)
        chain.rounds += 1

    monkeypatch.setattr(OpenChain, "time_round", counted)
    monkeypatch.setattr(turns, "MOST_OPEN", 2)
    monkeypatch.setattr(OpenChain, "samples", lambda chain, found: [chain])
    found = Measurements()
    clock = itertools.count()
    monkeypatch.setattr(session.time, "monotonic", lambda: float(next(clock)))
    session.measure_board(cpu_board, Options(budget=60.0), found, lambda share, text: None)
    first, second, *_ = taken
    assert taken[:5] == [first, second, first, second, first]
    assert taken.count(first) == 3
    assert done.fget(first)
    assert found.samples == list(dict.fromkeys(taken))


def test_ctrl_c_before_anything_was_measured_makes_no_model(monkeypatch, cpu_board):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(OpenChain, "time_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        characterize(cpu_board, options=Options(budget=60.0))


def of_families(cpu_board, *families, complete=True):
    """The frozen model as one of this machine that covers these families."""
    model = load_board_model(FILES / "board-model-1.json")
    assert model.conditions is not None
    (one,) = model.families
    device = cpu_board.devices[0].name
    return attrs.evolve(
        model,
        board=cpu_board,
        families=[
            attrs.evolve(one, family=family, device=device, nanoseconds={"layer": 1.0})
            for family in families
        ],
        launches=[],
        conditions=attrs.evolve(model.conditions, complete=complete),
    )


def test_families_that_are_not_in_the_model_are_named(bnnplan, monkeypatch, cpu_board):
    every = sorted(families_run(cpu_board)["cpu0"])
    assert {family_of(bound) for bound in LAYERS} <= {*every}
    whole, part = of_families(cpu_board, *every), of_families(cpu_board, *every[2:])
    assert missing_families(whole) == {}
    assert missing_families(part) == {"cpu0": every[:2]}
    for model, is_named in ((whole, False), (part, True)):
        monkeypatch.setattr(
            "bnnplan.planner.characterizing.characterize", lambda *a, m=model, **k: m
        )
        code, out, _ = bnnplan("characterize")
        assert code == 0
        line = f"on cpu0: {every[0]}, {every[1]}; a larger --budget covers them"
        assert (line in out) == is_named


def test_an_interrupted_model_is_written_if_it_is_of_half_of_the_families(
    bnnplan, monkeypatch, cpu_board, tmp_path
):
    every = sorted(families_run(cpu_board)["cpu0"])
    half = -(-len(every) // 2)
    path = tmp_path / "board.json"

    def interrupted(*families):
        model = of_families(cpu_board, *families, complete=False)
        monkeypatch.setattr("bnnplan.planner.characterizing.characterize", lambda *a, **k: model)
        code, _, err = bnnplan("characterize", "-o", path)
        assert code == 130
        assert len(err.splitlines()) == 1
        return err

    assert "less than half of the families of cpu0" in interrupted(*every[: half - 1])
    assert not path.exists()
    assert "measured by then" in interrupted(*every[:half])
    assert len(load_board_model(path).families) == half
    # Others, and more, but not all that are there.
    assert "stays as it is" in interrupted(*every[1:])
    assert len(load_board_model(path).families) == half
    assert "measured by then" in interrupted(*every[: half + 1])
    assert len(load_board_model(path).families) == half + 1


def test_a_model_of_more_families_is_not_replaced(bnnplan, monkeypatch, cpu_board, tmp_path):
    every = sorted(families_run(cpu_board)["cpu0"])
    path = tmp_path / "board.json"
    for families, is_written in ((every, True), (every[1:], False), (every, True)):
        model = of_families(cpu_board, *families)
        monkeypatch.setattr(
            "bnnplan.planner.characterizing.characterize", lambda *a, m=model, **k: m
        )
        code, _, err = bnnplan("characterize", "-o", path)
        assert code == (0 if is_written else 1)
        assert ("covers more families and stays as it is" in err) != is_written
        assert len(load_board_model(path).families) == len(every)


def test_too_little_time_is_told(cpu_board, monkeypatch):
    monkeypatch.setattr(fitted, "FEWEST", 10**6)
    with pytest.raises(BoardModelError, match="larger --budget"):
        characterize(cpu_board, options=Options(budget=0.2))
