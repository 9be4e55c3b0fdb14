"""Latency, throughput, memory and F1 of every exported backbone, on all that runs here.

    python -m benchmarks.backbones --model resnet18.onnx --model resnet152.onnx
    python -m benchmarks.backbones --device torch.compile --device cuda --device tensorrt --quick
    python -m benchmarks.backbones --device cuda --precision float16 --batch 128 --budget-minutes 3

Each float32 file is also measured in float16 and int8, made of it as the export makes them unless
such a file is given, too (resnet18.fp16.onnx beside resnet18.onnx), and in PyTorch with the same
weights. Ratios refer to the first of these that runs: PyTorch on the CPU, or
torch.compile where only GPU devices are asked for. What cannot run has a row with the reason.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.backbones.candidates import DEVICES, PRECISIONS
from benchmarks.backbones.comparison import compare_backbones, threads_for_all_cores
from benchmarks.backbones.plan import QUICK, THOROUGH, Budget
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import CIFAKE_MODEL, command_line
from trainer.command import Command
from trainer.minutes import Minutes


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--model",
    "models",
    multiple=True,
    default=[CIFAKE_MODEL],
    help="A bundled model or a model file; may be repeated.",
)
@shared_option("--data", help="CIFAKE, as for the trainer; test images are scored.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    type=click.Choice(DEVICES),
    default=DEVICES,
    help="Where to measure; may be repeated. Without CPU devices F1 comes from the GPU, too.",
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    default=PRECISIONS,
    help="Of the arithmetic, which is float16 for torch.compile; may be repeated.",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(min=1),
    help="Images at once; may be repeated, and F1 is scored at the first.  [default: 1, 8, 32, "
    "128; on a GPU also 256, 512]",
)
@click.option(
    "--budget-minutes",
    type=Minutes(),
    help="After so long nothing more is begun, and what is left out is listed.",
)
@shared_option("--quick", help="Fewer images and shorter rounds.")
@shared_option("--output")
def main(
    models: tuple[str, ...],
    data: Path,
    devices: tuple[str, ...],
    precisions: tuple[str, ...],
    batches: tuple[int, ...],
    budget_minutes: float | None,
    quick: bool,
    output: Path,
) -> None:
    """Compare exported backbones in each precision, wherever they run on this machine."""
    plan = replace(
        QUICK if quick else THOROUGH,
        devices=devices,
        precisions=precisions,
        batches=tuple(dict.fromkeys(batches)),
        budget=Budget()
        if budget_minutes is None
        else Budget(time.monotonic() + 60 * budget_minutes),
    )
    asked = [
        *(f"--device {device}" for device in devices if devices != DEVICES),
        *(f"--precision {precision}" for precision in precisions if precisions != PRECISIONS),
        *(f"--batch {batch}" for batch in batches),
        *([] if budget_minutes is None else [f"--budget-minutes {budget_minutes:g}"]),
    ]
    command = command_line("backbones", quick, models, " ".join(asked))
    with threads_for_all_cores():
        compare_backbones(models, data, plan, output, command)


if __name__ == "__main__":
    main()
