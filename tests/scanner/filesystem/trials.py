"""Scans under plans, and what is wrong with what came of them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.scanner.filesystem.plans import COPIED, RESIZED, ROOT, Plan, Site
from tests.scanner.filesystem.scanning import Rule, Scans
from tests.scanner.filesystem.trees import FILES, plant, plant_outside
from tests.scanner.filesystem.truth import Truth, by_entry, objections


class Trials:
    """work: an empty folder for everything. library: faults.c compiled. A context manager.

    outside: a folder that no scan must see. sites: the calls that a scan makes.
    """

    def __init__(self, work: Path, model: Path, library: Path) -> None:
        self.outside = work / "outside"
        self._work = work
        self._root = work / ROOT
        self._scans = Scans(self._root, work, model, library)
        plant_outside(self.outside)
        self._secrets = {
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.outside.iterdir()
            if path.is_file() and path.name != COPIED
        }
        self.sites = self._sites()
        self._truths = {by_name: self._undisturbed(by_name) for by_name in (False, True)}

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *exception: object) -> None:
        self._scans.__exit__(*exception)

    def objections(self, plan: Plan) -> list[str]:
        """What is wrong with a scan under `plan`, and with verifying it under the same."""
        plant(self._root)
        roots = self._roots(plan.by_name)
        answer = self._scans.scan(roots, plan.rules, plan.workers)
        if answer.trouble:
            return [answer.trouble]
        truths = self._truths[plan.by_name]
        wrong = objections(plan, answer.records, self._root, truths, self._secrets)
        wrong += [f"left open: {place}" for place in answer.open]
        plant(self._root)
        answer = self._scans.verify(roots, plan.rules)
        wrong += [f"verify left open: {place}" for place in answer.open]
        return [*wrong, f"verify: {answer.trouble}"] if answer.trouble else wrong

    def _roots(self, by_name: bool) -> Sequence[Path]:
        if not by_name:
            return [self._root]
        return sorted(path for path in self._root.iterdir() if not path.is_symlink())

    def _sites(self) -> list[Site]:
        """The calls about the evidence that an undisturbed scan makes."""
        notes = self._work / "notes.txt"
        plant(self._root)
        answer = self._scans.scan([], [Rule("*", "*", "note", text=str(notes))])
        assert answer.trouble is None, answer.trouble
        lines = notes.read_bytes().splitlines() if notes.exists() else []
        calls = Counter(map(os.fsdecode, lines))
        sites = []
        for line, times in sorted(calls.items()):
            where, call, name = line.split("\t")
            sites.append(Site(where, call, name, times))
        return sites

    def _undisturbed(self, by_name: bool) -> list[Truth]:
        """The rows of the evidence as it is, and of every state to which plans change its files."""
        states: list[Truth] = []
        for change in (None, *RESIZED, COPIED):
            plant(self._root)
            for path in FILES if change is not None else ():
                if isinstance(change, int):
                    os.truncate(self._root / path, change)
                else:
                    shutil.copyfile(self.outside / COPIED, self._root / path)
            answer = self._scans.scan(self._roots(by_name))
            assert answer.trouble is None, answer.trouble
            states.append(by_entry(answer.records, self._root))
        return states
