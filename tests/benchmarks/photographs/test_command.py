"""Protects: the command's tables are of its two materials, and name what they are of."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.photographs import __main__ as command
from benchmarks.photographs.material import LEFT_OUT, MIXED, SCANNED
from scanner.files import file_sha256
from scanner.model import METADATA_KEY, Domain, ModelCard
from tests.conftest import ModelMaker
from tests.pictures import write_pictures
from trainer.photographs.tiers import TIERS

EACH = 8  # images of a class
COLUMNS = ("sha256", "source", "label", "tier", "logit", "verdict", "reason")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "files", EACH, seed=5)
    return tmp_path / "files"


@pytest.fixture
def run(files: Path, tmp_path: Path) -> Path:
    """What a training run left: the first photograph called fake, all else well told apart."""
    (tmp_path / "run").mkdir()
    random = np.random.default_rng(0)
    with (tmp_path / "run" / "left-out.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for tier in TIERS:
            for label, name in enumerate(("REAL", "FAKE")):
                for number, path in enumerate(sorted((files / name).iterdir())):
                    fake = label == 1 or number == 0
                    logit = round(float(random.normal(4 if fake else -4)), 4)
                    verdict = "fake" if fake else "real"
                    writer.writerow([file_sha256(path), name, label, tier, logit, verdict, ""])
    return tmp_path / "run"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, colour in (("real", "black"), ("fake", "white")):
        (tmp_path / "material" / label).mkdir(parents=True)
        for side in (60, 70):
            picture = Image.new("RGB", (side, side), colour)
            picture.save(tmp_path / "material" / label / f"{side}.png")
    return tmp_path / "material"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(command.main, list(map(str, words)))


@pytest.fixture
def manifest(files: Path, tmp_path: Path) -> Path:
    """That lists the files of `run`."""
    rows = [
        {"sha256": file_sha256(path), "commit": "c0ffee", "path": path.name, "generator": "none"}
        for path in sorted(files.glob("*/*"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


def written(place: Path, name: str = "photographs") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / f"{name}.json").read_text())
    return found


def test_both_materials_are_measured(
    run: Path,
    folder: Path,
    files: Path,
    manifest: Path,
    make_model: ModelMaker,
    card: ModelCard,
    tmp_path: Path,
) -> None:
    wider = replace(card, domain=Domain("larger ones", 50, 1000))
    model = make_model("wider", {METADATA_KEY: wider.to_json()})
    results, sheet = tmp_path / "results", tmp_path / "sheet.png"
    scan = ("--scan", folder, "--model", model)
    done = invoke(
        run, *scan, "--manifest", manifest, "--files", files, "--sheet", sheet, "--output", results
    )
    assert done.exit_code == 0, done.output

    found = written(results)
    assert found["command"] == (
        "python -m benchmarks.photographs --model wider.onnx run --scan material"
    )
    assert found["model"] == "wider"
    whole = {(row["material"], row["tier"]): row for row in found["rows"] if row["source"] == "all"}
    assert list(whole) == [
        (material, tier) for material in (LEFT_OUT, MIXED, SCANNED) for tier in TIERS
    ]
    for (material, _), row in whole.items():
        strangers = material != SCANNED
        assert (row["photographs"], row["fakes"]) == ((EACH, EACH) if strangers else (2, 2))
        assert row["accused"] == (1 / EACH if strangers else 0)
        assert row["found"] == 1
        assert row["turned"] == 0
        assert (row["auroc"] < 1) == strangers
    sources = written(results, "photographs-sources")["rows"]
    assert {(row["source"], row["photographs"]) for row in sources} >= {("REAL", EACH)}
    (wrong,) = written(results, "photographs-mistakes")["rows"]
    assert (wrong["called"], wrong["source"], wrong["commit"]) == ("fake", "REAL", "c0ffee")
    assert "scanned folder" in (results / "photographs.md").read_text()
    for picture in (results / "photographs-curves.png", sheet):
        with Image.open(picture) as image:
            assert len(image.convert("RGB").getcolors(image.width * image.height) or ()) > 20


def test_a_run_alone_names_no_model(run: Path, manifest: Path, tmp_path: Path) -> None:
    done = invoke(run, "--manifest", manifest, "--output", tmp_path / "results")
    assert done.exit_code == 0, done.output
    found = written(tmp_path / "results")
    assert found["command"] == "python -m benchmarks.photographs run"
    assert "model" not in found
    assert {row["material"] for row in found["rows"]} == {LEFT_OUT, MIXED}


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    done = invoke(tmp_path, "--output", tmp_path / "results")
    assert done.exit_code == 1
    assert done.output == f"Error: {tmp_path / 'left-out.csv'}: No such file or directory.\n"
