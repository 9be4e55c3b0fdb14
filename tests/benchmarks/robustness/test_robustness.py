"""Protects: degraded images stay in the domain, and figures are those of a scan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.robustness import __main__ as command
from benchmarks.robustness import table
from benchmarks.robustness.degradations import DEGRADATIONS
from benchmarks.robustness.degraded import UNHARMED, figures, measure
from scanner.backends.choose import open_backend
from scanner.model import open_model
from tests.pictures import picture


def pictures(count: int) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [picture(random, number % 2 == 1, 32, 32) for number in range(count)]


@pytest.mark.parametrize("name", list(DEGRADATIONS))
def test_degraded_images_keep_their_size_and_come_out_the_same_again(name: str) -> None:
    (image,) = pictures(1)
    for strength in DEGRADATIONS[name].strengths:
        harmed = DEGRADATIONS[name].apply(image, strength)
        assert (harmed.size, harmed.mode) == ((32, 32), "RGB")
        assert harmed != image
        assert harmed == DEGRADATIONS[name].apply(image, strength)


def test_unharmed_images_have_the_figures_of_plain_scoring(brightness_model: Path) -> None:
    model = open_model(str(brightness_model))
    backend = open_backend(model, "cpu", batch_size=3)
    images, labels = pictures(8), np.array([0, 1] * 4)
    plain = backend.score(np.stack([np.asarray(image) for image in images])).logits
    first = next(measure(images, labels, backend, model.card, quick=True))
    assert first["degradation"] == UNHARMED
    expected = figures(plain, labels, model.card)
    assert {key: first[key] for key in expected} == pytest.approx(expected)


def test_figures_count_only_fake_verdicts_as_positives(brightness_model: Path) -> None:
    card = open_model(str(brightness_model)).card  # fake from 2, real up to -2
    calibrated = np.array([3, -3, 0, -3, 3, 1], np.float32)
    found = figures(calibrated, np.array([0, 0, 0, 0, 1, 1]), card)
    assert found["false_positive_rate"] == 0.25
    assert found["inconclusive"] == pytest.approx(2 / 6)
    assert found["f1"] == pytest.approx(0.5)  # one of two fakes found, one photograph accused
    assert found["false_positive_rate_low"] < 0.25 < found["false_positive_rate_high"]


def test_the_command_leaves_tables_and_a_plot(
    brightness_model: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "IMAGES", {True: 8})
    options = ["--data", tiny_data, "--model", brightness_model, "--output", tmp_path, "--quick"]
    result = CliRunner().invoke(command.main, list(map(str, options)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "robustness.json").read_text())
    assert {row["degradation"] for row in found["rows"]} == {UNHARMED, *DEGRADATIONS}
    assert (tmp_path / "robustness-strength.png").stat().st_size > 0
    assert table.NOTE in (tmp_path / "robustness.md").read_text()
