"""Every stage alone and the whole scan, in turns: one row a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.cifake import thumbnails
from benchmarks.shared.pictures import Evidence, first, lay_out, photographs
from benchmarks.shared.process import scan
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import alternate
from benchmarks.stages.costs import Costs, cores_ceiling, stage_ceilings, stage_costs
from scanner.backends.backend import usable_cores
from scanner.backends.choose import open_backend
from scanner.model import ModelFile

THUMBNAILS = "32 px"
PHOTOGRAPHS = {"1 megapixel": (1152, 864), "12 megapixels": (4000, 3000)}
WORKERS_ON = "1 megapixel"  # enough to decode that workers matter, and quickly laid out
CONTAINERS = ("folder", "zip")


@dataclass(frozen=True)
class Extent:
    """How much to measure.

    files: of each kind of image. sample: files that stages are measured on. counts: thumbnails to
    scan for files/s against their number.
    """

    rounds: int
    files: dict[str, int]
    sample: int
    counts: tuple[int, ...]


QUICK = Extent(
    2, {"32 px": 3_000, "1 megapixel": 240, "12 megapixels": 30}, 400, (1, 100, 1_000, 3_000)
)
THOROUGH = Extent(
    5,
    {"32 px": 18_000, "1 megapixel": 3_000, "12 megapixels": 300},
    2_000,
    (1, 10, 100, 1_000, 4_000, 18_000),
)


def measure(data: Path, model: ModelFile, extent: Extent, place: Path) -> Iterator[Row]:
    """One row a measurement, told apart by `measured`: stage, scan, workers or files."""
    small = thumbnails(data, max(extent.files[THUMBNAILS], *extent.counts))
    for kind, count in extent.files.items():
        contents = photographs(*PHOTOGRAPHS[kind], count) if kind in PHOTOGRAPHS else small[:count]
        with tempfile.TemporaryDirectory(dir=place) as folder:
            evidence = lay_out(contents, Path(folder))
            for row in _against_ceilings(evidence, model, extent):
                yield {"images": kind} | row
            if kind == THUMBNAILS:
                yield from _by_files(evidence, model, extent)
            if kind == WORKERS_ON:
                yield from _by_workers(evidence, model, extent)


def _against_ceilings(evidence: Evidence, model: ModelFile, extent: Extent) -> Iterator[Row]:
    """The stages and the whole of one kind of image, round by round."""
    backend = open_backend(model, "auto")
    costs: dict[str, Costs] = {}

    def stages() -> float:
        costs.update(stage_costs(evidence, model, backend, extent.sample))
        return cores_ceiling(costs["folder"])

    candidates = {
        "folder": lambda: _rate(evidence.folder, evidence.files, model),
        "zip": lambda: _rate(evidence.archive, evidence.files, model),
        "stages": stages,
    }
    for number, rates in enumerate(alternate(candidates, extent.rounds), 1):
        for container in CONTAINERS:
            place = {"container": container, "round": number}
            for stage in _stage_rows(costs[container]):
                yield place | stage
            yield place | {
                "measured": "scan",
                "files": evidence.files,
                "files_per_second": rates[container],
                "share_of_folder": rates[container] / rates["folder"],
                **_ceilings(costs[container], rates[container]),
            }


def _stage_rows(costs: Costs) -> Iterator[Row]:
    ceilings = stage_ceilings(costs)
    for stage, cost in costs.items():
        yield {
            "measured": "stage",
            "stage": stage,
            "ms_per_file": cost.seconds * 1000,
            "cpu_ms_per_file": cost.cpu_seconds * 1000,
            "ceiling": ceilings.get(stage),
        }


def _ceilings(costs: Costs, rate: float) -> Row:
    """What stands above a scan's `rate`, files/s, and how much of it the scan reaches."""
    stages = stage_ceilings(costs)
    tightest = min(stages, key=lambda stage: stages[stage])
    cores = cores_ceiling(costs)
    return {
        "tightest_stage": tightest,
        "stage_ceiling": stages[tightest],
        "cores_ceiling": cores,
        "share_of_tightest_ceiling": rate / min(stages[tightest], cores),
    }


def _by_files(evidence: Evidence, model: ModelFile, extent: Extent) -> Iterator[Row]:
    """Scans of more and more of the same files."""
    with tempfile.TemporaryDirectory() as place:
        parts = {
            count: lay_out(first(evidence, count), Path(place) / str(count)).folder
            for count in extent.counts
        }
        candidates = {
            str(count): lambda count=count, part=part: _rate(part, count, model)
            for count, part in parts.items()
        }
        for number, rates in enumerate(alternate(candidates, extent.rounds), 1):
            for count, rate in rates.items():
                yield {
                    "measured": "files",
                    "images": THUMBNAILS,
                    "round": number,
                    "files": int(count),
                    "files_per_second": rate,
                }


def _by_workers(evidence: Evidence, model: ModelFile, extent: Extent) -> Iterator[Row]:
    """Scans with more and more decoding processes; scoring has all cores each time."""
    cores = usable_cores()
    counts = sorted({cores, *(2**power for power in range(cores.bit_length()))})
    candidates = {
        str(count): lambda count=count: _rate(
            evidence.folder, evidence.files, model, "--workers", count
        )
        for count in counts
    }
    for number, rates in enumerate(alternate(candidates, extent.rounds), 1):
        for count, rate in rates.items():
            yield {
                "measured": "workers",
                "images": WORKERS_ON,
                "round": number,
                "workers": int(count),
                "files": evidence.files,
                "files_per_second": rate,
                "times_one_worker": rate / rates["1"],
            }


def _rate(evidence: Path, files: int, model: ModelFile, *options: object) -> float:
    """Files a second of the whole command."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.csv"
        return files / scan(evidence, [report], model.path, *options, files=files).seconds
