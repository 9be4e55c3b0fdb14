"""Protects: `imgscan validate` writes its three files, and says in a sentence what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CIFAKE_MODEL, ROOT, imgscan
from tests.scanner.walking import zipped

SAMPLES = ROOT / "examples" / "evidence" / "cifake"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of CIFAKE's test split: photographs in a folder, fakes in an archive."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "real").mkdir()
    for path in SAMPLES.glob("real-*"):
        (folder / "real" / path.name).write_bytes(path.read_bytes())
    fakes = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.glob("fake-*"))]
    (folder / "fake.zip").write_bytes(zipped(fakes))
    return folder


def test_three_files_and_the_figures_in_sentences(known: Path, tmp_path: Path) -> None:
    done = imgscan("validate", known, "--report", tmp_path / "v.html", "--flips", "3")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "v.html", "v.json", "v.csv", "v.csv.manifest.json",
    }  # fmt: skip
    told = json.loads((tmp_path / "v.json").read_bytes())
    (model,) = told["models"]
    count = len(list(SAMPLES.glob("real-*")))
    assert (model["name"], model["photographs"]) == (CIFAKE_MODEL, count)
    assert f"Of {count} photographs none was wrongly called AI-generated." in done.stderr
    assert {it["group"] for it in model["groups"]} == {"."}
    verified = imgscan("verify", tmp_path / "v.csv", "--evidence", known)
    assert verified.returncode == 0, verified.stderr


def test_a_file_that_was_not_examined_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes((ROOT / "examples/evidence/broken.jpg").read_bytes())
    done = imgscan("validate", tmp_path / "real", "--report", tmp_path / "v.html", "--quiet")
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--report", "v.csv"], "v.csv does not end in .html"),
        ([], "Missing option '--report'"),
        (["--report", "known/v.html"], "lies inside the evidence"),
        (["--report", "v.html", "--flips", "-1"], "Invalid value for '--flips'"),
        (["--report", "v.html", "--model", "none"], "there is no model 'none'"),
        (["--report", "v.html"], "no picture lies in a folder that says what it is"),
    ],
)
def test_what_it_cannot_do_is_told(words: list[str], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "a.txt").write_text("a note")
    done = imgscan("validate", "known", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
