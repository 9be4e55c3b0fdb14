"""The command-line options behind `Limits`, one for each of its fields."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

import click

from scanner.limits import Limits, check_limit

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size(value: str) -> int:
    """A number of bytes such as 1000, 512M or 1.5G; units are powers of 1,024.

    Raises click.BadParameter.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    number = int(Decimal(match[1]) * UNITS[match[2].upper()]) if match else 0
    if not number:
        raise click.BadParameter(f"{value!r} is no size; write for example 512M or 2G.")
    return number


def size_text(number: int) -> str:
    """A number of bytes as a user would type it: in the largest unit that divides it."""
    unit = next(unit for unit in reversed(UNITS) if number % UNITS[unit] == 0)
    return f"{number // UNITS[unit]}{unit}"


# Field of Limits: flag, type, help.
OPTIONS: dict[str, tuple[str, Callable[[str], float], str]] = {
    "depth": ("--max-depth", int, "Archives within archives."),
    "members": ("--max-members", int, "Members of one archive."),
    "file_bytes": ("--max-file-size", size, "One file or archive member."),
    "archive_bytes": ("--max-archive-size", size, "One archive, expanded."),
    "total_bytes": ("--max-total-size", size, "All archives together, expanded."),
    "ratio": ("--max-ratio", int, "Expanded over stored size of one archive or sparse file."),
    "pixels": ("--max-pixels", int, "Pixels of one image."),
    "pages": ("--max-pages", int, "Pages of one image that are scored."),
    "seconds": ("--timeout", float, "Seconds of reading and decoding one file, or one page."),
    "memory_bytes": (
        "--worker-memory",
        size,
        "Memory of one worker process; enforced on Linux only.",
    ),
}


def _in_range(_: click.Context, option: click.Parameter, value: float) -> float:
    try:
        check_limit(option.name or "", value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a click command an option for every limit; it receives them as `limits`."""

    @functools.wraps(command)
    def with_limits(**values: Any) -> None:
        command(limits=Limits(**{field: values.pop(field) for field in OPTIONS}), **values)

    decorated: Callable[..., None] = with_limits
    for field in reversed(fields(Limits)):
        flag, kind, text = OPTIONS[field.name]
        is_size = kind is size
        add = click.option(
            flag,
            field.name,
            type=kind,
            callback=_in_range,
            default=size_text(field.default) if is_size else field.default,
            metavar="SIZE" if is_size else "NUMBER",
            show_default=True,
            help=f"Limit: {text}",
        )
        decorated = add(decorated)
    return decorated
