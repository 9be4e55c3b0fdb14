"""Does the scanner reach the trainer's figures? Scan CIFAKE's test split as a folder and a zip.

python -m benchmarks.agreement --data data/cifake
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from benchmarks.evidence import lay_out
from benchmarks.machine import describe_machine, write_results
from scanner.model import DEFAULT_MODEL, open_model
from scanner.record import Status
from trainer.data import DataError, Example


def scan(evidence: Path, report: Path, model: str) -> pd.DataFrame:
    """Run the command as a user would and read its report but the row of the archive."""
    command = [sys.executable, "-m", "scanner", str(evidence), "--report", str(report)]
    subprocess.run([*command, "--model", model, "--fresh", "--quiet"], check=True)
    rows = pd.read_csv(report)
    return rows[rows["status"] != Status.CONTAINER]


def f1_of(report: pd.DataFrame, labels: list[int]) -> float:
    """F1 of p_fake >= 0.5, the trainer's definition, over the rows of a report."""
    return float(f1_score(labels, report["p_fake"] >= 0.5))


def labels_of(paths: pd.Series, examples: dict[str, Example]) -> list[int]:
    return [examples[path].label for path in paths]


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer.",
)
@click.option("--model", default=DEFAULT_MODEL, help="A bundled model or an .onnx file.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/agreement.json"),
    help="Where the figures go.",
)
def main(data: Path, model: str, output: Path) -> None:
    """Compare the F1 of two scans with the one on the model card; exit 1 if they disagree."""
    with tempfile.TemporaryDirectory() as place:
        try:
            folder, archive, examples = lay_out(data, Path(place))
        except DataError as error:
            raise click.ClickException(str(error)) from error
        in_folder = scan(folder, Path(place) / "folder.csv", model)
        in_zip = scan(archive, Path(place) / "zip.csv", model)
    in_zip["path"] = in_zip["path"].str.removeprefix("test.zip!/")
    both = in_folder.merge(in_zip, on="path", suffixes=("", "_zip"))
    card = open_model(model).card
    labels = labels_of(in_folder["path"], examples)

    def called(label: int, verdict: str) -> int:
        return int(((np.array(labels) == label) & (in_folder["verdict"] == verdict)).sum())

    results: dict[str, Any] = {
        "model": model,
        "rows_folder": len(in_folder),
        "rows_zip": len(in_zip),
        "rows_with_equal_p_fake": int((both["p_fake"] == both["p_fake_zip"]).sum()),
        "f1_folder": f1_of(in_folder, labels),
        "f1_zip": f1_of(in_zip, labels_of(in_zip["path"], examples)),
        "f1_card": card.metrics["test"]["f1"],
        "verdicts": in_folder["verdict"].value_counts().to_dict(),
        "real_called_fake": called(0, "fake"),
        "fake_called_real": called(1, "real"),
        "machine": asdict(describe_machine()),
    }
    write_results(output, results)
    for name, value in results.items():
        click.echo(f"{name:24} {value}")
    same_f1 = (
        round(results["f1_folder"], 4)
        == round(results["f1_zip"], 4)
        == round(results["f1_card"], 4)
    )
    if not same_f1 or results["rows_with_equal_p_fake"] != len(examples):
        raise click.ClickException("the scans and the model card disagree.")


if __name__ == "__main__":
    main()
