"""``bnnplan predict`` and ``solve --board-model``: from a board model made by hand."""

import json
import re

import attrs
import pytest
from made_up import made_up_profile
from made_up_models import made_up_model
from networks import chain

from bnnplan.models.lowering import lower
from bnnplan.planner.board_model import save_board_model
from bnnplan.planner.cli.profile import print_profile
from bnnplan.planner.profile import LayerCosts, Origin, Time, load_profile, save_profile
from bnnplan.planner.profiling import Options, profile_network

NETWORK = lower(chain())


@pytest.fixture(scope="module")
def elsewhere(two_references):
    """A board that is not this machine: its devices have properties that none has here."""
    devices = [attrs.evolve(d, properties={"clock": "1 Hz"}) for d in two_references.devices]
    return attrs.evolve(two_references, name="far-board", devices=devices)


@pytest.fixture
def model_file(elsewhere, tmp_path):
    path = tmp_path / "model.json"
    save_board_model(made_up_model(NETWORK, elsewhere), path)
    return path


@pytest.fixture
def here_file(reference_board, tmp_path):
    path = tmp_path / "here.json"
    save_board_model(made_up_model(NETWORK, reference_board), path)
    return path


def test_predict_prints_layers_and_the_whole_on_each_device(bnnplan, net, model_file, tmp_path):
    output = tmp_path / "profile.json"
    code, out, err = bnnplan("predict", net, "--board-model", model_file, "-o", output)
    assert (code, err) == (0, "")
    for node in NETWORK.nodes:
        assert node.name in out
    assert "~1.00 µs predicted" in out
    assert "−10 % +20 %" in out
    layers = len(NETWORK.nodes)
    # Layers, one launch, and the user's transfers to and from.
    assert f"all on a: ~{layers + 0.1 + 0.02:.2f} µs" in out
    assert f"placements: {2 * layers} predicted; by the board model of far-board" in out
    found = load_profile(output)
    found.require(NETWORK, 1)
    assert {c.origin for one in found.layers.values() for c in one.placements} == {Origin.PREDICTED}


def test_a_prediction_that_is_interrupted_leaves_no_file(
    bnnplan, net, model_file, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bnnplan.planner.estimates.device_estimates", interrupted)
    output = tmp_path / "profile.json"
    code, _, _ = bnnplan("predict", net, "--board-model", model_file, "-o", output)
    assert code == 130
    assert not output.exists()


def test_predict_names_all_families_that_a_device_lacks(bnnplan, net, elsewhere, tmp_path):
    model = made_up_model(NETWORK, elsewhere)
    gone = sorted({one.family for one in model.families if one.device == "b"})[:2]
    kept = [one for one in model.families if one.device != "b" or one.family not in gone]
    save_board_model(attrs.evolve(model, families=kept), tmp_path / "model.json")
    code, out, err = bnnplan("predict", net, "--board-model", tmp_path / "model.json")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if line.startswith("all on b: ")]
    assert "nothing there of layers of families " in line
    assert all(family in line for family in gone)
    assert line.count("the board model") == 1


def test_predict_takes_a_batch_and_gives_json(bnnplan, net, model_file):
    code, out, err = bnnplan("predict", net, "--board-model", model_file, "--batch", 4, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["schema"], document["batch"]) == ("bnnplan.profile", 4)


def test_a_plan_from_a_model_says_that_it_is_predicted(bnnplan, net, model_file, tmp_path):
    output = tmp_path / "plan.json"
    code, out, err = bnnplan("solve", net, "--board-model", model_file, "-o", output)
    assert code == 0, err
    assert "~1.00 µs predicted" in out
    assert f"costs of layers: {len(NETWORK.nodes)} predicted; by the board model of far" in out
    assert "(95 %), if layers of one kind are off the same way" in out
    plan = json.loads(output.read_text())
    assert {row["origin"] for row in plan["layers"]} == {"predicted"}
    assert plan["measured"] is None
    low, high = plan["predicted"]["interval"]
    assert low < plan["predicted"]["alone_ns"] < high
    code, out, err = bnnplan("explain", output, "--network", net)
    assert code == 0, err
    assert "costs of layers" in out
    code, out, err = bnnplan("explain", output, "second", "--network", net)
    assert "~1.00 µs predicted" in out
    code, out, err = bnnplan("diff", output, output)
    assert f"costs of layers: first {len(NETWORK.nodes)} predicted" in out


def test_modelled_costs_are_called_so(bnnplan, net, elsewhere, tmp_path):
    path = tmp_path / "modelled.json"
    save_board_model(made_up_model(NETWORK, elsewhere, origin=Origin.MODELLED), path)
    for command in ("predict", "solve"):
        code, out, err = bnnplan(command, net, "--board-model", path)
        assert code == 0, err
        assert "~1.00 µs modelled" in out
        assert "made from published figures" in out
        assert "by the margins of the model" in out
        assert "95 %" not in out
        assert " predicted by" not in out


def test_confidence_plans_with_the_bounds(bnnplan, net, model_file):
    def planned(*more):
        code, out, err = bnnplan("solve", net, "--board-model", model_file, "--json", *more)
        assert code == 0, err
        return json.loads(out)

    sure, likely = planned("--confidence", "0.975"), planned()
    assert {row["predicted_ns"] for row in sure["layers"]} == {1200}
    assert {row["predicted_ns"] for row in likely["layers"]} == {1000}
    assert sure["predicted"]["interval"] is None


def test_measured_layers_stay_and_others_are_filled_in(
    bnnplan, net, reference_board, here_file, tmp_path
):
    measured = profile_network(NETWORK, reference_board, options=Options(tolerance=0.5, budget=0.5))
    layers = {name: costs for name, costs in measured.layers.items() if name != "second"}
    part = tmp_path / "part.json"
    save_profile(attrs.evolve(measured, layers=layers), part)
    code, _, err = bnnplan("solve", net, "--profile", part)
    assert code == 1
    assert "no layer 'second'" in err
    code, out, err = bnnplan("solve", net, "--profile", part, "--board-model", here_file)
    assert code == 0, err
    others = len(NETWORK.nodes) - 1
    assert f"costs of layers: {others} measured, 1 predicted" in out
    assert out.count("~1.00 µs predicted") == 1


def test_a_plan_of_the_board_here_runs_if_asked(bnnplan, net, here_file, model_file):
    code, out, err = bnnplan("solve", net, "--board-model", here_file, "--json")
    assert code == 0, err
    assert json.loads(out)["measured"] is None
    code, out, err = bnnplan(
        *("solve", net, "--board-model", here_file, "--run", "--budget", "0.5", "--json")
    )
    assert code == 0, err
    assert json.loads(out)["measured"]["end_to_end"]["median"] > 0
    code, out, err = bnnplan(
        *("solve", net, "--board-model", here_file, "--run", "--budget", "0.5")
    )
    assert code == 0, err
    # Four layers, a launch and two transfers, however the costs were corrected since.
    told = re.search(r"the board model alone predicted (\S+ µs) of this plan, measured ", out)
    assert told is not None, out
    assert told[1] == "4.12 µs"
    code, _, err = bnnplan("solve", net, "--board-model", model_file, "--run")
    assert code == 1
    assert "is not of this machine" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "more", "fault"),
    [
        ("predict", [], "--board-model is missing"),
        ("solve", ["--board-model", "MODEL", "--board", "x.json"], "leave out --board"),
        ("solve", ["--board-model", "MODEL", "--devices", "a"], "leave out --devices"),
        ("solve", ["--board-model", "MODEL", "--fresh"], "leave out --fresh"),
        ("solve", ["--board-model", "MODEL", "--eliminate"], "leave out --eliminate"),
        ("solve", ["--board-model", "MODEL", "--tolerance", "0.1"], "--run with --board-model"),
        ("solve", ["--profile", "p.json", "--eliminate"], "leave out --eliminate"),
        ("profile", ["--board-model", "MODEL"], "add --eliminate"),
        ("predict", ["--board-model", "MODEL", "-o", "MODEL"], "would be overwritten"),
        ("solve", ["--board-model", "MODEL", "-o", "MODEL"], "would be overwritten"),
    ],
)
def test_contradictions_are_refused_in_one_line(bnnplan, net, model_file, command, more, fault):
    named = [model_file if part == "MODEL" else part for part in more]
    code, out, err = bnnplan(command, net, *named)
    assert (code, out) == (2, "")
    assert fault in err
    assert len(err.splitlines()) == 1


def broken(document, change):
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (lambda _: "{", "not valid JSON"),
        (lambda d: broken(d, lambda c: c.update(schema="bnnplan.board")), "field schema"),
        (lambda d: broken(d, lambda c: c.update(version=99)), "newer bnnplan"),
        (lambda d: broken(d, lambda c: c.update(surprise=1)), "surprise"),
        (lambda d: broken(d, lambda c: c.update(origin="measured")), "predicted or modelled"),
        (lambda d: broken(d, lambda c: c.pop("families")), "families"),
        (
            lambda d: broken(d, lambda c: c["families"][0].update(nanoseconds={"layer": -1})),
            "coefficient 'layer'",
        ),
        (lambda d: broken(d, lambda c: c["families"][0].update(device="c")), "no device 'c'"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "solve"])
def test_wrong_model_files_are_named_in_one_line(
    bnnplan, net, model_file, tmp_path, command, text, fault
):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text(json.loads(model_file.read_text())))
    code, out, err = bnnplan(command, net, "--board-model", wrong)
    assert (code, out) == (1, "")
    assert "wrong.json" in err
    assert fault in err
    assert len(err.splitlines()) == 1


def test_a_network_that_the_model_does_not_cover_is_one_error(bnnplan, elsewhere, net, tmp_path):
    path = tmp_path / "little.json"
    save_board_model(made_up_model(NETWORK, elsewhere, without=["reshape"]), path)
    code, out, err = bnnplan("predict", net, "--board-model", path)
    assert (code, out) == (1, "")
    assert "nothing predicts layer 'flat'" in err
    assert "with a larger --budget covers all" in err
    assert len(err.splitlines()) == 1


def test_profile_with_a_model_of_another_board_is_refused(bnnplan, net, model_file):
    code, _, err = bnnplan("profile", net, "--eliminate", "--board-model", model_file)
    assert code == 1
    assert "knows no device of this board" in err


def test_rows_of_few_runs_show_no_interval(reference_board, capsys):
    made_up = made_up_profile(reference_board, NETWORK)
    few, many = (
        Time(1000, 990, 1010, 1015, runs=runs, stable=stable)
        for runs, stable in ((5, False), (6, True))
    )

    def printed(time):
        layers = {
            name: LayerCosts([attrs.evolve(cost, time=time) for cost in costs.placements])
            for name, costs in made_up.layers.items()
        }
        print_profile(attrs.evolve(made_up, layers=layers), NETWORK, verbose=False)
        return capsys.readouterr().out

    out = printed(few)
    assert "1.00 µs*" in out
    assert not {"990 ns", "1.01 µs", "1.02 µs"} & {cell.strip() for cell in re.split(r"  +", out)}
    assert "more than 50 % of the median, or there is none yet (–), of fewer than 6 runs" in out
    out = printed(many)
    assert "990 ns" in out
    assert "not stable" not in out
    out = printed(attrs.evolve(many, stable=False))
    assert "990 ns" in out
    assert "more than 50 % of the median\n" in out


def test_elimination_says_what_it_left_out(bnnplan, net, tmp_path):
    output = tmp_path / "profile.json"
    code, out, err = bnnplan(
        *("profile", net, "--devices", "cpu0", "--eliminate", "--budget", "1", "-o", output)
    )
    assert code == 0, err
    assert "placements measured to the end" in out
    assert "at a rough estimate" in out
    assert "risk that one of them was better" in out
    assert load_profile(output).conditions.elimination is not None
    code, out, err = bnnplan(
        *("solve", net, "--devices", "cpu0", "--eliminate", "--budget", "1", "--no-run")
    )
    assert code == 0, err
    assert "placements measured to the end" in err


def test_what_cannot_be_told_is_not_printed_as_a_figure(capsys, reference_board):
    made_up = made_up_profile(reference_board, NETWORK)
    launch = attrs.evolve(made_up.launches[0], ns=0)
    move = made_up.transfers[0]
    rough = [attrs.evolve(move, residual=0.271), attrs.evolve(move, residual=0.05)]
    shown = attrs.evolve(made_up, launches=[launch], transfers=rough)
    print_profile(shown, NETWORK, verbose=False)
    out = capsys.readouterr().out
    assert ": < 0.1 µs" in out
    assert ": 0 ns" not in out
    assert "(rough: some sizes are 27.1 % off)" in out
    assert "(fit within 5 %)" in out
