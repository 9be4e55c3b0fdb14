"""Protects: no file that a scan writes replaces evidence, an input or another of its own files."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from scanner.files import partial_path
from scanner.reports.html.page import START
from scanner.roots import Roots
from scanner.scan.places import PlaceError, check_outputs
from tests.conftest import command, environment, image_bytes, imgscan

WRITTEN_BESIDE = (
    "", ".journal", ".journal-wal", ".journal-shm", ".journal-journal", ".journal-known",
    ".manifest.json", ".manifest.json.sig",
)  # fmt: skip

MANIFEST = b'{\n "manifest": 1,\n "reports": []}\n'


def snapshot(folder: Path) -> dict[str, str]:
    """Name to hash of everything in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("suffix", WRITTEN_BESIDE)
def test_evidence_of_the_name_of_a_file_that_is_written_stays(
    suffix: str, fresh: bool, tmp_path: Path
) -> None:
    evidence = tmp_path / f"z.csv{suffix}"
    database = sqlite3.connect(evidence)  # what a journal is, too
    database.execute("CREATE TABLE message (body TEXT)")
    database.close()
    before = snapshot(tmp_path)
    options = ["--fresh"] if fresh else []
    ended = imgscan(evidence, "--report", tmp_path / "z.csv", *options)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Error: {evidence} lies inside the evidence")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", [".z.csv.imgscan-partial", ".z.csv.manifest.json.imgscan-partial"])
def test_evidence_of_the_name_of_a_half_written_file_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(image_bytes())
    before = snapshot(tmp_path)
    assert imgscan(tmp_path / name, "--report", tmp_path / "z.csv").returncode == 2
    assert snapshot(tmp_path) == before


def test_a_report_that_leads_out_of_the_evidence_is_written_inside_it(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "out.csv").symlink_to(tmp_path / "elsewhere.csv")
    ended = imgscan(evidence, "--report", evidence / "out.csv")
    assert ended.returncode == 2
    assert "lies inside the evidence" in ended.stderr
    assert [path.name for path in evidence.iterdir()] == ["out.csv"]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_a_link_in_a_long_list_is_evidence_where_it_leads(tmp_path: Path) -> None:
    """Though of the others in its folder no more is looked at than that they are files."""
    case, listed = tmp_path / "case", tmp_path / "listed"
    case.mkdir()
    listed.mkdir()
    names = [listed / f"{number:02}.txt" for number in range(50)]
    for name in names:
        name.touch()
    names[-1].unlink()
    names[-1].symlink_to(case)
    ended = subprocess.run(
        command("-", "--report", str(case / "z.csv")),
        input=b"".join(bytes(name) + b"\0" for name in names),
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        f"Error: {case}/z.csv.journal lies inside the evidence {names[-1]};".encode()
    )
    assert not list(case.iterdir())


@pytest.mark.parametrize("words", [["{}"], ["{}", "--report", "{}.csv"], ["verify", "x.csv"]])
@pytest.mark.parametrize("variable", ["TMPDIR", "SQLITE_TMPDIR"])
def test_temporary_files_are_not_written_into_the_evidence(
    words: list[str], variable: str, tmp_path: Path
) -> None:
    """Nor tried: Python writes to a folder to see whether it can be used for them."""
    evidence = tmp_path / "evidence"
    (evidence / "tmp").mkdir(parents=True)
    (evidence / "photo.jpg").write_bytes(image_bytes())
    if words[0] == "verify":
        assert imgscan(evidence, "--report", "x.csv", cwd=tmp_path).returncode == 0
        words = [*words, "--evidence", "{}"]
    before = (evidence / "tmp").stat().st_mtime_ns
    arguments = command(*(word.format(evidence) for word in words))
    inside = environment(**{variable: str(evidence / "tmp")})
    ended = subprocess.run(
        arguments, env=inside, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        f"Error: the temporary folder {evidence}/tmp lies inside the evidence {evidence}, which "
        f"must not be written to; set {variable} to a folder outside of it.\n"
    )
    assert (evidence / "tmp").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "options",
    [
        ["--known", "list.csv", "--report", "list.csv"],
        ["--known", "list.csv.manifest.json", "--report", "list.csv"],
        ["--known", "list.csv", "--log", "list.csv"],
        ["--c2pa-trust", "list.csv", "--report", "list.csv"],
        ["--known", "list.csv", "--report", "linked.csv"],
        ["--sign", "list.csv", "--report", "list.csv"],
        ["--model", "list.csv", "--report", "list.csv"],
        ["--report", "list.csv", "--log", "list.csv"],
        ["--report", "list.csv", "--log", "list.csv.journal"],
        ["--report", "list.csv", "--report", "list.csv.manifest.json"],
        ["--report", "list.csv", "--report", "new.csv", "--report", "../case/new.csv"],
    ],
)
def test_no_output_replaces_an_input_or_another_output(options: list[str], tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    for name in {"list.csv", "list.csv.manifest.json"}.intersection([*options, "list.csv"]):
        (case / name).write_text(hashlib.sha256(b"").hexdigest())
    os.link(case / "list.csv", case / "linked.csv")
    before = snapshot(case)
    ended = imgscan("../photo.jpg", *options, cwd=case)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: ")
    assert "rename" in ended.stderr
    assert snapshot(case) == before


@pytest.mark.parametrize("suffix", [".log", *WRITTEN_BESIDE[1:6]])
@pytest.mark.parametrize("content", [b"", b"imgscan: tables of hash lists\n".ljust(32), b"a\n"])
def test_evidence_under_a_second_name_is_not_written_through(
    content: bytes, suffix: str, tmp_path: Path
) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "file").write_bytes(content)
    os.link(tmp_path / "evidence" / "file", tmp_path / f"z.csv{suffix}")
    (tmp_path / "list").write_text(hashlib.sha256(b"").hexdigest())
    options: list[str | Path] = ["--report", tmp_path / "z.csv", "--known", tmp_path / "list"]
    ended = imgscan(tmp_path / "evidence", *options, "--log", tmp_path / "z.csv.log")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Error: {tmp_path / 'z.csv'}{suffix} is a hard link")
    assert (tmp_path / "evidence" / "file").read_bytes() == content


@pytest.mark.parametrize("suffix", ["", ".manifest.json"])
def test_what_is_written_anew_leaves_a_hard_link_as_it_was(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "file").write_bytes(MANIFEST)
    os.link(tmp_path / "evidence" / "file", tmp_path / f"z.csv{suffix}")
    imgscan(tmp_path / "evidence", "--report", tmp_path / "z.csv")
    assert (tmp_path / "evidence" / "file").read_bytes() == MANIFEST


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("z.csv.manifest.json", b'{"name": "a web app"}'),
        ("z.csv.manifest.json", b""),
        ("z.csv.manifest.json.sig", b"a signature of something else"),
    ],
)
def test_a_file_that_no_scan_left_stays(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    (tmp_path / name).write_bytes(content)
    before = snapshot(tmp_path)
    ended = imgscan(tmp_path / "photo.jpg", "--report", tmp_path / "z.csv")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Error: {tmp_path / name} was left by no scan")
    assert snapshot(tmp_path) == before


def test_a_folder_or_link_in_the_manifests_place_stays(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    (tmp_path / "a.csv.manifest.json").mkdir()
    (tmp_path / "b.csv.manifest.json").symlink_to("nowhere")
    for name in ("a.csv", "b.csv"):
        ended = imgscan(tmp_path / "photo.jpg", "--report", tmp_path / name)
        assert ended.stderr.startswith(f"Error: {tmp_path / name}.manifest.json was left by no")
    assert (tmp_path / "b.csv.manifest.json").is_symlink()


def test_what_a_scan_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    imgscan("keygen", "examiner.key", cwd=tmp_path)
    scan = ("photo.jpg", "--report", "z.csv", "--sign", "examiner.key")
    assert imgscan(*scan, cwd=tmp_path).returncode == 0
    first = (tmp_path / "z.csv.manifest.json.sig").read_bytes()
    time.sleep(1)  # a manifest holds seconds
    assert imgscan(*scan, cwd=tmp_path).returncode == 0
    assert (tmp_path / "z.csv.manifest.json.sig").read_bytes() != first


def test_half_a_report_of_a_killed_scan_is_no_hindrance(tmp_path: Path) -> None:
    """Whatever became of its journal, and whichever reports are asked for now."""
    (tmp_path / "photo.jpg").write_bytes(image_bytes())
    for name in ("z.csv", "z.csv.manifest.json", "z.csv.manifest.json.sig"):
        partial_path(tmp_path / name).write_bytes(b"half")
    (tmp_path / "z.csv.manifest.json.sig").write_bytes(bytes(64))
    assert imgscan("photo.jpg", "--report", "z.csv", cwd=tmp_path).returncode == 0
    assert not list(tmp_path.glob(".z.csv.*partial"))[2:]


def test_outputs_beside_the_evidence_are_fine(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    names = [tmp_path / name for name in ("evidence.csv", "evidence.csv.journal")]
    check_outputs(names, Roots([tmp_path / "evidence"]), [tmp_path / "list.txt"])
    with pytest.raises(PlaceError, match="inside the evidence"):
        check_outputs(names, Roots([tmp_path]), [])


@pytest.mark.parametrize("name", ["z.html.parts", ".z.html.parts.imgscan-partial"])
@pytest.mark.parametrize("inside", [True, False])
def test_evidence_where_pages_of_a_report_would_lie_stays(
    name: str, inside: bool, tmp_path: Path
) -> None:
    """Even if it is such a page: an older scan's, that is examined now."""
    folder = tmp_path / name
    folder.mkdir()
    page = folder / "fake-1.html"
    page.write_text(START + "an older scan's")
    ended = imgscan(page if inside else folder, "--report", tmp_path / "z.html")
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: ")
    assert "lies in" in ended.stderr
    assert page.read_text() == START + "an older scan's"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_foreign_file_among_the_pages_of_a_report_stays(tmp_path: Path) -> None:
    picture, folder = tmp_path / "a.jpg", tmp_path / "z.html.parts"
    picture.write_bytes(image_bytes())
    folder.mkdir()
    (folder / "mine").write_bytes(b"mine")
    ended = imgscan(picture, "--report", tmp_path / "z.html")
    assert ended.returncode == 2
    assert "was left by no scan" in ended.stderr
    assert (folder / "mine").read_bytes() == b"mine"


def test_nothing_else_is_written_where_pages_of_a_report_would_lie(tmp_path: Path) -> None:
    picture, folder = tmp_path / "a.jpg", tmp_path / "z.html.parts"
    picture.write_bytes(image_bytes())
    folder.mkdir()
    for more in (("--report", folder / "o.csv"), ("--log", folder / "log")):
        ended = imgscan(picture, "--report", tmp_path / "z.html", *more)
        assert ended.returncode == 2
        assert "where pages of the report would be written" in ended.stderr
    assert not list(folder.iterdir())
