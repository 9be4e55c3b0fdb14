"""Protects: sources with both classes are told from those of one, which are easier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.trainer.photographs.test_ablate import images
from trainer.photographs.figures import figures, gain
from trainer.photographs.sources import Photograph


def test_figures_tell_pairs_from_sources_of_one_class() -> None:
    """Here each source's own images are told apart, but no source from another."""
    photographs = images(2, 50) + [
        Photograph("", label, f"of {label}", f"of {label}", "", "", Path(), True)
        for label in (0, 1)
    ]
    logits = [it.label + (3.0 if it.source == "source 1" else 0) for it in photographs[:-2]]
    found = figures(photographs, np.array([*logits, 1, 0], np.float32))
    assert found["auroc_within_pairs"] == 1
    assert found["auroc_one_class"] == 0
    assert 0.5 < found["auroc"] < 1


def test_a_gain_is_more_certain_where_more_groups_show_it() -> None:
    """Whole groups are drawn: a hundred images of one show no more than one image of each."""
    random = np.random.default_rng(0)

    def gained(groups: int, each: int) -> dict[str, float]:
        photographs = images(groups, each)
        before = np.array([it.label + random.normal() for it in photographs], np.float32)
        helped = np.array([it.label and int(it.group.split()[1]) % 2 for it in photographs])
        return gain(photographs, before, (before + 5 * helped).astype(np.float32))

    few, many = gained(6, 200), gained(60, 20)
    assert 0 < many["found_more_at_least"] < many["found_more_at_most"] < 1
    assert np.ptp(list(many.values())) < np.ptp(list(few.values())) / 2
    same = np.zeros(40, np.float32)
    assert set(gain(images(4, 10), same, same).values()) == {0}


def test_where_a_class_is_missing_there_are_no_figures_and_no_error() -> None:
    paired = images(3, 50)
    logits = np.zeros(150, np.float32)
    assert np.isnan(figures(paired, logits)["auroc_one_class"])
    # Of a single pair of sources every other draw holds one class.
    alone = [replace(it, group=f"of {it.label}") for it in paired]
    assert len(gain(alone, logits, logits)) == 2
    fakes = [it for it in paired if it.label]
    assert np.isnan(gain(fakes, logits[:75], logits[:75])["found_more_at_most"])
