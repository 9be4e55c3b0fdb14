"""How well scores tell photographs from fakes, of sources that nothing was learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.photographs.head import labels_of
from trainer.photographs.sources import Photograph

LEAST = 20  # images of each class in a source that counts by itself


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
    above = np.quantile(logits[labels == 0], 0.99)
    return {
        "auroc": float(roc_auc_score(labels, logits)),
        "auroc_one_class": float(roc_auc_score(mixed["label"], mixed["logit"])),
        "auroc_within_pairs": float(np.mean(within)) if within else float("nan"),
        "found_at_1_percent": float((logits[labels == 1] > above).mean()),
    }
