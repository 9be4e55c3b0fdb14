"""Every stage alone and the whole scan, in turns: one row a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.kinds import contents
from benchmarks.shared.pictures import Evidence, first, lay_out
from benchmarks.shared.process import START_FILES, scan_beside_start
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import alternate
from benchmarks.stages.costs import (
    Costs,
    cores_ceiling,
    lowest_ceiling,
    stage_ceilings,
    stage_costs,
)
from scanner.scan.scorers import Scorer

CONTAINERS = ("folder", "zip")


@dataclass(frozen=True)
class Extent:
    """How much to measure of one kind of image. sample: files that stages are measured on."""

    files: int
    sample: int
    rounds: int


QUICK = {
    "32 px": Extent(1_500, 300, 2),
    "1 megapixel": Extent(60, 20, 2),
    "12 megapixels": Extent(16, 8, 2),
}
THOROUGH = {
    "32 px": Extent(6_000, 1_000, 3),
    "1 megapixel": Extent(120, 40, 3),
    "12 megapixels": Extent(40, 16, 3),
}


def measure(
    data: Path, scorers: Sequence[Scorer], extents: dict[str, Extent], place: Path
) -> Iterator[Row]:
    """One row a measurement, told apart by `measured`: stage, part or scan.

    scorers: those of a scan with default settings. extents: by kind of image.
    """
    for kind, extent in extents.items():
        with tempfile.TemporaryDirectory(dir=place) as folder:
            evidence = lay_out(contents(kind, data, extent.files), Path(folder) / "whole")
            few = lay_out(first(evidence, START_FILES), Path(folder) / "few")
            for row in _against_ceilings(evidence, few, scorers, extent):
                yield {"images": kind} | row


def _against_ceilings(
    evidence: Evidence, few: Evidence, scorers: Sequence[Scorer], extent: Extent
) -> Iterator[Row]:
    """The stages and the whole of one kind of image, round by round.

    few: as many of the files as a scan takes that is as good as only its start.
    """
    costs: dict[str, Costs] = {}
    parts: dict[str, Costs] = {}
    scans: dict[str, Row] = {}

    def stages() -> None:
        found = stage_costs(evidence, scorers, extent.sample)
        for into, of in zip((costs, parts), found, strict=True):
            into.update(of)

    def scanned(container: str, whole: Path, start: Path) -> None:
        found = scan_beside_start(whole, start, evidence.files)
        scans[container] = {
            "files_per_second": found.rate,
            "start_seconds": found.start.seconds,
        }

    candidates = {
        "folder": lambda: scanned("folder", evidence.folder, few.folder),
        "zip": lambda: scanned("zip", evidence.archive, few.archive),
        "stages": stages,
    }
    for number, _ in enumerate(alternate(candidates, extent.rounds), 1):
        for container in CONTAINERS:
            place = {"container": container, "round": number}
            for row in _cost_rows(costs[container], parts[container]):
                yield place | row
            rate = scans[container]["files_per_second"]
            yield place | {
                "measured": "scan",
                "files": evidence.files,
                **scans[container],
                "share_of_folder": rate / scans["folder"]["files_per_second"],
                **_ceilings(costs[container], rate),
            }


def _cost_rows(costs: Costs, parts: Costs) -> Iterator[Row]:
    ceilings = stage_ceilings(costs)
    for measured, each in (("stage", costs), ("part", parts)):
        for stage, cost in each.items():
            yield {
                "measured": measured,
                "stage": stage,
                "ms_per_file": cost.seconds * 1000,
                "cpu_ms_per_file": cost.cpu_seconds * 1000,
                "ceiling": ceilings.get(stage),
            }


def _ceilings(costs: Costs, rate: float) -> Row:
    """What stands above a scan's `rate`, files/s, and how much of it the scan reaches."""
    stages = stage_ceilings(costs)
    tightest = min(stages, key=lambda stage: stages[stage])
    return {
        "tightest_stage": tightest,
        "stage_ceiling": stages[tightest],
        "cores_ceiling": cores_ceiling(costs),
        "share_of_tightest_ceiling": rate / lowest_ceiling(costs),
    }
