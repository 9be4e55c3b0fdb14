"""Protects: every limit has an option that shows its default, and sizes read as people write."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from scanner.cli.limits import OPTIONS, limit_options, size, size_text
from scanner.cli.main import main
from scanner.limits import RANGES, Limits
from tests.conftest import image_bytes, imgscan
from tests.scanner.containers.test_sevenzip import sevenzip
from tests.scanner.walking import zipped


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
    "arguments",
    [
        "--worker-memory 1M", "--worker-memory 99999999T", "--timeout 0", "--timeout 3000000",
        "--timeout inf", "--timeout nan", "--timeout -1", "--max-ratio 0", "--max-depth 65",
        "--max-members 99999999999999", "--max-pages 0", "--max-pages 99999999999",
        "--max-pixels 0", "--max-pixels 99999999999999", "--max-file-size 9999999999T",
        "--max-archive-size 9999999999T", "--max-total-size 9999999999T", "--max-ratio 9e9",
    ],
)  # fmt: skip
def test_limits_nothing_could_work_with_are_refused(arguments: str) -> None:
    """Not one file after the other for what no system takes."""
    refused = CliRunner().invoke(show, arguments.split())
    assert refused.exit_code == 2
    assert "Invalid value for" in refused.stderr


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_every_range_are_limits(name: str) -> None:
    low, high = RANGES[name]
    for end in (low, high):
        allowed: dict[str, Any] = {name: end}
        assert getattr(Limits(**allowed), name) == end
    for beyond in (low - 1, high + 1, math.nan, math.inf, "1", None):
        refused: dict[str, Any] = {name: beyond}
        with pytest.raises(ValueError, match="is not between"):
            Limits(**refused)


def test_a_scan_works_at_the_ends_of_every_range(tmp_path: Path) -> None:
    """The system takes these numbers, and no file pays for them."""
    (tmp_path / "a.zip").write_bytes(zipped([("a.jpg", image_bytes())]))
    (tmp_path / "a.7z").write_bytes(sevenzip({"a.jpg": image_bytes()}))
    options = [f"{OPTIONS[name][0]}={high}" for name, (_, high) in RANGES.items()]
    done = imgscan(tmp_path, "--device", "cpu", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(",scored,") == 2
