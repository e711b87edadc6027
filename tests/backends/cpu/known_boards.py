"""Boards as their makers and kernels describe them, written out as a sysfs tree or as hwloc XML.

Numbers of parts are those that Arm and NVIDIA cores report (util-linux, sys-utils/lscpu-arm.c);
capacities are what the kernel makes of `capacity-dmips-mhz` and the clocks in its device trees.
"""

from attrs import frozen


@frozen
class Cores:
    """Equal cores.

    Parameters
    ----------
    threads : tuple of tuple of int
        Numbers of the hardware threads of each core.
    khz : int
    part : tuple of (implementer, part), optional
        None on x86.
    capacity : int, optional
    type : str, optional
        As the kernel calls the performance-monitoring unit of hybrid chips.
    l1, l2 : int
        KiB.
    l2_cores : int
        How many cores share one L2.
    """

    threads: tuple[tuple[int, ...], ...]
    khz: int
    part: tuple[int, int] | None = None
    capacity: int | None = None
    type: str = ""
    l1: int = 32
    l2: int = 512
    l2_cores: int = 1


@frozen
class Known:
    """A board: its kinds of cores, the fastest first, and an L3 (KiB) of some of the kinds."""

    kinds: tuple[Cores, ...]
    model: str = ""
    l3: int = 0
    in_l3: int = 9


def single(first, last):
    """Cores of one hardware thread each."""
    return tuple((number,) for number in range(first, last + 1))


def paired(first, last):
    """Cores of two neighbouring hardware threads each."""
    return tuple((number, number + 1) for number in range(first, last, 2))


A53, A55, A57, A72, A73 = (0x41, 0xD03), (0x41, 0xD05), (0x41, 0xD07), (0x41, 0xD08), (0x41, 0xD09)
A76, A78AE, DENVER = (0x41, 0xD0B), (0x41, 0xD42), (0x4E, 0x003)

KNOWN = {
    # Amlogic A311D: arch/arm64/boot/dts/amlogic/meson-g12b.dtsi (two A53 first, then four A73).
    "khadas-vim3": Known(
        (
            Cores(single(2, 5), 2208000, A73, 1024, l1=64, l2=1024, l2_cores=4),
            Cores(single(0, 1), 1800000, A53, 482, l2=256, l2_cores=2),
        )
    ),
    # Kirin 970, kernel 4.9: no cpu_capacity.
    "hikey970": Known(
        (
            Cores(single(4, 7), 2362000, A73, l1=64, l2=2048, l2_cores=4),
            Cores(single(0, 3), 1844000, A53, l2=1024, l2_cores=4),
        )
    ),
    # Broadcom BCM2712: four A76, 512 KiB L2 each, 2 MiB L3.
    "raspberry-pi-5": Known((Cores(single(0, 3), 2400000, A76, 1024, l1=64),), l3=2048),
    # Tegra X2: Denver 2 cores are 1 and 2, all at 2035.2 MHz.
    "jetson-tx2": Known(
        (
            Cores(((0,), (3,), (4,), (5,)), 2035200, A57, l1=32, l2=2048, l2_cores=4),
            Cores(((1,), (2,)), 2035200, DENVER, l1=64, l2=2048, l2_cores=2),
        )
    ),
    # Tegra234: three clusters of four equal A78AE with an L3 each; no cluster of the kernel's.
    "jetson-agx-orin": Known((Cores(single(0, 11), 2201600, A78AE, 1024, l1=64, l2=256),)),
    # Rockchip RK3399: rk3399.dtsi (485 and 1024 dmips a MHz), rk3399-opp.dtsi.
    "rk3399": Known(
        (
            Cores(single(4, 5), 1800000, A72, 1024, l1=32, l2=1024, l2_cores=2),
            Cores(single(0, 3), 1416000, A53, 381, l2=512, l2_cores=4),
        )
    ),
    # Rockchip RK3588: rk3588-base.dtsi (530 and 1024 dmips a MHz).
    "rk3588": Known(
        (
            Cores(single(4, 7), 2400000, A76, 1024, l1=64),
            Cores(single(0, 3), 1800000, A55, 397, l2=128),
        ),
        l3=3072,
    ),
    # A phone with three clusters in one DynamIQ unit and four types of cores (Snapdragon 8 Gen 2):
    # util-linux, tests/expected/lscpu/lscpu-arm-A510-A710-A715-X3.
    "snapdragon-8-gen-2": Known(
        (
            Cores(single(7, 7), 3187200, (0x41, 0xD4E), 1024, l1=64, l2=1024),
            Cores(single(3, 4), 2803200, (0x41, 0xD47), 841, l1=64),
            Cores(single(5, 6), 2803200, (0x41, 0xD4D), 841, l1=64),
            Cores(single(0, 2), 2016000, (0x41, 0xD46), 326, l2=256),
        ),
        l3=8192,
    ),
    # hwloc, tests/hwloc/linux/20em64t-hybrid-1p6c2t+2ca4co1t (newer kernels say capacity 1024 of
    # all of them).
    "core-i7-1370p": Known(
        (
            Cores(paired(0, 11), 5000000, None, 1024, "cpu_core", l1=48, l2=1280),
            Cores(single(12, 19), 3900000, None, 1024, "cpu_atom", l2=2048, l2_cores=4),
        ),
        "13th Gen Intel(R) Core(TM) i7-1370P",
        l3=24576,
    ),
    # util-linux, tests/expected/lscpu/lscpu-x86_64-meteor_lake: threads 0 and 5 are one core, and
    # the two slow cores (2.5 GHz) have no L3 and are in cpu_atom too.
    "core-ultra-9-185h": Known(
        (
            Cores(((0, 5), *paired(1, 4), *paired(6, 11)), 5100000, None, None, "cpu_core", 48),
            Cores(single(12, 19), 3800000, None, None, "cpu_atom", l2=2048, l2_cores=4),
            Cores(single(20, 21), 2500000, None, None, "cpu_atom", l2=2048, l2_cores=2),
        ),
        "Intel(R) Core(TM) Ultra 9 185H",
        l3=24576,
        in_l3=2,
    ),
}

CPUS = "sys/devices/system/cpu"
UNITS = {"cpu_core": "IntelCore", "cpu_atom": "IntelAtom"}


def ranges(numbers):
    return ",".join(str(number) for number in sorted(numbers))


def caches(known):
    """(kind of cores, level, type of cache, KiB, hardware threads) of every cache."""
    for kind in known.kinds:
        for core in kind.threads:
            yield kind, 1, "Data", kind.l1, core
            yield kind, 1, "Instruction", kind.l1, core
        for start in range(0, len(kind.threads), kind.l2_cores):
            group = kind.threads[start : start + kind.l2_cores]
            yield kind, 2, "Unified", kind.l2, tuple(t for core in group for t in core)
    if known.l3:
        inside = known.kinds[: known.in_l3]
        threads = tuple(t for kind in inside for core in kind.threads for t in core)
        yield None, 3, "Unified", known.l3, threads


def sysfs(known):
    """Files of a dump by path."""
    files, blocks = {}, []
    every = [t for kind in known.kinds for core in kind.threads for t in core]
    files[f"{CPUS}/online"] = ranges(every)
    for kind in known.kinds:
        if kind.type:
            same = [k for k in known.kinds if k.type == kind.type]
            threads = [t for k in same for core in k.threads for t in core]
            files[f"sys/devices/{kind.type}/cpus"] = ranges(threads)
        for core in kind.threads:
            for thread in core:
                folder = f"{CPUS}/cpu{thread}"
                files[f"{folder}/topology/thread_siblings_list"] = ranges(core)
                files[f"{folder}/cpufreq/cpuinfo_max_freq"] = str(kind.khz)
                if kind.capacity is not None:
                    files[f"{folder}/cpu_capacity"] = str(kind.capacity)
                named = f"model name\t: {known.model}"
                if kind.part:
                    named = f"CPU implementer\t: {kind.part[0]:#x}\nCPU part\t: {kind.part[1]:#x}"
                blocks.append(f"processor\t: {thread}\n{named}\n")
    for number, (_, level, type, size, threads) in enumerate(caches(known)):
        for thread in threads:
            folder = f"{CPUS}/cpu{thread}/cache/index{number}"
            files[f"{folder}/level"] = str(level)
            files[f"{folder}/type"] = type
            files[f"{folder}/size"] = f"{size}K"
            files[f"{folder}/shared_cpu_list"] = ranges(threads)
    files["proc/cpuinfo"] = "\n".join(blocks)
    return files


def cpuset(threads):
    """As hwloc writes sets."""
    mask = sum(1 << thread for thread in threads)
    words = [f"0x{mask >> 32 * i & 0xFFFFFFFF:08x}" for i in range(mask.bit_length() // 32 + 1)]
    return ",".join(reversed(words))


def hwloc(known, version):
    """The board as XML of hwloc 1, 2 or 3."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_doctype(version)}{_tree(known, version)}'


def _doctype(version):
    dtd = "hwloc.dtd" if version == 1 else "hwloc2.dtd"
    return f'<!DOCTYPE topology SYSTEM "{dtd}">\n'


def _tree(known, version):
    every = [t for kind in known.kinds for core in kind.threads for t in core]
    whole = f'cpuset="{cpuset(every)}" allowed_cpuset="{cpuset(every)}"'
    l3 = [size for _, level, _, size, _ in caches(known) if level == 3]
    body = ""
    for number, kind in enumerate(known.kinds):
        nested = _kind(known, kind, version)
        if l3 and number < known.in_l3:
            threads = [t for k in known.kinds[: known.in_l3] for core in k.threads for t in core]
            nested = _cache(version, 3, "Unified", l3[0], threads, nested)
        body += nested
    infos = f'<info name="CPUModel" value="{known.model}"/>' if known.model else ""
    node = '<object type="NUMANode" os_index="0" local_memory="8589934592"/>'
    package = f'<object type="{"Socket" if version == 1 else "Package"}" os_index="0">{infos}{body}'
    if version == 1:
        inside = (
            f'<object type="NUMANode" os_index="0" local_memory="8589934592">{package}</object>'
        )
    else:
        inside = package.replace(infos + body, infos + node + body)
    top = f'<object type="Machine" os_index="0" {whole}>{inside}</object></object>'
    kinds = "" if version == 1 else "".join(map(_cpukind, known.kinds))
    number = "" if version == 1 else f' version="{version}.0"'
    return f"<topology{number}>{top}{kinds}</topology>"


def _kind(known, kind, version):
    """Cores of a kind, each inside its caches."""
    text = ""
    for start in range(0, len(kind.threads), kind.l2_cores):
        group = kind.threads[start : start + kind.l2_cores]
        inner = ""
        for core in group:
            units = "".join(f'<object type="PU" os_index="{thread}"/>' for thread in core)
            one = f'<object type="Core" os_index="{core[0]}">{units}</object>'
            for type in ("Instruction", "Data"):
                one = _cache(version, 1, type, kind.l1, core, one)
            inner += one
        text += _cache(version, 2, "Unified", kind.l2, [t for core in group for t in core], inner)
    return text


def _cache(version, level, type, size, threads, inner):
    name = "Cache" if version == 1 else f"L{level}{'i' if type == 'Instruction' else ''}Cache"
    code = ("Unified", "Data", "Instruction").index(type)
    return (
        f'<object type="{name}" cpuset="{cpuset(threads)}" cache_size="{size * 1024}" '
        f'depth="{level}" cache_type="{code}">{inner}</object>'
    )


def _cpukind(kind):
    values = {"FrequencyMaxMHz": kind.khz // 1000}
    if kind.capacity is not None:
        values["LinuxCapacity"] = kind.capacity
    if kind.type:
        values["CoreType"] = UNITS[kind.type]
    infos = "".join(f'<info name="{name}" value="{value}"/>' for name, value in values.items())
    threads = [t for core in kind.threads for t in core]
    return f'<cpukind cpuset="{cpuset(threads)}" forced_efficiency="0">{infos}</cpukind>'
