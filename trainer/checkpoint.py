"""What a finished run leaves for `export`: weights and every fact the model card needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scanner.errors import ImgscanError
from scanner.model import Calibration, Domain, OperatingPoint, ReliabilityBin
from scanner.preprocess import Preprocessing
from trainer.backbones import BACKBONES, Detector
from trainer.metrics import Metrics

FORMAT = 2
FILE_NAME = "model.pt"


class CheckpointError(ImgscanError):
    """The file is no checkpoint of this trainer; the sentence says what is missing."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained detector. `metrics` maps a split's name to its figures after calibration."""

    backbone: str
    image_size: int
    preprocessing: Preprocessing
    domain: Domain
    calibration: Calibration
    operating_points: list[OperatingPoint]
    reliability: list[ReliabilityBin]
    metrics: dict[str, Metrics]
    training: dict[str, Any]
    state: dict[str, Tensor]

    def save(self, path: Path) -> None:
        """Write the file; weights that float16 holds exactly take half the room."""
        state = {name: _shortest(tensor) for name, tensor in self.state.items()}
        torch.save(asdict(replace(self, state={})) | {"state": state, "format": FORMAT}, path)

    def detector(self) -> Detector:
        """The trained network in evaluation mode, on the CPU, in float32."""
        detector = Detector(BACKBONES[self.backbone](None), self.image_size)
        detector.load_state_dict(self.state)
        return detector.eval()


def _shortest(tensor: Tensor) -> Tensor:
    if tensor.dtype != torch.float32:
        return tensor
    half = tensor.half()
    return half if torch.equal(half.float(), tensor) else tensor


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file, or the one in a run folder. Raises CheckpointError."""
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(
            f"there is no checkpoint {file}; train one with python -m trainer.finetune."
        )
    try:
        record = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises pickle, zip and runtime errors alike
        raise CheckpointError(f"{file} is not a PyTorch checkpoint.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(
            f"{file} was not written by this version's python -m trainer.finetune."
        )
    try:
        return _read(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the checkpoint {file} is malformed: {error!r}.") from error


def _read(record: dict[str, Any]) -> Checkpoint:
    del record["format"]
    return Checkpoint(
        **record
        | {
            "preprocessing": Preprocessing(**record["preprocessing"]),
            "domain": Domain(**record["domain"]),
            "calibration": Calibration(**record["calibration"]),
            "operating_points": [OperatingPoint(**point) for point in record["operating_points"]],
            "reliability": [ReliabilityBin(**found) for found in record["reliability"]],
            "state": {name: _widened(tensor) for name, tensor in record["state"].items()},
            "metrics": {name: Metrics(**figures) for name, figures in record["metrics"].items()},
        }
    )
