"""Options that several commands have: what scores, where, and how the command speaks."""

from __future__ import annotations

import click

from scanner.limits import LARGEST_BATCH, MOST_WORKERS

model_option = click.option(
    "--model",
    "model_name",
    default="auto",
    show_default=True,
    metavar="NAME|FILE",
    help="auto takes all bundled models, and for each image the one that is made for its size. "
    "Or one model for all: bundled or added (see imgscan models), or an .onnx file.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    default="auto",
    show_default=True,
    help="Where to score. A device named here is used or it is an "
    "error; auto takes CUDA where it works, otherwise the CPU.",
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(1, LARGEST_BATCH),
    help="Images scored at once.  [default: by device]",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    help="Processes that read and decode.  [default: one a core]",
)
fresh_option = click.option(
    "--fresh", is_flag=True, help="Forget an interrupted scan and start over."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
