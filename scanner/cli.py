"""The `imgscan` command: a thin skin that parses, calls the scanner and prints."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any

import click
from click_default_group import DefaultGroup

from scanner import __version__
from scanner.custody_cli import compare_command, keygen_command, verify_command
from scanner.engines_cli import engines_command
from scanner.exits import EXIT_STOPPED, EXIT_UNEXAMINED, StopError, told
from scanner.file_names import FileName
from scanner.interrupts import ignore_signals, stoppable
from scanner.limit_options import limit_options
from scanner.limits import Limits
from scanner.models_cli import models_command
from scanner.record import safe_text
from scanner.streams import discard, prepare_streams, say


class ImgscanGroup(DefaultGroup):
    """`imgscan PATH` scans; its options belong into the first help a user sees."""

    def main(self, *args: Any, **extra: Any) -> Any:
        prepare_streams()
        _speak_utf8()
        try:
            with told("the command"):
                return super().main(*args, **extra)
        except StopError as error:  # of what no command was yet at work on, such as --help
            error.show()
            discard(sys.stdout)
            sys.exit(error.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with told("the command"):
                _check_current_folder()
                return super().invoke(ctx)
        except click.UsageError as error:  # which may quote a name out of the evidence
            raise click.UsageError(safe_text(error.format_message()), error.ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = {o.name: o for o in (*scan_command.get_params(ctx), *self.get_params(ctx))}
        records = [option.get_help_record(ctx) for option in options.values()]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record])
        self.format_commands(ctx, formatter)


def _speak_utf8() -> None:
    """Start over in Python's UTF-8 mode where the locale has another encoding.

    Names are bytes, and reports hold them as UTF-8: one file must not have two names by locale.
    """
    if sys.getfilesystemencoding() != "utf-8":
        # Programs that unpack archives go by the locale alone.
        os.environ["LC_ALL"] = "C.UTF-8"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise StopError(
            "the current folder does not exist any more; change into one that does, and repeat."
        ) from error


@click.group(cls=ImgscanGroup, default="scan", default_if_no_args=False)
@click.version_option(__version__, prog_name="imgscan")
def main() -> None:
    """Tell camera photographs from AI-generated images, in bulk.

    \b
    imgscan ./evidence --report out.csv
    imgscan photos.zip disk/export --report out.json --report out.csv
    imgscan models

    Every file met gets a row. A verdict is given only inside the model's domain and at a stated
    error rate; anything else is inconclusive. Exit code 0: no file was left unexamined. 1: some
    were. 2: the scan did not finish.
    """


@main.command("scan", short_help="Scan folders, images and archives (the default command).")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=FileName(),
    help="File to write: .csv, .json, .jsonl, .sqlite or .jsonld (CASE/UCO); may be "
    "repeated. Without it, CSV goes to standard output.",
)
@click.option(
    "--model",
    "model_name",
    default="resnet18",
    show_default=True,
    metavar="NAME|FILE",
    help="A bundled or added model (see imgscan models) or an .onnx file.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="RATE",
    help="Share of photographs that may be called fake; one that the model has thresholds for "
    "(the bundled: 0.01 and 0.001). Lower rates leave more inconclusive.  [default: the model's "
    "first]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    default="auto",
    show_default=True,
    help="Where to score. A device named here is used or it is an "
    "error; auto takes CUDA where it works, otherwise the CPU.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 4096),
    help="Images scored at once.  [default: by device]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that read and decode.  [default: one a core]",
)
@click.option(
    "--known",
    multiple=True,
    type=FileName(exists=True),
    metavar="HASHFILE",
    help="List of known files' SHA-256 or MD5 hashes: bare, of sha256sum, NSRL or hashdeep. Files "
    "in it are marked with its name; may be repeated.",
)
@click.option(
    "--skip-known",
    is_flag=True,
    help="Do not examine the files that --known lists; their rows have the status known.",
)
@click.option("--md5", is_flag=True, help="Take MD5 hashes too.")
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
@limit_options
@click.option(
    "--fail-on",
    type=click.Choice(["fake", "inconclusive"]),
    multiple=True,
    help="Exit with 1 also when a file was judged so; may be repeated. Unexamined files always "
    "give 1.",
)
@click.option("--fresh", is_flag=True, help="Forget an interrupted scan and start over.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what happens.")
@click.option(
    "--log",
    "log_file",
    type=FileName(),
    help="File to append what happens to, as JSON lines.",
)
def scan_command(
    paths: tuple[Path, ...], reports: tuple[Path, ...], model_name: str,
    false_positive_rate: float | None, device: str, batch_size: int | None, workers: int | None,
    known: tuple[Path, ...], skip_known: bool, passwords: tuple[str, ...], md5: bool,
    sign: Path | None, limits: Limits,
    fail_on: tuple[str, ...], fresh: bool, quiet: bool, verbose: bool, log_file: Path | None,
) -> None:  # fmt: skip
    """Scan folders, images and archives for AI-generated images.

    An interrupted scan carries on when the same command is given again.

    Example: imgscan ./evidence --report out.csv
    """
    if skip_known and not known:
        raise click.UsageError("--skip-known needs a list: give it with --known HASHFILE.")
    if sign and not reports:
        raise click.UsageError("--sign needs a report to sign: name it with --report FILE.")
    carry_on = "; the same command carries on from here" if reports else ""
    interrupted = f"interrupted{carry_on}."
    with told("the scan", interrupted=interrupted), stoppable(interrupted, EXIT_STOPPED):
        from scanner.scan import Request, ScanError, run_scan

        request = Request(
            paths, reports, model_name, false_positive_rate, device, batch_size, workers,
            limits, md5, known, skip_known, passwords, sign, fresh, quiet, verbose, log_file,
        )  # fmt: skip
        try:
            outcome = run_scan(request)
        except ScanError as error:
            raise StopError(str(error)) from error
        atexit.register(ignore_signals)  # the work is done, only Python is left to end
    if not quiet:
        say(outcome.summary())
    unwanted = sum(count for verdict, count in outcome.verdicts.items() if verdict in fail_on)
    sys.exit(EXIT_UNEXAMINED if outcome.unexamined or unwanted else 0)


main.add_command(verify_command)
main.add_command(compare_command)
main.add_command(keygen_command)
main.add_command(models_command)


@main.command("columns", short_help="Explain the columns of a report.")
def columns_command() -> None:
    """Print what each column of a report means, as a Markdown table.

    Example: imgscan columns
    """
    from scanner.reports.columns import reference

    click.echo(reference())


main.add_command(engines_command)
