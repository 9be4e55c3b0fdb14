"""What a trained network is worth: calibrated on validation, measured once on test, and drawn.

    python -m trainer.evaluate runs/resnet152-paper

Every run ends with this; the command does it again for a finished one.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from scanner.model import Calibration, Domain, OperatingPoint
from scanner.model.figures import reliability, sigmoid
from scanner.preprocess import Preprocessing
from trainer import calibration, checkpoint
from trainer.backbones import Detector
from trainer.calibration import CalibrationError
from trainer.command import Command
from trainer.data.images import Images, ImageSet, load_images
from trainer.device import choose_device
from trainer.figures import plot_misclassified, plot_run
from trainer.metrics import Metrics, measure
from trainer.run import METRICS_FILE, RESUME_FILE, RunError, Settings, read_settings

EVAL_BATCH = 256
MISTAKES_SHOWN = 40


@dataclass(frozen=True)
class History:
    """How a run went: its steps.csv and metrics.csv."""

    steps: pd.DataFrame
    evaluations: pd.DataFrame


def finish(
    out: Path,
    settings: Settings,
    images: Images,
    detector: Detector,
    facts: dict[str, Any],
    history: History,
) -> None:
    """Calibrate on validation, measure on test in float32, and write model.pt and the figures.

    facts: of the training; those of the evaluation are added.

    Raises CalibrationError for a model that cannot be calibrated, after writing its figures as
    they are; it gets no model.pt.
    """
    torch.backends.cudnn.benchmark = False  # it would try every algorithm again for a last batch
    _round_to_half(detector)
    views = images.train.preprocessing
    raw, validation_labels = predict(detector, images.validation, views, "float32")
    failure: CalibrationError | None = None
    try:
        fitted = calibration.fit(raw, validation_labels)
    except CalibrationError as error:
        fitted, failure = Calibration(temperature=1.0, bias=0.0), error
    for rate in calibration.unshown_rates(validation_labels):
        click.echo(
            f"WARNING: there are too few validation images to show a false-positive rate of "
            f"{rate:.1%}; the thresholds for it are only the highest scores seen. Add images.",
            err=True,
        )
    validation_logits = fitted.apply(raw)
    test = images.test
    started = time.monotonic()
    raw, test_labels = predict(detector, test, views, "float32")
    facts["scored_images_per_second"] = round(len(test) / (time.monotonic() - started), 1)
    facts |= _size(detector)
    test_logits = fitted.apply(raw)
    saved_again, _ = predict(detector, images.test_jpeg, views, "float32")
    # By identity: two archives may hold examples of one name.
    unseen = {id(example) for example in images.splits.test_deleaked}
    kept = np.array([id(example) in unseen for example in images.splits.test])
    figures: dict[str, Metrics] = {
        "validation": measure(validation_logits, validation_labels),
        "test": measure(test_logits, test_labels),
        "test_deleaked": measure(test_logits[kept], test_labels[kept]),
        f"test_jpeg{images.test_jpeg.jpeg_quality}": measure(
            fitted.apply(saved_again), test_labels
        ),
    }
    points: list[OperatingPoint] = []
    bins = reliability(test_logits, test_labels)
    if failure is None:
        points = calibration.operating_points(
            (validation_logits, validation_labels), (test_logits, test_labels)
        )
        checkpoint.Checkpoint(
            backbone=settings.backbone,
            image_size=settings.recipe.image_size,
            preprocessing=views,
            domain=Domain(settings.domain, *images.train.side_range()),
            calibration=fitted,
            operating_points=points,
            reliability=bins,
            metrics=figures,
            training=facts,
            state={name: tensor.cpu() for name, tensor in detector.state_dict().items()},
        ).save(out / checkpoint.FILE_NAME)
    summary = {
        **{name: asdict(value) for name, value in figures.items()},
        "calibration": asdict(fitted),
        "operating_points": [asdict(point) for point in points],
        "reliability": [asdict(found) for found in bins],
        "training": facts,
    }
    if failure:
        summary["uncalibrated"] = str(failure)
    gap = figures["test"].expected_calibration_error
    plot_run(out, history.steps, history.evaluations, test_logits, test_labels, bins, gap)
    p_fake = sigmoid(test_logits)
    worst = np.argsort(-np.abs(p_fake - test_labels), kind="stable")
    worst = worst[(p_fake[worst] >= 0.5) != (test_labels[worst] == 1)][:MISTAKES_SHOWN]
    pictures = [test.eval_batch(i, i + 1, views)[0].cpu().numpy() for i in worst.tolist()]
    plot_misclassified(out / "misclassified.png", pictures, p_fake[worst], test_labels[worst])
    # Last: a run with this file is a finished one.
    (out / METRICS_FILE).write_text(json.dumps(summary, indent=2) + "\n")
    (out / RESUME_FILE).unlink(missing_ok=True)  # many times the weights; of no more use
    if failure:
        raise failure
    click.echo(
        f"test F1 {figures['test'].f1:.4f}, without leaked duplicates "
        f"{figures['test_deleaked'].f1:.4f}; checkpoint in {out / checkpoint.FILE_NAME}"
    )


def _size(detector: Detector) -> dict[str, float]:
    """Parameters, and billions of floating-point operations for one image forward."""
    from torch.utils.flop_counter import FlopCounterMode

    parameters = list(detector.parameters())
    side = detector.image_size
    blank = torch.zeros(1, 3, side, side, device=parameters[0].device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        detector.eval().score(blank)
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "forward_gflop": round(counter.get_total_flops() / 1e9, 3),
    }


@torch.no_grad()
def _round_to_half(detector: Detector) -> None:
    """Round the weights to what a float16 file can hold, so that shipping one costs nothing more.

    Calibration and the final figures are then those of the weights that ship.
    """
    for parameter in detector.parameters():
        if parameter.dim() >= 2:
            parameter.copy_(parameter.half().float())


@torch.inference_mode()
def predict(
    detector: Detector, images: ImageSet, preprocessing: Preprocessing, precision: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits and labels of a whole set, in its order, from the views the scanner would make.

    Raises RunError when a logit is not a number.
    """
    detector.eval()
    logits = []
    for start in range(0, len(images), EVAL_BATCH):
        batch = images.eval_batch(start, start + EVAL_BATCH, preprocessing)
        with autocast(images.device, precision):
            logits.append(detector(batch).float())
    found = torch.cat(logits).cpu().numpy()
    if not np.isfinite(found).all():
        raise RunError(
            "training diverged: the network's scores are no numbers. Start again with "
            "--precision float32, other --weights or another --seed."
        )
    return found, images.labels.cpu().numpy()


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """bfloat16 where `precision` says so, on that device."""
    kind = device.partition(":")[0]
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16")


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", metavar="FOLDER", help="Its images.  [default: where the run found them]")
@click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to score.")
def main(run: Path, data: str | None, device: str) -> None:
    """Calibrate and measure the finished RUN again, and redraw its figures.

    Example: python -m trainer.evaluate runs/resnet152-paper
    """
    device = choose_device(device)
    settings = read_settings(run)
    trained = checkpoint.load_checkpoint(run)
    folder = Path(data or settings.data)
    images = load_images(folder, settings.recipe.image_size, device, settings.subset)
    history = History(pd.read_csv(run / "steps.csv"), pd.read_csv(run / "metrics.csv"))
    finish(run, settings, images, trained.detector().to(device), trained.training, history)


if __name__ == "__main__":
    main()
