"""Protects: the README's figures are those of the results that are committed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.readme import BLOCK, MODEL, current, part_block
from benchmarks.results import FOLDER, write_part
from scanner.model import DEFAULT_MODEL, open_model
from tests.conftest import ROOT


def test_the_readme_is_current() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "model" in [name for _, name, _ in BLOCK.findall(readme)]
    assert current(readme, ROOT) == readme, "run python -m benchmarks.readme"


def test_the_bundled_model_is_the_one_that_was_measured() -> None:
    measured = json.loads((ROOT / MODEL).read_text())
    card = json.loads(open_model(DEFAULT_MODEL).card.to_json())
    assert card["metrics"].keys() >= {"test", "test_deleaked", "test_jpeg40"}
    for split, figures in card["metrics"].items():
        assert measured[split] == figures
    for key in ("calibration", "operating_points", "training"):
        assert measured[key] == card[key]


def test_another_result_changes_the_readme(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results", tmp_path / "results")
    metrics = json.loads((tmp_path / MODEL).read_text())
    metrics["test"]["f1"] = 0.1234
    (tmp_path / MODEL).write_text(json.dumps(metrics))
    readme = (ROOT / "README.md").read_text()
    assert "| F1 | 0.1234 |" in current(readme, tmp_path)


def test_a_part_says_which_gpu_its_figures_are_of(tmp_path: Path) -> None:
    write_part(tmp_path / FOLDER, "part", {"command": "the command"}, [{"a": 1}], [{"a": "1"}])
    path = tmp_path / FOLDER / "part.json"
    facts = json.loads(path.read_text())
    for gpu, end in ((None, "cores; all"), ({"name": "NVIDIA L4"}, "cores, NVIDIA L4; all")):
        facts["machine"]["gpu"] = gpu
        path.write_text(json.dumps(facts))
        assert end in part_block("part", tmp_path)
