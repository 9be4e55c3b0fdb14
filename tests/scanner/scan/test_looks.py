"""Protects: nobody is accused by a picture whose verdict would not survive being passed on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scanner.backends.backend import Backend, Scores
from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.limits import Limits
from scanner.looks import LOOKS
from scanner.model import METADATA_KEY, Domain, ModelCard, open_model
from scanner.preprocess import Preprocessing, view
from scanner.record import Record, Status
from scanner.reports.read import read_records
from scanner.scan import pipeline, scorers
from scanner.scan.request import Request
from scanner.scan.run import run_scan
from scanner.sources.found import Found
from scanner.workers.examine import look_again
from tests.conftest import EVERY_SIZE, ModelMaker, encoded
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

SIDE = 16
CENTRE = Preprocessing(SIDE, whole=False, native=1)
SAVED, HALVED = LOOKS
TURNED = f"called fake as it is, but no longer once {HALVED}"


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
        assert checks == pytest.approx(logits, abs=1e-3)
    assert found["dark.png", 1].checks is None


class Dying:
    """A backend that stops after `left` batches."""

    def __init__(self, backend: Backend, left: int) -> None:
        self.provider, self.precision = backend.provider, backend.precision
        self.batch_size, self.streams = backend.batch_size, 1
        self.left = left
        self._backend = backend

    def score(self, views: NDArray[np.uint8]) -> Scores:
        if self.left == 0:
            raise RuntimeError("died")
        self.left -= 1
        return self._backend.score(views)


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
    hand_over = pipeline.Pipeline._hand_over

    def spoiling(self: Any, files: list[Found], workers: Any) -> None:
        if any(found.again for found in files):
            data = b"" if spoil is None else encoded(spoil, "PNG")
            (evidence / "sure.png").write_bytes(data)
        hand_over(self, files, workers)

    monkeypatch.setattr(pipeline.Pipeline, "_hand_over", spoiling)
    (row,) = rows(scan(evidence, model, "out")).values()
    assert row.verdict == "inconclusive"
    assert row.reason == f"called fake as it is, but it could not be judged once {SAVED}"


def test_a_worker_looks_at_the_page_that_is_asked_for() -> None:
    shown = EVERY_SIZE[0]._replace(preprocessing=CENTRE, looks=tuple(LOOKS))
    data = pages(bright(), bright_spot())
    looked = [look_again(data, page, [shown], Limits()) for page in (1, 2, 3)]
    assert [it.status for it in looked] == [Status.SCORED, Status.SCORED, Status.UNREADABLE]
    views = [it.view.mean(axis=(1, 2, 3)) for it in looked if it.view is not None]
    assert np.array(views).round() == pytest.approx(np.array([[255, 255], [255, 64]]), abs=2)
