"""Full-size images, which lie outside the bundled model's domain: what a scan says of them, and
what the bare model would have said had nobody checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.shared.process import scan
from benchmarks.shared.results import Row
from scanner.model import ModelFile
from scanner.model.verdict import verdicts
from scanner.record import Verdict
from trainer.calibration import wilson_interval

NAME = "robustness-natural"
LABELS = ("real", "fake")


def measure_natural(folder: Path | None, model: ModelFile, report: Path) -> list[Row]:
    """A row for each subfolder of folder/real and folder/fake, and one for all of each label.

    Raises ScanFailed.
    """
    if folder is None:
        return [{"images": "none", "not_measured": "no folder was given with --natural"}]
    scan(folder, [report], model.path)
    found = pd.read_csv(report)
    found = found[(found["status"] == "scored") & found["path"].str.startswith(("real/", "fake/"))]
    if found.empty:
        return [{"images": "none", "not_measured": "no images in its folders real and fake"}]
    return list(_rows(found, model))


def _rows(found: pd.DataFrame, model: ModelFile) -> Iterator[Row]:
    # The report keeps the logit of every scored image, so the bare model need not run again.
    calibrated = model.card.calibration.apply(found["logit"].to_numpy(np.float32))
    bare = verdicts(calibrated, model.card.operating_points[0])
    said = pd.DataFrame(
        {
            "label": found["path"].str.split("/").str[0],
            "folder": found["path"].str.rpartition("/")[0],
            "fake": found["verdict"] == Verdict.FAKE,
            "inconclusive": found["verdict"] == Verdict.INCONCLUSIVE,
            "bare_fake": bare == Verdict.FAKE,
        }
    )
    auroc = None
    if set(said["label"]) == set(LABELS):
        auroc = float(roc_auc_score(said["label"] == "fake", found["logit"]))
    for label in LABELS:
        of_label = said[said["label"] == label]
        for name, group in of_label.groupby("folder"):
            if name != label:
                yield _row(str(name), group)
        if len(of_label):
            yield _row(f"all {label}", of_label) | {"bare_auroc": auroc}


def _row(images: str, said: pd.DataFrame) -> Row:
    calls = int(said["bare_fake"].sum())
    low, high = wilson_interval(calls, len(said))
    return {
        "images": images,
        "count": len(said),
        "called_fake": float(said["fake"].mean()),
        "inconclusive": float(said["inconclusive"].mean()),
        "bare_called_fake": calls / len(said),
        "bare_called_fake_low": low,
        "bare_called_fake_high": high,
    }


def line_of(row: Row) -> dict[str, str]:
    """A row for readers."""
    cells = ("count", "imgscan: fake", "inconclusive", "model alone: fake", "AUROC")
    if "not_measured" in row:
        return {"": row["not_measured"]} | dict.fromkeys(cells, "")
    low, high = row["bare_called_fake_low"], row["bare_called_fake_high"]
    auroc = row.get("bare_auroc")
    texts = (
        f"{row['count']:,}",
        f"{row['called_fake']:.1%}",
        f"{row['inconclusive']:.1%}",
        f"{row['bare_called_fake']:.1%} ({low:.1%} to {high:.1%})",
        "" if auroc is None else f"{auroc:.3f}",
    )
    return {"": row["images"]} | dict(zip(cells, texts, strict=True))
