"""What a part of the benchmarks leaves: JSON with everything, rows as CSV, Markdown to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.shared.machine import describe_machine

FOLDER = Path("results/benchmarks")
CIFAKE_MODEL = "resnet18"  # the bundled one that judges CIFAKE's images
AGREEMENT = "results/agreement-{}.json"  # of a bundled model

Row = dict[str, Any]  # one measurement


def write_results(path: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Write results and the machine they are of as JSON, creating their folder.

    Returns all that it wrote.
    """
    whole = results | {"machine": asdict(describe_machine())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=2) + "\n")
    return whole


def write_part(
    folder: Path,
    name: str,
    facts: dict[str, Any],
    rows: list[Row],
    table: list[dict[str, str]],
    notes: Sequence[str] = (),
) -> None:
    """Write NAME.json (facts, rows, machine), NAME.csv (rows) and NAME.md (table) to `folder`.

    rows: one flat record a measurement. table: the same for readers, a dict a line, by column.
    notes: paragraphs under the table.
    """
    write_results(folder / f"{name}.json", facts | {"rows": rows})
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    (folder / f"{name}.md").write_text(
        "\n".join([markdown(table), *(f"{note}\n" for note in notes)])
    )


def command_line(part: str, quick: bool, models: Sequence[str], more: str = "") -> str:
    """The command that makes a part's figures, with every option that they depend on.

    models: as the user named them; files appear by their names alone.
    """
    named = [f"--model {Path(model).name}" for model in models if model != CIFAKE_MODEL]
    if len(models) > 1 and CIFAKE_MODEL in models:
        named.insert(0, f"--model {CIFAKE_MODEL}")
    options = [*named, *([more] if more else []), *(["--quick"] if quick else [])]
    return " ".join([f"python -m benchmarks.{part}", *options])


def markdown(table: list[dict[str, str]]) -> str:
    """A Markdown table of a dict a line; the first line's keys are the columns. Empty for none."""
    if not table:
        return ""
    columns = list(table[0])
    lines = [columns, ["---"] * len(columns), *([line[c] for c in columns] for line in table)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
