"""Figures in sentences, for readers who know no statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

MANY, FEW_FAKES = 10_000, 100  # of an example: pictures, and the fakes among them
LEAST = 1e-6  # what is closer to nothing or all has no more decimals, and words instead
Told = Mapping[str, Any]  # a part of the facts


def percent(value: float) -> str:
    """With two decimals, or two digits where that is more: what is not 0 or all never looks so."""
    return f"{_uncertain(100 * value, 100, 2)}%"


def figure(value: float) -> str:
    """The same for a figure of 0 to 1, with four decimals: 1 is perfect, and nothing else is."""
    return _uncertain(value, 1, 4)


def _uncertain(value: float, whole: int, usual: int) -> str:
    least = min(value, whole - value)
    if least <= 0:
        return f"{value:.0f}"
    if least < LEAST:
        return f"under {LEAST:f}" if value == least else f"over {whole - LEAST:f}"
    decimals = max(usual, 1 - math.floor(math.log10(least)))
    return f"{value:.{decimals}f}"


def interval(share: Told) -> str:
    """The 95% interval of a share."""
    return f"{percent(share['low'])} to {percent(share['high'])}"


def share_in_words(share: Told | None) -> str:
    """Such as "91 of 10,000: 0.91% (0.74% to 1.12%)"."""
    if share is None:
        return "none judged"
    return f"{share['count']:,} of {share['of']:,}: {percent(share['share'])} ({interval(share)})"


def results(point: Told) -> Iterator[str]:
    """What a model's verdicts came to at an operating point."""
    photographs, fakes = point["photographs"], point["fakes"]
    if photographs:
        yield _error(photographs["fake"], "photograph", "called AI-generated")
        yield _left(photographs, "photographs", "called photographs")
    else:
        yield (
            "This model judged no photographs, so nothing can be told of how often it wrongly "
            "calls them AI-generated."
        )
    if fakes:
        yield _error(fakes["real"], "fake", "called photographs")
        yield _left(fakes, "fakes", "called AI-generated")
    else:
        yield (
            "This model judged no fakes, so nothing can be told of how often it finds them, or "
            "wrongly calls them photographs."
        )


def _error(share: Told, one: str, what: str) -> str:
    count, of = share["count"], share["of"]
    tried = f"{of:,} {one}" if of == 1 else f"{of:,} {one}s"
    if not count:
        return (
            f"Of {tried} none was wrongly {what}. That does not mean that it cannot happen: "
            f"with {of:,} tried, rates up to {percent(share['high'])} are compatible with that "
            f"(95% interval {interval(share)})."
        )
    return (
        f"Of {tried}, {_were(count)} wrongly {what}: {percent(share['share'])} (95% interval "
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
        yield "It judged one class alone, of which this cannot be told."
        return
    accused, found = point["photographs"]["fake"], point["fakes"]["fake"]
    if not accused["count"] and not found["count"]:
        yield "It called nothing fake here, so what such a verdict is worth cannot be told."
        return
    photographs = MANY - FEW_FAKES
    yield (
        f"Suppose that imgscan is shown {MANY:,} pictures, of which {FEW_FAKES:,} are fake, and "
        f"that it errs as often as here. Of the {photographs:,} photographs it would call "
        f"{_about(accused['share'], photographs)} fake, at the upper end of the interval "
        f"{_about(accused['high'], photographs)}; of the {FEW_FAKES:,} fakes "
        f"{_about(found['share'], FEW_FAKES)}, at the lower end {_about(found['low'], FEW_FAKES)}. "
        f"Then of every 100 pictures called fake {_wrong(accused, found, photographs, FEW_FAKES)}."
    )
    yield (
        f"Were half of the {MANY:,} fake, of every 100 pictures called fake "
        f"{_wrong(accused, found, MANY // 2, MANY // 2)}. The error rate is the same in both "
        "cases. What a verdict is worth depends on how many fakes there are among the pictures "
        "that it is asked about, which no validation can tell."
    )


def _wrong(accused: Told, found: Told, photographs: int, fakes: int) -> str:
    """How many of a hundred accused pictures are photographs, and at the worse ends of both."""
    usual, worst = (
        photographs * accused[most] / (photographs * accused[most] + fakes * found[least])
        for most, least in (("share", "share"), ("high", "low"))
    )
    return (
        f"{_about(usual, 100)} would be photographs, at those ends of both intervals "
        f"{_about(worst, 100)}"
    )


def _about(share: float, of: int) -> str:
    """A share of so many in whole ones; nothing but none is "none", and nothing but all "all"."""
    number = share * of
    if share in (0, 1):
        return "all" if share else "none"
    if number < 1:
        return "fewer than 1"
    return f"more than {of - 1:,}" if number > of - 1 else f"{number:,.0f}"


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
