"""GPUs that the machine has but no backend can use: told, never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bnnplan.backends.interface import Device, Unavailable

VENDORS = {
    "0x1002": "AMD",
    "0x10de": "NVIDIA",
    "0x8086": "Intel",
    "0x13b5": "ARM",
    "0x5143": "Qualcomm",
}
"""PCI vendor numbers of makers of GPUs (pci.ids of the PCI ID Project)."""
CLASSES = "sys/class/drm"
DRIVERS = {"panfrost": "ARM Mali", "lima": "ARM Mali", "v3d": "Broadcom VideoCore", "msm": "Adreno"}
"""Names of Linux drivers of GPUs that are no PCI devices."""


def idle_gpus(devices: Iterable[Device], root: Path = Path("/")) -> list[Unavailable]:
    """GPUs that Linux knows of, if no device is a GPU.

    Parameters
    ----------
    devices : iterable of Device
        Those that backends found.
    root : Path
        Folder below which `/sys` stands.
    """
    if any(device.kind == "gpu" for device in devices):
        return []
    names = dict.fromkeys(filter(None, map(_maker, sorted((root / CLASSES).glob("card[0-9]")))))
    return [
        Unavailable(
            f"{name} GPU",
            "there is no OpenCL driver for it: install its maker's OpenCL driver (an .icd file in "
            "/etc/OpenCL/vendors)",
        )
        for name in names
    ]


def _maker(card: Path) -> str | None:
    try:
        return VENDORS.get((card / "device" / "vendor").read_text("ascii").strip())
    except (OSError, UnicodeDecodeError):
        driver = card / "device" / "driver"
        return DRIVERS.get(driver.resolve().name) if driver.exists() else None
