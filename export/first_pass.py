"""What lets an int8 file score before the float32 file it was made from, so that no verdict moves.

The two files' scores of validation images and of made-up pictures give a margin around the
thresholds; what lies within it a scan scores by the float32 file, and so it does what has fewer
colours than any validation image. The test images of the gate, and made-up pictures that nothing
was chosen by, then show whether any verdict moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from export.parity import ParityError, onnx_name, scores_onnx, validation_images
from export.patterns import GATE_SEED, MARGIN_SEED, patterns
from scanner.backends.backend import Scores
from scanner.backends.cascade import colours, scored_again
from scanner.model import FirstPass, Gate, ModelCard, ScoredAgain
from scanner.model.verdict import verdicts

MARGIN = 1.5  # times the largest difference: there are rarer images than those compared
PATTERNS = 3000  # for the margin, and as many others for the gate
DECIMALS = 2


def first_pass(
    sha256: str, full: onnx.ModelProto, fast: onnx.ModelProto, card: ModelCard, data: Path
) -> FirstPass:
    """Before the float32 file of that hash, by the validation images in `data` and by patterns.

    card: of `fast`, whose calibration and thresholds are also those of `full`. Raises DataError,
    ParityError.
    """
    views = validation_images(data, card.preprocessing).views
    least = int(colours(views).min())
    made_up = patterns(PATTERNS, card.preprocessing, MARGIN_SEED)
    made_up = made_up[colours(made_up) >= least]
    compared = np.concatenate([views, made_up])
    before, after = (card.calibration.apply(it.logits) for it in _both(full, fast, compared, card))
    difference = np.abs(before.astype(np.float64) - after)
    largest, unit = float(difference.max()), 10**DECIMALS
    if not math.isfinite(largest):
        raise ParityError(
            f"the {card.precision} file gives no number for some of {len(views):,} validation "
            f"images and {len(made_up):,} made-up pictures. Nothing was written."
        )
    claim = FirstPass(
        of=sha256,
        margin=(math.floor(MARGIN * largest * unit) + 1) / unit,
        least_colours=least,
        images=len(views),
        patterns=len(made_up),
        largest_difference=largest,
        mean_difference=float(difference[: len(views)].mean()),
        scored_again=(),
    )
    shares = (
        ScoredAgain(
            point.false_positive_rate,
            float(scored_again(views, after[: len(views)], point, claim).mean()),
        )
        for point in card.operating_points
    )
    return replace(claim, scored_again=tuple(shares))


def pair_gates(
    views: NDArray[np.uint8],
    full: Scores,
    fast: Scores,
    card: ModelCard,
    pictures: str = "test images",
) -> Iterator[Gate]:
    """That the pair judges as `full` does alone, at each operating point where a scan uses it.

    card: of `fast`, with its first pass; the scores are both files' of `views`, which are
    `pictures`. Raises ParityError for any verdict that differs.
    """
    claim = card.first_pass
    if claim is None:
        return
    before, after = (card.calibration.apply(scores.logits) for scores in (full, fast))
    for point in filter(claim.pays, card.operating_points):
        again = scored_again(views, after, point, claim)
        given = verdicts(np.where(again, before, after), point)
        moved = int((given != verdicts(before, point)).sum())
        rate = point.false_positive_rate
        if moved:
            raise ParityError(
                f"before the float32 file, the {card.precision} file would change {moved:,} of "
                f"{len(again):,} verdicts on {pictures} at a false-positive rate of {rate:g}, "
                f"though whatever lies within {claim.margin:g} of a threshold is scored again. "
                "Nothing was written."
            )
        figures = {
            "images": len(again),
            "verdicts_flipped": moved,
            "scored_again": float(again.mean()),
        }
        name = onnx_name("float32")
        against = f"{name}, which {card.precision} goes before, on {pictures} at {rate:g}"
        yield Gate(against, done=True, figures=figures)


def pattern_gates(full: onnx.ModelProto, fast: onnx.ModelProto, card: ModelCard) -> Iterator[Gate]:
    """The pair's gates on patterns, of any number of colours. Raises ParityError."""
    if card.first_pass is not None:
        views = patterns(PATTERNS, card.preprocessing, GATE_SEED)
        yield from pair_gates(views, *_both(full, fast, views, card), card, "made-up pictures")


def _both(
    full: onnx.ModelProto, fast: onnx.ModelProto, views: NDArray[np.uint8], card: ModelCard
) -> tuple[Scores, Scores]:
    """The raw scores of the float32 graph, and of the one that the card is of."""
    return (
        scores_onnx(full.SerializeToString(), views, "float32"),
        scores_onnx(fast.SerializeToString(), views, card.precision),
    )
