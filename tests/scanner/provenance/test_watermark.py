"""Protects: a known watermark is found and named, and what bears none is said to bear none."""

from __future__ import annotations

import io
import math
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from benchmarks.provenance.written import watermarked
from scanner.provenance import watermark
from scanner.provenance.finding import Tag
from scanner.provenance.watermark import (
    BYTES,
    CHANCE,
    MESSAGES,
    SIDE,
    TOLD,
    TRIES,
    Message,
    Reading,
    findings,
    is_read,
    matches,
)

Picture = NDArray[np.uint8]
WRITERS = [(message, reading) for message in MESSAGES for reading in message.readings]
FULL, HALF = 0, 2  # Pillow's names for 4:4:4 and 4:2:0, the resolution of a JPEG's colours


def photograph(seed: int, width: int = 512, height: int = 512) -> Picture:
    """Smooth shapes of several sizes in colour, under grain."""
    random = np.random.default_rng(seed)
    pixels = random.normal(128, 3, (height, width, 3))
    for level, cells in enumerate((4, 16, 64)):
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(smooth) / 255 - 0.5) * (120 / 2**level)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def jpeg(picture: Picture, quality: int, subsampling: int) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(stream))


def told(picture: Picture) -> list[str]:
    return [finding.value for finding in findings(Image.fromarray(picture))]


def names(picture: Picture) -> list[str]:
    return [value.split(":")[0] for value in told(picture)]


@pytest.mark.parametrize(("message", "reading"), WRITERS, ids=lambda it: getattr(it, "whose", None))
def test_every_known_message_is_found(message: Message, reading: Reading) -> None:
    marked = watermarked(photograph(1), message.bits, reading)
    (finding,) = findings(Image.fromarray(marked))
    assert (finding.source, finding.tag, finding.name) == ("watermark", Tag.INFERRED, "dwt_dct")
    length = len(message.bits)
    assert finding.value.startswith(f"{message.whose}: {length} of {length} bits match; odds of ")
    assert names(jpeg(marked, 95, FULL)) == [message.whose]


@pytest.mark.parametrize(("name", "bits"), [("2", 32), ("xl", 48)])
def test_pictures_that_the_library_itself_marked(name: str, bits: int) -> None:
    """By invisible-watermark 0.2.0: the other tests write as the reader believes that it does."""
    path = Path(__file__).parent / f"watermarked/stable-diffusion-{name}.webp"
    with Image.open(path) as image:
        (finding,) = findings(image.convert("RGB"))
    assert finding.value.startswith(f"Stable Diffusion {name.upper()}: {bits} of {bits} bits")


@pytest.mark.parametrize("whose", ["Stable Diffusion 1", "Stable Diffusion XL", "FLUX"])
def test_halved_colours_are_sharpened_again(whose: str) -> None:
    message = next(message for message in MESSAGES if message.whose == whose)
    marked = watermarked(photograph(2, 1024, 1024), message.bits, message.readings[0])
    assert names(jpeg(marked, 95, HALF)) == [whose]


def test_messages_are_spelled_as_they_are_written() -> None:
    bits = {message.whose: "".join(map(str, message.bits)) for message in MESSAGES}
    assert bits["Stable Diffusion 2"] == "01010011010001000101011000110010"  # S D V 2
    assert len(bits["Stable Diffusion 1"]) == 136
    assert bits["Stable Diffusion XL"] == f"{0xB3EC907BB19E:b}"
    assert len(bits["FLUX"]) == 46  # 48 in its source; bin() leaves out the zeros that lead
    assert bits["FLUX"].startswith("1010101111")


@pytest.mark.parametrize("cut", [np.s_[:, SIDE:], np.s_[SIDE:], np.s_[:, :-SIDE], np.s_[::2, ::2]])
def test_what_moves_the_blocks_loses_the_message(cut: tuple[slice, ...]) -> None:
    message = MESSAGES[3]
    marked = watermarked(photograph(3, 1024, 1024), message.bits, message.readings[0])
    assert told(marked)
    assert told(marked[cut]) == []


def test_a_cut_at_the_bottom_leaves_it() -> None:
    message = MESSAGES[3]
    marked = watermarked(photograph(3), message.bits, message.readings[0])
    assert names(marked[: -10 * SIDE]) == [message.whose]


@pytest.mark.parametrize("text", ["MyOwnWatermark123", "hand-made by Anna", "copyright notice."])
def test_another_text_of_the_same_length_is_no_known_one(text: str) -> None:
    assert len(text) == len("StableDiffusionV1")
    bits = np.unpackbits(np.frombuffer(text.encode(), np.uint8)).tolist()
    assert told(watermarked(photograph(4), bits, BYTES)) == []


def test_sizes_that_generators_write_are_read() -> None:
    assert all(map(is_read, (256, 512, 1024, 832, 2048), (256, 512, 1024, 1216, 2048)))
    assert not any(map(is_read, (32, 248, 512, 1080, 3000), (32, 256, 510, 1916, 4000)))
    marked = watermarked(photograph(5, 200, 200), MESSAGES[2].bits, BYTES)
    assert told(marked) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([256, 320, 512]), st.sampled_from([256, 384]))
def test_nothing_is_found_in_what_bears_none(seed: int, width: int, height: int) -> None:
    picture = photograph(seed, width, height)
    assert told(picture) == []
    assert told(jpeg(picture, 80, HALF)) == []
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert told(noise) == []


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.integers(1, 128),
    st.integers(1, 128),
)
def test_nothing_is_found_in_patterns(
    one: tuple[int, ...], other: tuple[int, ...], down: int, across: int
) -> None:
    """Flat pictures, checkerboards of any period, and gradients between two colours."""
    rows, columns = np.mgrid[:256, :256]
    board = ((rows // down + columns // across) % 2)[..., None]
    ramp = ((rows * down + columns * across) / (256 * (down + across)))[..., None]
    first, second = np.array(one), np.array(other)
    for share in (np.zeros_like(ramp), board, ramp):
        assert told((first * (1 - share) + second * share).astype(np.uint8)) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_tiny_pictures_are_passed_over(width: int, height: int) -> None:
    assert told(np.zeros((height, width, 3), np.uint8)) == []


def test_the_longest_and_the_widest_that_is_read() -> None:
    for shape in ((8, 2**19), (2**19, 8)):
        assert is_read(*shape)
        assert told(np.full((*shape, 3), 90, np.uint8)) == []


def test_odds_are_those_of_drawing_lots() -> None:
    message = set(range(4))
    draws = [len(message & set(draw)) for draw in combinations(range(9), 4)]
    for common in range(5):
        share = sum(shared >= common for shared in draws) / len(draws)
        assert watermark._tail(9, 4, common) == pytest.approx(share)


def test_a_message_drawn_at_random_fits_any_picture_as_often_as_the_odds_say() -> None:
    random = np.random.default_rng(6)
    plane = watermark._planes(photograph(6))[0]
    votes = watermark._votes(*watermark._extremes(plane), np.float32(256))
    bits = np.array(MESSAGES[3].bits)
    ones = int(bits.sum())
    draws = 4000
    tails = np.array(
        [
            watermark._tail(
                48, ones, watermark._common(tuple(random.permutation(bits)), ones, votes)
            )
            for _ in range(draws)
        ]
    )
    for odds in (0.3, 0.1, 0.01):
        bound = odds + 4 * math.sqrt(odds / draws)
        assert (tails <= odds).mean() <= bound


def test_the_odds_told_are_those_of_the_match() -> None:
    message = MESSAGES[3]
    marked = watermarked(photograph(7), message.bits, message.readings[0])
    match = next(match for match in matches(marked) if match.message is message)
    assert match.odds == pytest.approx(TRIES / math.comb(48, sum(message.bits)))
    (value,) = told(marked)
    (tens,) = map(int, re.findall(r"1 in 10\^(\d+)$", value))
    assert max(match.odds, TOLD) <= 10**-tens <= CHANCE
