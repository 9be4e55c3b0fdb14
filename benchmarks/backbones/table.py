"""A comparison of backbones in a table for readers, and what is said under it."""

from __future__ import annotations

from benchmarks.backbones.candidates import GPU_DEVICES
from benchmarks.shared.results import Row
from benchmarks.shared.rounds import Spread

COLUMNS = {
    "training images": lambda best, _: f"{best['train_images']:,}" if best["train_images"] else "",
    "F1": lambda best, _: f"{best['f1']:.4f}",
    "AUROC": lambda best, _: f"{best['auroc']:.4f}",
    "ECE": lambda best, _: f"{best['ece']:.4f}",
    "flips": lambda best, _: f"{best['verdicts_flipped']} of {best['images']:,}",
    "file": lambda best, _: f"{best['file_bytes'] / 1e6:.1f} MB",
    # Both of CPU candidates alone.
    "memory": lambda best, _: f"{best['peak_bytes'] / 1e6:,.0f} MB" if "peak_bytes" in best else "",
    "load": lambda best, _: f"{best['load_seconds']:.2f} s" if "load_seconds" in best else "",
    "one image, median": lambda _, single: f"{single['p50_ms']:.1f} ms" if single else "",
    "images/s (batch)": lambda best, _: (
        f"{best['images_per_second_median']:,.0f} ({best['batch']})"
    ),
    "times the first at that batch": lambda best, _: ratio_of(best),
}
SHARE = {
    "share of peak": lambda best, _: (
        "" if best["share_of_peak"] is None else f"{best['share_of_peak']:.1%}"
    )
}
SHARE_NOTE = (
    "Share of peak: of what PyTorch reaches here with large matrix products, in float16 on the GPU "
    "and in float32 on the CPU."
)


def table_of(rows: list[Row]) -> list[dict[str, str]]:
    """A line a candidate, at the batch where it is fastest."""
    columns = COLUMNS | (SHARE if gpu_share_known(rows) else {})
    lines = []
    measured = [row for row in rows if "not_measured" not in row]
    for name in dict.fromkeys(row["candidate"] for row in measured):
        mine = [row for row in measured if row["candidate"] == name]
        best = max(mine, key=lambda row: float(row["images_per_second_median"]))
        single = next((row for row in mine if row["batch"] == 1), None)
        lines.append({"": name} | {column: show(best, single) for column, show in columns.items()})
    return lines


def gpu_share_known(rows: list[Row]) -> bool:
    """Whether a GPU ran and its share of the peak was found."""
    return any(
        row.get("share_of_peak") is not None and row["device"] in GPU_DEVICES for row in rows
    )


def ratio_of(row: Row) -> str:
    """Empty where the reference did not run at this batch."""
    if "ratio_to_reference_median" not in row:
        return ""
    ends = (row[f"ratio_to_reference_{end}"] for end in ("median", "lowest", "highest"))
    return str(Spread(*ends))


def notes_of(rows: list[Row]) -> list[str]:
    """What a share is of, and what was not measured, by the reason."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if "not_measured" in row:
            batch = f" at batch {row['batch']}" if "batch" in row else ""
            reasons.setdefault(row["not_measured"], []).append(f"{row['candidate']}{batch}")
    missing = [f"Not measured: {'; '.join(names)}. {why}" for why, names in reasons.items()]
    return [SHARE_NOTE, *missing] if gpu_share_known(rows) else missing
