"""How many epochs a time budget holds, measured and not guessed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from trainer.data.images import Images, ImageSet
from trainer.evaluate import predict
from trainer.learner import LOG_EVERY, Learner
from trainer.metrics import measure
from trainer.run import RunError

WARM_STEPS = 2  # compile, choose algorithms, take memory
TIMED_STEPS = 60
# A slow machine times fewer steps: a GPU does sixty in seconds, a CPU may take an hour.
TIMED_SHARE = 0.03  # of the budget; as much again goes into timing evaluations
SAMPLE = (64, 1024)  # images that evaluation is timed on: at least, at most
WRITING_SECONDS = 20.0  # plots, figures and weights at the end; from runs on two CPU cores
# Of the training time: on an H200 the steps of twelve epochs took a fifth longer than the first
# sixty, part of it for checkpoints.
MARGIN = 0.15


@dataclass(frozen=True)
class Cost:
    """Of a run, in seconds: one epoch with its evaluation, and all that follows the last one."""

    epoch: float
    ending: float

    def epochs_in(self, seconds: float) -> int:
        """Whole epochs that a budget of `seconds` holds beside the ending. Raises RunError."""
        epochs = int((seconds - self.ending) * (1 - MARGIN) / self.epoch)
        if epochs < 1:
            raise RunError(
                f"the {max(0.0, seconds):.0f} s of the budget that are left after starting hold no "
                f"epoch: one takes {self.epoch:.0f} s and the last evaluation {self.ending:.0f} s. "
                "Give more minutes, or give --epochs and carry on with --resume."
            )
        return epochs


def measure_cost(learner: Learner, images: Images, seconds: float) -> Cost:
    """What a run costs, from real steps and evaluations that are forgotten afterwards.

    seconds: the budget, of which a small share is spent on this.
    """
    begun_with = learner.state()
    total = learner.recipe.epochs * learner.steps_per_epoch
    for step in range(WARM_STEPS):
        learner.step(step, total)
    _wait(learner)
    started, steps = time.monotonic(), 0
    while steps < TIMED_STEPS and (not steps or time.monotonic() - started < TIMED_SHARE * seconds):
        loss = learner.step(steps, total)
        steps += 1
        if steps % LOG_EVERY == 0:
            float(loss)  # as the loop reads it, which makes the CPU wait for the GPU
    _wait(learner)
    a_step = (time.monotonic() - started) / steps
    passes = 4 * a_step / learner.images_of(0)  # through the network; none costs more than a step
    count = min(max(SAMPLE[0], int(TIMED_SHARE * seconds / passes)), SAMPLE[1])
    validate, score = _evaluation(learner, images, count)
    learner.restart(begun_with)
    evaluations = max(1, learner.steps_per_epoch // learner.recipe.evaluate_every)
    validation, test = len(images.validation), len(images.splits.test)
    return Cost(
        epoch=learner.steps_per_epoch * a_step + evaluations * validation * validate,
        # A run that stops in time is validated where it stops.
        ending=WRITING_SECONDS + validation * validate + (validation + 2 * test) * score,
    )


def _evaluation(learner: Learner, images: Images, count: int) -> tuple[float, float]:
    """Seconds an image takes to validate while training, and to decode and score at the end.

    count: about how many images to find it out with.
    """
    views, precision = images.train.preprocessing, learner.settings.precision
    found = images.splits.validation
    examples = found[:: -(-len(found) // count)]  # of both classes, which lie one after the other
    started = time.monotonic()
    sample = ImageSet(examples, images.image_size, images.device)
    decoding = time.monotonic() - started
    seconds = []
    for kind in (precision, "float32"):
        measure(*predict(learner.average, sample, views, kind))  # chooses algorithms, imports
        started = time.monotonic()
        measure(*predict(learner.average, sample, views, kind))
        seconds.append(time.monotonic() - started)
    return seconds[0] / len(examples), (decoding + seconds[1]) / len(examples)


def _wait(learner: Learner) -> None:
    if learner.on_gpu:
        torch.cuda.synchronize()
