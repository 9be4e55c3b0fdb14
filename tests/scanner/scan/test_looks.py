"""Protects: nobody is accused by a picture whose verdict would not survive being passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scanner.backends.backend import Scores
from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.limits import Limits
from scanner.looks import LOOKS
from scanner.model import METADATA_KEY, Domain, ModelCard, open_model
from scanner.preprocess import Preprocessing, view
from scanner.record import Record, Status
from scanner.reports.read import read_records
from scanner.scan import pipeline, run_scan, scorers
from scanner.scan.journal import Journal
from scanner.scan.records import records as scan_records
from scanner.scan.request import Request
from scanner.scan.scorers import Scorer
from scanner.sources.found import Found
from scanner.workers.examined import Examined
from scanner.workers.look_again import look_again
from scanner.workers.pool import Workers
from tests.conftest import EVERY_SIZE, ModelMaker, encoded
from tests.scanner.dying import Dying
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

SIDE = 16
CENTRE = Preprocessing(SIDE, whole=False, native=1)
SAVED, HALVED = LOOKS
TURNED = f"called fake as it is, but no longer once {HALVED}"
NOT_HAD = f"called fake as it is, but it could not be judged once {SAVED}"


@pytest.fixture
def model(card: ModelCard, make_model: ModelMaker) -> Path:
    """Sees the centre as it is, so that a picture that is halved shows it more of the rest."""
    seeing = replace(
        card,
        image_size=SIDE,
        preprocessing=CENTRE,
        domain=Domain("test pictures", 32, 96),
        looks=tuple(LOOKS),
    )
    return make_model("looking", {METADATA_KEY: seeing.to_json()}, SIDE)


def bright(shade: int = 255) -> Image.Image:
    return Image.new("RGB", (64, 64), (shade, 255, 255))


def bright_spot() -> Image.Image:
    """Bright where the model looks, and dark around it."""
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (24, 24, 40, 40))
    return picture


def pages(*pictures: Image.Image) -> bytes:
    first, *others = (picture.copy() for picture in pictures)  # saving sets what others trip over
    return encoded(first, "TIFF", save_all=True, append_images=others)


def lay_out(evidence: Path) -> None:
    spot, sure, dark = bright_spot(), bright(), Image.new("RGB", (64, 64))
    files = {
        "spot.png": encoded(spot, "PNG"),
        "twin of spot.png": encoded(spot, "PNG"),
        "sure.png": encoded(sure, "PNG"),
        "dark.png": encoded(dark, "PNG"),
        "pages.tiff": pages(dark, spot, sure),
        "pack.zip": zipped(
            [("spot.bmp", encoded(spot, "BMP")), ("sure.bmp", encoded(sure, "BMP"))]
        ),
    }
    for name, data in files.items():
        (evidence / name).write_bytes(data)


def scan(evidence: Path, model: Path, name: str, batch: int = 3, workers: int = 2) -> Path:
    report = evidence.with_name(f"{name}.json")
    run_scan(Request((evidence,), (report,), str(model), None, "cpu", batch, workers))
    return report


def rows(report: Path) -> dict[tuple[str, int | None], Record]:
    return {(row.path, row.page): row for row in read_records(report) if row.verdict}


def test_fake_is_said_of_what_is_so_at_every_look(evidence: Path, model: Path) -> None:
    lay_out(evidence)
    found = rows(scan(evidence, model, "out"))
    verdicts = {place: row.verdict for place, row in found.items()}
    turned = {
        ("spot.png", 1),
        ("twin of spot.png", 1),
        ("pages.tiff", 2),
        ("pack.zip!/spot.bmp", 1),
    }
    sure = {("sure.png", 1), ("pages.tiff", 3), ("pack.zip!/sure.bmp", 1)}
    assert {place for place, verdict in verdicts.items() if verdict == "inconclusive"} == turned
    assert {place for place, verdict in verdicts.items() if verdict == "fake"} == sure
    assert {found[place].reason for place in turned} == {TURNED}
    assert {found[place].reason for place in sure} == {None}
    assert all(found[place].p_fake is not None for place in turned | sure)


def test_the_row_has_the_score_of_each_look(evidence: Path, model: Path) -> None:
    """By numpy; and of a picture that was not accused there is none."""
    lay_out(evidence)
    found = rows(scan(evidence, model, "out"))
    for name in ("spot.png", "twin of spot.png", "sure.png"):
        rgb = decode((evidence / name).read_bytes()).rgb
        looked = {look: view(LOOKS[look](rgb), CENTRE) for look in LOOKS}
        logits = {look: (seen.mean() - 127.5) / (127.5 / 4) for look, seen in looked.items()}
        checks = json.loads(found[name, 1].checks or "")
        assert checks == pytest.approx(logits, abs=1e-4)
    assert found["dark.png", 1].checks is None


@pytest.mark.parametrize("batches", range(8))
def test_neither_batch_nor_interruption_changes_a_byte(
    batches: int, evidence: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(evidence)
    plain = scan(evidence, model, "plain").read_bytes()
    backend: Any = Dying(open_backend(open_model(str(model)), "cpu", 1, 1), batches)
    monkeypatch.setattr(scorers, "open_backend", lambda *_: backend)
    with pytest.raises(RuntimeError, match="died"):
        scan(evidence, model, "resumed", 1, 1)
    backend.left = -1
    assert scan(evidence, model, "resumed", 1, 1).read_bytes() == plain


@pytest.mark.parametrize("spoil", [bright(254), None], ids=["other pixels", "no picture"])
def test_what_cannot_be_looked_at_again_is_not_called_fake(
    spoil: Image.Image | None, evidence: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is another one by then, as on a share that somebody writes to."""
    (evidence / "sure.png").write_bytes(encoded(bright(), "PNG"))

    class Spoiling(Workers):
        def submit(self, found: Found) -> None:
            if found.again:
                data = b"" if spoil is None else encoded(spoil, "PNG")
                (evidence / "sure.png").write_bytes(data)
            super().submit(found)

    monkeypatch.setattr(pipeline, "Workers", Spoiling)
    (row,) = rows(scan(evidence, model, "out")).values()
    assert (row.verdict, row.reason) == ("inconclusive", NOT_HAD)


class Watched(Workers):
    """Gives back what was seen a second time once `wanted` such answers are there."""

    wanted = 1
    journal: Journal

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.answers: list[tuple[Found, Examined]] = []
        self.in_flight: list[int] = []  # files, after each answer

    def busy(self) -> bool:
        return bool(self.answers) or super().busy()

    def results(self, wait: float) -> Iterator[tuple[Found, Examined]]:
        for found, examined in super().results(wait):
            if found.again:
                self.answers.append((found, self.answered(examined)))
            else:
                yield found, examined
        while self.answers and len(self.answers) >= self.wanted:
            self.in_flight.append(self._count())
            yield self.answers.pop(0)
            type(self).wanted -= 1
        if self.in_flight:
            self.in_flight.append(self._count())

    def answered(self, examined: Examined) -> Examined:
        return examined

    def _count(self) -> int:
        found = self.journal._database.execute("SELECT count(*) FROM in_flight")
        return int(found.fetchone()[0])


def watched(
    evidence: Path, model: Path, kind: type[Watched], batch: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Record], Watched]:
    """The records of a scan, and the workers that it had."""
    made: list[Watched] = []

    def make(*arguments: Any) -> Watched:
        made.append(kind(*arguments))
        return made[0]

    monkeypatch.setattr(pipeline, "Workers", make)
    opened = open_model(str(model))
    journal = Journal(evidence.with_suffix(".journal"))
    journal.begin({})
    kind.journal = journal
    backend = open_backend(opened, "cpu", 1, batch)
    backend.streams = 2  # so that two batches may be scored before either is taken
    scorer = Scorer(opened, backend)
    pipeline.Pipeline([evidence], [scorer], journal, Limits(), 1).run(lambda _: None)
    found = list(scan_records(journal))
    journal.remove()
    return found, made[0]


def test_a_second_look_that_kills_its_worker_costs_that_verdict_alone(
    evidence: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(Watched):
        def answered(self, examined: Examined) -> Examined:
            return Examined(Status.CRASHED, "the decoder crashed (SIGSEGV)")

    (evidence / "pages.tiff").write_bytes(pages(bright(), bright(250)))
    (evidence / "dark.png").write_bytes(encoded(Image.new("RGB", (64, 64)), "PNG"))
    found, _ = watched(evidence, model, Dying, 4, monkeypatch)
    said = [(row.path, row.status, row.verdict, row.reason) for row in found]
    doubtful = ("pages.tiff", "scored", "inconclusive", NOT_HAD)
    assert said == [("dark.png", "scored", "real", None), doubtful, doubtful]


@pytest.mark.parametrize(("batch", "shades"), [(1, [255, 250]), (2, [255, 250, 245])])
def test_a_file_is_in_flight_while_any_of_its_pages_is(
    batch: int,
    shades: list[int],
    evidence: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a scan that dies of its second page would not know what it died of.

    The first page is scored by itself, so that each time two batches are looked at again.
    """

    class Pages(Watched):
        wanted = 2

    (evidence / "pages.tiff").write_bytes(pages(*map(bright, shades)))
    found, workers = watched(evidence, model, Pages, batch, monkeypatch)
    assert [row.verdict for row in found] == ["fake"] * len(shades)
    assert workers.in_flight[:3] == [1, 1, 0]


def test_a_suspect_keeps_its_deaths_until_its_record(evidence: Path, model: Path) -> None:
    """Answered at first sight, it is still what the scan may die of at the second."""
    path = evidence.with_suffix(".journal")
    found = Found("a.png", 0, evidence / "a.png")
    for deaths in (1, 2):
        journal = Journal(path)
        journal.begin({})
        journal.hand_over([found])
        journal.answered(found)
        journal.hand_over([replace(found, again=(1,))])
        journal.close()
        journal = Journal(path)
        journal.begin({})
        assert journal.suspects == {("a.png", 0): deaths}
        journal.close()
    journal = Journal(path)
    journal.begin({})
    journal.add("a.png", 0, Examined(Status.CRASHED, "it was not tried again"))
    journal.commit()
    journal.close()
    journal = Journal(path)
    journal.begin({})
    assert not journal.suspects
    journal.remove()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_what_a_file_says_of_itself_spares_no_picture(
    kind: str, evidence: Path, model: Path
) -> None:
    """A comment that is too long for a JPEG must not fail the second look."""
    picture, text = bright(), "x" * 70_000
    data = encoded(picture, "GIF", comment=text.encode())
    if kind == "PNG":
        info = PngInfo()
        info.add_text("comment", text)
        data = encoded(picture, "PNG", pnginfo=info)
    (evidence / "talking").write_bytes(data)
    (row,) = rows(scan(evidence, model, "out")).values()
    assert row.verdict == "fake"


def test_a_batch_is_no_larger_than_what_members_may_hold(
    evidence: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes of members wait for verdicts; with large ones a batch is scored before it is full."""
    members = [(f"{n}.bmp", encoded(bright(250 - n), "BMP")) for n in range(6)]
    (evidence / "pack.zip").write_bytes(zipped(members))
    monkeypatch.setattr("scanner.scan.batches.CHUNK_BYTES", 2 * len(members[0][1]))
    sizes: list[int] = []
    backend = open_backend(open_model(str(model)), "cpu", 1, 64)

    class Counting(Dying):
        def score(self, views: NDArray[np.uint8]) -> Scores:
            sizes.append(len(views))
            return super().score(views)

    monkeypatch.setattr(scorers, "open_backend", lambda *_: Counting(backend, -1))
    found = rows(scan(evidence, model, "out", 64))
    assert {row.verdict for row in found.values()} == {"fake"}
    assert len(sizes) >= 3
    assert max(sizes) <= 4, "two files, each with as many views as there are looks"


def test_a_worker_looks_at_the_page_that_is_asked_for() -> None:
    shown = EVERY_SIZE[0]._replace(preprocessing=CENTRE, looks=tuple(LOOKS))
    data = pages(bright(), bright_spot())
    first = look_again(data, (1, 2, 3), [shown], Limits())
    looked = [first, *first.further]
    assert [it.page for it in looked] == [1, 2, 3]
    assert [it.status for it in looked] == [Status.SCORED, Status.SCORED, Status.UNREADABLE]
    views = [it.view.mean(axis=(1, 2, 3)) for it in looked if it.view is not None]
    assert np.array(views).round() == pytest.approx(np.array([[255, 255], [255, 64]]), abs=2)
