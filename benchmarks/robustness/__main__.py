"""Do the verdicts survive what happens to images on their way? CIFAKE's test split, degraded.

    python -m benchmarks.robustness --data data/cifake --quick

Figures are those of the default operating point: an image counts as fake where the verdict is.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.robustness.degraded import measure
from benchmarks.robustness.plots import plot_strengths
from benchmarks.robustness.table import NOTE, lines_of
from benchmarks.shared.cifake import decoded
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import command_line, write_part
from scanner.backends.choose import open_backend
from scanner.model import open_model
from trainer.command import Command

IMAGES = {True: 1000, False: 5000}  # quick: images a condition, half of each class


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data", help="CIFAKE, as for the trainer; images of its test split are degraded.")
@shared_option("--model", "name")
@shared_option("--quick", help="Fewer images and strengths: minutes on two cores.")
@shared_option("--output", help="Where the results go.")
def main(data: Path, name: str, quick: bool, output: Path) -> None:
    """Measure the default verdicts on degraded test images."""
    model = open_model(name)
    backend = open_backend(model, "auto")
    images, labels = decoded(data, IMAGES[quick])
    rows = list(measure(images, labels, backend, model.card, quick))
    facts = {"command": command_line("robustness", quick, [name]), "model": model.name}
    write_part(output, "robustness", facts, rows, lines_of(rows), [NOTE])
    plot_strengths(rows, output / "robustness-strength.png")
    click.echo((output / "robustness.md").read_text())


if __name__ == "__main__":
    main()
