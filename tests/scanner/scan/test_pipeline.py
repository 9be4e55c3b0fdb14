"""Protects: the pipeline journals each file exactly once, whatever becomes of its neighbours."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scanner.backends.choose import open_backend
from scanner.limits import Limits
from scanner.model import open_model
from scanner.record import Record, Status, Verdict
from scanner.scan.journal import Journal
from scanner.scan.pipeline import Pipeline
from scanner.scan.records import records as scan_records
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from scanner.workers.pool import Workers
from tests.conftest import encoded, image_bytes
from tests.scanner.scans import Stuck
from tests.scanner.walking import zipped


def scan(
    root: Path, model_file: Path, batch_size: int = 4, workers: int = 2, **limits: Any
) -> tuple[dict[str, Record], Progress]:
    """Path to record, and the final progress."""
    model = open_model(str(model_file))
    journal = Journal(root.with_suffix(".journal"), fresh=True)
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, batch_size))
    pipeline = Pipeline([root], [scorer], journal, Limits(**limits), workers)
    pipeline.run(lambda _: None)
    records = {record.path: record for record in scan_records(journal)}
    journal.remove()
    return records, pipeline.progress


def grey(level: int, size: int = 32) -> bytes:
    return encoded(Image.new("L", (size, size), level), "PNG")


def test_verdicts_follow_the_model(evidence: Path, brightness_model: Path) -> None:
    for level in (0, 127, 255):
        (evidence / f"{level}.png").write_bytes(grey(level))
    (evidence / "large.png").write_bytes(grey(255, 64))
    (evidence / "note.txt").write_bytes(b"text")
    records, progress = scan(evidence, brightness_model)
    assert {path: record.verdict for path, record in records.items()} == {
        "0.png": Verdict.REAL,
        "127.png": Verdict.INCONCLUSIVE,
        "255.png": Verdict.FAKE,
        "large.png": Verdict.INCONCLUSIVE,
        "note.txt": None,
    }
    assert records["255.png"].logit == pytest.approx(4.0)
    large = records["large.png"]
    assert (large.status, large.model, large.logit, large.p_fake) == (Status.SCORED, *(None,) * 3)
    assert records["large.png"].reason is not None
    assert progress == Progress(files=5, fakes=1, unexamined=0)


def test_the_first_file_is_told_without_waiting(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        (evidence / f"{number}.txt").write_text(f"note {number}")
    monkeypatch.setattr("scanner.scan.pipeline.POLL_SECONDS", 3600)
    model = open_model(str(brightness_model))
    journal = Journal(evidence.with_suffix(".journal"))
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, 4))
    heard: list[int] = []
    pipeline = Pipeline([evidence], [scorer], journal, Limits(), workers=1)
    pipeline.run(lambda progress: heard.append(progress.files))
    journal.remove()
    first, second, last = heard
    assert first == 0 < second < last == 200


@pytest.mark.parametrize(("files", "batch_size"), [(0, 3), (1, 3), (3, 3), (10, 3), (10, 100)])
def test_any_number_of_files_and_any_batch(
    files: int, batch_size: int, evidence: Path, brightness_model: Path
) -> None:
    for n in range(files):
        (evidence / f"{n}.png").write_bytes(image_bytes("PNG", n))
    records, progress = scan(evidence, brightness_model, batch_size)
    assert len(records) == progress.files == files
    assert all(record.status is Status.SCORED for record in records.values())


def test_identical_bytes_share_their_score_and_keep_their_rows(
    evidence: Path, brightness_model: Path
) -> None:
    for n in range(30):
        (evidence / f"{n}.png").write_bytes(image_bytes("PNG", n % 2))
    (evidence / "a.zip").write_bytes(zipped([("twin.png", image_bytes("PNG", 0))]))
    records, progress = scan(evidence, brightness_model)
    assert len(records) == progress.files == 32
    even = {record.logit for path, record in records.items() if path[0] in "02468a"}
    assert even >= {records["a.zip!/twin.png"].logit}
    assert records.pop("a.zip").status is Status.CONTAINER
    assert {record.logit for record in records.values()} == {
        records["0.png"].logit,
        records["1.png"].logit,
    }


def test_one_archive_keeps_the_fate_of_each_of_its_places(
    evidence: Path, brightness_model: Path
) -> None:
    """Too deep in one place, opened in the other, empty never: but all with their hash."""
    inner = zipped([("x.png", grey(0))])
    (evidence / "a.zip").write_bytes(inner)
    (evidence / "b.zip").write_bytes(zipped([("inner.zip", inner), ("empty.zip", zipped([]))]))
    (evidence / "z.jpg").write_bytes(inner)
    records, progress = scan(evidence, brightness_model, depth=1)
    assert {path: record.status for path, record in records.items()} == {
        "a.zip": Status.CONTAINER,
        "a.zip!/x.png": Status.SCORED,
        "b.zip": Status.CONTAINER,
        "b.zip!/empty.zip": Status.OVER_LIMIT,
        "b.zip!/inner.zip": Status.OVER_LIMIT,
        "b.zip!/inner.zip!/carved-0.png": Status.SCORED,
        "z.jpg": Status.CONTAINER,
        "z.jpg!/x.png": Status.SCORED,
    }
    too_deep = records["b.zip!/inner.zip"]
    assert too_deep.error == "archives nested deeper than the limit of 1"
    for record in (records["a.zip"], records["z.jpg"], too_deep):
        assert (record.sha256, record.bytes) == (hashlib.sha256(inner).hexdigest(), len(inner))
    assert records["z.jpg"].name_mismatch == "named .jpg, but the content is an archive"
    assert records["a.zip"].name_mismatch is None
    assert progress.unexamined == 2


def test_what_a_decoder_says_steers_no_terminal(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = Met("a.zip", 0, Status.UNREADABLE, "damaged: \x1b[2J\n\x9b1m C:\\a")
    monkeypatch.setattr("scanner.scan.pipeline.walk", lambda *_, **__: iter([met]))
    records, _ = scan(evidence, brightness_model)
    assert records["a.zip"].error == r"damaged: \x1b[2J\x0a\u009b1m C:\a"


def with_a_stuck_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file among the others whose reading never ends."""

    def walk_with_it(*arguments: Any, **options: Any) -> Iterator[Found | Met]:
        for number, entry in enumerate(walk(*arguments, **options)):
            if number == 5:
                yield Found("stuck.jpg", 0, Stuck())
            yield entry

    monkeypatch.setattr("scanner.scan.pipeline.walk", walk_with_it)


def test_a_hang_costs_its_own_file(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(40):
        (evidence / f"{n}.png").write_bytes(image_bytes("PNG", n))
    with_a_stuck_file(monkeypatch)
    records, progress = scan(evidence, brightness_model, seconds=2)
    assert records.pop("stuck.jpg").status is Status.TIMEOUT
    assert len(records) == 40
    assert all(record.status is Status.SCORED for record in records.values())
    assert progress.unexamined == 1


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_crash_costs_its_own_file(
    evidence: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(40):
        (evidence / f"{n}.png").write_bytes(image_bytes("PNG", n))
    with_a_stuck_file(monkeypatch)
    model = open_model(str(brightness_model))
    journal = Journal(evidence.parent / "x.journal")
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, batch_size=4))
    workers: list[Workers] = []

    class KnownWorkers(Workers):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            workers.append(self)

    monkeypatch.setattr("scanner.scan.pipeline.Workers", KnownWorkers)
    killed: list[int] = []

    def kill_the_stuck(progress: Progress) -> None:
        busy = [worker for worker in workers[0]._workers if worker.waiting]
        if len(busy) == 1 and not workers[0]._queue and not killed:
            front = busy[0].waiting[0].path
            time.sleep(0.5)
            if front == "stuck.jpg":
                killed.append(busy[0].child.process.pid or 0)
                os.kill(killed[0], signal.SIGSEGV)

    Pipeline([evidence], [scorer], journal, Limits(), 2).run(kill_the_stuck)
    records = {record.path: record for record in scan_records(journal)}
    assert killed
    culprit = records.pop("stuck.jpg")
    assert culprit.status is Status.CRASHED
    assert culprit.error is not None
    assert "SIGSEGV" in culprit.error
    assert len(records) == 40
    assert all(record.status is Status.SCORED for record in records.values())
