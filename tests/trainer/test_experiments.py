"""Protects: lists of runs keep their budget, never run twice, and say what is left."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from tests.pictures import write_contradiction
from trainer import ablate, compare
from trainer.ablate import LIST
from trainer.compare import COMPARISON, PAPER, PAPER_RESNET152
from trainer.experiments import Experiment, Plan, run_all
from trainer.recipe import Recipe
from trainer.run import RunError
from trainer.tables import CIFAKE_TEST_IMAGES, FIGURES, rows_of, write_tables

LEARNS = Recipe(32, epochs=4, batch_size=16, accumulation=1, learning_rate=2e-3, crop="shift")
LEARNS_WELL = replace(LEARNS, epochs=8)
RUNS = (
    Experiment("one", "bird_lotfi_cnn", pretrained=False, recipe=LEARNS, paper={"f1": 0.5}),
    Experiment("broken", "bird_lotfi_cnn", recipe=LEARNS),  # it has no ImageNet weights
    Experiment("two", "bird_lotfi_cnn", pretrained=False, recipe=replace(LEARNS, epochs=5)),
)


def plan_of(data: Path, folder: Path, **more: object) -> Plan:
    plain = Plan(str(data), "imagenet", folder, 10, None, None, None, "float32", "cpu", 0)
    return replace(plain, **more)  # type: ignore[arg-type]


def left_of(runs: Sequence[Experiment], plan: Plan) -> dict[str, str]:
    """What is left of a list in the end."""
    *_, left = run_all(runs, plan)
    return left


@pytest.fixture(scope="module")
def plan(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Of RUNS, all done."""
    plan = plan_of(tiny_data, tmp_path_factory.mktemp("runs"))
    left = left_of(RUNS, plan)
    assert list(left) == ["broken"]
    assert "never trained on ImageNet" in left["broken"]
    return plan


def test_the_comparison_is_the_papers_list_by_the_papers_recipe() -> None:
    names = "resnet18 resnet50 resnet101 resnet152 vgg16 efficientnet_b3 efficientnet_b4"
    assert {run.backbone for run in COMPARISON} == {*names.split(), "bird_lotfi_cnn"}
    for run in COMPARISON:
        assert replace(run.recipe, image_size=224) == PAPER
        assert run.pretrained == (run.backbone != "bird_lotfi_cnn")


def test_ablations_each_take_one_thing_away_at_every_depth() -> None:
    assert len(LIST) == 16
    for depth in (18, 50, 101, 152):
        runs = {run.name: run for run in LIST if run.name.startswith(f"resnet{depth}")}
        whole = runs.pop(f"resnet{depth}")
        assert whole in COMPARISON, "the baseline must be the comparison's own run"
        plain, scratch, constant = runs.values()
        assert (plain.backbone, plain.weights_of) == (f"resnet{depth}_plain", f"resnet{depth}")
        assert plain.recipe == scratch.recipe == whole.recipe
        assert not scratch.pretrained
        assert constant.recipe == replace(PAPER, schedule="constant")


def test_only_the_figures_known_from_the_paper_are_there() -> None:
    assert {run.name for run in (*COMPARISON, *LIST) if run.paper} == {"resnet152"}
    assert PAPER_RESNET152["f1"] == 0.9634


def test_finished_runs_are_not_run_again(plan: Plan) -> None:
    files = {path: path.stat().st_mtime_ns for path in plan.runs.rglob("*") if path.is_file()}
    assert list(left_of(RUNS, plan)) == ["broken"]
    again = {path: path.stat().st_mtime_ns for path in plan.runs.rglob("*") if path.is_file()}
    del files[plan.runs / "broken/config.json"], again[plan.runs / "broken/config.json"]
    assert again == files
    assert not list(plan.runs.rglob("resume.pt")), "a finished run must not keep its optimiser"


def test_nothing_begins_after_the_budget_and_the_rest_is_named(plan: Plan, tmp_path: Path) -> None:
    spent = replace(plan, runs=tmp_path, budget_minutes=0)
    assert left_of(RUNS, spent) == dict.fromkeys(["one", "broken", "two"], "not begun")


def test_a_run_that_the_budget_cut_short_is_carried_on(plan: Plan, tmp_path: Path) -> None:
    shutil.copytree(plan.runs / "two", tmp_path / "two")
    short = replace(plan, runs=tmp_path, budget_minutes=0.01)
    left = left_of(RUNS[:1], short)
    assert left == {"one": "begun"}
    assert (tmp_path / "one/resume.pt").exists()
    assert left_of(RUNS[:1], replace(short, budget_minutes=10)) == {}
    row, expected = (rows_of(RUNS[:1], each)[0] for each in (short, plan))
    assert {name: row[name] for name in FIGURES} == {name: expected[name] for name in FIGURES}


def test_what_torch_refuses_costs_its_own_run_only(plan: Plan, tmp_path: Path) -> None:
    small = replace(RUNS[0], name="small", recipe=replace(LEARNS, image_size=2))
    told = list(run_all([small, RUNS[2]], replace(plan, runs=tmp_path)))
    assert list(told[0]) == ["small", "two"], "the tables are written after every run"
    assert list(told[1]) == ["small"]
    assert "Kernel size" in told[1]["small"]


def test_a_folder_of_other_options_is_not_taken_for_this_run(plan: Plan) -> None:
    other = replace(plan, seed=1)
    with pytest.raises(RunError, match=r"made with other options; give another --runs"):
        other.is_finished(RUNS[0])
    assert "made with other options" in left_of(RUNS[:1], other)["one"]


def test_starting_weights_are_the_plans_only_for_pretrained_runs(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, tmp_path, weights="bodies")
    weights = {run.name: plan.settings(run).weights for run in LIST if "resnet18" in run.name}
    assert weights == {
        "resnet18": "bodies/resnet18.pt",
        "resnet18-no-residual": "bodies/resnet18.pt",
        "resnet18-no-pretraining": "none",
        "resnet18-no-scheduler": "bodies/resnet18.pt",
    }


def test_reduced_runs_are_labelled_in_every_row_and_stand_beside_no_paper(
    tiny_data: Path, tmp_path: Path
) -> None:
    plan = plan_of(tiny_data, tmp_path / "runs", subset=400, epochs=3)
    assert left_of(RUNS[:1], plan) == {}
    write_tables(tmp_path / "table", "Reduced", "command", RUNS, plan, {"two": "not begun"})
    rows = pd.read_csv(tmp_path / "table.csv")
    assert rows["split"].tolist() == ["test", "test_deleaked", "test_jpeg40"]
    assert set(rows["reduced"]) == {"REDUCED: 400 training images, 3 epochs"}
    assert rows["images"].tolist()[::2] == [80, 80]
    assert rows[[f"paper_{name}" for name in FIGURES]].isna().all().all()
    text = (tmp_path / "table.md").read_text()
    assert "not comparable with any published one" in text
    assert text.count("REDUCED: 400 training images, 3 epochs") == 3
    assert "- two: not begun" in text
    assert "(0.5)" not in text


def test_a_run_that_does_not_learn_is_finished_and_its_row_says_so(tmp_path: Path) -> None:
    write_contradiction(tmp_path / "data")
    plan, run = plan_of(tmp_path / "data", tmp_path / "runs"), replace(RUNS[0], recipe=LEARNS_WELL)
    assert left_of([run], plan) == {}
    written = (plan.folder(run) / "metrics.json").stat().st_mtime_ns
    assert left_of([run], plan) == {}
    assert (plan.folder(run) / "metrics.json").stat().st_mtime_ns == written, "trained again"
    write_tables(tmp_path / "table", "Whole", "command", [run], plan, {})
    rows = pd.read_csv(tmp_path / "table.csv")
    assert rows["uncalibrated"].str.contains("do not rank fakes above photographs").all()
    assert "| one (uncalibrated) | none |" in (tmp_path / "table.md").read_text()


def test_runs_of_other_options_stand_in_no_table(plan: Plan, tmp_path: Path) -> None:
    table = tmp_path / "table"
    write_tables(table, "Whole", "command", RUNS, plan, {})
    assert "| one |" in table.with_suffix(".md").read_text()
    other = replace(plan, epochs=1)
    write_tables(table, "Reduced", "command", RUNS, other, left_of(RUNS, other))
    assert "| one |" not in table.with_suffix(".md").read_text()
    assert not table.with_suffix(".csv").exists(), "it would be that of the command before"


def test_the_papers_figure_stands_beside_an_equal_run_only(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows_of(RUNS, plan)[0]["paper_f1"] is None, "this test split is not CIFAKE's"
    monkeypatch.setattr("trainer.tables.CIFAKE_TEST_IMAGES", 1000)
    test, deleaked, jpeg = rows_of(RUNS[:1], plan)
    assert (test["paper_f1"], test["paper_loss"]) == (0.5, None)
    assert deleaked["paper_f1"] is jpeg["paper_f1"] is None
    write_tables(tmp_path / "table", "Whole", "command", RUNS, plan, {})
    text = (tmp_path / "table.md").read_text()
    assert f"{test['f1']:.4f} (0.5)" in text
    assert "REDUCED" not in text
    from_nothing = replace(RUNS[0], pretrained=True)  # the paper's began with ImageNet's weights
    assert rows_of([from_nothing], replace(plan, weights="none"))[0]["paper_f1"] is None
    assert CIFAKE_TEST_IMAGES == 20_000


def test_rows_hold_what_the_network_costs(plan: Plan) -> None:
    row = rows_of(RUNS, plan)[0]
    assert row["parameters"] == 32 * 28 + 32 * 289 + 64 * 1153 + 65
    assert row["starting_weights"] == "none"
    assert row["scored_images_per_second"] > 0
    assert row["training_tflops"] >= 0


def test_commands_say_what_is_left_and_refuse_unknown_runs(tiny_data: Path, tmp_path: Path) -> None:
    folders = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    common = ["--data", str(tiny_data), *folders, "--budget-minutes", "0", "--device", "cpu"]
    result = CliRunner().invoke(compare.main, common)
    assert result.exit_code == 0, result.output
    assert "0 of 8 runs" in result.output
    assert "left: resnet152 (not begun)" in result.output
    assert "Left to run" in (tmp_path / "results/comparison.md").read_text()
    result = CliRunner().invoke(ablate.main, [*common, "--weights", "none"])
    assert result.exit_code == 0, result.output
    assert "0 of 12 runs" in result.output, "without weights, no pretraining is the baseline"
    result = CliRunner().invoke(compare.main, [*common, "--only", "resnet34"])
    assert result.exit_code == 2
    assert "there is no run resnet34; known: resnet152" in result.output
