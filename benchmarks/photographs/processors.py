"""How far do a model's scores and verdicts differ between kinds of processors?

    imgscan FOLDER --report one.csv --model clip-vit-b16            # on each machine
    python -m benchmarks.photographs.processors one.csv other.csv

QEMU stands in for a machine that is not at hand, `qemu-x86_64 -cpu Nehalem python -m scanner ...`,
which takes minutes a picture. Pictures are decoded and scaled by the real processor even so; the
network is computed by the emulated one.
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from benchmarks.photographs.verdicts import OPPOSITE
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, write_part
from scanner.custody.manifest import find_manifest, read_manifest
from scanner.record import Verdict
from trainer.command import Command
from trainer.data.examples import DataError

NAME = "photographs-processors"

report_type = click.Path(path_type=Path, exists=True, dir_okay=False)


def instructions(report: Path) -> str:
    """Of the processor that a report comes from, beyond the least that NumPy asks for."""
    found = read_manifest(find_manifest(report)).get("instructions")
    return ", ".join(map(str, found)) if found else "none of note"


def apart(first: pd.DataFrame, other: pd.DataFrame) -> Row:
    """How far two reports of the same files by one model are apart. Raises DataError for others."""
    of = ["path", "sha256", "model"]
    if not first[of].equals(other[of]):
        raise DataError(
            "the reports are not of the same files by the same model; scan one folder on each "
            "machine."
        )
    scored = first["logit"].notna() & other["logit"].notna()
    logits = (first["logit"] - other["logit"]).abs()[scored]
    decided = (first["verdict"] != Verdict.INCONCLUSIVE, other["verdict"] != Verdict.INCONCLUSIVE)
    return {
        "pictures": int(scored.sum()),
        "equal_logits": int((logits == 0).sum()),
        "mean_logit": float(logits.mean()),
        "largest_logit": float(logits.max()),
        "largest_p_fake": float((first["p_fake"] - other["p_fake"]).abs().max()),
        "decided": int((decided[0] & scored).sum()),
        "lost": int((decided[0] & ~decided[1] & scored).sum()),
        "gained": int((decided[1] & ~decided[0] & scored).sum()),
        "turned": int((first["verdict"].map(OPPOSITE) == other["verdict"]).sum()),
    }


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("first", type=report_type)
@click.argument("others", type=report_type, nargs=-1, required=True)
@shared_option("--output")
def main(first: Path, others: tuple[Path, ...], output: Path) -> None:
    """Compare the CSV reports OTHERS with FIRST, of the same files by the same model elsewhere."""
    reference = pd.read_csv(first)
    rows = [
        {"instructions": instructions(other), "against": instructions(first)}
        | apart(reference, pd.read_csv(other))
        for other in others
    ]
    names = " ".join(report.name for report in (first, *others))
    facts = {"command": f"python -m benchmarks.photographs.processors {names}"}
    write_part(output, NAME, facts, rows, [_line(row) for row in rows])


def _line(row: Row) -> dict[str, str]:
    return {
        "instructions": row["instructions"],
        "compared with": row["against"],
        "pictures": f"{row['pictures']:,}",
        "equal logits": f"{row['equal_logits']:,}",
        "logits differ by, mean": f"{row['mean_logit']:.3f}",
        "largest": f"{row['largest_logit']:.3f}",
        "p_fake differs by, largest": f"{row['largest_p_fake']:.3f}",
        "verdicts with the latter": f"{row['decided']:,}",
        "lost": f"{row['lost']:,}",
        "gained": f"{row['gained']:,}",
        "turned": f"{row['turned']:,}",
    }


if __name__ == "__main__":
    main()
