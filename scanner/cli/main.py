"""The `imgscan` command: a thin skin that parses, calls the scanner and prints."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import Any

import click
from click_default_group import DefaultGroup

from scanner import __version__
from scanner.cli.custody import compare_command, keygen_command, verify_command
from scanner.cli.exits import StopError, told
from scanner.cli.models import engines_command, models_command
from scanner.cli.scan import scan_command
from scanner.cli.streams import discard, prepare_streams, say
from scanner.cli.validate import validate_command
from scanner.record import safe_text


class ImgscanGroup(DefaultGroup):
    """`imgscan PATH` scans; its options belong into the first help a user sees."""

    def main(self, *args: Any, **extra: Any) -> Any:
        prepare_streams()
        _speak_utf8()
        # NumPy would start a thread a core as it is imported, for large products of matrices that
        # no command computes. Children inherit it.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # As it ends, Python would go through all objects several times, to find circles of them.
        atexit.register(gc.freeze)
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

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Say which is meant where a folder or file has the name of a command."""
        if args[0] in self.commands and Path(args[0]).exists():
            say(
                f"{args[0]} is taken for the command; to scan what has that name here, write "
                f".{os.sep}{args[0]}"
            )
        return super().resolve_command(ctx, args)

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

    Every file met gets a row. A verdict is given only inside a model's domain and at a stated
    error rate; anything else is inconclusive. Exit code 0: no file was left unexamined. 1: some
    were. 2: the scan did not finish.
    """


@main.command("columns", short_help="Explain the columns of a report.")
def columns_command() -> None:
    """Print what each column of a report means, as a Markdown table.

    Example: imgscan columns
    """
    from scanner.reports.columns import reference

    click.echo(reference())


for command in (
    scan_command,
    validate_command,
    verify_command,
    compare_command,
    keygen_command,
    models_command,
    engines_command,
):
    main.add_command(command)
