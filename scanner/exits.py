"""How a command ends: its exit codes, and the error that carries one sentence to the user."""

from __future__ import annotations

from typing import Any

import click

from scanner.streams import say

EXIT_UNEXAMINED = 1
EXIT_STOPPED = 2


class StopError(click.ClickException):
    """Ends the command with one sentence and exit code 2."""

    exit_code = EXIT_STOPPED

    def show(self, file: Any = None) -> None:
        say(f"Error: {self.format_message()}")
