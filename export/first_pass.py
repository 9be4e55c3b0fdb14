"""What lets an int8 file score before the float32 file it was made from, so that no verdict moves.

The two files' scores of validation images give a margin around the thresholds; what lies within it
a scan scores by the float32 file. The test images of the gate then show whether any verdict moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from export.parity import ParityError, onnx_name, scores_onnx, validation_images
from scanner.backends.backend import Scores
from scanner.model import FirstPass, Gate, ModelCard, ScoredAgain
from scanner.model.verdict import near_thresholds, verdicts

MARGIN = 1.5  # times the largest difference: there are rarer images than those of validation
DECIMALS = 2


def first_pass(
    sha256: str, full: onnx.ModelProto, fast: onnx.ModelProto, card: ModelCard, data: Path
) -> FirstPass:
    """Before the float32 file of that hash, by the validation images in `data`.

    card: of `fast`, whose calibration and thresholds are also those of `full`. Raises DataError,
    ParityError.
    """
    views = validation_images(data, card.preprocessing).views
    before, after = (
        card.calibration.apply(scores_onnx(model.SerializeToString(), views, precision).logits)
        for model, precision in ((full, "float32"), (fast, card.precision))
    )
    difference = np.abs(before.astype(np.float64) - after)
    largest, unit = float(difference.max()), 10**DECIMALS
    if not math.isfinite(largest):
        raise ParityError(
            f"the {card.precision} file gives no number for some of {len(views):,} validation "
            "images. Nothing was written."
        )
    margin = (math.floor(MARGIN * largest * unit) + 1) / unit
    return FirstPass(
        of=sha256,
        margin=margin,
        images=len(views),
        largest_difference=largest,
        mean_difference=float(difference.mean()),
        scored_again=tuple(
            ScoredAgain(
                point.false_positive_rate,
                float(near_thresholds(after, point, margin).mean()),
            )
            for point in card.operating_points
        ),
    )


def pair_gates(full: Scores, fast: Scores, card: ModelCard) -> Iterator[Gate]:
    """That the pair judges as `full` does alone, at each operating point where a scan uses it.

    card: of `fast`, with its first pass; the scores are both files' of the same images. Raises
    ParityError for any verdict that differs.
    """
    claim = card.first_pass
    if claim is None:
        return
    before, after = (card.calibration.apply(scores.logits) for scores in (full, fast))
    for point in filter(claim.pays, card.operating_points):
        near = near_thresholds(after, point, claim.margin)
        given = verdicts(np.where(near, before, after), point)
        moved = int((given != verdicts(before, point)).sum())
        rate = point.false_positive_rate
        if moved:
            raise ParityError(
                f"before the float32 file, the {card.precision} file would change {moved:,} of "
                f"{len(near):,} verdicts at a false-positive rate of {rate:g}, though whatever "
                f"lies within {claim.margin:g} of a threshold is scored again. Nothing was written."
            )
        figures = {
            "images": len(near),
            "verdicts_flipped": moved,
            "scored_again": float(near.mean()),
        }
        against = f"{onnx_name('float32')}, which {card.precision} goes before, at {rate:g}"
        yield Gate(against, done=True, figures=figures)
