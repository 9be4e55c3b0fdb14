"""Protects: the table shows what was measured, and an empty cell where something was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.backbones.plots import plot_all
from benchmarks.backbones.speed import Sample
from benchmarks.backbones.speed_at_batch import speed_row
from benchmarks.backbones.table import SHARE_NOTE, notes_of, table_of
from benchmarks.shared.results import write_part

FACTS: dict[str, Any] = {
    "candidate": "net",
    "device": "cpu",
    "train_images": None,
    "f1": 0.9,
    "auroc": 0.95,
    "ece": 0.01,
    "verdicts_flipped": 0,
    "images": 1000,
    "file_bytes": 10**6,
    "peak_bytes": 10**8,
    "load_seconds": 0.1,
    "share_of_peak": 0.5,
}
FEW = Sample(latencies=(0.002,), rate=500.0)  # too few calls for a p99 over three rounds


def row_at(batch: int) -> dict[str, Any]:
    return FACTS | {"batch": batch} | speed_row("net", "net", [{"net": FEW}] * 3)


def test_few_calls_are_enough_for_all_files(tmp_path: Path) -> None:
    rows = [row_at(1)]
    write_part(tmp_path, "backbones", {}, rows, table_of(rows))
    plot_all(tmp_path, rows, {("net", 1): [FEW] * 3})
    written = pd.read_csv(tmp_path / "backbones.csv")
    assert written["p50_ms"].tolist() == [2.0]
    assert written["p99_ms"].isna().all()
    assert table_of(rows)[0]["one image, median"] == "2.0 ms"
    assert (tmp_path / "backbones-latency.png").stat().st_size > 0


def test_a_batch_is_not_passed_off_as_one_image() -> None:
    (line,) = table_of([row_at(8), FACTS | {"batch": 1, "not_measured": "no memory"}])
    assert line["one image, median"] == ""
    assert line["images/s (batch)"] == "500 (8)"
    assert line["times the first at that batch"] == "1.00 (1.00 to 1.00)"


def test_a_gpu_has_no_resident_memory() -> None:
    row = {key: value for key, value in row_at(8).items() if key != "peak_bytes"}
    assert table_of([row])[0]["memory"] == ""


def test_the_share_of_the_peak_is_shown_where_a_gpu_ran() -> None:
    on_cpu = row_at(8)
    on_gpu = row_at(8) | {"candidate": "net on a GPU", "device": "cuda", "share_of_peak": 0.25}
    other = on_gpu | {"candidate": "unknown network", "share_of_peak": None}
    shares = [line["share of peak"] for line in table_of([on_cpu, on_gpu, other])]
    assert shares == ["50.0%", "25.0%", ""]
    assert SHARE_NOTE in notes_of([on_cpu, on_gpu])
    for rows in ([on_cpu], [on_cpu, other]):
        assert "share of peak" not in table_of(rows)[0]
        assert notes_of(rows) == []
