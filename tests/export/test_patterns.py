"""Protects: made-up pictures are the same for one seed, and unlike photographs."""

from __future__ import annotations

import numpy as np
import pytest

from export.patterns import GATE_SEED, KINDS, MARGIN_SEED, RANGES_SEED, patterns
from scanner.backends.cascade import colours
from scanner.preprocess import Preprocessing

SMALL = Preprocessing(32)


def test_one_seed_gives_the_same_ones() -> None:
    assert patterns(24, SMALL, 1).tobytes() == patterns(24, SMALL, 1).tobytes()


def test_no_picture_has_two_uses() -> None:
    sets = [
        {picture.tobytes() for picture in patterns(240, SMALL, seed)}
        for seed in (RANGES_SEED, MARGIN_SEED, GATE_SEED)
    ]
    assert len(set.union(*sets)) == sum(map(len, sets))


@pytest.mark.parametrize(
    "preprocessing",
    [SMALL, Preprocessing(7), Preprocessing(48, native=4)],
    ids=["32 pixels", "very small", "several views"],
)
def test_each_is_what_a_model_sees(preprocessing: Preprocessing) -> None:
    """Also each of several views is a pattern, not one of them again."""
    made = patterns(12, preprocessing, 1)
    assert made.dtype == np.uint8
    assert made.shape == (12, *preprocessing.shape)
    views = made.reshape(-1, preprocessing.size, preprocessing.size, 3)
    assert len({view.tobytes() for view in views}) > 0.9 * len(views)


def test_they_have_few_colours_and_many() -> None:
    made = patterns(600, SMALL, 1)
    two = made[:: len(KINDS)]
    assert 0.2 < (colours(two) <= 2).mean() < 0.8, "half of the two-coloured are no JPEG"
    assert np.quantile(colours(made), 0.1) < 10
    assert np.quantile(colours(made), 0.9) > 500
