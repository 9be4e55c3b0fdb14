"""Protects: what is compressed or encrypted looks so, and code, text and pictures do not."""

from __future__ import annotations

import bz2
import lzma
import random
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner.carving.entropy import Opaque, is_even

SOURCE = b"".join(sorted(path.read_bytes() for path in Path(__file__).parents[2].rglob("*.py")))


def opaque(data: bytes, known: range = range(0)) -> Opaque:
    measured = Opaque()
    for place in range(0, len(data), 1 << 20):
        measured.feed(data[place : place + (1 << 20)], place, lambda at: at in known)
    return measured


@pytest.mark.parametrize("size", [256, 300, 700, 1_024, 4_096])
def test_random_bytes_of_any_length(size: int) -> None:
    chance = random.Random(size)
    assert sum(is_even(chance.randbytes(size)) for _ in range(200)) >= 190


@pytest.mark.parametrize("compress", [zlib.compress, bz2.compress, lzma.compress])
def test_compressed_bytes(compress: Callable[[bytes], bytes]) -> None:
    data = compress(SOURCE)
    assert opaque(data)
    # And a long stretch of them in something else.
    assert opaque(SOURCE[: 1 << 18] + data[: 1 << 18] + SOURCE[: 1 << 18])


def test_what_is_not_compressed() -> None:
    assert not opaque(SOURCE)
    assert not opaque(Path(sys.executable).resolve().read_bytes())
    assert not opaque(bytes(1 << 20))
    assert not opaque(b"")
    assert not opaque(random.Random(0).randbytes(200))  # too short to say


def test_what_is_accounted_for_does_not_count() -> None:
    noise = random.Random(1).randbytes(1 << 20)
    assert not opaque(noise, known=range(1 << 20))
    assert opaque(noise)


def test_a_short_stretch_in_a_long_file_does_not_count() -> None:
    noise = random.Random(2).randbytes(8_000)
    assert not opaque(SOURCE[: 1 << 19] + noise + SOURCE[: 1 << 19])
