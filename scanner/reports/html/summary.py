"""The first page of an HTML report in plain words: totals, and the limits of the method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.record import UNEXAMINED, Origin, Status, Verdict
from scanner.reports.html.card import ORIGINS, OTHER_GROUP, UNEXAMINED_GROUP
from scanner.reports.statement import in_words

MANY = 10_000  # photographs, to show what an error rate comes to
WEIGHING = (
    "“fake” is a reason to look closer, and never the only ground for an accusation. “real” says "
    "that the picture looks like a photograph, which a generator that the model does not know may "
    "achieve too. “inconclusive” is an answer: the evidence is thin, or the picture unlike all "
    "that the model knows."
)
CLOSING = (
    "When and on what evidence the scan ran, with what software, and the SHA-256 of this file "
    "stand in the scan's manifest, whose name ends in .manifest.json; “imgscan verify” checks the "
    "hash."
)


@dataclass(frozen=True)
class Total:
    """How many rows are in a group of cards."""

    group: str
    name: str
    count: int
    detail: str = ""


@dataclass(frozen=True)
class Warned:
    title: str
    text: str


@dataclass(frozen=True)
class Counted:
    name: str
    count: int


@dataclass(frozen=True)
class Model:
    """A model of the scan, in words."""

    name: str
    sha256: str
    made_for: str
    accused: str
    missed: str
    verdicts: str
    ran_on: str


@dataclass(frozen=True)
class Summary:
    """What stands above the pictures."""

    opening: str
    totals: tuple[Total, ...]
    warnings: tuple[Warned, ...]
    origins: tuple[Counted, ...]
    limits: tuple[str, ...]
    models: tuple[Model, ...]
    weighing: str = WEIGHING
    closing: str = CLOSING


def summary(scan: Mapping[str, Any]) -> Summary:
    """What a scan's facts say, for a person who reads nothing else."""
    statuses = scan.get("statuses", {})
    models = scan.get("models", [])
    return Summary(
        opening=(
            f"imgscan {scan.get('imgscan', '')} looked for pictures in the evidence and judged, "
            "by their pixels alone, those that a model is made for. Every file that it met has a "
            "row here, whatever came of it."
        ),
        totals=tuple(_totals(statuses, scan.get("verdicts", {}))),
        warnings=tuple(_warnings(statuses)),
        origins=tuple(
            Counted(ORIGINS[origin], count)
            for origin in Origin
            if (count := scan.get("origins", {}).get(origin, 0))
        ),
        limits=tuple(_limits(scan, models)),
        models=tuple(map(_model, models)),
    )


def _totals(statuses: Mapping[str, int], verdicts: Mapping[str, int]) -> Iterator[Total]:
    names = {
        Verdict.FAKE: "taken for AI-generated",
        Verdict.INCONCLUSIVE: "without a verdict",
        Verdict.REAL: "taken for photographs",
    }
    for verdict in (Verdict.FAKE, Verdict.INCONCLUSIVE, Verdict.REAL):
        yield Total(verdict, f"{verdict}: {names[verdict]}", verdicts.get(verdict, 0))
    unexamined = {it: statuses.get(it, 0) for it in Status if it in UNEXAMINED}
    yield Total(UNEXAMINED_GROUP, "not examined", sum(unexamined.values()), _counts(unexamined))
    others = {it: statuses.get(it, 0) for it in Status if it not in (*UNEXAMINED, Status.SCORED)}
    yield Total(OTHER_GROUP, "other files", sum(others.values()), _counts(others))


def _counts(statuses: Mapping[Status, int]) -> str:
    return ", ".join(f"{count:,} {in_words(status)}" for status, count in statuses.items() if count)


def _warnings(statuses: Mapping[str, int]) -> Iterator[Warned]:
    if count := sum(statuses.get(status, 0) for status in UNEXAMINED):
        rows, own = f"{count:,} rows are of files", "their rows say"
        if count == 1:
            rows, own = "1 row is of a file", "its row says"
        yield Warned(
            "Not everything could be examined.",
            f"{rows} in which there may be a picture that nobody has looked at. That says neither "
            f"that it is genuine nor that it is not; {own} what stood in the way.",
        )


def _limits(scan: Mapping[str, Any], models: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        "A verdict says whether what the model sees of a picture looks like the photographs or "
        "like the generated pictures that it was made from. It does not say who made the picture, "
        "whether what it shows happened, or whether a part of it was changed."
    )
    for model in models:
        rate = model["false_positive_rate"]
        yield f"{model['name']} sees {model['sees']}, and nothing else of a picture."
        yield (
            f"{model['name']} was set to call fewer than {_percent(rate)} of photographs fake, "
            f"which may accuse {round(MANY * rate):,} of {MANY:,}. On pictures unlike those it "
            "was measured on it may err more often."
        )
    yield (
        "Many generated pictures come out inconclusive, and some are taken for photographs: that "
        "none is called fake does not mean that there is none."
    )
    yield (
        "Where fakes are rare, many or most of the pictures that are called fake can be "
        "photographs: the probability shown is the one for equal numbers of both."
    )
    yield (
        "What a file says of where it comes from stands apart from the verdict and has no part in "
        f"it. {scan.get('provenance', '')}"
    )


def _model(model: Mapping[str, Any]) -> Model:
    domain, verdicts = model["domain"], model["verdicts"]
    sides = {domain["min_side"], domain["max_side"]}
    return Model(
        name=model["name"],
        sha256=model["sha256"],
        made_for=f"{domain['description']}; sides of {' to '.join(map(str, sorted(sides)))} pixels",
        accused=_percent(model["false_positive_rate"]),
        missed=_percent(model["false_negative_rate"]),
        verdicts=", ".join(
            f"{verdicts.get(it, 0):,}" for it in (Verdict.FAKE, Verdict.INCONCLUSIVE, Verdict.REAL)
        ),
        ran_on=f"{model['provider']}, {model['precision']}",
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:g}%"
