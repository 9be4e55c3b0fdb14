"""The commands that score a folder of images: imgscan's and those of its peers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.shared.kinds import THUMBNAILS, judge
from benchmarks.shared.process import Ran, imgscan, run_measured
from benchmarks.shared.pytorch import NoPytorchModel, module_of
from scanner.model import ModelFile

LOOPS = Path(__file__).parent / "loops"
OURS, DATALOADER, TIMM = "imgscan", "PyTorch DataLoader", "timm loader"
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


def contenders(kind: str, place: Path, sahu65: str) -> Contenders:
    """Everyone who scores files of one of KINDS, imgscan first.

    place: for the files that are made. sahu65: its command; its model is for small images.
    """
    model = judge(kind)
    side = model.card.preprocessing.size
    everyone: Contenders = {OURS: Contender(_scan), **_pytorch(model, side, place / f"{kind}.pt")}
    if kind == THUMBNAILS:
        more: Contenders = {"sahu65 (own model)": _sahu65(sahu65)}
    else:
        script = _script("dataloader_onnx.py", model.path, side)
        more = {"DataLoader, ONNX Runtime": Contender(script)}
    one_by_one = Contender(_script("one_by_one.py", model.path, side))
    return everyone | {"ONNX Runtime, one at a time": one_by_one} | more


def _scan(folder: Path, output: Path) -> list[str]:
    """As it is by default, but on the CPU and anew."""
    return imgscan(folder, [output], "--device", "cpu", "--fresh")


def _script(
    name: str, *arguments: object, python: str = sys.executable
) -> Callable[..., list[str]]:
    def command(folder: Path, output: Path) -> list[str]:
        return [python, str(LOOPS / name), *map(str, (folder, output, *arguments))]

    return command


def _pytorch(model: ModelFile, side: int, weights: Path) -> Contenders:
    """The loops in PyTorch, with the model's weights."""
    try:
        torch.save(module_of(model), weights)
    except NoPytorchModel as error:
        return dict.fromkeys((DATALOADER, TIMM), str(error))
    timm = Contender(_script("timm_loader.py", weights, side))
    found = find_spec("timm") is not None
    return {
        DATALOADER: Contender(_script("dataloader.py", weights, side)),
        TIMM: timm if found else "timm is not installed; pip install '.[bench]'.",
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
