"""Protects the Python API: the README's example runs, prints nothing of its own, and tells all."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.backends.backend import BackendError
from scanner.custody.manifest import manifest_path, read_manifest
from scanner.errors import ImgscanError
from scanner.record import Record, Status, Verdict
from scanner.scan import Progress, Request, Watcher, run_scan
from scanner.scan.request import RequestError
from tests.conftest import HANG_GUARD, ROOT, environment, image_bytes

pytestmark = pytest.mark.usefixtures("search_paths")


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
    assert files == "67 files, 1 of them not examined"
    assert len(fakes) == 22
    for line in fakes:
        assert "fake" in line or line.startswith("generated/")
        assert float(line.split()[-1]) > 0.5


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

    def receive(self, records: Iterator[Record], scan: dict[str, Any]) -> None:
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


def test_a_hash_database_that_changes_meanwhile_leaves_no_report(
    tmp_path: Path, brightness_model: Path, evidence: Path
) -> None:
    """Not even after the last look-up: the manifest would name another state of the list."""
    (evidence / "a.png").write_bytes(image_bytes("PNG"))
    file, report = tmp_path / "list.db", tmp_path / "out.csv"

    def add(digest: str) -> None:
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE IF NOT EXISTS t (sha256 TEXT PRIMARY KEY)")
            database.execute("INSERT INTO t VALUES (?)", [digest])
            database.commit()

    class Changing(Watcher):
        changed = False

        def show(self, progress: Progress) -> None:
            if progress.files and not self.changed:
                add("cd" * 32)
                self.changed = True

    add("ab" * 32)
    request = Request((evidence,), (report,), str(brightness_model), device="cpu", workers=1)
    request = replace(request, known=(file,))
    with pytest.raises(ImgscanError, match=r"list\.db was changed during the scan"):
        run_scan(request, Changing())
    assert not report.exists()
    run_scan(replace(request, fresh=True))
    assert report.exists()


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


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"paths": ()}, "nothing to scan"),
        ({"paths": ("evidence",)}, "paths must be a tuple, and each of it a Path"),
        ({"paths": Path("evidence")}, "paths must be a tuple, and each of it a Path"),
        ({"reports": (Path(),)}, "is no name of a file"),
        ({"passwords": "abc"}, "passwords must be a tuple, and each of it a str"),
        ({"passwords": (b"abc",)}, "passwords must be a tuple, and each of it a str"),
        ({"command": "abc"}, "command must be a tuple, and each of it a str"),
        ({"model": Path("x.onnx")}, "model must be a str"),
        ({"sign": "key"}, "sign a Path or None"),
        ({"sign": Path("key")}, "no report to sign"),
        ({"skip_known": True}, "no list of known files to skip"),
        ({"explain": ("fake",)}, "explain must be a tuple, and each of it a Verdict"),
        ({"explain": (Verdict.FAKE,)}, "no HTML report to show pictures in"),
        ({"blur": False, "reports": (Path("x.csv"),)}, "no HTML report to show pictures in"),
        ({"workers": 0}, "workers must be 1 to 256, or None, not 0"),
        ({"workers": 2.5}, "workers must be 1 to 256, or None, not 2.5"),
        ({"batch_size": 4097}, "batch_size must be 1 to 4,096, or None, not 4097"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        Request(**{"paths": (Path("evidence"),)} | values)


def test_a_device_that_nobody_knows_is_never_another(evidence: Path) -> None:
    with pytest.raises(BackendError, match="no device 'gpu'; known: auto, cpu, cuda, tensorrt"):
        run_scan(Request(paths=(evidence,), device="gpu"))


SCRIPT = """
from pathlib import Path
from scanner.scan import Request, run_scan
{neighbour}
outcome = run_scan(Request(paths=(Path("evidence"),), model="MODEL", device="cpu", workers=2))
print(outcome.files, outcome.unexamined)
"""


@pytest.mark.parametrize("way", ["beside its own modules", "from standard input"])
def test_a_script_needs_nothing_special(way: str, brightness_model: Path, evidence: Path) -> None:
    """Its processes do not begin with it, which would scan again or miss a module beside it."""
    (evidence / "a.png").write_bytes(image_bytes("PNG"))
    folder = evidence.parent
    (folder / "neighbour.py").touch()
    is_file = way == "beside its own modules"
    program = SCRIPT.format(neighbour="import neighbour" if is_file else "")
    program = program.replace("MODEL", str(brightness_model))
    (folder / "main.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "main.py" if is_file else "-"],
        input=None if is_file else program,
        cwd=folder,
        env=environment(PYTHONSAFEPATH=""),  # which hides what lies beside a script
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 0\n", "")


def test_other_threads_keep_the_main_module(brightness_model: Path, evidence: Path) -> None:
    """A program that scans may do other things meanwhile."""
    (evidence / "a.png").write_bytes(image_bytes("PNG"))
    main, lost, done = sys.modules["__main__"], [], threading.Event()
    before = {name: vars(main).get(name) for name in ("__spec__", "__file__", "__name__")}

    def look() -> None:
        while not done.wait(0.001):
            if sys.modules["__main__"] is not main or vars(main).get("__name__") != "__main__":
                lost.append(main)

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(look)
        try:
            run_scan(Request(paths=(evidence,), model=str(brightness_model), workers=2))
        finally:
            done.set()
        watching.result()
    assert not lost
    assert {name: vars(main).get(name) for name in before} == before


def test_the_manifest_of_a_call_holds_no_command(
    brightness_model: Path, evidence: Path, tmp_path: Path
) -> None:
    """What the caller was started with may be a secret."""
    report = tmp_path / "out.csv"
    run_scan(Request(paths=(evidence,), reports=(report,), model=str(brightness_model)))
    assert read_manifest(manifest_path(report))["command"] == []
