"""``bnnplan solve``: what is asked of a plan, right and wrong, from the profile of two devices."""

import datetime
import itertools
import json

import attrs
import pytest
from made_up import made_up_profile
from networks import chain

from bnnplan.models.lowering import lower
from bnnplan.planner.cli.solve_profiles import cache_text
from bnnplan.planner.profile import save_profile

LAYERS = ["first", "second", "flat", "dense"]


@pytest.fixture(scope="module")
def profiles(two_references):
    """For batches of 1 and 4, on devices ``a`` (2 W) and ``b`` (0.5 W)."""
    devices = [
        attrs.evolve(device, power_watts=watts)
        for device, watts in zip(two_references.devices, (2.0, 0.5), strict=True)
    ]
    board = attrs.evolve(two_references, devices=devices)
    network = lower(chain())
    return {batch: made_up_profile(board, network, batch) for batch in (1, 4)}


@pytest.fixture
def solve(bnnplan, net, profiles, tmp_path):
    """Solve with the profile of a batch of 1; gives exit code, standard output and error."""
    path = tmp_path / "profile.json"
    save_profile(profiles[1], path)

    def run(*arguments, files=(path,)):
        named = [part for file in files for part in ("--profile", file)]
        return bnnplan("solve", net, *named, *arguments)

    return run


def plan_of(solve, *arguments, **more):
    code, out, err = solve(*arguments, "--json", **more)
    assert code == 0, err
    return json.loads(out)


def devices_of(plan):
    return {row["name"]: row["device"] for row in plan["layers"]}


def proof_of(plan):
    return {one["measure"]: (one["value"], one["bound"]) for one in plan["proof"]["objectives"]}


def test_throughput_is_a_pipeline_with_stages(solve):
    plan = plan_of(solve, "--objective", "throughput,latency")
    assert plan["request"]["objectives"] == ["period", "latency"]
    assert plan["proof"]["status"] == "optimal"
    period, latency = plan["predicted"]["period_ns"], plan["predicted"]["latency_ns"]
    assert proof_of(plan) == {"period": (period, period), "latency": (latency, latency)}
    stages = {row["stage"] for row in plan["layers"]}
    predicted = plan["predicted"]
    first = predicted["first_period_ns"] or period
    assert (predicted["first_latency_ns"] or latency) == first * (max(stages) + 1)
    assert plan["predicted"]["alone_ns"] <= latency
    best = plan_of(solve)["predicted"]
    assert period <= best["latency_ns"]
    assert best["period_ns"] is None
    _, out, _ = solve("--objective", "throughput")
    assert "asked for: least period" in out
    assert "a batch every" in out
    assert "stage 0: " in out


def test_several_objectives_are_solved_in_their_order(solve):
    least = plan_of(solve, "--objective", "energy")["predicted"]["energy_nj"]
    plan = plan_of(solve, "--objective", "energy", "--objective", "latency")
    assert plan["request"]["objectives"] == ["energy", "latency"]
    assert plan["predicted"]["energy_nj"] == least
    assert "then latency" in solve("--objective", "energy,latency")[1]


def test_energy_is_weighed_against_a_deadline(solve):
    fast = plan_of(solve)["predicted"]
    thrifty = plan_of(solve, "--objective", "energy")["predicted"]
    assert thrifty["energy_nj"] <= fast["energy_nj"]
    deadline = f"{fast['latency_ns']}ns"
    met = plan_of(solve, "--objective", "energy", "--deadline", deadline)["predicted"]
    assert met["latency_ns"] == fast["latency_ns"]
    most = f"{thrifty['energy_nj']}nJ"
    spared = plan_of(solve, "--max-energy", most)["predicted"]
    assert spared["energy_nj"] == thrifty["energy_nj"]
    assert "energy of the layers: " in solve()[1]


def test_memory_is_an_objective_and_a_limit(solve):
    plan = plan_of(solve, "--objective", "memory")
    assert proof_of(plan)["memory"][0] == plan["predicted"]["memory_bytes"]
    limit = ("--max-memory", "host=64KiB")
    kept = plan_of(solve, *limit)
    assert kept["request"]["memory"] == {"host": 2**16}
    assert all(row["predicted_bytes"] <= 2**16 for row in kept["memory"])
    assert "memory of host up to 64.0 KiB" in solve(*limit)[1]
    code, _, err = solve("--max-memory", "host=10", "--max-memory", "far=10")
    assert code == 3
    assert "no plan exists for 'chain'" in err
    assert err.count("\n") == 1


def test_pins_forbidden_devices_and_colocation_are_kept(solve):
    plan = plan_of(solve, "--pin", "first=a", "--pin", "second=b", "--forbid", "d*=b")
    placed = devices_of(plan)
    assert (placed["first"], placed["second"], placed["dense"]) == ("a", "b", "a")
    plan = plan_of(solve, "--pin", "first=a", "--colocate", "first,dense")
    assert devices_of(plan)["dense"] == "a"
    assert plan["request"]["colocated"] == [["first", "dense"]]
    _, out, _ = solve("--pin", "first=a", "--forbid", "flat=b", "--colocate", "first,dense")
    assert "first on a; flat not on b; first, dense on one device" in out


def test_switches_and_parts_are_limited(solve):
    ends = ("--pin", "first=a", "--pin", "dense=b")
    placed = devices_of(plan_of(solve, *ends, "--max-switches", "1"))
    changes = sum(placed[one] != placed[other] for one, other in itertools.pairwise(LAYERS))
    assert changes == 1
    code, _, err = solve(*ends, "--max-switches", "0")
    assert code == 3
    assert "switch" in err
    middle = ("--pin", "first=a", "--pin", "second=b", "--pin", "dense=a")
    assert solve(*middle)[0] == 0
    assert solve(*middle, "--contiguous")[0] == 3


def test_a_deadline_that_cannot_be_met_is_infeasible(solve):
    code, _, err = solve("--deadline", "1ns")
    assert code == 3
    assert err.startswith("bnnplan: no plan exists for 'chain': ")
    assert err.count("\n") == 1


def test_confidence_predicts_no_less(solve):
    median, bound = (
        plan_of(solve, *wish)["predicted"]["latency_ns"] for wish in ((), ("--confidence", "0.99"))
    )
    assert bound >= median
    assert "layer times at 0.99 confidence" in solve("--confidence", "0.99")[1]


def test_the_best_batch_is_chosen_by_image(solve, profiles, tmp_path):
    files = [tmp_path / f"profile-{batch}.json" for batch in profiles]
    for file, profile in zip(files, profiles.values(), strict=True):
        save_profile(profile, file)
    alone = {
        batch: plan_of(solve, files=[file])["predicted"]["latency_ns"]
        for batch, file in zip(profiles, files, strict=True)
    }
    plan = plan_of(solve, files=files)
    best = min(alone, key=lambda batch: alone[batch] / batch)
    assert plan["batch"] == best
    assert {row["batch"]: row["objectives"][0]["value"] for row in plan["batches"]} == alone
    assert plan["proof"]["status"] == "optimal"
    assert plan_of(solve, "--batch", "4,1", files=files)["batch"] == best
    _, out, _ = solve(files=files)
    assert "by image" in out
    # A deadline is for the whole batch.
    tight = plan_of(solve, "--deadline", f"{alone[1]}ns", files=files)
    assert tight["batch"] == (1 if alone[1] < alone[4] else best)
    code, _, err = solve("--batch", "2", files=files)
    assert code == 2
    assert "--batch 2: the profiles are for batches of 1, 4" in err


def test_batches_are_profiled_one_by_one(bnnplan, net, tmp_path):
    plan = tmp_path / "plan.json"
    quick = ("--devices", "cpu0", "--budget", "1", "--no-run")
    code, _, err = bnnplan("solve", net, "--batch", "1,2", *quick, "-o", plan)
    assert code == 0, err
    document = json.loads(plan.read_text())
    assert [row["batch"] for row in document["batches"]] == [1, 2]


def test_a_pipeline_is_run_as_one(bnnplan, net):
    quick = ("--devices", "cpu0", "--budget", "2")
    code, out, err = bnnplan("solve", net, "--objective", "throughput", *quick)
    assert code == 0, err
    assert "measured: a batch every" in out


def test_a_dry_run_tells_the_size(solve):
    code, out, err = solve("--dry-run", "--objective", "throughput", "--max-switches", "2")
    assert code == 0, err
    assert "structure: a chain; asks for a limit on switches, a pipeline (throughput)" in out
    size = plan_of(solve, "--dry-run")
    assert (size["schema"], size["tasks"], size["edges"]) == ("bnnplan.size", 6, 5)
    assert size["options"] >= size["kept"] >= size["tasks"]
    assert size["method"] == "auto"
    assert size["tried"] == ["dynamic-programming", "cpsat"]
    assert "dynamic-programming" in size["able"]


def test_a_front_leads_from_one_objective_to_the_other(solve, tmp_path):
    file = tmp_path / "front.json"
    code, out, err = solve("--pareto", "latency,energy", "-o", file)
    assert code == 0, err
    assert f"front written to {file}" in out
    front = json.loads(file.read_text())
    assert (front["schema"], front["complete"]) == ("bnnplan.front", True)
    values = [point["values"] for point in front["points"]]
    assert values == sorted(values)
    assert [energy for _, energy in values] == sorted((e for _, e in values), reverse=True)
    assert values[0][0] == plan_of(solve)["predicted"]["latency_ns"]
    assert values[-1][1] == plan_of(solve, "--objective", "energy")["predicted"]["energy_nj"]
    assert set(front["points"][0]["placements"]) == set(LAYERS)
    assert f"exact: {len(values)} point" in out
    coarse = plan_of(solve, "--pareto", "latency,energy", "--epsilon", "0.9")
    assert (coarse["schema"], coarse["epsilon"]) == ("bnnplan.front", 0.9)
    assert 1 <= len(coarse["points"]) <= len(values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--objective", "speed"), "--objective speed: there is no objective 'speed'; there are"),
        (("--objective", "latncy"), "no objective 'latncy'; did you mean 'latency'?"),
        (("--objective", "latency,"), "--objective latency,: a name is missing"),
        (("--objective", "throughput,throughput"), "--objective: throughput is given twice"),
        (("--deadline", "5"), "--deadline 5: must be a number with one of the units ns, us, ms, s"),
        (("--deadline", "5mJ"), "--deadline 5mJ: must be a number"),
        (("--max-energy", "-3mJ"), "--max-energy -3mJ: must be a number"),
        (("--max-memory", "host"), "--max-memory host: must be SPACE=SIZE"),
        (("--max-memory", "host=5X"), "--max-memory 5X: must be a number with one of the units"),
        (("--max-memory", "hots=5B"), "there is no memory space 'hots'; did you mean 'host'?"),
        (
            ("--max-memory", "host=5B", "--max-memory", "host=6B"),
            "--max-memory of 'host' is given twice",
        ),
        (("--max-switches", "-1"), "--max-switches -1: must be at least 0"),
        (("--pin", "first"), "--pin first: must be LAYER=DEVICE"),
        (("--pin", "frist=a"), "there is no layer 'frist'; did you mean 'first'?"),
        (("--pin", "first=gpu"), "there is no device 'gpu'; there are 'a', 'b'"),
        (("--pin", "*=a", "--pin", "d*=b"), "layer 'dense' is pinned to 'a' and to 'b'"),
        (("--pin", "first=a", "--forbid", "*=a"), "'first' is pinned to 'a' and forbidden there"),
        (("--forbid", "zz*=a"), "there is no layer 'zz*'"),
        (("--colocate", "first"), "--colocate first: must name at least two layers"),
        (("--colocate", "first,thirst"), "there is no layer 'thirst'; did you mean 'first'?"),
        (("--power", "a"), "--power a: must be DEVICE=WATTS, such as cpu0=5"),
        (("--power", "a=5V"), "--power 5V: must be a number with one of the units mW, W"),
        (("--power", "a=0"), "--power a=0: must be above 0 W"),
        (("--power", "a=1", "--power", "a=2"), "--power of 'a' is given twice"),
        (("--power", "aa=1"), "there is no device 'aa'; did you mean 'a'?"),
        (("--confidence", "1"), "the confidence must be above 0 and below 1"),
        (("--batch", "0"), "--batch 0: must be whole numbers from 1 to 65536"),
        (("--batch", "1,,2"), "--batch 1,,2: a name is missing"),
        (("--batch", "2,2"), "--batch 2,2: names a batch twice"),
        (("--epsilon", "0.1"), "--epsilon is the step of a front: name one with --pareto"),
        (("--pareto", "latency"), "--pareto latency: must be two different objectives"),
        (("--pareto", "energy,energy"), "--pareto: energy is given twice"),
        (("--pareto", "latency,energy", "--epsilon", "1"), "--epsilon 1: must be from 0 to below"),
        (("--pareto", "latency,energy", "--objective", "memory"), "leave out --objective"),
        (("--pareto", "latency,energy", "--dry-run"), "leave out --pareto"),
        (("--pareto", "latency,energy", "--batch", "1,4"), "--pareto finds the front of one batch"),
        (("--dry-run", "-o", "size.json"), "--dry-run solves nothing: leave out --output"),
        (("--devices", "a", "--fresh"), "nothing is measured: leave out --devices, --fresh"),
    ],
)
def test_misuse_is_one_line(solve, arguments, words):
    code, out, err = solve(*arguments)
    assert code == 2, err
    assert words in err
    assert err.count("\n") == 1
    assert out == ""


def test_energy_without_power_says_how_to_state_it(bnnplan, net, profiles, tmp_path):
    path = tmp_path / "profile.json"
    save_profile(attrs.evolve(profiles[1], board=profiles[1].board.bare), path)
    code, _, err = bnnplan("solve", net, "--profile", path, "--objective", "energy")
    assert code == 2
    assert "does not state the power of 'a', 'b'" in err
    assert "such as --power a=5, or in the board file (power_watts)" in err
    assert "--devices, or --forbid '*=a', leaves one out" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--power", "a=2", "--power", "b=0.5"),
        ("--power", "a= 2000mW", "--power", "b=0.5W"),
        ("--power", "b=0.5", "--forbid", "*=a"),
    ],
)
def test_power_can_be_declared_where_none_is_known(bnnplan, net, profiles, tmp_path, arguments):
    path, file = tmp_path / "profile.json", tmp_path / "plan.json"
    save_profile(attrs.evolve(profiles[1], board=profiles[1].board.bare), path)
    code, out, err = bnnplan(
        "solve", net, "--profile", path, "--objective", "energy", *arguments, "-o", file
    )
    assert code == 0, err
    plan = json.loads(file.read_text())
    assert set(devices_of(plan).values()) == {"b"}
    assert plan["board"]["devices"][1]["power_watts"] == 0.5
    layers = sum(row["predicted_ns"] for row in plan["layers"])
    assert plan["predicted"]["energy_nj"] == pytest.approx(0.5 * layers, abs=len(LAYERS))
    assert "with the power that is declared (b 0.5 W)" in out
    # What was declared is kept in the plan, so that it can be explained.
    code, _, err = bnnplan(
        "explain", file, "--network", net, "--profile", path, "--time-limit", "2"
    )
    assert code == 0, err


def test_declared_power_counts_more_than_that_of_the_board(solve):
    cheap = plan_of(solve, "--objective", "energy", "--power", "a=1mW")
    assert set(devices_of(cheap).values()) == {"a"}
    assert [device["power_watts"] for device in cheap["board"]["devices"]] == [0.001, 0.5]


def test_power_can_be_declared_of_this_machine(bnnplan, net):
    quick = ("--devices", "cpu0", "--budget", "1", "--no-run", "--json")
    code, out, err = bnnplan("solve", net, "--objective", "energy", "--power", "cpu0=3", *quick)
    assert code == 0, err
    plan = json.loads(out)
    layers = sum(row["predicted_ns"] for row in plan["layers"])
    assert plan["predicted"]["energy_nj"] == pytest.approx(3 * layers, abs=len(LAYERS))
    assert plan["board"]["devices"][0]["power_watts"] == 3


def test_a_profile_from_the_cache_is_told_with_its_age(bnnplan, net):
    quick = ("--devices", "cpu0", "--budget", "1", "--no-run")
    assert "from the cache" not in bnnplan("solve", net, *quick)[2]
    told = "profile from the cache, measured less than a minute ago; --fresh measures again\n"
    assert bnnplan("solve", net, *quick)[2] == told
    assert bnnplan("solve", net, *quick, "--json")[2] == ""
    assert "from the cache" not in bnnplan("solve", net, *quick, "--fresh")[2]


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2026-03-05T11:59:30+00:00", "less than a minute ago"),
        ("2026-03-05T11:58:00+00:00", "2 minutes ago"),
        ("2026-03-05T10:59:00+00:00", "1 hour ago"),
        ("2026-02-05T12:00:00+00:00", "28 days ago"),
        ("2026-03-05", "on 2026-03-05"),
        ("long ago", "on long ago"),
    ],
)
def test_the_age_of_a_profile(profiles, date, words):
    now = datetime.datetime(2026, 3, 5, 12, tzinfo=datetime.UTC)

    def measured(batch, when):
        conditions = attrs.evolve(profiles[batch].conditions, date=when)
        return attrs.evolve(profiles[batch], conditions=conditions)

    assert cache_text([measured(1, date)], now).startswith(
        f"profile from the cache, measured {words}; "
    )
    both = cache_text([measured(1, "2026-03-05T12:00:00+00:00"), measured(4, date)], now)
    if date.endswith("+00:00"):
        assert both.startswith(
            f"profiles of batches 1, 4 from the cache, the oldest measured {words}; "
        )


def test_power_is_read_from_the_board_file_and_shown(bnnplan, net, tmp_path):
    board = tmp_path / "board.json"
    assert bnnplan("devices", "-o", board)[0] == 0
    content = json.loads(board.read_text())
    assert {device["power_watts"] for device in content["devices"]} == {None}
    for device in content["devices"]:
        device["power_watts"] = 7.5
    board.write_text(json.dumps(content))
    quick = ("--board", board, "--devices", "cpu0", "--budget", "1", "--no-run", "--json")
    code, out, err = bnnplan("solve", net, "--objective", "energy", *quick)
    assert code == 0, err
    plan = json.loads(out)
    layers = sum(row["predicted_ns"] for row in plan["layers"])
    assert plan["predicted"]["energy_nj"] == pytest.approx(7.5 * layers, abs=len(LAYERS))
    # Another board may draw anything: what one file declares is not what another one lacks.
    assert bnnplan("profile", net, *quick[:-2], "-o", tmp_path / "profile.json")[0] == 0
    code, _, err = bnnplan("solve", net, "--objective", "energy", *quick[2:])
    assert code == 2
    assert "does not state the power of 'cpu0'" in err
