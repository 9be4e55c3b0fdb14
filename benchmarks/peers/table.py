"""A comparison with peers in a table for readers."""

from __future__ import annotations

from benchmarks.peers.comparison import Comparison
from benchmarks.peers.contenders import OURS
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import Spread, ratios, spread


def row_of(name: str, compared: Comparison, measured: list[dict[str, float]]) -> Row:
    """Everything measured of one contender, without the broken files."""
    rate, ratio = spread([one[name] for one in measured]), ratios(measured, OURS, name)
    return {
        "contender": name,
        "files": compared.files[name],
        "start_taken_off": compared.few(name),
        "files_per_second": rate.median,
        "imgscan_ratio": ratio.median,
        "imgscan_ratio_lowest": ratio.lowest,
        "imgscan_ratio_highest": ratio.highest,
        "start_seconds": compared.starts[name],
        "peak_bytes": compared.peaks[name],
        "largest_logit_difference": compared.difference(name),
    }


def line_of(row: Row) -> dict[str, str]:
    """A row for readers."""
    cells = (
        "files/s",
        "imgscan's speed : its",
        "start",
        "memory",
        "logits differ by",
        "broken files",
    )
    ratio = Spread(*(row[f"imgscan_ratio{end}"] for end in ("", "_lowest", "_highest")))
    difference = row["largest_logit_difference"]
    texts = (
        speed_of(row),
        "" if row["contender"] == OURS else str(ratio),
        f"{row['start_seconds']:.1f} s",
        f"{row['peak_bytes'] / 1e6:,.0f} MB",
        "" if difference is None or row["contender"] == OURS else f"{difference:.2g}",
        row["broken_files"],
    )
    return {"": row["contender"]} | dict(zip(cells, texts, strict=True))


def speed_of(row: Row) -> str:
    """Files/s, and of how many files where they were too few to count the start."""
    few = f" ({row['files']} files, start taken off)" if row["start_taken_off"] else ""
    return f"{row['files_per_second']:,.3g}{few}"
