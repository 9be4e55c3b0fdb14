"""Protects: the command keeps its promises to a user: exit codes, reports, sentences."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scanner.backends.gpu import cuda_driver_present
from scanner.model import METADATA_KEY, ModelCard, bundled_models, parse_card
from scanner.record import Status, Verdict
from tests.conftest import (
    CIFAKE_MODEL,
    HANG_GUARD,
    ModelMaker,
    command,
    encoded,
    environment,
    image_bytes,
    imgscan,
)


def files(report: bytes) -> dict[str, dict[str, Any]]:
    """Path to record of a JSON report."""
    return {file["path"]: file for file in json.loads(report)["files"]}


def snapshot(root: Path) -> dict[Path, tuple[int, str]]:
    """What a scan must not change: every file's modification time and content."""
    return {
        path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in root.rglob("*")
        if path.is_file()
    }


@dataclass(frozen=True)
class Scanned:
    """A finished scan of the clean evidence: what was printed, and suffix to report."""

    stderr: str
    stdout: str
    returncode: int
    reports: dict[str, bytes]
    left: set[str]


@pytest.fixture(scope="module")
def scanned(clean_evidence: Path, tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    folder = tmp_path_factory.mktemp("scanned")
    places = {suffix: folder / f"out{suffix}" for suffix in (".csv", ".json", ".jsonl")}
    options = [part for place in places.values() for part in ("--report", place)]
    before = snapshot(clean_evidence)
    done = imgscan(
        clean_evidence, "--device", "cpu", "--workers", "2", "--batch-size", "8", *options
    )
    assert snapshot(clean_evidence) == before, "the evidence is untouched"
    reports = {suffix: place.read_bytes() for suffix, place in places.items()}
    left = {path.name for path in folder.iterdir()}
    return Scanned(done.stderr, done.stdout, done.returncode, reports, left)


def test_everything_examined_is_exit_code_0(scanned: Scanned) -> None:
    assert scanned.returncode == 0, scanned.stderr
    assert scanned.stdout == ""
    records = files(scanned.reports[".json"])
    assert len(records) == 12 + 2 + 9 + 9 + 2
    assert records["note.txt"]["status"] == Status.NOT_IMAGE
    assert records["large.jpg"]["verdict"] == Verdict.INCONCLUSIVE
    assert "90x60 pixels is outside the " in records["large.jpg"]["reason"]
    for path in ("pack.zip", "pack.zip!/inner.txz"):
        assert records[path]["status"] == Status.CONTAINER
    for path, record in records.items():
        if path not in ("note.txt", "pack.zip", "pack.zip!/inner.txz"):
            assert record["status"] == Status.SCORED
            assert record["verdict"] in set(Verdict)
    assert "34 files in" in scanned.stderr
    assert "  containers    2: what is in them has rows of its own\n" in scanned.stderr
    assert "CPUExecutionProvider, int8, float32 near thresholds" in scanned.stderr
    wanted = {"out.csv", "out.csv.manifest.json", "out.json", "out.jsonl"}
    assert scanned.left == wanted, "no journal stays behind"


def test_something_unexamined_is_exit_code_1(mixed_evidence: Path, tmp_path: Path) -> None:
    done = imgscan(mixed_evidence, "--report", tmp_path / "out.json")
    assert done.returncode == 1, done.stderr
    records = files((tmp_path / "out.json").read_bytes())
    statuses = {path: record["status"] for path, record in records.items()}
    assert statuses == {
        **{f"{n}.jpg": "scored" for n in range(6)},
        "animation.gif": "scored",
        "empty": "not_image",
        "=1+1.txt": "not_image",
        "broken.png": "unreadable",
        "program.eps": "unsupported",
        "cut.zip": "unreadable",
        "cut.zip!/x.jpg": "scored",  # though nothing lists it
        "cut.tgz": "unreadable",
        "cut.tgz!/x.jpg": "not_image",  # whole: the cut is behind it
        "locked.zip": "container",
        "locked.zip!/secret.jpg": "encrypted",
        "locked.zip!/open.jpg": "scored",
    }
    assert records["animation.gif"]["page"] == records["animation.gif"]["frames"] == 2
    for record in records.values():
        assert (record["error"] is None) == (record["status"] == "scored")
        assert (record["verdict"] is None) == (record["status"] != "scored")
    assert "NOT EXAMINED  " in done.stderr
    report = json.loads((tmp_path / "out.json").read_bytes())
    assert sum(report["scan"]["statuses"].values()) == len(report["files"]) == len(records) + 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["missing folder"],
        [".", "--report", "x.txt"],
        [".", "--workers", "0"],
        [".", "--batch-size", "none"],
        [".", "--device", "abacus"],
        [".", "--model", "resnet9000"],
        [".", "--unknown"],
    ],
)
def test_bad_usage_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = imgscan(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_reports_say_the_same(scanned: Scanned) -> None:
    table = io.StringIO(scanned.reports[".csv"].decode(), newline="")
    rows = list(csv.DictReader(table, strict=True))
    document = json.loads(scanned.reports[".json"])["files"]
    assert [json.loads(line) for line in scanned.reports[".jsonl"].splitlines()] == document
    for key in ("path", "sha256", "status"):
        assert [row[key] for row in rows] == [str(file[key]) for file in document]
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)


def test_without_a_report_csv_goes_to_standard_output(
    clean_evidence: Path, tmp_path: Path, scanned: Scanned
) -> None:
    printed = imgscan(clean_evidence, "--device", "cpu", cwd=tmp_path)
    assert printed.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert printed.stdout == scanned.reports[".csv"].decode().replace("\r\n", "\n")


def test_quiet_is_quiet(clean_evidence: Path, tmp_path: Path) -> None:
    done = imgscan(clean_evidence, "--quiet", "--report", tmp_path / "out.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("place", ["out.csv", "album/out.json", "../link/out.csv", "note.txt"])
def test_a_report_inside_the_evidence_is_refused(place: str, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    (evidence / "album").mkdir(parents=True)
    (evidence / "note.txt").write_bytes(b"evidence")
    if hasattr(os, "symlink"):
        (tmp_path / "link").symlink_to(evidence)
    before = snapshot(tmp_path)
    done = imgscan(evidence, "--report", evidence / place)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    if place != "note.txt":  # refused for its suffix already
        assert "lies inside the evidence" in done.stderr
    assert snapshot(tmp_path) == before


def test_a_report_over_the_evidence_file_is_refused(tmp_path: Path) -> None:
    evidence = tmp_path / "list.csv"
    evidence.write_bytes(b"evidence")
    done = imgscan(evidence, "--report", evidence)
    assert done.returncode == 2
    assert "lies inside the evidence" in done.stderr
    assert evidence.read_bytes() == b"evidence"


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_not_there_is_an_error(
    device: str, clean_evidence: Path, tmp_path: Path
) -> None:
    report = tmp_path / "out.json"
    done = imgscan(clean_evidence, "--device", device, "--report", report)
    if cuda_driver_present() and done.returncode == 0:
        provider = json.loads(report.read_bytes())["scan"]["models"][0]["provider"]
        assert provider != "CPUExecutionProvider"
        return
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--device cpu" in done.stderr
    assert not report.exists()


def test_a_report_says_what_really_ran(scanned: Scanned) -> None:
    facts = json.loads(scanned.reports[".json"])["scan"]
    assert [model["name"] for model in facts["models"]] == bundled_models()
    assert {model["provider"] for model in facts["models"]} == {"CPUExecutionProvider"}
    precisions = {model["name"]: model["precision"] for model in facts["models"]}
    together = "int8, float32 near thresholds"
    assert precisions == {"clip-vit-b16": "int8", "resnet18": together}


def test_verdicts_follow_the_false_positive_rate_that_is_asked_for(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    """The brightness model gives light grey a logit of 3: fake from 2 on, but not from 3.5 on."""
    strict = replace(
        card.operating_points[0], false_positive_rate=0.001, fake_at_least=3.5, real_at_most=-3.5
    )
    both = replace(card, operating_points=(*card.operating_points, strict))
    model = make_model("two_rates", {METADATA_KEY: both.to_json()})
    (tmp_path / "grey.png").write_bytes(encoded(Image.new("RGB", (32, 32), (223,) * 3), "PNG"))

    def scan(name: str, *options: str) -> dict[str, Any]:
        report = tmp_path / f"{name}.json"
        done = imgscan(tmp_path / "grey.png", "--model", model, "--report", report, *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(report.read_bytes())
        return found

    usual, careful = scan("usual"), scan("careful", "--false-positive-rate", "0.001")
    assert usual["scan"]["models"][0]["false_positive_rate"] == 0.01
    assert usual["files"][0]["verdict"] == "fake"
    assert careful["scan"]["models"][0]["false_positive_rate"] == 0.001
    assert careful["files"][0]["verdict"] == "inconclusive"
    assert "0.1%" in careful["files"][0]["reason"]
    assert usual["files"][0]["p_fake"] == careful["files"][0]["p_fake"]

    done = imgscan(tmp_path / "grey.png", "--model", model, "--false-positive-rate", "0.05")
    assert done.returncode == 2
    assert "only for 0.01 and 0.001; choose one of these" in done.stderr


def test_models_are_listed() -> None:
    done = imgscan("models")
    assert done.returncode == 0, done.stderr
    for name in bundled_models():
        assert f"{name}  (auto)\n  domain   " in done.stdout
    assert "float32, CPU and GPU" in done.stdout


def test_an_int8_file_is_said_to_be_one(
    make_model: ModelMaker, card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = make_model("int8", {METADATA_KEY: replace(card, precision="int8").to_json()})
    assert imgscan("models", "add", file).returncode == 0
    done = imgscan("models")
    assert "test split, before its conversion to int8\n" in done.stdout
    assert "int8, CPU only" in done.stdout


def test_a_models_card_is_printed(brightness_model: Path) -> None:
    assert parse_card(imgscan("models", CIFAKE_MODEL).stdout).backbone
    assert parse_card(imgscan("models", brightness_model).stdout).backbone == "brightness"


def test_an_unusable_model_is_a_sentence(tmp_path: Path, clean_evidence: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for done in (imgscan("models", broken), imgscan(clean_evidence, "--model", broken)):
        assert done.returncode == 2
        assert "not a usable ONNX file" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("workers", "batch_size"), [("1", "8"), ("4", "3")])
def test_reports_are_the_same_bytes_however_they_were_made(
    workers: str, batch_size: str, clean_evidence: Path, tmp_path: Path, scanned: Scanned
) -> None:
    places = {suffix: tmp_path / f"out{suffix}" for suffix in scanned.reports}
    options = [part for place in places.values() for part in ("--report", place)]
    options += ["--device", "cpu", "--workers", workers, "--batch-size", batch_size]
    assert imgscan(clean_evidence, *options).returncode == 0
    assert {suffix: place.read_bytes() for suffix, place in places.items()} == scanned.reports


def test_the_same_bytes_have_the_same_score_wherever_they_lie(scanned: Scanned) -> None:
    records = files(scanned.reports[".json"])
    for n in range(0, 9, 3):
        copies = [
            records[f"album/{n}.jpeg"],
            records[f"pack.zip!/{n}.jpg"],
            records[f"pack.zip!/inner.txz!/tar{n}.jpg"],
        ]
        for key in ("sha256", "p_fake", "llr", "logit", "verdict", "width"):
            assert len({copy[key] for copy in copies}) == 1


def test_a_file_scanned_alone_has_the_same_score(
    clean_evidence: Path, tmp_path: Path, scanned: Scanned
) -> None:
    name = "5.webp"
    report = tmp_path / "out.json"
    done = imgscan(clean_evidence / "album" / name, "--device", "cpu", "--report", report)
    assert done.returncode == 0, done.stderr
    together = files(scanned.reports[".json"])[f"album/{name}"]
    assert files(report.read_bytes())[name] == together | {"path": name}


def test_a_member_scanned_without_its_copies_has_the_same_score(
    clean_evidence: Path, tmp_path: Path, scanned: Scanned
) -> None:
    """In the whole scan its score came from the copy that was met first."""
    report = tmp_path / "out.json"
    done = imgscan(clean_evidence / "pack.zip", "--device", "cpu", "--report", report)
    assert done.returncode == 0, done.stderr
    together = files(scanned.reports[".json"])
    assert files(report.read_bytes()) == {
        path: record for path, record in together.items() if path.startswith("pack.zip")
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_given_as_evidence_is_reported_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = imgscan(tmp_path / "pipe")
    assert done.returncode == 1
    assert "not a regular file" in done.stdout


def test_several_kinds_of_evidence_at_once(clean_evidence: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    done = imgscan("x.jpg", clean_evidence / "album", "--report", "out.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    records = files((tmp_path / "out.json").read_bytes())
    assert len(records) == 13
    assert "x.jpg" in records
    assert f"{clean_evidence / 'album'}{os.sep}0.jpeg" in records


def test_a_scan_leaves_nothing_but_its_reports(tmp_path: Path, clean_evidence: Path) -> None:
    """ONNX Runtime's telemetry would leave its session file, and might use the network."""
    with tempfile.TemporaryDirectory() as temporary:  # its name must be short
        done = subprocess.run(
            command(clean_evidence, "--report", tmp_path / "out.csv", "--quiet"),
            env=environment(TMPDIR=temporary, HOME=temporary),
            capture_output=True,
            timeout=HANG_GUARD,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "out.csv.manifest.json"}
        assert list(Path(temporary).rglob("*")) == []


def test_a_folder_for_temporary_files_that_is_named_at_length(tmp_path: Path) -> None:
    """Sockets have names of a hundred characters at most."""
    temporary = tmp_path / ("long" * 30)
    temporary.mkdir()
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    done = subprocess.run(
        command(tmp_path / "x.jpg", "--device", "cpu"),
        env=environment(TMPDIR=str(temporary)),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )
    if done.returncode:  # not every system meets at a socket of a name
        assert done.returncode == 2
        assert done.stderr.startswith("Error: no process can be started: ")
        assert done.stderr.endswith("; set TMPDIR to a folder of a shorter name.\n")
