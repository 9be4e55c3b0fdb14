"""Protects: a command that fails says one sentence, and no fault of ours is passed off as one."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from scanner.errors import ImgscanError
from trainer.command import Command


class OutOfFilm(ImgscanError):
    """There is no film; the sentence says where to buy some."""


def command(failure: BaseException) -> Command:
    @click.command(cls=Command)
    def fails() -> None:
        raise failure

    return fails


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OutOfFilm("there is no film; buy some."), "Error: there is no film; buy some.\n"),
        (FileNotFoundError(2, "No such file", "roll.txt"), "Error: roll.txt: No such file.\n"),
        (OSError("the disk is gone"), "Error: the disk is gone.\n"),
        (click.ClickException("as it was said."), "Error: as it was said.\n"),
        (BrokenPipeError(32, "Broken pipe"), ""),  # nobody reads on
    ],
)
def test_failures_end_in_their_sentence_and_exit_code_1(failure: BaseException, said: str) -> None:
    result = CliRunner().invoke(command(failure))
    assert (result.exit_code, result.output) == (1, said)


def test_other_exceptions_stay_what_they_are() -> None:
    fault = ValueError("a fault of ours")
    assert CliRunner().invoke(command(fault)).exception is fault
