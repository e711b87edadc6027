"""Open a network by what a user types: a name of the zoo, or a file."""

from __future__ import annotations

import os

from bnnplan.models import zoo
from bnnplan.models.errors import InputError
from bnnplan.models.graph import Network
from bnnplan.models.network_file import SUFFIX, load_network

DEFAULT = zoo.TRAINED
ONNX_SUFFIXES = (".onnx", ".onnx.gz")


def open_network(text: str | os.PathLike[str]) -> Network:
    """The network that a name of the zoo, a ``.bnn`` file or an ONNX file stands for.

    Raises
    ------
    InputError
        For something else; the message lists the zoo.
    FileError
        For a file that cannot be read.
    UnsupportedError
        For an ONNX file with operators that bnnplan does not know.
    """
    name = os.fspath(text)
    if name in zoo.ZOO:
        return zoo.build(name)
    if name.endswith(SUFFIX):
        return load_network(name)
    if name.endswith(ONNX_SUFFIXES):
        # onnx takes long to import, and only these files need it.
        from bnnplan.models.onnx import import_onnx

        return import_onnx(name).network
    if os.path.exists(name):
        known = ", ".join((SUFFIX, *ONNX_SUFFIXES))
        raise InputError(f"{name} is no network file; its name must end in {known}")
    raise InputError(f"{zoo.unknown_name(name)}; or give a {SUFFIX} or .onnx file")
