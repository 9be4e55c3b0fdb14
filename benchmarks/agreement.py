"""Does the scanner reach the trainer's figures? Scan CIFAKE's test split as a folder and a zip.

python -m benchmarks.agreement --data data/cifake
python -m benchmarks.agreement --model resnet18-int8
python -m benchmarks.agreement --device cuda

On another device than the CPU its verdicts are also compared with the CPU's, file by file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from benchmarks.pages import AGREEMENT
from benchmarks.shared.evidence import lay_out
from benchmarks.shared.machine import describe_machine, write_results
from export.parity import TOLERANCES
from scanner.backends import DEVICES
from scanner.model import DEFAULT_MODEL, ModelCard, ModelError, open_model
from scanner.record import Status
from scanner.verdict import verdicts
from trainer.data import DataError, Example

FOUR_DIGITS = 5e-5  # what a card's F1 is read to


def scan(evidence: Path, report: Path, model: str, device: str) -> tuple[pd.DataFrame, float]:
    """Run the command as a user would and read its report but the row of the archive.

    Returns the rows, and the seconds it took from start to report.
    """
    command = [sys.executable, "-m", "scanner", str(evidence), "--report", str(report)]
    command += ["--model", model, "--device", device, "--fresh", "--quiet"]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = round(time.perf_counter() - started, 1)
    rows = pd.read_csv(report)
    return rows[rows["status"] != Status.CONTAINER], seconds


def compared(found: pd.DataFrame, on_cpu: pd.DataFrame) -> dict[str, Any]:
    """How far two reports of the same files are apart: verdicts, and raw logits."""
    both = found.merge(on_cpu, on="path", suffixes=("", "_cpu"))
    apart = (both["logit"] - both["logit_cpu"]).abs()
    return {
        "rows": len(both),
        "verdicts_flipped": int((both["verdict"] != both["verdict_cpu"]).sum()),
        "largest_logit_difference": float(apart.max()),
        "mean_logit_difference": float(apart.mean()),
    }


def f1_of(report: pd.DataFrame, labels: list[int]) -> float:
    """F1 of p_fake >= 0.5, the trainer's definition, over the rows of a report."""
    return float(f1_score(labels, report["p_fake"] >= 0.5))


def labels_of(paths: pd.Series, examples: dict[str, Example]) -> list[int]:
    return [examples[path].label for path in paths]


def verdict_counts(
    report: pd.DataFrame, labels: list[int], card: ModelCard
) -> list[dict[str, Any]]:
    """What each of the card's operating points makes of the logits in a report."""
    calibrated = card.calibration.apply(report["logit"].to_numpy(np.float32))
    fake = np.array(labels) == 1
    counts = []
    for point in card.operating_points:
        given = verdicts(calibrated, point)
        counts.append(
            {
                "false_positive_rate": point.false_positive_rate,
                "real_images": int((~fake).sum()),
                "real_called_fake": int((~fake & (given == "fake")).sum()),
                "real_called_real": int((~fake & (given == "real")).sum()),
                "fake_images": int(fake.sum()),
                "fake_called_fake": int((fake & (given == "fake")).sum()),
                "fake_called_real": int((fake & (given == "real")).sum()),
            }
        )
    return counts


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer.",
)
@click.option("--model", default=DEFAULT_MODEL, help="A bundled model or an .onnx file.")
@click.option(
    "--device",
    type=click.Choice([name for name in DEVICES if name != "auto"]),
    default="cpu",
    help="Where to score.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Where the figures go.  [default: results/agreement-MODEL.json]",
)
def main(data: Path, model: str, device: str, output: Path | None) -> None:
    """Compare the F1 of two scans with the one on the model card; exit 1 if they disagree."""
    with tempfile.TemporaryDirectory() as place:
        try:
            file = open_model(model)
            folder, archive, examples = lay_out(data, Path(place))
        except (DataError, ModelError) as error:
            raise click.ClickException(str(error)) from error
        in_folder, folder_seconds = scan(folder, Path(place) / "folder.csv", model, device)
        in_zip, zip_seconds = scan(archive, Path(place) / "zip.csv", model, device)
        with_cpu = None
        if device != "cpu":
            on_cpu, cpu_seconds = scan(folder, Path(place) / "cpu.csv", model, "cpu")
            with_cpu = compared(in_folder, on_cpu) | {"seconds_cpu": cpu_seconds}
    in_zip["path"] = in_zip["path"].str.removeprefix("test.zip!/")
    both = in_folder.merge(in_zip, on="path", suffixes=("", "_zip"))
    labels = labels_of(in_folder["path"], examples)
    counts = verdict_counts(in_folder, labels, file.card)
    results: dict[str, Any] = {
        "model": file.name,
        "model_sha256": file.sha256,
        "device": device,
        "seconds_folder": folder_seconds,
        "seconds_zip": zip_seconds,
        **({"against_the_cpu": with_cpu} if with_cpu else {}),
        "rows_folder": len(in_folder),
        "rows_zip": len(in_zip),
        "rows_with_equal_p_fake": int((both["p_fake"] == both["p_fake_zip"]).sum()),
        "f1_folder": f1_of(in_folder, labels),
        "f1_zip": f1_of(in_zip, labels_of(in_zip["path"], examples)),
        "f1_card": file.card.metrics["test"]["f1"],
        "verdicts": in_folder["verdict"].value_counts().to_dict(),
        "operating_points": counts,
        "machine": asdict(describe_machine()),
    }
    named = file.name if device == "cpu" else f"{file.name}-{device}"
    write_results(output or Path(AGREEMENT.format(named)), results)
    for name, value in results.items():
        click.echo(f"{name:24} {value}")
    # A float32 file's card is about its own scores; that of another has its source's figures.
    lost = max(FOUR_DIGITS, TOLERANCES[file.card.precision].f1_lost)
    same_f1 = (
        results["f1_folder"] == results["f1_zip"]
        and abs(results["f1_folder"] - results["f1_card"]) <= lost
    )
    called_fake = counts[0]["real_called_fake"] + counts[0]["fake_called_fake"]
    same_verdicts = called_fake == results["verdicts"]["fake"]
    same_rows = results["rows_with_equal_p_fake"] == len(examples)
    if not (same_f1 and same_verdicts and same_rows):
        raise click.ClickException("the scans and the model card disagree.")


if __name__ == "__main__":
    main()
