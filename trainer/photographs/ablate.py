"""What each part of the recipe is worth, by AUROC on sources that were left out.

    python -m trainer.photographs.ablate --files data/repositories

Reads what the tower saw for python -m trainer.photographs, and computes what is missing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.command import Command, check_folder_of
from trainer.photographs.clip import BLOCKS, read_weights
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.figures import figures
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import (
    PARTS,
    STRENGTH,
    Choice,
    Tokens,
    groups_of,
    heads_without,
    in_parts,
    score,
)
from trainer.photographs.tiers import AS_IT_IS, AUGMENTED
from trainer.photographs.tower import build, tower_bytes

ALL = tuple(range(BLOCKS))
SEED = 0


@dataclass(frozen=True)
class Variant:
    """A recipe. share: of the groups of sources, chosen at random, that it is fitted on."""

    name: str
    choice: Choice
    tiers: tuple[str, ...] = (AS_IT_IS,)
    share: float = 1.0


VARIANTS = (
    Variant("the last block alone", Choice((BLOCKS - 1,), STRENGTH)),
    Variant("four blocks: 2, 5, 8, 11", Choice((2, 5, 8, 11), STRENGTH)),
    Variant("the first 6 blocks", Choice(ALL[:6], STRENGTH)),
    Variant("the first 8 blocks", Choice(ALL[:8], STRENGTH)),
    Variant("the first 10 blocks", Choice(ALL[:10], STRENGTH)),
    Variant("all 12 blocks, a quarter of the sources", Choice(ALL, STRENGTH), share=0.25),
    Variant("all 12 blocks, half of the sources", Choice(ALL, STRENGTH), share=0.5),
    Variant("all 12 blocks", Choice(ALL, STRENGTH)),
    Variant("and an augmented copy of each", Choice(ALL, STRENGTH), (AS_IT_IS, f"{AUGMENTED}-0")),
)


def logits_of(
    variant: Variant, photographs: Sequence[Photograph], tokens: Tokens
) -> NDArray[np.float32]:
    """Of each image as it is, by a head that has not seen its group. Raises DataError."""
    groups = groups_of(photographs)
    names = np.unique(groups)
    count = max(1, round(variant.share * len(names)))
    seen = np.random.default_rng(SEED).permutation(names)[:count]
    logits = np.zeros(len(photographs), np.float32)
    for part in in_parts(photographs, PARTS):
        mine = np.isin(groups, list(part))
        kept = mine | np.isin(groups, seen)
        some = [it for it, keep in zip(photographs, kept, strict=True) if keep]
        theirs = {tier: tokens[tier][kept] for tier in variant.tiers}
        heads = heads_without(variant.choice, some, theirs, [part])
        scored = score(
            variant.choice,
            heads,
            [it for it, left_out in zip(photographs, mine, strict=True) if left_out],
            tokens[AS_IT_IS][mine],
        )
        logits[mine] = scored.logits
    return logits


def rows(photographs: Sequence[Photograph], tokens: Tokens) -> Iterator[dict[str, str | float]]:
    """A row a variant."""
    for variant in VARIANTS:
        found = figures(photographs, logits_of(variant, photographs, tokens))
        click.echo(f"{variant.name}: " + ", ".join(f"{k} {v:.3f}" for k, v in found.items()))
        yield {"variant": variant.name} | {name: round(value, 4) for name, value in found.items()}


@click.command(cls=Command, context_settings={"show_default": True})
@tower_option
@data_option
@files_option
@cache_option
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/photographs/ablations.csv")
)
def main(tower: Path, data: Path, files: Path | None, cache: Path, out: Path) -> None:
    """Measure what each part of the recipe for photographs is worth, into a table.

    Example: python -m trainer.photographs.ablate --files data/repositories
    """
    check_folder_of(out)
    photographs = read_photographs(data, files)
    weights = read_weights(tower)
    features = Features(tower_bytes(build(weights, even_out(weights), ALL)), cache)
    tiers = sorted({tier for variant in VARIANTS for tier in variant.tiers})
    tokens = {tier: features.of(photographs, tier) for tier in tiers}
    pd.DataFrame(rows(photographs, tokens)).to_csv(out, index=False)


if __name__ == "__main__":
    main()
