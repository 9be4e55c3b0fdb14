"""The chain of custody as a user and an outside expert meet it: commands, exit codes, OpenSSL."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from scanner.record import path_from_text
from tests.conftest import imgscan


def _rows(report: Path) -> dict[str, dict[str, str]]:
    with report.open(encoding="utf-8", newline="") as stream:
        return {row["path"]: row for row in csv.DictReader(stream)}


def _hash(path: Path, algorithm: str) -> str:
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


def test_verify_says_intact_and_exits_0(scanned: Path) -> None:
    result = imgscan(
        "verify", "out.csv", "--key", "examiner.key.pub", "--evidence", "evidence", cwd=scanned
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout == ""
    assert "7 hashes of the report were compared with the evidence" in result.stderr
    assert result.stderr.endswith("\nintact\n")


def test_verify_prints_a_line_a_problem_and_exits_1(scanned: Path) -> None:
    (scanned / "evidence" / "a.jpg").write_bytes(b"changed")
    with (scanned / "out.json").open("a") as stream:
        stream.write("\n")
    result = imgscan(
        "verify", "out.csv", "--key", "examiner.key.pub", "--evidence", "evidence", cwd=scanned
    )
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.endswith("\nNOT INTACT\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["out.csv"],
        ["out.json"],
        ["none.csv"],
        ["out.csv", "--key", "none.pub"],
        ["out.csv", "--key", "examiner.key"],
        ["out.csv", "--evidence", "nowhere"],
    ],
)
def test_verify_exits_2_where_it_cannot_check(scanned: Path, arguments: list[str]) -> None:
    result = imgscan("verify", *arguments, cwd=scanned)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
def test_openssl_accepts_a_scans_signature(scanned: Path) -> None:
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "examiner.key.pub", "-rawin"]
    check += ["-in", "out.csv.manifest.json", "-sigfile", "out.csv.manifest.json.sig"]
    assert subprocess.run(check, cwd=scanned, timeout=60, check=False).returncode == 0
    manifest = scanned / "out.csv.manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"resumed": false', b'"resumed": true '))
    assert subprocess.run(check, cwd=scanned, timeout=60, check=False).returncode != 0


def test_compare_tells_the_same_from_the_different(scanned: Path) -> None:
    result = imgscan("compare", "out.csv", "out.json", cwd=scanned)
    assert (result.returncode, result.stdout) == (0, "")
    text = (scanned / "out.jsonl").read_text().replace('"frames": 1', '"frames": 2')
    (scanned / "other.jsonl").write_text(text)
    result = imgscan("compare", "out.csv", "other.jsonl", cwd=scanned)
    assert result.returncode == 1
    assert "a.jpg: frames 1 → 2 (+1)" in result.stdout.splitlines()
    (scanned / "letter.csv").write_text("dear examiner\n")
    assert imgscan("compare", "out.csv", "letter.csv", cwd=scanned).returncode == 2


def test_nothing_steers_the_terminal_of_who_verifies(scanned: Path) -> None:
    manifest = scanned / "out.csv.manifest.json"
    content = json.loads(manifest.read_text())
    content["reports"].append({"name": "\x1b[2J\x85\ud800\u202e", "sha256": ""})
    manifest.write_text(json.dumps(content))
    result = imgscan("verify", "out.csv", cwd=scanned)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == (r"\x1b[2J\u0085\ud800\u202e: the report is missing")


def test_md5_stands_beside_every_sha256(scanned: Path) -> None:
    rows = _rows(scanned / "out.csv")
    for name in ("a.jpg", "broken.jpg"):
        file = scanned / "evidence" / name
        hashes = (_hash(file, "sha256"), _hash(file, "md5"))
        assert (rows[name]["sha256"], rows[name]["md5"]) == hashes
    assert rows["c.zip!/in/twin.jpg"]["md5"] == rows["a.jpg"]["md5"]


def test_known_files_are_marked_and_scored_all_the_same(scanned: Path) -> None:
    (scanned / "good.txt").write_text(_hash(scanned / "evidence" / "a.jpg", "sha256"))
    before = _rows(scanned / "out.csv")
    result = imgscan("evidence", "--report", "k.csv", "--known", "good.txt", cwd=scanned)
    assert result.returncode == 1, result.stderr
    rows = _rows(scanned / "k.csv")
    assert {path for path, row in rows.items() if row["known"]} == {"a.jpg", "c.zip!/in/twin.jpg"}
    assert rows["a.jpg"] == before["a.jpg"] | {"known": "good.txt", "md5": ""}
    assert not list(scanned.glob("k.csv.journal*"))


def test_skipped_known_files_never_look_clean(scanned: Path) -> None:
    lists = [("good.txt", "a.jpg", "sha256"), ("=bad.txt", "broken.jpg", "md5")]
    options: list[str] = ["--skip-known"]
    for name, file, algorithm in lists:
        (scanned / name).write_text(_hash(scanned / "evidence" / file, algorithm) + "\n")
        options += ["--known", name]
    result = imgscan("evidence", "--report", "k.csv", *options, cwd=scanned)
    assert result.returncode == 0, result.stderr  # the broken image is known
    assert "known         3: skipped, not examined" in result.stderr
    rows = _rows(scanned / "k.csv")
    for path, hash_list in (
        ("a.jpg", "good.txt"),
        ("c.zip!/in/twin.jpg", "good.txt"),
        ("broken.jpg", "'=bad.txt"),
    ):
        row = rows[path]
        assert (row["status"], row["verdict"], row["p_fake"]) == ("known", "", "")
        assert row["known"] == hash_list
        assert hash_list.strip("'") in row["error"]
        assert row["sha256"]
        assert row["md5"]  # a list of MD5 hashes was given
    assert rows["c.zip!/in/member.jpg"]["status"] == "scored"
    manifest = json.loads((scanned / "k.csv.manifest.json").read_text())
    assert manifest["statuses"]["known"] == 3
    assert manifest["hashing"]["skip_known"] is True
    described = [(item["name"], item["sha256"]) for item in manifest["hashing"]["known"]]
    assert described == [(name, _hash(scanned / name, "sha256")) for name, _, _ in lists]
    intact = imgscan("verify", "k.csv", "--evidence", "evidence", cwd=scanned)
    assert intact.returncode == 0, intact.stdout


def test_files_in_vics_and_rds_lists_are_skipped(scanned: Path) -> None:
    """The lists that agencies hand out, as they come, from the command to the manifest."""
    mark = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/CUSTOM/$metadata#Cases"
    md5 = _hash(scanned / "evidence" / "broken.jpg", "md5").upper()
    media = [{"MediaID": 1, "MD5": md5, "SHA1": None}, {"MediaID": 2}]
    vics = {"@odata.context": mark, "value": [{"CaseID": "1", "Media": media}]}
    (scanned / "vics.json").write_text(json.dumps(vics), "utf-8-sig")
    with closing(sqlite3.connect(scanned / "rds.db")) as database:
        database.execute("CREATE TABLE FILE (sha256 VARCHAR NOT NULL PRIMARY KEY)")
        database.execute("CREATE TABLE VERSION (version VARCHAR, description VARCHAR)")
        database.execute("INSERT INTO VERSION VALUES ('2025.03.1', 'modern')")
        sha256 = _hash(scanned / "evidence" / "a.jpg", "sha256").upper()
        database.execute("INSERT INTO FILE VALUES (?)", [sha256])
        database.commit()
    before = (scanned / "rds.db").read_bytes()
    lists = ["--known", "vics.json", "--known", "rds.db", "--skip-known"]
    result = imgscan("evidence", "--report", "k.csv", *lists, cwd=scanned)
    assert result.returncode == 0, result.stderr
    known = {path: row["known"] for path, row in _rows(scanned / "k.csv").items() if row["known"]}
    assert known == {"a.jpg": "rds.db", "c.zip!/in/twin.jpg": "rds.db", "broken.jpg": "vics.json"}
    assert (scanned / "rds.db").read_bytes() == before
    manifest = json.loads((scanned / "k.csv.manifest.json").read_text())
    assert manifest["statuses"]["known"] == 3
    of_vics, of_rds = manifest["hashing"]["known"]
    assert (of_vics["md5_entries"], of_vics["without_hash"]) == (1, 1)
    assert of_rds["sha256"] == _hash(scanned / "rds.db", "sha256")
    assert of_rds["version"] == "2025.03.1 modern"
    assert imgscan("verify", "k.csv", "--evidence", "evidence", cwd=scanned).returncode == 0
    compared = imgscan("compare", "out.csv", "k.csv", cwd=scanned)
    assert compared.returncode == 1
    assert "hashing" in compared.stdout + compared.stderr
    (scanned / "rds.db").write_bytes(before[:-4096])
    result = imgscan("evidence", "--report", "d.csv", *lists, cwd=scanned)
    assert result.returncode == 2
    assert "the hash database rds.db cannot be read" in result.stderr
    assert not list(scanned.glob("d.csv"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--report", "x.csv", "--skip-known"], "--skip-known needs a list"),
        (["--sign", "examiner.key"], "--sign needs a report"),
        (["--report", "x.csv", "--sign", "examiner.key.pub"], "no private key"),
        (["--report", "x.csv", "--known", "examiner.key"], "has a line without SHA-256, SHA-1"),
        (["--report", "x.csv", "--no-blur"], "--no-blur needs an HTML report"),
        (["--report", "x.csv", "--explain", "fake"], "--explain needs an HTML report"),
        (["--explain", "unsure"], "'unsure' is not one of 'fake', 'inconclusive', 'real'"),
        (["--report", "x.csv", "--zip-names", "klingon"], "'klingon' is no code page"),
    ],
)
def test_unusable_options_stop_the_scan_before_it_starts(
    scanned: Path, options: list[str], sentence: str
) -> None:
    result = imgscan("evidence", *options, cwd=scanned)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(scanned.glob("x.csv*"))


def test_a_manifest_tells_the_command_without_its_passwords(evidence: Path, tmp_path: Path) -> None:
    (evidence / "note.txt").write_bytes(b"a note")
    secrets = ["--password", "first-secret", "--password=second-secret"]
    done = imgscan("evidence", "--report", "out.csv", *secrets, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = (tmp_path / "out.csv.manifest.json").read_text("utf-8")
    assert "secret" not in manifest
    assert json.loads(manifest)["command"][1:] == [
        "evidence", "--report", "out.csv", "--password", "***", "--password=***",
    ]  # fmt: skip


def test_a_scan_without_its_manifest_is_unfinished(scanned: Path) -> None:
    scan = ["evidence", "--report", "x.csv", "--device", "cpu"]
    (scanned / "x.csv.journal").touch()  # else the folder is refused at once
    (scanned / ".x.csv.manifest.json.imgscan-partial").mkdir()
    result = imgscan(*scan, cwd=scanned)
    assert result.returncode == 2
    assert "the manifest x.csv.manifest.json cannot be written" in result.stderr
    (scanned / ".x.csv.manifest.json.imgscan-partial").rmdir()
    result = imgscan(*scan, "--md5", cwd=scanned)
    assert result.returncode == 2
    assert "another hash options" in result.stderr
    result = imgscan(*scan, "--zip-names", "cp932", cwd=scanned)
    assert result.returncode == 2
    assert "another code page of names in zips" in result.stderr
    result = imgscan(*scan, cwd=scanned)
    assert result.returncode == 1, result.stderr
    assert json.loads((scanned / "x.csv.manifest.json").read_text())["resumed"] is True
    assert imgscan("verify", "x.csv", "--evidence", "evidence", cwd=scanned).returncode == 0


def test_keygen_never_overwrites(scanned: Path) -> None:
    before = (scanned / "examiner.key").read_bytes()
    result = imgscan("keygen", "examiner.key", cwd=scanned)
    assert result.returncode == 2
    assert "exists already" in result.stderr
    assert (scanned / "examiner.key").read_bytes() == before


def test_a_vics_report_is_a_list_of_what_was_scanned(scanned: Path) -> None:
    """What one laboratory hands over marks the same files at the next."""
    imgscan("evidence", "--report", "first.vics.json", "--report", "first.csv", cwd=scanned)
    imgscan("evidence", "--report", "next.csv", "--known", "first.vics.json", cwd=scanned)
    first, after = _rows(scanned / "first.csv"), _rows(scanned / "next.csv")
    for path, row in first.items():
        if "!" not in path:
            assert row["sha1"] == _hash(
                scanned / "evidence" / path_from_text(path.removeprefix("'")), "sha1"
            )
        listed = row["status"] not in ("not_image", "container")
        assert after[path]["known"] == ("first.vics.json" if listed else ""), path
