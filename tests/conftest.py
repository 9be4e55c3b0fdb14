"""Fixtures shared by the tests: small real images, a tiny real model, the command itself."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.model import METADATA_KEY, Calibration, Domain, ModelCard, OperatingPoint
from scanner.preprocess import Preprocessing

HANG_GUARD = 240  # seconds; only ends a test that would never end
ROOT = Path(__file__).parent.parent


def image_bytes(kind: str = "JPEG", seed: int = 0, size: tuple[int, int] = (32, 32)) -> bytes:
    """A small encoded RGB image; another seed gives other bytes."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), kind)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of `image` as Pillow writes them."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scanner", *map(str, arguments)]


def environment(**variables: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | variables


def imgscan(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user would."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )


@pytest.fixture(scope="session")
def card() -> ModelCard:
    """A card with round thresholds: fake from 2, real up to -2, 32-pixel images only."""
    point = OperatingPoint(0.01, 2.0, -2.0, 0.01, (0.0, 0.02), 0.9, (0.8, 0.95), 0.1)
    return ModelCard(
        backbone="brightness",
        image_size=32,
        preprocessing=Preprocessing(32),
        calibration=Calibration(temperature=1.0, bias=0.0),
        operating_points=(point,),
        domain=Domain("small squares", 32, 32),
        training={"data": "none"},
        metrics={"test": {"f1": 0.5}},
        parity={"images": 0},
        licence="Apache-2.0",
    )


ModelMaker = Callable[[str, dict[str, str]], Path]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> ModelMaker:
    """Writes tiny ONNX models: brighter than mid grey is fake, logit -4 for black, 4 for white."""
    from onnx import TensorProto, checker, helper, save_model

    folder = tmp_path_factory.mktemp("models")

    def make(name: str, metadata: dict[str, str]) -> Path:
        images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 32, 32, 3])
        logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])
        constants = [
            helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("middle", TensorProto.FLOAT, [], [127.5]),
            helper.make_tensor("scale", TensorProto.FLOAT, [], [127.5 / 4]),
        ]
        nodes = [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0),
            helper.make_node("Sub", ["mean", "middle"], ["centred"]),
            helper.make_node("Div", ["centred", "scale"], ["logit"]),
        ]
        graph = helper.make_graph(nodes, "brightness", [images], [logit], constants)
        model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
        helper.set_model_props(model, metadata)
        checker.check_model(model)
        path = folder / f"{name}.onnx"
        save_model(model, path)
        return path

    return make


@pytest.fixture(scope="session")
def brightness_model(make_model: ModelMaker, card: ModelCard) -> Path:
    """A model file with a complete card whose verdicts a test can foretell."""
    return make_model("brightness", {METADATA_KEY: card.to_json()})


@pytest.fixture
def card_record(card: ModelCard) -> dict[str, Any]:
    """The card as the JSON object a model file holds, to be spoilt by a test."""
    record: dict[str, Any] = json.loads(card.to_json())
    assert record.keys() > dataclasses.asdict(card).keys()
    return record
