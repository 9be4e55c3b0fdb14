"""Does the scanner reach the trainer's figures? Scan CIFAKE's test split as a folder and a zip.

python -m benchmarks.agreement --data data/cifake
python -m benchmarks.agreement --model resnet18.int8.onnx
python -m benchmarks.agreement --device cuda

Its verdicts and logits are also compared, file by file, with those of the model's own file on the
CPU, without another that scores first. What the operating points make of the test images is counted
from the model's own logits alone: on a CPU those of that scan, not of the verdicts beside them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from benchmarks.shared.cifake import lay_out_test_split
from benchmarks.shared.options import shared_option
from benchmarks.shared.process import ScanFailed, scan
from benchmarks.shared.results import AGREEMENT, write_results
from export.parity import TOLERANCES
from scanner.backends.choose import DEVICES
from scanner.custody.manifest import manifest_path, read_manifest
from scanner.model import ModelCard, open_model
from scanner.model.verdict import verdicts
from scanner.record import Status
from scanner.scan import Request, run_scan
from trainer.command import Command
from trainer.data.examples import Example

FOUR_DIGITS = 5e-5  # what a card's F1 is read to


def scanned(
    evidence: Path, report: Path, model: str, device: str, images: int
) -> tuple[pd.DataFrame, float]:
    """The rows of a scan's report but that of the archive, and the seconds from start to report.

    Raises ScanFailed, also where not each of the `images` has a score.
    """
    ran = scan(evidence, [report], model, "--device", device, files=images)
    rows = pd.read_csv(report)
    rows = rows[rows["status"] != Status.CONTAINER]
    if unscored := int((rows["status"] != Status.SCORED).sum()):
        raise ScanFailed(
            f"the scan of {evidence.name} gave no score to {unscored:,} of {images:,} images."
        )
    return rows, round(ran.seconds, 1)


def alone(evidence: Path, report: Path, model: str) -> pd.DataFrame:
    """The rows of a scan on the CPU in which no other file scores before the model's own."""
    run_scan(Request((evidence,), (report,), model, device="cpu", exact=True))
    return pd.read_csv(report)


def compared(found: pd.DataFrame, exact: pd.DataFrame) -> dict[str, Any]:
    """How far two reports of the same files are apart: verdicts, and raw logits."""
    both = found.merge(exact, on="path", suffixes=("", "_exact"))
    apart = (both["logit"] - both["logit_exact"]).abs()
    return {
        "rows": len(both),
        "verdicts_flipped": int((both["verdict"] != both["verdict_exact"]).sum()),
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


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data")
@shared_option("--model", "name")
@click.option(
    "--device",
    type=click.Choice([name for name in DEVICES if name != "auto"]),
    default="cpu",
    help="Where to score.",
)
@shared_option(
    "--output",
    default=None,
    help="Where the figures go.  [default: results/agreement-MODEL.json]",
)
def main(data: Path, name: str, device: str, output: Path | None) -> None:
    """Compare the F1 of two scans with the one on the model card; exit 1 if they disagree."""
    with tempfile.TemporaryDirectory() as place:
        model = open_model(name)
        folder, archive, examples = lay_out_test_split(data, Path(place))
        images = len(examples)
        in_folder, folder_seconds = scanned(
            folder, Path(place) / "folder.csv", name, device, images
        )
        (ran,) = read_manifest(manifest_path(Path(place) / "folder.csv"))["models"]
        in_zip, zip_seconds = scanned(archive, Path(place) / "zip.csv", name, device, images)
        exact = alone(folder, Path(place) / "exact.csv", name)
        against = compared(in_folder, exact)
        if device != "cpu":
            _, cpu_seconds = scanned(folder, Path(place) / "cpu.csv", name, "cpu", images)
            against |= {"seconds_cpu": cpu_seconds}
    in_zip["path"] = in_zip["path"].str.removeprefix("test.zip!/")
    both = in_folder.merge(in_zip, on="path", suffixes=("", "_zip"))
    labels = labels_of(in_folder["path"], examples)
    counted = exact if device == "cpu" else in_folder
    counts = verdict_counts(counted, labels_of(counted["path"], examples), model.card)
    results: dict[str, Any] = {
        "model": model.name,
        "model_sha256": model.sha256,
        "device": device,
        "seconds_folder": folder_seconds,
        "seconds_zip": zip_seconds,
        "precision": ran["precision"],
        "first_pass": ran["first_pass"],
        "against_the_cpu" if device != "cpu" else "against_the_model_alone": against,
        "rows_folder": len(in_folder),
        "rows_zip": len(in_zip),
        "rows_with_equal_p_fake": int((both["p_fake"] == both["p_fake_zip"]).sum()),
        "f1_folder": f1_of(in_folder, labels),
        "f1_zip": f1_of(in_zip, labels_of(in_zip["path"], examples)),
        "f1_alone": f1_of(exact, labels_of(exact["path"], examples)),
        "f1_card": model.card.metrics["test"]["f1"],
        "verdicts": in_folder["verdict"].value_counts().to_dict(),
        "operating_points_of_the_model_alone": counts,
    }
    named = model.name if device == "cpu" else f"{model.name}-{device}"
    written = write_results(output or Path(AGREEMENT.format(named)), results)
    for what, value in written.items():
        click.echo(f"{what:24} {value}")
    # A float32 file's card is about its own scores; that of another has its source's figures. A
    # file that scores first keeps the verdicts, and the scores as far as its own gate lets it.
    lost = max(FOUR_DIGITS, TOLERANCES[model.card.precision].f1_lost)
    first_lost = max(lost, TOLERANCES["int8"].f1_lost)
    same_f1 = (
        results["f1_folder"] == results["f1_zip"]
        and abs(results["f1_alone"] - results["f1_card"]) <= lost
        and abs(results["f1_folder"] - results["f1_card"]) <= first_lost
    )
    called_fake = counts[0]["real_called_fake"] + counts[0]["fake_called_fake"]
    same_verdicts = called_fake == results["verdicts"].get("fake", 0)
    same_rows = results["rows_with_equal_p_fake"] == len(examples)
    if not (same_f1 and same_verdicts and same_rows):
        raise click.ClickException("the scans and the model card disagree.")


if __name__ == "__main__":
    main()
