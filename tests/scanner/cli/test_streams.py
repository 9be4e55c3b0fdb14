"""Protects: closed pipes are no error, full disks are one that costs nothing but time."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scanner.scans import HANG_GUARD, pictures, run, start

LIMIT = 96 * 1024  # bytes that a journal of 2,000 long names exceeds


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("evidence"), 3)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for n in range(2000):
            archive.writestr(f"{'a long name' * 9} {n}", f"text {n}")
    return tmp_path / "many.zip"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not possible here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def limited_file_size() -> Callable[[], None]:
    resource = pytest.importorskip("resource")
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def test_a_reader_that_has_seen_enough(many: Path) -> None:
    with start(many, "--quiet") as scan:
        assert scan.stdout is not None
        assert scan.stdout.readline().startswith("path,")
        scan.stdout.close()
        assert scan.stderr is not None
        assert scan.stderr.read() == ""
        assert scan.wait(HANG_GUARD) == 0


def test_nobody_reads_standard_error(evidence: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(evidence, "--verbose", stderr=writer)
    os.close(writer)
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_on_a_full_disk(evidence: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ended = run(evidence, "--quiet", stdout=full)
    assert ended.returncode == 2
    assert ended.stderr == ("Error: standard output cannot be written: No space left on device.\n")


def test_no_room_for_the_journal(many: Path, tmp_path: Path) -> None:
    expected, report = tmp_path / "expected.csv", tmp_path / "report.csv"
    run(many, "--report", expected, "--quiet")
    stopped = run(many, "--report", report, "--quiet", preexec_fn=limited_file_size())
    assert stopped.returncode == 2
    assert stopped.stderr.startswith(f"Error: the journal {report}.journal cannot be")
    assert len(stopped.stderr.splitlines()) == 1
    assert not report.exists()
    assert run(many, "--report", report, "--quiet").returncode == 0
    assert report.read_bytes() == expected.read_bytes()


def test_a_full_disk(many: Path, tiny_disk: Path) -> None:
    report = tiny_disk / "report.csv"
    stopped = run(many, "--report", report, "--quiet")
    assert stopped.returncode == 2
    assert "give the same command again" in stopped.stderr
    assert len(stopped.stderr.splitlines()) == 1
    remount = ["mount", "-o", "remount,size=20m", str(tiny_disk)]
    subprocess.run(remount, check=True)
    assert run(many, "--report", report, "--quiet").returncode == 0
    assert (
        len(report.read_text().splitlines()) == 1 + 2000 + 1
    )  # the header, the members, the archive


def test_no_room_for_the_report(many: Path, tmp_path: Path, tiny_disk: Path) -> None:
    """The journal lies beside the first report, and outlives the failure of the second."""
    first, second = tmp_path / "first.csv", tiny_disk / "second.csv"
    stopped = run(many, "--report", first, "--report", second, "--quiet")
    assert stopped.returncode == 2
    assert stopped.stderr == (f"Error: {second} cannot be written: No space left on device.\n")
    assert list(tiny_disk.iterdir()) == []
    assert (tmp_path / "first.csv.journal").exists()
    resumed = run(many, "--report", first, "--report", tmp_path / "third.csv")
    assert resumed.returncode == 0
    assert "2,001 files" in resumed.stderr
    assert first.read_bytes() == (tmp_path / "third.csv").read_bytes()


def test_a_report_in_a_place_that_does_not_exist(evidence: Path, tmp_path: Path) -> None:
    stopped = run(evidence, "--report", tmp_path / "nowhere" / "report.csv")
    assert stopped.returncode == 2
    assert "is no writable folder" in stopped.stderr
