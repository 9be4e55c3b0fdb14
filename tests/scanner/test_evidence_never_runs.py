"""Protects: nothing that lies in the evidence is ever run, and nothing is written there.

The evidence is a folder with a module and a program for every name that anything here could look
for. The commands are given from inside it, and it is in every search path that a user may have it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from scanner.environment import PROGRAMS
from scanner.scan.journal_file import SUFFIX
from tests.conftest import HANG_GUARD, encoded, image_bytes
from tests.scanner.containers.rar_bytes import FASTEST, rar
from tests.scanner.containers.test_mail import message
from tests.scanner.containers.test_pdf import document, image_object
from tests.scanner.containers.test_sevenzip import sevenzip
from tests.scanner.scans import wait_for
from tests.scanner.walking import tarred, zipped

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are shell scripts here")

CONSOLE = [str(Path(sys.executable).with_name("imgscan"))]
MODULE = [sys.executable, "-m", "scanner"]
OPTIONAL = {"cuda", "olefile", "rawpy", "tensorrt", "tensorrt_libs", "tensorrt_rtx", "zstandard"}
ONES_OWN_IMPORTS = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that anything which is run in the evidence writes its name to."""
    return tmp_path / "mark"


@pytest.fixture
def evidence(tmp_path: Path, mark: Path) -> Path:
    folder = tmp_path / "evidence"
    (folder / "bin").mkdir(parents=True)
    for name in module_names():
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write(__name__ + ' ')\n")
    program = folder / "bin" / "a program"
    program.write_text(f'#!/bin/sh\necho "$0" >> "{mark}"\n')
    program.chmod(0o755)
    for name in program_names():
        os.link(program, folder / "bin" / name)
    pictures = [(f"{n}.jpg", image_bytes(seed=n)) for n in range(3)]
    letter = message()
    letter.add_attachment(pictures[0][1], maintype="image", subtype="jpeg", filename="a.jpg")
    (folder / "a.jpg").write_bytes(pictures[1][1])
    (folder / "a.zip").write_bytes(zipped(pictures))
    (folder / "a.tar").write_bytes(tarred(pictures))
    (folder / "a.7z").write_bytes(sevenzip(dict(pictures)))
    (folder / "a.rar").write_bytes(rar(pictures, FASTEST))
    (folder / "a.eml").write_bytes(bytes(letter))
    (folder / "a.pdf").write_bytes(document(image_object(pictures[2][1], "/DCTDecode")))
    return folder


def module_names() -> set[str]:
    """Whatever a scan holds in sys.modules at its end, and whatever else there is to import."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    installed = {name.partition("/")[0] for name in importlib.metadata.packages_distributions()}
    names = loaded | installed | OPTIONAL | sys.stdlib_module_names | {"sitecustomize"}
    return {name for name in names if name.isidentifier()}


def program_names() -> set[str]:
    """All that the system has by name, and what would be run if it were there."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).is_dir()]
    here = {name for folder in folders for name in os.listdir(folder)}  # noqa: PTH208
    return here | {*PROGRAMS, "djpeg", "gs", "jbig2dec", "lsar", "uname"}


def outside_environment() -> dict[str, str]:
    """Without what a scan in this very process has made safe."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def run(command: Sequence[object], evidence: Path, **options: str) -> subprocess.Popen[str]:
    """Start a command from inside the evidence, with it in every search path."""
    path = os.pathsep.join([str(evidence / "bin"), "bin", ".", "", os.environ["PATH"]])
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=evidence,
        env=outside_environment() | {"PATH": path} | options,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=HANG_GUARD)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def snapshot(root: Path) -> dict[Path, tuple[int, str | None]]:
    """Every entry's time of modification, and every file's content."""
    return {
        path: (
            path.stat().st_mtime_ns,
            None if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in (root, *root.rglob("*"))
    }


def drop(evidence: Path, names: Iterable[str]) -> None:
    for name in names:
        (evidence / f"{name}.py").unlink(missing_ok=True)


def imported_before(evidence: Path) -> set[str]:
    """What Python itself imports, from the current folder if it can, before `-m` runs anything."""
    package = evidence.parent / "elsewhere" / "empty"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ONES_OWN_IMPORTS)
    (package / "__main__.py").touch()
    command = [sys.executable, "-m", "empty"]
    env = outside_environment()
    return set(subprocess.check_output(command, cwd=package.parent, env=env, text=True).split())


@pytest.mark.parametrize("command", [CONSOLE, MODULE], ids=["imgscan", "python -m scanner"])
def test_a_scan_from_inside_the_evidence(
    command: list[str], evidence: Path, mark: Path, tmp_path: Path
) -> None:
    if command is MODULE:  # out of its own reach, as SECURITY.md says
        drop(evidence, imported_before(evidence) | {"scanner"})
    before = snapshot(evidence)
    report = tmp_path / "out.csv"
    done = ended(run([*command, ".", "--report", report, "--device", "cpu"], evidence))
    assert done.returncode in (0, 1), done.stderr
    assert not mark.exists(), f"these ran: {mark.read_text()}"
    assert snapshot(evidence) == before
    rows = report.read_text()
    for place in ("a.jpg", "a.zip!/0.jpg", "a.tar!/1.jpg", "a.7z!/2.jpg", "a.eml!/a.jpg", "a.pdf!"):
        assert f"\n{place}" in rows
    checked = ended(run([*command, "verify", report, "--evidence", "."], evidence))
    assert "differs" not in checked.stdout
    assert checked.returncode in (0, 2), checked.stderr
    assert not mark.exists(), f"these ran: {mark.read_text()}"
    assert snapshot(evidence) == before


def test_a_scan_that_carries_on(evidence: Path, mark: Path, tmp_path: Path) -> None:
    before = snapshot(evidence)
    report = tmp_path / "out.csv"
    command = [*CONSOLE, ".", "--report", report, "--device", "cpu"]
    journal = tmp_path / f"out.csv{SUFFIX}-wal"
    with run(command, evidence) as killed:
        wait_for(lambda: journal.exists() and journal.stat().st_size > 100_000, "the journal")
        killed.kill()
        killed.communicate()
    done = ended(run(command, evidence))
    assert "carrying on from the journal" in done.stderr
    assert done.returncode in (0, 1), done.stderr
    assert not mark.exists(), f"these ran: {mark.read_text()}"
    assert snapshot(evidence) == before


def test_children_do_not_look_where_python_was_told_to(
    evidence: Path, mark: Path, tmp_path: Path
) -> None:
    """What the command itself imports by PYTHONPATH is out of its reach, but not what they do."""
    for module in evidence.glob("*.py"):
        if module.stem not in ("c2pa", "pillow_heif", "py7zr", "pypdf", "rarfile", "rawpy"):
            module.unlink()
    command = [*CONSOLE, ".", "--report", tmp_path / "out.csv", "--device", "cpu"]
    done = ended(run(command, evidence, PYTHONPATH="."))
    assert done.returncode in (0, 1), done.stderr
    assert not mark.exists(), f"these ran: {mark.read_text()}"


@pytest.mark.parametrize("path", ["", ".", ":", "bin", "./bin:.", "LINKS"])
def test_a_path_of_nothing_but_the_evidence(path: str, tmp_path: Path, mark: Path) -> None:
    """Python would ask the program uname for the processor, for one."""
    evidence = tmp_path / "evidence"
    links = tmp_path / "links"  # a folder of the user's own
    for folder in (evidence / "bin", links):
        folder.mkdir(parents=True)
    for name in (*PROGRAMS, "uname"):
        for place in (evidence / name, evidence / "bin" / name):
            place.write_text(f'#!/bin/sh\necho "$0" >> "{mark}"\n')
            place.chmod(0o755)
        (links / name).symlink_to(evidence / name)
    (evidence / "a.rar").write_bytes(rar([("a.jpg", image_bytes())], FASTEST))
    path = path.replace("LINKS", str(links))
    done = ended(run([*CONSOLE, ".", "--report", tmp_path / "out.csv"], evidence, PATH=path))
    assert done.returncode == 1, done.stderr
    assert not mark.exists(), f"these ran: {mark.read_text()}"


def test_a_way_of_starting_python_that_cannot_be_made_safe(evidence: Path, mark: Path) -> None:
    """Its children would ignore what they are told of the current folder."""
    done = ended(run([sys.executable, "-E", *CONSOLE, "."], evidence))
    assert done.returncode == 2
    assert done.stderr == (
        "Error: python -E looks for modules in the current folder; use python -I.\n"
    )
    assert not mark.exists()
    done = ended(run([sys.executable, "-I", *CONSOLE, "a.jpg", "--device", "cpu"], evidence))
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


def iptc_around(inner: bytes) -> bytes:
    """An IPTC image (32x32, "JPEG") whose picture is any file at all, which decoders open."""

    def field(record: int, number: int, content: bytes) -> bytes:
        size = len(content).to_bytes(2)
        return bytes([0x1C, record, number]) + size + content

    facts = [(60, b"\1\0"), (20, b"\0\x20"), (30, b"\0\x20"), (120, b"\5")]
    header = b"".join(field(3, number, content) for number, content in facts)
    return header + field(8, 10, inner) + bytes(5)


def test_postscript_that_hides_in_another_format(mark: Path, tmp_path: Path) -> None:
    """Pillow hands it to Ghostscript, which is a program of the user's own, but runs its code."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gs").write_text(f'#!/bin/sh\necho "$0" >> "{mark}"\n')
    (programs / "gs").chmod(0o755)
    postscript = encoded(Image.new("RGB", (32, 32)), "EPS")
    (tmp_path / "a.iim").write_bytes(iptc_around(postscript))
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    command = [*CONSOLE, tmp_path / "a.iim", "--device", "cpu"]
    done = ended(run(command, tmp_path, PATH=path))
    assert done.returncode == 1, done.stdout
    assert ",unreadable," in done.stdout
    assert not mark.exists(), "the evidence's PostScript was run"
