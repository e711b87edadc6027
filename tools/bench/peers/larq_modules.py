"""The two modules of larq-compute-engine that are needed, loaded by their files.

Importing the package itself imports its converter, and with that TensorFlow, of which neither the
interpreter nor the schema of its files needs anything. The package must be installed.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from types import ModuleType

PACKAGE = "larq-compute-engine"


@functools.cache
def schema() -> ModuleType:
    """Classes of the TensorFlow Lite file format."""
    return _load("tflite_schema", "mlir/python/tflite_schema.py")


@functools.cache
def interpreter() -> ModuleType:
    """The native module with the class `LiteInterpreter`."""
    (file,) = [
        str(entry)
        for entry in importlib.metadata.files(PACKAGE) or []
        if entry.name.startswith("interpreter_wrapper_lite")
    ]
    return _load("interpreter_wrapper_lite", file.partition("/")[2])


def _load(name: str, path: str) -> ModuleType:
    where = importlib.metadata.distribution(PACKAGE).locate_file("larq_compute_engine")
    spec = importlib.util.spec_from_file_location(name, f"{where}/{path}")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
