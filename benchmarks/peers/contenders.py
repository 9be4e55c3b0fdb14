"""The commands that score a folder of images: imgscan's and those of its peers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.shared.process import Ran, imgscan, run_measured
from benchmarks.shared.pytorch import NoPytorchModel, detector_of
from export.onnx import export_onnx, read_source
from export.parity import parity_images
from scanner.errors import ImgscanError
from scanner.model import ModelFile

LOOPS = Path(__file__).parent / "loops"
OURS = "imgscan"
# Everyone gets the threads of their library's defaults, and sahu65 its own packages.
NOT_INHERITED = ("OMP_NUM_THREADS",)


@dataclass(frozen=True)
class Contender:
    """A command line, from a folder and an output, that writes a CSV with `path` and `score`.

    same_weights: whether its scores are logits of imgscan's model. own_packages: whether it runs
    by another environment's interpreter. slow: measured on a handful of files.
    """

    command: Callable[[Path, Path], list[str]]
    score: str = "logit"
    same_weights: bool = True
    own_packages: bool = False
    slow: bool = False

    def run(self, folder: Path, output: Path) -> Ran:
        """Score `folder` in a process of its own, from start to CSV."""
        output.unlink(missing_ok=True)
        left_out = (*NOT_INHERITED, "PYTHONPATH") if self.own_packages else NOT_INHERITED
        return run_measured(self.command(folder, output), without=left_out)


Contenders = dict[str, Contender | str]  # by name; a string is why there is none


def contenders(model: ModelFile, data: Path, place: Path, sahu65: str) -> Contenders:
    """Everyone who scores the same files, imgscan first.

    data: labelled images for the int8 export. place: for the files that are made. sahu65: its
    command.
    """
    loop = _script("one_by_one.py", model.path)
    return {
        OURS: _scan(model.path),
        f"{OURS}, int8": _int8(model, data, place / "int8.onnx"),
        **_pytorch(model, place / "detector.pt"),
        "ONNX Runtime, one at a time": Contender(loop),
        "sahu65 (own model)": _sahu65(sahu65),
    }


def _scan(model: Path) -> Contender:
    def command(folder: Path, output: Path) -> list[str]:
        return imgscan(folder, [output], "--model", model, "--device", "cpu", "--fresh")

    return Contender(command)


def _script(
    name: str, *arguments: object, python: str = sys.executable
) -> Callable[..., list[str]]:
    def command(folder: Path, output: Path) -> list[str]:
        return [python, str(LOOPS / name), *map(str, (folder, output, *arguments))]

    return command


def _int8(model: ModelFile, data: Path, output: Path) -> Contender | str:
    """imgscan with the int8 file that the export makes of the model, behind its parity gate."""
    try:
        source = read_source(model.path, None, None)
        images = parity_images(data, source.card.preprocessing)
        output.write_bytes(export_onnx(source, "int8", data, images))
    except ImgscanError as error:
        return f"no int8 file: {error}"
    return _scan(output)


def _pytorch(model: ModelFile, weights: Path) -> Contenders:
    """The loops in PyTorch, with the model's weights."""
    names = ("PyTorch DataLoader", "timm loader")
    try:
        torch.save(detector_of(model), weights)
    except NoPytorchModel as error:
        return dict.fromkeys(names, str(error))
    side = model.card.preprocessing.size
    timm = Contender(_script("timm_loader.py", weights, side))
    found = find_spec("timm") is not None
    return {
        names[0]: Contender(_script("dataloader.py", weights)),
        names[1]: timm if found else "timm is not installed; pip install '.[bench]'.",
    }


def _sahu65(command: str) -> Contender | str:
    found = shutil.which(command)
    if found is None:
        return f"there is no command {command}; pip install sahu65, in an environment of its own."
    python = shutil.which("python", path=str(Path(found).resolve().parent))
    if python is None:
        return f"{command} lies beside no interpreter, so its packages cannot be used."
    script = _script("sahu65_api.py", python=python)
    return Contender(script, "ai_probability", same_weights=False, own_packages=True, slow=True)
