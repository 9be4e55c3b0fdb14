"""Entries of a PDF's dictionaries, wherever their values are written."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any


def entry(item: Any, key: str, default: Any = None) -> Any:
    """The value of a key, also of one that is an object of its own; `default` if it has none."""
    from pypdf.generic import NullObject

    if key not in item:
        return default
    value = item[key]  # which, unlike get, follows a reference
    return default if isinstance(value, NullObject) else value


def readable_entry(item: Any, key: str) -> Any:
    """The value of a key, None if it has none or one that cannot be read."""
    with contextlib.suppress(Exception):  # a parser raises nearly anything on broken references
        return entry(item, key)
    return None


def elements(array: Any) -> list[Any]:
    """What an array holds, with references followed."""
    return [value.get_object() for value in array]


def numbers(item: Any, key: str, default: Sequence[float] | None = None) -> list[float]:
    """An array of numbers. Raises ValueError if it is missing or holds anything else."""
    array = entry(item, key)
    if array is None and default is not None:
        return list(default)
    if not isinstance(array, list):
        raise ValueError(f"there are no numbers in its {key.removeprefix('/')}")
    values = [float(value) for value in elements(array)]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"its {key.removeprefix('/')} holds what is no number")
    return values
