"""Protects: what files say of themselves reaches every report, the summary and the exit code, and
never the score."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from scanner.record import Origin
from tests.scanner.provenance import writing as write
from tests.scanner.scans import run

A1111 = "a gull\nSteps: 20, Sampler: Euler, Seed: 42"


def turned(image: Image.Image) -> bytes:
    """A picture that viewers turn by a quarter, before which its pixels hold the text."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return write.encoded(image, exif=exif)


SAID = {
    "made.png": write.png(parameters=A1111),
    "edited.webp": write.xmp({"photoshop:Credit": "Edited with Google AI"}),
    "shot.jpg": write.exif({write.MAKE: "Acme"}),
    "silent.png": write.saved("PNG"),
    "hidden.png": write.encoded(write.hidden(A1111, 3, packed=True)),
    "turned.png": turned(write.hidden(A1111, 3, packed=True)),
    "torn.png": write.png(AIGC='{"Label":"1"}')[:-30],
}
ORIGINS = {
    "made.png": Origin.AI_DECLARED,
    "edited.webp": Origin.EDITED_DECLARED,
    "shot.jpg": Origin.CAMERA_DECLARED,
    "silent.png": None,
    "hidden.png": Origin.AI_DECLARED,
    "turned.png": Origin.AI_DECLARED,
    "torn.png": Origin.AI_DECLARED,
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    for name, data in SAID.items():
        (folder / name).write_bytes(data)
    return folder


def test_the_column_of_every_report(evidence: Path, tmp_path: Path) -> None:
    reports = [tmp_path / "out.csv", tmp_path / "out.json"]
    done = run(evidence, *(it for report in reports for it in ("--report", str(report))))
    with reports[0].open(encoding="utf-8", newline="") as stream:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(stream)}
    whole = json.loads(reports[1].read_text("utf-8"))
    origins = {Path(file["path"]).name: file["origin"] for file in whole["files"]}
    assert origins == ORIGINS
    assert {name: row["origin"] or None for name, row in rows.items()} == ORIGINS
    counted = {origin: count for origin, count in whole["scan"]["origins"].items() if count}
    assert counted == {"ai_declared": 4, "edited_declared": 1, "camera_declared": 1}
    said = "4 declare themselves AI-generated; 1 declares itself edited; 1 declares itself out of"
    assert said in done.stderr
    # The same pixels have the same score, whatever is said of them.
    assert rows["made.png"]["logit"] == rows["silent.png"]["logit"] != ""
    assert rows["torn.png"]["status"] == "unreadable"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [("ai_declared", 1), ("edited_declared", 1), ("ai_validated", 0), ("camera_validated", 0)],
)
def test_fail_on_an_origin(wanted: str, code: int, evidence: Path, tmp_path: Path) -> None:
    for name in SAID.keys() - {"torn.png"}:
        (tmp_path / name).write_bytes(SAID[name])
    assert run(tmp_path, "--quiet", "--fail-on", wanted).returncode == code
