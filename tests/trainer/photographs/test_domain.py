"""Protects: what looks like no photograph is told by heads that had not seen its like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanner.model.figures import wilson_interval
from trainer.photographs.domain import LOST, Seen, bound, fit_domain, photographic
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import in_parts

BLOCKS = (0, 1)


def image(number: int, label: int, source: str, kind: str = "") -> Photograph:
    return Photograph(f"{number:064}", label, source, source, "", "", Path(), True, kind)


def test_fakes_count_as_photographs_where_that_is_known() -> None:
    images = [
        image(0, 0, "camera"),
        image(1, 0, "camera", "document"),
        image(2, 1, "generator"),
        image(3, 1, "generator", "portrait"),
        image(4, 1, "generator", "illustration"),
        image(5, 1, "game"),
        image(6, 0, "game"),
    ]
    assert photographic(images).tolist() == [True, False, False, True, False, True, True]


def test_the_bound_loses_no_more_photographs_than_it_may() -> None:
    ood = np.random.default_rng(0).normal(0, 1, 2000).astype(np.float32)
    above = int((ood > bound(ood)).sum())
    assert above > 0
    assert wilson_interval(above, len(ood))[1] <= LOST


@pytest.fixture
def material() -> tuple[Seen, Seen]:
    """Fakes of three kinds of which one is drawn; drawings differ in the second block."""
    photographs = [image(n, n % 2, f"source {n % 6}", "photo") for n in range(240)]
    photographs += [image(300 + n, 1, "gallery", "illustration") for n in range(20)]
    others = [image(400 + n, 0, f"artist {n % 4}", "drawing") for n in range(120)]
    random = np.random.default_rng(1)

    def tokens(images: list[Photograph]) -> np.ndarray:
        found = random.normal(0, 1, (len(images), 3, 4)).astype(np.float32)
        drawn = np.array([it.kind in ("drawing", "illustration") for it in images])
        found[:, 1] += 3 * drawn[:, None]
        return found

    return Seen(photographs, {"t": tokens(photographs)}), Seen(others, {"t": tokens(others)})


def test_left_out_drawings_lie_further_than_photographs(material: tuple[Seen, Seen]) -> None:
    photographs, others = material
    parts = in_parts([*photographs.images, *others.images], 3)
    heads = fit_domain(photographs, others, BLOCKS, parts)
    near = heads.ood(photographs.images, photographs.tokens["t"])
    far = heads.ood(others.images, others.tokens["t"])
    drawn = np.array([it.kind == "illustration" for it in photographs.images])
    assert np.median(far) > np.quantile(near[~drawn], 0.95)
    assert np.median(near[drawn]) > np.quantile(near[~drawn], 0.95), "which it was not fitted on"


def test_no_head_that_judges_a_source_has_seen_it(material: tuple[Seen, Seen]) -> None:
    photographs, others = material
    parts = in_parts([*photographs.images, *others.images], 3)
    heads = fit_domain(photographs, others, BLOCKS, parts)
    spoilt = {"t": others.tokens["t"].copy()}
    spoilt["t"][[it.source == "artist 1" for it in others.images]] = 50
    again = fit_domain(photographs, replace(others, tokens=spoilt), BLOCKS, parts)
    assert np.array_equal(heads.without["artist 1"].weights, again.without["artist 1"].weights)
    assert not np.array_equal(heads.head.weights, again.head.weights)
