"""Scans in a warm process whose view of its evidence can be disturbed by plans for faults.c."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanner.record import Record
from scanner.reports.read import read_records
from tests.scanner.scans import ROOT

PATIENCE = 60  # seconds that no scan of a few files takes, be it on a busy machine
LIMITS = {"file_bytes": 1 << 20, "seconds": 5}
PLAN, PLACE = "FAULTS_PLAN", "FAULTS_ROOT"


@dataclass(frozen=True)
class Rule:
    """One line of a plan, as faults.c describes it."""

    call: str
    name: str
    action: str
    a: int = 0
    b: int = 0
    text: str = "-"
    victim: str = "="
    where: str = "any"
    times: int = -1

    def line(self) -> str:
        fields = (self.where, self.call, self.name, self.times, self.action, self.a, self.b)
        return "\t".join(map(str, (*fields, self.text, self.victim)))


@dataclass(frozen=True)
class Answer:
    """What came of a scan. trouble: a traceback, also of one that hung."""

    trouble: str | None
    records: Sequence[Record] = ()
    open: Sequence[str] = field(default_factory=list)


class Scans:
    """Scans of what lies in `evidence`. Use as a context manager.

    library: faults.c compiled, for scans under a plan.
    """

    def __init__(
        self, evidence: Path, work: Path, model: Path, library: Path | None = None
    ) -> None:
        self.evidence = evidence
        self._work = work
        self._model = model
        self._library = library
        self._numbers = itertools.count(1)
        self._driver: subprocess.Popen[str] | None = None

    def __enter__(self) -> Scans:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def scan(
        self, paths: Sequence[Path] = (), rules: Sequence[Rule] = (), workers: int = 1
    ) -> Answer:
        """Scan `paths`, by default the whole evidence, while `rules` hold."""
        report = self._report()
        report.unlink(missing_ok=True)
        answer = self._do(paths, rules, verify=False, workers=workers)
        if answer.trouble is None:
            return Answer(None, list(read_records(report)), answer.open)
        return answer

    def verify(self, paths: Sequence[Path] = (), rules: Sequence[Rule] = ()) -> Answer:
        """Verify the last scan."""
        return self._do(paths, rules, verify=True, workers=1)

    def _report(self) -> Path:
        return self._work / "report.csv"

    def _do(
        self, paths: Sequence[Path], rules: Sequence[Rule], verify: bool, workers: int
    ) -> Answer:
        driver = self._driver or self._start()
        self._set_plan(rules, driver.pid)
        job: dict[str, Any] = {
            "verify": verify,
            "root": str(self.evidence),
            "paths": [str(path) for path in paths or (self.evidence,)],
            "report": str(self._report()),
            "model": str(self._model),
            "workers": workers,
            "limits": LIMITS,
            "patience": PATIENCE,
        }
        assert driver.stdin
        assert driver.stdout
        driver.stdin.write(json.dumps(job) + "\n")
        driver.stdin.flush()
        answer = driver.stdout.readline()
        self._set_plan((), driver.pid)
        if answer:
            return Answer(**json.loads(answer))
        self._end()
        return Answer(f"the process hung or died:\n{self._noise().read_text()[-6000:]}")

    def _set_plan(self, rules: Sequence[Rule], main: int) -> None:
        lines = [f"{next(self._numbers)} {main}", *(rule.line() for rule in rules)]
        partial = self._work / "plan.partial"
        partial.write_bytes(os.fsencode("\n".join(lines) + "\n"))
        partial.replace(self._plan())

    def _plan(self) -> Path:
        return self._work / "plan"

    def _noise(self) -> Path:
        return self._work / "noise.txt"

    def _start(self) -> subprocess.Popen[str]:
        Path(f"{self.evidence}.aside").mkdir(exist_ok=True)
        preload = {"LD_PRELOAD": str(self._library)} if self._library else {}
        code = "from tests.scanner.filesystem.driver import serve; serve()"
        with self._noise().open("w") as noise:
            self._driver = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                text=True,
                cwd=self._work,
                env=os.environ
                | preload
                | {"PYTHONPATH": str(ROOT), PLAN: str(self._plan()), PLACE: str(self.evidence)},
            )
        return self._driver

    def _end(self) -> None:
        """End the process and its children, of which one may hang in a pipe in the evidence."""
        if self._driver is None:
            return
        with self._driver:
            self._driver.kill()
        self._driver = None
        mark = f"{PLAN}={self._plan()}".encode()
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (place / "environ").read_bytes().split(b"\0"):
                    os.kill(int(place.name), signal.SIGKILL)
