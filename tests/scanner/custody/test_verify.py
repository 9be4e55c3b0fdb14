"""Whatever was changed after a scan, in reports, manifest, signature or evidence, is told."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scanner.custody.compare import Comparison
from scanner.custody.manifest import ManifestError
from scanner.custody.signing import SigningError, generate_key
from scanner.custody.verify import Weight, exit_code, verify
from tests.conftest import imgscan
from tests.scanner.carving.pictures import jpeg
from tests.scanner.walking import zipped

INTACT, DIFFERS, UNCHECKED = 0, 1, 2


def _verify(scanned: Path, *, key: bool = True, evidence: str | None = None) -> tuple[int, str]:
    """The exit code, and the findings that are more than notes."""
    findings = list(
        verify(
            scanned / "out.csv",
            scanned / "examiner.key.pub" if key else None,
            [scanned / evidence] if evidence else [],
        )
    )
    told = [finding.text for finding in findings if finding.weight is not Weight.NOTE]
    assert not any("\n" in text for text in told)
    return exit_code({finding.weight for finding in findings}), "\n".join(told)


def _rewrite(manifest: Path, **values: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | values))


def _unsign(manifest: Path) -> None:
    content = json.loads(manifest.read_text())
    del content["signed_by"]
    manifest.write_text(json.dumps(content))
    manifest.with_name(manifest.name + ".sig").unlink()


def test_an_untouched_scan_is_intact(scanned: Path) -> None:
    assert _verify(scanned, evidence="evidence") == (INTACT, "")


def test_evidence_and_reports_may_have_moved(scanned: Path) -> None:
    (scanned / "elsewhere").mkdir()
    (scanned / "evidence").rename(scanned / "elsewhere" / "copy")
    moved = scanned.rename(scanned.with_name("moved"))
    assert _verify(moved, evidence="elsewhere/copy") == (INTACT, "")


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.jsonl"])
def test_one_changed_byte_of_any_report_is_told(scanned: Path, name: str) -> None:
    content = (scanned / name).read_bytes()
    (scanned / name).write_bytes(content.replace(b"scored", b"Scored", 1))
    code, told = _verify(scanned)
    assert code == DIFFERS
    assert told.startswith(f"{scanned / name}: the report was changed")


def test_a_missing_report_is_told(scanned: Path) -> None:
    (scanned / "out.json").unlink()
    assert _verify(scanned) == (DIFFERS, f"{scanned / 'out.json'}: the report is missing")


def test_a_report_and_manifest_changed_together_fail_the_signature(scanned: Path) -> None:
    manifest = scanned / "out.csv.manifest.json"
    _rewrite(manifest, statuses={"scored": 99})
    code, told = _verify(scanned)
    assert code == DIFFERS
    assert "the manifest was changed after signing" in told


def test_another_signers_key_is_told(scanned: Path) -> None:
    (scanned / "examiner.key.pub").unlink()
    generate_key(scanned / "other.key").rename(scanned / "examiner.key.pub")
    code, told = _verify(scanned)
    assert code == DIFFERS
    assert "not this key's" in told


@pytest.mark.parametrize("key", [True, False])
def test_a_removed_signature_is_told(scanned: Path, key: bool) -> None:
    (scanned / "out.csv.manifest.json.sig").unlink()
    code, told = _verify(scanned, key=key)
    assert code == DIFFERS
    assert "the signature is missing" in told


def test_a_key_demands_a_signature(scanned: Path) -> None:
    _unsign(scanned / "out.csv.manifest.json")
    assert _verify(scanned)[0] == DIFFERS


def test_a_signature_without_a_key_is_not_checked(scanned: Path) -> None:
    code, told = _verify(scanned, key=False)
    assert code == UNCHECKED
    assert "give the signer's public key with --key" in told


def test_an_unsigned_scan_is_intact_but_says_so(scanned: Path) -> None:
    _unsign(scanned / "out.csv.manifest.json")
    findings = list(verify(scanned / "out.csv", None, []))
    assert exit_code({finding.weight for finding in findings}) == INTACT
    assert "not signed" in findings[0].text


def test_a_manifest_of_other_reports_is_told(scanned: Path) -> None:
    for suffix in ("", ".manifest.json", ".manifest.json.sig"):
        shutil.copy(scanned / f"out.csv{suffix}", scanned / f"fake.csv{suffix}")
    findings = list(verify(scanned / "fake.csv", scanned / "examiner.key.pub", []))
    assert exit_code({finding.weight for finding in findings}) == DIFFERS
    assert any("of other reports than fake.csv" in finding.text for finding in findings)


def test_the_manifest_itself_may_be_named(scanned: Path) -> None:
    findings = verify(
        scanned / "out.csv.manifest.json", scanned / "examiner.key.pub", [scanned / "evidence"]
    )
    assert {finding.weight for finding in findings} == {Weight.NOTE}


@pytest.mark.parametrize(
    "values",
    [
        {"reports": 1},
        {"reports": [3]},
        {"reports": [{"name": "a\0b", "sha256": ""}]},
        {"reports": [{"name": "\ud800", "sha256": ""}]},
        {"reports": [{"name": "/dev/zero", "sha256": ""}]},
        {"limits": None},
        {"limits": {"depth": "x"}},
        {"limits": {"depth": 1.5}},
        {"limits": {"seconds": float("inf")}},
        {"limits": {"members": -1}},
        {"evidence": 3},
    ],
)
def test_a_mangled_manifest_is_told(scanned: Path, values: dict[str, Any]) -> None:
    _rewrite(scanned / "out.csv.manifest.json", **values)
    assert _verify(scanned, evidence="evidence")[0] == DIFFERS


def test_a_manifest_nested_without_end_is_refused(scanned: Path) -> None:
    (scanned / "out.csv.manifest.json").write_text("[" * 100_000)
    with pytest.raises(ManifestError, match="is damaged"):
        _verify(scanned)


def test_changed_evidence_is_told_file_by_file(scanned: Path) -> None:
    evidence = scanned / "evidence"
    content = bytearray((evidence / "a.jpg").read_bytes())
    content[-1] ^= 1  # of the same size
    (evidence / "a.jpg").write_bytes(content)
    (evidence / "=note.txt").unlink()
    (evidence / "planted.jpg").write_bytes(b"new")
    code, told = _verify(scanned, evidence="evidence")
    assert code == DIFFERS
    lines = sorted(told.splitlines())
    assert len(lines) == 3
    assert lines[0] == "=note.txt: in the report but no longer in the evidence"
    assert lines[1].startswith("a.jpg: its bytes changed, sha256 ")
    assert lines[2] == "planted.jpg: in the evidence but not in the report"


def _told(scanned: Path, *options: str) -> tuple[int, list[str]]:
    """Of a new scan of the evidence; the exit code of its check, and the findings but notes."""
    if options or not (scanned / "new.csv").exists():
        scan = ["evidence", "--report", "new.csv", "--workers", "1", *options]
        assert imgscan(*scan, cwd=scanned).returncode == 1
    findings = list(verify(scanned / "new.csv", None, [scanned / "evidence"]))
    told = [finding.text for finding in findings if finding.weight is not Weight.NOTE]
    return exit_code([finding.weight for finding in findings]), told


def test_files_without_a_hash_are_never_intact(scanned: Path) -> None:
    (scanned / "evidence" / "link").symlink_to("a.jpg")
    unchecked = "1 files have no hash and could not be checked"
    assert _told(scanned) == (UNCHECKED, [unchecked])


def test_files_too_large_for_the_scan_are_compared_by_their_hash(scanned: Path) -> None:
    """Members that were too large have none, but their archive has."""
    assert _told(scanned, "--max-file-size", "1000") == (INTACT, [])
    rows = (scanned / "new.csv").read_text()
    assert "c.zip!/in/member.jpg,1,,," in rows
    photograph = scanned / "evidence" / "a.jpg"
    photograph.write_bytes(photograph.read_bytes()[:-1] + b"x")
    code, told = _told(scanned)
    assert code == DIFFERS
    assert [line.partition(", sha256")[0] for line in told] == ["a.jpg: its bytes changed"]


def test_an_encrypted_member_is_checked_with_its_archive(scanned: Path) -> None:
    locked = bytearray(zipped([("in/secret.jpg", b"1")]))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + place] |= 1
    archive = scanned / "evidence" / "locked.zip"
    archive.write_bytes(zipped([("deep.zip", bytes(locked))]))
    assert _told(scanned) == (INTACT, [])
    assert "locked.zip!/deep.zip!/in/secret.jpg,1,,," in (scanned / "new.csv").read_text()
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = b"changed"
    code, told = _told(scanned)
    assert code == DIFFERS
    assert [line.partition(", sha256")[0] for line in told] == ["locked.zip: its bytes changed"]


def _zip_with_a_gap(gap: bytes) -> bytes:
    """Two members with bytes between them that belong to neither."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x", b"1")
        stream.write(gap)
        archive.start_dir = stream.tell()
        archive.writestr("y", b"2")
    return stream.getvalue()


@pytest.mark.parametrize("place", ["comment", "gap"])
def test_what_is_changed_in_an_archive_beside_its_members_is_told(
    place: str, scanned: Path
) -> None:
    """By verify and by compare."""
    archive = scanned / "evidence" / "gap.zip"
    archive.write_bytes(_zip_with_a_gap(b"hidden"))
    assert _told(scanned) == (INTACT, [])
    if place == "gap":
        archive.write_bytes(_zip_with_a_gap(b"HIDDEN"))
    else:
        with zipfile.ZipFile(archive, "a") as opened:
            opened.comment = b"changed"
    code, told = _told(scanned)
    assert code == DIFFERS
    assert [line.partition(", sha256")[0] for line in told] == ["gap.zip: its bytes changed"]
    imgscan("evidence", "--report", "later.csv", "--workers", "1", cwd=scanned)
    comparison = Comparison(scanned / "new.csv", scanned / "later.csv")
    (line,) = comparison.differences()
    assert line.startswith("gap.zip: file changed: sha256 ")


def test_a_changed_member_is_told_by_its_path(scanned: Path) -> None:
    archive = scanned / "evidence" / "c.zip"
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in members.items():
            new.writestr(name, content + b"x" if "twin" in name else content)
    code, told = _verify(scanned, evidence="evidence")
    assert code == DIFFERS
    assert [line.partition(", sha256")[0] for line in told.splitlines()] == [
        "c.zip!/in/twin.jpg: its bytes changed", "c.zip: its bytes changed",
    ]  # fmt: skip


def test_a_damaged_archive_is_told(scanned: Path) -> None:
    archive = scanned / "evidence" / "c.zip"
    archive.write_bytes(archive.read_bytes()[:60])
    code, told = _verify(scanned, evidence="evidence")
    assert code == DIFFERS
    assert "c.zip: its bytes changed" in told
    assert "c.zip!/in/member.jpg: it was read, but now: the member is damaged" in told


def test_several_paths_are_matched_in_the_scans_order(scanned: Path) -> None:
    (scanned / "more").mkdir()
    shutil.copy(scanned / "evidence" / "a.jpg", scanned / "more" / "x.jpg")
    shutil.copy(scanned / "evidence" / "c.zip", scanned)
    shutil.copy(scanned / "evidence" / "a.jpg", scanned)
    roots = ["evidence", "more", "c.zip", "a.jpg"]
    imgscan(*roots, "--report", "many.csv", "--workers", "1", cwd=scanned)
    places = [scanned / root for root in roots]
    findings = list(verify(scanned / "many.csv", None, places))
    assert exit_code({finding.weight for finding in findings}) == INTACT, findings
    few = list(verify(scanned / "many.csv", None, places[:2]))
    assert exit_code({finding.weight for finding in few}) == UNCHECKED
    assert "the scan was of 4 paths" in few[-1].text


def test_several_paths_share_their_limits_as_they_did_in_the_scan(tmp_path: Path) -> None:
    """What is expanded of one path is missing for the next."""
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        root.mkdir()
        with zipfile.ZipFile(root / "z.zip", "w") as archive:
            for number in range(3):
                archive.writestr(f"{number}", bytes([number]) * 500_000)
    report = tmp_path / "out.csv"
    done = imgscan(*roots, "--report", report, "--max-total-size", "2M")
    assert "1 over_limit" in done.stderr
    findings = list(verify(report, None, roots))
    assert Weight.DIFFERS not in {finding.weight for finding in findings}, findings


def test_a_single_file_may_have_been_renamed(scanned: Path) -> None:
    imgscan("evidence/c.zip", "--report", "one.csv", "--workers", "1", cwd=scanned)
    copy = scanned / "copy.bin"
    shutil.copy(scanned / "evidence" / "c.zip", copy)
    findings = verify(scanned / "one.csv", None, [copy])
    assert {finding.weight for finding in findings} == {Weight.NOTE}


def test_evidence_is_not_checked_without_a_readable_report(scanned: Path) -> None:
    for name in ("out.csv", "out.json", "out.jsonl"):
        (scanned / name).write_bytes(b"\xff")
    code, told = _verify(scanned, evidence="evidence")
    assert code == DIFFERS  # the reports
    assert "the evidence cannot be checked" in told


def test_without_a_manifest_or_key_there_is_nothing_to_check_by(scanned: Path) -> None:
    with pytest.raises(ManifestError, match="beside the first"):
        list(verify(scanned / "out.json", None, []))
    with pytest.raises(SigningError, match="cannot be read"):
        list(verify(scanned / "out.csv", scanned / "none.pub", []))


def test_what_differs_outweighs_what_was_not_checked() -> None:
    assert exit_code([]) == INTACT
    assert exit_code([Weight.NOTE]) == INTACT
    assert exit_code([Weight.NOTE, Weight.UNCHECKED]) == UNCHECKED
    assert exit_code([Weight.UNCHECKED, Weight.DIFFERS]) == DIFFERS


def test_what_was_found_in_the_bytes_of_a_file_is_covered_by_its_hash(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    disk = b"a text " * 99 + jpeg(1) + bytes(99) + jpeg(2)
    (evidence / "disk.bin").write_bytes(disk)
    done = imgscan(evidence, "--report", "out.csv", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.csv").read_text().count("carved-") == 2
    report = tmp_path / "out.csv"
    told = list(verify(report, None, [evidence]))
    assert exit_code({finding.weight for finding in told}) == INTACT
    assert any("1 hashes of the report were compared" in finding.text for finding in told)
    (evidence / "disk.bin").write_bytes(disk[:-1] + b"x")
    changed = [f.text for f in verify(report, None, [evidence]) if f.weight is Weight.DIFFERS]
    assert len(changed) == 1
    assert "its bytes changed" in changed[0]


def test_members_are_met_again_under_the_names_of_the_scan(tmp_path: Path) -> None:
    """Whose code page the manifest has; those of before had no other than the standard's."""
    name = "写真.txt"
    raw = name.encode("cp932")
    (tmp_path / "evidence").mkdir()
    data = zipped([("x" * len(raw), b"1")]).replace(b"x" * len(raw), raw)
    (tmp_path / "evidence" / "z.zip").write_bytes(data)
    scan = ["evidence", "--report", "out.csv", "--device", "cpu"]
    for page in ([], ["--zip-names", "sjis"]):
        done = imgscan(*scan, *page, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (name in (tmp_path / "out.csv").read_text("utf-8")) is bool(page)
        assert _verify(tmp_path, key=False, evidence="evidence") == (INTACT, "")
    manifest = tmp_path / "out.csv.manifest.json"
    assert json.loads(manifest.read_text())["zip_names"] == "shift_jis"
    _rewrite(manifest, zip_names="klingon")
    told = _verify(tmp_path, key=False, evidence="evidence")
    assert told[0] == DIFFERS
    assert "not as a scan leaves them" in told[1]


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_a_weak_hash_that_is_not_the_files_is_told(scanned: Path, algorithm: str) -> None:
    assert _told(scanned, "--sha1", "--md5")[1] == []
    report, data = scanned / "new.csv", (scanned / "evidence" / "a.jpg").read_bytes()
    right = hashlib.new(algorithm, data).hexdigest()
    assert right in report.read_text()
    wrong = "0" * len(right)
    report.write_text(report.read_text().replace(right, wrong, 1))
    assert f"a.jpg: {algorithm} {wrong} → {right}" in _told(scanned)[1]
