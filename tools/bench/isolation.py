"""A process for each number of threads, bound to as many cores, with the instruction set wanted.

Engines start threads and choose instruction sets when they are loaded, and keep both.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

SHIM = Path(__file__).parent / "peers" / "openvino_avx2.c"
PEERS_ENVIRONMENT = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        # numba compiles for a processor, not for an instruction set.
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+lzcnt,+movbe,+f16c",
    },
}
"""What holds peers to an instruction set; to the others they cannot be held."""


def in_processes(
    threads: list[int], items: Sequence[Item], work: Callable[[int, Item], Made]
) -> Iterator[Made]:
    """What `work` gives for each item on each number of threads, a process for each number."""
    for count in threads:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, _bind, (count,)) as pool:
            for item in items:
                yield pool.submit(work, count, item).result()


def _bind(threads: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


@contextlib.contextmanager
def environment(isa: str) -> Iterator[None]:
    """Hold us, and processes started meanwhile, to an instruction set; peers where they can be."""
    before = dict(os.environ)
    os.environ.update(PEERS_ENVIRONMENT.get(isa, {}), **({"BNNPLAN_ISA": isa} if isa else {}))
    with tempfile.TemporaryDirectory() as folder:
        if isa == "avx2":
            shim = _compiled(Path(folder))
            if shim:
                os.environ["LD_PRELOAD"] = str(shim)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _compiled(folder: Path) -> Path | None:
    """The shim that keeps OpenVINO's own kernels to AVX2, or None, said, without a compiler."""
    shim = folder / "openvino_avx2.so"
    command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", str(shim), str(SHIM)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"OpenVINO's binary kernels will use AVX-512 where the machine has it: {error}",
            file=sys.stderr,
        )
        return None
    return shim
