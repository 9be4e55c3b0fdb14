"""What a part of the benchmarks leaves: JSON with everything, rows as CSV, Markdown to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe_machine, write_results

FOLDER = Path("results/benchmarks")


def write_part(
    folder: Path,
    name: str,
    facts: dict[str, Any],
    rows: list[dict[str, Any]],
    table: list[dict[str, str]],
    notes: Sequence[str] = (),
) -> None:
    """Write NAME.json (facts, rows, machine), NAME.csv (rows) and NAME.md (table) to `folder`.

    rows: one flat record a measurement. table: the same for readers, a dict a line, by column.
    notes: paragraphs under the table.
    """
    whole = facts | {"rows": rows, "machine": asdict(describe_machine())}
    write_results(folder / f"{name}.json", whole)
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    (folder / f"{name}.md").write_text(
        "\n".join([markdown(table), *(f"{note}\n" for note in notes)])
    )


def markdown(table: list[dict[str, str]]) -> str:
    """A Markdown table of a dict a line; the first line's keys are the columns."""
    columns = list(table[0])
    lines = [columns, ["---"] * len(columns), *([line[c] for c in columns] for line in table)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
