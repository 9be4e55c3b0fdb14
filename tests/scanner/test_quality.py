"""Protects: what too little is left of is told from photographs, whatever way it was spoilt."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanner.preprocess import Preprocessing, view
from scanner.quality import DOUBTS, Quality, QualityBounds, quality

SEEN = Preprocessing(224)
BOUNDS = QualityBounds(least_detail=0.53, least_texture=0.8, most_blocks=2.5, least_seen=0.5)


def photograph(seed: int = 0, size: tuple[int, int] = (900, 700)) -> Image.Image:
    """Shapes of all sizes under a little grain."""
    random = np.random.default_rng(seed)
    pixels = random.normal(128, 2, (size[1], size[0], 3))
    for cells in (4, 12, 40, 120, 360):
        shape = (cells * size[1] // size[0], cells, 3)
        shapes = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
        pixels += (np.asarray(shapes.resize(size, Image.Resampling.BICUBIC)) - 127.5) / 4
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def measured(picture: Image.Image) -> Quality:
    return quality(picture, view(picture, SEEN), SEEN)


def poor(picture: Image.Image) -> str | None:
    return BOUNDS.poor(measured(picture))


def enlarged(picture: Image.Image, width: int) -> Image.Image:
    small = picture.resize((width, width * picture.height // picture.width))
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def faint(picture: Image.Image) -> Image.Image:
    return Image.blend(Image.new("RGB", picture.size, (128, 128, 128)), picture, 0.04)


@pytest.mark.parametrize("seed", range(3))
def test_a_photograph_is_good_enough_as_it_is_and_saved_or_scaled_as_usual(seed: int) -> None:
    picture = photograph(seed)
    small = picture.resize((450, 350), Image.Resampling.LANCZOS)
    for each in (picture, compressed(picture, 60), compressed(small, 75), small):
        assert poor(each) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [32, 64])
def test_what_was_enlarged_from_few_pixels_is_told(width: int, seed: int) -> None:
    assert poor(enlarged(photograph(seed), width)) == "detail"


@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_told_wherever_they_begin(seed: int) -> None:
    """A picture that was cut since, and saved anew without loss, has its blocks elsewhere."""
    hard = compressed(photograph(seed), 5)
    for left, top in ((0, 0), (3, 5), (4, 0)):
        assert poor(hard.crop((left, top, *hard.size))) == "blocks"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_nearly_flat_is_told(seed: int) -> None:
    assert poor(faint(photograph(seed))) == "texture"


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 400), (17, 16), (224, 224)])
def test_no_size_is_too_small_to_be_measured(size: tuple[int, int]) -> None:
    flat = measured(Image.new("RGB", size, (90, 90, 90)))
    assert (flat.texture, flat.detail, flat.blocks) == (0, 0, 1)
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert all(map(np.isfinite, vars(measured(Image.fromarray(noise))).values()))


def test_what_lies_for_the_most_part_beside_the_view_is_told() -> None:
    """A photograph in the middle says nothing of what was put beside it."""
    wide = Image.new("RGB", (2100, 700), "red")
    wide.paste(photograph(size=(700, 700)), (700, 0))
    assert poor(wide) == "seen"
    assert measured(wide).seen == pytest.approx(1 / 3)
    assert poor(photograph(size=(1400, 700))) is None


def test_each_doubt_has_its_sentence() -> None:
    found = Quality(detail=0.6, texture=4.0, blocks=1.1, seen=0.75)
    assert BOUNDS.doubt(found) is None
    worse = {"detail": 0.5, "texture": 0.5, "blocks": 3.0, "seen": 0.45}
    for name, figure in worse.items():
        assert BOUNDS.doubt(Quality(**vars(found) | {name: figure})) == DOUBTS[name]


def test_several_views_are_measured_together() -> None:
    picture = photograph()
    seen = view(picture, Preprocessing(64, native=4))
    each = [quality(picture, one, Preprocessing(64)).texture for one in seen]
    assert quality(picture, seen, Preprocessing(64, native=4)).texture == pytest.approx(
        np.mean(each), rel=1e-5
    )
