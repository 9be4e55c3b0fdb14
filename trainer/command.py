"""How the commands of the trainer, the export and the benchmarks end when something fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scanner.errors import ImgscanError


class Command(click.Command):
    """Ends with one sentence and exit code 1 where its work raises ImgscanError or OSError."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ImgscanError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # nobody reads on, so there is nothing to say: click ends with exit code 1
        except OSError as error:
            where = "" if error.filename is None else f"{error.filename}: "
            raise click.ClickException(f"{where}{error.strerror or error}.") from error


def check_folder_of(output: Path) -> None:
    """Say now, and not after minutes of work, that a file has no folder to be written to."""
    if not output.parent.is_dir():
        raise click.ClickException(
            f"{output} cannot be written: there is no folder {output.parent}."
        )
