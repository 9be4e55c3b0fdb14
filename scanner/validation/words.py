"""Figures in sentences, for readers who know no statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MANY, FEW_FAKES = 10_000, 100  # of an example: pictures, and the fakes among them
Told = Mapping[str, Any]  # a part of the facts


def percent(value: float) -> str:
    """With two decimals, or two digits where that is more: what is not 0 or all never looks so."""
    least = 100 * min(value, 1 - value)
    decimals = 2 if least <= 0 or least >= 0.1 else min(9, 1 - math.floor(math.log10(least)))
    return "0%" if value == 0 else "100%" if value == 1 else f"{100 * value:.{decimals}f}%"


def interval(share: Told) -> str:
    """The 95% interval of a share."""
    return f"{percent(share['low'])} to {percent(share['high'])}"


def share_in_words(share: Told | None) -> str:
    """Such as "91 of 10,000: 0.91% (0.74% to 1.12%)"."""
    if share is None:
        return "none there"
    return f"{share['count']:,} of {share['of']:,}: {percent(share['share'])} ({interval(share)})"


def results(point: Told) -> Iterator[str]:
    """What a model's verdicts came to at an operating point."""
    photographs, fakes = point["photographs"], point["fakes"]
    if photographs:
        yield _error(photographs["fake"], "photograph", "called AI-generated")
        yield _left(photographs, "photographs", "called photographs")
    else:
        yield (
            "There are no photographs in the folder, so nothing can be told of how often "
            "photographs are wrongly called AI-generated."
        )
    if fakes:
        yield _error(fakes["real"], "fake", "called photographs")
        yield _left(fakes, "fakes", "called AI-generated")
    else:
        yield (
            "There are no fakes in the folder, so nothing can be told of how often fakes are "
            "found, or wrongly called photographs."
        )


def _error(share: Told, one: str, what: str) -> str:
    count, of = share["count"], share["of"]
    if not count:
        return (
            f"Of {of:,} {one}s none was wrongly {what}. That does not mean that it cannot happen: "
            f"with so many tried, the rate may be anything up to {percent(share['high'])} "
            f"(95% interval {interval(share)})."
        )
    verb = "was" if count == 1 else "were"
    return (
        f"Of {of:,} {one}s, {count:,} {verb} wrongly {what}: {percent(share['share'])} (95% "
        f"interval {interval(share)})."
    )


def _left(said: Told, many: str, rightly: str) -> str:
    right = said["real"] if many == "photographs" else said["fake"]
    unsure = said["inconclusive"]
    return (
        f"Of the same {many}, {right['count']:,} were rightly {rightly}: "
        f"{percent(right['share'])} ({interval(right)}). The other {unsure['count']:,} got no "
        f"verdict: {percent(unsure['share'])}."
    )


@dataclass(frozen=True)
class Odds:
    """Natural frequencies: of MANY pictures, FEW_FAKES of them fake, how many are called so."""

    photographs: int
    fakes: int

    @property
    def wrong_in_a_hundred(self) -> int:
        return round(100 * self.photographs / max(1, self.photographs + self.fakes))


def odds(point: Told) -> Iterator[str]:
    """Why an error rate is not the probability that a picture called fake is a photograph."""
    if not point["photographs"] or not point["fakes"]:
        return
    accused, found = point["photographs"]["fake"], point["fakes"]["fake"]
    usual, most = (
        Odds(round((MANY - FEW_FAKES) * accused[end]), round(FEW_FAKES * found["share"]))
        for end in ("share", "high")
    )
    yield (
        f"Suppose that imgscan is shown {MANY:,} pictures, of which {FEW_FAKES:,} are fake, and "
        f"that it errs as often as here. Of the {MANY - FEW_FAKES:,} photographs it would call "
        f"some {usual.photographs:,} fake, and of the {FEW_FAKES:,} fakes some {usual.fakes:,}: of "
        f"every 100 pictures called fake about {usual.wrong_in_a_hundred} would be photographs. At "
        f"the upper end of the interval it would be {most.photographs:,} photographs, and "
        f"{most.wrong_in_a_hundred} of every 100."
    )
    even = Odds(round(MANY / 2 * accused["high"]), round(MANY / 2 * found["share"]))
    yield (
        f"Were half of the {MANY:,} fake, at most about {even.wrong_in_a_hundred} of every 100 "
        "called fake would be photographs. The error rate is the same in both; what a verdict is "
        "worth depends on how many fakes there are among the pictures that it is asked about, "
        "which no validation can tell."
    )


def flips_in_words(flips: Told) -> str:
    """The worst of them first."""
    treated = flips["treated"]
    tried = sum(it["pictures"] for it in treated)
    turned = sum(it["turned"] for it in treated)
    wrong = sum(it["made_wrong"] for it in treated)
    return (
        f"Of {tried:,} copies, {turned:,} have the opposite verdict of the picture that they were "
        f"made from, and {wrong:,} have a wrong verdict where the picture had none or a right one."
    )
