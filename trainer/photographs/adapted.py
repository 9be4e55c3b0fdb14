"""What adapters are worth on whole images, by the towers that a model file would be made of.

    python -m trainer.photographs.adapted runs/adapted --files data/repositories

Training scores small pictures in floating point; here each whole image is seen by a tower of whole
numbers that adapters were merged into which had not seen its source, and by the frozen one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from scanner.quality import Quality
from trainer.command import Command, check_folder_of
from trainer.photographs.clip import WIDTH, Weights, read_weights
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.figures import figures, gain
from trainer.photographs.lora import (
    ALL,
    SHARE,
    SHARES_FILE,
    LoraError,
    Settings,
    left_out_file,
    merged,
    read_settings,
)
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import STRENGTH, Choice, Heads, heads_without, score
from trainer.photographs.tiers import AS_IT_IS, TRAINED_ON
from trainer.photographs.tower import build, tower_bytes


def finished(run: Path) -> Settings:
    """Those of a run that is finished. Raises LoraError."""
    settings = read_settings(run)
    if settings is None or not (run / SHARES_FILE).is_file():
        raise LoraError(
            f"{run} holds no finished run; carry it on with python -m trainer.photographs.adapt."
        )
    return settings


def strangers_to(images: Sequence[Photograph], run: Path) -> dict[str, str]:
    """By each group of the images, the name of the training that had none of them.

    That is the one on all sources where no training left one out, since none had them then.
    Raises LoraError for an unfinished run, and for a group that no single training left out whole.
    """
    count = finished(run).count
    found = sorted(run.glob(left_out_file(Path(), "*").name))
    by_image: dict[str, str] = {}
    by_group: dict[str, str] = {}
    for path in found:
        name = path.stem.rpartition("-")[2]
        try:
            table = pd.read_csv(path, usecols=["sha256", "group"], dtype=str, na_filter=False)
        except (OSError, ValueError) as error:
            raise LoraError(f"{path} is damaged; adapt anew.") from error
        by_image |= dict.fromkeys(table["sha256"], name)
        by_group |= dict.fromkeys(table["group"], name)
    if len(by_image) != count:
        raise LoraError(f"{run} lacks what some of its trainings left out; adapt anew.")
    names: dict[str, set[str]] = {}
    for image in images:
        known = {table[key] for table, key in ((by_image, image.sha256), (by_group, image.group))
                 if key in table}  # fmt: skip
        names.setdefault(image.group, set()).update(known)
    if mixed := [group for group, known in names.items() if len(known) > 1]:
        raise LoraError(
            f"the images of {min(mixed)} were left out of different trainings of {run}, since they "
            "were grouped otherwise then; adapt anew."
        )
    return {group: known.pop() if known else ALL for group, known in names.items()}


class AdaptedFeatures:
    """What towers see of images: each the one that was adapted without its group of sources.

    heads: by group, likewise. tower: that of all sources, and `head` its head. settings:
    those of the run.
    """

    def __init__(
        self, weights: Weights, run: Path, share: float, images: Sequence[Photograph], cache: Path
    ) -> None:
        """share: of the way that the towers went. images: all that are to be seen.

        Raises LoraError.
        """
        self.settings = finished(run)
        self._names = strangers_to(images, run)
        self._features: dict[str, Features] = {}
        heads = {}
        for name in {ALL, *self._names.values()}:
            found = merged(weights, run, name, share)
            graph = whole_numbers(found.weights)
            self._features[name] = Features(tower_bytes(graph), cache)
            heads[name] = found.head
            if name == ALL:
                self.tower = graph
        self.head = heads[ALL]
        self.heads: Heads = {group: heads[name] for group, name in self._names.items()}
        self._blocks = weights.blocks

    def of(self, photographs: Sequence[Photograph], tier: str) -> NDArray[np.float32]:
        """Tokens N×blocks×768 of the images in one tier. Raises DataError for a broken image."""
        names = np.array([self._names[photograph.group] for photograph in photographs])
        tokens = np.empty((len(photographs), self._blocks, WIDTH), np.float32)
        for name in np.unique(names).tolist():
            mine = np.flatnonzero(names == name)
            theirs = [photographs[place] for place in mine.tolist()]
            tokens[mine] = self._features[name].of(theirs, tier)
        return tokens

    def qualities(self, photographs: Sequence[Photograph], tier: str) -> list[Quality]:
        """That of each image in one tier. Raises DataError for a broken image."""
        return self._features[ALL].qualities(photographs, tier)


def whole_numbers(weights: Weights) -> onnx.ModelProto:
    """The graph of all of a tower's blocks, with channels evened out."""
    return build(weights, even_out(weights), range(weights.blocks))


def measured(
    photographs: Sequence[Photograph], weights: Weights, run: Path, share: float, cache: Path
) -> Iterator[dict[str, str | float]]:
    """A row for the frozen tower with heads fitted here, one with the heads that the run began
    with, and one for that share of the way. Raises LoraError, DataError.
    """
    choice = Choice(tuple(range(weights.blocks)), STRENGTH)
    names = strangers_to(photographs, run)
    parts = [
        frozenset(group for group in names if names[group] == name)
        for name in sorted(set(names.values()))
    ]
    frozen = Features(tower_bytes(whole_numbers(weights)), cache)
    tokens = {tier: frozen.of(photographs, tier) for tier in TRAINED_ON}
    heads = heads_without(choice, photographs, tokens, parts)
    found: dict[str, tuple[Heads, NDArray[np.float32]]] = {
        "frozen, head of these images": (heads, tokens[AS_IT_IS])
    }
    for way, name in ((0.0, "frozen, head of the run"), (share, f"{share:.0%} of the way")):
        adapted = AdaptedFeatures(weights, run, way, photographs, cache)
        found[name] = (adapted.heads, adapted.of(photographs, AS_IT_IS))
    logits = {
        name: score(choice, of, photographs, seen).logits for name, (of, seen) in found.items()
    }
    first = next(iter(logits.values()))  # what the others are compared with
    for name, each in logits.items():
        yield {"tower": name, **figures(photographs, each), **gain(photographs, first, each)}


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@tower_option
@data_option
@files_option
@cache_option
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=SHARE,
    help="Of the way from the frozen tower to the adapted one.",
)
@click.option("--out", type=click.Path(path_type=Path), help="[default: RUN/whole.csv]")
def main(
    run: Path,
    tower: Path,
    data: Path,
    files: Path | None,
    cache: Path,
    share: float,
    out: Path | None,
) -> None:
    """Measure on whole images what the adapters in RUN are worth, into a table.

    Example: python -m trainer.photographs.adapted runs/adapted --files data/repositories
    """
    out = out or run / "whole.csv"
    check_folder_of(out)
    photographs = read_photographs(data, files)
    table = pd.DataFrame(measured(photographs, read_weights(tower), run, share, cache))
    table.round(4).to_csv(out, index=False)
    click.echo(table.to_string(index=False))


if __name__ == "__main__":
    main()
