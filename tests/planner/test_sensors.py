"""Sensors of energy and power, from trees as kernels make them, and what devices draw."""

import contextlib
import os
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnnplan.backends.interface import Device, MemorySpace, Program, Unavailable
from bnnplan.planner.board import detect_board
from bnnplan.planner.power_draw import measure_power, sensors_for
from bnnplan.planner.sensors import Meter, Part, Sensor, SensorError, sensors

RAPL = {
    "intel-rapl/enabled": "1",
    "intel-rapl:0/name": "package-0",
    "intel-rapl:0/energy_uj": "262143328849",
    "intel-rapl:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0:0/name": "core",
    "intel-rapl:0:0/energy_uj": "1000000",
    "intel-rapl:0:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0:1/name": "uncore",
    "intel-rapl:0:1/energy_uj": "500000",
    "intel-rapl:0:2/name": "dram",
    "intel-rapl:0:2/energy_uj": "2000000",
    "intel-rapl:1/name": "psys",
    "intel-rapl:1/energy_uj": "9000000",
    "intel-rapl-mmio:0/name": "package-0",
    "intel-rapl-mmio:0/energy_uj": "262143328849",
}
# Jetson AGX Orin: one INA3221 of named rails, and a second one of which only a rail is connected.
ORIN = {
    "hwmon0/name": "ina3221",
    "hwmon0/in1_label": "VDD_GPU_SOC",
    "hwmon0/in1_input": "19936",
    "hwmon0/curr1_input": "200",
    "hwmon0/in2_label": "VDD_CPU_CV",
    "hwmon0/in2_input": "19928",
    "hwmon0/curr2_input": "48",
    "hwmon0/in3_label": "VIN_SYS_5V0",
    "hwmon0/in3_input": "5000",
    "hwmon0/curr3_input": "700",
    "hwmon0/in7_label": "sum of shunt voltages",
    "hwmon0/in7_input": "100",
    "hwmon0/curr4_input": "948",
    "hwmon1/name": "ina3221",
    "hwmon1/in1_enable": "0",
    "hwmon1/in1_input": "0",
    "hwmon1/curr1_input": "0",
    "hwmon1/in2_label": "VDDQ_VDD2_1V8AO",
    "hwmon1/in2_input": "1800",
    "hwmon1/curr2_input": "100",
}
OTHERS = {
    # A carrier board's INA226, whose voltages are of the shunt and of the bus.
    "hwmon0/name": "ina226",
    "hwmon0/in0_input": "12",
    "hwmon0/in1_input": "5000",
    "hwmon0/curr1_input": "600",
    "hwmon0/power1_input": "3000000",
    "hwmon0/power1_label": "5V_IN",
    # A GPU, and a battery that nobody asks.
    "hwmon1/name": "amdgpu",
    "hwmon1/power1_average": "15000000",
    "hwmon1/power1_label": "PPT",
    "hwmon2/name": "BAT0",
    "hwmon2/power1_input": "9000000",
    # Voltages and currents of a power supply, which do not belong together.
    "hwmon3/name": "corsairpsu",
    "hwmon3/in1_input": "12000",
    "hwmon3/curr1_input": "1000",
    "hwmon4/name": "amd_energy",
    "hwmon4/energy1_input": "77000000",
    "hwmon4/energy1_label": "Esocket0",
    "hwmon4/energy2_input": "1000000",
    "hwmon4/energy2_label": "Ecore000",
}
# Jetson TX2 with NVIDIA's kernel 4.9, as its developer guide lists the rails.
TX2 = {
    "iio:device0/rail_name_0": "VDD_SYS_GPU",
    "iio:device0/in_power0_input": "229",
    "iio:device0/rail_name_1": "VDD_SYS_SOC",
    "iio:device0/in_power1_input": "458",
    "iio:device1/rail_name_0": "VDD_IN",
    "iio:device1/in_power0_input": "2900",
    "iio:device1/rail_name_1": "VDD_SYS_CPU",
    "iio:device1/in_power1_input": "382",
    "iio:device1/rail_name_2": "VDD_SYS_DDR",
    "iio:device1/in_power2_input": "300",
    "iio:device2/rail_name_0": "NC",
    "iio:device2/in_power0_input": "0",
}


def tree(root, folder, files):
    for name, content in files.items():
        path = root / "sys" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


def told(found):
    """Name without its place, part, and reading in joules or watts."""
    return {s.name.split(" ", 1)[1]: (s.part, pytest.approx(s.read() * s.unit)) for s in found}


def test_zones_of_powercap_with_packages_once(tmp_path):
    found, missing = sensors(tree(tmp_path, "class/powercap", RAPL))
    assert missing == []
    assert told(found) == {
        "package-0": (Part.PACKAGE, 262143.328849),
        "core": (Part.CORES, 1.0),
        "uncore": (Part.GPU, 0.5),
        "dram": (Part.MEMORY, 2.0),
        "psys": (Part.BOARD, 9.0),
    }
    assert all(sensor.is_counter for sensor in found)


def test_rails_of_an_ina3221_are_voltage_times_current(tmp_path):
    found, _ = sensors(tree(tmp_path, "class/hwmon", ORIN))
    assert {sensor.name.split()[-1]: sensor.part for sensor in found} == {
        "VDD_GPU_SOC": Part.GPU,
        "VDD_CPU_CV": Part.CORES,
        "VIN_SYS_5V0": Part.BOARD,
        "VDDQ_VDD2_1V8AO": Part.MEMORY,
    }
    watts = [round(sensor.read() * sensor.unit, 3) for sensor in found]
    assert watts == [3.987, 0.957, 3.5, 0.18]


def test_other_chips_tell_power_or_energy_of_their_own(tmp_path):
    found, _ = sensors(tree(tmp_path, "class/hwmon", OTHERS))
    assert told(found) == {
        "ina226 5V_IN": (Part.BOARD, 3.0),
        "amdgpu PPT": (Part.GPU, 15.0),
        "amd_energy Esocket0": (Part.PACKAGE, 77.0),
        "amd_energy Ecore000": (Part.CORES, 1.0),
    }


def test_rails_of_old_jetson_kernels(tmp_path):
    found, _ = sensors(tree(tmp_path, "bus/iio/devices", TX2))
    assert told(found) == {
        "VDD_SYS_GPU": (Part.GPU, 0.229),
        "VDD_SYS_SOC": (Part.OTHER, 0.458),
        "VDD_IN": (Part.BOARD, 2.9),
        "VDD_SYS_CPU": (Part.CORES, 0.382),
        "VDD_SYS_DDR": (Part.MEMORY, 0.3),
    }


def test_a_machine_without_sensors_has_none(tmp_path):
    assert sensors(tmp_path) == ([], [])


@pytest.mark.parametrize("content", ["", "fast", "1.5", "9" * 5000, "²"])
def test_a_counter_that_holds_no_number_is_unavailable(content, tmp_path):
    files = {"intel-rapl:0/name": "package-0", "intel-rapl:0/energy_uj": content}
    found, (missing,) = sensors(tree(tmp_path, "class/powercap", files))
    assert found == []
    assert "energy_uj" in missing.reason
    assert "\n" not in missing.reason


def test_a_counter_that_only_root_may_read_says_so(tmp_path, monkeypatch):
    root = tree(tmp_path, "class/powercap", RAPL)

    def refuse(path, *args, **kwargs):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return original(path, *args, **kwargs)

    original = Path.read_text
    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found, missing = sensors(root)
    assert found == []
    assert len(missing) == 5
    assert all("as root: chmod a+r" in lost.reason for lost in missing)


@given(st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=20), st.integers(0, 10**6))
def test_a_counter_that_begins_again_loses_nothing(most, rises, start):
    sensor = Sensor("c", Part.PACKAGE, [], 1e-6, is_counter=True, range=most)
    value, total = start % (most + 1), 0.0
    for rise in rises:
        after = (value + rise % (most + 1)) % (most + 1)
        total += sensor.energy(value, after, 0.02)
        value = after
    assert total == pytest.approx(sum(rise % (most + 1) for rise in rises) * 1e-6)


@attrs.frozen
class Scripted(Sensor):
    """Reads what a function says."""

    says: object = None

    def read(self):
        return self.says()


def scripted(says, part=Part.PACKAGE, is_counter=False):
    return Scripted("fake 0", part, [], 1e-6, is_counter=is_counter, says=says)


def test_constant_power_is_that_power_however_often_it_is_read():
    with Meter([scripted(lambda: 5_000_000), scripted(lambda: 250_000)], period=0.001) as meter:
        while meter.seconds < 0.01:
            pass
    assert meter.watts == pytest.approx(5.25)


def test_a_sensor_that_breaks_while_it_is_read_is_told():
    answers = iter([1])

    def says():
        with contextlib.suppress(StopIteration):
            return next(answers)
        raise SensorError("the chip is gone")

    with pytest.raises(SensorError, match="chip is gone"), Meter([scripted(says)], period=0.001):
        pass


def device(kind):
    return Device("d", "reference", kind, "", MemorySpace("host"))


@pytest.mark.parametrize(
    ("kind", "parts", "chosen"),
    [
        ("cpu", ["package", "cores", "memory", "board"], ["package", "memory"]),
        ("cpu", ["cores", "gpu", "memory", "board"], ["cores", "memory"]),
        ("cpu", ["cpu and gpu", "board"], ["cpu and gpu"]),
        ("cpu", ["gpu", "board", "memory"], ["board"]),
        ("gpu", ["package", "gpu", "memory"], ["gpu", "memory"]),
        ("gpu", ["package", "cores"], []),
        ("cpu", ["package", "package"], ["package", "package"]),
    ],
)
def test_a_device_is_measured_with_what_sees_it_and_little_else(kind, parts, chosen):
    found = [scripted(lambda: 0, Part(part)) for part in parts]
    assert [sensor.part for sensor in sensors_for(device(kind), found)] == chosen


@pytest.fixture
def reference():
    """A board of the reference device."""
    return detect_board(oracles=True).board.only(["reference0"])


@pytest.fixture
def busy_sensor(monkeypatch):
    """9 W while a program runs, 4 W while none does."""
    running = []
    original = Program.run

    def run(program):
        running.append(program)
        try:
            original(program)
        finally:
            running.pop()

    monkeypatch.setattr(Program, "run", run)
    return scripted(lambda: 9_000_000 if running else 4_000_000)


def test_what_a_device_draws_is_written_into_the_board(reference, busy_sensor):
    board, (draw,), unknown = measure_power(reference, lambda: ([busy_sensor], []), seconds=0.2)
    assert unknown == ()
    assert draw.idle_watts == pytest.approx(4.0)
    assert 4.5 < draw.busy_watts <= 9.0
    assert board.devices[0].power_watts == pytest.approx(draw.added_watts, abs=1e-3)
    assert draw.sensors == ("fake 0",)


@pytest.mark.parametrize(
    ("found", "missing", "reason"),
    [
        ([], [], "no power sensor"),
        ([], [Unavailable("rapl", "energy_uj may not be read")], "energy_uj may not be read"),
        ([scripted(lambda: 4_000_000)], [], "do not see it"),
    ],
)
def test_power_that_no_sensor_tells_is_not_invented(found, missing, reason, reference):
    board, draws, (unknown,) = measure_power(reference, lambda: (found, missing), seconds=0.05)
    assert board.devices[0].power_watts is None
    assert draws == ()
    assert reason in unknown.reason
    assert "--power DEVICE=WATTS" in unknown.reason
