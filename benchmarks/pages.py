"""Puts the tables and plots under results/ into the README and the pages of docs/.

    python -m benchmarks.pages

A block begins with `<!-- table: NAME begin -->` and ends with `<!-- table: NAME end -->`; what
lies between belongs to this command.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks.shared.results import CIFAKE_MODEL, FOLDER, markdown
from scanner.reports.columns import reference
from trainer.command import Command
from trainer.photographs.figures import INSIDE

ROOT = Path(__file__).parent.parent
# The runs that made the bundled model, in order; it is what the last one left.
RUNS = ("resnet18-scratch", "resnet18-robust", "resnet18-robust96")
MODEL = Path("results") / RUNS[-1] / "metrics.json"
GPU = Path("results/gpu")  # what came home from machines with a GPU
GPU_RUNS = ("resnet152-robust",)
FIGURES = {
    "F1": "f1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "AUROC": "auroc",
    "expected calibration error": "expected_calibration_error",
}
SPEED, DATALOADER = ("stages", "peers"), "PyTorch DataLoader"
COMPARISON = Path("results/comparison.csv")
ADAPTED = GPU / "adapted"
ABLATIONS = Path("results/photographs/ablations.csv")
CARD = Path("results/photographs/card.json")
BLOCK = re.compile(r"(<!-- table: (\S+) begin -->\n).*?(<!-- table: \2 end -->)", re.DOTALL)


def model_table(root: Path) -> str:
    """On CIFAKE's test split, the bundled model and then those trained on a GPU."""
    columns: dict[str, dict[str, float]] = {}
    runs = {f"`{CIFAKE_MODEL}`": MODEL}
    runs |= {f"[{name}](results/gpu/{name})": _metrics(name) for name in GPU_RUNS}
    for name, path in runs.items():
        metrics = json.loads((root / path).read_text())
        test, unseen = metrics["test"], metrics["test_deleaked"]
        columns[f"{name}, all {test['images']:,} images"] = test
        columns[f"{name}, the {unseen['images']:,} without leaked duplicates"] = unseen
        columns[f"{name}, all saved again as JPEG of quality 40"] = metrics["test_jpeg40"]
    return markdown(
        [
            {"": name} | {column: f"{figures[key]:.4f}" for column, figures in columns.items()}
            for name, key in FIGURES.items()
        ]
    )


def _metrics(run: str) -> Path:
    return GPU / run / "metrics.json"


def thresholds_table(root: Path) -> str:
    """What the operating points of CIFAKE's model give on all test images."""
    return _points_table(root / MODEL)


def photographs_points_table(root: Path) -> str:
    """What those of the model for photographs give on sources that were left out."""
    return _points_table(root / CARD)


def _points_table(facts: Path) -> str:
    points = json.loads(facts.read_text())["operating_points"]

    def share(point: dict[str, Any], rate: str) -> str:
        low, high = point[f"{rate}_interval"]
        return f"{point[rate]:.2%} ({low:.2%} to {high:.2%})"

    return markdown(
        [
            {
                "`--false-positive-rate`": f"{point['false_positive_rate']:g}",
                "photographs called fake": share(point, "test_false_positive_rate"),
                "fakes called fake": share(point, "test_true_positive_rate"),
                "fakes called real": share(point, "test_false_negative_rate"),
                "inconclusive": f"{point['test_inconclusive_rate']:.1%}",
            }
            for point in points
        ]
    )


def photographs_table(root: Path) -> str:
    """Verdicts of the model for photographs on pictures as they are, of what it has not seen."""
    found = json.loads((root / FOLDER / "photographs.json").read_text())["rows"]
    rows = [
        row
        for row in found
        if (row["source"], row["tier"], row["by"]) == ("all", "as-it-is", "imgscan")
    ]

    def share(row: dict[str, Any], name: str) -> str:
        return f"{row[name]:.1%} ({row[f'{name}_low']:.1%} to {row[f'{name}_high']:.1%})"

    return markdown(
        [
            {
                "": row["material"],
                "photographs, fakes": f"{row['photographs']:,}, {row['fakes']:,}",
                "photographs called fake": share(row, "accused"),
                "fakes called fake": share(row, "found"),
                "fakes called real": share(row, "missed"),
                "inconclusive": f"{row['inconclusive']:.0%}",
                "AUROC": f"{row['auroc']:.3f}",
            }
            for row in rows
            if "auroc" in row and not row["material"].startswith("some")
        ]
    )


def ablations_table(root: Path) -> str:
    """What each part of the recipe for photographs is worth."""
    return _told_apart(root / ABLATIONS, "fitted on")


def shares_table(root: Path) -> str:
    """How far to go from the frozen tower to the adapted one."""
    return _told_apart(root / ADAPTED / "shares.csv", "share of the way")


def adapted_table(root: Path) -> str:
    """What that is worth on whole images."""
    return _told_apart(root / ADAPTED / "whole.csv", "tower")


def _told_apart(path: Path, named: str) -> str:
    """The figures of trainer.photographs.figures. named: what the first column, a name, is of."""
    table = pd.read_csv(path)
    rows: list[dict[str, str]] = []
    for row in table.to_dict("records"):
        cells = {
            named: str(row[table.columns[0]]),
            "AUROC": f"{row['auroc']:.3f}",
            "sources of one class": f"{row['auroc_one_class']:.3f}",
            "within sources of both, mean": f"{row['auroc_within_pairs']:.3f}",
            "fakes above 99% of the photographs": f"{row['found_at_1_percent']:.1%}",
        }
        if "found_more_at_least" in row:
            low, high = row["found_more_at_least"], row["found_more_at_most"]
            interval = f"{low:+.1%} to {high:+.1%}" if rows else ""
            cells[f"more than the first, in {INSIDE:.0%} of draws"] = interval
        rows.append(cells)
    return markdown(rows)


def comparison_table(root: Path) -> str:
    """The finished runs of the comparison, the paper's figures beside their equals."""
    records = pd.read_csv(root / COMPARISON).to_dict("records")
    splits = {
        split: {row["run"]: row for row in records if row["split"] == split}
        for split in ("test", "test_deleaked", "test_jpeg40")
    }

    def cell(row: dict[Hashable, Any], figure: str) -> str:
        paper = row[f"paper_{figure}"]
        return f"{row[figure]:.4f}" + ("" if math.isnan(paper) else f" ({paper})")

    return markdown(
        [
            {
                "by the paper's recipe": f"`{run}`",
                "starting weights": str(row["starting_weights"]),
                **{name: cell(row, figure) for name, figure in FIGURES.items()},
                "F1 without leaked duplicates": f"{splits['test_deleaked'][run]['f1']:.4f}",
                "F1 at JPEG quality 40": f"{splits['test_jpeg40'][run]['f1']:.4f}",
                "parameters": f"{row['parameters'] / 1e6:.1f} M",
            }
            for run, row in splits["test"].items()
        ]
    )


def part_block(name: str, root: Path, up: str = "") -> str:
    """A benchmark's table, its command and machine, and its plots.

    up: the way from the page's folder to the root, as links need it.
    """
    folder = root / FOLDER
    facts = json.loads((folder / f"{name}.json").read_text())
    machine = facts["machine"]
    made_by = f"`{facts['command']}` on {machine['processor']}, {machine['cores']} cores"
    if gpu := machine.get("gpu"):  # results of before GPUs were recorded have none
        made_by += f", {gpu['name']}"
    plots = [
        f"![{path.stem}]({up}{FOLDER}/{path.name})" for path in sorted(folder.glob(f"{name}-*.png"))
    ]
    source = f"{made_by}; all figures in [{name}.json]({up}{FOLDER}/{name}.json)."
    table = (folder / f"{name}.md").read_text().strip()
    return "\n\n".join([table, source, *plots]) + "\n"


def runs_table(root: Path) -> str:
    """The runs that made the bundled model, and those on a GPU, on CIFAKE's test split."""
    folders = [Path("results") / name for name in RUNS] + [GPU / name for name in GPU_RUNS]

    def line(folder: Path) -> dict[str, str]:
        metrics = json.loads((root / folder / "metrics.json").read_text())
        facts = metrics["training"]
        epochs = facts["recipe"]["epochs"]
        share = facts.get("stopped_after_steps", facts["steps"]) / facts["steps"]
        return {
            "run": f"[{folder.name}](../{folder})",
            "on": str(facts["device"]).replace("cpu", "2 CPU cores"),
            "image size": str(facts["recipe"]["image_size"]),
            "epochs": str(epochs) if share == 1 else f"{epochs * share:.1f} of {epochs}",
            "minutes": f"{facts['seconds'] / 60:.0f}",
            "F1": f"{metrics['test']['f1']:.4f}",
            "without leaked duplicates": f"{metrics['test_deleaked']['f1']:.4f}",
            "AUROC": f"{metrics['test']['auroc']:.4f}",
        }

    return markdown([line(folder) for folder in folders])


def gpu_table(root: Path) -> str:
    """What was measured on machines with a GPU, and what they were."""
    backbones = sorted((root / GPU).glob("backbones-*/backbones.md"))
    tables = [path.read_text().strip() for path in backbones]
    scans = []
    for path in sorted((root / GPU).glob("agreement-*.json")):
        found = json.loads(path.read_text())
        machine, apart = found["machine"], found["against_the_cpu"]
        scans.append(
            {
                "model": f"[{found['model']}](../{path.relative_to(root)})",
                "files": f"{found['rows_folder']:,}",
                "on": f"{machine['gpu']['name']}, {machine['cores']} cores",
                "folder": f"{found['seconds_folder']} s",
                "zip": f"{found['seconds_zip']} s",
                "folder, CPU alone": f"{apart['seconds_cpu']} s",
                "verdicts flipped against the CPU": f"{apart['verdicts_flipped']:,}",
                "largest logit difference": f"{apart['largest_logit_difference']:.0e}",
                "F1": f"{found['f1_folder']:.4f}",
            }
        )
    return "\n\n".join([markdown(scans).strip(), *tables]) + "\n"


def speed_sentences(root: Path) -> str:
    """How fast folders are scanned, and beside a PyTorch DataLoader loop."""
    stages, peers = (json.loads((root / FOLDER / f"{it}.json").read_text()) for it in SPEED)
    scans = pd.DataFrame(stages["rows"]).query("measured == 'scan' and container == 'folder'")
    middle = scans.groupby("images", sort=False).median(numeric_only=True)
    rates = [f"{row['files_per_second']:.3g} of {kind}" for kind, row in middle.iterrows()]
    starts = f"{middle['start_seconds'].min():.1f} to {middle['start_seconds'].max():.1f}"
    loops = [row for row in peers["rows"] if row["contender"] == DATALOADER]
    times = [f"{row['imgscan_ratio']:.1f} times as fast at {row['images']}" for row in loops]
    machine = stages["machine"]
    return (
        f"On {machine['cores']} cores ({machine['processor']}) a scan does {', '.join(rates)} "
        f"a second, after a start of {starts} s. Beside a PyTorch DataLoader loop with the same "
        f"weights it is {', '.join(times)}, both from start to report "
        "([docs/benchmarks.md](docs/benchmarks.md#the-whole-scan)).\n"
    )


def columns_table(_root: Path) -> str:
    """What each column of a report means."""
    return reference() + "\n"


TABLES = {
    "columns": columns_table,
    "comparison": comparison_table,
    "gpu": gpu_table,
    "model": model_table,
    "photographs-adapted": adapted_table,
    "photographs-brief": photographs_table,
    "photographs-ablations": ablations_table,
    "photographs-points": photographs_points_table,
    "photographs-shares": shares_table,
    "runs": runs_table,
    "speed": speed_sentences,
    "thresholds": thresholds_table,
}


def pages(root: Path) -> list[Path]:
    """The pages that may hold blocks."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def current(page: Path, root: Path) -> str:
    """A page's text with every block made anew. Raises FileNotFoundError."""
    up = "../" * (len(page.relative_to(root).parts) - 1)

    def block(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        made = TABLES[name](root) if name in TABLES else part_block(name, root, up)
        return begin + made + end

    return BLOCK.sub(block, page.read_text())


@click.command(cls=Command)
def main() -> None:
    """Bring the tables and plots of the README and of docs/ up to date."""
    try:
        for page in pages(ROOT):
            page.write_text(current(page, ROOT))
    except FileNotFoundError as error:
        raise click.ClickException(f"{error.filename} is missing; run its benchmark.") from error


if __name__ == "__main__":
    main()
