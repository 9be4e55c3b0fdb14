"""Protects: a scan is carried on only where everything that its records depend on is the same."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import features

from scanner import record
from scanner.backends.choose import open_backend
from scanner.hashes.hashing import Hashing
from scanner.model import ModelCard, ModelFile, open_model
from scanner.provenance.trust import Trust, TrustList
from scanner.roots import Roots
from scanner.scan import facts
from scanner.scan.journal import Journal
from scanner.scan.journal_file import JournalError
from scanner.scan.request import Request
from scanner.scan.scorers import Scorer
from tests.conftest import CIFAKE_MODEL, HANG_GUARD, command, environment, image_bytes
from tests.scanner.scans import wait_for


def bundled() -> Scorer:
    model = open_model(CIFAKE_MODEL)
    return Scorer(model, open_backend(model, "cpu", 1))


def identity(evidence: Path, *trusted: TrustList) -> dict[str, object]:
    return facts.identity(
        Request((evidence,)), Roots([evidence]), [bundled()], Hashing(), Trust(trusted)
    )


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "kind of record": lambda patch: patch.setattr(facts, "RECORDS_VERSION", 10**6),
    "Python": lambda patch: patch.setattr("platform.python_version", lambda: "3.99"),
    "set of libraries": lambda patch: patch.setattr(
        facts, "installed", lambda: [("pillow", "of another day")]
    ),
    "set of decoders": lambda patch: patch.setattr(features, "version", lambda _: "99"),
    "unpacking program": lambda patch: patch.setattr(facts, "programs", lambda: {"7z": __file__}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_journal_of_other_surroundings_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report half of which another decoder made would be of no scan at all."""
    place = tmp_path / "out.csv.journal"
    journal = Journal(place)
    journal.begin(identity(tmp_path))
    journal.close()
    CHANGES[name](monkeypatch)
    journal = Journal(place)
    with pytest.raises(JournalError, match=f"with another {name}; repeat that command"):
        journal.begin(identity(tmp_path))
    journal.close()


def test_a_journal_of_other_trust_lists_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "out.csv.journal"
    journal = Journal(place)
    journal.begin(identity(tmp_path, TrustList("list.pem", "a" * 64, 30)))
    journal.close()
    journal = Journal(place)
    for others in ((), (TrustList("list.pem", "b" * 64, 30),)):
        with pytest.raises(JournalError, match="with another choice of C2PA trust lists; repeat"):
            journal.begin(identity(tmp_path, *others))
    journal.begin(identity(tmp_path, TrustList("list.pem", "a" * 64, 30)))
    journal.close()


def test_another_card_is_another_identity(tmp_path: Path, card: ModelCard) -> None:
    """An engine's card lies beside it, and the hash of the engine does not cover it."""
    stricter = replace(card.operating_points[0], false_positive_rate=0.001, fake_at_least=3.0)
    moved = replace(stricter, fake_at_least=4.0)
    other = replace(card, operating_points=(*card.operating_points, moved))
    card = replace(card, operating_points=(*card.operating_points, stricter))
    engine = ModelFile(Path("x.engine"), "x", "ab" * 32, card)
    backend = bundled().backend

    def key(*cards: ModelCard) -> object:
        scorers = [Scorer(replace(engine, card=card), backend) for card in cards]
        return facts.identity(Request((tmp_path,)), Roots([tmp_path]), scorers, Hashing(), Trust())[
            "model card"
        ]

    assert key(card) == key(card.at(0.001)), "which point is chosen is told for itself"
    assert key(card) != key(other)
    assert key(card, card) != key(card, other), "it counts whichever of the models it is of"


def test_every_library_that_meets_evidence_is_named() -> None:
    """The scanner's own requirements, but for those of the command line and of the pages.

    Jinja2 lays out rows that are finished: no row depends on its version.
    """
    needed = importlib.metadata.requires("imgscan") or []
    extras = re.compile("extra == .(train|test|bench|log)")
    core = {re.split(r"[^\w.-]", line)[0] for line in needed if not extras.search(line)}
    of_the_line = {"click", "click-default-group", "cryptography", "platformdirs", "tqdm"}
    of_the_pages = {"jinja2"}
    of_the_gpu = {"cuda-bindings"}
    assert len(core) > len(of_the_line)
    assert core - of_the_line - of_the_pages - of_the_gpu <= set(facts.LIBRARIES)


def test_a_resumed_scan_of_another_pillow_is_refused(tmp_path: Path) -> None:
    """Through the command itself."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    for n in range(300):
        (evidence / f"{n}.jpg").write_bytes(image_bytes(seed=n))
    report = tmp_path / "out.csv"
    journal = tmp_path / "out.csv.journal-wal"
    scan = command(evidence, "--report", report, "--device", "cpu")
    with subprocess.Popen(scan, env=environment(), stderr=subprocess.DEVNULL) as killed:
        wait_for(lambda: journal.exists() and journal.stat().st_size > 100_000, "the journal")
        os.kill(killed.pid, signal.SIGKILL)
    program = (
        "from scanner.scan import facts\n"
        "others = [it for it in facts.installed() if it[0] != 'pillow']\n"
        "facts.installed = lambda: [*others, ('pillow', '1.0')]\n"
        "from scanner.cli.main import main\n"
        f"main({scan[3:]!r})\n"
    )
    done = subprocess.run(
        [scan[0], "-c", program],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )
    assert done.returncode == 2
    assert "an interrupted scan with another set of libraries; repeat" in done.stderr


def test_the_manifest_says_them_too(scanned: Path) -> None:
    manifest = json.loads((scanned / "out.csv.manifest.json").read_bytes())
    assert manifest["unpackers"] == facts.unpackers()
    assert manifest["decoders"] == facts.decoders()
    assert manifest["kind_of_record"] == record.RECORDS_VERSION


def test_no_caller_can_change_what_is_installed() -> None:
    assert isinstance(facts.installed(), tuple)
