"""Every hyperparameter of a training run, in one place, with the reason for its value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a detector is trained; the defaults are the paper's ResNet-152 recipe.

    Source: "AI generated image classification using fine tuning on Residual Network".
    """

    # Side of the square the backbone sees. 224 is what ImageNet backbones were trained at.
    image_size: int = 224
    epochs: int = 5
    # Images a forward pass; with `accumulation` the optimiser sees batches of 128.
    batch_size: int = 32
    accumulation: int = 4
    # Peak of the schedule, reached at the end of the warm-up.
    learning_rate: float = 5e-5
    # AdamW's default in PyTorch; the paper names none.
    weight_decay: float = 0.01
    # Share of the optimiser steps that rise linearly from 0; the rest falls linearly to 0.
    warmup: float = 0.1
    # `linear` as above; `constant` is the ablation without a scheduler.
    schedule: str = "linear"
    # `random_resized` is torchvision's RandomResizedCrop with its default scale and ratio;
    # `shift` moves the image, or the largest square in its middle, by up to 2 pixels, which keeps
    # its scale.
    crop: str = "random_resized"
    # Share of a batch that is re-encoded as JPEG, or shrunk and enlarged: before the crop where all
    # images are small and of one size, after it elsewhere.
    jpeg_share: float = 0.0
    resize_share: float = 0.0
    # A ResNet that begins from random weights begins with residual branches of zero, so that it is
    # as easy to train as a shallow one (Goyal et al., "Accurate, Large Minibatch SGD", 2017).
    zero_init_residual: bool = False
    # Targets become this much less certain: 0.1 asks for 0.05 and 0.95.
    label_smoothing: float = 0.0
    # Decay of the moving average of the weights that is evaluated and kept; 0 keeps the last ones.
    average: float = 0.0
    # In optimiser steps; an epoch's end is evaluated where it comes sooner.
    evaluate_every: int = 600
    checkpoint_every: int = 1200


RECIPES = {
    "paper": Recipe(),
    # For training from scratch on 32-pixel images within CPU reach: generator traces sit at the
    # native scale, so the image is only doubled and never cropped, and without pretrained
    # weights to protect, the learning rate can be forty times the paper's.
    "scratch": Recipe(
        image_size=64,
        epochs=6,
        batch_size=128,
        accumulation=1,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup=0.2,
        crop="shift",
    ),
    # For a GPU: images enlarged four times, so that the early, fine layers see the generator's
    # traces; a long schedule, which only the augmentation below makes worthwhile; half of the
    # images through another JPEG encoding or another scale, as they come in the wild; averaged
    # weights, which generalise better than the last ones; and a little doubt about the labels,
    # which keeps the calibration's temperature near one.
    "robust": Recipe(
        image_size=128,
        epochs=20,
        batch_size=256,
        accumulation=1,
        learning_rate=1e-3,
        weight_decay=0.05,
        crop="shift",
        jpeg_share=0.4,
        resize_share=0.1,
        zero_init_residual=True,
        label_smoothing=0.02,
        average=0.999,
    ),
}


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """Learning rate of optimiser step `step` (0-based) out of `total_steps`.

    Rises linearly from 0 over the first `warmup` share of the steps, then falls linearly to 0.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warmup_steps = round(recipe.warmup * total_steps)
    if step < warmup_steps:
        return recipe.learning_rate * step / warmup_steps
    return recipe.learning_rate * (total_steps - step) / max(1, total_steps - warmup_steps)
