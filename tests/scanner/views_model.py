"""A tiny model of several views, whose scores a test can compute to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, save_model

from scanner.backends.backend import Scores
from scanner.model import METADATA_KEY, ModelCard
from scanner.preprocess import Preprocessing

SIDE = 16
VIEWS = Preprocessing(SIDE, native=4)
MIDDLE = SIDE * SIDE * 3 * 127.5  # sum of a grey view's samples
UNIT = 2.0**-12  # so that every sum is exact
OUTPUTS = ("logit", "ood", "view_logits")


def write_views_model(path: Path, card: ModelCard, outputs: tuple[str, ...] = OUTPUTS) -> Path:
    """Brighter than mid grey is fake; `ood` is how much the brightness of the views differs."""
    count = VIEWS.count
    shape: list[str | int | None] = ["N", count, SIDE, SIDE, 3]
    shapes: dict[str, list[str | int | None]] = {
        "logit": ["N"],
        "ood": ["N"],
        "view_logits": ["N", count],
    }
    constants = [
        helper.make_tensor("pixels", TensorProto.INT64, [3], [2, 3, 4]),
        helper.make_tensor("views", TensorProto.INT64, [1], [1]),
        helper.make_tensor("middle", TensorProto.FLOAT, [], [MIDDLE]),
        helper.make_tensor("unit", TensorProto.FLOAT, [], [UNIT]),
        helper.make_tensor("count", TensorProto.FLOAT, [], [count]),
    ]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "pixels"], ["sums"], keepdims=0),
        helper.make_node("Sub", ["sums", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "unit"], ["view_logits"]),
        helper.make_node("ReduceSum", ["view_logits", "views"], ["sum"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["logit"]),
        helper.make_node("ReduceMax", ["view_logits", "views"], ["most"], keepdims=0),
        helper.make_node("ReduceMin", ["view_logits", "views"], ["least"], keepdims=0),
        helper.make_node("Sub", ["most", "least"], ["ood"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness of views",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    checker.check_model(model)
    save_model(model, path)
    return path


def scores_of(views: NDArray[np.uint8]) -> Scores:
    """What that model says of views N×V×S×S×3."""
    sums = views.sum(axis=(2, 3, 4), dtype=np.int64)
    logits = ((sums - MIDDLE) * UNIT).astype(np.float32)
    ood = logits.max(axis=1) - logits.min(axis=1)
    return Scores(logits.sum(axis=1) / np.float32(VIEWS.count), ood)
