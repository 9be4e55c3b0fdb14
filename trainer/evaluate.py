"""What a trained network is worth: calibrated on validation, measured once on test, and drawn."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from scanner.model import Calibration, Domain, OperatingPoint
from scanner.preprocess import Preprocessing
from trainer import calibration, checkpoint
from trainer.backbones import Detector
from trainer.data import Images, ImageSet
from trainer.figures import plot_misclassified, plot_run
from trainer.metrics import Metrics, measure, sigmoid
from trainer.run import METRICS_FILE, RESUME_FILE, Progress, RunError, Settings

EVAL_BATCH = 256
MISTAKES_SHOWN = 40


def finish(
    out: Path,
    settings: Settings,
    images: Images,
    detector: Detector,
    facts: dict[str, Any],
    progress: Progress,
) -> None:
    """Calibrate on validation, measure on test in float32, and write model.pt and the figures.

    Raises CalibrationError for a model that cannot be calibrated, after writing its figures as
    they are; it gets no model.pt.
    """
    _round_to_half(detector)
    views = images.train.preprocessing
    raw, validation_labels = predict(detector, images.validation, views, "float32")
    failure: calibration.CalibrationError | None = None
    try:
        fitted = calibration.fit(raw, validation_labels)
    except calibration.CalibrationError as error:
        fitted, failure = Calibration(temperature=1.0, bias=0.0), error
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
            metrics=figures,
            training=facts,
            state={name: tensor.cpu() for name, tensor in detector.state_dict().items()},
        ).save(out / checkpoint.FILE_NAME)
    summary = {
        **{name: asdict(value) for name, value in figures.items()},
        "calibration": asdict(fitted),
        "operating_points": [asdict(point) for point in points],
        "training": facts,
    }
    if failure:
        summary["uncalibrated"] = str(failure)
    steps, evaluations = pd.DataFrame(progress.steps), pd.DataFrame(progress.evaluations)
    plot_run(out, steps, evaluations, test_logits, test_labels)
    p_fake = sigmoid(test_logits)
    worst = np.argsort(-np.abs(p_fake - test_labels), kind="stable")
    worst = worst[(p_fake[worst] >= 0.5) != (test_labels[worst] == 1)][:MISTAKES_SHOWN]
    pictures = [test.eval_batch(i, i + 1, views)[0].cpu().numpy() for i in worst.tolist()]
    plot_misclassified(out / "misclassified.png", pictures, p_fake[worst], test_labels[worst])
    # Last: a run with this file is a finished one.
    (out / METRICS_FILE).write_text(json.dumps(summary, indent=2) + "\n")
    (out / RESUME_FILE).unlink()  # four times the weights; of no more use
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
