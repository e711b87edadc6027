import os

import attrs
import pytest
from networks import chain

from bnnplan.models.errors import FileError
from bnnplan.planner import cache
from bnnplan.planner.cache import cached_profile, keep_costs, kept_costs, profile_path
from bnnplan.planner.profile import LaunchCost, load_profile, save_profile
from bnnplan.planner.profiling import Options

QUICK = Options(tolerance=0.5, budget=3.0)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BNNPLAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def kept(reference_board):
    """Measure once; gives the file, and a function that changes the conditions in it."""
    cached_profile(chain(), reference_board, options=QUICK)
    path = profile_path(chain(), reference_board, 1)

    def change(**conditions):
        profile = load_profile(path)
        how = attrs.evolve(profile.conditions, exhausted=False, **conditions)
        save_profile(attrs.evolve(profile, conditions=how), path)

    change()
    return path, change


def was_kept(board, options=QUICK, **others):
    return cached_profile(chain(), board, options=options, **others)[1]


def test_a_second_run_measures_nothing(reference_board, kept):
    assert was_kept(reference_board)
    assert not was_kept(reference_board, fresh=True)
    assert not was_kept(reference_board, batch=2)


def test_a_finer_tolerance_is_measured(reference_board, kept):
    finer = attrs.evolve(QUICK, tolerance=0.4)
    assert not was_kept(reference_board, finer)
    assert was_kept(reference_board, QUICK)


def test_a_larger_budget_goes_on_where_a_small_one_ran_out(reference_board, kept):
    path, _ = kept
    profile = load_profile(path)
    how = attrs.evolve(profile.conditions, exhausted=True, seconds=1.0)
    save_profile(attrs.evolve(profile, conditions=how), path)
    assert was_kept(reference_board, attrs.evolve(QUICK, budget=1.0))
    assert not was_kept(reference_board, attrs.evolve(QUICK, budget=2.0))


def test_an_incomplete_or_broken_file_is_measured_again(reference_board, kept):
    path, change = kept
    change(complete=False)
    assert not was_kept(reference_board)
    path.write_text("{")
    assert not was_kept(reference_board)
    assert was_kept(reference_board)


@pytest.mark.parametrize(
    "change",
    [
        lambda board, patch: attrs.evolve(
            board, devices=[attrs.evolve(board.devices[0], properties={"driver": "2"})]
        ),
        lambda board, patch: patch.setattr(cache, "bnnplan_version", lambda: "9.9") or board,
        lambda board, patch: patch.setenv("BNNPLAN_ISA", "portable") or board,
    ],
    ids=["driver", "version", "isa"],
)
def test_the_fingerprint_depends_on(reference_board, change, monkeypatch):
    before = profile_path(chain(), reference_board, 1)
    assert profile_path(chain(), change(reference_board, monkeypatch), 1) != before


def test_the_name_of_a_network_never_leaves_the_folder(reference_board, folder):
    network = attrs.evolve(chain(), name="../../etc/" + "x" * 300)
    path = profile_path(network, reference_board, 1)
    assert path.parent == folder / "profiles"
    assert len(path.name) < 100


def test_a_cache_that_cannot_be_written_matters_only_to_what_is_incomplete(
    reference_board, folder, monkeypatch
):
    folder.write_text("a file where the folder should be")
    told = []
    profile, _ = cached_profile(chain(), reference_board, options=QUICK, tell=told.append)
    assert len(told) == 1
    assert "measures again" in told[0]
    how = attrs.evolve(profile.conditions, complete=False)
    part = attrs.evolve(profile, conditions=how)
    monkeypatch.setattr(cache, "profile_network", lambda *_, **__: part)
    with pytest.raises(FileError, match="interrupted, and nothing could be kept"):
        cached_profile(chain(), reference_board, options=QUICK)


def with_launch(profile, ns):
    """The same with other costs."""
    return attrs.evolve(profile, launches=[LaunchCost("reference0", 1, ns)])


def test_costs_of_plans_are_found_by_their_digest(reference_board, kept, folder):
    profile = load_profile(kept[0])
    one, other = with_launch(profile, 1), with_launch(profile, 2)
    assert one.costs_digest != other.costs_digest != profile.costs_digest
    for each in (one, other):
        keep_costs(chain(), each)
    assert kept_costs(chain(), one.costs_digest, 1) == one
    assert kept_costs(chain(), other.costs_digest, 1) == other
    assert kept_costs(chain(), profile.costs_digest, 1) is None
    assert kept_costs(chain(), one.costs_digest, 2) is None
    assert kept_costs(chain(), "", 1) is None
    for file in (folder / "costs").iterdir():
        save_profile(with_launch(profile, 3), file)
    assert kept_costs(chain(), one.costs_digest, 1) is None


def test_costs_are_the_same_on_whatever_board_states_power(reference_board, kept):
    profile = load_profile(kept[0])
    devices = [attrs.evolve(device, power_watts=5.0) for device in reference_board.devices]
    stated = attrs.evolve(profile, board=attrs.evolve(profile.board, devices=devices))
    assert stated.costs_digest == profile.costs_digest
    keep_costs(chain(), stated)
    assert kept_costs(chain(), profile.costs_digest, 1).board == reference_board.bare


def test_costs_of_the_oldest_plans_are_dropped(kept, folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_COSTS", 3)
    made = [with_launch(load_profile(kept[0]), ns) for ns in range(5)]
    for age, each in enumerate(made):
        keep_costs(chain(), each)
        for file in (folder / "costs").iterdir():
            if file.stat().st_mtime > 1000:
                os.utime(file, (age, age))
    found = [kept_costs(chain(), each.costs_digest, 1) for each in made]
    assert found == [None, None, *made[2:]]
    assert kept[0].exists()


def test_no_home_is_made_for_a_user_who_has_none(reference_board, monkeypatch, tmp_path):
    monkeypatch.delenv("BNNPLAN_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    told = []
    cached_profile(chain(), reference_board, options=QUICK, tell=told.append)
    assert "does not exist" in told[0]
    assert not (tmp_path / "nobody").exists()
