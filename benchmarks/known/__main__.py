"""How fast a file is found among very many known hashes, how soon, and in how much memory.

    python -m benchmarks.known --hashes 10000000

The same made-up hashes are an RDSv3 database as the NSRL's, and a list of text, which a scan makes
a sorted table of. Beside these stand SQLite asked without imgscan, and a Python set in memory.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.known.lists import WIDTH, Lists, make_lists
from benchmarks.known.lookups import (
    Asked,
    Drawn,
    Measured,
    measure,
    open_alone,
    open_known,
    open_set,
)
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import command_line, write_part
from benchmarks.shared.rounds import alternate, ratios, spread
from scanner.hashes.hashing import hash_bytes
from scanner.hashes.known import read_lists
from trainer.command import Command

HASHES = 10_000_000
LOOKUPS, LOOKUPS_FROM_DISK = 100_000, 1_000  # of hashes that are listed, and as many that are not
ROUNDS = 3
PROCESSES = (1, 2)
FILE_BYTES = 1_000_000  # of a file whose hashing a look-up is compared with
DATABASE, TEXT, ALONE, SET = "RDSv3 database", "list of text", "sqlite3 alone", "Python set"
KINDS = (DATABASE, TEXT, ALONE, SET)


@dataclass(frozen=True)
class Found:
    """By the kind of list. ready: seconds that a scan takes for it before its first look-up."""

    rounds: dict[int, list[dict[str, Measured]]]  # by how many processes there were
    from_disk: dict[str, Measured]
    ready: dict[str, float]
    stored: dict[str, int]  # bytes


@click.command(cls=Command, context_settings={"show_default": True})
@click.option("--hashes", type=click.IntRange(1), default=HASHES, help="How many are known.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the lists are made, for as long as it takes.  [default: that of temporary files]",
)
@shared_option("--output", help="Folder for known.json, .csv and .md.")
def main(hashes: int, folder: Path | None, output: Path) -> None:
    """Measure look-ups a second, memory, and the time until the first look-up."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        lists = make_lists(Path(place), hashes)
        click.echo(f"made {lists.database.stat().st_size / 1e6:,.0f} MB of SQLite")
        found = find(lists)
    rows = [
        {"in": name, "processes": count, "round": number} | asdict(measured)
        for count, rounds in found.rounds.items()
        for number, by_name in enumerate(rounds, 1)
        for name, measured in by_name.items()
    ]
    rows += [
        {"in": name, "processes": 1, "from_disk": True} | asdict(measured)
        for name, measured in found.from_disk.items()
    ]
    table = [_line(name, found) for name in KINDS]
    for line in table:
        click.echo(", ".join(f"{key} {value}" for key, value in line.items()))
    lookup = 1 / spread([it[DATABASE].hits for it in found.rounds[1]]).median
    hashing = _hashing_seconds()
    facts = {
        "command": command_line("known", False, [], f"--hashes {hashes}"),
        "hashes": hashes,
        "lookups": LOOKUPS,
        "stored_bytes": found.stored,
        "ready_seconds": found.ready,
        "lookup_seconds": lookup,
        "hashing_seconds": hashing,
    }
    note = (
        f"{hashes:,} hashes; {LOOKUPS:,} look-ups of listed ones and as many of others in each of "
        f"{ROUNDS} rounds, medians. A look-up in the database takes {lookup * 1e6:.0f} µs, "
        f"{lookup / hashing:.1%} of what the SHA-256 of a file of {FILE_BYTES / 1e6:.0f} MB does. "
        f"Before the first one, some of its rows are looked at and its SHA-256 is taken, at "
        f"{found.stored[DATABASE] / found.ready[DATABASE] / 1e6:,.0f} MB/s. "
        "The list's table is mapped into memory, once for all processes."
    )
    write_part(output, "known", facts, rows, table, [note])


def find(lists: Lists) -> Found:
    """Look the same hashes up in all kinds of lists, in turns."""
    ready, read = {}, {}
    for name, file in ((DATABASE, lists.database), (TEXT, lists.text)):
        started = time.perf_counter()
        read[name] = read_lists([file], file.with_name(f"{file.name}-index"))
        ready[name] = time.perf_counter() - started
    openers: dict[str, Callable[[], Asked]] = {
        DATABASE: partial(open_known, read[DATABASE]),
        TEXT: partial(open_known, read[TEXT]),
        ALONE: partial(open_alone, lists.database),
        SET: partial(open_set, lists.sorted),
    }
    draw = partial(_draw, np.memmap(lists.sorted, np.uint8, "r").reshape(-1, WIDTH))
    rounds = {}
    for count in PROCESSES:
        drawn = [draw(LOOKUPS, seed) for seed in range(count)]
        candidates = {name: partial(measure, opener, drawn) for name, opener in openers.items()}
        rounds[count] = list(alternate(candidates, ROUNDS))
    files = {DATABASE: lists.database, TEXT: read[TEXT].index}
    from_disk = {}
    if hasattr(os, "posix_fadvise"):
        for name, file in files.items():
            _forget(file)
            from_disk[name] = measure(openers[name], [draw(LOOKUPS_FROM_DISK, 99)])
    stored = {name: file.stat().st_size for name, file in files.items()}
    return Found(rounds, from_disk, ready, stored)


def _draw(digests: Any, count: int, seed: int) -> Drawn:
    places = np.random.default_rng(seed).integers(0, len(digests), count)
    others = (hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(count))
    return [digests[place].tobytes().hex() for place in places], list(others)


def _forget(file: Path) -> None:
    """Have the system hold nothing of a file in memory."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _line(name: str, found: Found) -> dict[str, str]:
    alone = found.rounds[1]
    opened = spread([it[name].opened_seconds for it in alone]).median
    most = max(it[name].memory_bytes for it in alone)
    rates = [{key: measured.hits for key, measured in it.items()} for it in alone]
    from_disk = found.from_disk.get(name)
    line = {
        "hashes in": name,
        "on the disk, MB": f"{found.stored[name] / 1e6:,.0f}" if name in found.stored else "",
        "ready after, s": f"{found.ready.get(name, 0) + opened:.1f}",
        "memory of each process, MB": f"{most / 1e6:,.1f}",
    }
    for count, rounds in found.rounds.items():
        processes = "1 process" if count == 1 else f"{count} processes"
        hits = spread([it[name].hits for it in rounds]).median
        misses = spread([it[name].misses for it in rounds]).median
        line[f"look-ups/s in {processes}: listed, others"] = f"{hits:,.0f}, {misses:,.0f}"
    line[f"listed, in 1 process : {ALONE}"] = str(ratios(rates, name, ALONE))
    line["listed, from the disk"] = f"{from_disk.hits:,.0f}" if from_disk else ""
    return line


def _hashing_seconds() -> float:
    data = random.Random(0).randbytes(FILE_BYTES)
    took = []
    for _ in range(20):
        started = time.perf_counter()
        hash_bytes([data])
        took.append(time.perf_counter() - started)
    return spread(took).median


if __name__ == "__main__":
    main()
