"""The columns reference, written from the record's own sentences."""

from __future__ import annotations

from scanner.record import columns

KINDS = {str: "text", int: "whole number", float: "number"}


def reference() -> str:
    """A Markdown table with a row for each column of a report; no newline at its end."""
    rows = [
        f"| `{column.name}` | {KINDS[column.kind]} | {column.meaning} |" for column in columns()
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])
