"""Small pictures for training in seconds: the fakes carry a faint checkerboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

# Of the checkerboard, in grey levels: the faintest are lost in the noise, so that a network
# makes mistakes and calibration has something to do.
AMPLITUDES = (0.5, 12.0)
NOISE = 6.0


def picture(random: np.random.Generator, fake: bool, width: int, height: int) -> Image.Image:
    """Soft colours under noise, RGB."""
    coarse = Image.fromarray(random.integers(40, 216, (4, 4, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    pixels += random.normal(0, NOISE, pixels.shape)
    if fake:
        rows, columns = np.indices((height, width))
        sign = np.where((rows + columns) % 2 == 0, 1, -1)
        pixels += random.uniform(*AMPLITUDES) * sign[..., None]
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def write_pictures(folder: Path, count: int, seed: int, sides: tuple[int, int] = (32, 32)) -> None:
    """Write `count` PNGs into folder/REAL and as many into folder/FAKE.

    sides: shortest and longest side in pixels; equal ones give squares.
    """
    random = np.random.default_rng(seed)
    for name in ("REAL", "FAKE"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            width, height = random.integers(sides[0], sides[1] + 1, 2).tolist()
            image = picture(random, name == "FAKE", width, height)
            image.save(folder / name / f"{number:04}.png")


def write_contradiction(folder: Path) -> None:
    """Pictures in splits whose validation has the labels the wrong way round: no model fits it."""
    write_pictures(folder / "train", count=150, seed=26)
    write_pictures(folder / "test", count=20, seed=27)
    write_pictures(folder / "validation", count=40, seed=28)
    real, fake = (folder / "validation" / name for name in ("REAL", "FAKE"))
    real.rename(folder / "other")
    fake.rename(real)
    (folder / "other").rename(fake)
