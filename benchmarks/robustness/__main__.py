"""Do the verdicts survive what happens to images on their way? CIFAKE's test split, degraded.

    python -m benchmarks.robustness --data data/cifake --quick

Figures are those of the default operating point: an image counts as fake where the verdict is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks.robustness.degraded import measure
from benchmarks.robustness.natural import NAME, line_of, measure_natural
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
@click.option(
    "--natural",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Full-size images in folders real and fake, to be scanned too.",
)
@shared_option("--quick", help="Fewer images and strengths: minutes on two cores.")
@shared_option("--output", help="Where the results go.")
def main(data: Path, name: str, folder: Path | None, quick: bool, output: Path) -> None:
    """Measure the default verdicts on degraded test images, and on images outside the domain."""
    model = open_model(name)
    backend = open_backend(model, "auto")
    images, labels = decoded(data, IMAGES[quick])
    rows = list(measure(images, labels, backend, model.card, quick))
    with tempfile.TemporaryDirectory() as place:
        outside = measure_natural(folder, model, Path(place) / "natural.csv")
    more = "--natural FOLDER" if folder else ""
    facts = {"command": command_line("robustness", quick, [name], more), "model": model.name}
    write_part(output, "robustness", facts, rows, lines_of(rows), [NOTE])
    if folder or not (output / f"{NAME}.json").exists():  # an earlier result stays
        write_part(output, NAME, facts, outside, [line_of(row) for row in outside])
    plot_strengths(rows, output / "robustness-strength.png")
    for part in ("robustness", NAME):
        click.echo((output / f"{part}.md").read_text())


if __name__ == "__main__":
    main()
