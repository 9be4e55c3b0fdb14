"""Protects: every backbone, precision and device has figures of its own or a reason for none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.backbones import __main__ as command
from benchmarks.backbones import comparison
from benchmarks.backbones import plan as planning
from benchmarks.backbones.candidates import DEVICES, candidates
from benchmarks.backbones.comparison import compare_backbones
from benchmarks.backbones.plan import BATCHES, Budget, Plan, Refused
from benchmarks.backbones.plots import pareto
from benchmarks.backbones.speed import Sample, percentiles_ms
from benchmarks.backbones.speed_at_batch import measure_speed, speed_row
from scanner.model import open_model

TINY = Plan(rounds=2, seconds=0.01, each=500)


@pytest.fixture(scope="module")
def results(
    tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, pd.DataFrame]:
    output = tmp_path_factory.mktemp("results")
    compare_backbones([str(tiny_model)], tiny_data, TINY, output, "the command")
    return output, pd.read_csv(output / "backbones.csv")


def test_each_precision_is_measured_at_each_batch(results: tuple[Path, pd.DataFrame]) -> None:
    _, rows = results
    measured = rows[rows["not_measured"].isna()]
    here = {f"tiny {p}, ONNX Runtime CPU" for p in ("float32", "int8")}
    assert here | {"tiny float32, PyTorch"} <= set(measured["candidate"])
    for name in here:
        assert set(measured[measured["candidate"] == name]["batch"]) >= set(BATCHES)
    assert (measured["images_per_second_lowest"] <= measured["images_per_second_median"]).all()
    assert (measured["reference"] == "tiny float32, PyTorch").all()
    assert (measured["images"] == 1000).all()


def test_the_figures_are_those_of_the_card(
    results: tuple[Path, pd.DataFrame], tiny_model: Path
) -> None:
    """Both come from the whole test split, here by another engine."""
    _, rows = results
    expected = open_model(str(tiny_model)).card.metrics["test"]
    for place in ("PyTorch", "ONNX Runtime CPU"):
        row = rows[rows["candidate"] == f"tiny float32, {place}"].iloc[0]
        assert row["f1"] == pytest.approx(expected["f1"], abs=2e-3)
        assert row["ece"] == pytest.approx(expected["expected_calibration_error"], abs=2e-3)
        assert row["verdicts_flipped"] == 0


def test_what_cannot_run_is_listed_with_the_reason(results: tuple[Path, pd.DataFrame]) -> None:
    output, rows = results
    candidates_there = set(rows["candidate"])
    for place in ("ONNX Runtime CUDA", "TensorRT"):
        assert f"tiny float32, {place}" in candidates_there
    assert rows[rows["batch"].isna()]["not_measured"].notna().all()
    half = rows[rows["candidate"] == "tiny float16, ONNX Runtime CPU"]
    assert half["not_measured"].str.startswith("CPUs have no float16 arithmetic").all()
    for reason in rows["not_measured"].dropna().unique():
        assert reason in (output / "backbones.md").read_text()


def test_tables_and_plots_are_written(results: tuple[Path, pd.DataFrame]) -> None:
    output, _ = results
    names = {path.name for path in output.iterdir()}
    plots = {f"backbones-{name}.png" for name in ("f1", "batch", "latency")}
    assert names == {"backbones.json", "backbones.csv", "backbones.md"} | plots


def test_missing_data_are_said_in_a_sentence(tiny_model: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command.main, ["--model", str(tiny_model), "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


def test_an_interrupted_run_leaves_the_batches_it_has_on_the_devices_it_was_given(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(chosen: Any, batch: int, plan: Plan) -> Any:
        if batch == BATCHES[1]:
            raise KeyboardInterrupt
        return measure_speed(chosen, batch, plan)

    monkeypatch.setattr(comparison, "measure_speed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare_backbones(
            [str(tiny_model)], tiny_data, replace(TINY, devices=("cpu",)), tmp_path, "the command"
        )
    rows = pd.read_csv(tmp_path / "backbones.csv")
    assert set(rows["batch"].dropna()) == {BATCHES[0]}
    assert set(rows["device"].dropna()) == {"cpu"}
    assert (tmp_path / "backbones.md").is_file()


def test_only_what_is_asked_for_is_made_and_measured(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "QUICK", TINY)
    asked = "--device pytorch --device cpu --precision int8 --batch 4 --budget-minutes 9"
    options = ["--model", tiny_model, "--data", tiny_data, "--output", tmp_path, "--quick"]
    result = CliRunner().invoke(command.main, [*asked.split(), *map(str, options)])
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "backbones.json").read_text())
    (row,) = written["rows"]
    assert (row["candidate"], row["batch"]) == ("tiny int8, ONNX Runtime CPU", 4)
    assert row["reference"] == row["candidate"]
    speed = row["images_per_second_median"] * row["gflop_per_image"] / 1e3
    assert row["share_of_peak"] == pytest.approx(speed / written["peak_tflops"]["cpu"])
    assert asked in written["command"]


@pytest.mark.parametrize("measured", [(), (1,)], ids=["before the first", "after one"])
def test_a_spent_budget_leaves_what_there_is_and_says_so(
    measured: tuple[int, ...],
    tiny_model: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock moves on by a minute where the batch does."""
    now = 0.0

    def a_minute_later(chosen: Any, batch: int, plan: Plan) -> Any:
        nonlocal now
        if batch not in measured:
            now += 60
        return measure_speed(chosen, batch, plan)

    monkeypatch.setattr(comparison, "measure_speed", a_minute_later)
    monkeypatch.setattr(planning, "time", SimpleNamespace(monotonic=lambda: now))
    plan = replace(TINY, devices=("cpu",), batches=(1, 2), budget=Budget(ends=30))
    models = [str(tiny_model)]
    if measured:
        compare_backbones(models, tiny_data, plan, tmp_path, "the command")
    else:
        with pytest.raises(
            Refused, match=r"tiny float32.* at batch 1; .*The time budget was spent"
        ):
            compare_backbones(models, tiny_data, plan, tmp_path, "the command")
    rows = pd.read_csv(tmp_path / "backbones.csv").dropna(subset="batch")
    left_out = rows[rows["not_measured"] == "The time budget was spent."]
    assert set(left_out["batch"]) == {1, 2}.difference(measured)
    assert set(rows[rows["not_measured"].isna()]["batch"]) == set(measured)
    assert left_out["f1"].notna().all()
    assert "The time budget was spent." in (tmp_path / "backbones.md").read_text()


def test_a_budget_that_is_spent_at_once_makes_no_conversion(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    plan = replace(TINY, devices=("cpu",), budget=Budget(ends=0))
    with pytest.raises(Refused, match=r"tiny int8; tiny float32.*The time budget was spent\."):
        compare_backbones([str(tiny_model)], tiny_data, plan, tmp_path, "the command")
    assert list(tmp_path.iterdir()) == []


def test_candidates_run_on_the_devices_asked_for(tiny_model: Path) -> None:
    found = candidates([tiny_model], ["tensorrt", "torch.compile"])
    assert [candidate.device for candidate in found] == ["torch.compile", "tensorrt"]


def test_pytorch_runs_float32_files_only(tiny_model: Path) -> None:
    assert [candidate.device for candidate in candidates([tiny_model])] == list(DEVICES)


def test_percentiles_need_enough_calls() -> None:
    few = percentiles_ms([0.001, 0.002, 0.003])
    assert few == {"p50_ms": pytest.approx(2.0), "p95_ms": None, "p99_ms": None}
    many = percentiles_ms([n / 1000 for n in range(101)])
    assert list(many.values()) == pytest.approx([50.0, 95.0, 99.0])


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [
        {"ours": Sample((0.1,), 20.0), "theirs": Sample((0.1,), 10.0)},
        {"ours": Sample((0.1,), 60.0), "theirs": Sample((0.1,), 20.0)},
    ]
    row = speed_row("ours", "theirs", rounds)
    assert (row["ratio_to_reference_lowest"], row["ratio_to_reference_highest"]) == (2.0, 3.0)
    assert (row["calls"], row["images_per_second_median"]) == (2, 40.0)


def test_the_pareto_front_leaves_out_the_beaten() -> None:
    points = pd.DataFrame(
        {"images_per_second_median": [10, 20, 20, 30, 5], "f1": [0.9, 0.8, 0.7, 0.6, 0.9]}
    )
    assert pareto(points).index.tolist() == [0, 1, 3]
