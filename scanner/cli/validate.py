"""`imgscan validate`: error rates of one's own, on pictures that are known to be real or fake."""

from __future__ import annotations

import atexit
import sys
from contextlib import closing
from pathlib import Path

import click

from scanner.cli.exits import EXIT_STOPPED, EXIT_UNEXAMINED, told
from scanner.cli.file_names import FileName
from scanner.cli.interrupts import ignore_signals, stoppable
from scanner.cli.options import (
    batch_size_option,
    device_option,
    fresh_option,
    model_option,
    quiet_option,
    workers_option,
)
from scanner.cli.streams import say

INTERRUPTED = "interrupted; the same command carries on from here."


@click.command("validate", short_help="Measure error rates on pictures that you know.")
@click.argument("labelled", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--report",
    type=FileName(),
    required=True,
    help="HTML file to write; its figures as .json and the scan as .csv are written beside it.",
)
@model_option
@click.option(
    "--flips",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="NUMBER",
    help="Pictures of each class that are saved again and resized in six ways, to see which "
    "verdicts hold; 0 for none.",
)
@device_option
@batch_size_option
@workers_option
@fresh_option
@quiet_option
def validate_command(
    labelled: tuple[Path, ...], report: Path, model_name: str, flips: int, device: str,
    batch_size: int | None, workers: int | None, fresh: bool, quiet: bool,
) -> None:  # fmt: skip
    """Scan pictures whose origin is known, and write how often the verdicts are right.

    LABELLED are folders and archives in which photographs lie in folders named real (or 0_real,
    nature, photographs) and AI-generated pictures in folders named fake (or 1_fake, ai, generated).
    Exit code 0: no file was left unexamined. 1: some were. 2: it did not finish.

    Example: imgscan validate ./known --report validation.html
    """
    with told("the validation", INTERRUPTED), stoppable(INTERRUPTED, EXIT_STOPPED):
        from scanner.cli.terminal import Terminal
        from scanner.validation import Asked, validate

        asked = Asked(
            labelled, report, model_name, device, batch_size, workers, flips, fresh,
            tuple(sys.argv),
        )  # fmt: skip
        with closing(Terminal(quiet, verbose=False, log_file=None)) as terminal:
            validated = validate(asked, terminal)
        atexit.register(ignore_signals)  # the work is done, only Python is left to end
    if not quiet:
        say(validated.summary())
        say(f"  report        {report}, {asked.figures.name}, {asked.scan.name}")
    sys.exit(EXIT_UNEXAMINED if validated.unexamined else 0)
