"""Protects: a path that cannot be measured keeps its row, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gpu import Measured, measure, measure_path
from scanner.backends import Backend, BackendError, open_backend
from scanner.model import open_model


def test_each_batch_has_a_row_with_figures_or_a_reason(brightness_model: Path) -> None:
    model = open_model(str(brightness_model))

    def open_at(batch: int) -> Backend:
        if batch == 2:
            raise BackendError("no memory\nat line 7")
        return open_backend(model, "cpu", batch_size=batch)

    def score(backend: Backend) -> Measured:
        return measure(backend, 32, seconds=0.01, flops=1000, peak=1e9)

    first, second, third = measure_path("cpu", open_at, [1, 2, 4], score)
    assert second == {"path": "cpu", "batch": 2, "not_measured": "no memory"}
    for row, batch in ((first, 1), (third, 4)):
        assert (row["provider"], row["batch"]) == ("CPUExecutionProvider", batch)
        rate = row["images_per_second"]
        assert isinstance(rate, float)
        assert rate > 0
        assert row["share_of_peak"] == pytest.approx(rate * 1000 / 1e9)
