"""Protects: the stages' figures add up, and a share is a scan over the ceilings of its round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.shared.kinds import THUMBNAILS
from benchmarks.shared.pictures import lay_out, photographs
from benchmarks.stages import __main__ as command
from benchmarks.stages.costs import PARTS, STAGES, WORKER, stage_costs
from benchmarks.stages.measurements import Extent
from scanner.backends.backend import usable_cores
from scanner.backends.choose import open_backend
from scanner.limits import Limits
from scanner.model import open_model
from scanner.record import Status
from scanner.scan.scorers import Scorer
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE

CONTAINERS = ("folder", "zip")
TINY = {THUMBNAILS: Extent(files=200, sample=8, rounds=1)}


@pytest.fixture(scope="module")
def output(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a tiny run of the command left its results."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "QUICK", TINY)
        options = ["--quick", "--data", tiny_data, "--output", folder]
        result = CliRunner().invoke(command.main, [str(option) for option in options])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def rows(output: Path) -> list[dict[str, Any]]:
    facts = json.loads((output / "stages.json").read_text())
    assert facts["command"] == "python -m benchmarks.stages --quick"
    return list(facts["rows"])


def test_every_stage_is_measured_and_the_worker_by_its_parts(rows: list[dict[str, Any]]) -> None:
    for container in CONTAINERS:
        found = {
            (row["measured"], row["stage"]): row
            for row in rows
            if row["measured"] != "scan" and row["container"] == container
        }
        parts = [found["part", part] for part in PARTS]
        stages = {stage: found["stage", stage] for stage in STAGES}
        assert len(found) == len(parts) + len(stages)
        for stage, row in stages.items():
            cores = usable_cores() if stage == WORKER else 1
            assert row["ceiling"] == pytest.approx(1000 * cores / row["ms_per_file"])
        spent = {part["stage"]: part["cpu_ms_per_file"] for part in parts}
        assert (spent["read"] == 0) == (container == "zip")  # the walk has read the members
        assert all(spent[part] > 0 for part in ("hash", "decode", "view", "metadata", "search"))
        # The parts are timed after the whole, and may have taken longer; then nothing is left.
        assert sum(spent.values()) >= stages[WORKER]["cpu_ms_per_file"] * 0.999


def test_a_share_is_the_scan_over_the_lower_ceiling(rows: list[dict[str, Any]]) -> None:
    scans = [row for row in rows if row["measured"] == "scan"]
    assert [(row["images"], row["container"], row["files"]) for row in scans] == [
        (kind, container, TINY[kind].files) for kind in TINY for container in CONTAINERS
    ]
    for scan in scans:
        same = [
            row
            for row in rows
            if row["measured"] == "stage"
            and (row["images"], row["container"]) == (scan["images"], scan["container"])
        ]
        lowest = min((row for row in same if row["ceiling"]), key=lambda row: row["ceiling"])
        assert (scan["tightest_stage"], scan["stage_ceiling"]) == (
            lowest["stage"],
            lowest["ceiling"],
        )
        cpu_seconds = sum(row["cpu_ms_per_file"] for row in same) / 1000
        assert scan["cores_ceiling"] == pytest.approx(usable_cores() / cpu_seconds)
        ceiling = min(scan["stage_ceiling"], scan["cores_ceiling"])
        share = scan["files_per_second"] / ceiling
        assert scan["share_of_tightest_ceiling"] == pytest.approx(share)
        folder = next(row for row in scans if row["images"] == scan["images"])
        times = scan["files_per_second"] / folder["files_per_second"]
        assert scan["share_of_folder"] == pytest.approx(times)
        assert scan["start_seconds"] > 0


def test_a_table_and_plots_are_written(output: Path) -> None:
    table = (output / "stages.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in table[2:]] == [
        f"{TINY[kind].files} of {kind}, {place}" for kind in TINY for place in CONTAINERS
    ]
    for plot in ("costs", "ceilings"):
        assert (output / f"stages-{plot}.png").stat().st_size > 0


def test_photographs_differ_in_bytes_only_and_decode() -> None:
    contents = list(photographs(64, 48, 9))
    assert contents == list(photographs(64, 48, 9))
    examined = [examine(data, EVERY_SIZE, Limits()) for data in contents]
    assert {each.status for each in examined} == {Status.SCORED}
    assert {(each.format, each.width, each.height) for each in examined} == {("JPEG", 64, 48)}
    assert len({each.sha256 for each in examined}) == 9
    assert len({each.view.tobytes() for each in examined if each.view is not None}) == 4


def test_what_no_scan_scores_costs_no_score(brightness_model: Path, tmp_path: Path) -> None:
    model = open_model(str(brightness_model))
    evidence = lay_out(photographs(64, 48, 4), tmp_path)
    stages, parts = stage_costs(evidence, [Scorer(model, open_backend(model, "cpu", 1))], sample=3)
    assert tuple(stages["folder"]) == STAGES
    assert {stage for stage, cost in stages["folder"].items() if not cost.seconds} == {"score"}
    unseen = {part for part, cost in parts["folder"].items() if not cost.seconds}
    assert unseen - {"other"} == {"view", "quality"}


def test_missing_data_is_one_sentence(tmp_path: Path) -> None:
    options = ["--quick", "--data", str(tmp_path / "none"), "--output", str(tmp_path)]
    result = CliRunner().invoke(command.main, options)
    assert result.exit_code == 1
    assert result.output.startswith("Error: there is no data folder")
