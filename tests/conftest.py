"""What the tests share: small real images, tiny real models, a tiny training run, the commands."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.model import (
    METADATA_KEY,
    Calibration,
    Domain,
    ModelCard,
    OperatingPoint,
    ReliabilityBin,
)
from scanner.preprocess import Preprocessing
from scanner.workers.examined import Shown
from tests.pictures import write_pictures

# Pictures this small give a second thread nothing to do but wait; set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A suite started in a shell's background inherits an ignored SIGINT, and so would the scans that
# the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

HANG_GUARD = 300  # seconds; only ends a test that would never end
ROOT = Path(__file__).parent.parent
CIFAKE_MODEL = "resnet18"  # the bundled model of 32-pixel images
# A model of a worker's that is shown every image.
EVERY_SIZE = (Shown(Domain("everything", 1, 10**6), Preprocessing(32)),)
LEAKED = 4  # test images of each class that also lie in train


# They begin first, so that no long one runs alone in the end, and are far enough from each other
# for a second one not to wait for what the first one makes for both.
LONGEST = (
    "export/test_precision.py",
    "scanner/cli/test_main.py",
    "scanner/cli/test_errors_teach.py",
    "trainer/test_finetune.py",
    "export/test_trt.py",
    "export/test_int8_weights.py",
    "trainer/test_run.py",
    "benchmarks/backbones/test_comparison.py",
    "trainer/test_experiments.py",
    "trainer/test_budget.py",
    "scanner/cli/test_interrupts.py",
    "scanner/scan/test_resume.py",
    "benchmarks/peers/test_comparison.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker takes a file at a time, in this order."""
    ranks = {ROOT / "tests" / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


Maker = Callable[[Path], None]


def made_once(factory: pytest.TempPathFactory, name: str, make: Maker) -> Path:
    """The folder `name`, which the first of the suite's processes that asks for it has made."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = factory.mktemp(name)
        make(folder)
        return folder
    from filelock import FileLock

    shared = factory.getbasetemp().parent  # each worker has a folder of its own in it
    folder, done = shared / name, shared / f"{name}.made"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a failure left
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


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
    return run_words(command(*arguments), cwd)


def run_words(words: list[str], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    """What any command comes to that has this tree's packages at hand."""
    return subprocess.run(
        words,
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
    point = OperatingPoint(
        0.01, 2.0, -2.0, 0.01, (0.0, 0.02), 0.9, (0.8, 0.95), 0.01, (0.0, 0.02), 0.1
    )
    return ModelCard(
        backbone="brightness",
        image_size=32,
        preprocessing=Preprocessing(32),
        calibration=Calibration(temperature=1.0, bias=0.0),
        operating_points=(point,),
        reliability=(ReliabilityBin(2, 0.9, 1.0, (0.3, 1.0)),),
        domain=Domain("small squares", 32, 32),
        training={"data": "none"},
        metrics={"test": {"f1": 0.5}},
        parity={"images": 0},
        licence="Apache-2.0",
    )


# Of a name and metadata. side: of its views. middle: the grey whose logit is 0.
ModelMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> ModelMaker:
    """Writes tiny ONNX models: brighter than mid grey is fake, logit -4 for black, 4 for white."""
    from onnx import TensorProto, checker, helper, save_model

    folder = tmp_path_factory.mktemp("models")

    def make(name: str, metadata: dict[str, str], side: int = 32, middle: float = 127.5) -> Path:
        images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", side, side, 3])
        logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])
        constants = [
            helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("middle", TensorProto.FLOAT, [], [middle]),
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


def run_module(*arguments: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python -m ARGUMENTS` from the repository, with its output captured."""
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_GUARD)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 training and 1,000 test images of 32×32; the first LEAKED of each class are in both."""

    def make(data: Path) -> None:
        write_pictures(data / "train", count=400, seed=1)
        write_pictures(data / "test", count=500, seed=2)
        for label in ("REAL", "FAKE"):
            for number in range(LEAKED):
                shutil.copy(data / f"train/{label}/{number:04}.png", data / f"test/{label}")

    return made_once(tmp_path_factory, "data", make)


@pytest.fixture(scope="session")
def tiny_run(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of the training command, started from a weights file."""

    def make(folder: Path) -> None:
        import torch

        from trainer.backbones import build_detector

        torch.manual_seed(0)
        weights = folder / "begin.pt"
        torch.save(build_detector("bird_lotfi_cnn", 32, "none").network.state_dict(), weights)
        options = "--backbone bird_lotfi_cnn --recipe scratch --image-size 32 --epochs 12"
        options += " --device cpu --precision float32"
        places = ("--data", tiny_data, "--weights", weights, "--out", folder / "tiny")
        result = run_module("trainer.finetune", *options.split(), *places)
        assert result.returncode == 0, result.stderr

    return made_once(tmp_path_factory, "run", make) / "tiny"


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file that the export command wrote for `tiny_run`."""

    def make(folder: Path) -> None:
        options = ("-o", folder / "tiny.onnx", "--data", tiny_data, "--licence", "Apache-2.0")
        result = run_module("export.onnx", tiny_run, *options)
        assert result.returncode == 0, result.stderr

    return made_once(tmp_path_factory, "model", make) / "tiny.onnx"
