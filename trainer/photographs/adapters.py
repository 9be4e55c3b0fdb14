"""Low-rank adapters (LoRA, Hu et al. 2021) of the tower's matrices: on file, and merged in."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from trainer.photographs.clip import WIDTH, Matrix, Weights
from trainer.photographs.head import Head

# Rank 8 is 1.3 million numbers, a sixty-fourth of the tower's: thousands of images hold little to
# learn beside what it knows.
RANK = 8
ALPHA = 16.0  # what an adapter adds is multiplied by ALPHA / RANK
SCALE = ALPHA / RANK
# Of the way from the frozen tower to the adapted one that a model goes: at its end all training
# pictures are known by heart, and no more is found of others.
SHARE = 0.5
ALL = "all"  # the name of what was learnt from all sources
HEAD, BEGAN = "head/", "head/began-"  # before the names of the head's arrays
# LAYER/down, float32 in × RANK, and LAYER/up, float32 RANK × out, of every layer of `Weights`.
Learnt = Mapping[str, NDArray[np.float32]]


class AdaptersError(ImgscanError):
    """What was learnt cannot be had; the sentence says why."""


@dataclass(frozen=True)
class Adapted:
    """A tower, and the head that learnt beside it on all of its blocks."""

    weights: Weights
    head: Head


def adapters_file(run: Path, name: str) -> Path:
    """name: the number of the part that was left out, or ALL."""
    return run / f"adapters-{name}.npz"


def merged(weights: Weights, run: Path, name: str, share: float) -> Adapted:
    """The tower with that share of what was learnt, and the head as far. Raises AdaptersError."""
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
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise AdaptersError(f"{path} is damaged or of another tower: {error}.") from error
    slopes = np.float32(1 - share) * began + np.float32(share) * ended
    return Adapted(Weights(matrices, weights.arrays), Head(slopes.reshape(-1, WIDTH), float(bias)))
