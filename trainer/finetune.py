"""Fine-tune a detector of generated images.

    python -m trainer.finetune                      the paper: ResNet-152, ImageNet weights, CIFAKE
    python -m trainer.finetune --resume             carry on after an interruption
    python -m trainer.finetune --backbone resnet18 --recipe scratch --weights none --out runs/r18
    python -m trainer.finetune --data my-images --domain "what they are" --log tensorboard

The loop reads top to bottom in the order it happens. All randomness is a function of the seed and
the step, so a resumed run ends with the weights of an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from trainer.audit import audit
from trainer.backbones import BACKBONES
from trainer.budget import measure_cost
from trainer.command import Command
from trainer.data.examples import read_examples
from trainer.data.images import Images, load_images
from trainer.device import choose_device
from trainer.evaluate import History, finish, predict
from trainer.learner import LOG_EVERY, Learner
from trainer.metrics import measure
from trainer.minutes import Minutes
from trainer.recipe import RECIPES, learning_rate
from trainer.run import (
    CONFIG_FILE,
    RESUME_FILE,
    Progress,
    Settings,
    prepare_folder,
    read_settings,
    restore,
    save_progress,
    write_settings,
)
from trainer.tracking import TRACKERS, open_tracker

# Of a run's time, the most that checkpoints take: their file is eight times the weights, and a GPU
# soon comes to the next.
SAVING_SHARE = 0.02
CIFAKE_DOMAIN = "CIFAKE: 32x32 photographs from CIFAR-10 against Stable Diffusion 1.4"


def finetune(
    settings: Settings,
    out: Path,
    device: str,
    resume: bool = False,
    images: Images | None = None,
    deadline: float = math.inf,
    trackers: Sequence[str] = (),
    fit: bool = False,
) -> bool:
    """Train, choose the best weights on validation, calibrate them there, measure once on test.

    Writes config.json, steps.csv, metrics.csv, metrics.json, plots and model.pt into `out`.
    images: those of `settings`, where several runs share them. deadline: on time.monotonic's
    clock; no step begins after it. trackers: names in TRACKERS. fit: choose as many epochs as end,
    with the last evaluation, by the deadline; where training turns out slower it stops in time,
    and the best weights so far are the run's.

    Returns whether the run is finished; one stopped by its deadline resumes. Raises DeviceError,
    RunError, DataError, StartingWeightsError; and CalibrationError for a run that is finished, but
    whose model does not rank fakes above photographs and is not kept.
    """
    begun = time.monotonic()
    device = choose_device(device)
    prepare_folder(out, settings, resume)
    size = settings.recipe.image_size
    images = images or load_images(Path(settings.data), size, device, settings.subset)
    train, validation = images.train, images.validation
    click.echo(f"{len(train):,} training and {len(validation):,} validation images", err=True)

    learner = Learner(settings, train)
    recipe = settings.recipe
    if fit:
        cost = measure_cost(learner, images, deadline - time.monotonic())
        recipe = replace(recipe, epochs=cost.epochs_in(deadline - time.monotonic()))
        settings = replace(settings, recipe=recipe)
        learner.settings = settings
        write_settings(out, settings)
        spent = time.monotonic() - begun
        click.echo(
            f"{spent:.0f} s to start; {recipe.epochs} epochs of {cost.epoch:.1f} s and "
            f"{cost.ending:.0f} s for the last evaluation fit into the budget",
            err=True,
        )
        deadline -= cost.ending
    total_steps = recipe.epochs * learner.steps_per_epoch
    evaluate_every = min(recipe.evaluate_every, learner.steps_per_epoch)
    progress = Progress(step=0, best_f1=-1.0, seconds=0.0, steps=[], evaluations=[])
    best_state: dict[str, Tensor] = {}
    if resume:
        progress, best_state = restore(out / RESUME_FILE, *learner.parts)
    started = time.monotonic() - progress.seconds
    losses: list[Tensor] = []
    pace = _Pace()
    late, saving = False, 0.0
    with (
        open_tracker(trackers, out, settings) as tracker,
        tqdm(total=total_steps, initial=progress.step, unit="step", disable=None) as bar,
    ):
        for step in range(progress.step, total_steps):
            if time.monotonic() > deadline and not fit:
                save_progress(out / RESUME_FILE, progress, best_state, *learner.parts)
                return False
            losses.append(learner.step(step, total_steps))
            pace.seen += learner.images_of(step)
            progress.step = step + 1
            progress.seconds = time.monotonic() - started
            late = fit and time.monotonic() > deadline
            last = late or progress.step == total_steps
            passed = {"step": progress.step, "epoch": progress.step / learner.steps_per_epoch}
            bar.update()
            if progress.step % LOG_EVERY == 0 or last:
                mean_loss = float(torch.stack(losses).mean())
                losses.clear()
                rate, speed = learning_rate(recipe, step, total_steps), pace.lap()
                note = {"learning_rate": rate, "loss": mean_loss, "images_per_second": speed}
                progress.steps.append({**passed, **note})
                tracker.log(progress.step, {"learning_rate": rate, "train/loss": mean_loss})
                bar.set_postfix(loss=f"{mean_loss:.4f}", img_s=f"{speed:.0f}")

            if progress.step % evaluate_every == 0 or last:
                found = predict(
                    learner.average, validation, train.preprocessing, settings.precision
                )
                figures = measure(*found)
                rate = learning_rate(recipe, step, total_steps)
                progress.evaluations.append({**passed, "learning_rate": rate, **asdict(figures)})
                measured = {f"validation/{name}": value for name, value in asdict(figures).items()}
                tracker.log(progress.step, measured)
                pd.DataFrame(progress.evaluations).to_csv(out / "metrics.csv", index=False)
                pd.DataFrame(progress.steps).to_csv(out / "steps.csv", index=False)
                tqdm.write(
                    f"step {progress.step}/{total_steps}: validation loss {figures.loss:.4f}, "
                    f"F1 {figures.f1:.4f}, {progress.seconds / 60:.1f} minutes"
                )
                if figures.f1 > progress.best_f1:
                    progress.best_f1 = figures.f1
                    best_state = learner.state()
                pace.begun = None
            due = progress.step % recipe.checkpoint_every == 0
            if last or (due and saving <= SAVING_SHARE * progress.seconds):
                saved = time.monotonic()
                save_progress(out / RESUME_FILE, progress, best_state, *learner.parts)
                saving += time.monotonic() - saved
                pace.begun = None
            if late:
                break
    if time.monotonic() > deadline and not fit:
        return False
    learner.detector.load_state_dict(best_state)
    steps, evaluations = pd.DataFrame(progress.steps), pd.DataFrame(progress.evaluations)
    speed = float(steps["images_per_second"].median())
    if math.isnan(speed):  # too short a run for one lap without an evaluation
        speed = recipe.epochs * learner.images_per_epoch / progress.seconds
    facts = {
        "steps": total_steps,
        **({"stopped_after_steps": progress.step} if late else {}),
        "train_images": len(train),
        "seconds": round(progress.seconds, 1),
        "images_per_second": round(speed, 1),
        "device": torch.cuda.get_device_name() if learner.on_gpu else device,
        "torch": str(torch.__version__),
        **asdict(settings),
        # The model card travels; folders of this machine stay here.
        "data": Path(settings.data).name,
        "weights": Path(settings.weights).name,
    }
    finish(out, settings, images, learner.detector, facts, History(steps, evaluations))
    return True


def domain_of(data: str) -> str:
    """What the images in a data folder are, as far as its name tells."""
    name = Path(data).resolve().name
    return CIFAKE_DOMAIN if name == "cifake" else f"images of {name}"


class _Pace:
    """Images a second, lap by lap; one that began with a compilation or an evaluation has none."""

    def __init__(self) -> None:
        self.begun: float | None = None
        self.seen = 0

    def lap(self) -> float:
        """Of the lap that ends now; not a number where its beginning is None."""
        now = time.monotonic()
        speed = math.nan if self.begun is None else self.seen / (now - self.begun)
        self.begun, self.seen = now, 0
        return speed


@click.command(cls=Command, context_settings={"show_default": True})
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
    metavar="TEXT",
    help="What the images are, for the model card and every report.  [default: CIFAKE where the "
    "data folder is called cifake; elsewhere only the folder's name]",
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
@click.option(
    "--log",
    "trackers",
    type=click.Choice(list(TRACKERS)),
    multiple=True,
    help="Also log to this tool; may be given twice. W&B stays offline unless WANDB_MODE=online.",
)
@click.option(
    "--audit/--no-audit",
    "with_audit",
    default=True,
    help="First see whether container facts alone give the classes away.",
)
@click.option("--seed", type=int, default=0, help="Of everything random.")
@click.option(
    "--budget-minutes",
    type=Minutes(),
    help="Take no longer, the loading of libraries apart. A new run without --epochs chooses as "
    "many as fit, after timing some steps; another stops when the time is spent, and --resume "
    "carries on.",
)
@click.option(
    "--resume", is_flag=True, help="Carry on an interrupted run from its last checkpoint."
)
def main(
    backbone: str,
    recipe_name: str,
    weights: str,
    data: str,
    domain: str | None,
    out: Path | None,
    image_size: int | None,
    epochs: int | None,
    device: str,
    precision: str,
    trackers: tuple[str, ...],
    with_audit: bool,
    seed: int,
    budget_minutes: float | None,
    resume: bool,
) -> None:
    """Fine-tune a detector; without options, the paper's ResNet-152 on CIFAKE."""
    deadline = math.inf if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    fit = budget_minutes is not None and epochs is None and not resume
    recipe = RECIPES[recipe_name]
    out = out or Path("runs") / f"{backbone}-{recipe_name}"
    if resume and epochs is None and (out / CONFIG_FILE).is_file():
        epochs = read_settings(out).recipe.epochs  # a budget may have chosen them
    recipe = replace(
        recipe, image_size=image_size or recipe.image_size, epochs=epochs or recipe.epochs
    )
    domain = domain or domain_of(data)
    settings = Settings(backbone, weights, data, domain, recipe, precision, seed)
    if with_audit and not resume:
        click.echo(audit(read_examples(Path(data))).in_words(), err=True)
    if not finetune(settings, out, device, resume, None, deadline, trackers, fit):
        click.echo(f"the budget is spent; the same command with --resume carries on in {out}.")


if __name__ == "__main__":
    main()
