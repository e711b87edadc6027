"""Clusters of cores as devices, of this machine or of a dump of another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bnnplan.backends.cpu.clusters import Cluster
from bnnplan.backends.cpu.hwloc import read_hwloc
from bnnplan.backends.cpu.memory import memory
from bnnplan.backends.cpu.topology import clusters
from bnnplan.backends.host import HOST
from bnnplan.backends.interface import Device, MemorySpace

BACKEND = "cpu"


def cluster_devices(
    found: Iterable[Cluster], space: MemorySpace, properties: Mapping[str, str]
) -> list[Device]:
    """One device a cluster.

    Parameters
    ----------
    found : iterable of Cluster
    space : MemorySpace
        Where all of them compute.
    properties : mapping of str to str
        Given to every device.
    """
    return [
        Device(
            name=cluster.name,
            backend=BACKEND,
            kind="cpu",
            description=cluster.description,
            space=space,
            resources=frozenset(f"core:{core}" for core in cluster.cores),
            threads=len(cluster.cores),
            properties=properties,
        )
        for cluster in found
    ]


def dumped_devices(root: Path) -> list[Device]:
    """The clusters of the machine whose `/sys` and `/proc` stand below a folder.

    Raises
    ------
    FileError
        If a file there is malformed.
    """
    size = memory(root)
    space = MemorySpace(HOST, size.total if size else None)
    return cluster_devices(clusters(root), space, {})


def hwloc_devices(path: Path) -> list[Device]:
    """The clusters of the machine that an hwloc XML file describes.

    Raises
    ------
    FileError
        If the file is no such file.
    """
    found = read_hwloc(path)
    return cluster_devices(found.clusters, MemorySpace(HOST, found.memory), {})
