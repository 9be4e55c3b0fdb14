"""Protects: a backend that fails, or runs smaller batches, costs its own row and no other's.

The failing backends stand where a GPU would; what runs beside them is ONNX Runtime on the CPU.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.backbones.candidates import Candidate
from benchmarks.backbones.facts import gather_facts
from benchmarks.backbones.plan import Plan
from benchmarks.backbones.speed_at_batch import measure_speed
from export.parity import LabelledViews
from scanner.backends.backend import Backend, BackendError, Scores
from scanner.backends.gpu import OutOfMemory
from scanner.backends.lanes import GpuBackend

PLAN = Plan(rounds=2, seconds=0.01, each=500)
MEMORY = 20  # views that the small GPU holds, in both lanes


class FailingBackend:
    """Scores `calls` batches and then raises `error`."""

    provider = "test"
    precision = "float32"
    streams = 1

    def __init__(self, batch: int, calls: int, error: Exception) -> None:
        self.batch_size = batch
        self._left = calls
        self._error = error

    def score(self, views: NDArray[np.uint8]) -> Scores:
        if self._left == 0:
            raise self._error
        self._left -= 1
        return Scores(np.zeros(len(views), np.float32))


class Failing(Candidate):
    """A candidate whose backend fails after one call, which is the warm-up."""

    calls = 1
    error: Exception = BackendError("TensorRT stopped: illegal address\nand more")

    def open(self, batch: int) -> Backend:
        return FailingBackend(batch, self.calls, self.error)


class FailingAtOnce(Failing):
    calls = 0
    error = torch.OutOfMemoryError("CUDA out of memory.")


class SmallLane:
    def __init__(self, batch: int) -> None:
        self.batch = batch

    def run(self, views: NDArray[np.uint8]) -> Scores:
        return Scores(np.zeros(len(views), np.float32))

    def close(self) -> None: ...


class SmallCard:
    provider = "test"
    precision = "float32"
    shape: tuple[int, ...] = (32, 32, 3)
    smallest, largest = 1, 512

    def open_lane(self, batch: int) -> SmallLane:
        if 2 * batch > MEMORY:
            raise OutOfMemory("full")
        return SmallLane(batch)


class OnSmallCard(Candidate):
    def open(self, batch: int) -> Backend:
        return GpuBackend(SmallCard(), batch, print)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Failing, "TensorRT stopped: illegal address"),
        (FailingAtOnce, "CUDA out of memory."),
    ],
)
def test_a_failure_takes_nobody_else_out_of_the_rounds(
    kind: type[Candidate], reason: str, brightness_model: Path
) -> None:
    sound, failing = Candidate(brightness_model, "cpu"), kind(brightness_model, "cuda")
    measured, refused = measure_speed([failing, sound], 8, PLAN)
    assert [list(found) for found in measured] == [[sound.name]] * 2
    assert refused == {failing.name: reason}


def test_a_failure_while_scoring_is_the_reason_for_having_no_f1(brightness_model: Path) -> None:
    images = LabelledViews(np.zeros((100, 32, 32, 3), np.uint8), np.array([0, 1] * 50))
    sound, failing = Candidate(brightness_model, "cpu"), Failing(brightness_model, "cuda")
    found, refused = gather_facts([failing, sound], images, PLAN)
    assert list(found) == [sound.name]
    assert refused == {failing.name: "TensorRT stopped: illegal address"}


@pytest.mark.parametrize(("batch", "runs"), [(8, True), (16, False)])
def test_a_batch_that_shrank_is_no_measurement_of_it(
    batch: int, runs: bool, brightness_model: Path
) -> None:
    candidate = OnSmallCard(brightness_model, "cuda")
    measured, refused = measure_speed([candidate], batch, PLAN)
    assert [candidate.name in found for found in measured] == [runs] * PLAN.rounds
    assert list(refused.values()) == (
        [] if runs else ["GPU memory is too small for this batch, which shrank to 8."]
    )
