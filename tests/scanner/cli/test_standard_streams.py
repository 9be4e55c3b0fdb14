"""Protects: imgscan between other programs: lists from standard input, rows to standard output."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import command, environment

NAMES = ["a.jpg", "sub/b.png", "sub/twin.jpg"]


def piped(listed: bytes, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    line = command(*arguments, "--device", "cpu", "--workers", "1")
    return subprocess.run(
        line, input=listed, capture_output=True, cwd=cwd, env=environment(), check=False
    )


def rows_of(ended: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("name", ["csv", "json", "jsonl"])
def test_standard_output_gets_what_a_file_would(scanned: Path, name: str) -> None:
    """And the report beside it is what it is without."""
    ended = piped(
        b"", "evidence", "--report", "x.csv", "--report", "-", "--format", name, "--md5",
        cwd=scanned,
    )  # fmt: skip
    assert ended.returncode == 1  # broken.jpg could not be examined
    assert ended.stdout == (scanned / f"out.{name}").read_bytes()
    assert (scanned / "x.csv").read_bytes() == (scanned / "out.csv").read_bytes()
    assert (scanned / "x.csv.manifest.json").exists()


def test_without_a_report_the_format_is_that_of_standard_output(scanned: Path) -> None:
    ended = piped(b"", "evidence", "--format", "jsonl", "--md5", "--quiet", cwd=scanned)
    assert ended.stdout == (scanned / "out.jsonl").read_bytes()
    assert ended.stderr == b""


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_paths_are_listed_on_standard_input(scanned: Path, end: bytes) -> None:
    """One a line, or as find -print0 lists them, in whatever order; what is gone has a row."""
    odd = "evidence/odd\nname.jpg" if end == b"\0" else "evidence/odd name.jpg"
    (scanned / odd).write_bytes((scanned / "evidence/a.jpg").read_bytes())
    listed = ["evidence/gone.jpg", odd, "evidence/a.jpg"]
    ended = piped(
        end.join(name.encode() for name in listed) + end, "-", "--format", "jsonl", "--quiet",
        cwd=scanned,
    )  # fmt: skip
    assert ended.returncode == 1
    found = {row["path"]: row["status"] for row in rows_of(ended)}
    escaped = odd.replace("\n", r"\x0a")
    assert found == {
        "evidence/a.jpg": "scored",
        escaped: "scored",
        "evidence/gone.jpg": "unreadable",
    }


def test_a_list_is_verified_in_any_order(scanned: Path) -> None:
    """Tools list files in another order after a copy, and nothing has changed by that."""
    listed = ["evidence/a.jpg", "evidence/broken.jpg", "evidence/sub"]
    there, back = ("\n".join(names).encode() for names in (listed, reversed(listed)))
    piped(there, "-", "--report", "z.csv", "--quiet", cwd=scanned)
    verify = command("verify", "z.csv", "--evidence", "-")
    for order in (there, back):
        checked = subprocess.run(
            verify, input=order, capture_output=True, cwd=scanned, env=environment(), check=False
        )
        assert checked.stdout == b""
        assert b"hashes of the report were compared" in checked.stderr


def test_what_is_listed_twice_is_scanned_once(scanned: Path) -> None:
    ended = piped(b"evidence/a.jpg\n" * 3, "-", "--format", "jsonl", "--quiet", cwd=scanned)
    assert ended.returncode == 0
    assert len(rows_of(ended)) == 1


@pytest.mark.parametrize("end", [b"\r\n", b"\r\n\n", b"", b"\r"])
def test_a_list_of_windows_is_read(scanned: Path, end: bytes) -> None:
    """However it ends; an empty line may have been added by another system."""
    listed = b"evidence/a.jpg\r\nevidence/sub" + (end or b"\r\n\r\n")
    ended = piped(listed, "-", "--format", "jsonl", "--quiet", cwd=scanned)
    assert ended.returncode == 0, ended.stdout
    assert rows_of(ended)[0]["path"] == "evidence/a.jpg"


def test_standard_input_that_cannot_be_read(scanned: Path) -> None:
    with (scanned / "written").open("wb") as stream:
        line = command("-", "--quiet")
        ended = subprocess.run(
            line, stdin=stream, capture_output=True, cwd=scanned, env=environment(), check=False
        )
    assert ended.returncode == 2
    assert b"standard input cannot be read: Bad file descriptor" in ended.stderr


def test_listed_and_named_paths_go_together_and_are_verified_so(scanned: Path) -> None:
    listed = b"evidence/a.jpg\n"
    scan = piped(listed, "evidence/sub", "-", "--report", "y.csv", "--quiet", cwd=scanned)
    assert scan.returncode == 0, scan.stderr
    verify = command("verify", "y.csv", "--evidence", "evidence/sub", "--evidence", "-")
    checked = subprocess.run(
        verify, input=listed, capture_output=True, cwd=scanned, env=environment(), check=False
    )
    assert b"hashes of the report were compared" in checked.stderr
    assert checked.stdout == b""


@pytest.mark.parametrize(
    ("listed", "arguments", "sentence"),
    [
        (b"", ["-"], b"standard input lists no paths"),
        (b"\n\n", ["-"], b"standard input lists no paths"),
        (b"a\n", ["-", "-"], b"- is named twice"),
        (b"", ["evidence", "--report", "-", "--report", "-"], b"standard output is named twice"),
        (b"", ["evidence", "--report", "z.csv", "--format", "csv"], b"--format is of standard"),
        (b"", ["evidence", "--report", "-", "--sign", "examiner.key"], b"--sign needs a report"),
        (b"", ["evidence", "--report", "-", "--no-blur"], b"--no-blur needs an HTML report"),
        (b"evidence\nevidence/a.jpg\n", ["-"], b"its files would be met twice"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(
    scanned: Path, listed: bytes, arguments: list[str], sentence: bytes
) -> None:
    ended = piped(listed, *arguments, cwd=scanned)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert ended.stdout == b""


def test_a_file_called_dash_is_named_with_its_folder(scanned: Path) -> None:
    (scanned / "-").write_bytes((scanned / "evidence/a.jpg").read_bytes())
    ended = piped(b"", "./-", "--report", "./-.csv", "--quiet", cwd=scanned)
    assert ended.returncode == 0, ended.stderr
    assert (scanned / "-.csv").read_text().count("scored") == 1
