"""Protects: what files give away is found, and a model that lives on it is told."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks.photographs.audit import main
from benchmarks.photographs.facts import facts
from benchmarks.photographs.shortcuts import (
    ALIKE,
    ALONE,
    ANY,
    FOLLOWED,
    SAME,
    TOGETHER,
    concordance,
    shortcuts,
)
from benchmarks.shared.results import Row
from scanner.files import file_sha256
from tests.conftest import encoded
from trainer.data.examples import LABELS, DataError
from trainer.photographs.tiers import TIERS

EACH = 40  # images of a class in a source
PAIRED = ("one/both", "two/both")
SOURCES = (*PAIRED, "three/cameras", "four/generator", "five/cameras", "six/generator")


def only(rows: list[Row], **wanted: str) -> Row:
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    return row


def one_group(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.zeros(count, np.int64)


def test_of_labels_and_scores_it_is_the_auroc() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300).astype(float)
    scores = np.round(random.normal(labels, 1), 1)  # so that there are ties
    found = concordance(labels, scores, one_group(300))
    assert found is not None
    assert found.share == pytest.approx(roc_auc_score(labels, scores))
    assert found.pairs == labels.sum() * (1 - labels).sum()


def test_pairs_are_of_one_group_and_of_known_values() -> None:
    one = np.array([0, 1, 0, 1, 5, math.nan])
    other = np.array([1.0, 2.0, 4.0, 3.0, 0.0, 0.0])
    found = concordance(one, other, np.array([1, 1, 2, 2, 3, 1]))
    assert found is not None
    assert (found.pairs, found.share) == (2, 0.5)
    assert concordance(one[:1], other[:1], one_group(1)) is None
    assert concordance(one[-1:], other[-1:], one_group(1)) is None


def test_the_interval_holds_what_chance_gives() -> None:
    random = np.random.default_rng(0)
    drawn = [
        concordance(random.normal(size=50), random.normal(size=50), one_group(50))
        for _ in range(200)
    ]
    held = [found is not None and found.low <= 0.5 <= found.high for found in drawn]
    assert 0.9 < np.mean(held) < 0.99


def read(path: Path, kind: str, **how: object) -> dict[str, float]:
    image = Image.new("L" if how.pop("grey", False) else "RGB", (60, 40), 128)
    path.write_bytes(encoded(image, kind, **how))
    return {str(name): float(column["it"]) for name, column in facts({"it": path}).items()}


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_how_a_jpeg_was_saved_is_read(tmp_path: Path, quality: int) -> None:
    found = read(tmp_path / "it", "JPEG", quality=quality, subsampling="4:2:0", progressive=True)
    assert found["JPEG quality"] == pytest.approx(quality, abs=1)
    assert found["JPEG samples of colour"] == 0.25
    assert found["progressive JPEG"] == 1
    assert (found["shorter side"], found["width over height"]) == (40, 1.5)
    assert found["bytes a pixel"] == (tmp_path / "it").stat().st_size / 2400


def test_what_other_files_do_not_have_is_not_a_number(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    found = read(tmp_path / "it", "PNG", grey=True, exif=exif, icc_profile=b"profile")
    assert math.isnan(found["JPEG quality"])
    assert math.isnan(found["progressive JPEG"])
    assert (found["PNG"], found["WebP or AVIF"], found["grey"]) == (1, 0, 1)
    assert (found["EXIF"], found["ICC profile"]) == (1, 1)
    grey = read(tmp_path / "it", "JPEG", grey=True)
    assert math.isnan(grey["JPEG samples of colour"])
    assert (grey["PNG"], grey["EXIF"], grey["ICC profile"]) == (0, 0, 0)


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.effect_noise((500, 500), 50).save(stream, "JPEG")
    (tmp_path / "it").write_bytes(stream.getvalue()[:2000])  # its header, and little more
    assert facts({"it": tmp_path / "it"}).loc["it", "shorter side"] == 500
    (tmp_path / "it").write_bytes(b"no image")
    with pytest.raises(DataError, match="it cannot be read: "):
        facts({"it": tmp_path / "it"})


@pytest.fixture
def images() -> pd.DataFrame:
    """Of each source, EACH of its classes, and of each a fact that tells them apart."""
    random = np.random.default_rng(0)
    rows = [
        {"image": f"{source} {label} {number}", "source": source, "group": source, "label": label}
        for source in SOURCES
        for label in LABELS.values()
        for number in range(EACH)
        if "both" in source or label == ("generator" in source)
    ]
    frame = pd.DataFrame(rows)
    frame["size"] = random.normal(2.0 * frame["label"], 1)
    frame["noise"] = random.normal(size=len(frame))
    return frame.assign(tier="as-it-is")


def found_for(images: pd.DataFrame, score: pd.Series[float]) -> list[Row]:
    known = images.set_index("image")[["size", "noise"]]
    return list(shortcuts(images.assign(score=score), known))


def test_a_model_that_lives_on_a_fact_is_told(images: pd.DataFrame) -> None:
    rows = found_for(images, images["size"])
    for of in (ANY, *PAIRED):
        assert only(rows, question=ALONE, of=of, fact="size")["share"] > 0.8
        assert 0.3 < only(rows, question=ALONE, of=of, fact="noise")["share"] < 0.7
        assert only(rows, question=ALONE, of=of, fact=TOGETHER)["share"] > 0.8
    for label in LABELS:
        followed = only(rows, question=FOLLOWED, of=f"{label}, {SAME}", fact="size")
        assert followed["share"] == 1
        assert only(rows, question=FOLLOWED, of=f"{label}, {SAME}", fact=TOGETHER)["share"] > 0.7
    whatever = only(rows, question=ALIKE, of=SAME, fact="")
    assert only(rows, question=ALIKE, of=SAME, fact="noise")["share"] > whatever["low"] - 0.05
    assert only(rows, question=ALIKE, of=SAME, fact="size")["share"] < whatever["low"] - 0.1


def test_a_model_that_does_not_is_told(images: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    rows = found_for(images, images["label"] + random.normal(0, 0.7, len(images)))
    for label in LABELS:
        for fact in ("size", TOGETHER):
            followed = only(rows, question=FOLLOWED, of=f"{label}, {SAME}", fact=fact)
            assert followed["low"] < 0.5 < followed["high"]
    whatever = only(rows, question=ALIKE, of=SAME, fact="")
    assert only(rows, question=ALIKE, of=SAME, fact="size")["share"] > whatever["low"] - 0.05


def test_a_source_with_too_few_of_a_class_has_no_figure_of_its_own(images: pd.DataFrame) -> None:
    few = (images["source"] == PAIRED[0]) & (images["label"] == 1)
    kept = images[~few | (images.groupby(["source", "label"]).cumcount() < 5)]
    rows = found_for(kept, kept["size"])
    assert {row["of"] for row in rows if row["question"] == ALONE} == {ANY, PAIRED[1]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's scores, and its images in `files`: the fakes are larger, which the scores follow."""
    (tmp_path / "run").mkdir()
    (tmp_path / "files").mkdir()
    random = np.random.default_rng(0)
    with (tmp_path / "run" / "left-out.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sha256", "source", "group", "label", "tier", "logit", "verdict"])
        for number in range(96):
            source = SOURCES[number % len(SOURCES)]
            label = int("generator" in source) if "both" not in source else number // 6 % 2
            side = 30 + 10 * label + int(random.integers(8))
            path = tmp_path / "files" / f"{number}.jpg"
            noise = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            path.write_bytes(encoded(Image.fromarray(noise), "JPEG"))
            for tier in TIERS:
                writer.writerow(
                    [file_sha256(path), source, source, label, tier, side, "inconclusive"]
                )
    return tmp_path / "run"


def audited(run: Path) -> Result:
    words = [run, "--files", run.parent / "files", "--output", run.parent]
    return CliRunner().invoke(main, list(map(str, words)))


def test_the_command_writes_every_figure_and_a_table(run: Path, tmp_path: Path) -> None:
    done = audited(run)
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "photographs-audit.json").read_text())
    assert written["command"] == "python -m benchmarks.photographs.audit run --files files"
    assert written["images"] == 96
    header, _, *lines = (tmp_path / "photographs-audit.md").read_text().splitlines()
    names = [cell.strip() for cell in header.strip("|").split("|")]
    table = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        table[cells[0]] = dict(zip(names, cells, strict=True))
    assert next(iter(table)) == "any"
    assert list(table)[-1] == TOGETHER
    assert table["shorter side"]["alone, sources left out"].startswith("1.00 (")
    assert table["shorter side"]["followed: fakes"].startswith("1.00 (")
    assert table["PNG"]["followed: fakes"] == ""  # there is none


def test_files_that_are_not_there_are_told(run: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "files").iterdir():
        path.unlink()
    done = audited(run)
    assert done.exit_code == 1
    assert "fetch them with python -m trainer.collect" in done.output
