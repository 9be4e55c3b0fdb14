"""Protects: products in place of a resize give the network the pixels that it was trained on."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from export.onnx import to_graph
from export.resizing import resized_by_products
from trainer.backbones import build_detector

EXACT = 1e-4  # of normalised pixels, which reach from -2.2 to 2.7, and of logits


def logits(model: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: NDArray[np.float32] = session.run(None, {"images": images})[0]
    return found


@pytest.mark.parametrize(("stored", "shown"), [(32, 96), (32, 40), (48, 32)])
def test_the_graph_says_the_same_of_any_size(stored: int, shown: int) -> None:
    torch.manual_seed(0)
    detector = build_detector("resnet18", shown, "none").eval()
    model = to_graph(detector, (stored, stored, 3))
    images = np.random.default_rng(0).integers(0, 256, (5, stored, stored, 3), dtype=np.uint8)
    images[0], images[1] = 0, 255  # what lies beyond the edges is grey to the network, not black
    before = logits(model, images)
    changed = resized_by_products(model)
    kinds = [node.op_type for node in changed.graph.node]
    assert "Resize" not in kinds
    assert kinds.count("MatMul") == 2
    onnx.checker.check_model(changed, full_check=True)
    assert np.abs(logits(changed, images) - before).max() < EXACT
    assert np.ptp(before) > 100 * EXACT, "these images are not told apart"


def test_pixels_that_need_no_resize_are_left_alone() -> None:
    model = to_graph(build_detector("resnet18", 32, "none").eval(), (32, 32, 3))
    assert resized_by_products(model) == model
