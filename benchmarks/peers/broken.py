"""What a contender does when two files among good ones are broken: found out by running it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.peers.contenders import Contender
from benchmarks.shared.process import Ran

TEXT, TRUNCATED = "2-text.jpg", "3-truncated.jpg"
BROKEN = {TEXT: "text", TRUNCATED: "truncated"}


def lay_out_broken(good: Sequence[Path], folder: Path) -> Path:
    """Copy `good` images to `folder`, with a text file and half an image amid them, both .jpg."""
    folder.mkdir()
    for number, path in enumerate(good):
        shutil.copy(path, folder / f"{number}-whole{path.suffix}")
    (folder / TEXT).write_text("These are words, and the name says that they are an image.\n")
    content = good[0].read_bytes()
    (folder / TRUNCATED).write_bytes(content[: len(content) // 2])
    return folder


def behaviour(contender: Contender, folder: Path, output: Path) -> str:
    """In a few words, what becomes of a folder by `lay_out_broken`."""
    ran = contender.run(folder, output)
    names = {path.name for path in folder.iterdir()}
    written = output.is_file() and output.stat().st_size > 0
    table = pd.read_csv(output) if written else pd.DataFrame(columns=["path", contender.score])
    return describe(ran, table.set_index("path"), contender.score, names)


def describe(ran: Ran, table: pd.DataFrame, score: str, names: set[str]) -> str:
    """What `ran` did with the files `names`, from its rows by path with a column `score`."""
    found, scored = set(table.index), set(table.index[table[score].notna()])
    explained = set(table.index[table["error"].notna()]) if "error" in table else set()
    if not names - set(BROKEN) <= scored:
        return f"stops with {_error(ran)} after {len(scored)} of {len(names)} files"
    fates = {
        "a score as if whole": scored,
        "a row with the reason": explained - scored,
        "a row without a reason": found - explained - scored,
        "left out in silence": names - found,
    }
    met = {
        fate: [kind for name, kind in BROKEN.items() if name in of] for fate, of in fates.items()
    }
    return "; ".join(f"{' and '.join(kinds)}: {fate}" for fate, kinds in met.items() if kinds)


def _error(ran: Ran) -> str:
    """The name of the exception that ended a traceback, else how the process ended."""
    lines = [line for line in ran.error.splitlines() if line.strip()]
    name = lines[-1].partition(":")[0].rpartition(".")[2].strip() if lines else ""
    return name or f"exit code {ran.returncode}"
