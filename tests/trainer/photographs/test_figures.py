"""Protects: sources with both classes are told from those of one, which are easier."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.trainer.photographs.test_ablate import images
from trainer.photographs.figures import figures
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
