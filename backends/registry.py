"""Which backends there are: one entry point in the group ``bnnplan.backends`` names each.

The backends that ship with bnnplan are registered in the same way as plugins. Three questions
stay apart: whether a backend is installed (it has an entry point), whether it can be imported
and made (it is in :attr:`Backends.usable`), and whether its devices can be used now
(:func:`devices_of`). A plugin that fails any of them is reported with the reason and skipped.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from attrs import frozen

from bnnplan.backends.interface import Backend, Device, Unavailable
from bnnplan.models.errors import UnsupportedError

GROUP = "bnnplan.backends"


@frozen
class Backends:
    """What :func:`load_backends` found.

    Parameters
    ----------
    usable : dict of str to Backend
        Backends that could be imported and made, by name, sorted by it.
    broken : list of Unavailable
        Those that could not, and why; a name may stand here more than once.
    """

    usable: dict[str, Backend]
    broken: list[Unavailable]


def load_backends() -> Backends:
    """Import and make every installed backend; those that fail are reported, never fatal."""
    chosen, broken = _installed()
    usable: dict[str, Backend] = {}
    for name, entry in sorted(chosen.items()):
        loaded = _load(entry)
        if isinstance(loaded, Backend):
            usable[name] = loaded
        else:
            broken.append(loaded)
    return Backends(usable, broken)


def get_backend(name: str) -> Backend:
    """Import and make one backend.

    Raises
    ------
    UnsupportedError
        If it is not installed, or cannot be imported or made; the message says what to do.
    """
    chosen, _ = _installed()
    if name not in chosen:
        raise UnsupportedError(
            f"no backend {name!r}; installed are: {', '.join(sorted(chosen)) or 'none'}. Others "
            f"come with an extra (pip install 'bnnplan[onnxruntime]') or as a plugin package"
        )
    loaded = _load(chosen[name])
    if isinstance(loaded, Unavailable):
        raise UnsupportedError(f"backend {name!r} cannot be used: {loaded.reason}")
    return loaded


def devices_of(backend: Backend) -> tuple[list[Device], list[Unavailable]]:
    """The devices of a backend; a backend that fails to tell is itself the one unavailable."""
    try:
        devices, missing = backend.devices()
        strangers = [device for device in devices if device.backend != backend.name]
    except (Exception, SystemExit) as error:
        return [], [Unavailable(backend.name, _reason("listing its devices", error))]
    if strangers:
        reason = f"it claims device {strangers[0].name} of backend {strangers[0].backend}"
        return [], [Unavailable(backend.name, reason)]
    return list(devices), list(missing)


def _installed() -> tuple[dict[str, EntryPoint], list[Unavailable]]:
    """One entry point a name; bnnplan's own win, then the first one found."""
    found = list(dict.fromkeys(entry_points(group=GROUP)))
    chosen: dict[str, EntryPoint] = {}
    broken = []
    for entry in sorted(found, key=lambda entry: _origin(entry) != "bnnplan"):
        first = chosen.setdefault(entry.name, entry)
        if entry.value != first.value:
            reason = f"{entry.value} of {_origin(entry)} is ignored: {_origin(first)} has this name"
            broken.append(Unavailable(entry.name, reason))
    return chosen, broken


def _origin(entry: EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else entry.dist.name


def _load(entry: EntryPoint) -> Backend | Unavailable:
    try:
        kind = entry.load()
    except (Exception, SystemExit) as error:
        return Unavailable(entry.name, _reason(f"importing {entry.value}", error))
    if not (isinstance(kind, type) and issubclass(kind, Backend)):
        reason = f"{entry.value} is no class that derives from bnnplan.backends.interface.Backend"
        return Unavailable(entry.name, reason)
    if getattr(kind, "name", None) != entry.name:
        reason = f"{entry.value} calls itself {getattr(kind, 'name', None)!r}, not {entry.name!r}"
        return Unavailable(entry.name, reason)
    try:
        return kind()
    except (Exception, SystemExit) as error:
        return Unavailable(entry.name, _reason(f"making {entry.value}", error))


def _reason(what: str, error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{what} failed: {type(error).__name__}{': ' + lines[0] if lines else ''}"
