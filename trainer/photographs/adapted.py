"""What adapters are worth on whole images, by the towers that a model file would be made of.

    python -m trainer.photographs.adapted runs/adapted --files data/repositories

Training scores small pictures in floating point; here each whole image is seen by a tower of whole
numbers that the adapters of a run without its source were merged into, and by the frozen one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.command import Command, check_folder_of
from trainer.data.examples import DataError
from trainer.photographs.adapters import ALL, AdaptersError, adapters_file, merged
from trainer.photographs.clip import Weights, read_weights
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.figures import figures
from trainer.photographs.learning import LEFT_OUT
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import STRENGTH, Choice, Parts, groups_of, heads_without, score
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


class Towers:
    """Images by what towers in whole numbers see of them, which is kept in the folder `cache`."""

    def __init__(self, photographs: Sequence[Photograph], weights: Weights, cache: Path) -> None:
        self._photographs = photographs
        self._weights = weights
        self._cache = cache
        self._groups = groups_of(photographs)

    def frozen(self, parts: Parts) -> NDArray[np.float32]:
        """Logits of images as they are, by heads fitted without the part they belong to.

        Raises DataError.
        """
        features = self._features(self._weights)
        tokens = {tier: features.of(self._photographs, tier) for tier in TRAINED_ON}
        choice = Choice(tuple(range(self._weights.blocks)), STRENGTH)
        heads = heads_without(choice, self._photographs, tokens, parts)
        return score(choice, heads, self._photographs, tokens[AS_IT_IS]).logits

    def adapted(self, run: Path, share: float) -> NDArray[np.float32]:
        """The same by towers and heads that went that share of the way without it.

        Raises AdaptersError, DataError.
        """
        logits = np.full(len(self._photographs), np.nan, np.float32)
        for name, groups in left_out_of(run).items():
            mine = np.isin(self._groups, list(groups))
            theirs = [it for it, left in zip(self._photographs, mine, strict=True) if left]
            found = merged(self._weights, run, name, share)
            tokens = self._features(found.weights).of(theirs, AS_IT_IS)
            logits[mine] = found.head.logits(tokens)
        if unknown := set(self._groups[np.isnan(logits)]):
            raise DataError(f"{min(unknown)} is no source of the run in {run}; adapt anew.")
        return logits

    def _features(self, weights: Weights) -> Features:
        graph = build(weights, even_out(weights), range(weights.blocks))
        return Features(tower_bytes(graph), self._cache)


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@tower_option
@data_option
@files_option
@cache_option
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.5,
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
    towers = Towers(photographs, read_weights(tower), cache)
    parts = list(left_out_of(run).values())
    found = {
        f"{share:.0%} of the way to the adapted tower": towers.adapted(run, share),
        "the frozen tower": towers.frozen(parts),
    }
    rows = [{"tower": name} | figures(photographs, logits) for name, logits in found.items()]
    pd.DataFrame(rows).round(4).to_csv(out, index=False)
    for row in rows:
        click.echo(", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
