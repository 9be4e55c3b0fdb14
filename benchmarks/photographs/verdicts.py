"""Labelled images with what was said of them, and the figures that sum it up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.shared.results import Row
from scanner.model.figures import calibration_error, error_by_chance, sigmoid, wilson_interval
from scanner.quality import DOUBTS
from scanner.record import Verdict
from trainer.data.examples import LABELS, DataError
from trainer.photographs.thresholds import DOMAIN, TURNED, UNSURE
from trainer.photographs.tiers import AS_IT_IS

# Columns of a frame of verdicts: material, by, tier, source, image, label (1 is fake), score (NaN
# where there is none, as outside a model's domain), verdict, and why it is inconclusive, one of
# REASONS, or empty. An image is the same in every tier.
OPPOSITE = {Verdict.FAKE: Verdict.REAL, Verdict.REAL: Verdict.FAKE}
REASONS = (DOMAIN, *DOUBTS, TURNED, UNSURE)
GIVEN = ("", TURNED, UNSURE)  # reasons of those that have a p_fake
DRAWS = 1000  # to tell a calibration error from chance


def summed_up(said: pd.DataFrame) -> Iterator[Row]:
    """A row for all images of a material in a tier by a detector, and one for each source."""
    for keys, group in said.groupby(["material", "by", "tier"], sort=False):
        place = dict(zip(("material", "by", "tier"), keys, strict=True))
        turned = _turned(said[(said["material"] == keys[0]) & (said["by"] == keys[1])], group)
        yield place | {"source": "all", **_figures(group), "turned": turned}
        for source, of_source in group.groupby("source"):
            yield place | {"source": source, **_figures(of_source)}


def _figures(said: pd.DataFrame) -> Row:
    real, fake = said[said["label"] == 0], said[said["label"] == 1]
    row: Row = {"photographs": len(real), "fakes": len(fake)}
    scored = said.dropna(subset="score")
    if scored["label"].nunique() == len(LABELS):
        row["auroc"] = float(roc_auc_score(scored["label"], scored["score"]))
    for name, of_label, verdict in (
        ("accused", real, Verdict.FAKE),
        ("cleared", real, Verdict.REAL),
        ("found", fake, Verdict.FAKE),
        ("missed", fake, Verdict.REAL),
    ):
        if len(of_label):
            count = int((of_label["verdict"] == verdict).sum())
            low, high = wilson_interval(count, len(of_label))
            row |= {name: count / len(of_label), f"{name}_low": low, f"{name}_high": high}
    row["inconclusive"] = float((said["verdict"] == Verdict.INCONCLUSIVE).mean())
    return row | {f"by_{reason}": float((said["reason"] == reason).mean()) for reason in REASONS}


def calibrated(said: pd.DataFrame) -> Iterator[Row]:
    """How far p_fake is from how often it holds: a row a material and tier.

    said: with calibrated logits as scores. Of one class alone nothing can be told.
    """
    given = said[said["reason"].isin(GIVEN)].dropna(subset="score")
    for (material, tier), group in given.groupby(["material", "tier"], sort=False):
        logits, labels = group["score"].to_numpy(np.float32), group["label"].to_numpy()
        if len(set(labels.tolist())) < len(LABELS):
            continue
        yield {
            "material": material,
            "tier": tier,
            "images": len(group),
            "calibration_error": calibration_error(logits, labels),
            "by_chance": error_by_chance(logits, labels, DRAWS),
        }


def mistakes(said: pd.DataFrame, listed: pd.DataFrame) -> Iterator[Row]:
    """The photographs called fake, then the fakes called real, the surest first.

    said: of the images as they are. listed: the manifest that names their files. Raises DataError
    for images that it lacks.
    """
    named = said.merge(
        listed, "left", left_on="image", right_on="sha256", suffixes=("", "_listed"), indicator=True
    )
    if unknown := int((named["_merge"] == "left_only").sum()):
        raise DataError(
            f"the manifest lacks {unknown:,} of the left-out images; name the one that the run "
            "was made from with --manifest."
        )
    named["p_fake"] = sigmoid(named["score"].to_numpy(np.float32))
    for label, verdict, fakes_first in ((0, Verdict.FAKE, True), (1, Verdict.REAL, False)):
        wrong = named[(named["label"] == label) & (named["verdict"] == verdict)]
        for row in wrong.sort_values("score", ascending=not fakes_first).to_dict("records"):
            yield {
                "called": str(verdict),
                "p_fake": row["p_fake"],
                "source": row["source"],
                "commit": row["commit"],
                "path": row["path"],
                "generator": row["generator"],
            }


def by_kind(said: pd.DataFrame) -> Iterator[Row]:
    """What became of pictures that are no photographs, by what they are. kind: a further column."""
    for kind, group in [*said.groupby("kind"), ("all", said)] if len(said) else ():
        row: Row = {"kind": kind, "pictures": len(group), "sources": group["source"].nunique()}
        for verdict in Verdict:
            count = int((group["verdict"] == verdict).sum())
            low, high = wilson_interval(count, len(group))
            row |= {verdict: count / len(group), f"{verdict}_low": low, f"{verdict}_high": high}
        yield row | {f"by_{it}": float((group["reason"] == it).mean()) for it in REASONS}


def _turned(of_detector: pd.DataFrame, group: pd.DataFrame) -> int:
    """Images whose verdict as they are is the opposite of the one in this tier."""
    first = of_detector[of_detector["tier"] == AS_IT_IS].set_index("image")["verdict"]
    now = group.set_index("image")["verdict"]
    before = first.reindex(now.index).map(OPPOSITE)
    return int((before == now).sum())
