"""Protects: the command that runs every part gives each one options that it takes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS, options


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("quick", [True, False])
def test_every_part_takes_its_options(part: str, quick: bool) -> None:
    command = import_module(f"benchmarks.{part}").main
    given = options(part, Path("d"), quick, Path("o"))
    context = command.make_context(part, given)
    assert (context.params["quick"], context.params["output"]) == (quick, Path("o"))
    assert context.params.get("data", Path("d")) == Path("d")
