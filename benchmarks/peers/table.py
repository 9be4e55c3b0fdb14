"""A comparison with peers in a table for readers."""

from __future__ import annotations

from benchmarks.peers.comparison import Comparison
from benchmarks.peers.contenders import DATALOADER, OURS, TIMM
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import Spread, ratios, spread

# How many times as fast as these imgscan is to be, by kind of image.
TARGETS = {"32 px": 3, "1 megapixel": 2, "12 megapixels": 1}


def row_of(name: str, compared: Comparison, measured: list[dict[str, float]]) -> Row:
    """What was measured of one contender."""
    rate, ratio = spread([one[name] for one in measured]), ratios(measured, OURS, name)
    return {
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
        "target",
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
        f"{TARGETS[row['images']]}" if row["contender"] in (DATALOADER, TIMM) else "",
        f"{row['start_seconds']:.1f} s",
        f"{row['peak_bytes'] / 1e6:,.0f} MB",
        "" if difference is None or row["contender"] == OURS else f"{difference:.2g}",
        row["broken_files"],
    )
    images = f"{row['files']:,} of {row['images']}"
    return {"images": images, "": row["contender"]} | dict(zip(cells, texts, strict=True))


def speed_of(row: Row) -> str:
    """Files/s, and whether the start is in them."""
    return f"{row['files_per_second']:,.3g}" + (", start taken off" * row["start_taken_off"])
