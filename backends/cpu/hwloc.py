"""Clusters of equal cores and memory from an XML file of hwloc 1, 2 or 3 (``lstopo FILE.xml``).

Cores are objects, however many hardware threads (``PU``) they have. Their type and maximal
frequency stand in the kinds of processors that hwloc 2 and later list for sets of PUs; their model
in the infos of the package around them. hwloc 1 calls packages Socket and tells no kinds. Where
infos of a package name an Arm core while its cores are of several kinds, they are those of one of
the kinds only, and not used.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from attrs import frozen

from bnnplan.backends.cpu.clusters import Cache, Cluster, Core, clusters_of
from bnnplan.backends.cpu.core_names import arm_core
from bnnplan.backends.cpu.hwloc_xml import read_topology
from bnnplan.models.errors import FileError

CACHE_KINDS = {"0": "unified", "1": "data", "2": "instruction"}
PACKAGES = ("Package", "Socket")
MOST_CORES = 2**16
MOST_NUMBER = 2**53


@frozen
class Machine:
    """What an hwloc file tells of a machine.

    Parameters
    ----------
    clusters : list of Cluster
        The fastest first.
    memory : int or None
        Bytes; None if the file does not tell.
    """

    clusters: list[Cluster]
    memory: int | None


@frozen
class _Found:
    """A core, the package around it, and the caches on the way to it."""

    threads: tuple[int, ...]
    package: int
    infos: Mapping[str, str]
    caches: tuple[Cache, ...]


def read_hwloc(path: Path) -> Machine:
    """Clusters and memory that an hwloc XML file tells.

    Raises
    ------
    FileError
        If the file is no such file, a figure in it is none, or it has no usable core.
    """
    return _Hwloc(path, read_topology(path)).machine()


class _Hwloc:
    def __init__(self, path: Path, root: ElementTree.Element) -> None:
        self.path = path
        self.root = root
        self.usable: frozenset[int] | None = None

    def machine(self) -> Machine:
        top = self.root.find("object")
        if top is None or top.get("type") not in ("Machine", "System"):
            raise FileError(f"{self.path}: no object of type Machine below <topology>")
        sets = [top.get(name) for name in ("online_cpuset", "allowed_cpuset")]
        known = [self._numbers(text) for text in sets if text is not None]
        self.usable = frozenset.intersection(*known) if known else None
        cores = [core for core in self._cores(top, -1, {}, ()) if core.threads]
        if not cores:
            raise FileError(f"{self.path}: no core with a usable hardware thread (PU)")
        memory = [
            self._number(node, "local_memory")
            for node in top.iter("object")
            if node.get("local_memory") is not None
        ]
        return Machine(clusters_of(self._records(cores)), sum(memory) or None)

    def _cores(
        self,
        node: ElementTree.Element,
        package: int,
        infos: Mapping[str, str],
        caches: Sequence[Cache],
    ) -> Iterator[_Found]:
        """All cores below an object, in the order of the file."""
        kind = node.get("type", "")
        if kind in PACKAGES:
            package, infos = id(node), _infos(node)
        if "Cache" in kind and node.get("cache_size") not in (None, "0"):
            caches = [*caches, self._cache(node)]
        # Old kernels and virtual machines show hardware threads without cores around them.
        if kind in ("Core", "PU"):
            yield _Found(self._threads(node), package, infos, tuple(caches))
            return
        for child in node:
            if child.tag == "object":
                yield from self._cores(child, package, infos, caches)

    def _threads(self, node: ElementTree.Element) -> tuple[int, ...]:
        """Hardware threads in a core that may be used, ascending."""
        numbers = {
            self._number(pu, "os_index") for pu in node.iter("object") if pu.get("type") == "PU"
        }
        if max(numbers, default=0) >= MOST_CORES:
            raise FileError(f"{self.path}: os_index {max(numbers)} is no number of a core")
        return tuple(sorted(n for n in numbers if self.usable is None or n in self.usable))

    def _cache(self, node: ElementTree.Element) -> Cache:
        level = self._number(node, "depth")
        kind = CACHE_KINDS.get(node.get("cache_type", "0"), "unified")
        shared = tuple(sorted(self._numbers(node.get("cpuset", "0x0"))))
        return Cache(level, kind, self._number(node, "cache_size"), shared)

    def _records(self, cores: Sequence[_Found]) -> list[Core]:
        kinds: dict[int, Mapping[str, str]] = {}
        for node in self.root.iter("cpukind"):
            infos = _infos(node)
            for thread in self._numbers(node.get("cpuset", "0x0")):
                kinds.setdefault(thread, infos)
        made = [(core, self._record(core, kinds.get(core.threads[0], {}))) for core in cores]
        speeds: dict[int, set[tuple[int, int]]] = {}
        for core, record in made:
            speeds.setdefault(core.package, set()).add(record.speed)
        return [
            attrs.evolve(record, model=_model(core.infos, len(speeds[core.package]) == 1))
            for core, record in made
        ]

    def _record(self, core: _Found, infos: Mapping[str, str]) -> Core:
        megahertz = self._info(infos, "FrequencyMaxMHz")
        return Core(
            core.threads[0],
            infos.get("CoreType", ""),
            "",
            self._info(infos, "LinuxCapacity"),
            megahertz and megahertz * 1000,
            core.caches,
        )

    def _number(self, node: ElementTree.Element, name: str) -> int:
        return self._whole(node.get(name, ""), f"{node.get('type', node.tag)[:40]} {name}")

    def _info(self, infos: Mapping[str, str], name: str) -> int | None:
        return self._whole(infos[name], name) if name in infos else None

    def _whole(self, text: str, what: str) -> int:
        # The length first: a number of a million digits would take long to convert.
        is_number = len(text) <= 20 and text.isascii() and text.isdecimal()
        if not is_number or int(text) > MOST_NUMBER:
            raise FileError(f"{self.path}: {what} is {text[:40]!r}, which is no such number")
        return int(text)

    def _numbers(self, text: str) -> frozenset[int]:
        """Numbers in a set such as 0x00000001,,0x0000000f: words of 32 bits, the highest first."""
        words = text.removeprefix("0xf...f,").split(",")
        if len(words) > MOST_CORES // 32:
            raise FileError(f"{self.path}: a set of {len(words)} words is larger than any machine")
        found: set[int] = set()
        for place, word in enumerate(reversed(words)):
            try:
                bits = int(word or "0", 16)
            except ValueError:
                bits = -1
            if not 0 <= bits < 2**32:
                raise FileError(f"{self.path}: {text[:40]!r} is no set such as 0x0000000f")
            found.update(32 * place + bit for bit in range(32) if bits >> bit & 1)
        return frozenset(found)


def _infos(node: ElementTree.Element) -> dict[str, str]:
    return {child.get("name", ""): child.get("value", "") for child in node if child.tag == "info"}


def _model(infos: Mapping[str, str], equal: bool) -> str:
    """Model of the cores of a package with these infos, which may be equal or of several kinds."""
    if "CPUModel" in infos:
        return infos["CPUModel"].strip()
    try:
        name = arm_core(int(infos["CPUImplementer"], 16), int(infos["CPUPart"], 16))
    except (KeyError, ValueError):
        return ""
    return name if equal else ""
