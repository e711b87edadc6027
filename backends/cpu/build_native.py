"""Write the C source of the extension module `_native` from the headers of the C library.

Run by CMake: ``build_native.py INCLUDE_FOLDER OUTPUT_FILE``. The public headers hold plain
declarations only, so that cffi reads them once their preprocessor lines are gone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cffi import FFI

FOR_CPP = re.compile(r"^#ifdef __cplusplus$.*?^#endif$", re.MULTILINE | re.DOTALL)
MODULE = "bnnplan.backends.cpu._native"
HEADERS = (
    "kernel.h",
    "isa.h",
    "team.h",
    "program.h",
    "pipeline.h",
    "peak.h",
    "binary.h",
    "numbers.h",
)
"""In the order of their dependencies."""


def declarations(header: Path) -> str:
    """The header without its preprocessor lines, and without what only C++ reads."""
    lines = FOR_CPP.sub("", header.read_text("utf-8")).splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def main(include: Path, output: Path) -> None:
    """Generate the module's source."""
    builder = FFI()
    builder.cdef("\n".join(declarations(include / "bnnplan" / name) for name in HEADERS))
    source = "\n".join(f"#include <bnnplan/{name}>" for name in HEADERS)
    builder.set_source(MODULE, source)
    builder.emit_c_code(str(output))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
