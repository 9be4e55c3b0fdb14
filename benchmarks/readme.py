"""Puts the tables and plots under results/ into the README, between its markers.

    python -m benchmarks.readme

A block begins with `<!-- results: NAME begin -->` and ends with `<!-- results: NAME end -->`; what
lies between belongs to this command.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from benchmarks.results import FOLDER, markdown
from scanner.model import DEFAULT_MODEL

ROOT = Path(__file__).parent.parent
MODEL = Path("results/resnet18-robust/metrics.json")
FIGURES = {
    "F1": "f1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "AUROC": "auroc",
    "expected calibration error": "expected_calibration_error",
}
BLOCK = re.compile(r"(<!-- results: (\S+) begin -->\n).*?(<!-- results: \2 end -->)", re.DOTALL)


def model_table(root: Path) -> str:
    """The bundled model's figures on CIFAKE's test split."""
    metrics = json.loads((root / MODEL).read_text())
    columns = {
        f"all {metrics['test']['images']:,} images": metrics["test"],
        f"{metrics['test_deleaked']['images']:,} without leaked duplicates": metrics[
            "test_deleaked"
        ],
        "all, saved again as JPEG of quality 40": metrics["test_jpeg40"],
    }
    return markdown(
        [
            {f"`{DEFAULT_MODEL}` on CIFAKE's test split": name}
            | {column: f"{figures[key]:.4f}" for column, figures in columns.items()}
            for name, key in FIGURES.items()
        ]
    )


def thresholds_table(root: Path) -> str:
    """What the bundled model's operating points give on all test images."""
    points = json.loads((root / MODEL).read_text())["operating_points"]

    def share(point: dict[str, Any], rate: str) -> str:
        low, high = point[f"{rate}_interval"]
        return f"{point[rate]:.2%} ({low:.2%} to {high:.2%})"

    return markdown(
        [
            {
                "`--false-positive-rate`": f"{point['false_positive_rate']:g}",
                "photographs called fake": share(point, "test_false_positive_rate"),
                "fakes called fake": share(point, "test_true_positive_rate"),
                "inconclusive": f"{point['test_inconclusive_rate']:.1%}",
            }
            for point in points
        ]
    )


def part_block(name: str, root: Path) -> str:
    """A benchmark's table, its command and machine, and its plots."""
    folder = root / FOLDER
    facts = json.loads((folder / f"{name}.json").read_text())
    machine = facts["machine"]
    made_by = f"`{facts['command']}` on {machine['processor']}, {machine['cores']} cores"
    if gpu := machine.get("gpu"):  # results of before GPUs were recorded have none
        made_by += f", {gpu['name']}"
    plots = [
        f"![{path.stem}]({FOLDER}/{path.name})" for path in sorted(folder.glob(f"{name}-*.png"))
    ]
    source = f"{made_by}; all figures in [{name}.json]({FOLDER}/{name}.json)."
    table = (folder / f"{name}.md").read_text().strip()
    return "\n\n".join([table, source, *plots]) + "\n"


TABLES = {"model": model_table, "thresholds": thresholds_table}


def current(readme: str, root: Path) -> str:
    """The README's text with every block made anew. Raises FileNotFoundError."""

    def block(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        made = TABLES[name](root) if name in TABLES else part_block(name, root)
        return begin + made + end

    return BLOCK.sub(block, readme)


@click.command()
def main() -> None:
    """Bring the README's tables and plots up to date."""
    path = ROOT / "README.md"
    try:
        path.write_text(current(path.read_text(), ROOT))
    except FileNotFoundError as error:
        raise click.ClickException(f"{error.filename} is missing; run its benchmark.") from error


if __name__ == "__main__":
    main()
