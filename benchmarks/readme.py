"""Puts the tables and plots under results/ into the README, between its markers.

    python -m benchmarks.readme

A block begins with `<!-- results: NAME begin -->` and ends with `<!-- results: NAME end -->`; what
lies between belongs to this command.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from benchmarks.results import FOLDER, markdown

ROOT = Path(__file__).parent.parent
MODEL = Path("results/resnet18-scratch/metrics.json")
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
    whole, deleaked = metrics["test"], metrics["test_deleaked"]
    columns = (
        f"all {whole['images']:,} images",
        f"{deleaked['images']:,} without leaked duplicates",
    )
    return markdown(
        [
            {
                "`resnet18` on CIFAKE's test split": name,
                columns[0]: f"{whole[key]:.4f}",
                columns[1]: f"{deleaked[key]:.4f}",
            }
            for name, key in FIGURES.items()
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


def current(readme: str, root: Path) -> str:
    """The README's text with every block made anew. Raises FileNotFoundError."""

    def block(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        return begin + (model_table(root) if name == "model" else part_block(name, root)) + end

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
