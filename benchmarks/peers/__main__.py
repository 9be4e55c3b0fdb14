"""Is imgscan faster than what people score folders with today, and does it say the same?

    python -m benchmarks.peers --data data/cifake --quick

Everyone scores the same files in a process of its own, from its start to a CSV on disk, in rounds
that alternate. Where the model is the same, so are its weights, and the logits are compared.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks.peers.comparison import Comparison
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.plots import plot_speed
from benchmarks.peers.table import line_of, row_of
from benchmarks.shared.cifake import lay_out_some
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import command_line, write_part
from scanner.model import open_model
from trainer.command import Command

SIZES = {True: (1000, 12, 2), False: (4000, 40, 5)}  # quick: files, files for slow ones, rounds


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data", help="CIFAKE, as for the trainer; images of its test split are scored.")
@shared_option("--model", "name")
@click.option("--sahu65", default="sahu65", help="Its command, in an environment of its own.")
@shared_option("--quick", help="Fewer files and rounds: minutes on two cores.")
@shared_option("--output", help="Where the results go.")
def main(data: Path, name: str, sahu65: str, quick: bool, output: Path) -> None:
    """Measure imgscan against a DataLoader, timm, plain ONNX Runtime and sahu65 on the CPU."""
    files, few, rounds = SIZES[quick]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        model = open_model(name)
        images = lay_out_some(data, place / "data", files)
        everyone = contenders(model, place / "data", place, sahu65)
        found = {who: this for who, this in everyone.items() if isinstance(this, Contender)}
        compared = Comparison(found, images, place, files, few)
        measured = compared.measure(rounds)
        rows = {who: row_of(who, compared, measured) for who in measured[0]}
        for who, text in compared.broken().items():
            rows[who]["broken_files"] = text
    missing = {who: why for who, why in everyone.items() if isinstance(why, str)}
    for who, why in (missing | compared.failed).items():
        rows[who] = {"contender": who, "not_measured": why}
    ordered = [rows[who] for who in everyone]
    facts = {
        "command": command_line("peers", quick, [name]),
        "unit": "files/s",
        "model": model.name,
        "rounds": measured,
    }
    lines = [line_of(row) for row in ordered if "not_measured" not in row]
    notes = [
        f"Not measured: {row['contender']}: {row['not_measured']}"
        for row in ordered
        if "not_measured" in row
    ]
    write_part(output, "peers", facts, ordered, lines, notes)
    plot_speed(ordered, output / "peers-speed.png")
    click.echo((output / "peers.md").read_text())


if __name__ == "__main__":
    main()
