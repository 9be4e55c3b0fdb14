"""Protects: a large archive member is held once on its way from the archive to a worker."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scanner.containers.container import TooLarge, read_limited
from scanner.limits import Limits
from scanner.sources.found import Found
from scanner.workers.pool import Workers
from tests.conftest import EVERY_SIZE

CONTENT = bytes(range(256)) * (1 << 18)  # 64 MiB


@contextmanager
def at_most(held: float) -> Iterator[None]:
    """Fail if more than `held` times CONTENT is allocated meanwhile."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < held * len(CONTENT)


def test_reading_holds_a_member_once() -> None:
    stream = io.BytesIO(CONTENT)
    with at_most(1.3):
        assert read_limited(stream, len(CONTENT)) == CONTENT
    with pytest.raises(TooLarge):
        read_limited(io.BytesIO(CONTENT), len(CONTENT) - 1)


def test_a_worker_is_sent_members_without_copies() -> None:
    members = [CONTENT, b"", b"1"]
    with Workers(1, EVERY_SIZE, Limits()) as workers, at_most(0.1):
        for number, member in enumerate(members):
            workers.submit(Found(f"{number}", 1, member))
        hashes: dict[str, str | None] = {}
        while workers.busy():
            hashes |= {found.path: examined.sha256 for found, examined in workers.results(1)}
    assert hashes == {
        f"{number}": hashlib.sha256(member).hexdigest() for number, member in enumerate(members)
    }
