"""Protects: a scan scores first by the file made for that, only where it may, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scanner.backends.backend import Scores
from scanner.custody.compare import Comparison
from scanner.custody.manifest import manifest_path, read_manifest
from scanner.model import Calibration, ModelCard, ModelError, OperatingPoint, open_model
from scanner.model.added import add
from scanner.preprocess import Preprocessing
from scanner.record import Verdict
from scanner.reports.read import read_records
from scanner.scan import Outcome, Request, Watcher, run_scan
from scanner.scan.journal_file import JournalError
from scanner.scan.scorers import open_scorers
from scanner.validation.run import Asked
from tests.conftest import ModelMaker, encoded
from tests.scanner.pair import MARGIN, write_pair

pytestmark = pytest.mark.usefixtures("search_paths")

# Not the thresholds of the fixture `card`.
POINT = OperatingPoint(0.01, 1.9, -2.0, 0.01, (0.0, 0.02), 0.9, (0.8, 0.95), 0.01, (0.0, 0.02), 0.1)
TOGETHER = "int8, float32 near thresholds"
Write = Callable[..., Path]


@pytest.fixture
def write(make_model: ModelMaker, card: ModelCard, tmp_path: Path) -> Write:
    """Writes the pair, with more of `write_pair`."""

    def written(card: ModelCard = card, **more: Any) -> Path:
        return write_pair(tmp_path, make_model, card, **more)

    return written


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """Every fourth grey, and more of those near a threshold."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    for grey in [*range(0, 256, 4), *range(185, 200)]:
        picture = encoded(Image.new("RGB", (32, 32), (grey,) * 3), "PNG")
        (folder / f"{grey:03}.png").write_bytes(picture)
    return folder


def scanned(evidence: Path, report: Path, model: Path, **options: Any) -> Outcome:
    asked: dict[str, Any] = {"paths": (evidence,), "reports": (report,), "model": str(model)}
    return run_scan(Request(**asked | {"device": "cpu", "workers": 1} | options))


def precision(model: Path, tell: Callable[[str], None] = lambda _: None, **options: Any) -> str:
    """What a scan with that model would run in."""
    asked: dict[str, Any] = {"paths": (model,), "model": str(model), "device": "cpu"}
    (scorer,) = open_scorers(Request(**asked | options), tell)
    return scorer.backend.precision


def test_the_verdicts_are_those_of_the_model_alone(
    write: Write, evidence: Path, tmp_path: Path
) -> None:
    model = write()
    together = scanned(evidence, tmp_path / "together.csv", model)
    alone = scanned(evidence, tmp_path / "alone.csv", model, exact=True)
    assert together.summary().splitlines()[1].endswith(f"(CPUExecutionProvider, {TOGETHER})")
    assert alone.summary().splitlines()[1].endswith("(CPUExecutionProvider, float32)")
    fast, full = (
        {row.path: row for row in read_records(tmp_path / f"{name}.csv")}
        for name in ("together", "alone")
    )
    assert fast.keys() == full.keys()
    for path, row in full.items():
        assert (fast[path].verdict, fast[path].model) == (row.verdict, row.model)
    settled = [path for path in full if fast[path].logit != full[path].logit]
    assert 0 < len(settled) < len(full), "some were scored once and some twice"
    comparison = Comparison(tmp_path / "together.csv", tmp_path / "alone.csv")
    assert list(comparison.differences())
    causes = list(comparison.summary())
    assert any("models pair first_pass" in line for line in causes), "imgscan compare tells why"


def test_reports_and_manifest_name_the_file_that_scored_first(
    write: Write, evidence: Path, tmp_path: Path
) -> None:
    model, report = write(), tmp_path / "out.json"
    scanned(evidence, report, model)
    (said,) = json.loads(report.read_bytes())["scan"]["models"]
    assert (said["name"], said["sha256"]) == ("pair", open_model(str(model)).sha256)
    assert said["precision"] == TOGETHER
    assert said["first_pass"] == {
        "name": "pair.int8",
        "sha256": open_model(str(tmp_path / "pair.int8.onnx")).sha256,
        "precision": "int8",
        "margin": MARGIN,
        "least_colours": 0,
    }
    (kept,) = read_manifest(manifest_path(report))["models"]
    assert kept["first_pass"] == said["first_pass"]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 2), (7, 1), (64, 2)])
def test_reports_are_the_same_bytes_however_they_were_made(
    batch_size: int, workers: int, write: Write, evidence: Path, tmp_path: Path
) -> None:
    model = write()
    for name, batch, processes in (("plain", None, 1), ("other", batch_size, workers)):
        report = tmp_path / f"{name}.json"
        scanned(evidence, report, model, batch_size=batch, workers=processes)
    assert (tmp_path / "other.json").read_bytes() == (tmp_path / "plain.json").read_bytes()


def test_where_most_would_be_scored_twice_the_model_scores_alone(
    write: Write, card: ModelCard
) -> None:
    assert precision(write(scored_again=0.49)) == TOGETHER
    assert precision(write(scored_again=0.5)) == "float32"


def test_each_operating_point_is_told_for_itself(write: Write, card: ModelCard) -> None:
    """A first pass that knows nothing of a point is no use there."""
    model = write()
    strict = replace(card.operating_points[0], false_positive_rate=0.001, fake_at_least=3.0)
    assert precision(model, false_positive_rate=0.01) == TOGETHER
    both = replace(card, operating_points=(*card.operating_points, strict))
    assert precision(write(both), false_positive_rate=0.001) == TOGETHER
    claim = open_model(str(model.with_suffix(".int8.onnx"))).card.first_pass
    assert claim is not None
    assert not claim.pays(replace(strict, false_positive_rate=0.002))


def test_exact_logits_come_from_the_model_alone(write: Write, tmp_path: Path) -> None:
    """What compares logits, or judges them by other thresholds, must not meet two files' scores."""
    model, page = write(), (tmp_path / "out.html",)
    assert precision(model, reports=page) == TOGETHER
    assert precision(model, exact=True) == "float32"
    assert precision(model, reports=page, explain=(Verdict.FAKE,)) == "float32"
    validation = Asked((tmp_path,), tmp_path / "known.html", str(model), "cpu").request(0.01)
    (scorer,) = open_scorers(validation, lambda _: None)
    assert (scorer.backend.precision, scorer.first) == ("float32", None)


class OnGpu:
    """What a backend on a GPU says of itself."""

    provider, precision, batch_size, streams = "CUDAExecutionProvider", "float32", 1, 1

    def score(self, views: NDArray[np.uint8]) -> Scores:
        return Scores(np.zeros(len(views), np.float32))


def test_on_a_gpu_the_model_scores_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write()
    monkeypatch.setattr("scanner.scan.scorers.open_backend", lambda *_: OnGpu())
    assert precision(model, device="auto") == "float32"


def test_a_file_that_was_made_from_another_is_told_of_and_not_used(write: Write) -> None:
    told: list[str] = []
    assert precision(write(of="ab" * 32), told.append) == "float32"
    (sentence,) = told
    assert sentence.endswith(
        "pair.int8.onnx is not used: it was made from another file than pair.onnx. "
        "pair.onnx scores alone."
    )


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("another preprocessing", {"preprocessing": Preprocessing(32, resample="bicubic")}),
        ("another calibration", {"calibration": Calibration(1.5, 0.0)}),
        ("other operating points", {"operating_points": (POINT,)}),
    ],
)
def test_a_file_whose_card_reads_scores_otherwise_is_told_of_and_not_used(
    what: str, change: dict[str, Any], write: Write, card: ModelCard
) -> None:
    """Its margin was measured with what its own card says."""
    told: list[str] = []
    assert precision(write(first=replace(card, **change)), told.append) == "float32"
    (sentence,) = told
    assert f"is not used: its card has {what} than pair.onnx. pair.onnx scores" in sentence


def test_one_among_added_models_must_have_been_added(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may put a file there could else let it score for a model that was added in earnest."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    told: list[str] = []
    model = write()
    first = model.with_suffix(".int8.onnx")
    placed, _ = add(model)
    beside = placed.path.with_name(first.name)
    beside.write_bytes(first.read_bytes())
    assert precision(placed.path, told.append) == "float32"
    (sentence,) = told
    assert f"{beside} is not used: it was not added with imgscan models add" in sentence
    assert not add(first)[1]
    assert precision(placed.path, told.append) == TOGETHER
    assert len(told) == 1


def test_an_int8_file_that_claims_nothing_is_left_alone(
    write: Write, card: ModelCard, brightness_model: Path
) -> None:
    """As older versions wrote them, under the name that the documentation gave them."""
    told: list[str] = []
    model = write()
    model.with_suffix(".int8.onnx").write_bytes(brightness_model.read_bytes())
    assert precision(model, told.append) == "float32"
    assert told == []


def test_a_damaged_one_is_refused_with_what_to_do(write: Write) -> None:
    model = write()
    first = model.with_suffix(".int8.onnx")
    first.write_bytes(first.read_bytes()[:100])
    with pytest.raises(ModelError) as refused:
        precision(model)
    assert str(refused.value).startswith(f"{first} ")
    assert str(refused.value).endswith(
        "; put pair.int8.onnx back as it was, or delete it: without it pair.onnx scores alone."
    )


class Stopped(Exception):
    """The scan is stopped."""


class Stopping(Watcher):
    """Stops a scan before it writes its reports."""

    def examined(self) -> None:
        raise Stopped


@pytest.mark.parametrize("change", ["gone", "another"])
def test_a_journal_of_a_scan_with_another_first_file_is_refused(
    change: str, write: Write, evidence: Path, tmp_path: Path
) -> None:
    model = write()
    first = model.with_suffix(".int8.onnx")
    request = Request((evidence,), (tmp_path / "out.csv",), str(model), device="cpu", workers=1)
    with pytest.raises(Stopped):
        run_scan(request, Stopping())
    if change == "gone":
        first.unlink()
    else:
        first.write_bytes(first.read_bytes() + b"\x9a\x06\x00")  # a field that is not read
    with pytest.raises(JournalError, match="another model file that scores first"):
        run_scan(request)
