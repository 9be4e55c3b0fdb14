"""Protects: every limit has an option that shows its default, and sizes read as people write."""

from __future__ import annotations

from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

from scanner.cli import main
from scanner.limit_options import OPTIONS, limit_options, size, size_text
from scanner.limits import Limits


@click.command()
@limit_options
def show(limits: Limits) -> None:
    click.echo(repr(limits))


def test_every_limit_has_an_option_with_its_default() -> None:
    help_text = CliRunner().invoke(main, ["scan", "--help"]).output
    assert set(OPTIONS) == {field.name for field in fields(Limits)}
    for flag, _, _ in OPTIONS.values():
        assert "[default:" in help_text.split(f"{flag} ")[1].split("  --")[0]


def test_defaults_are_those_of_the_limits() -> None:
    assert CliRunner().invoke(show).output == f"{Limits()!r}\n"


def test_options_set_their_limits() -> None:
    arguments = ["--max-file-size", "2M", "--timeout", "1.5", "--max-depth", "3"]
    expected = Limits(file_bytes=2 << 20, seconds=1.5, depth=3)
    assert CliRunner().invoke(show, arguments).output == f"{expected!r}\n"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000", 1000), ("512M", 512 << 20), ("2g", 2 << 30), ("1.5GiB", 3 << 29), (" 4KB", 4096)],
)
def test_sizes(text: str, number: int) -> None:
    assert size(text) == number
    assert size(size_text(number)) == number


@pytest.mark.parametrize("text", ["", "much", "-1", "0", "1X", "1e9", "M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no size; write for example 512M"):
        size(text)


@pytest.mark.parametrize(
    "arguments", [["--worker-memory", "1M"], ["--timeout", "0"], ["--max-ratio", "0"]]
)
def test_limits_nothing_could_work_with_are_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(show, arguments).exit_code == 2
