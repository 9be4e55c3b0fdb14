"""Tables of finished runs, made from the files in their folders and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trainer.data.images import TEST_QUALITY
from trainer.experiments import Experiment, Plan
from trainer.run import CONFIG_FILE, METRICS_FILE

SPLITS = {
    "test": "Test split",
    "test_deleaked": "Test split without leaked duplicates",
    f"test_jpeg{TEST_QUALITY}": f"Test split saved again as JPEG of quality {TEST_QUALITY}",
}
FIGURES = {
    "loss": "loss",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "average_precision": "AP",
    "expected_calibration_error": "ECE",
}
CIFAKE_TEST_IMAGES = 20_000


def rows_of(experiments: Sequence[Experiment], plan: Plan) -> list[dict[str, Any]]:
    """One row a finished run of the plan and split of SPLITS."""
    return [
        row
        for experiment in experiments
        if plan.has_finished(experiment)
        for row in _rows(experiment, plan.folder(experiment))
    ]


def _rows(experiment: Experiment, folder: Path) -> list[dict[str, Any]]:
    config = json.loads((folder / CONFIG_FILE).read_text())
    summary = json.loads((folder / METRICS_FILE).read_text())
    facts, recipe = summary["training"], config["recipe"]
    reduced = []
    if config["subset"]:
        reduced.append(f"{facts['train_images']} training images")
    if recipe["image_size"] != experiment.recipe.image_size:
        reduced.append(f"{recipe['image_size']} px")
    if recipe["epochs"] != experiment.recipe.epochs:
        reduced.append(f"{recipe['epochs']} epochs")
    if "stopped_after_steps" in facts:
        reduced.append(f"stopped after {facts['stopped_after_steps']} of {facts['steps']} steps")
    # A figure stands beside the paper's only where it answers the same question.
    as_begun = not experiment.pretrained or facts["weights"] != "none"
    whole = summary["test"]["images"] == CIFAKE_TEST_IMAGES
    comparable = not reduced and as_begun and whole
    operations = 3e-3 * facts["forward_gflop"] * facts["images_per_second"]
    return [
        {
            "run": experiment.name,
            "backbone": config["backbone"],
            "starting_weights": "/".join(Path(config["weights"]).parts[-2:]),
            "reduced": "REDUCED: " + ", ".join(reduced) if reduced else "",
            "uncalibrated": summary.get("uncalibrated", ""),
            "split": split,
            **summary[split],
            "parameters": facts["parameters"],
            "trained_images_per_second": facts["images_per_second"],
            "training_tflops": round(operations, 2),
            "scored_images_per_second": facts["scored_images_per_second"],
            "device": facts["device"],
            **{
                f"paper_{name}": experiment.paper.get(name)
                if comparable and split == "test"
                else None
                for name in FIGURES
            },
        }
        for split in SPLITS
    ]


def write_tables(
    path: Path,
    title: str,
    command: str,
    experiments: Sequence[Experiment],
    plan: Plan,
    left: dict[str, str],
) -> None:
    """Write path.csv with every row and path.md for people. `left`: unfinished runs and why."""
    rows = rows_of(experiments, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    if rows:
        pd.DataFrame(rows).to_csv(path.with_suffix(".csv"), index=False)
    else:
        path.with_suffix(".csv").unlink(missing_ok=True)
    text = [f"# {title}", "", f"`{command}` makes this table; run it again to carry on.", ""]
    if plan.reduced:
        text += [
            "**Reduced runs: they show that the command works and nothing about the paper. Their "
            "figures are not comparable with any published one.**",
            "",
        ]
    else:
        text += [
            "In brackets: the paper's figure, where it is known and the run follows its recipe on "
            "all of CIFAKE; the paper started from ImageNet's weights.",
            "",
        ]
    for split, heading in SPLITS.items():
        chosen = [row for row in rows if row["split"] == split]
        if chosen:
            text += [f"## {heading} ({chosen[0]['images']:,} images)", "", *_markdown(chosen), ""]
    if left:
        text += ["## Left to run", "", *(f"- {name}: {why}" for name, why in left.items()), ""]
    path.with_suffix(".md").write_text("\n".join(text))


def _markdown(rows: list[dict[str, Any]]) -> list[str]:
    reduced = any(row["reduced"] for row in rows)
    names = ["run", "starting weights", *FIGURES.values(), "parameters", "images/s"]
    names += ["reduced"] * reduced
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        name = row["run"] + (" (uncalibrated)" if row["uncalibrated"] else "")
        cells = [name, row["starting_weights"]]
        for figure in FIGURES:
            paper = row[f"paper_{figure}"]
            cells.append(f"{row[figure]:.4f}" + (f" ({paper})" if paper is not None else ""))
        cells += [f"{row['parameters'] / 1e6:.1f} M", f"{row['scored_images_per_second']:.0f}"]
        cells += [row["reduced"]] * reduced
        lines.append("| " + " | ".join(cells) + " |")
    speed = f"images/s: scoring in float32, batches of 256, on {rows[0]['device']}."
    return [*lines, "", speed]
