"""What each stage of a scan costs a file when it runs alone, and the ceilings that follow.

A scan walks and writes in one process, reads to gathers provenance in a worker process a core, and
scores in a backend of its own threads. Here each does its part of the same files by itself. On a
CPU all of them share the cores, so no scan is faster than the cores' time over the sum of what the
stages need of it. Cores that are two threads of one give less than twice one's speed: the ceilings
are then higher than anything can reach.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.pictures import Evidence
from scanner.backends.backend import Backend, usable_cores
from scanner.containers.container import read_limited
from scanner.files import open_readonly
from scanner.hashes.hashing import hash_bytes
from scanner.images.decode import decode
from scanner.limits import Limits
from scanner.model import ModelFile
from scanner.model.verdict import Score, judge, outside
from scanner.preprocess import view
from scanner.provenance.readers import gather, of_pixels
from scanner.record import Status
from scanner.reports import write_report
from scanner.scan.journal import Journal
from scanner.scan.records import records
from scanner.scan.scorers import Scorer
from scanner.sources.found import Found
from scanner.sources.walk import walk
from scanner.workers.examined import Examined
from scanner.workers.pool import CHUNK_FILES

IN_WORKERS = ("read", "hash", "decode", "view", "provenance")
STAGES = ("walk", *IN_WORKERS, "score", "write")
HELD = 4  # files decoded at once: spreads the clock's cost and fits the memory at 12 megapixels


@dataclass(frozen=True)
class Cost:
    """Seconds a file: by the clock, waits included, and of processor time over all threads."""

    seconds: float
    cpu_seconds: float


Costs = dict[str, Cost]  # by stage


class Stopwatch:
    """Adds up what stages cost."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        cpu, elapsed = time.process_time() - cpu_started, time.perf_counter() - started
        before = self._spent.get(stage, (0.0, 0.0))
        self._spent[stage] = (before[0] + elapsed, before[1] + cpu)

    def costs(self, files: int) -> Costs:
        """Of each stage that was timed, over `files` files."""
        return {
            stage: Cost(seconds / files, cpu / files)
            for stage, (seconds, cpu) in self._spent.items()
        }


def stage_costs(
    evidence: Evidence, model: ModelFile, backend: Backend, sample: int
) -> dict[str, Costs]:
    """The costs of every stage for the folder and for the zip, by these names.

    sample: files that all stages but the walk are measured on. The walk of a zip reads its members.
    What lies outside the model's domain is neither made a view of nor scored, as in a scan.
    """
    found = [entry for entry in walk([evidence.folder], Limits()) if isinstance(entry, Found)]
    found = found[:sample]
    watch = Stopwatch()
    examined = _examine(watch, found, model)
    views = [each.view for each in examined if each.view is not None]
    scores = _score(watch, views, backend) if views else []
    _write(watch, found, examined, scores, Scorer(model, backend))
    timed = watch.costs(len(found))
    costs = {stage: timed.get(stage, Cost(0, 0)) for stage in (*IN_WORKERS, "score", "write")}
    return {
        "folder": {"walk": _walk(evidence.folder, evidence.files), **costs},
        "zip": {"walk": _walk(evidence.archive, evidence.files), **costs, "read": Cost(0, 0)},
    }


def stage_ceilings(costs: Costs) -> dict[str, float]:
    """Files a second of each stage alone, on as many cores as a scan gives it."""
    cores = {stage: usable_cores() if stage in IN_WORKERS else 1 for stage in costs}
    return {stage: cores[stage] / cost.seconds for stage, cost in costs.items() if cost.seconds}


def cores_ceiling(costs: Costs) -> float:
    """Files a second if all stages kept all usable cores busy and nothing else needed them."""
    return usable_cores() / sum(cost.cpu_seconds for cost in costs.values())


def _walk(root: Path, files: int) -> Cost:
    watch = Stopwatch()
    with watch.time("walk"):
        for _ in walk([root], Limits()):
            pass
    return watch.costs(files)["walk"]


def _examine(watch: Stopwatch, found: Sequence[Found], model: ModelFile) -> list[Examined]:
    """What a worker does with each file, stage by stage."""
    paths = [entry.source for entry in found if isinstance(entry.source, Path)]
    decode(_read(paths[0]))  # imports the decoders
    examined = []
    for start in range(0, len(paths), HELD):
        with watch.time("read"):
            contents = [_read(path) for path in paths[start : start + HELD]]
        with watch.time("hash"):
            hashes = [hash_bytes([data]) for data in contents]
        with watch.time("decode"):
            decoded = [decode(data) for data in contents]
        views: list[NDArray[np.uint8] | None] = [None] * len(decoded)
        if all((image.width, image.height) in model.card.domain for image in decoded):
            with watch.time("view"):
                views = [view(image.rgb, model.card.preprocessing) for image in decoded]
        with watch.time("provenance"):
            hidden = [of_pixels(*image.as_stored()) for image in decoded]
            said = [gather(*each) for each in zip(contents, hidden, strict=True)]
        for data, known, image, pixels, provenance in zip(
            contents, hashes, decoded, views, said, strict=True
        ):
            examined.append(
                Examined(
                    Status.SCORED,
                    sha256=known.sha256,
                    bytes=len(data),
                    format=image.format,
                    width=image.width,
                    height=image.height,
                    page=image.page,
                    frames=image.frames,
                    model=None if pixels is None else 0,
                    **provenance._asdict(),
                    view=pixels,
                )
            )
    return examined


def _read(path: Path) -> bytes:
    with open_readonly(path) as stream:
        return read_limited(stream, Limits().file_bytes)


def _score(watch: Stopwatch, views: Sequence[NDArray[np.uint8]], backend: Backend) -> list[Score]:
    """Score batches of the backend's size in as many threads as it asks for."""
    size = backend.batch_size
    batches = [np.stack(views[start : start + size]) for start in range(0, len(views), size)]
    backend.score(batches[0])
    with ThreadPoolExecutor(backend.streams) as inference, watch.time("score"):
        return [score for part in inference.map(backend.score, batches) for score in part.each()]


def _write(
    watch: Stopwatch,
    found: Sequence[Found],
    examined: Sequence[Examined],
    scores: Sequence[Score],
    scorer: Scorer,
) -> None:
    """Journal every record as a scan does, and write the report from the journal."""
    chunk = CHUNK_FILES * usable_cores()
    card = scorer.model.card
    left = iter(scores)
    with tempfile.TemporaryDirectory() as place, watch.time("write"):
        journal = Journal(Path(place) / "journal")
        journal.begin({})
        for start in range(0, len(found), chunk):
            journal.hand_over(found[start : start + chunk])
        for entry, facts in zip(found, examined, strict=True):
            assert facts.width
            assert facts.height
            assert facts.sha256
            journal.answered(entry)
            if facts.model is None:
                judgement = outside((facts.width, facts.height), [card.domain])
                journal.add(entry.path, 0, facts, judgement=judgement, stamp=entry.stamp)
                continue
            journal.score(facts.sha256, facts.page)
            score = next(left)
            judgement = judge(score, card)
            journal.add(entry.path, 0, facts, scorer.name, score, judgement, stamp=entry.stamp)
        journal.commit()
        write_report(Path(place) / "report.csv", records(journal), {})
        journal.remove()
