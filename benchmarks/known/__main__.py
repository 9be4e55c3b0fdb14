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
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.known.lists import WIDTH, make_lists
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
        ready = {}
        read = {}
        for name, file in ((DATABASE, lists.database), (TEXT, lists.text)):
            started = time.perf_counter()
            read[name] = read_lists([file], Path(place) / f"{file.name}-index")
            ready[name] = time.perf_counter() - started
        openers: dict[str, Callable[[], Asked]] = {
            DATABASE: partial(open_known, read[DATABASE]),
            TEXT: partial(open_known, read[TEXT]),
            ALONE: partial(open_alone, lists.database),
            SET: partial(open_set, lists.sorted),
        }
        draw = partial(_draw, np.memmap(lists.sorted, np.uint8, "r").reshape(-1, WIDTH))
        rounds = {
            count: list(
                alternate(
                    {
                        name: partial(measure, opener, [draw(LOOKUPS, at) for at in range(count)])
                        for name, opener in openers.items()
                    },
                    ROUNDS,
                )
            )
            for count in PROCESSES
        }
        from_disk = {
            name: _from_disk(file, openers[name], draw)
            for name, file in ((DATABASE, lists.database), (TEXT, read[TEXT].index))
        }
        stored = {DATABASE: lists.database.stat().st_size, TEXT: read[TEXT].index.stat().st_size}
    rows = [
        {"in": name, "processes": count, "round": number} | asdict(measured)
        for count, found in rounds.items()
        for number, by_name in enumerate(found, 1)
        for name, measured in by_name.items()
    ]
    rows += [
        {"in": name, "processes": 1, "from_disk": True} | asdict(measured)
        for name, measured in from_disk.items()
        if measured is not None
    ]
    table = [_line(name, rounds, ready, stored, from_disk.get(name)) for name in openers]
    for line in table:
        click.echo(", ".join(f"{key} {value}" for key, value in line.items()))
    lookup = 1 / spread([found[DATABASE].hits for found in rounds[1]]).median
    hashing = _hashing_seconds()
    more = f"--hashes {hashes}" if hashes != HASHES else ""
    facts = {
        "command": command_line("known", False, [], more),
        "hashes": hashes,
        "lookups": LOOKUPS,
        "stored_bytes": stored,
        "ready_seconds": ready,
        "hashing_seconds": hashing,
        "lookup_of_hashing": lookup / hashing,
    }
    note = (
        f"{hashes:,} hashes, {LOOKUPS:,} look-ups of listed ones and as many of others in each of "
        f"{ROUNDS} rounds, medians. A look-up in the database takes {lookup * 1e6:.0f} µs, "
        f"{lookup / hashing:.1%} of what taking the hash of a file of {FILE_BYTES / 1e6:.0f} MB "
        f"does. Before it, the database's own hash is taken, at "
        f"{stored[DATABASE] / ready[DATABASE] / 1e6:,.0f} MB/s."
    )
    write_part(output, "known", facts, rows, table, [note])


def _draw(digests: Any, count: int, seed: int) -> Drawn:
    places = np.random.default_rng(seed).integers(0, len(digests), count)
    others = (hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(count))
    return [digests[place].tobytes().hex() for place in places], list(others)


def _from_disk(
    file: Path, opener: Callable[[], Asked], draw: Callable[[int, int], Drawn]
) -> Measured | None:
    """Of a file that the system no longer holds in memory; None where it cannot be told so."""
    if not hasattr(os, "posix_fadvise"):
        return None
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return measure(opener, [draw(LOOKUPS_FROM_DISK, 99)])


def _line(
    name: str,
    rounds: dict[int, list[dict[str, Measured]]],
    ready: dict[str, float],
    stored: dict[str, int],
    from_disk: Measured | None,
) -> dict[str, str]:
    line = {"hashes in": name}
    alone = rounds[1]
    opened = spread([found[name].opened_seconds for found in alone]).median
    line["on the disk, MB"] = f"{stored[name] / 1e6:,.0f}" if name in stored else ""
    line["ready after, s"] = f"{ready.get(name, 0) + opened:.1f}"
    most = max(found[name].memory_bytes for found in alone)
    line["memory of each process, MB"] = f"{most / 1e6:,.1f}"
    for count, found in rounds.items():
        processes = "1 process" if count == 1 else f"{count} processes"
        hits = spread([it[name].hits for it in found]).median
        misses = spread([it[name].misses for it in found]).median
        line[f"look-ups/s in {processes}: listed, others"] = f"{hits:,.0f}, {misses:,.0f}"
    rates = [{key: it.hits for key, it in found.items()} for found in alone]
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
