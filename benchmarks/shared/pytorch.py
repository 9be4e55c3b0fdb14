"""A model file's weights back in PyTorch, so that both run the same numbers."""

from __future__ import annotations

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from benchmarks.shared.clip import Clip, Shape
from scanner.errors import ImgscanError
from scanner.model import INT8_ROWS, ModelFile
from trainer.backbones import BACKBONES, Detector, build_detector
from trainer.photographs.clip import BLOCKS, HEADS, NORM_EPSILON, PATCH, WIDTH

HALF = ".half"  # ends the names of weights that the file stores in float16
SCALE = ".scale"  # and of what its int8 weights are multiplied by


class NoPytorchModel(ImgscanError):
    """The model file's weights do not fit its backbone."""


def module_of(model: ModelFile) -> nn.Module:
    """A module from views, uint8 N×S×S×3, to logits, float32 N, in evaluation mode.

    model: a float32 or int8-rows file. Raises NoPytorchModel.
    """
    return clip_of(model) if model.card.precision == INT8_ROWS else detector_of(model)


def detector_of(model: ModelFile) -> Detector:
    """The detector of a float32 model file, in evaluation mode. Raises NoPytorchModel.

    Only a file as the export writes it names its weights as PyTorch does; quantised and folded
    ones do not.
    """
    weights = _tensors(model)
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


def clip_of(model: ModelFile) -> Clip:
    """The tower and head of an int8-rows file in float32, in evaluation mode.

    Its weights are the file's, widened; activations, which the file rounds, are left alone. Raises
    NoPytorchModel.
    """
    tensors = _tensors(model)
    for name in [name for name in tensors if name.endswith(SCALE)]:
        tensors[f"{name.removesuffix(SCALE)}.weights"] *= tensors[name]
    try:
        tensors["kernel"] = tensors["embeddings.patch_embedding.weight"]
        return Clip(Shape(BLOCKS, HEADS, WIDTH, PATCH, NORM_EPSILON), tensors).eval()
    except KeyError as error:
        raise NoPytorchModel(f"{model.path.name} does not hold {error} by its name.") from error


def _tensors(model: ModelFile) -> dict[str, Tensor]:
    """The numbers in the file by their names, integers of 8 bits as float32."""
    tensors = {
        weight.name.removesuffix(HALF): torch.from_numpy(numpy_helper.to_array(weight).copy())
        for weight in onnx.load(model.path).graph.initializer
    }
    return {
        name: tensor.float() if tensor.dtype == torch.int8 else tensor
        for name, tensor in tensors.items()
    }
