"""Real trees of any name, date, size and depth: each file has its row, and no tree ends a scan."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanner.record import UNEXAMINED, Record, Status, path_from_text
from scanner.reports.read import read_records
from tests.conftest import command, environment, image_bytes
from tests.scanner.containers.rar_bytes import split_rar
from tests.scanner.filesystem.scanning import Scans
from tests.scanner.walking import COMPRESSIONS, tarred, zipped

resource = pytest.importorskip("resource", reason="what follows is of Unix")

LONGEST_NAME = 255
LAST_SECOND = 2**63 - 1
HOLES = (4 * 2**20, 2**40)  # one that can be hashed, too, and one that cannot
FEW_FILES = 256  # that a process of a deep scan may hold open
property_test = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = st.binary(min_size=1, max_size=LONGEST_NAME).map(
    lambda name: name.translate(None, b"/\0") or b" "
)
AWKWARD = [
    b"=1+1.png", b"-", b"--help", b" ", b"trailing ", b"trailing.", b"...", b"a\nb", b"a\r\nb",
    b"a\tb", b"'", b'"', b"a,b", b"a;b", b"\\", b"\\x41", b"a!", b"!", b"a\x1b[2J", b"\xff",
    b"\xed\xa0\x80", b"\xc3\xa9", b"e\xcc\x81", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"~", b"*", b"%s",
    b"{}", b"CON", b"a:b", b"\x7f", b"x" * LONGEST_NAME, b"\xff" * LONGEST_NAME,
]  # fmt: skip


@pytest.fixture
def evidence(scans: Scans) -> Path:
    """An empty folder, for a test to fill and scan."""
    _clear(scans.evidence)
    return scans.evidence


def _clear(folder: Path) -> None:
    # No function of Python's removes a tree that is deeper than it may recurse.
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir()


def _scanned(scans: Scans, paths: Sequence[Path] = ()) -> dict[str, Record]:
    """Path to row, of a scan that must go well, and be verified."""
    answer = scans.scan(paths)
    assert answer.trouble is None, answer.trouble
    assert not answer.open
    verified = scans.verify(paths)
    assert verified.trouble is None, verified.trouble
    records = {path_from_text(record.path): record for record in answer.records}
    assert len(records) == len(answer.records)
    return records


@property_test
@example(names=AWKWARD)
@given(names=st.lists(NAMES, min_size=1, max_size=30))
def test_any_name(scans: Scans, evidence: Path, names: list[bytes]) -> None:
    """Names of files and folders come out as they are, whatever bytes they hold."""
    _clear(evidence)
    written = {}
    for number, name in enumerate(sorted(set(names) - {b".", b".."})):
        content = image_bytes("PNG", number)
        folder = os.fsencode(evidence) + b"/" + (name if number % 2 else b"folder")
        path = folder + b"/" + name
        Path(os.fsdecode(folder)).mkdir(exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(content)
        written[os.fsdecode(path)] = hashlib.sha256(content).hexdigest()
    found = {f"{evidence}/{path}": row for path, row in _scanned(scans).items()}
    assert {path: row.sha256 for path, row in found.items()} == written
    assert {row.status for row in found.values()} == {Status.SCORED}
    by_name = _scanned(scans, [Path(path) for path in written])
    alone = len(written) == 1
    assert set(by_name) == {Path(path).name if alone else path for path in written}


@property_test
@example(dates=[-LAST_SECOND - 1, -11_644_473_600, -9_223_372_037, -1, 9_223_372_037, LAST_SECOND])
@given(dates=st.lists(st.integers(-LAST_SECOND - 1, LAST_SECOND), min_size=1, max_size=9))
def test_any_date(scans: Scans, evidence: Path, dates: list[int]) -> None:
    """A clock may have been wrong by any span: pictures, members and folders of all times."""
    _clear(evidence)
    for number, seconds in enumerate(dates):
        folder = evidence / str(number)
        folder.mkdir()
        for name, content in (("a.png", image_bytes()), ("b.zip", zipped([("c", b"text")]))):
            (folder / name).write_bytes(content)
            os.utime(folder / name, ns=(seconds * 10**9, seconds * 10**9))
        os.utime(folder, ns=(seconds * 10**9, seconds * 10**9))
    statuses = [record.status for record in _scanned(scans).values()]
    assert statuses == [Status.SCORED, Status.CONTAINER, Status.NOT_IMAGE] * len(dates)


@pytest.mark.parametrize("size", HOLES)
def test_holes(scans: Scans, evidence: Path, size: int) -> None:
    """A file may be far larger than what is stored of it, and whatever it begins as has a row."""
    member = [("a.png", image_bytes())]
    starts = {
        "PNG": image_bytes("PNG"),
        "zip": zipped(member),
        "tar": tarred(member),
        "gz": COMPRESSIONS["gz"](tarred(member)),
        "7z": b"7z\xbc\xaf\x27\x1c" + b"\xff" * 26,
        "zeros": bytes(4096),
    }
    for name, content in starts.items():
        (evidence / name).write_bytes(content)
        os.truncate(evidence / name, size)
    met = _scanned(scans)
    for name, content in starts.items():
        whole = content + bytes(HOLES[0] - len(content))
        true = hashlib.sha256(whole).hexdigest() if size == HOLES[0] else None
        assert met[name].sha256 == true
        assert met[name].bytes == (size if true else None)
        assert true or met[name].status is Status.OVER_LIMIT


def test_any_mode(scans: Scans, evidence: Path) -> None:
    """Who may not read a file or folder has a row for it all the same."""
    modes = (0, 0o111, 0o444, 0o1777, 0o7777)
    for mode in modes:
        folder = evidence / f"{mode:o}"
        folder.mkdir()
        (folder / "a.png").write_bytes(image_bytes())
        (folder / "a.png").chmod(mode)
        folder.chmod(mode)
    met = _scanned(scans)
    for mode in modes:
        (evidence / f"{mode:o}").chmod(0o700)
        assert any(path.startswith(f"{mode:o}/") for path in met)


def test_what_is_no_file(scans: Scans, evidence: Path) -> None:
    """Pipes, sockets and links, also those to nowhere, to themselves and to the folder above."""
    os.mkfifo(evidence / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(evidence / "socket"))
    for name, target in (("nowhere", "none"), ("self", "self"), ("up", ".."), ("long", "x" * 4000)):
        (evidence / name).symlink_to(target)
    met = _scanned(scans)
    assert {record.status for record in met.values()} == {Status.UNSUPPORTED}
    assert met.keys() == {path.name for path in evidence.iterdir()}


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_volume_that_is_no_file(scans: Scans, evidence: Path, tmp_path: Path, kind: str) -> None:
    """A split archive goes on in the evidence or nowhere: no link to a volume is followed."""
    content = image_bytes("PNG")
    first, second = split_rar("a.png", [content[:500], content[500:]])
    (evidence / "v.part1.rar").write_bytes(first)
    (tmp_path / "elsewhere").write_bytes(second)
    if kind == "link":
        (evidence / "v.part2.rar").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(evidence / "v.part2.rar")
    met = _scanned(scans)
    assert met["v.part2.rar"].status is Status.UNSUPPORTED
    assert all(met[path].status in UNEXAMINED for path in met)


@pytest.mark.parametrize(("name", "levels"), [("d", 5000), ("d" * LONGEST_NAME, 200)])
def test_any_depth(
    memory: Path, brightness_model: Path, tmp_path: Path, name: str, levels: int
) -> None:
    """More folders in each other than calls of functions, open files or a path may have."""
    evidence = memory / "deep"
    _clear(evidence)
    (evidence / "a.png").write_bytes(image_bytes("PNG"))
    here = os.open(evidence, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    bottom = os.open("bottom.png", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(bottom, image_bytes("PNG", 1))
    os.close(bottom)
    os.close(here)
    (evidence / "z.png").write_bytes(image_bytes("PNG"))

    def hold_few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))

    report = tmp_path / "report.csv"
    scan = (evidence, "--report", report, "--model", brightness_model, "--device", "cpu")
    for arguments in (scan, ("verify", report, "--evidence", evidence)):
        subprocess.run(
            command(*arguments), env=environment(), preexec_fn=hold_few_files, check=True
        )
    paths = {record.path for record in read_records(report)}
    assert paths == {"a.png", f"{name}/" * levels + "bottom.png", "z.png"}
    _clear(evidence)
