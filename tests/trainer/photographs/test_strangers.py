"""Protects: no image is scored by a head that its source, or one like it, had part in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.photographs.head import Head, labels_of
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import Choice, heads_without, in_parts, score, try_choice

CHOICE = Choice((0, 1), 1e-2)


def named(number: int) -> tuple[str, str]:
    """A source and its group, which two sources share."""
    return f"source {number}", f"group {number // 2}"


def images(sources: int, each: int) -> list[Photograph]:
    """Of each source, both classes; named so that sources do not follow each other."""
    return [
        Photograph(f"{number:064}", number % 2, *named(number % sources), "", "", Path(), True)
        for number in range(sources * each)
    ]


@pytest.fixture
def photographs() -> list[Photograph]:
    return images(5, 12)


@pytest.fixture
def tokens(photographs: list[Photograph]) -> np.ndarray:
    found = np.random.default_rng(0).normal(0, 1, (len(photographs), 3, 4)).astype(np.float32)
    found[:, 1] += labels_of(photographs)[:, None]
    return found


def test_a_source_is_judged_by_a_head_that_never_saw_it_nor_its_like(
    photographs: list[Photograph], tokens: np.ndarray
) -> None:
    parts = in_parts(photographs, 3)
    heads = heads_without(CHOICE, photographs, {"t": tokens}, parts)
    spoilt = tokens.copy()
    mine = np.array([photograph.source in ("source 2", "source 3") for photograph in photographs])
    spoilt[mine] = 1e3
    again = heads_without(CHOICE, photographs, {"t": spoilt}, parts)
    assert np.array_equal(heads["group 1"].weights, again["group 1"].weights)
    assert not np.array_equal(heads["group 0"].weights, again["group 0"].weights)


def test_each_image_is_scored_by_its_groups_head(photographs: list[Photograph]) -> None:
    heads = {f"group {n}": Head(np.zeros((2, 4), np.float32), float(n)) for n in range(3)}
    scored = score(CHOICE, heads, photographs, np.zeros((len(photographs), 3, 4), np.float32))
    expected = [float(photograph.group[-1]) for photograph in photographs]
    assert scored.logits.tolist() == expected


def test_parts_hold_every_group_once(photographs: list[Photograph]) -> None:
    parts = in_parts(photographs, 2)
    assert sorted(group for part in parts for group in part) == ["group 0", "group 1", "group 2"]
    assert sorted(len(part) for part in parts) == [1, 2]


def test_the_better_choice_has_the_higher_auroc(
    photographs: list[Photograph], tokens: np.ndarray
) -> None:
    parts = in_parts(photographs, 3)
    seeing, blind = (
        try_choice(choice, photographs, {"t": tokens}, parts)
        for choice in (CHOICE, Choice((0, 2), 1e-2))
    )
    assert seeing.auroc > blind.auroc + 0.1
