"""How well scores tell photographs from fakes, of sources that nothing was learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.photographs.head import labels_of
from trainer.photographs.sources import Photograph
from trainer.photographs.strangers import groups_of

LEAST = 20  # images of each class in a source that counts by itself
DRAWS, SEED = 300, 0  # of the groups of sources, with replacement
INSIDE = 0.9  # of the draws, that an interval holds


def figures(photographs: Sequence[Photograph], logits: NDArray[np.float32]) -> dict[str, float]:
    """AUROC over all images, over those of sources of one class, and the mean of that within
    sources of LEAST images of each class; fakes above 99% of the photographs.
    """
    from sklearn.metrics import roc_auc_score

    labels = labels_of(photographs)
    table = pd.DataFrame(
        {"source": [it.source for it in photographs], "label": labels, "logit": logits}
    )
    counts = table.groupby("source")["label"].agg(["sum", "count"])
    single = counts.index[(counts["sum"] == 0) | (counts["sum"] == counts["count"])]
    paired = counts.index[(counts["sum"] >= LEAST) & (counts["count"] - counts["sum"] >= LEAST)]
    within = [
        roc_auc_score(it["label"], it["logit"])
        for it in (table[table["source"] == source] for source in paired)
    ]
    mixed = table[table["source"].isin(single)]
    return {
        "auroc": float(roc_auc_score(labels, logits)),
        "auroc_one_class": float(roc_auc_score(mixed["label"], mixed["logit"]))
        if mixed["label"].nunique() == 2
        else float("nan"),
        "auroc_within_pairs": float(np.mean(within)) if within else float("nan"),
        "found_at_1_percent": _found(labels, logits),
    }


def gain(
    photographs: Sequence[Photograph], before: NDArray[np.float32], after: NDArray[np.float32]
) -> dict[str, float]:
    """How many more fakes one set of logits puts above 99% of the photographs than another: the
    ends of the interval that INSIDE of the draws lie in.

    Whole groups of sources are drawn, since images of one are no independent witnesses. Not a
    number where there are no groups enough for draws of both classes.
    """
    labels, groups = labels_of(photographs), groups_of(photographs)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    random = np.random.default_rng(SEED)
    more = []
    for _ in range(DRAWS):
        drawn = random.integers(len(members), size=len(members))
        chosen = np.concatenate([members[number] for number in drawn.tolist()])
        if len(np.unique(labels[chosen])) == 2:
            found = [_found(labels[chosen], logits[chosen]) for logits in (before, after)]
            more.append(found[1] - found[0])
    ends = [(1 - INSIDE) / 2, (1 + INSIDE) / 2]
    low, high = np.quantile(more, ends) if len(more) > DRAWS / 2 else (np.nan, np.nan)
    return {"found_more_at_least": float(low), "found_more_at_most": float(high)}


def _found(labels: NDArray[np.int64], logits: NDArray[np.float32]) -> float:
    """The share of the fakes above 99% of the photographs."""
    above = np.quantile(logits[labels == 0], 0.99)
    return float((logits[labels == 1] > above).mean())
