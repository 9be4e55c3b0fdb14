"""What adapters are worth on whole images, by the towers that a model file would be made of.

    python -m trainer.photographs.adapted runs/adapted --files data/repositories

Training scores small pictures in floating point; here each whole image is seen by a tower of whole
numbers that the adapters of a run without its source were merged into, and by the frozen one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from scanner.quality import Quality
from trainer.command import Command, check_folder_of
from trainer.data.examples import DataError
from trainer.photographs.adapters import ALL, SHARE, AdaptersError, adapters_file, merged
from trainer.photographs.clip import WIDTH, Weights, read_weights
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.figures import figures, gain
from trainer.photographs.head import Head
from trainer.photographs.learning import LEFT_OUT
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import STRENGTH, Choice, heads_without, score
from trainer.photographs.tiers import AS_IT_IS, AUGMENTED
from trainer.photographs.tower import build, tower_bytes

TRAINED_ON = (AS_IT_IS, f"{AUGMENTED}-0")


def left_out_of(run: Path) -> dict[str, frozenset[str]]:
    """By the name of a training, the groups that it left out. Raises AdaptersError."""
    tables = {path.stem.rpartition("-")[2]: path for path in sorted(run.glob(f"{LEFT_OUT}-*.csv"))}
    if not tables or not all(adapters_file(run, name).is_file() for name in (*tables, ALL)):
        raise AdaptersError(f"{run} holds no finished run of python -m trainer.photographs.adapt.")
    return {
        name: frozenset(pd.read_csv(path, usecols=["group"])["group"])
        for name, path in tables.items()
    }


class AdaptedFeatures:
    """What towers see of images: each the one that was adapted without its group of sources, and of
    groups that no training left out, since it knew none of them, that of all.
    """

    def __init__(self, weights: Weights, run: Path, share: float, cache: Path) -> None:
        """share: of the way that the towers went. Raises AdaptersError."""
        self._groups = left_out_of(run)
        names = (ALL, *self._groups)
        self.towers = {name: merged(weights, run, name, share) for name in names}
        self._features = {
            name: Features(tower_bytes(whole_numbers(tower.weights)), cache)
            for name, tower in self.towers.items()
        }

    def of(self, photographs: Sequence[Photograph], tier: str) -> NDArray[np.float32]:
        """Tokens N×blocks×768 of the images in one tier. Raises DataError for a broken image."""
        names = np.array([self.stranger_to(photograph.group) for photograph in photographs])
        tokens = np.empty((len(photographs), self.towers[ALL].weights.blocks, WIDTH), np.float32)
        for name in np.unique(names).tolist():
            mine = np.flatnonzero(names == name)
            theirs = [photographs[place] for place in mine.tolist()]
            tokens[mine] = self._features[name].of(theirs, tier)
        return tokens

    def qualities(self, photographs: Sequence[Photograph], tier: str) -> list[Quality]:
        """That of each image in one tier. Raises DataError for a broken image."""
        return self._features[ALL].qualities(photographs, tier)

    def stranger_to(self, group: str) -> str:
        """The name of the training that had none of the group's images."""
        return next((name for name, groups in self._groups.items() if group in groups), ALL)

    def heads(self, groups: Iterable[str]) -> dict[str, Head]:
        """By group, the head that learnt without it."""
        return {group: self.towers[self.stranger_to(group)].head for group in groups}


def whole_numbers(weights: Weights) -> onnx.ModelProto:
    """The graph of all of a tower's blocks, with channels evened out."""
    return build(weights, even_out(weights), range(weights.blocks))


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
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/adapted/whole.csv"))
def main(
    run: Path, tower: Path, data: Path, files: Path | None, cache: Path, share: float, out: Path
) -> None:
    """Measure on whole images what the adapters in RUN are worth, into a table.

    Example: python -m trainer.photographs.adapted runs/adapted --files data/repositories
    """
    check_folder_of(out)
    photographs = read_photographs(data, files)
    weights = read_weights(tower)
    choice = Choice(tuple(range(weights.blocks)), STRENGTH)
    parts = list(left_out_of(run).values())
    known = frozenset().union(*parts)
    if unknown := {photograph.group for photograph in photographs} - known:
        raise DataError(f"{min(unknown)} is no source of the run in {run}; adapt anew.")
    adapted = AdaptedFeatures(weights, run, share, cache)
    frozen = Features(tower_bytes(whole_numbers(weights)), cache)
    tokens = {tier: frozen.of(photographs, tier) for tier in TRAINED_ON}
    heads = heads_without(choice, photographs, tokens, parts)
    seen = adapted.of(photographs, AS_IT_IS)
    found = {
        "frozen": score(choice, heads, photographs, tokens[AS_IT_IS]).logits,
        f"{share:.0%} of the way to the adapted one": score(
            choice, adapted.heads(known), photographs, seen
        ).logits,
    }
    rows = [
        {
            "tower": name,
            **figures(photographs, logits),
            **gain(photographs, found["frozen"], logits),
        }
        for name, logits in found.items()
    ]
    pd.DataFrame(rows).round(4).to_csv(out, index=False)
    for row in rows:
        click.echo(", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
