"""Does `imgscan validate` find of known pictures what the models' cards say?

    python -m benchmarks.validation --data data/cifake --photographs natural-dev

On CIFAKE's test split the figures must be those of the card, whose test split it is. The card of
the model for photographs has figures of sources that were left out of its training; those of a
folder of other pictures stand beside them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.shared.cifake import lay_out_test_split
from benchmarks.shared.options import shared_option
from benchmarks.shared.process import ScanFailed, run_measured
from benchmarks.shared.results import Row, command_line, write_part
from scanner.cli.exits import EXIT_UNEXAMINED
from scanner.validation.words import figure, percent
from trainer.command import Command

NAME, FLIPS = "validation", "validation-flips"
PHOTOGRAPHS_MODEL = "clip-vit-b16"
SHARES = {
    "photographs called fake": ("photographs", "fake", "test_false_positive_rate"),
    "fakes called fake": ("fakes", "fake", "test_true_positive_rate"),
    "fakes called real": ("fakes", "real", "test_false_negative_rate"),
}


@dataclass(frozen=True)
class Material:
    """Labelled pictures, and where the figures are of that the model's card has."""

    name: str
    folder: Path
    model: str
    of_card: str
    metrics: str


def validated(material: Material, flips: int, place: Path) -> dict[str, Any]:
    """What `imgscan validate` says of the model. Raises ScanFailed."""
    report = place / "validation.html"
    words = [sys.executable, "-m", "scanner", "validate", material.folder, "--report", report]
    words += ["--model", material.model, "--flips", flips, "--device", "cpu", "--quiet", "--fresh"]
    ran = run_measured([str(word) for word in words])
    if ran.returncode not in (0, EXIT_UNEXAMINED):
        last = ran.error.strip() or f"exit code {ran.returncode}"
        raise ScanFailed(f"the validation on {material.name} failed: {last}")
    told = json.loads(report.with_suffix(".json").read_bytes())
    if len(told["models"]) != 1:
        raise ScanFailed(f"{material.model} judged no picture of {material.name}; name another.")
    found: dict[str, Any] = told["models"][0]
    return found


def rows(material: Material, found: dict[str, Any]) -> Iterator[Row]:
    """Two for each operating point: what was measured here, and what the card says."""
    scores, card = found["scores"], found["card_metrics"][material.metrics]
    for at in found["points"]:
        place = {"material": material.name, "model": found["name"], "sha256": found["sha256"]}
        place["false_positive_rate"] = at["false_positive_rate"]
        here: Row = {"photographs": found["photographs"], "fakes": found["fakes"]}
        told: Row = {}
        for name, (of, verdict, on_card) in SHARES.items():
            share = at[of][verdict] if at[of] else None
            if share:
                here |= {name: share["share"], f"{name}, low": share["low"]}
                here |= {f"{name}, count": share["count"], f"{name}, high": share["high"]}
            low, high = at["card"][f"{on_card}_interval"]
            told |= {name: at["card"][on_card], f"{name}, low": low, f"{name}, high": high}
        here["inconclusive"] = at["inconclusive"]
        told["inconclusive"] = at["card"]["test_inconclusive_rate"]
        if scores:
            here |= {"f1": scores["at_half"]["f1"], "auroc": scores["auroc"]}
            here["expected_calibration_error"] = scores["expected_calibration_error"]
        told |= {it: card[it] for it in ("f1", "auroc", "expected_calibration_error")}
        yield place | {"by": "imgscan validate"} | here
        yield place | {"by": f"the card, {material.of_card}"} | told


def table(found: Sequence[Row]) -> Iterator[dict[str, str]]:
    """The same for readers."""
    for row in found:
        line = {
            "pictures": row["material"],
            "model": row["model"],
            "`--false-positive-rate`": f"{row['false_positive_rate']:g}",
            "by": row["by"],
        }
        for name in SHARES:
            share = f"{percent(row[name])} ({percent(row[f'{name}, low'])} to "
            line[name] = f"{share}{percent(row[f'{name}, high'])})" if name in row else ""
        line["inconclusive"] = percent(row["inconclusive"])
        for name, title in (
            ("f1", "F1"),
            ("auroc", "AUROC"),
            ("expected_calibration_error", "expected calibration error"),
        ):
            line[title] = figure(row[name]) if name in row else ""
        yield line


def flip_rows(material: Material, found: dict[str, Any]) -> Iterator[Row]:
    for treated in (found["flips"] or {"treated": ()})["treated"]:
        yield {"material": material.name, "model": found["name"], **treated}


def flip_table(found: Sequence[Row]) -> Iterator[dict[str, str]]:
    for row in found:
        yield {
            "pictures": f"{row['material']}, {row['class']}",
            "what was done": row["treatment"],
            "copies": f"{row['pictures']:,}",
            "had a verdict, kept it": f"{row['kept']:,} of {row['had_verdict']:,}",
            "had none, has none": f"{row['still_none']:,}",
            "turned": f"{row['turned']:,}",
            "became inconclusive": f"{row['became_inconclusive']:,}",
            "got a verdict": f"{row['became_verdict']:,}",
            "left the model's domain": f"{row['outside']:,}",
            "wrong now, not before": f"{row['made_wrong']:,}",
        }


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data")
@click.option(
    "--photographs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of photographs and fakes of full size, in folders named real and fake.",
)
@shared_option("--model", help="For CIFAKE: a bundled model or an .onnx file.")
@click.option("--flips", type=click.IntRange(min=0), default=200, help="As imgscan validate's.")
@shared_option("--output")
def main(data: Path, photographs: Path | None, model: str, flips: int, output: Path) -> None:
    """Validate the bundled models, and put the figures beside those of their cards."""
    found: list[Row] = []
    flipped: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        test, archive, _ = lay_out_test_split(data, place)
        archive.unlink()
        materials = [Material("CIFAKE's test split", test, model, "of the same images", "test")]
        if photographs:
            left_out = ("of left-out sources", "sources left out, as-it-is")
            name = photographs.name
            materials.append(Material(name, photographs, PHOTOGRAPHS_MODEL, *left_out))
        for material in materials:
            told = validated(material, flips, place)
            found += rows(material, told)
            flipped += flip_rows(material, told)
    options = [f"--photographs {photographs.name}"] if photographs else []
    options += [f"--flips {flips}"]
    facts = {"command": command_line(NAME, False, [model], " ".join(options))}
    write_part(output, NAME, facts, found, list(table(found)))
    write_part(output, FLIPS, facts, flipped, list(flip_table(flipped)))


if __name__ == "__main__":
    main()
