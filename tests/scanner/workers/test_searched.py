"""Protects: what is said of a file that was searched, and how far a long search has come."""

from __future__ import annotations

import time
from pathlib import Path

from scanner.carving.gaps import Gaps
from scanner.cli.terminal import Terminal
from scanner.limits import Limits
from scanner.processes import unheard
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Stamp
from scanner.workers.pool import Workers
from scanner.workers.searched import ends_of, outcome, search_bytes
from tests.conftest import EVERY_SIZE
from tests.scanner.carving.pictures import jpeg


def said(data: bytes) -> str:
    search = search_bytes(data, None, Limits(), unheard)
    return outcome(ends_of(data), search)[1]


def test_how_many_were_found_is_said() -> None:
    text = b"a text " * 99
    assert said(text) == "text; no picture begins anywhere in it"
    one = "; 1 picture was found in it, which has a row of its own"
    assert said(text + b"\0" + jpeg(1)) == f"a file of unknown kind{one}"
    assert said(b"\0".join([text, jpeg(1), jpeg(2)])).endswith(
        "; 2 pictures were found in it, which have rows of their own"
    )


def test_what_the_file_begins_with_is_not_found_in_it() -> None:
    whole = jpeg(1) + b" and " + jpeg(2)
    for decoded in ((), (0,)):
        search = search_bytes(whole, None, Limits(), unheard, decoded)
        assert [place.offset for place in search.places] == [len(jpeg(1)) + 5]
    # Of a sound picture whose end nothing tells, all that follows may be its own.
    unknown = b"P6 2 2 255 " + bytes(12) + jpeg(2)
    assert len(search_bytes(unknown, None, Limits(), unheard, (0,)).places) == 0
    assert len(search_bytes(unknown, None, Limits(), unheard).places) == 1


def test_nothing_is_searched_where_readers_account_for_all() -> None:
    assert len(search_bytes(jpeg(1), Gaps([]), Limits(), unheard).places) == 0


def test_a_large_file_tells_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "disk.bin"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    size = path.stat().st_size
    found = Found("disk.bin", 0, path, Stamp(size, 0))
    told = []
    with Workers(1, EVERY_SIZE, Limits(file_bytes=1 << 20)) as workers:
        workers.submit(found)
        started = time.monotonic()
        while workers.busy() and time.monotonic() - started < 200:
            for _ in workers.results(0.1):
                pass
            if reading := workers.reading():
                told.append(reading[1])
    assert told
    assert told == sorted(told)
    assert 0 < told[-1] <= size


def test_the_bar_names_a_file_that_takes_long(capsys: object) -> None:
    terminal = Terminal(quiet=False, verbose=False, log_file=None)
    terminal.show(Progress(files=3, reading=("a/long/way/to/" + "x" * 99 + "/disk.dd", 0.25)))
    bar = terminal._bar
    assert bar is not None
    assert "disk.dd 25%" in str(bar.postfix)
    assert len(str(bar.postfix)) < 100
    terminal.close()
