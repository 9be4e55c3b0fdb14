"""What a run keeps in its folder while it trains, so that it can carry on after an interruption."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scanner.errors import ImgscanError
from scanner.files import replacing
from trainer import checkpoint
from trainer.backbones import Detector
from trainer.recipe import Recipe

CONFIG_FILE = "config.json"
RESUME_FILE = "resume.pt"
METRICS_FILE = "metrics.json"


class RunError(ImgscanError):
    """The run cannot start or carry on; the sentence says why."""


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, where. Saved as config.json in the run folder."""

    backbone: str
    weights: str
    data: str
    domain: str
    recipe: Recipe
    precision: str
    seed: int
    # Training images, where only a part of the data is used (Splits.subset).
    subset: int | None = None


@dataclass
class Progress:
    """How far a run is; everything in it is written to disk for --resume."""

    step: int
    best_f1: float
    seconds: float
    steps: list[dict[str, float]]
    evaluations: list[dict[str, Any]]


def prepare_folder(out: Path, settings: Settings, resume: bool) -> None:
    """Start a run in `out`, or check that the one there can be resumed. Raises RunError."""
    config = out / CONFIG_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    begun = (out / RESUME_FILE).is_file()
    finished = (out / METRICS_FILE).is_file() or (out / checkpoint.FILE_NAME).is_file()
    if resume:
        if not (begun or finished):
            raise RunError(f"{out} holds no run to resume; start one without --resume.")
        if json.loads(config.read_text()) != wanted:
            raise RunError(f"the run in {out} was started with other options; see {config}.")
        if not begun:
            raise RunError(f"the run in {out} is finished; there is nothing to resume.")
        return
    if begun:
        raise RunError(f"{out} already holds a run; add --resume, or choose another --out.")
    if finished:
        raise RunError(f"{out} already holds a finished run; choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    write_settings(out, settings)


def write_settings(out: Path, settings: Settings) -> None:
    """Write config.json into the run folder `out`."""
    (out / CONFIG_FILE).write_text(json.dumps(asdict(settings), indent=2) + "\n")


def read_settings(out: Path) -> Settings:
    """The settings of the run in `out`. Raises RunError."""
    try:
        record = json.loads((out / CONFIG_FILE).read_text())
        return Settings(**record | {"recipe": Recipe(**record["recipe"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{out} holds no run of python -m trainer.finetune.") from error


def save_progress(
    path: Path,
    progress: Progress,
    best_state: dict[str, Tensor],
    detector: Detector,
    average: Detector,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Replace the resume file at `path`; it is whole at every moment. Raises RunError."""
    record = {
        "progress": asdict(progress),
        "best_state": best_state,
        "state": detector.state_dict(),
        "average": {} if average is detector else average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    try:
        with replacing(path) as partial:
            torch.save(record, partial)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError
        raise RunError(
            f"{path} cannot be written: {str(error).splitlines()[0]}. "
            "Make room and carry on with --resume."
        ) from error


def restore(
    path: Path, detector: Detector, average: Detector, optimizer: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]]:
    """Progress and the best weights so far; the latest go into the detectors and the optimiser.

    Raises RunError.
    """
    try:
        record = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises pickle, zip and runtime errors alike
        raise RunError(f"{path} is damaged; start again in another --out.") from error
    detector.load_state_dict(record["state"])
    if average is not detector:
        average.load_state_dict(record["average"])
    optimizer.load_state_dict(record["optimizer"])
    return Progress(**record["progress"]), record["best_state"]
