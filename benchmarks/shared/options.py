"""The options that benchmarks share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.shared.results import CIFAKE_MODEL, FOLDER

Function = TypeVar("Function", bound=Callable[..., Any])

SHARED: dict[str, dict[str, Any]] = {
    "--data": {
        "type": click.Path(path_type=Path),
        "default": Path("data/cifake"),
        "help": "CIFAKE, as for the trainer.",
    },
    "--model": {"default": CIFAKE_MODEL, "help": "A bundled model or an .onnx file."},
    "--quick": {"is_flag": True},
    "--output": {
        "type": click.Path(path_type=Path),
        "default": FOLDER,
        "help": "Folder of the results.",
    },
}


def shared_option(flag: str, *parameter: str, **differing: Any) -> Callable[[Function], Function]:
    """One of the SHARED options, as click.option takes it.

    parameter: the name of the function's parameter. differing: what is to stand in place of, or
    beside, what SHARED says.
    """
    return click.option(flag, *parameter, **(SHARED[flag] | differing))
