"""Protects: a scan shows a model of several views what its card says, and keeps both its scores."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scanner.backends.backend import Scores
from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.model import Domain, ModelCard, open_model
from scanner.reports.read import read_records
from scanner.scan import run_scan, scorers
from scanner.scan.request import Request
from tests.conftest import encoded
from tests.scanner.dying import Dying
from tests.scanner.views_model import SIDE, VIEWS, scores_of, write_views_model
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

WIDTH, HEIGHT = 50, 41  # with 34 and 25 places for a cut of 16 pixels
CORNERS = [(0, 0), (0, 32), (24, 0), (24, 32)]  # top and left
UNLIKE = "the image is unlike the photographs that the model knows"


def noise(low: int, high: int, seed: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    return generator.integers(low, high, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def two_halves() -> NDArray[np.uint8]:
    """Dark beside bright, so that the views differ more than the card allows."""
    return np.concatenate([noise(0, 60, 5)[:, :25], noise(200, 256, 6)[:, 25:]], axis=1)


@pytest.fixture
def model(card: ModelCard, tmp_path: Path) -> Path:
    seeing = replace(
        card,
        image_size=SIDE,
        preprocessing=VIEWS,
        domain=Domain("test pictures", 32, 64),
        ood_at_most=8.0,
    )
    return write_views_model(tmp_path / "views.onnx", seeing)


@pytest.fixture
def pictures(evidence: Path) -> dict[str, bytes]:
    """Path to bytes of all images in the evidence; some have the same bytes."""
    files = {
        "bright.png": encoded(Image.fromarray(noise(160, 256, 1)), "PNG"),
        "dark.jpg": encoded(Image.fromarray(noise(0, 100, 2)), "JPEG"),
        "grey.bmp": encoded(Image.fromarray(noise(0, 256, 3)), "BMP"),
        "halves.png": encoded(Image.fromarray(two_halves()), "PNG"),
    }
    files["twin of bright.png"] = files["bright.png"]
    members = {"m.png": files["halves.png"], "n.png": files["dark.jpg"]}
    for name, data in files.items():
        (evidence / name).write_bytes(data)
    (evidence / "pack.zip").write_bytes(zipped(list(members.items())))
    return files | {f"pack.zip!/{name}": data for name, data in members.items()}


def scan(evidence: Path, model: Path, name: str, batch: int, workers: int = 1) -> list[Path]:
    reports = [model.with_name(f"{name}.{kind}") for kind in ("csv", "json")]
    run_scan(Request((evidence,), tuple(reports), str(model), None, "cpu", batch, workers))
    return reports


def expected(data: bytes) -> Scores:
    """By numpy, from the decoded pixels."""
    rgb = decode(data).rgb
    pixels = np.asarray(rgb)
    whole = np.asarray(ImageOps.fit(rgb, (SIDE, SIDE), Image.Resampling.BILINEAR))
    cuts = [pixels[top : top + SIDE, left : left + SIDE] for top, left in CORNERS]
    return scores_of(np.stack([[whole, *cuts]]))


def test_a_scan_scores_what_numpy_cuts_out_of_the_pixels(
    evidence: Path, pictures: dict[str, bytes], model: Path
) -> None:
    report, _ = scan(evidence, model, "out", 3)
    rows = {row.path: row for row in read_records(report) if row.verdict}
    assert rows.keys() == pictures.keys()
    for path, row in rows.items():
        (score,) = expected(pictures[path]).each()
        assert score.ood is not None
        assert row.logit == round(score.logit, 5)
        if "halves" in path or path.endswith("m.png"):
            assert score.ood > 8
            assert (row.verdict, row.p_fake) == ("inconclusive", None)
            assert (row.reason or "").startswith(UNLIKE)
        else:
            assert score.ood <= 8
            assert row.p_fake is not None
            assert not (row.reason or "").startswith(UNLIKE)
    verdicts = {path: row.verdict for path, row in rows.items()}
    assert verdicts["bright.png"] == verdicts["twin of bright.png"] == "fake"
    assert verdicts["dark.jpg"] == verdicts["pack.zip!/n.png"] == "real"


def test_the_report_says_where_the_bound_lies(
    evidence: Path, pictures: dict[str, bytes], model: Path
) -> None:
    columns, facts = scan(evidence, model, "out", 1)
    assert json.loads(facts.read_text())["scan"]["models"][0]["ood_at_most"] == 8.0
    assert "ood" not in next(csv.reader(io.StringIO(columns.read_text())))
    assert pictures


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
def test_neither_batch_nor_interruption_changes_a_byte(
    batches: int,
    evidence: Path,
    pictures: dict[str, bytes],
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was scored before comes out of the journal, `ood` and all, also for its twins."""
    plain = [report.read_bytes() for report in scan(evidence, model, "plain", 3, workers=2)]
    backend: Any = Dying(open_backend(open_model(str(model)), "cpu", 1, 1), batches)
    monkeypatch.setattr(scorers, "open_backend", lambda *_: backend)
    with pytest.raises(RuntimeError, match="died"):
        scan(evidence, model, "resumed", 1)
    missing = len(set(pictures.values())) - batches
    backend.left = missing
    assert [report.read_bytes() for report in scan(evidence, model, "resumed", 1)] == plain
    assert backend.left == 0
