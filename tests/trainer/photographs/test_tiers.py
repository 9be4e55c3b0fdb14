"""Protects: what becomes of a picture in a tier is stated, the same each time, and never empty."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from trainer.photographs.tiers import AS_IT_IS, HARD, SHORTEST, TIERS, WEB, in_tier


@pytest.fixture
def large() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (900, 1600, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_picture_as_it_is_is_itself(large: Image.Image) -> None:
    assert in_tier(large, AS_IT_IS, "a") is large


@pytest.mark.parametrize(("tier", "longest"), [(WEB, 1080), (HARD, 512)])
def test_the_other_tiers_shrink_and_never_enlarge(
    tier: str, longest: int, large: Image.Image
) -> None:
    assert max(in_tier(large, tier, "a").size) == longest
    small = large.resize((300, 240))
    assert in_tier(small, tier, "a").size == (300, 240)
    assert np.asarray(in_tier(small, tier, "a")).tobytes() != np.asarray(small).tobytes()


@pytest.mark.parametrize("tier", [*TIERS, "augmented-0"])
def test_the_same_file_has_the_same_fate(tier: str, large: Image.Image) -> None:
    first, again = (np.asarray(in_tier(large, tier, "a")) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_augmented_pictures_differ_by_file_and_number(large: Image.Image) -> None:
    fates = [("augmented-0", "a"), ("augmented-1", "a"), ("augmented-0", "b")]
    assert len({in_tier(large, *fate).tobytes() for fate in fates}) == len(fates)


def test_a_cut_holds_a_whole_view() -> None:
    """A cut of fewer pixels than the view would be enlarged for it."""
    flat = Image.new("RGB", (SHORTEST, SHORTEST))
    cut = [in_tier(flat, "augmented-0", str(number)).size for number in range(40)]
    assert all(min(size) >= SHORTEST for size in cut)
