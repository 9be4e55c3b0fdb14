"""Starting weights without a download: learn to name what CIFAKE's photographs and fakes show.

    python -m trainer.pretrain resnet18 resnet50 --out runs/cifake-objects
    python -m trainer.compare --weights runs/cifake-objects

CIFAKE's file names carry CIFAR-10's ten classes as `12 (3).jpg`. Only the training split is used,
and nothing is learnt about real and fake. These weights know far less than ImageNet's do; every
table names them.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from trainer.backbones import BACKBONES, Detector
from trainer.command import Command
from trainer.data.examples import DataError, Example, read_examples, split_examples
from trainer.data.images import ImageSet
from trainer.device import choose_device, moved
from trainer.evaluate import autocast
from trainer.recipe import RECIPES, Recipe, learning_rate

CLASSES = 10
# Twice the recipe's: a GPU is done with 128 small images before the next kernels are launched. The
# learning rate stays, being high already for the fewer steps that are left.
BATCH_SIZE = 256
NUMBER = re.compile(r"\((\d+)\)\.\w+$")


def object_class(example: Example) -> int:
    """CIFAR-10's class of a CIFAKE image, 0 to 9. Raises DataError for other names."""
    found = NUMBER.search(example.name)
    number = int(found[1]) if found else 1  # the first class has no number
    if not 1 <= number <= CLASSES:
        raise DataError(f"{example.name} names no CIFAR-10 class; this needs CIFAKE itself.")
    return number - 1


def pretrain(
    backbone: str, images: ImageSet, recipe: Recipe, precision: str, seed: int
) -> tuple[dict[str, Tensor], float]:
    """A backbone that names objects: its weights to store, and its accuracy in the last epoch."""
    torch.manual_seed(seed)
    network: Any = BACKBONES[backbone](None)
    head = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    inputs = network.get_submodule(head).in_features
    network.set_submodule(head, nn.Linear(inputs, CLASSES))
    detector = Detector(network, recipe.image_size).to(images.device)
    detector.to(memory_format=torch.channels_last)
    on_gpu = images.device.startswith("cuda")
    torch.compiler.reset()
    torch.backends.cudnn.benchmark = True
    score = torch.compile(detector.score) if on_gpu else detector.score
    optimizer = torch.optim.AdamW(
        detector.parameters(), weight_decay=recipe.weight_decay, fused=on_gpu
    )
    classes = torch.tensor([object_class(e) for e in images.examples], device=images.device)
    batch_size = min(recipe.batch_size, len(images))
    steps = len(images) // batch_size
    correct = torch.zeros((), device=images.device)
    for epoch in range(recipe.epochs):
        correct.zero_()
        order = torch.randperm(len(images))
        for step in tqdm(
            range(steps), desc=f"{backbone} {epoch + 1}/{recipe.epochs}", disable=None
        ):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch * steps + step, recipe.epochs * steps)
            chosen = order[step * batch_size : (step + 1) * batch_size]
            pixels = images.train_batch(chosen, recipe)
            wanted = classes[moved(chosen, images.device)]
            with autocast(images.device, precision):
                logits = score(pixels.contiguous(memory_format=torch.channels_last))
            F.cross_entropy(logits.float(), wanted).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            correct += (logits.argmax(dim=1) == wanted).sum()
    state = {name: _stored(tensor.cpu()) for name, tensor in network.state_dict().items()}
    return state, float(correct) / (steps * batch_size)


def _stored(tensor: Tensor) -> Tensor:
    """Weights in float16, half the size; batch normalisation's figures may be beyond its range."""
    return tensor.half() if tensor.dim() > 1 else tensor


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("backbones", nargs=-1, required=True, type=click.Choice(list(BACKBONES)))
@click.option("--data", default="data/cifake", metavar="FOLDER", help="CIFAKE.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/cifake-objects"),
    help="Folder for BACKBONE.pt; one that is there is left alone.",
)
@click.option("--image-size", type=click.IntRange(min=32), default=64, help="Side in pixels.")
@click.option("--epochs", type=click.IntRange(min=1), default=6, help="Passes over the images.")
@click.option("--subset", type=click.IntRange(min=100), help="Use only so many images.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="bfloat16")
@click.option("--device", default="auto", metavar="auto|cpu|cuda", help="Where to train.")
@click.option("--seed", type=int, default=0, help="Of everything random.")
def main(
    backbones: tuple[str, ...],
    data: str,
    out: Path,
    image_size: int,
    epochs: int,
    subset: int | None,
    precision: str,
    device: str,
    seed: int,
) -> None:
    """Train BACKBONES on CIFAKE's ten object classes, for use as --weights.

    Example: python -m trainer.pretrain resnet18 resnet50
    """
    recipe = replace(
        RECIPES["scratch"], image_size=image_size, epochs=epochs, batch_size=BATCH_SIZE
    )
    device = choose_device(device)
    out.mkdir(parents=True, exist_ok=True)
    splits = split_examples(read_examples(Path(data)))
    train = splits.subset(subset).train if subset else splits.train
    images = ImageSet(train, image_size, device)
    for backbone in backbones:
        path = out / f"{backbone}.pt"
        if path.exists():
            click.echo(f"{path} is there already.")
            continue
        started = time.monotonic()
        state, accuracy = pretrain(backbone, images, recipe, precision, seed)
        torch.save(state, path)
        spent = time.monotonic() - started
        click.echo(f"{path}: {accuracy:.1%} of {CLASSES} classes right, {spent:.0f} s")


if __name__ == "__main__":
    main()
