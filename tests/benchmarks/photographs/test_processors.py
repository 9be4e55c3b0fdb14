"""Protects: how far two machines' reports are apart is told of the same files, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.photographs import processors
from benchmarks.shared.process import scan
from scanner.custody.manifest import manifest_path

GREYS = (0, 60, 110, 127, 140, 190, 255)  # logits of -4, -2.1, -0.5, 0, 0.4, 2 and 4


@pytest.fixture
def first(brightness_model: Path, tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    for grey in GREYS:
        Image.new("L", (32, 32), grey).save(tmp_path / "evidence" / f"{grey:03}.png")
    scan(tmp_path / "evidence", [tmp_path / "first.csv"], str(brightness_model))
    return tmp_path / "first.csv"


def elsewhere(first: Path, name: str, instructions: list[str], **changes: dict[int, Any]) -> Path:
    """As a machine with those instructions might report the same: changes by column and row."""
    rows = pd.read_csv(first)
    for column, values in changes.items():
        for place, value in values.items():
            rows.loc[place, column] = value
    report = first.with_name(name)
    rows.to_csv(report, index=False)
    manifest = json.loads(manifest_path(first).read_text()) | {"instructions": instructions}
    manifest_path(report).write_text(json.dumps(manifest))
    return report


def compared(first: Path, *others: Path) -> tuple[str, list[dict[str, Any]]]:
    place = first.parent / "results"
    words = [str(it) for it in (first, *others)]
    done = CliRunner().invoke(processors.main, [*words, "--output", str(place)])
    if done.exit_code:
        return done.output, []
    found = json.loads((place / "photographs-processors.json").read_text())
    return (place / "photographs-processors.md").read_text(), found["rows"]


def test_what_became_of_logits_and_verdicts_is_counted(first: Path) -> None:
    same = elsewhere(first, "same.csv", [])
    other = elsewhere(
        first,
        "other.csv",
        ["X86_V4", "AMX"],
        logit={1: -1.9, 4: 2.4, 6: -4.0},
        verdict={1: "inconclusive", 4: "fake", 6: "real"},
    )
    table, (alike, apart) = compared(first, same, other)
    assert (alike["pictures"], alike["equal_logits"], alike["largest_logit"]) == (7, 7, 0.0)
    assert (alike["lost"], alike["gained"], alike["turned"]) == (0, 0, 0)
    assert apart["equal_logits"] == 4
    assert apart["largest_logit"] == pytest.approx(8.0)
    assert (apart["decided"], apart["lost"], apart["gained"], apart["turned"]) == (3, 1, 1, 1)
    assert "X86_V4, AMX" in table
    assert "none of note" in table


def test_reports_of_other_files_or_another_model_are_not_compared(first: Path) -> None:
    files = elsewhere(first, "files.csv", [], sha256={0: "0" * 64})
    said, _ = compared(first, files)
    assert "Error: the reports are not of the same files by the same model" in said
    model = elsewhere(first, "model.csv", [], model=dict.fromkeys(range(7), "other"))
    said, _ = compared(first, model)
    assert "Error: the reports are not of the same files by the same model" in said
