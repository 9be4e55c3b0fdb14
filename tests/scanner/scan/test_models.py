"""Protects: of several models the one for its size judges a picture, and reports say which."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scanner.backends.backend import Scores
from scanner.custody.manifest import manifest_path, read_manifest
from scanner.limits import Limits
from scanner.model import METADATA_KEY, Domain, ModelCard, ModelError, open_model
from scanner.preprocess import Preprocessing
from scanner.record import Record, Verdict
from scanner.reports.read import read_records
from scanner.scan import Outcome, Request, Watcher, run_scan
from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.scan.pipeline import Pipeline
from scanner.scan.records import records as scan_records
from scanner.scan.scorers import Scorer, open_scorers
from tests.conftest import HANG_GUARD, ModelMaker, encoded, environment, image_bytes
from tests.scanner.scans import wait_for
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

SMALL, LARGE, NEITHER = (32, 32), (60, 40), (35, 35)
PHOTOGRAPHS = Domain("photographs", 40, 90)


@pytest.fixture
def bundled(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of two models: `icons` for 32 pixels, `photos` for 40 to 90, of views of 16."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    shutil.copy(make_model("icons", {METADATA_KEY: card.to_json()}), folder)
    of_photographs = replace(card, preprocessing=Preprocessing(16), domain=PHOTOGRAPHS)
    shutil.copy(make_model("photos", {METADATA_KEY: of_photographs.to_json()}, side=16), folder)
    monkeypatch.setattr("scanner.model.file.BUNDLED", folder)
    return folder


def white(size: tuple[int, int], kind: str = "PNG", *further: tuple[int, int]) -> bytes:
    """An image of one grey that both models call fake, with a page for each further size."""
    first, *rest = (Image.new("RGB", each, (250,) * 3) for each in (size, *further))
    return encoded(first, kind, **({"save_all": True, "append_images": rest} if rest else {}))


def lay_out(evidence: Path, count: int = 4) -> None:
    """Pictures for either model and for none, alone, in an archive, as pages, and repeated."""
    for number in range(count):
        for name, size in (("small", SMALL), ("large", LARGE), ("neither", NEITHER)):
            picture = image_bytes("PNG", number, size)
            (evidence / f"{name}-{number}.png").write_bytes(picture)
    members = [("small.png", white(SMALL)), ("large.png", white(LARGE)), ("note", b"a note")]
    (evidence / "pack.zip").write_bytes(zipped([*members, ("again.png", white(LARGE))]))
    pages = white(LARGE, "TIFF", SMALL, NEITHER, LARGE)
    (evidence / "pages.tif").write_bytes(pages)
    (evidence / "twin.zip").write_bytes(zipped([("twin.tif", pages)]))
    (evidence / "broken.png").write_bytes(white(SMALL)[:40])


def scanned(evidence: Path, report: Path, **options: Any) -> tuple[Outcome, list[Record]]:
    asked: dict[str, Any] = {"paths": (evidence,), "reports": (report,), "workers": 1}
    return run_scan(Request(**asked | {"device": "cpu"} | options)), list(read_records(report))


def judges(records: list[Record]) -> dict[tuple[str, int | None], str | None]:
    """Path and page to the name of the model that judged it."""
    return {(row.path, row.page): row.model and row.model.split("@")[0] for row in records}


@pytest.mark.parametrize("batch_size", [1, 7])
def test_each_page_goes_to_the_model_for_its_size(
    batch_size: int, bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    lay_out(evidence, count=1)
    _, records = scanned(evidence, tmp_path / "out.json", batch_size=batch_size)
    pages = {1: "photos", 2: "icons", 3: None, 4: "photos"}
    expected: dict[tuple[str, int | None], str | None] = {
        ("broken.png", None): None,
        ("large-0.png", 1): "photos",
        ("neither-0.png", 1): None,
        ("pack.zip", None): None,
        ("pack.zip!/again.png", 1): "photos",
        ("pack.zip!/large.png", 1): "photos",
        ("pack.zip!/note", None): None,
        ("pack.zip!/small.png", 1): "icons",
        **{("pages.tif", page): model for page, model in pages.items()},
        ("small-0.png", 1): "icons",
        ("twin.zip", None): None,
        **{("twin.zip!/twin.tif", page): model for page, model in pages.items()},
    }
    assert judges(records) == expected
    for row in records:
        assert (row.model is None) == (row.logit is None)
        if row.path == "pages.tif" and row.page != 3:
            assert row.verdict is Verdict.FAKE
            digest = open_model(str(bundled / f"{pages[row.page or 0]}.onnx")).sha256
            assert row.model == f"{pages[row.page or 0]}@{digest[:12]}"
    (outside,) = [row for row in records if row.path == "neither-0.png"]
    assert (outside.status, outside.verdict, outside.p_fake) == ("scored", "inconclusive", None)
    assert outside.reason == (
        "35x35 pixels is outside the domain of every model (small squares; sides of 32 pixels, or "
        "photographs; sides of 40 to 90 pixels)"
    )


def test_one_model_that_is_named_judges_alone(
    bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    lay_out(evidence)
    outcome, records = scanned(evidence, tmp_path / "out.csv", model="icons")
    assert set(judges(records).values()) == {"icons", None}
    assert [judged.model.name for judged in outcome.models] == ["icons"]


def test_reports_and_manifest_say_what_each_model_did(
    bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    lay_out(evidence)
    report = tmp_path / "out.json"
    outcome, records = scanned(evidence, report, batch_size=3)
    said = json.loads(report.read_bytes())["scan"]
    assert said.keys().isdisjoint(("model", "domain", "provider", "precision", "batch"))
    assert [model["name"] for model in said["models"]] == ["icons", "photos"]
    for model, judged in zip(said["models"], outcome.models, strict=True):
        file = open_model(str(bundled / f"{model['name']}.onnx"))
        own = [row.verdict for row in records if row.model == f"{file.name}@{file.sha256[:12]}"]
        assert model == {
            "name": file.name,
            "sha256": file.sha256,
            "domain": vars(file.card.domain),
            "sees": file.card.preprocessing.in_words(),
            "false_positive_rate": 0.01,
            "false_negative_rate": 0.01,
            "ood_at_most": None,
            "quality": None,
            "looks": [],
            "provider": "CPUExecutionProvider",
            "precision": "float32",
            "first_pass": None,
            "verdicts": {verdict: own.count(verdict) for verdict in Verdict},
        }
        assert (judged.model, judged.verdicts.total()) == (file, len(own))
    manifest = read_manifest(manifest_path(report))
    assert manifest["models"] == [model | {"batch": 3} for model in said["models"]]


def test_the_summary_has_a_line_for_each_model_and_one_for_what_lies_in_none(
    bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    for name, picture in {
        "a.png": white(SMALL), "b.png": white(LARGE), "c.png": white((50, 50)),
        "d.png": white(NEITHER), "e": b"a note",
    }.items():  # fmt: skip
        (evidence / name).write_bytes(picture)
    outcome, _ = scanned(evidence, tmp_path / "out.csv")
    first, *lines = outcome.summary().splitlines()
    assert first == f"5 files in {outcome.seconds:.1f} s ({outcome.rate:,.0f} files/s)"
    assert lines == [
        "  icons         1: 1 fake, 0 real, 0 inconclusive (CPUExecutionProvider, float32)",
        "  photos        2: 2 fake, 0 real, 0 inconclusive (CPUExecutionProvider, float32)",
        "  in no domain  1: inconclusive, no model is made for their size",
        "  not an image  1",
        "  NOT EXAMINED  0",
        f"  report        {tmp_path / 'out.csv'}",
    ]


def test_a_rate_that_one_of_the_models_lacks_is_refused(
    bundled: Path, make_model: ModelMaker, card: ModelCard, evidence: Path, tmp_path: Path
) -> None:
    strict = replace(card.operating_points[0], false_positive_rate=0.001)
    both = replace(card, operating_points=(*card.operating_points, strict))
    file = make_model("icons-of-two-rates", {METADATA_KEY: both.to_json()})
    shutil.copy(file, bundled / "icons.onnx")
    with pytest.raises(
        ModelError, match=r"^photos: no thresholds for .* or one model with --model"
    ):
        scanned(evidence, tmp_path / "out.csv", false_positive_rate=0.001)
    scanned(evidence, tmp_path / "out.csv", false_positive_rate=0.001, model="icons")
    (model,) = read_manifest(manifest_path(tmp_path / "out.csv"))["models"]
    assert model["false_positive_rate"] == 0.001


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 2), (7, 1), (7, 2)])
def test_reports_are_the_same_bytes_however_they_were_made(
    batch_size: int, workers: int, bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    lay_out(evidence, count=9)
    suffixes = (".csv", ".json", ".jsonld")
    for name, batch, processes in (("plain", 1, 1), ("other", batch_size, workers)):
        reports = tuple(tmp_path / f"{name}{suffix}" for suffix in suffixes)
        run_scan(Request((evidence,), reports, "auto", None, "cpu", batch, processes))
    for suffix in suffixes:
        other = (tmp_path / f"other{suffix}").read_bytes()
        assert other == (tmp_path / f"plain{suffix}").read_bytes()


class Dead:
    """A backend that the scan dies of."""

    provider, precision, batch_size, streams = "none", "float32", 1, 1

    def score(self, views: NDArray[np.uint8]) -> Scores:
        raise RuntimeError("died")


def test_a_file_is_not_done_before_the_pages_of_every_model(
    bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    """The scan dies when the page of the one model is recorded, and that of the other is not."""
    document = noise_pages(1)
    (evidence / "a.tif").write_bytes(document)
    request = Request(paths=(evidence,), device="cpu", batch_size=1)
    icons, photos = open_scorers(request, lambda _: None)
    with closing(Journal(tmp_path / "x.journal")) as journal:
        journal.begin({})
        dying = [icons, Scorer(photos.model, Dead())]
        with pytest.raises(RuntimeError, match="died"):
            Pipeline([evidence], dying, journal, Limits(), 1).run(lambda _: None)
        assert journal.score(hashlib.sha256(document).hexdigest(), 1) is not None
        assert not journal.has("a.tif", 0)
        Pipeline([evidence], [icons, photos], journal, Limits(), 1).run(lambda _: None)
        found = [record.model for record in scan_records(journal)]
    assert found == [icons.name, photos.name, None]


PROGRAM = """
import sys
from pathlib import Path
from scanner.cli.main import main
from scanner.model import file
file.BUNDLED = Path(sys.argv[1])
main(sys.argv[2:])
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_killed_scan_is_finished_as_if_it_never_was(
    bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    """Killed when files of some pages with a score, and of some without, are in the journal."""
    for number in range(150):
        (evidence / f"{number}.tif").write_bytes(noise_pages(number))
    lay_out(evidence)

    def command(report: Path, *options: str) -> list[str]:
        words = ["--report", str(report), "--device", "cpu", "--quiet", *options]
        return [sys.executable, "-c", PROGRAM, str(bundled), str(evidence), *words]

    def finish(report: Path, *options: str) -> bytes:
        done = subprocess.run(
            command(report, *options),
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=HANG_GUARD,
            check=False,
        )
        assert done.returncode == 1, done.stderr  # for the broken picture
        return report.read_bytes()

    undisturbed = finish(tmp_path / "undisturbed.csv")
    report = tmp_path / "killed.csv"
    log = tmp_path / "killed.csv.journal-wal"
    with subprocess.Popen(command(report, "--batch-size", "40"), env=environment()) as scan:
        wait_for(lambda: log.exists() and log.stat().st_size > 60_000, "records")
        scan.send_signal(signal.SIGKILL)
    assert not report.exists(), "it was killed in its middle"
    assert finish(report, "--batch-size", "3") == undisturbed


def noise_pages(seed: int) -> bytes:
    """A document of three pages, for the one model, the other and none."""
    sizes = (SMALL, LARGE, NEITHER)
    first, *rest = (Image.open(io.BytesIO(image_bytes("PNG", seed, size))) for size in sizes)
    return encoded(first, "TIFF", save_all=True, append_images=rest)


class Stopped(Exception):
    """The scan is stopped."""


class Stopping(Watcher):
    """Stops a scan before it writes its reports."""

    def examined(self) -> None:
        raise Stopped


CHANGES: dict[str, Callable[[Path], object]] = {
    "fewer": lambda folder: (folder / "photos.onnx").unlink(),
    "of another name": lambda folder: (folder / "photos.onnx").rename(folder / "renamed.onnx"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_journal_of_other_models_is_refused(
    change: str, bundled: Path, evidence: Path, tmp_path: Path
) -> None:
    lay_out(evidence)
    request = Request(paths=(evidence,), reports=(tmp_path / "out.csv",), device="cpu", workers=1)
    with pytest.raises(Stopped):
        run_scan(request, Stopping())
    CHANGES[change](bundled)
    with pytest.raises(JournalError, match="an interrupted scan with another model"):
        run_scan(request)
