"""Protects: F1 takes no work that was not asked for, and no batch of a shape of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.backbones.candidates import Candidate
from benchmarks.backbones.facts import (
    add_network,
    convert,
    facts_of,
    gflop_of,
    networks_of,
    read_images,
    score_all,
)
from benchmarks.backbones.plan import BATCHES, SCORING_BATCH, Plan
from benchmarks.backbones.speed import flops_per_image
from export.parity import LabelledViews
from scanner.backends.backend import Backend, Scores
from scanner.backends.cpu import CpuBackend
from scanner.model import ModelError, open_model
from trainer.backbones import build_detector

PLAN = Plan(rounds=2, seconds=0.01, each=500)


class Noting(CpuBackend):
    """The CPU's own backend, which notes how many views it is given."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_model(str(path)), cores=1)
        self.given: list[int] = []

    def score(self, views: NDArray[np.uint8]) -> Scores:
        self.given.append(len(views))
        return super().score(views)


class InPlaceOfGpu(Candidate):
    """Counts as one on a GPU, and scores on the CPU."""

    def open(self, batch: int) -> Backend:
        return CpuBackend(self.file, cores=1)


def test_the_last_batch_is_filled_up_and_its_filling_has_no_score(brightness_model: Path) -> None:
    views = np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)
    backend = Noting(brightness_model)
    found = score_all(backend, views, 8)
    assert backend.given == [8, 8, 8]
    assert found == pytest.approx(backend.score(views).logits)


def test_scoring_takes_a_batch_that_is_measured() -> None:
    assert PLAN.scoring_batch == SCORING_BATCH
    assert SCORING_BATCH in BATCHES
    asked = Plan(rounds=2, seconds=0.01, each=500, batches=(64, 1))
    assert asked.scoring_batch == 64
    assert asked.batches_of(InPlaceOfGpu(Path("a.onnx"), "cuda")) == (64, 1)


def test_a_gpu_is_not_loaded_anew_for_its_memory(brightness_model: Path) -> None:
    images = LabelledViews(np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 1] * 2))
    row, _ = facts_of(InPlaceOfGpu(brightness_model, "cuda"), images, PLAN)
    assert "f1" in row
    assert "peak_bytes" not in row


def test_int8_is_not_made_for_a_gpu(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> None:
    plan = Plan(rounds=2, seconds=0.01, each=500, devices=("cuda",), precisions=("int8",))
    files = [open_model(str(tiny_model))]
    added, _, refused = add_network(files, tiny_data, plan, tmp_path)
    assert added == []
    assert refused == {"tiny int8": "No device that was asked for runs such files."}
    assert list(tmp_path.iterdir()) == []


def test_a_given_conversion_is_not_made_again(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    plan = Plan(rounds=2, seconds=0.01, each=500, devices=("cpu",), precisions=("int8",))
    whole = open_model(str(tiny_model))
    images = read_images(tiny_data, whole.card.preprocessing, plan.each)
    given = convert(whole, "int8", tiny_data, images, tmp_path, plan)
    (files,) = networks_of([str(tiny_model), str(given)])
    added, facts, refused = add_network(files, tiny_data, plan, tmp_path / "never-written")
    assert [candidate.path for candidate in added] == [given]
    assert facts.keys() == {"tiny int8, ONNX Runtime CPU"}
    assert refused == {}


def test_two_files_of_one_name_and_precision_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    other = shutil.copy(tiny_model, tmp_path / "tiny.other.onnx")
    with pytest.raises(ModelError, match="two models are called tiny up to the first dot"):
        networks_of([str(tiny_model), str(other)])


def test_operations_are_counted_without_weights() -> None:
    detector = build_detector("bird_lotfi_cnn", 32, "none")
    assert (
        gflop_of("bird_lotfi_cnn", 32, (24, 24, 3)) == flops_per_image(detector, (24, 24, 3)) / 1e9
    )
    assert gflop_of("unknown", 32, (32, 32, 3)) is None
