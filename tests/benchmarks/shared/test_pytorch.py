"""Protects: a model file's weights score the same in PyTorch, or the reason why not is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.shared.pytorch import NoPytorchModel, detector_of
from scanner.backends.choose import open_backend
from scanner.model import open_model
from tests.conftest import CIFAKE_MODEL


def test_the_bundled_model_scores_the_same_in_pytorch() -> None:
    model = open_model(CIFAKE_MODEL)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        found = detector_of(model)(torch.from_numpy(views)).numpy()
    scores = open_backend(model, "cpu").score(views)
    assert found == pytest.approx(scores.logits, abs=1e-3)


def test_a_file_of_an_unknown_backbone_is_refused(brightness_model: Path) -> None:
    with pytest.raises(NoPytorchModel, match=r"brightness\.onnx has the unknown backbone"):
        detector_of(open_model(str(brightness_model)))
