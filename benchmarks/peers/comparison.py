"""The contenders in turns over the same files: speed, start, memory, logits, broken files."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.peers.broken import behaviour, lay_out_broken
from benchmarks.peers.contenders import OURS, Contender
from benchmarks.shared.pictures import first, lay_out
from benchmarks.shared.rounds import alternate
from scanner.errors import ImgscanError

START = 2  # files of a run that is as good as only its start
AMID_BROKEN = 6


class ContenderFailed(ImgscanError):
    """A contender cannot score whole files; the text ends with its last words."""


class Comparison:
    """The contenders over one set of files.

    contents: gives as many distinct files as it is asked for, of which `files` are scored, or `few`
    by slow ones. place: a new folder for them and for what is written. tell: takes what a person
    who waits should know.
    """

    def __init__(
        self,
        found: dict[str, Contender],
        contents: Callable[[int], Iterable[bytes]],
        place: Path,
        files: int,
        few: int,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._found = found
        self._place = place
        self._tell = tell
        whole = lay_out(contents(files), place / f"{files}-files")
        self._folders = {files: whole.folder} | {
            count: lay_out(first(whole, count), place / f"{count}-files").folder
            for count in {START, few} - {files}
        }
        self.files = {name: few if who.slow else files for name, who in found.items()}
        self._good = sorted(self._folders[few].rglob("*.*"))[:AMID_BROKEN]
        self.peaks = dict.fromkeys(found, 0)
        self.starts: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    def measure(self, rounds: int) -> list[dict[str, float]]:
        """Files a second of each contender in each round, after a run that warms up.

        Whoever fails goes to `failed`. Raises ContenderFailed for imgscan.
        """
        for name in self._found:
            self.starts[name] = self._attempt(name, partial(self._run, name, START))
        timed = {
            name: partial(self._attempt, name, partial(self._rate, name))
            for name in self._found
            if name not in self.failed
        }
        measured = list(alternate(timed, rounds))
        return [
            {name: rate for name, rate in one.items() if name not in self.failed}
            for one in measured
        ]

    def _attempt(self, name: str, measure: Callable[[], float]) -> float:
        """What `measure` returns; not a number once the contender has failed."""
        if name in self.failed:
            return math.nan
        try:
            return measure()
        except ContenderFailed as error:
            if name == OURS:
                raise
            self.failed[name] = str(error)
            return math.nan

    def _rate(self, name: str) -> float:
        """Over the whole run; the start of this round is taken off for who scores few files.

        Many files would make the start small, so this errs in favour of whoever scored few.
        """
        seconds = self._run(name, self.files[name])
        if not self.few(name):
            return self.files[name] / seconds
        scoring = seconds - self._run(name, START)
        if scoring <= 0:
            raise ContenderFailed(f"{name} starts too unevenly to be measured on so few files")
        return (self.files[name] - START) / scoring

    def few(self, name: str) -> bool:
        """Whether it scored fewer files than the others."""
        return self._found[name].slow

    def difference(self, name: str) -> float | None:
        """The largest difference of logits from imgscan's; None for another model's scores."""
        if not self._found[name].same_weights:
            return None
        ours, theirs = (
            pd.read_csv(self._output(who)).set_index("path")["logit"] for who in (OURS, name)
        )
        return float((ours - theirs).abs().max(skipna=False))

    def broken(self, known: Collection[str] = ()) -> dict[str, str]:
        """What each contender does with broken files, but those of whom it is `known` already."""
        folder = lay_out_broken(self._good, self._place / "broken")
        output = self._place / "broken.csv"
        able = [name for name in self._found if name not in {*self.failed, *known}]
        return {name: behaviour(self._found[name], folder, output) for name in able}

    def _run(self, name: str, count: int) -> float:
        ran = self._found[name].run(self._folders[count], self._output(name))
        if ran.returncode:
            last = (ran.error.strip() or f"exit code {ran.returncode}").splitlines()[-1]
            raise ContenderFailed(f"{name} failed: {last}")
        rows = len(pd.read_csv(self._output(name)))
        if rows != count:
            raise ContenderFailed(f"{name} wrote {rows} rows for {count} files")
        self.peaks[name] = max(self.peaks[name], ran.peak_bytes)
        self._tell(f"{name}: {count:,} files in {ran.seconds:.1f} s")
        return ran.seconds

    def _output(self, name: str) -> Path:
        return self._place / f"{name}.csv"
