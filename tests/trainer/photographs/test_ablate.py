"""Protects: a variant is measured on sources that its heads had no part in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tests.towers import LAYERS
from trainer.photographs import ablate as command
from trainer.photographs import figures
from trainer.photographs.ablate import Variant, logits_of
from trainer.photographs.clip import Weights
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import Choice

VARIANTS = (
    Variant("both blocks", Choice((0, 1), 1e-2)),
    Variant("the first block", Choice((0,), 1e-2)),
)


def images(groups: int, each: int) -> list[Photograph]:
    """Of each group one source, with both classes."""
    return [
        Photograph(f"{n:064}", n % 2, f"source {g}", f"group {g}", "", "", Path(), True)
        for n in range(groups * each)
        for g in [n // each]
    ]


def test_a_share_of_the_sources_is_all_that_is_seen() -> None:
    photographs = images(8, 10)
    random = np.random.default_rng(0)
    tokens = random.normal(0, 1, (len(photographs), 2, 3)).astype(np.float32)
    variant = Variant("some", Choice((0, 1), 1e-2), share=0.5)
    before = logits_of(variant, photographs, {"as-it-is": tokens})
    groups = np.array([it.group for it in photographs])
    moved = 0
    for group in np.unique(groups):
        spoilt = tokens.copy()
        spoilt[groups == group] += random.normal(0, 50, spoilt[groups == group].shape)
        after = logits_of(variant, photographs, {"as-it-is": spoilt})
        others = groups != group
        moved += not np.array_equal(before[others], after[others])
    assert moved == 4


@pytest.mark.usefixtures("weights")
def test_the_table_has_a_row_a_variant(
    data: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "read_weights", lambda _: weights)
    monkeypatch.setattr(command, "ALL", tuple(range(LAYERS)))
    monkeypatch.setattr(command, "VARIANTS", VARIANTS)
    monkeypatch.setattr(figures, "LEAST", 2)
    out = tmp_path / "ablations.csv"
    words = ["--data", data, "--files", data.parent / "files", "--cache", tmp_path / "cache"]
    done = CliRunner().invoke(command.main, [*map(str, words), "--out", str(out)])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(out)
    assert table["variant"].tolist() == [variant.name for variant in VARIANTS]
    figures_there = table.drop(columns="variant").to_numpy()
    assert ((figures_there >= 0) & (figures_there <= 1)).all()
