"""Protects: a scan starts soon, and none of its processes before its search paths are closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.environment import UnsafeError
from scanner.processes import ProcessError
from scanner.reports import ReportError
from scanner.scan import Request, run_scan
from scanner.scan.places import OverlapError, PlaceError
from tests.conftest import HANG_GUARD, environment, image_bytes

# What the process that a user starts needs only for other evidence, or for other reports.
NOT_NEEDED = {
    "scanner.provenance.readers",
    "scanner.provenance.watermark",
    "scanner.images.decode",
    "scanner.workers.examine",
    "scanner.workers.serve",
    "scanner.reports.case",
    "scanner.reports.html",
    "scanner.reports.sqlite",
    "scanner.reports.vics",
    "cryptography",
    "jinja2",
    "tqdm",
}
TO_ASK_FOR_A_SCAN = {"numpy", "PIL", "onnxruntime", "sqlite3", "scanner.reports.csv"} | NOT_NEEDED


def imported(code: str) -> set[str]:
    """All modules that are there once `code` has run in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('MODULES', *sys.modules)"],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=True,
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_asking_for_a_scan_imports_nothing_heavy() -> None:
    """So that workers begin to import before this process does."""
    found = imported("import scanner.cli.main, scanner.cli.terminal, scanner.scan")
    assert "scanner.processes" in found
    assert not found & TO_ASK_FOR_A_SCAN


def test_the_parent_of_a_scan_imports_nothing_of_its_workers(evidence: Path) -> None:
    (evidence / "a.jpg").write_bytes(image_bytes())
    report = evidence.parent / "out.csv"
    arguments = [str(evidence), "--report", str(report), "--device", "cpu", "--quiet"]
    found = imported(
        "from scanner.cli.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as ended: assert ended.code == 0"
    )
    assert ",scored," in report.read_text()
    assert "onnxruntime" in found
    assert not found & NOT_NEEDED


@pytest.mark.skipif(os.name != "posix", reason="children are copies of one process there")
@pytest.mark.usefixtures("search_paths")
def test_nothing_starts_while_evidence_could_be_imported_or_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that workers are copies of has its socket in the folder for temporary files."""
    from multiprocessing import forkserver

    state: list[bool] = []

    def look() -> None:
        state.append({"", str(tmp_path)}.isdisjoint(sys.path))
        raise OSError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setattr(forkserver, "ensure_running", look)
    with pytest.raises(ProcessError, match="enough"):
        run_scan(Request((tmp_path / "evidence",)))
    assert state == [True], "the search paths were not closed first"
    inside, nowhere = tmp_path / "r.csv", tmp_path / "no" / "r.csv"
    for request, refused in (
        (Request((tmp_path,), reports=(inside,)), PlaceError),
        (Request((tmp_path / "e",), reports=(nowhere,)), ReportError),
        (Request((tmp_path, tmp_path / "e")), OverlapError),
    ):
        with pytest.raises(refused):
            run_scan(request)
        assert state == [True], "it was started for nothing"
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    with pytest.raises(UnsafeError, match="the temporary folder"):
        run_scan(Request((tmp_path,)))
    assert state == [True], "it was started in the evidence"


@pytest.mark.skipif(os.name != "posix", reason="children are copies of one process there")
def test_workers_import_before_their_parent_does(tmp_path: Path) -> None:
    """What is checked before they start must take no heavy import."""
    found = imported(
        "from multiprocessing import forkserver\n"
        "from pathlib import Path\n"
        "from scanner.processes import ProcessError\n"
        "from scanner.scan import Request, run_scan\n"
        "def look(): raise OSError('enough')\n"
        "forkserver.ensure_running = look\n"
        f"here = Path({str(tmp_path)!r})\n"
        "try: run_scan(Request((here / 'e',), reports=(here / 'r.csv',)))\n"
        "except ProcessError as error: assert 'enough' in str(error)\n"
        "else: raise AssertionError"
    )
    assert "scanner.scan.places" in found
    assert not found & (TO_ASK_FOR_A_SCAN - {"sqlite3"})


@pytest.mark.skipif(os.name != "posix", reason="children are copies of one process there")
def test_whoever_reads_what_a_command_says_waits_for_no_import(tmp_path: Path) -> None:
    """The process that workers are copies of inherits the pipe, and ends with the command."""
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(3600)\n")
    ended = subprocess.run(
        [sys.executable, "-c", "from scanner.processes import prepare\nprepare('endless')"],
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, sys.path)])),
        capture_output=True,
        timeout=HANG_GUARD,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
