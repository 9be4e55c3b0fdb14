"""Protects: the figures of the README and of docs/ are those of the committed results."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.pages import BLOCK, MODEL, TABLES, current, pages, part_block
from benchmarks.shared.results import AGREEMENT, FOLDER, write_part
from scanner.model import open_model
from tests.conftest import CIFAKE_MODEL, ROOT


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: page.name)
def test_every_page_is_current(page: Path) -> None:
    assert current(page, ROOT) == page.read_text(), "run python -m benchmarks.pages"


def test_the_pages_hold_every_table() -> None:
    blocks = [name for page in pages(ROOT) for _, name, _ in BLOCK.findall(page.read_text())]
    parts = [path.stem for path in (ROOT / FOLDER).glob("*.json")]
    assert sorted(blocks) == sorted([*TABLES, *parts])


def test_what_the_pages_link_to_is_there() -> None:
    found = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
    links = [(page, link) for page in pages(ROOT) for link in found.findall(page.read_text())]
    assert len(links) > 20
    assert [link for page, link in links if not (page.parent / link).exists()] == []


def test_the_bundled_model_is_the_one_that_was_measured() -> None:
    measured = json.loads((ROOT / MODEL).read_text())
    card = json.loads(open_model(CIFAKE_MODEL).card.to_json())
    assert card["metrics"].keys() >= {"test", "test_deleaked", "test_jpeg40"}
    for split, figures in card["metrics"].items():
        assert measured[split] == figures
    for point in card["operating_points"]:
        assert point.pop("false_negative_rate") is None  # which its run knew nothing of
    for key in ("calibration", "operating_points", "training"):
        assert measured[key] == card[key]


def test_the_bundled_file_is_the_one_that_was_scanned_with() -> None:
    found = json.loads((ROOT / AGREEMENT.format(CIFAKE_MODEL)).read_text())
    assert found["model_sha256"] == open_model(CIFAKE_MODEL).sha256


def test_another_result_changes_the_readme(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results", tmp_path / "results")
    metrics = json.loads((tmp_path / MODEL).read_text())
    metrics["test"]["f1"] = 0.1234
    (tmp_path / MODEL).write_text(json.dumps(metrics))
    shutil.copy(ROOT / "README.md", tmp_path)
    assert "| F1 | 0.1234 |" in current(tmp_path / "README.md", tmp_path)


def test_a_part_says_which_gpu_its_figures_are_of(tmp_path: Path) -> None:
    write_part(tmp_path / FOLDER, "part", {"command": "the command"}, [{"a": 1}], [{"a": "1"}])
    path = tmp_path / FOLDER / "part.json"
    facts = json.loads(path.read_text())
    for gpu, end in ((None, "cores; all"), ({"name": "NVIDIA L4"}, "cores, NVIDIA L4; all")):
        facts["machine"]["gpu"] = gpu
        path.write_text(json.dumps(facts))
        assert end in part_block("part", tmp_path)
