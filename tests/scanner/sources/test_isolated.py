"""Protects: a parser that crashes, hangs, eats memory or raises costs only its own container."""

from __future__ import annotations

import sys

import pytest

from scanner.containers.container import MemberError
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.isolated import Readers
from tests.scanner.containers import hostile

LIMITS = Limits(seconds=5)


def read(readers: Readers, content: bytes) -> list[str]:
    return [member.path for member in readers.members(hostile, (content), "a", LIMITS, ())]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(
            b"crash",
            Status.CRASHED,
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no SIGSEGV to send"),
        ),
        (b"hang", Status.TIMEOUT),
        (b"eat", Status.OVER_LIMIT),
        (b"surprise", Status.UNREADABLE),
    ],
)
def test_the_next_container_is_read_all_the_same(content: bytes, status: Status) -> None:
    with Readers(LIMITS, ()) as readers:
        with pytest.raises(MemberError) as raised:
            read(readers, content)
        assert raised.value.status is status
        assert str(raised.value).isprintable()
        assert read(readers, b"honest") == ["a!/first"]


def test_a_reader_that_says_that_it_goes_on_is_waited_for() -> None:
    """The table of files of a large disk may be read for minutes before one of them is met."""
    with Readers(Limits(seconds=1), ()) as readers:
        assert read(readers, b"slow") == ["a!/first"]


def test_what_came_before_the_end_is_kept() -> None:
    with Readers(LIMITS, ()) as readers:
        met = readers.members(hostile, (b"surprise"), "a", LIMITS, ())
        assert next(met).path == "a!/first"
        with pytest.raises(MemberError):
            next(met)


def test_a_container_left_half_read_does_not_leak_into_the_next() -> None:
    with Readers(LIMITS, ()) as readers:
        half = readers.members(hostile, (b"hang"), "half", LIMITS, ())
        assert next(half).path == "half!/first"
        del half
        assert read(readers, b"honest") == ["a!/first"]


def test_containers_inside_each_other_are_read_at_once() -> None:
    with Readers(LIMITS, ()) as readers:
        for outer in readers.members(hostile, (b""), "outer", LIMITS, ()):
            assert read(readers, outer.path.encode()) == ["a!/first"]
