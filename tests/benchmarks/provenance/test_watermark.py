"""Protects: the benchmark of watermarks counts what is found, and names who wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.provenance import watermark
from benchmarks.provenance.written import watermarked
from scanner.provenance.watermark import BYTES, MESSAGES
from tests.benchmarks.provenance.manifests import list_pictures


def picture(seed: int, side: int = 320) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(60, 190, (20, 20, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC))


def test_what_is_found_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watermark, "SIDES", (256, 256))
    monkeypatch.setattr(watermark, "TIMED", 1)
    monkeypatch.setattr(watermark, "WAYS", {"PNG": lambda picture: picture})
    files = tmp_path / "files"
    files.mkdir()
    marked = watermarked(picture(1), MESSAGES[0].bits, BYTES)
    for name, pixels in {"real": picture(2), "fake": marked, "other": picture(3)}.items():
        Image.fromarray(pixels).save(files / f"{name}.png")
    list_pictures(tmp_path)
    options = ["--data", tmp_path, "--files", files, "--written", 1, "--output", tmp_path / "out"]
    result = CliRunner().invoke(watermark.main, [str(option) for option in options])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out/watermark.json").read_text())
    counts = {row["kind"]: (row["pictures"], row["found"]) for row in found["rows"]}
    assert counts == {"photographs": (1, 0), "no photographs": (1, 0), "fakes": (1, 1)}
    (told,) = found["found"]
    assert (told["made_by"], told["of_tiles"]) == ("who", [MESSAGES[0].whose])
    robust = json.loads((tmp_path / "out/watermark-robustness.json").read_text())
    assert [row["PNG"] for row in robust["rows"]] == [1] * len(watermark.WRITERS)
