"""Protects: feature maps are the network's own, one row a resolution, and errors are sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from PIL import Image

from tests.pictures import picture
from trainer.checkpoint import load_checkpoint
from trainer.feature_maps import feature_maps, main


def test_maps_are_what_the_layers_give(tiny_run: Path) -> None:
    checkpoint = load_checkpoint(tiny_run)
    image = np.asarray(picture(np.random.default_rng(3), True, 32, 32))
    stages = feature_maps(checkpoint, image)
    # Convolutions leave 30 and 13 pixels, pooling 15 and 6.
    assert [tuple(maps.shape) for maps in stages.values()] == [
        (32, 30, 30),
        (32, 15, 15),
        (32, 13, 13),
        (32, 6, 6),
    ]
    detector = checkpoint.detector()
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        normalised = (pixels - detector.pixel_mean) / detector.pixel_std
        expected = torch.relu(detector.network.get_submodule("0")(normalised))[0]
    torch.testing.assert_close(stages["1"], expected)


def test_command_draws_a_sheet_and_errors_are_sentences(tiny_run: Path, tmp_path: Path) -> None:
    photo, sheet = tmp_path / "photo.png", tmp_path / "maps.png"
    picture(np.random.default_rng(4), False, 50, 40).save(photo)

    def run(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        return result.exit_code, result.output

    code, output = run(tiny_run, photo, "-o", sheet)
    assert code == 0, output
    with Image.open(sheet) as drawn:
        assert min(drawn.size) > 300
    code, output = run(tmp_path, photo)
    assert code == 1
    assert "there is no checkpoint" in output
    photo.write_bytes(b"no image")
    code, output = run(tiny_run, photo)
    assert code == 1
    assert "photo.png cannot be decoded" in output
    assert "Traceback" not in output
