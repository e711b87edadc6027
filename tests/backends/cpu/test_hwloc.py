"""Clusters of known boards from sysfs and from hwloc XML, and XML that is hostile."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_boards import KNOWN, Cores, Known, cpuset, hwloc, paired, single, sysfs

from bnnplan.backends.cpu.clusters import Cache
from bnnplan.backends.cpu.hwloc import read_hwloc
from bnnplan.backends.cpu.topology import clusters
from bnnplan.models.errors import FileError


def written(folder, files):
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content + "\n", "utf-8")
    return folder


def read(tmp_path, text):
    path = tmp_path / "board.xml"
    path.write_text(text, "utf-8")
    return read_hwloc(path)


def firsts(kind):
    return tuple(sorted(min(core) for core in kind.threads))


@pytest.mark.parametrize("name", KNOWN)
def test_sysfs_of_a_known_board(name, tmp_path):
    known = KNOWN[name]
    found = clusters(written(tmp_path, sysfs(known)))
    assert [cluster.cores for cluster in found] == [firsts(kind) for kind in known.kinds]
    assert [c.max_frequency_khz for c in found] == [kind.khz for kind in known.kinds]
    assert [c.capacity for c in found] == [kind.capacity for kind in known.kinds]
    assert all(" core" not in cluster.description for cluster in found)


@pytest.mark.parametrize("version", [2, 3])
# The cores of the TX2 differ in nothing that hwloc tells.
@pytest.mark.parametrize("name", sorted(KNOWN.keys() - {"jetson-tx2"}))
def test_hwloc_tells_the_same_as_sysfs(name, version, tmp_path):
    known = KNOWN[name]
    if name == "snapdragon-8-gen-2":
        known = Known((known.kinds[0], known.kinds[1], known.kinds[3]), l3=known.l3)
    mine = clusters(written(tmp_path, sysfs(known)))
    machine = read(tmp_path, hwloc(known, version))
    assert machine.memory == 8 * 2**30
    for one, other in zip(mine, machine.clusters, strict=True):
        assert (one.name, one.cores, one.capacity) == (other.name, other.cores, other.capacity)
        assert one.caches == other.caches
        assert one.max_frequency_khz // 1000 == other.max_frequency_khz // 1000


def test_hwloc_1_has_no_kinds_so_all_cores_are_one_cluster(tmp_path):
    machine = read(tmp_path, hwloc(KNOWN["core-i7-1370p"], 1))
    (cluster,) = machine.clusters
    assert cluster.cores == (0, 2, 4, 6, 8, 10, *range(12, 20))
    assert cluster.description == "14 × 13th Gen Intel(R) Core(TM) i7-1370P"
    assert Cache(2, "unified", 1280 * 1024, (0,)) in cluster.caches
    assert machine.memory == 8 * 2**30


def test_cores_of_an_arm_package_are_named_if_they_are_equal(tmp_path):
    def named(known):
        text = hwloc(known, 2)
        infos = "".join(
            f'<info name="{name}" value="{value}"/>'
            for name, value in {"CPUImplementer": "0x41", "CPUPart": "0xd09"}.items()
        )
        begin = '<object type="Package" os_index="0">'
        return read(tmp_path, text.replace(begin, begin + infos)).clusters

    alone = Known((KNOWN["hikey970"].kinds[0],))
    assert [c.description for c in named(alone)] == ["4 × Cortex-A73 at 2.36 GHz"]
    assert [c.description for c in named(KNOWN["hikey970"])] == [
        "4 × core at 2.36 GHz",
        "4 × core at 1.84 GHz",
    ]


def test_only_allowed_and_online_threads_count(tmp_path):
    known = Known((Cores(paired(0, 7), 3000000),))
    text = hwloc(known, 1)
    every = cpuset(range(8))
    allowed = text.replace(f'allowed_cpuset="{every}"', f'allowed_cpuset="{cpuset([1, 4, 5])}"')
    assert read(tmp_path, allowed).clusters[0].cores == (1, 4)
    online = text.replace('<object type="Machine"', '<object type="Machine" online_cpuset="0x3"')
    assert read(tmp_path, online).clusters[0].cores == (0,)


def test_threads_without_cores_around_them_are_cores(tmp_path):
    units = "".join(f'<object type="PU" os_index="{i}"/>' for i in range(3))
    text = f'<topology><object type="Machine" os_index="0">{units}</object></topology>'
    machine = read(tmp_path, text)
    assert machine.clusters[0].cores == (0, 1, 2)
    assert machine.memory is None


@given(st.sets(st.integers(0, 200), min_size=1, max_size=40))
def test_any_set_of_cores_is_read_back(tmp_path_factory, cores):
    known = Known((Cores(tuple((core,) for core in sorted(cores)), 1000000),), "A chip")
    path = tmp_path_factory.getbasetemp() / "cores.xml"
    path.write_text(hwloc(known, 2))
    (cluster,) = read_hwloc(path).clusters
    assert cluster.cores == tuple(sorted(cores))
    assert cluster.description == f"{len(cores)} × A chip at 1.00 GHz"


def test_empty_words_of_a_set_are_zeros(tmp_path):
    known = Known((Cores(((0,), (64,)), 1000000),))
    every = f'allowed_cpuset="{cpuset([0, 64])}"'
    assert every in hwloc(known, 2)
    text = hwloc(known, 2).replace(every, 'allowed_cpuset="0x00000001,,0x00000000"')
    assert read(tmp_path, text).clusters[0].cores == (64,)


GOOD = hwloc(Known((Cores(single(0, 1), 1000000),)), 2)
BOMB = (
    '<!DOCTYPE topology [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<topology><object type="Machine"><info name="x" value="&b;"/></object></topology>'
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not XML"),
        ("{}", "not XML"),
        (GOOD[:-20], "not XML"),
        ("<html/>", "not the <topology>"),
        ("<topology/>", "no object of type Machine"),
        ('<topology><object type="Machine"/></topology>', "no core"),
        (BOMB, "refused"),
        (GOOD.replace('"hwloc2.dtd"', '"hwloc2.dtd" [<!ENTITY % x SYSTEM "/etc/passwd">]'), "refu"),
        ("<a>" * 300 + "</a>" * 300, "refused"),
        (GOOD.replace('"PU" os_index="1"', '"PU" os_index="-1"'), "os_index"),
        (GOOD.replace('"PU" os_index="1"', f'"PU" os_index="{"9" * 5000}"'), "os_index"),
        (GOOD.replace('"PU" os_index="1"', '"PU" os_index="99999999"'), "no number of a core"),
        (GOOD.replace('cache_size="', 'cache_size="x'), "cache_size"),
        (GOOD.replace('allowed_cpuset="', 'allowed_cpuset="0xfffffffff,'), "no set"),
        (GOOD.replace('allowed_cpuset="', 'allowed_cpuset="' + "," * 9999), "larger than any"),
        (GOOD.replace('"FrequencyMaxMHz" value="', '"FrequencyMaxMHz" value="²'), "Frequency"),
        (GOOD.replace("UTF-8", "klingon"), "not XML"),
    ],
)
def test_hostile_files_are_refused_in_one_line(text, reason, tmp_path):
    with pytest.raises(FileError, match=reason) as caught:
        read(tmp_path, text)
    assert "board.xml" in str(caught.value)
    assert "\n" not in str(caught.value)


WHOLE = hwloc(KNOWN["rk3588"], 2)


@settings(max_examples=50)
@given(st.integers(0, len(WHOLE)), st.integers(0, 40), st.text(max_size=5))
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, start, length, put):
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_text(WHOLE[:start] + put + WHOLE[start + length :], "utf-8")
    said = ""
    try:
        assert read_hwloc(path).clusters
    except FileError as error:
        said = str(error)
    assert "\n" not in said
    assert said == "" or "damaged.xml" in said


def test_a_file_that_is_too_large_is_not_parsed(tmp_path):
    path = tmp_path / "large.xml"
    with open(path, "wb") as stream:
        stream.truncate(2**24 + 1)
    with pytest.raises(FileError, match="more than any hwloc file"):
        read_hwloc(path)


def test_names_come_from_registers_where_cpuinfo_tells_none(tmp_path):
    files = sysfs(KNOWN["rk3588"])
    files["proc/cpuinfo"] = "Processor : AArch64 Processor rev 0 (aarch64)\nprocessor : 7\n"
    for core in range(8):
        part = 0xD0B if core >= 4 else 0xD05
        register = f"sys/devices/system/cpu/cpu{core}/regs/identification/midr_el1"
        files[register] = f"0x{0x41 << 24 | part << 4:016x}"
    found = clusters(written(tmp_path, files))
    assert [cluster.description.split(" at ")[0] for cluster in found] == [
        "4 × Cortex-A76",
        "4 × Cortex-A55",
    ]


def test_a_speed_that_is_not_known_of_one_core_separates_nothing(tmp_path):
    files = sysfs(KNOWN["raspberry-pi-5"])
    del files["sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq"]
    assert [c.cores for c in clusters(written(tmp_path, files))] == [(0, 1, 2, 3)]
