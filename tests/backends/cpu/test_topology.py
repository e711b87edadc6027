import json
import os
from pathlib import Path

import pytest

from bnnplan.backends.cpu.memory import Memory, memory
from bnnplan.backends.cpu.topology import Cache, clusters
from bnnplan.models.errors import FileError

DUMPS = Path(__file__).parents[2] / "data" / "sysfs"
CPUS = "sys/devices/system/cpu"


@pytest.fixture
def board(tmp_path):
    """Writes a dump below a fresh root; keyword changes are files by path, None removes one."""

    def write(name, changes=None):
        files = json.loads((DUMPS / f"{name}.json").read_text("utf-8")) | (changes or {})
        for path, content in files.items():
            if content is not None:
                target = tmp_path / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content, "utf-8")
        return tmp_path

    return write


BOARDS = {
    "khadas_vim3": [
        ((2, 3, 4, 5), 1024, 2208000, "4 × Cortex-A73 at 2.21 GHz"),
        ((0, 1), 482, 1800000, "2 × Cortex-A53 at 1.80 GHz"),
    ],
    "hikey970": [
        ((4, 5, 6, 7), None, 2362000, "4 × Cortex-A73 at 2.36 GHz"),
        ((0, 1, 2, 3), None, 1844000, "4 × Cortex-A53 at 1.84 GHz"),
    ],
    "raspberry_pi_4": [((0, 1, 2, 3), 1024, 1500000, "4 × Cortex-A72 at 1.50 GHz")],
    "snapdragon_855": [
        ((7,), 1024, 2841600, "1 × Kryo-4XX-Gold at 2.84 GHz"),
        ((4, 5, 6), 871, 2419200, "3 × Kryo-4XX-Gold at 2.42 GHz"),
        ((0, 1, 2, 3), 306, 1785600, "4 × Kryo-4XX-Silver at 1.79 GHz"),
    ],
    "core_i9_12900k": [
        (tuple(range(0, 16, 2)), None, 5200000, None),
        (tuple(range(16, 24)), None, 3900000, None),
    ],
    "virtual_machine": [((0, 1), None, None, "2 × QEMU Virtual CPU version 2.5+")],
}


@pytest.mark.parametrize("name", BOARDS)
def test_clusters_of_known_boards(board, name):
    found = clusters(board(name))
    assert [cluster.name for cluster in found] == [f"cpu{i}" for i in range(len(found))]
    for cluster, (cores, capacity, frequency, description) in zip(found, BOARDS[name], strict=True):
        assert cluster.cores == cores
        assert cluster.capacity == capacity
        assert cluster.max_frequency_khz == frequency
        assert description in (None, cluster.description)


def test_caches_tell_which_cores_of_the_cluster_share_them(board):
    fast, slow = clusters(board("core_i9_12900k"))
    assert fast.caches == (
        Cache(1, "data", 48 * 1024, (0,)),
        Cache(1, "instruction", 32 * 1024, (0,)),
        Cache(2, "unified", 1280 * 1024, (0,)),
        Cache(3, "unified", 30 * 2**20, fast.cores),
    )
    assert Cache(2, "unified", 2 * 2**20, (16, 17, 18, 19)) in slow.caches


def test_without_types_of_cores_frequencies_separate_them(board):
    hidden = {f"sys/devices/{unit}/cpus": None for unit in ("cpu_core", "cpu_atom")}
    found = clusters(board("core_i9_12900k", hidden))
    assert [len(cluster.cores) for cluster in found] == [8, 8]


def test_offline_cores_do_not_count(board):
    changed = board("khadas_vim3", {f"{CPUS}/online": "0,2-3,5\n"})
    assert [cluster.cores for cluster in clusters(changed)] == [(2, 3, 5), (0,)]


def test_a_core_whose_first_thread_is_offline_still_counts(board):
    changed = board("core_i9_12900k", {f"{CPUS}/online": "1-3\n"})
    assert clusters(changed)[0].cores == (1, 2)


def test_cores_are_found_without_the_list_of_online_ones(board):
    changed = board("raspberry_pi_4", {f"{CPUS}/online": None})
    assert clusters(changed)[0].cores == (0, 1, 2, 3)


def test_only_the_online_list_is_needed(tmp_path):
    (tmp_path / CPUS).mkdir(parents=True)
    (tmp_path / CPUS / "online").write_text("0-2\n")
    (found,) = clusters(tmp_path)
    assert (found.cores, found.capacity, found.caches) == ((0, 1, 2), None, ())
    assert found.description == "3 × core"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{CPUS}/online", "0-x"),
        (f"{CPUS}/online", "3-1"),
        (f"{CPUS}/online", "0-99999999"),
        (f"{CPUS}/online", ""),
        (f"{CPUS}/cpu1/cpu_capacity", "-3"),
        (f"{CPUS}/cpu1/cpufreq/cpuinfo_max_freq", "fast"),
        (f"{CPUS}/cpu0/cache/index0/size", "32X"),
        (f"{CPUS}/cpu0/cache/index0/shared_cpu_list", "0;1"),
        (f"{CPUS}/cpu2/topology/thread_siblings_list", "²"),
    ],
)
def test_malformed_files_are_named(board, path, content):
    root = board("raspberry_pi_4", {path: content})
    with pytest.raises(FileError) as caught:
        clusters(root)
    assert str(root / path).removesuffix("/online") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_root_has_no_cores(tmp_path):
    with pytest.raises(FileError, match="no core is online"):
        clusters(tmp_path)


def test_this_machine_offers_only_cores_that_we_may_use():
    allowed = os.sched_getaffinity(0)
    cores = [core for cluster in clusters() for core in cluster.cores]
    assert cores
    assert len(cores) == len(set(cores))
    assert set(cores) <= allowed


def test_memory_of_a_board(board, tmp_path):
    assert memory(tmp_path) is None
    assert memory(board("raspberry_pi_4")) == Memory(3885396 * 1024, 3465832 * 1024)


def test_memory_needs_a_total(board):
    with pytest.raises(FileError, match="MemTotal"):
        memory(board("raspberry_pi_4", {"proc/meminfo": "MemFree: 3 kB\n"}))
