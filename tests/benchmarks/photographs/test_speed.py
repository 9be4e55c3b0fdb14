"""Protects: scans, loop and ceiling are measured on the same files with the same model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.photographs import speed
from scanner.model import METADATA_KEY, Domain, ModelCard
from tests.conftest import ModelMaker


@pytest.fixture
def wide_model(make_model: ModelMaker, card: ModelCard) -> Path:
    """Whose domain holds the photographs."""
    wide = replace(card, domain=Domain("any", 32, 4000))
    return make_model("wide", {METADATA_KEY: wide.to_json()})


def test_every_round_measures_all_and_the_table_compares_them(
    wide_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SIZE", (96, 64))
    words = ["--model", wide_model, "--files", 8, "--rounds", 1, "--output", tmp_path]
    done = CliRunner().invoke(speed.main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / f"{speed.NAME}.json").read_text())["rows"]
    assert [row["what"] for row in rows] == [speed.SCAN, speed.ZIP, speed.OTHER, speed.CEILING]
    assert all(row["files_per_second"] > 0 for row in rows)
    table = (tmp_path / f"{speed.NAME}.md").read_text()
    loop = next(line for line in table.splitlines() if line.startswith(f"| {speed.OTHER}"))
    assert "1.00 (1.00 to 1.00)" in loop
