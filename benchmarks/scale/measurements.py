"""Scans of more and more: of files, pixels, workers and archives around archives."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.scale.evidence import make_evidence, make_loose, make_names, make_nested
from benchmarks.scale.first_row import seconds_to_first_row
from benchmarks.shared.kinds import MEGAPIXEL, PHOTOGRAPHS
from benchmarks.shared.pictures import first, lay_out, photographs
from benchmarks.shared.process import START_FILES, scan_beside_start
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import alternate


@dataclass(frozen=True)
class Extent:
    """How much to measure.

    files: rounds by number of files. sizes: photographs by width and height. members: files in
    nested archives. photographs: for the workers. waiting: files of which the first row is awaited.
    """

    rounds: int
    files: dict[int, int]
    sizes: dict[tuple[int, int], int]
    workers: tuple[int, ...]
    photographs: int
    depths: tuple[int, ...]
    members: int
    waiting: int


QUICK = Extent(
    rounds=1,
    files={1_000: 2, 10_000: 1, 50_000: 1},
    sizes={(640, 480): 24, (1152, 864): 16, (2048, 1536): 8, (4000, 3000): 6},
    workers=(1, 2, 4),
    photographs=24,
    depths=(0, 1, 2, 4, 7),
    members=1_000,
    waiting=50_000,
)
THOROUGH = Extent(
    rounds=2,
    files={1_000: 3, 10_000: 3, 100_000: 1, 1_000_000: 1},
    sizes={(640, 480): 60, (1152, 864): 40, (2048, 1536): 24, (4000, 3000): 12, (8000, 6000): 6},
    workers=(1, 2, 4),
    photographs=40,
    depths=(0, 1, 2, 4, 7),
    members=2_000,
    waiting=1_000_000,
)


def by_files(extent: Extent, place: Path) -> Iterator[Row]:
    """Small files, half in archives; the fewest in every round, the most in the first alone."""
    few = make_evidence(place / "few", START_FILES)
    for count, rounds in extent.files.items():
        evidence = make_evidence(place / "many", count)
        for number in range(1, rounds + 1):
            yield {"round": number, "number": count} | _scan(evidence, few, count)
        shutil.rmtree(evidence)


def by_size(extent: Extent, place: Path) -> Iterator[Row]:
    """Made-up photographs."""
    candidates = {}
    for (width, height), count in extent.sizes.items():
        whole, few = _photographs(width, height, count, place / f"{width}")
        candidates[width * height / 1e6] = partial(_scan, whole, few, count)
    for row in _in_turns(candidates, extent.rounds):
        speed = row["files_per_second"] * row["number"]
        yield row | {"megapixels_per_second": speed}


def by_workers(extent: Extent, place: Path) -> Iterator[Row]:
    """Photographs of a megapixel; scoring has all cores each time."""
    whole, few = _photographs(*PHOTOGRAPHS[MEGAPIXEL], extent.photographs, place)
    candidates = {
        float(count): partial(_scan, whole, few, extent.photographs, "--workers", count)
        for count in extent.workers
    }
    yield from _in_turns(candidates, extent.rounds)


def by_depth(extent: Extent, place: Path) -> Iterator[Row]:
    """The same small files in archives within archives."""
    few = make_loose(place / "few", START_FILES)
    candidates = {
        float(depth): partial(
            _scan, make_nested(place / f"{depth}", extent.members, depth), few, extent.members
        )
        for depth in extent.depths
    }
    yield from _in_turns(candidates, extent.rounds)


def first_row(extent: Extent, place: Path) -> Iterator[Row]:
    """Seconds until the first row of a folder of many small files, and of a list of their paths."""
    evidence = make_names(place / "evidence", extent.waiting)
    listed = place / "paths"
    with listed.open("wb") as stream:
        for path in evidence.rglob("*.txt"):
            stream.write(bytes(path) + b"\0")
    for number in range(1, extent.rounds + 1):
        for what, given in (("folder", evidence), ("list", listed)):
            with tempfile.TemporaryDirectory() as written:
                report = Path(written) / "report.csv"
                seconds = seconds_to_first_row(given, report, listed=given == listed)
            yield {"round": number, "given": what, "files": extent.waiting, "seconds": seconds}


PARTS: dict[str, Callable[[Extent, Path], Iterator[Row]]] = {
    "files": by_files,
    "megapixels": by_size,
    "workers": by_workers,
    "depth": by_depth,
    "first row": first_row,
}


def _in_turns(candidates: Mapping[float, Callable[[], Row]], rounds: int) -> Iterator[Row]:
    """Each with its `number`, by which it is named."""
    named = {f"{number:g}": (number, measure) for number, measure in candidates.items()}
    turns = alternate({name: measure for name, (_, measure) in named.items()}, rounds)
    for round_number, found in enumerate(turns, 1):
        for name, row in found.items():
            yield {"round": round_number, "number": named[name][0]} | row


def _photographs(width: int, height: int, count: int, place: Path) -> tuple[Path, Path]:
    """The folder of `count` made-up photographs, and one of as many of them as make a start."""
    whole = lay_out(photographs(width, height, count), place / "whole")
    return whole.folder, lay_out(first(whole, START_FILES), place / "few").folder


def _scan(evidence: Path, few: Path, files: int, *options: object) -> Row:
    found = scan_beside_start(evidence, few, files, *options)
    return {
        "files": files,
        "seconds": found.ran.seconds,
        "start_seconds": found.start.seconds,
        "files_per_second": found.rate,
        "peak_bytes": found.ran.peak_bytes,
    }
