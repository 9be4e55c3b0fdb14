"""What a network's stages respond to in one image.

    python -m trainer.feature_maps runs/paper/resnet50 photo.jpg -o feature-maps.png

One row a resolution of the network, from its finest to its coarsest; in each the channels that
vary most over the image, the strongest first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scanner.images.decode import decode
from scanner.preprocess import view
from trainer.checkpoint import Checkpoint, load_checkpoint
from trainer.command import Command

CHANNELS = 8


def feature_maps(checkpoint: Checkpoint, picture: NDArray[np.uint8]) -> dict[str, Tensor]:
    """The last layer's output at each resolution, C×H×W float32, by the layer's name.

    picture: one uint8 view S×S×3.
    """
    detector = checkpoint.detector()
    outputs: dict[str, Tensor] = {}

    def remember(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 4 and output.shape[-1] > 1:
                outputs[name] = output[0].detach().float().clone()

        return hook

    for name, module in detector.network.named_modules():
        if name:
            module.register_forward_hook(remember(name))
    with torch.inference_mode():
        detector(torch.from_numpy(picture.copy())[None])
    last = {tuple(maps.shape[1:]): name for name, maps in outputs.items()}
    return {name: outputs[name] for name in sorted(last.values(), key=list(outputs).index)}


def plot_feature_maps(path: Path, picture: NDArray[np.uint8], stages: dict[str, Tensor]) -> None:
    """Draw the picture and the CHANNELS liveliest maps of each stage."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = len(stages)
    figure, grid = plt.subplots(
        rows,
        CHANNELS + 1,
        figsize=(CHANNELS + 2.2, rows * 1.3 + 0.2),
        squeeze=False,
        layout="constrained",
    )
    for axes in grid.flat:
        axes.axis("off")
    grid[0, 0].imshow(picture)
    for number, (name, maps) in enumerate(stages.items()):
        side = "×".join(str(extent) for extent in maps.shape[1:])
        grid[number, 1].set_title(f"{name}: {len(maps)} of {side}", fontsize=8, loc="left")
        strongest = maps.flatten(1).std(dim=1).argsort(descending=True)[:CHANNELS]
        for axes, channel in zip(grid[number, 1:], strongest, strict=False):
            axes.imshow(maps[channel].numpy(), cmap="viridis")
    figure.savefig(path, dpi=120)
    plt.close(figure)


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("feature-maps.png"),
    help="PNG to write.",
)
def main(run: Path, image: Path, output: Path) -> None:
    """Draw what the network of RUN, a run folder or checkpoint, makes of IMAGE.

    Example: python -m trainer.feature_maps runs/paper/resnet50 photo.jpg
    """
    checkpoint = load_checkpoint(run)
    try:
        picture = view(decode(image.read_bytes()).rgb, checkpoint.preprocessing)
    except Exception as error:  # Pillow raises far more than OSError on broken files
        raise click.ClickException(f"{image} cannot be decoded: {error}.") from error
    try:
        plot_feature_maps(output, picture, feature_maps(checkpoint, picture))
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"{output}: {run} on {image}")


if __name__ == "__main__":
    main()
