"""Made-up pictures, unlike photographs: two colours, blocks, text, shapes, gradients, noise.

An int8 file is made and measured on these, too: whatever has the size of a model's images is
scored, and a chequerboard takes the network's activations beyond those of any photograph.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scanner.preprocess import Preprocessing

# One for what each set is for, so that no picture has two uses.
RANGES_SEED, MARGIN_SEED, GATE_SEED = 1, 2, 3
ENLARGED = 4  # times the side, at which text and shapes are drawn before they are scaled


def patterns(count: int, preprocessing: Preprocessing, seed: int) -> NDArray[np.uint8]:
    """What a model sees of `count` of them: uint8, N×S×S×3, or N×V×S×S×3 of several views.

    Each view is one pattern, of the six kinds in turn, and half of all were saved as a JPEG. A
    seed always gives the same ones with one version of Pillow.
    """
    random = np.random.default_rng(seed)
    side, views = preprocessing.size, count * preprocessing.count
    made = [_maybe_jpeg(KINDS[n % len(KINDS)](random, side), random) for n in range(views)]
    return np.stack(made).reshape(count, *preprocessing.shape)


def _two_colours(random: Generator, side: int) -> Image.Image:
    """Stripes or a chequerboard."""
    rows, columns = np.indices((side, side)) // random.choice([1, 2, 3, 4, 8, 16])
    lines = [rows, columns, rows + columns][random.integers(3)] % 2
    return Image.fromarray(np.array([_colour(random), _colour(random)], np.uint8)[lines])


def _blocks(random: Generator, side: int) -> Image.Image:
    """A few squares of one colour each."""
    across = random.integers(1, 9)
    blocks = random.integers(0, 256, (across, across, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((side, side), Image.Resampling.NEAREST)


def _text(random: Generator, side: int) -> Image.Image:
    """Lines of letters, as on a scan or a screen."""
    picture, draw = _canvas(random, side)
    width = picture.width
    for _ in range(random.integers(1, 5)):
        left, top = random.uniform(-0.15, 0.5) * width, random.uniform(0, 0.95) * width
        letters = bytes(random.integers(33, 127, 20, dtype=np.uint8)).decode("ascii")
        size = random.uniform(0.1, 0.7) * width
        draw.text((left, top), letters, fill=_colour(random), font_size=size)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _shapes(random: Generator, side: int) -> Image.Image:
    """Ellipses, rectangles and lines, as in drawings and icons."""
    picture, draw = _canvas(random, side)
    shapes: list[Callable[..., None]] = [draw.ellipse, draw.rectangle, draw.line]
    for _ in range(random.integers(1, 7)):
        corners = np.sort(random.uniform(0, picture.width, (2, 2)), axis=0).ravel().tolist()
        shape = shapes[random.integers(3)]
        shape(corners, fill=_colour(random), width=int(random.integers(1, 9)))
    return picture.resize((side, side), Image.Resampling.BICUBIC)


def _gradient(random: Generator, side: int) -> Image.Image:
    """From corner to corner."""
    corners = np.array([_colour(random) for _ in range(4)], np.uint8).reshape(2, 2, 3)
    along = np.linspace(0, 1, side)
    ends = np.stack([1 - along, along])
    return Image.fromarray(np.einsum("ay,bx,abc->yxc", ends, ends, corners).astype(np.uint8))


def _noise(random: Generator, side: int) -> Image.Image:
    """Of one contrast, fine or enlarged."""
    across = max(1, side // random.choice([1, 2, 4, 8]))
    grain = random.normal(random.integers(256), random.integers(1, 120), (across, across, 3))
    picture = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    smooth = random.random() < 0.5
    resample = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return picture.resize((side, side), resample)


KINDS = (_two_colours, _blocks, _text, _shapes, _gradient, _noise)


def _canvas(random: Generator, side: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (side * ENLARGED, side * ENLARGED), _colour(random))
    return picture, ImageDraw.Draw(picture)


def _colour(random: Generator) -> tuple[int, int, int]:
    """Any, or one of those at the edges of the cube of colours, which drawings are full of."""
    extreme = random.random() < 0.3
    red, green, blue = random.choice([0, 128, 255], 3) if extreme else random.integers(256, size=3)
    return int(red), int(green), int(blue)


def _maybe_jpeg(picture: Image.Image, random: Generator) -> NDArray[np.uint8]:
    if random.random() < 0.5:
        saved = BytesIO()
        picture.save(saved, "JPEG", quality=int(random.integers(40, 96)))
        picture = Image.open(saved)
    return np.asarray(picture)
