"""Figures in sentences, for readers who know no statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
            f"with {of:,} tried, the rate may be anything up to {percent(share['high'])} (95% "
            f"interval {interval(share)})."
        )
    return (
        f"Of {of:,} {one}s, {_were(count)} wrongly {what}: {percent(share['share'])} (95% interval "
        f"{interval(share)})."
    )


def _left(said: Told, many: str, rightly: str) -> str:
    right = said["real"] if many == "photographs" else said["fake"]
    unsure = said["inconclusive"]
    return (
        f"Of the same {many}, {_were(right['count'])} rightly {rightly}: "
        f"{percent(right['share'])} ({interval(right)}); and {_were(unsure['count'])} left "
        f"inconclusive: {percent(unsure['share'])} ({interval(unsure)})."
    )


def _were(count: int) -> str:
    return f"{count:,} was" if count == 1 else f"{count:,} were"


def odds(point: Told) -> Iterator[str]:
    """Why an error rate is not the probability that a picture called fake is a photograph."""
    if not point["photographs"] or not point["fakes"]:
        return
    accused, found = point["photographs"]["fake"], point["fakes"]["fake"]["share"]
    photographs = MANY - FEW_FAKES
    fakes = round(FEW_FAKES * found)
    usual, most = (round(photographs * accused[end]) for end in ("share", "high"))
    yield (
        f"Suppose that imgscan is shown {MANY:,} pictures, of which {FEW_FAKES:,} are fake, and "
        f"that it errs as often as here. Of the {photographs:,} photographs it would call "
        f"{usual or 'none'} fake, or up to {most:,} at the upper end of the interval; of the "
        f"{FEW_FAKES:,} fakes some {fakes:,}. Then of every 100 pictures called fake "
        f"{_of_a_hundred(usual, fakes)}, or up to {_of_a_hundred(most, fakes)}, would be "
        "photographs."
    )
    half = MANY // 2
    usual, most = (round(half * accused[end]) for end in ("share", "high"))
    fakes = round(half * found)
    yield (
        f"Were half of the {MANY:,} fake, it would be {_of_a_hundred(usual, fakes)} of every 100, "
        f"or up to {_of_a_hundred(most, fakes)}. The error rate is the same in both cases. What a "
        "verdict is worth depends on how many fakes there are among the pictures that it is asked "
        "about, which no validation can tell."
    )


def _of_a_hundred(photographs: int, fakes: int) -> str:
    wrong = 100 * photographs / max(1, photographs + fakes)
    return "none" if not wrong else "less than 1" if wrong < 1 else f"{wrong:.0f}"


def flips_in_words(flips: Told) -> str:
    """How many verdicts held; pictures that had none say nothing of that."""
    treated = flips["treated"]
    tried = sum(it["pictures"] for it in treated)
    had, kept, turned = (
        sum(it[name] for it in treated) for name in ("had_verdict", "kept", "turned")
    )
    wrong = sum(it["made_wrong"] for it in treated)
    return (
        f"Of {tried:,} copies, {had:,} are of a picture that had a verdict: of these {kept:,} have "
        f"the same, and {turned:,} the opposite. Of all, {wrong:,} have a wrong verdict where the "
        "picture had none or a right one."
    )
