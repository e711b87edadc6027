"""The registry on fake installed packages: good, broken, duplicate and misbehaving plugins."""

import itertools
import sys

import pytest

from bnnplan.backends.interface import Backend, Device, MemorySpace, Unavailable
from bnnplan.backends.reference import ReferenceBackend
from bnnplan.backends.registry import devices_of, get_backend, load_backends
from bnnplan.models.errors import UnsupportedError

GOOD = """
from bnnplan.backends.reference import ReferenceBackend

class Good(ReferenceBackend):
    name = "good"
"""

counter = itertools.count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with one module and entry points on the path; gives the module's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(source, entries, package=None):
        module = f"fake_plugin_{next(counter)}"
        package = package or module
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {module}:{attribute}" for name, attribute in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[bnnplan.backends]", *lines, ""]))
        return module

    yield add
    for module in [name for name in sys.modules if name.startswith("fake_plugin_")]:
        del sys.modules[module]


def reasons(name):
    return [item.reason for item in load_backends().broken if item.name == name]


def test_a_plugin_is_found_and_made(install):
    install(GOOD, {"good": "Good"})
    assert load_backends().usable["good"].name == "good"
    assert isinstance(get_backend("good"), ReferenceBackend)


def test_a_plugin_is_imported_only_when_asked_for(install):
    module = install(GOOD, {"good": "Good"})
    other = install(GOOD.replace("good", "other"), {"other": "Good"})
    get_backend("good")
    assert module in sys.modules
    assert other not in sys.modules


@pytest.mark.parametrize(
    ("source", "attribute", "words"),
    [
        ("import nothing_of_this_name", "Good", "ModuleNotFoundError: No module named"),
        ("raise SystemExit('no licence')", "Good", "SystemExit: no licence"),
        ("def f(:", "Good", "SyntaxError"),
        ("x = 1", "Good", "AttributeError"),
        ("class Good: name = 'bad'", "Good", "no class that derives from"),
        ("Good = 3", "Good", "no class that derives from"),
        (GOOD, "Good", "calls itself 'good', not 'bad'"),
        (
            GOOD.replace('"good"', '"bad"') + "    def __init__(self): raise RuntimeError('a\\nb')",
            "Good",
            "RuntimeError: a",
        ),
        (
            "from bnnplan.backends.interface import Backend\nclass Good(Backend): name = 'bad'",
            "Good",
            "TypeError",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_skipped(install, source, attribute, words):
    install(source, {"bad": attribute})
    install(GOOD, {"good": "Good"})
    [reason] = reasons("bad")
    assert words in reason
    assert "\n" not in reason
    loaded = load_backends().usable
    assert "good" in loaded
    assert "bad" not in loaded
    with pytest.raises(UnsupportedError, match="backend 'bad' cannot be used"):
        get_backend("bad")


def test_the_first_of_two_plugins_of_one_name_counts(install):
    install(GOOD, {"good": "Good"}, package="one")
    install(GOOD, {"good": "Good"}, package="two")
    assert "good" in load_backends().usable
    [reason] = reasons("good")
    assert "is ignored" in reason


def test_no_plugin_takes_a_name_from_bnnplan(install):
    install(GOOD, {"good": "Good"}, package="aaa-thief")
    module = install(GOOD, {"good": "Good"}, package="bnnplan")
    assert type(load_backends().usable["good"]).__module__ == module
    [reason] = reasons("good")
    assert "aaa-thief is ignored: bnnplan has this name" in reason


def test_an_unknown_name_lists_what_is_installed_and_how_to_get_more(install):
    install(GOOD, {"good": "Good"})
    with pytest.raises(UnsupportedError, match=r"no backend 'nix'.*good.*pip install"):
        get_backend("nix")


class Failing(ReferenceBackend):
    def devices(self):
        raise OSError("driver gone")


class Claiming(ReferenceBackend):
    def devices(self):
        return [Device("x0", "other", "cpu", "x", MemorySpace("host"))], []


@pytest.mark.parametrize(
    ("backend", "words"), [(Failing(), "OSError: driver gone"), (Claiming(), "of backend other")]
)
def test_a_backend_that_misbehaves_when_asked_for_devices_is_unavailable(backend, words):
    devices, missing = devices_of(backend)
    assert devices == []
    assert missing[0].name == "reference"
    assert words in missing[0].reason


def test_devices_and_reasons_of_a_good_backend_pass_through():
    class Half(ReferenceBackend):
        def devices(self):
            return super().devices()[0], [Unavailable("reference1", "not plugged in")]

    devices, missing = devices_of(Half())
    assert [device.name for device in devices] == ["reference0"]
    assert missing == [Unavailable("reference1", "not plugged in")]
    assert issubclass(Half, Backend)
