"""`imgscan scan`, the default command."""

from __future__ import annotations

import atexit
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from scanner.cli.exits import EXIT_STOPPED, EXIT_UNEXAMINED, told
from scanner.cli.file_names import EvidencePath, FileName, OutputName, with_listed
from scanner.cli.interrupts import ignore_signals, stoppable
from scanner.cli.limits import limit_options
from scanner.cli.options import (
    batch_size_option,
    device_option,
    fresh_option,
    model_option,
    quiet_option,
    workers_option,
)
from scanner.cli.streams import check_standard_output, say
from scanner.containers.zip_names import CP437, CodePageError, code_page
from scanner.limits import Limits
from scanner.record import Origin, Verdict


def _code_page(_context: click.Context, _option: click.Parameter, name: str) -> str:
    try:
        return code_page(name)
    except CodePageError as error:
        raise click.BadParameter(str(error)) from error


@click.command("scan", short_help="Scan folders, images and archives (the default command).")
@click.argument("paths", nargs=-1, required=True, type=EvidencePath())
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=OutputName(),
    help="File to write: .html, .csv, .json, .jsonl, .sqlite, .jsonld (CASE/UCO) or .vics.json; - "
    "is standard output; may be repeated.  [default: -]",
)
@click.option(
    "--format",
    "stream_format",
    type=click.Choice(["csv", "json", "jsonl"]),
    help="What to write to standard output.  [default: csv]",
)
@click.option(
    "--explain",
    type=click.Choice([str(it) for it in sorted(Verdict)]),
    multiple=True,
    help="Show in the HTML report where in a picture the evidence lies, for pictures with this "
    "verdict; may be repeated. Takes some 25 more looks of the model at each.",
)
@click.option(
    "--no-blur",
    is_flag=True,
    help="Show pictures in the HTML report at once, not blurred until they are clicked.",
)
@model_option
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="RATE",
    help="Share of photographs that may be called fake; one that the models have thresholds for "
    "(resnet18: 0.01 and 0.001, clip-vit-b16: 0.005, 0.01 and 0.001). Lower rates leave more "
    "inconclusive.  [default: each model's first]",
)
@device_option
@batch_size_option
@workers_option
@click.option(
    "--known",
    multiple=True,
    type=FileName(exists=True),
    metavar="HASHFILE",
    help="List of known files' SHA-256, SHA-1 or MD5 hashes: bare, of sha256sum, hashdeep, NSRL "
    "(CSV or RDSv3) or VICS. Files in it are marked with its name; may be repeated.",
)
@click.option(
    "--skip-known",
    is_flag=True,
    help="Do not examine the files that --known lists; their rows have the status known.",
)
@click.option(
    "--c2pa-trust",
    multiple=True,
    type=FileName(exists=True),
    metavar="PEM",
    help="Certificates of those whose C2PA signatures are trusted, such as the official lists; may "
    "be repeated. Without it, who signed is not checked.",
)
@click.option("--sha1", is_flag=True, help="Take SHA-1 hashes too.")
@click.option("--md5", is_flag=True, help="Take MD5 hashes too.")
@click.option(
    "--pdq",
    is_flag=True,
    help="Take PDQ hashes of pictures, by which copies are found that were saved again or scaled.",
)
@click.option(
    "--similar",
    multiple=True,
    type=FileName(exists=True),
    metavar="PDQFILE",
    help="List of PDQ hashes, such as a report with them. Pictures like those in it are marked "
    "with its name; may be repeated.",
)
@click.option(
    "--sign",
    type=FileName(exists=True),
    metavar="KEY",
    help="Sign the manifest with this private key (see imgscan keygen).",
)
@click.option(
    "--password",
    "passwords",
    multiple=True,
    help="Password for encrypted archives and documents; may be repeated, each is tried.",
)
@click.option(
    "--zip-names",
    default=CP437,
    show_default=True,
    metavar="CODEPAGE",
    callback=_code_page,
    help="Code page of names in zips that do not say it, such as cp866 (Russian), cp932 "
    "(Japanese), gbk (Chinese) or cp949 (Korean).",
)
@limit_options
@click.option(
    "--fail-on",
    type=click.Choice([str(it) for it in (Verdict.FAKE, Verdict.INCONCLUSIVE, *Origin)]),
    metavar="VERDICT|ORIGIN",
    multiple=True,
    help="Exit with 1 also when a file was judged fake or inconclusive, or has an origin such as "
    "ai_declared (which includes ai_validated); may be repeated. Unexamined files always give 1.",
)
@click.option(
    "--no-carve",
    is_flag=True,
    help="Do not search files of unknown kind, the gaps of archives and what follows images for "
    "pictures that begin there.",
)
@fresh_option
@quiet_option
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what happens.")
@click.option(
    "--log",
    "log_file",
    type=FileName(),
    help="File to append what happens to, as JSON lines.",
)
def scan_command(
    paths: tuple[Path | None, ...], reports: tuple[Path | None, ...], stream_format: str | None,
    explain: tuple[str, ...], no_blur: bool,
    model_name: str, false_positive_rate: float | None, device: str, batch_size: int | None,
    workers: int | None,
    known: tuple[Path, ...], skip_known: bool, c2pa_trust: tuple[Path, ...],
    passwords: tuple[str, ...], sha1: bool, md5: bool, pdq: bool, similar: tuple[Path, ...],
    sign: Path | None, zip_names: str, limits: Limits,
    fail_on: tuple[str, ...], no_carve: bool, fresh: bool, quiet: bool, verbose: bool,
    log_file: Path | None,
) -> None:  # fmt: skip
    """Scan folders, images and archives for AI-generated images.

    PATHS may be -, for a list on standard input: of find -print0, or one path a line. An
    interrupted scan carries on when the same command is given again.

    Example: imgscan ./evidence --report out.csv
    """
    if skip_known and not known:
        raise click.UsageError("--skip-known needs a list: give it with --known HASHFILE.")
    files = tuple(report for report in reports if report is not None)
    streamed = None in reports or not reports
    if reports.count(None) > 1:
        raise click.UsageError("standard output is named twice; name it once.")
    if stream_format and not streamed:
        raise click.UsageError("--format is of standard output: add --report - or leave it out.")
    if sign and not files:
        raise click.UsageError("--sign needs a report to sign: name it with --report FILE.")
    if explain or no_blur:
        from scanner.reports import has_pictures

        if not any(map(has_pictures, files)):
            option = "--explain" if explain else "--no-blur"
            raise click.UsageError(f"{option} needs an HTML report: name it with --report x.html.")
    carry_on = "; the same command carries on from here" if files else ""
    interrupted = f"interrupted{carry_on}."
    with told("the scan", interrupted), stoppable(interrupted, EXIT_STOPPED):
        from scanner.cli.terminal import Terminal
        from scanner.scan import Request, run_scan

        if streamed:
            check_standard_output()
        request = Request(
            paths=with_listed(paths), reports=files, streamed=streamed, model=model_name,
            false_positive_rate=false_positive_rate, device=device, batch_size=batch_size,
            workers=workers, limits=limits, sha1=sha1, md5=md5, pdq=pdq, known=known,
            similar=similar, skip_known=skip_known, passwords=passwords, sign=sign, fresh=fresh,
            carve=not no_carve, also_written=(log_file,) if log_file else (),
            command=tuple(without_passwords(sys.argv)), zip_names=zip_names,
            c2pa_trust=c2pa_trust, explain=tuple(map(Verdict, explain)), blur=not no_blur,
        )  # fmt: skip
        with closing(Terminal(quiet, verbose, log_file, stream_format or "csv")) as terminal:
            outcome = run_scan(request, terminal)
        atexit.register(ignore_signals)  # the work is done, only Python is left to end
    if not quiet:
        say(outcome.summary())
    sys.exit(EXIT_UNEXAMINED if outcome.unexamined or outcome.so_found(fail_on) else 0)


def without_passwords(command: Sequence[str]) -> list[str]:
    """The command line with the value of every --password replaced by `***`."""
    hidden = [re.sub(r"^(--password=).*", r"\1***", word, flags=re.DOTALL) for word in command]
    return [
        "***" if before == "--password" else word
        for before, word in zip(["", *hidden], hidden, strict=False)
    ]
