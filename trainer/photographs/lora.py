"""Low-rank adapters (LoRA, Hu et al. 2021) of the tower's matrices: on file, and merged in."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.files import own_partial_path, write_whole
from trainer.photographs.clip import WIDTH, Matrix, Weights
from trainer.photographs.head import Head

# Rank 8 is 1.3 million numbers, a sixty-fourth of the tower's: thousands of images hold little to
# learn beside what it knows.
RANK = 8
ALPHA = 16.0  # what an adapter adds is multiplied by ALPHA / RANK
SCALE = ALPHA / RANK
# Of the way from the frozen tower to the adapted one that a model goes. At its end all training
# pictures are known by heart, and the order of others is no better than the frozen tower's.
SHARE = 0.5
ALL = "all"  # the name of the training on all sources; the others' are numbers
HEAD, BEGAN = "head/", "head/began-"  # before the names of the head's arrays
CONFIG_FILE, SHARES_FILE = "config.json", "shares.csv"
# LAYER/down, float32 in × RANK, and LAYER/up, float32 RANK × out, of every layer of `Weights`; and
# the head's `weight`, blocks·768, and `bias`, for tokens as they are, before training and after.
Learnt = Mapping[str, NDArray[np.float32]]


class LoraError(ImgscanError):
    """What was learnt cannot be had or used; the sentence says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """What is trained on what. Saved as config.json in the run folder.

    images: a digest of what they are, on which it depends what is a part. count: of them. steps:
    of each training; None until they are chosen.
    """

    images: str
    count: int
    steps: int | None
    batch: int


@dataclass(frozen=True)
class Merged:
    """A tower that adapters were merged into, and the head that learnt beside them."""

    weights: Weights
    head: Head


def adapters_file(run: Path, name: str) -> Path:
    """What a training learnt. name: the number of the part that was left out, or ALL."""
    return run / f"adapters-{name}.npz"


def left_out_file(run: Path, name: str) -> Path:
    """What was left out of a training: a row an image, with its logit at each share of the way."""
    return run / f"left-out-{name}.csv"


def read_settings(run: Path) -> Settings | None:
    """Of the run in the folder; None where there is none. Raises LoraError."""
    path = run / CONFIG_FILE
    try:
        return Settings(**json.loads(path.read_text())) if path.is_file() else None
    except (OSError, ValueError, TypeError) as error:
        raise LoraError(
            f"{path} is damaged, or no run of python -m trainer.photographs.adapt; name another "
            "folder."
        ) from error


def write_settings(run: Path, settings: Settings) -> None:
    path = run / CONFIG_FILE
    content = json.dumps(asdict(settings), indent=2) + "\n"
    write_whole(path, content.encode(), own_partial_path(path))


def merged(weights: Weights, run: Path, name: str, share: float) -> Merged:
    """The tower with that share, 0 to 1, of what a training learnt, and the head as far.

    Raises LoraError.
    """
    path = adapters_file(run, name)
    try:
        with np.load(path) as arrays:
            learnt = dict(arrays)
        matrices = {
            layer: Matrix(
                matrix.weights
                + np.float32(share * SCALE) * (learnt[f"{layer}/down"] @ learnt[f"{layer}/up"]),
                matrix.bias,
            )
            for layer, matrix in weights.matrices.items()
        }
        began, ended = learnt[f"{BEGAN}weight"], learnt[f"{HEAD}weight"]
        bias = (1 - share) * learnt[f"{BEGAN}bias"] + share * learnt[f"{HEAD}bias"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise LoraError(
            f"{path} is missing, damaged or of another tower; make it again with python -m "
            "trainer.photographs.adapt."
        ) from error
    slopes = np.float32(1 - share) * began + np.float32(share) * ended
    return Merged(Weights(matrices, weights.arrays), Head(slopes.reshape(-1, WIDTH), float(bias)))
