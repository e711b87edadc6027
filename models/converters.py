"""Converters of attrs fields, typed so that any iterable or mapping is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def as_tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    """Any iterable as a tuple."""
    return tuple(items)


def as_dict(items: Mapping[Any, Any]) -> dict[Any, Any]:
    """Any mapping as a dict of its own."""
    return dict(items)


def as_whole(items: Iterable[Any]) -> tuple[int, ...]:
    """Any iterable of whole numbers as a tuple of int."""
    return tuple(int(item) for item in items)
