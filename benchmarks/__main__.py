"""All benchmarks that compare speed and quality, one after the other, each in its own process.

    python -m benchmarks --quick

Each part can be run alone, as `python -m benchmarks.NAME`, and leaves its tables and plots in
results/benchmarks; `python -m benchmarks.readme` puts those into the README.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks.results import FOLDER

PARTS = ("backbones", "stages", "peers", "robustness", "scale")
WITHOUT_DATA = ("scale",)  # makes its own files


def options(part: str, data: Path, quick: bool, output: Path) -> list[str]:
    """What a part is given."""
    given = ["--output", str(output)] + (["--quick"] if quick else [])
    return given if part in WITHOUT_DATA else [*given, "--data", str(data)]


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer.",
)
@click.option("--quick", is_flag=True, help="All within ten minutes on two cores.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the results."
)
def main(data: Path, quick: bool, output: Path) -> None:
    """Run every benchmark; one that fails does not keep the others from running."""
    failed = []
    for part in PARTS:
        click.secho(f"benchmarks.{part}", bold=True)
        started = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{part}"]
        if subprocess.run([*command, *options(part, data, quick, output)]).returncode:
            failed.append(part)
        click.echo(f"{part}: {time.monotonic() - started:.0f} s\n")
    if failed:
        raise click.ClickException(f"these parts failed, as they said above: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
