"""The manifest must tell what really ran and hold the true hash of every report."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import onnxruntime
import PIL
import pytest
from PIL import features

from scanner import __version__
from scanner.cli.scan import without_passwords
from scanner.custody.manifest import (
    ManifestError,
    find_manifest,
    manifest_path,
    read_manifest,
    signature_path,
    write_manifest,
)
from scanner.custody.signing import fingerprint, load_public_key
from scanner.limits import Limits
from scanner.model import BUNDLED, INT8_ROWS, bundled_models, open_model
from scanner.scan.journal import Journal
from tests.conftest import imgscan


def test_the_manifest_holds_every_reports_hash(scanned: Path) -> None:
    manifest = read_manifest(scanned / "out.csv.manifest.json")
    assert [report["name"] for report in manifest["reports"]] == [
        "out.csv",
        "out.json",
        "out.jsonl",
    ]
    for report in manifest["reports"]:
        content = (scanned / report["name"]).read_bytes()
        assert report["sha256"] == hashlib.sha256(content).hexdigest()
        assert report["bytes"] == len(content)


def test_the_manifest_tells_what_ran(scanned: Path) -> None:
    manifest = read_manifest(scanned / "out.csv.manifest.json")
    assert manifest["imgscan"] == __version__
    assert manifest["python"] == sys.version
    assert manifest["platform"]
    assert manifest["libraries"]["numpy"] == numpy.__version__
    assert manifest["libraries"]["pillow"] == PIL.__version__
    assert onnxruntime.__version__ in manifest["libraries"].values()
    assert manifest["decoders"]["jpg"] == features.version("jpg")
    assert manifest["command"][1:3] == ["evidence", "--report"]
    assert manifest["evidence"] == ["evidence"]
    models = {model["name"]: model for model in manifest["models"]}
    assert models.keys() == set(bundled_models())
    for name, model in models.items():
        assert model["sha256"] == open_model(name).sha256
        assert model["provider"] == "CPUExecutionProvider"
        rows = open_model(name).card.precision == INT8_ROWS
        assert model["precision"] == ("int8" if rows else "int8, float32 near thresholds")
        first = model["first_pass"]
        assert rows == (first is None)
        assert rows or first["sha256"] == open_model(str(BUNDLED / f"{name}.int8.onnx")).sha256
        assert model["batch"] >= 1
    assert Limits(**manifest["limits"]) == Limits()
    assert manifest["hashing"] == {
        "sha1": False, "md5": True, "known": [], "skip_known": False, "pdq": False, "similar": [],
    }  # fmt: skip
    assert manifest["signed_by"] == fingerprint(load_public_key(scanned / "examiner.key.pub"))


def test_times_are_utc_and_in_order(scanned: Path) -> None:
    manifest = read_manifest(scanned / "out.csv.manifest.json")
    started, ended = (datetime.fromisoformat(manifest[name]) for name in ("started", "ended"))
    assert started.utcoffset() == ended.utcoffset() == timedelta(0)
    assert started <= ended <= datetime.now(UTC)
    assert manifest["resumed"] is False


def test_counts_are_those_of_the_report(scanned: Path) -> None:
    manifest = read_manifest(scanned / "out.csv.manifest.json")
    with (scanned / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert +Counter(manifest["statuses"]) == Counter(row["status"] for row in rows)
    assert +Counter(manifest["verdicts"]) == Counter(filter(None, (row["verdict"] for row in rows)))


def test_a_scan_leaves_nothing_but_reports_and_custody(scanned: Path) -> None:
    names = {path.name for path in scanned.iterdir() if path.name.startswith(("out", "."))}
    reports = {"out.csv", "out.json", "out.jsonl"}
    assert names == reports | {"out.csv.manifest.json", "out.csv.manifest.json.sig"}


def test_passwords_stay_out_of_it() -> None:
    command = ["imgscan", "--password", "a b", "x", "--password=c\nd", "--password"]
    hidden = ["imgscan", "--password", "***", "x", "--password=***", "--password"]
    assert without_passwords(command) == hidden


def test_an_unsigned_scan_takes_the_old_signature_away(scanned: Path) -> None:
    result = imgscan("evidence", "--report", "out.csv", "--workers", "1", cwd=scanned)
    assert result.returncode == 1, result.stderr
    manifest = scanned / "out.csv.manifest.json"
    assert "signed_by" not in read_manifest(manifest)
    assert not signature_path(manifest).exists()


def test_reports_elsewhere_are_named_from_the_manifests_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "one.csv", tmp_path / "b" / "two.csv"
    for report in (first, second):
        report.parent.mkdir()
        report.write_text(report.name)
    write_manifest({"evidence": ["not\udcffunicode"]}, [first, second], None)
    manifest = read_manifest(manifest_path(first))
    assert [first.parent / item["name"] for item in manifest["reports"]] == [
        first,
        first.parent / ".." / "b" / "two.csv",
    ]
    assert manifest["evidence"] == ["not\udcffunicode"]


def test_a_resumed_scan_started_when_it_first_did(tmp_path: Path) -> None:
    identity = {"model": "m"}
    for now in ("2030-01-01T00:00:00+00:00", "2031-01-01T00:00:00+00:00"):
        journal = Journal(tmp_path / "out.csv.journal")
        journal.begin(identity)
        assert journal.first_start(now) == "2030-01-01T00:00:00+00:00"
        journal.hand_over([])  # as a scan does before anything is examined
        journal.close()


def test_a_manifest_or_signature_inside_the_evidence_is_refused(scanned: Path) -> None:
    for suffix in (".manifest.json", ".manifest.json.sig"):
        evidence = f"new.csv{suffix}"
        shutil.copy(scanned / "evidence" / "a.jpg", scanned / evidence)
        before = (scanned / evidence).read_bytes()
        result = imgscan(evidence, "--report", "new.csv", cwd=scanned)
        assert result.returncode == 2
        assert "lies inside the evidence" in result.stderr
        assert (scanned / evidence).read_bytes() == before


def test_a_manifest_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    report = tmp_path / "out.csv"
    report.write_text("rows")
    manifest_path(report).mkdir()
    with pytest.raises(ManifestError, match="cannot be written"):
        write_manifest({}, [report], None)
    assert not list(tmp_path.glob(".*partial"))


def test_what_is_no_manifest_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="beside the first of its reports"):
        find_manifest(tmp_path / "out.csv")
    path = tmp_path / "out.csv.manifest.json"
    contents = (
        ("{", "no JSON"),
        (json.dumps([]), "no manifest"),
        ('{"manifest": 99}', "no manifest"),
    )
    for content, sentence in contents:
        path.write_text(content)
        with pytest.raises(ManifestError, match=sentence):
            read_manifest(path)
