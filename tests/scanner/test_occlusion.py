"""Protects: the map of a picture's evidence lies where the evidence does, and not beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from scanner.occlusion import ACROSS, Region, covered, regions
from scanner.preprocess import CUTS, FITS, Preprocessing, view

SEEN = Preprocessing(224)
NOISE = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)


def mapped(
    picture: Image.Image, preprocessing: Preprocessing, evidence: NDArray[np.float64]
) -> tuple[Region, ...]:
    """By a model whose log-odds are each view's mean red, weighed by the evidence of its pixels."""

    def logits(asked: NDArray[np.uint8]) -> NDArray[np.float32]:
        views = asked[..., 0].reshape(len(asked), -1, *evidence.shape) / 255
        return (views * evidence).sum(axis=(2, 3)).mean(axis=1).astype(np.float32)

    seen = view(picture, preprocessing)
    whole, *parts = logits(np.concatenate([seen[None], covered(seen, preprocessing)]))
    return regions(picture.size, preprocessing, float(whole), np.array(parts, np.float32))


def outline(found: tuple[Region, ...]) -> tuple[float, float, float, float]:
    left, top, right, bottom, _ = zip(*found, strict=True)
    return min(left), min(top), max(right), max(bottom)


def flat(*shape: int) -> NDArray[np.float64]:
    return np.ones(shape) / np.prod(shape)


@pytest.mark.parametrize(
    ("size", "preprocessing", "expected"),
    [
        ((500, 500), SEEN, (0, 0, 1, 1)),
        ((800, 400), SEEN, (0.25, 0, 0.75, 1)),
        ((400, 800), SEEN, (0, 0.25, 1, 0.75)),
        ((800, 400), Preprocessing(224, "stretch"), (0, 0, 1, 1)),
        ((400, 800), Preprocessing(224, "stretch"), (0, 0, 1, 1)),
        ((448, 896), Preprocessing(224, whole=False, native=1), (0.25, 0.375, 0.75, 0.625)),
        ((100, 448), Preprocessing(224, whole=False, native=1), (0, 0.25, 1, 0.75)),
        ((100, 50), Preprocessing(224, whole=False, native=1), (0, 0, 1, 1)),
    ],
)
def test_the_parts_fill_what_is_seen_of_the_picture(
    size: tuple[int, int],
    preprocessing: Preprocessing,
    expected: tuple[float, float, float, float],
) -> None:
    found = mapped(Image.new("RGB", size), preprocessing, flat(224, 224))
    assert outline(found) == expected
    left, top, right, bottom = expected
    areas = [(it.right - it.left) * (it.bottom - it.top) for it in found]
    assert sum(areas) == pytest.approx((right - left) * (bottom - top), rel=0.01)
    if min(size) >= preprocessing.size:
        assert len(found) == ACROSS**2
        assert [it[1::-1] for it in found] == sorted(it[1::-1] for it in found)  # reading order


@given(
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.builds(
        Preprocessing,
        st.sampled_from([1, 5, 32, 48]),
        st.sampled_from(FITS),
        native=st.sampled_from(CUTS),
        whole=st.just(True),
    )
    | st.builds(
        Preprocessing,
        st.sampled_from([1, 5, 32, 48]),
        native=st.sampled_from(CUTS[1:]),
        whole=st.just(False),
    ),
)
def test_no_part_lies_beyond_the_picture(
    size: tuple[int, int], preprocessing: Preprocessing
) -> None:
    found = mapped(Image.new("RGB", size), preprocessing, flat(*[preprocessing.size] * 2))
    assert found
    for left, top, right, bottom, _ in found:
        assert 0 <= left <= right <= 1
        assert 0 <= top <= bottom <= 1


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 5), (3, 3), (6, 0), (6, 6)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_part_that_holds_the_evidence_weighs_most(row: int, column: int, sign: int) -> None:
    """In the centre square of a picture that is twice as wide as high."""
    pixels = np.zeros((448, 896, 3), np.uint8)
    down, across = (slice(64 * at, 64 * at + 64) for at in (row, column))
    pixels[:, 224:672][down, across] = 255
    evidence = flat(224, 224) * 49 * sign
    found = mapped(Image.fromarray(pixels), SEEN, evidence)
    strongest = max(found, key=lambda it: it.weight * sign)
    assert strongest.weight * sign > 0.05
    # Those at an edge are never covered without their neighbours, and are as strong.
    equal = [it for it in found if it.weight == strongest.weight]
    place = (0.25 + column / 14, row / 7)
    assert any(it[:2] == pytest.approx(place, abs=1e-3) for it in equal)
    far = [it for it in found if abs(it.left - place[0]) > 0.4 or abs(it.top - place[1]) > 0.7]
    assert all(abs(it.weight) < 0.03 for it in far)


def test_weights_add_up_where_the_evidence_is_even() -> None:
    """Of a model that gains a logit of 1 by each part that is not grey, anywhere."""
    size = (224, 224)
    flicker = Image.fromarray((np.indices(size).sum(axis=0) % 2 * 255).astype(np.uint8))
    seen = view(flicker.convert("RGB"), SEEN)
    spread = [float(one.std() ** 2) / 127.5**2 * 49 for one in covered(seen, SEEN)]
    found = regions(size, SEEN, 49.0, np.array(spread, np.float32))
    assert [it.weight for it in found] == pytest.approx([1.0] * 49, abs=0.01)


def test_what_is_asked_is_few_and_the_original_is_kept() -> None:
    seen = NOISE.copy()
    asked = covered(seen, SEEN)
    assert len(asked) <= 64
    assert asked.dtype == np.uint8
    assert asked.shape[1:] == SEEN.shape
    np.testing.assert_array_equal(seen, NOISE)
    same = (asked == NOISE).all(axis=3).mean(axis=(1, 2))
    assert (same > 0.5).all()
    assert (same < 1).all()
    assert (asked == NOISE).all(axis=3).any(axis=0).all()
    assert not (asked == NOISE).all(axis=3).all(axis=0).any(), "a pixel is never covered"


def test_of_several_views_each_is_judged_alone() -> None:
    preprocessing = Preprocessing(32, whole=True, native=4)
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[32:, :32] = 255
    picture = Image.fromarray(pixels)
    seen = view(picture, preprocessing)
    asked = covered(seen, preprocessing)
    assert asked.shape == (5, *seen.shape)
    for one, alone in zip(seen, asked, strict=True):
        assert (alone == one).all()
    found = mapped(picture, preprocessing, flat(32, 32))
    places = [it[:4] for it in found]
    assert places[0] == pytest.approx((1 / 6, 0, 5 / 6, 1), abs=1e-4)
    assert places[3] == pytest.approx((0, 0.5, 1 / 3, 1), abs=1e-4)
    assert [it.weight for it in found[1:]] == [0, 0, 1, 0]
    assert 0 < found[0].weight < 1


def test_views_larger_than_the_picture_end_where_it_does() -> None:
    preprocessing = Preprocessing(224, whole=False, native=4)
    found = mapped(Image.new("RGB", (100, 300)), preprocessing, flat(224, 224))
    assert [it[:4] for it in found] == [(0, 0, 1, 0.7467)] * 2 + [(0, 0.24, 1, 0.9867)] * 2
