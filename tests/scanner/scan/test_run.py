"""Protects the Python API: the README's example runs, prints nothing of its own, and tells all."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.errors import ImgscanError
from scanner.record import Record, Status, Verdict
from scanner.scan.request import Request
from scanner.scan.run import run_scan
from scanner.scan.watcher import Progress, Watcher
from tests.conftest import HANG_GUARD, ROOT, environment, image_bytes


@pytest.fixture(autouse=True)
def _search_paths_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan closes them for its process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, environment().get(name, ""))


def test_the_readmes_example(tmp_path: Path) -> None:
    (example,) = re.findall(
        "```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    script = tmp_path / "example.py"
    script.write_text(example, "utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    files, *fakes = done.stdout.splitlines()
    assert files == "65 files, 1 of them not examined"
    assert len(fakes) == 21
    assert all("fake" in line and float(line.split()[-1]) > 0.5 for line in fakes)


class Notes(Watcher):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.records: list[Record] = []
        self.progress = Progress()

    def checked(self) -> None:
        self.heard.append("checked")

    def show(self, progress: Progress) -> None:
        self.heard.append("show")
        self.progress = progress

    def examined(self) -> None:
        self.heard.append("examined")

    def receive(self, records: Iterator[Record]) -> None:
        self.records = list(records)


def test_a_watcher_hears_all_and_nothing_is_printed(
    brightness_model: Path, evidence: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        (evidence / f"{n}.png").write_bytes(image_bytes("PNG", n))
    (evidence / "broken.png").write_bytes(image_bytes("PNG")[:300])
    notes = Notes()
    request = Request(paths=(evidence,), model=str(brightness_model), device="cpu", workers=1)
    outcome = run_scan(request, notes)
    assert notes.heard[:2] == ["checked", "show"]
    assert notes.heard[-1] == "examined"
    assert (notes.progress.files, notes.progress.unexamined) == (4, 1)
    assert [record.path for record in notes.records] == ["0.png", "1.png", "2.png", "broken.png"]
    assert outcome.statuses == {Status.SCORED: 3, Status.UNREADABLE: 1}
    assert outcome.verdicts == {Verdict.INCONCLUSIVE: 3}
    assert capfd.readouterr() == ("", "")


def test_whatever_stops_it_is_one_kind_of_error(tmp_path: Path, evidence: Path) -> None:
    inside = (evidence / "out.csv",)
    with pytest.raises(ImgscanError, match="lies inside the evidence"):
        run_scan(Request(paths=(evidence,), reports=inside))
    with pytest.raises(ImgscanError, match="there is no model 'no-such'"):
        run_scan(Request(paths=(evidence,), reports=(tmp_path / "out.csv",), model="no-such"))
    log = evidence / "log"
    with pytest.raises(ImgscanError, match="lies inside the evidence"):
        run_scan(Request(paths=(evidence,), also_written=(log,)))
    assert not list(evidence.iterdir())


def test_a_request_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no report to sign"):
        Request(paths=(tmp_path,), sign=tmp_path / "key")
    with pytest.raises(ValueError, match="no list of known files to skip"):
        Request(paths=(tmp_path,), skip_known=True)
