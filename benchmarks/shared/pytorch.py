"""A model file's weights back in PyTorch, so that both run the same numbers."""

from __future__ import annotations

import onnx
import torch
from onnx import numpy_helper

from scanner.errors import ImgscanError
from scanner.model import ModelFile
from trainer.backbones import BACKBONES, Detector, build_detector

HALF = ".half"  # ends the names of weights that the file stores in float16


class NoPytorchModel(ImgscanError):
    """The model file's weights do not fit its backbone."""


def detector_of(model: ModelFile) -> Detector:
    """The detector of a float32 model file, in evaluation mode. Raises NoPytorchModel.

    Only a file as the export writes it names its weights as PyTorch does; quantised and folded
    ones do not.
    """
    weights = {
        weight.name.removesuffix(HALF): torch.from_numpy(numpy_helper.to_array(weight).copy())
        for weight in onnx.load(model.path).graph.initializer
    }
    if model.card.backbone not in BACKBONES:
        raise NoPytorchModel(f"{model.path.name} has the unknown backbone {model.card.backbone}.")
    detector = build_detector(model.card.backbone, model.card.image_size, "none")
    state = detector.state_dict()
    missing = [name for name in state if name not in weights and "num_batches" not in name]
    if missing:
        raise NoPytorchModel(f"{model.path.name} does not hold {missing[0]} by its name.")
    kept = {name: weights.get(name, value).to(value.dtype) for name, value in state.items()}
    detector.load_state_dict(kept)
    return detector.eval()
