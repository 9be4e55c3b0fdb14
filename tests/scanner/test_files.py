"""Protects: evidence keeps its access time and opens at any depth, and outputs appear whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scanner import files
from scanner.environment import PROGRAMS
from scanner.files import (
    BUFFER_BYTES,
    Folder,
    check_read,
    file_facts,
    held_if_small,
    open_readonly,
    replacing,
    write_whole,
)
from scanner.limits import Limits
from scanner.sources.walk import walk
from tests.conftest import image_bytes, imgscan
from tests.scanner.containers.rar_bytes import FASTEST, rar
from tests.scanner.walking import tarred, zipped

LONG_AGO = 1_000_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can keep access times")


def _set_long_ago(path: Path) -> None:
    # Before the last change: that is when also "relatime" file systems note an access.
    os.utime(path, (LONG_AGO, LONG_AGO + 1))


def _notes_access(folder: Path) -> bool:
    """Whether the file system notes accesses at all, without which nothing is shown."""
    probe = folder / "probe"
    probe.write_bytes(b"x")
    _set_long_ago(probe)
    probe.read_bytes()
    return probe.stat().st_atime != LONG_AGO


@linux
def test_reading_leaves_no_access_time(tmp_path: Path) -> None:
    if not _notes_access(tmp_path):
        pytest.skip("this file system notes no access times")
    file = tmp_path / "evidence.bin"
    file.write_bytes(b"content")
    _set_long_ago(file)
    with open_readonly(file) as stream:
        assert stream.read() == b"content"
    assert file.stat().st_atime == LONG_AGO


@linux
def test_a_walk_leaves_no_access_time_on_folders(tmp_path: Path) -> None:
    if not _notes_access(tmp_path):
        pytest.skip("this file system notes no access times")
    folder = tmp_path / "evidence"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"content")
    for path in (folder / "inner" / "file", folder / "inner", folder):
        _set_long_ago(path)
    assert [entry.path for entry in walk([folder], Limits())] == [str(Path("inner", "file"))]
    for path in (folder, folder / "inner", folder / "inner" / "file"):
        assert path.stat().st_atime == LONG_AGO, path


@linux
def test_a_scan_leaves_no_access_time_on_archives(tmp_path: Path) -> None:
    if not _notes_access(tmp_path):
        pytest.skip("this file system notes no access times")
    try:
        os.close(os.open(tmp_path / "probe", os.O_RDONLY | os.O_NOATIME))
    except PermissionError:
        pytest.skip("this file system refuses to open a file without noting it")
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    members = [("a.jpg", image_bytes()), ("b.jpg", image_bytes(seed=1))]
    archives = {"zip": zipped(members), "tar": tarred(members), "stored.rar": rar(members)}
    if any(map(shutil.which, PROGRAMS)):
        archives["compressed.rar"] = rar(members, FASTEST)
    for name, content in archives.items():
        (evidence / name).write_bytes(content)
        _set_long_ago(evidence / name)
    _set_long_ago(evidence)
    report = tmp_path / "out.jsonl"
    ended = imgscan(evidence, "--report", report, "--device", "cpu")
    assert ended.returncode == 0, ended.stderr
    assert report.read_text().count('"scored"') == len(members) * len(archives)
    for path in (evidence, *(evidence / name for name in archives)):
        assert path.stat().st_atime_ns == LONG_AGO * 10**9, path


@linux
def test_a_file_of_another_owner_opens_all_the_same() -> None:
    other = Path("/etc/passwd")
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)  # no privilege to leave out access times of root's files
    try:
        with open_readonly(other) as stream, closing(Folder(str(other.parent))) as folder:
            assert stream.read(1)
            assert other.name in {entry.name for entry in folder.entries()}
    finally:
        if was_root:
            os.seteuid(0)


def test_the_stream_cannot_write(tmp_path: Path) -> None:
    file = tmp_path / "evidence.bin"
    file.write_bytes(b"content")
    with open_readonly(file) as stream, pytest.raises(OSError, match="write"):
        stream.write(b"x")


def test_what_is_missing_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_readonly(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        Folder(str(tmp_path / "none"))


@pytest.mark.parametrize("pass_only", [files.PASS_ONLY, 0])  # as where there is no such thing
def test_a_path_longer_than_the_system_takes(
    pass_only: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PASS_ONLY", pass_only)
    deep = tmp_path
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        deep /= "a folder of which there are many" * 4
        os.mkdir(deep.name, dir_fd=here)
        below = os.open(deep.name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as stream:
        stream.write(b"content")
    os.close(here)
    with pytest.raises(OSError, match="too long"):
        (deep / "x").read_bytes()
    with open_readonly(deep / "x") as stream, closing(Folder(str(deep))) as folder:
        assert stream.read() == b"content"
        assert [entry.name for entry in folder.entries()] == ["x"]
    assert file_facts(deep / "x").st_size == len(b"content")
    with pytest.raises(FileNotFoundError):
        open_readonly(deep / "none")
    shutil.rmtree(tmp_path / deep.name)  # or tests that look around would meet it


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and links")
def test_what_became_a_pipe_a_folder_or_a_link_is_not_opened(tmp_path: Path) -> None:
    """A pipe would keep the scan waiting, and a link could lead out of the evidence."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "link to folder").symlink_to("folder")
    (tmp_path / "folder" / "inner").write_bytes(b"content")
    with closing(Folder(str(tmp_path))) as folder:
        for name in ("pipe", "folder", "link", "link to folder/inner"):
            with pytest.raises(OSError, match=r"regular file|irectory|symbolic links"):
                open_readonly(tmp_path / name)
            if "/" not in name:
                with pytest.raises(OSError, match=r"regular file|irectory|symbolic links"):
                    folder.open(name)
        with folder.open("file") as stream:
            assert stream.name == str(tmp_path / "file")
        with pytest.raises(OSError, match="irectory"):
            Folder(str(tmp_path / "link to folder"), folder)


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    write_whole(path, b"before")
    write_whole(path, b"after")
    assert path.read_bytes() == b"after"

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"half")
    with pytest.raises(FileNotFoundError), replacing(path) as partial:
        partial.unlink()
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


# Where files are written: outputs beside which nothing else may look at half of one.
WRITERS = {
    "scanner/files.py",  # all of the others write through it
    "scanner/model/added.py",  # to a partial path, which then takes a name that is free
    "scanner/hashes/known.py",  # the index, of one scan alone, which goes with it
    "scanner/cli/logs.py",  # which grows
    "scanner/custody/signing.py",  # a new key; no file is ever replaced
    "scanner/cli/streams.py",  # nothing, to nowhere
    "scanner/processes.py",
    "scanner/validation/flips.py",  # copies, in a folder of their own that goes
    "scanner/containers/rar.py",  # a file in memory
    "export/trt.py",  # a folder of its own that goes
}
WRITES = re.compile(r"\.write_(bytes|text)\(|open\([^)]*\"[wax]b?\+?\"")


def test_no_output_is_written_in_place() -> None:
    """A crash on the way would leave half a model file or timing cache under its name."""
    root = Path(files.__file__).parent.parent
    modules = [path for folder in ("scanner", "export") for path in (root / folder).rglob("*.py")]
    found = {str(path.relative_to(root)) for path in modules if WRITES.search(path.read_text())}
    reports = {path for path in found if path.startswith("scanner/reports/")}  # to a partial path
    assert found - reports <= WRITERS
    assert found & {"scanner/files.py", "export/trt.py"}, "it sees them"


def test_what_a_small_file_is_told_by_is_read_once(tmp_path: Path) -> None:
    """And one that is larger, or that ends early, is what it was."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * BUFFER_BYTES)
    large.write_bytes(b"x" * (BUFFER_BYTES + 1))
    with open_readonly(small) as stream:
        held = held_if_small(stream)
        assert held is not stream
        assert held.read() == small.read_bytes()
        assert stream.tell() == 0
    with open_readonly(large) as stream:
        assert held_if_small(stream) is stream
    with open_readonly(small) as stream:
        small.write_bytes(b"x")
        with pytest.raises(OSError, match="only 1 of its 65,536 bytes"):
            held_if_small(stream)
        with pytest.raises(OSError, match="only 1 of its 65,536 bytes"):
            check_read(stream)
    with open_readonly(small) as stream:
        with large.open("ab") as grown:
            grown.write(b"y")
        small.write_bytes(b"x" * (BUFFER_BYTES + 2))
        assert held_if_small(stream) is stream, "as what never ends"
        assert stream.tell() == 0
