"""What each stage of a scan costs a file when it runs alone, and the ceilings that follow.

A scan walks and writes in one process, examines files in a worker process a core, and scores in
backends of its own threads. Here each does its part of the same files by itself, on as many cores
as a scan gives it: cores that are two threads of one give less than twice one's speed. On a CPU all
stages share the cores, so no scan is faster than the cores' time over the sum of what they need.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.shared.pictures import Evidence
from benchmarks.stages.parts import time_parts
from scanner.backends.backend import usable_cores
from scanner.limits import Limits
from scanner.model.verdict import Score, judge, outside
from scanner.reports import write_report
from scanner.scan.journal import Journal
from scanner.scan.records import records, storable
from scanner.scan.scorers import Scorer
from scanner.sources.found import Found
from scanner.sources.walk import walk
from scanner.workers.examine import examine, read
from scanner.workers.examined import Examined, Shown, Views
from scanner.workers.freed_memory import keep_freed_memory
from scanner.workers.pool import CHUNK_FILES

WORKER = "worker"
STAGES = ("walk", WORKER, "score", "write")
INSIDE = ("hash", "decode", "view", "quality", "hidden in pixels", "metadata", "search")
PARTS = ("read", *INSIDE, "other")  # of what a worker does; "other" is what is left of the whole


@dataclass(frozen=True)
class Cost:
    """Seconds a file: by the clock, waits included, and of processor time over all threads."""

    seconds: float
    cpu_seconds: float

    def plus(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)

    def less(self, other: Cost) -> Cost:
        """What is left of this without the other, at least nothing."""
        return Cost(
            max(0, self.seconds - other.seconds), max(0, self.cpu_seconds - other.cpu_seconds)
        )


Spent = dict[str, tuple[float, float]]  # seconds by the clock and of the processor, by stage
Costs = dict[str, Cost]  # by stage, and by part of the worker's
NOTHING = Cost(0, 0)


class Stopwatch:
    """Adds up what stages cost."""

    def __init__(self) -> None:
        self.spent: Spent = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        cpu, elapsed = time.process_time() - cpu_started, time.perf_counter() - started
        self.add({stage: (elapsed, cpu)})

    def add(self, spent: Spent) -> None:
        """What another one has measured."""
        for stage, (elapsed, cpu) in spent.items():
            before = self.spent.get(stage, (0.0, 0.0))
            self.spent[stage] = (before[0] + elapsed, before[1] + cpu)

    def costs(self, files: int) -> Costs:
        """Of each stage that was timed, over `files` files."""
        return {
            stage: Cost(seconds / files, cpu / files)
            for stage, (seconds, cpu) in self.spent.items()
        }


def stage_costs(
    evidence: Evidence, scorers: Sequence[Scorer], sample: int
) -> tuple[dict[str, Costs], dict[str, Costs]]:
    """The costs of STAGES and those of PARTS, each for the folder and for the zip by these names.

    sample: files, spread over the evidence, that all but the walk is measured on. The walk of a zip
    reads its members, so its worker does not. What lies in no model's domain is not scored.
    """
    entries = [entry for entry in walk([evidence.folder], Limits()) if isinstance(entry, Found)]
    found = entries[:: max(1, len(entries) // sample)][:sample]
    paths = [entry.source for entry in found if isinstance(entry.source, Path)]
    watch = Stopwatch()
    examined = _examine(watch, paths, [_shown(scorer) for scorer in scorers])
    scores = _score(watch, examined, scorers)
    _write(watch, found, examined, scores, scorers)
    timed = watch.costs(len(found))
    parts = {part: timed.get(part, NOTHING) for part in PARTS}
    left = timed[WORKER]
    for part in INSIDE:
        left = left.less(parts[part])
    parts["other"] = left
    stages = {stage: timed.get(stage, NOTHING) for stage in STAGES}
    reading = {WORKER: timed[WORKER].plus(timed["read"])}
    return {
        "folder": stages | reading | {"walk": _walk(evidence.folder, evidence.files)},
        "zip": stages | {"walk": _walk(evidence.archive, evidence.files)},
    }, {"folder": parts, "zip": parts | {"read": NOTHING}}


def _examine(watch: Stopwatch, paths: Sequence[Path], views: Views) -> list[Examined]:
    """What workers make of the files, in their order: a process a core, side by side."""
    cores = min(usable_cores(), len(paths))
    shares = [paths[number::cores] for number in range(cores)]
    # Not fork, as in a scan: threads may be at work here.
    with ProcessPoolExecutor(cores, get_context("spawn")) as workers:
        done = list(workers.map(_worker, shares, [views] * cores))
    examined: list[Examined | None] = [None] * len(paths)
    for number, (share, spent) in enumerate(done):
        examined[number::cores] = share
        watch.add(spent)
    return [each for each in examined if each is not None]


def _worker(paths: Sequence[Path], views: Views) -> tuple[list[Examined], Spent]:
    keep_freed_memory()
    watch = Stopwatch()
    examine(paths[0], views, Limits())  # imports the decoders
    examined = []
    for path in paths:
        with watch.time("read"):
            data = read(path, Limits())
        with watch.time(WORKER):
            examined.append(examine(data, views, Limits()))
        time_parts(data, views, watch.time)
    return examined, watch.spent


def stage_ceilings(costs: Costs) -> dict[str, float]:
    """Files a second of each stage alone, on as many cores as a scan gives it."""
    cores = {stage: usable_cores() if stage == WORKER else 1 for stage in costs}
    return {stage: cores[stage] / cost.seconds for stage, cost in costs.items() if cost.seconds}


def cores_ceiling(costs: Costs) -> float:
    """Files a second if all stages kept all usable cores busy and nothing else needed them."""
    return usable_cores() / sum(cost.cpu_seconds for cost in costs.values())


def lowest_ceiling(costs: Costs) -> float:
    """Files a second: the least of all ceilings."""
    return min(*stage_ceilings(costs).values(), cores_ceiling(costs))


def _shown(scorer: Scorer) -> Shown:
    """What a scan tells its workers of a model."""
    card = scorer.model.card
    return Shown(card.domain, card.preprocessing, card.quality, card.looks)


def _walk(root: Path, files: int) -> Cost:
    watch = Stopwatch()
    with watch.time("walk"):
        for _ in walk([root], Limits()):
            pass
    return watch.costs(files)["walk"]


def _score(
    watch: Stopwatch, examined: Sequence[Examined], scorers: Sequence[Scorer]
) -> Iterator[Score]:
    """The scores of all that have a view, in their order.

    They are of one kind, and so of one model, which scores batches of its backend's size in as many
    threads as that asks for.
    """
    views = [each.view for each in examined if each.view is not None]
    judges = {each.model for each in examined if each.model is not None}
    if not judges:
        return iter(())
    (place,) = judges
    backend = scorers[place].backend
    size = backend.batch_size
    batches = [np.stack(views[start : start + size]) for start in range(0, len(views), size)]
    backend.score(batches[0])
    with ThreadPoolExecutor(backend.streams) as inference, watch.time("score"):
        scored = list(inference.map(backend.score, batches))
    return (score for part in scored for score in part.each())


def _write(
    watch: Stopwatch,
    found: Sequence[Found],
    examined: Sequence[Examined],
    scores: Iterator[Score],
    scorers: Sequence[Scorer],
) -> None:
    """Journal every record as a scan does, and write the report from the journal."""
    chunk = CHUNK_FILES * usable_cores()
    domains = [scorer.model.card.domain for scorer in scorers]
    with tempfile.TemporaryDirectory() as place, watch.time("write"):
        journal = Journal(Path(place) / "journal")
        journal.begin({})
        for start in range(0, len(found), chunk):
            journal.hand_over(found[start : start + chunk])
        for entry, whole in zip(found, examined, strict=True):
            facts = storable(whole)
            assert facts.width
            assert facts.height
            assert facts.sha256
            journal.answered(entry)
            if facts.model is None:
                judgement = outside((facts.width, facts.height), domains)
                journal.add(entry.path, 0, facts, judgement=judgement, stamp=entry.stamp)
                continue
            journal.score(facts.sha256, facts.page)
            scorer, score = scorers[facts.model], next(scores)
            judgement = judge(score, scorer.model.card, facts.doubt)
            journal.add(entry.path, 0, facts, scorer.name, score, judgement, stamp=entry.stamp)
        journal.commit()
        write_report(Path(place) / "report.csv", records(journal), {})
        journal.remove()
