"""Fine-tune a detector of generated images.

    python -m trainer.finetune                      the paper: ResNet-152, ImageNet weights, CIFAKE
    python -m trainer.finetune --resume             carry on after an interruption
    python -m trainer.finetune --backbone resnet18 --recipe scratch --weights none --out runs/r18

The loop reads top to bottom in the order it happens. All randomness is a function of the seed and
the step, so a resumed run ends with the weights of an uninterrupted one.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from scanner.model import Domain
from scanner.preprocess import Preprocessing
from trainer import calibration, checkpoint
from trainer.backbones import BACKBONES, Detector, StartingWeightsError, build_detector
from trainer.calibration import CalibrationError
from trainer.data import DataError, ImageSet, Splits, read_examples, split_examples
from trainer.figures import plot_run
from trainer.metrics import Metrics, measure
from trainer.recipe import RECIPES, learning_rate
from trainer.run import (
    RESUME_FILE,
    Progress,
    RunError,
    Settings,
    prepare_folder,
    restore,
    save_progress,
)

EVAL_BATCH = 256
LOG_EVERY = 10  # optimiser steps; reading the loss makes the CPU wait for the GPU
CIFAKE_DOMAIN = "CIFAKE: 32x32 photographs from CIFAR-10 against Stable Diffusion 1.4"


def finetune(settings: Settings, out: Path, device: str, resume: bool = False) -> None:
    """Train, choose the best weights on validation, calibrate them there, measure once on test.

    Writes config.json, steps.csv, metrics.csv, metrics.json, plots and model.pt into `out`.
    Raises RunError, DataError, StartingWeightsError, CalibrationError.
    """
    recipe = settings.recipe
    _check_device(device)
    prepare_folder(out, settings, resume)

    splits = split_examples(read_examples(Path(settings.data)))
    train = ImageSet(splits.train, recipe.image_size, device)
    validation = ImageSet(splits.validation, recipe.image_size, device)
    click.echo(f"{len(train):,} training and {len(validation):,} validation images", err=True)

    torch.manual_seed(settings.seed)
    detector = build_detector(settings.backbone, recipe.image_size, settings.weights)
    detector.to(device)
    detector.to(memory_format=torch.channels_last)
    score = torch.compile(detector.score) if device.startswith("cuda") else detector.score
    optimizer = torch.optim.AdamW(
        detector.parameters(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=device.startswith("cuda"),
    )

    batch_size = min(recipe.batch_size, len(train))
    micro_batches = len(train) // batch_size
    steps_per_epoch = -(-micro_batches // recipe.accumulation)
    total_steps = recipe.epochs * steps_per_epoch
    progress = Progress(step=0, best_f1=-1.0, seconds=0.0, steps=[], evaluations=[])
    best_state: dict[str, Tensor] = {}
    if resume:
        progress, best_state = restore(out / RESUME_FILE, detector, optimizer)
    started = time.monotonic() - progress.seconds
    losses: list[Tensor] = []
    bar = tqdm(total=total_steps, initial=progress.step, unit="step", disable=None, smoothing=0.05)

    for step in range(progress.step, total_steps):
        torch.manual_seed(settings.seed * 1_000_003 + step + 1)
        epoch, position = divmod(step, steps_per_epoch)
        order = _epoch_order(len(train), settings.seed, epoch)
        first = position * recipe.accumulation
        batches = range(first, min(first + recipe.accumulation, micro_batches))
        rate = learning_rate(recipe, step, total_steps)
        for group in optimizer.param_groups:
            group["lr"] = rate

        detector.train()
        step_loss = torch.zeros((), device=device)
        for batch in batches:
            chosen = order[batch * batch_size : (batch + 1) * batch_size]
            pixels = train.train_batch(chosen, recipe)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            labels = train.labels[chosen.to(device)].float()
            with _autocast(device, settings.precision):
                logits = score(pixels)
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels) / len(batches)
            loss.backward()
            step_loss += loss.detach()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        losses.append(step_loss)
        progress.step = step + 1
        progress.seconds = time.monotonic() - started
        finished = progress.step == total_steps
        bar.update()
        if progress.step % LOG_EVERY == 0 or finished:
            mean_loss = float(torch.stack(losses).mean())
            losses.clear()
            progress.steps.append({"step": progress.step, "learning_rate": rate, "loss": mean_loss})
            images = (epoch * micro_batches + batches.stop) * batch_size
            speed = f"{images / progress.seconds:.0f}"
            bar.set_postfix(loss=f"{mean_loss:.4f}", lr=f"{rate:.1e}", img_s=speed)

        if progress.step % recipe.evaluate_every == 0 or finished:
            figures = measure(
                *predict(detector, validation, train.preprocessing, settings.precision)
            )
            progress.evaluations.append(
                {"step": progress.step, "learning_rate": rate, **asdict(figures)}
            )
            pd.DataFrame(progress.evaluations).to_csv(out / "metrics.csv", index=False)
            pd.DataFrame(progress.steps).to_csv(out / "steps.csv", index=False)
            tqdm.write(
                f"step {progress.step}/{total_steps}: validation loss {figures.loss:.4f}, "
                f"F1 {figures.f1:.4f}, {progress.seconds / 60:.1f} minutes"
            )
            if figures.f1 > progress.best_f1:
                progress.best_f1 = figures.f1
                best_state = {k: v.detach().cpu().clone() for k, v in detector.state_dict().items()}
        if progress.step % recipe.checkpoint_every == 0 or finished:
            save_progress(out / RESUME_FILE, progress, best_state, detector, optimizer)
    bar.close()

    detector.load_state_dict(best_state)
    images = recipe.epochs * micro_batches * batch_size
    facts = {
        "steps": total_steps,
        "train_images": len(train),
        "seconds": round(progress.seconds, 1),
        "images_per_second": round(images / progress.seconds, 1),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "torch": str(torch.__version__),
        **asdict(settings),
        # The model card travels; folders of this machine stay here.
        "data": Path(settings.data).name,
        "weights": Path(settings.weights).name,
    }
    finish(out, settings, splits, detector, train, validation, facts, progress)


def finish(
    out: Path,
    settings: Settings,
    splits: Splits,
    detector: Detector,
    train: ImageSet,
    validation: ImageSet,
    facts: dict[str, Any],
    progress: Progress,
) -> None:
    """Calibrate on validation, measure on test in float32, and write model.pt and the figures."""
    _round_to_half(detector)
    views = train.preprocessing
    test = ImageSet(splits.test, settings.recipe.image_size, train.device)
    raw, validation_labels = predict(detector, validation, views, "float32")
    fitted = calibration.fit(raw, validation_labels)
    validation_logits = fitted.apply(raw)
    raw, test_labels = predict(detector, test, views, "float32")
    test_logits = fitted.apply(raw)
    # By identity: two archives may hold examples of one name.
    unseen = {id(example) for example in splits.test_deleaked}
    kept = np.array([id(example) in unseen for example in splits.test])
    figures: dict[str, Metrics] = {
        "validation": measure(validation_logits, validation_labels),
        "test": measure(test_logits, test_labels),
        "test_deleaked": measure(test_logits[kept], test_labels[kept]),
    }
    points = calibration.operating_points(
        (validation_logits, validation_labels), (test_logits, test_labels)
    )
    checkpoint.Checkpoint(
        backbone=settings.backbone,
        image_size=settings.recipe.image_size,
        preprocessing=views,
        domain=Domain(settings.domain, *train.side_range()),
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
    (out / "metrics.json").write_text(json.dumps(summary, indent=2) + "\n")
    steps, evaluations = pd.DataFrame(progress.steps), pd.DataFrame(progress.evaluations)
    plot_run(out, steps, evaluations, test_logits >= 0, test_labels)
    click.echo(
        f"test F1 {figures['test'].f1:.4f}, without leaked duplicates "
        f"{figures['test_deleaked'].f1:.4f}; checkpoint in {out / checkpoint.FILE_NAME}"
    )


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
        with _autocast(images.device, precision):
            logits.append(detector(batch).float())
    found = torch.cat(logits).cpu().numpy()
    if not np.isfinite(found).all():
        raise RunError(
            "training diverged: the network's scores are no numbers. Start again with "
            "--precision float32, other --weights or another --seed."
        )
    return found, images.labels.cpu().numpy()


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch without CUDA
        reason = str(error).splitlines()[0]
        raise RunError(f"--device {device} cannot be used: {reason}") from error


def _autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    kind = device.partition(":")[0]
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def _epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


@click.command(context_settings={"show_default": True})
@click.option(
    "--backbone", type=click.Choice(list(BACKBONES)), default="resnet152", help="Network."
)
@click.option(
    "--recipe",
    "recipe_name",
    type=click.Choice(list(RECIPES)),
    default="paper",
    help="Hyperparameters to start from.",
)
@click.option(
    "--weights",
    default="imagenet",
    metavar="imagenet|none|FILE",
    help="Starting weights: ImageNet's, random, or a checkpoint or state-dict file.",
)
@click.option(
    "--data",
    default="data/cifake",
    metavar="FOLDER",
    help="SPLIT/REAL|FAKE or real|fake folders of images, or tar archives of them.",
)
@click.option(
    "--domain",
    default=CIFAKE_DOMAIN,
    metavar="TEXT",
    help="What the images are, for the model card and every report.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Run folder.  [default: runs/BACKBONE-RECIPE]",
    show_default=False,
)
# 32 is the least that every backbone's pooling leaves something of.
@click.option("--image-size", type=click.IntRange(min=32), help="Side the network sees, in pixels.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training split.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to train.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="bfloat16",
    help="Of the forward and backward pass; weights and the final test stay float32.",
)
@click.option("--seed", type=int, default=0, help="Of everything random.")
@click.option(
    "--resume", is_flag=True, help="Carry on an interrupted run from its last checkpoint."
)
def main(
    backbone: str,
    recipe_name: str,
    weights: str,
    data: str,
    domain: str,
    out: Path | None,
    image_size: int | None,
    epochs: int | None,
    device: str,
    precision: str,
    seed: int,
    resume: bool,
) -> None:
    """Fine-tune a detector; without options, the paper's ResNet-152 on CIFAKE."""
    recipe = RECIPES[recipe_name]
    recipe = replace(
        recipe, image_size=image_size or recipe.image_size, epochs=epochs or recipe.epochs
    )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = Settings(backbone, weights, data, domain, recipe, precision, seed)
    try:
        finetune(settings, out or Path("runs") / f"{backbone}-{recipe_name}", device, resume)
    except (RunError, DataError, StartingWeightsError, CalibrationError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from error


if __name__ == "__main__":
    main()
