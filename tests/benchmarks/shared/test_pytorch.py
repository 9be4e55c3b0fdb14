"""Protects: a model file's weights score the same in PyTorch, or the reason why not is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from benchmarks.shared.pytorch import NoPytorchModel, clip_of, detector_of, module_of
from export.precision import rounded_in_floats
from scanner.backends.choose import open_backend
from scanner.model import open_model
from tests.conftest import CIFAKE_MODEL

PHOTOGRAPHS_MODEL = "clip-vit-b16"


def test_the_bundled_model_scores_the_same_in_pytorch() -> None:
    model = open_model(CIFAKE_MODEL)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        found = detector_of(model)(torch.from_numpy(views)).numpy()
    scores = open_backend(model, "cpu").score(views)
    assert found == pytest.approx(scores.logits, abs=1e-3)


def test_the_model_for_photographs_scores_as_its_file_does_without_rounding() -> None:
    model = open_model(PHOTOGRAPHS_MODEL)
    views = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    floats = rounded_in_floats(onnx.load(model.path))
    for node in floats.graph.node:
        if node.op_type == "Round":
            node.op_type = "Identity"
    options = onnxruntime.SessionOptions()
    # Otherwise ONNX Runtime brings integers back in.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(floats.SerializeToString(), options)
    (expected,) = session.run(["logit"], {"images": views})
    with torch.inference_mode():
        found = module_of(model)(torch.from_numpy(views)).numpy()
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_file_without_the_towers_names_is_refused(brightness_model: Path) -> None:
    with pytest.raises(NoPytorchModel, match=r"brightness\.onnx does not hold 'embeddings"):
        clip_of(open_model(str(brightness_model)))


def test_a_file_of_an_unknown_backbone_is_refused(brightness_model: Path) -> None:
    with pytest.raises(NoPytorchModel, match=r"brightness\.onnx has the unknown backbone"):
        detector_of(open_model(str(brightness_model)))
