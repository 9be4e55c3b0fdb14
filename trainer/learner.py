"""What learns: the network, its averaged copy and its optimiser, one optimiser step at a time."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from trainer.backbones import Detector, begin_as_identity, build_detector
from trainer.data.images import ImageSet
from trainer.device import moved
from trainer.evaluate import autocast
from trainer.recipe import Recipe, learning_rate
from trainer.run import Settings

Tensors = tuple[Tensor, ...] | list[Tensor]

LOG_EVERY = 10  # optimiser steps; reading the loss makes the CPU wait for the GPU


class Learner:
    """The state that training changes; all randomness is a function of the seed and the step.

    average: the network whose weights are evaluated and kept; `detector` itself where the recipe
    averages none.
    """

    def __init__(self, settings: Settings, train: ImageSet) -> None:
        """Raises StartingWeightsError."""
        recipe = settings.recipe
        self.settings = settings
        self._train = train
        torch.manual_seed(settings.seed)
        detector = build_detector(settings.backbone, recipe.image_size, settings.weights)
        if recipe.zero_init_residual and settings.weights == "none":
            begin_as_identity(detector)
        self.detector = detector.to(train.device).to(memory_format=torch.channels_last)
        self.average, self._averaged = detector, None
        if recipe.average:
            self._averaged = AveragedModel(detector, use_buffers=True)
            # Not 0, or its first update would copy and not average; and on the CPU, which would
            # else wait for a GPU at every update to learn the number.
            self._averaged.n_averaged = torch.tensor(1)
            self.average = cast(Detector, self._averaged.module)
        self.on_gpu = train.device.startswith("cuda")
        torch.compiler.reset()  # its cache is too small for many backbones in one process
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = False  # float32 means float32, as it does in the scanner
        self._score = torch.compile(detector.score) if self.on_gpu else detector.score
        self.optimizer = self._new_optimizer()
        self.batch_size = min(recipe.batch_size, len(train))
        self._micro_batches = len(train) // self.batch_size
        self._epoch, self._order = -1, torch.empty(0)

    @property
    def recipe(self) -> Recipe:
        return self.settings.recipe

    @property
    def parts(self) -> tuple[Detector, Detector, torch.optim.Optimizer]:
        """What a checkpoint must hold to carry on."""
        return self.detector, self.average, self.optimizer

    @property
    def steps_per_epoch(self) -> int:
        return -(-self._micro_batches // self.recipe.accumulation)

    @property
    def images_per_epoch(self) -> int:
        """The training images less those of a last, smaller batch, which is left out."""
        return self._micro_batches * self.batch_size

    def images_of(self, step: int) -> int:
        """How many images the optimiser step `step` (0-based) sees."""
        return len(self._batches(step)) * self.batch_size

    def step(self, step: int, total_steps: int) -> Tensor:
        """Take optimiser step `step` (0-based) of `total_steps`; its mean loss, on the device."""
        recipe, device = self.recipe, self._train.device
        torch.manual_seed(self.settings.seed * 1_000_003 + step + 1)
        epoch = step // self.steps_per_epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = _epoch_order(len(self._train), self.settings.seed, epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, total_steps)
        self.detector.train()
        step_loss = torch.zeros((), device=device)
        batches = self._batches(step)
        for batch in batches:
            chosen = self._order[batch * self.batch_size : (batch + 1) * self.batch_size]
            pixels = self._train.train_batch(chosen, recipe)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            labels = self._train.labels[moved(chosen, device)].float()
            labels = torch.lerp(labels, torch.full_like(labels, 0.5), recipe.label_smoothing)
            with autocast(device, self.settings.precision):
                logits = self._score(pixels)
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels) / len(batches)
            loss.backward()
            step_loss += loss.detach()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self._averaged is not None:
            decay = min(recipe.average, (1 + step) / (10 + step))
            self._averaged.multi_avg_fn = partial(_follow, decay)
            self._averaged.update_parameters(self.detector)
        return step_loss

    def state(self) -> dict[str, Tensor]:
        """A copy on the CPU of the weights that are evaluated and kept."""
        state = self.average.state_dict()
        return {name: tensor.to("cpu", copy=True) for name, tensor in state.items()}

    def restart(self, state: dict[str, Tensor]) -> None:
        """Forget all that was learnt but `state`, as if it were what training begins with."""
        self.detector.load_state_dict(state)
        self.average.load_state_dict(state)
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.detector.parameters(),
            lr=self.recipe.learning_rate,
            weight_decay=self.recipe.weight_decay,
            fused=self.on_gpu,
        )

    def _batches(self, step: int) -> range:
        first = step % self.steps_per_epoch * self.recipe.accumulation
        return range(first, min(first + self.recipe.accumulation, self._micro_batches))


def _follow(decay: float, kept: Tensors, latest: Tensors, _updates: Tensor | int) -> None:
    """Move averaged weights and batch statistics, all of one type, towards the latest."""
    if kept[0].is_floating_point():
        torch._foreach_lerp_(kept, latest, 1 - decay)
    else:  # numbers of batches
        torch._foreach_copy_(kept, latest)


def _epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)
