"""Small files of a sysfs tree: missing ones are None, malformed ones a FileError with the path."""

from __future__ import annotations

from pathlib import Path

from bnnplan.models.errors import FileError

SUFFIXES = {"K": 2**10, "M": 2**20, "G": 2**30}
MOST_CORES = 2**16


def read_text(path: Path) -> str | None:
    """Contents of a small file; None if it is missing or the kernel refuses to tell."""
    try:
        return path.read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not a text file; take the dump again") from error
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """A whole number, not negative; None if the file is missing."""
    text = read_text(path)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal():
        raise FileError(f"{path}: {text[:40]!r} is no whole number; take the dump again")
    return int(text)


def read_size(path: Path) -> int | None:
    """A size such as 32K in bytes; None if the file is missing."""
    text = read_text(path)
    if text is None:
        return None
    digits, suffix = text[:-1], text[-1:]
    if suffix not in SUFFIXES or not digits.isascii() or not digits.isdecimal():
        raise FileError(f"{path}: {text[:40]!r} is no size such as 32K; take the dump again")
    return int(digits) * SUFFIXES[suffix]


def read_list(path: Path) -> list[int] | None:
    """A list of cores such as 0-3,8; None if the file is missing."""
    text = read_text(path)
    if text is None:
        return None
    cores: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        ends = [first, last or first]
        if not all(end.isascii() and end.isdecimal() for end in ends):
            raise FileError(f"{path}: {text[:40]!r} is no list of cores such as 0-3,8")
        low, high = map(int, ends)
        if not low <= high < MOST_CORES:
            raise FileError(f"{path}: {part!r} is no range of cores")
        cores.update(range(low, high + 1))
    return sorted(cores)
