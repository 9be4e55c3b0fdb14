"""What do the photographs' files give away, and does the model for photographs live on it?

    python -m benchmarks.photographs.audit runs/photographs --files data/repositories

Where photographs and fakes are of other formats, sizes or qualities, these alone tell them apart,
and a model that sees traces of them looks better than it is. The files' headers say how far that
goes in the images that a training run scored while their source was left out; their scores say what
of it the model uses.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.photographs.facts import facts
from benchmarks.photographs.material import LEFT_OUT, left_out
from benchmarks.photographs.shortcuts import (
    ALIKE,
    ALONE,
    ANY,
    FOLLOWED,
    SAME,
    shortcuts,
)
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from trainer.command import Command
from trainer.data.examples import LABELS, DataError
from trainer.photographs.sources import files_by_hash
from trainer.photographs.tiers import AS_IT_IS, HARD

NAME = "photographs-audit"
CLASSES = dict(zip(LABELS, ("photographs", "fakes"), strict=True))


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder that has the whole images.",
)
@shared_option("--output")
def main(run: Path, files: Path, output: Path) -> None:
    """Measure what files give away of their class, and what of that is in a RUN's scores."""
    said = left_out(run)
    said = said[said["material"] == LEFT_OUT]
    there = files_by_hash(files, set(said["image"]))
    said = said[said["image"].isin(list(there))]
    if said["label"].nunique() < len(LABELS) or said["source"].nunique() == 1:
        raise DataError(
            f"{files} has not the photographs and fakes of two sources of {run}; fetch them with "
            "python -m trainer.collect."
        )
    rows = list(shortcuts(said, facts(there)))
    command = command_line("photographs.audit", False, [], f"{run.name} --files {files.name}")
    write_part(output, NAME, {"command": command, "images": len(there)}, rows, table(rows))


def table(rows: list[Row]) -> list[dict[str, str]]:
    """A line a fact, after one for images whatever their facts."""
    found = {(row["question"], row.get("tier"), row["of"], row["fact"]): row for row in rows}
    alone = [row for row in rows if row["question"] == ALONE]

    def share(question: str, tier: str | None, of: str, fact: str) -> str:
        row = found.get((question, tier, of, fact))
        return f"{row['share']:.2f} ({row['low']:.2f} to {row['high']:.2f})" if row else ""

    def within(fact: str) -> str:
        shares = [row["share"] for row in alone if row["fact"] == fact and row["of"] != ANY]
        return f"{min(shares):.2f} to {max(shares):.2f}" if shares else ""

    return [
        {
            "fact": fact or "any",
            "alone, sources left out": share(ALONE, None, ANY, fact),
            "alone, within a source": within(fact),
            **{
                f"followed: {name}{how}": share(FOLLOWED, tier, f"{label}, {SAME}", fact)
                for tier, how in ((AS_IT_IS, ""), (HARD, f", {HARD}"))
                for label, name in CLASSES.items()
            },
            "AUROC if alike": share(ALIKE, AS_IT_IS, ANY, fact),
            "AUROC if alike, within a source": share(ALIKE, AS_IT_IS, SAME, fact),
        }
        for fact in ("", *dict.fromkeys(row["fact"] for row in alone))
    ]


if __name__ == "__main__":
    main()
