"""Protects: a page behind the first is looked at, or its row says that it was not."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from case_utils.case_validate import validate
from numpy.typing import NDArray
from PIL import Image

from scanner.backends.backend import Backend, Scores
from scanner.backends.choose import open_backend
from scanner.images.tiff import page_alone, page_offsets
from scanner.limits import Limits
from scanner.model import open_model
from scanner.record import Record, Status, Verdict
from scanner.reports import SUFFIXES, write_report
from scanner.scan.journal import Journal
from scanner.scan.pipeline import Pipeline
from scanner.scan.records import records as scan_records
from scanner.scan.scorers import Scorer
from scanner.scan.watcher import Progress
from scanner.workers.examine import examine, sample
from tests.conftest import EVERY_SIZE, encoded, imgscan
from tests.scanner.walking import zipped


def document(*levels: int, kind: str = "TIFF", side: int = 32, **options: Any) -> bytes:
    """An image with a grey page for each level."""
    first, *rest = (Image.new("RGB", (side, side), (level,) * 3) for level in levels)
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def scanned(evidence: Path, model_file: Path, batch_size: int = 4) -> tuple[list[Record], Progress]:
    model = open_model(str(model_file))
    journal = Journal(evidence.with_suffix(".journal"))
    journal.begin({})
    scorer = Scorer(model, open_backend(model, "cpu", 1, batch_size))
    pipeline = Pipeline([evidence], [scorer], journal, Limits(), workers=2)
    pipeline.run(lambda _: None)
    records = list(scan_records(journal))
    journal.remove()
    return records, pipeline.progress


@pytest.mark.parametrize(
    ("kind", "frames", "limit", "expected"),
    [
        ("TIFF", 3, 200, [1, 2, 3]),
        ("TIFF", 300, 5, [1, 2, 3, 4, 5]),
        ("MPO", 2, 200, [1, 2]),
        ("GIF", 2, 200, [1, 2]),
        ("GIF", 5, 200, [1, 2, 4, 5]),
        ("WEBP", 100_000, 200, [1, 34, 67, 100]),
        ("PNG", 100, 1, [1]),
    ],
)
def test_the_sample(kind: str, frames: int, limit: int, expected: list[int]) -> None:
    assert sample(kind, frames, limit) == expected


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP", "MPO", "AVIF"])
def test_each_page_is_decoded_to_its_own_view(kind: str) -> None:
    levels = (0, 120, 250)
    first = examine(document(*levels, kind=kind), EVERY_SIZE, Limits())
    pages = sorted([first, *first.further], key=lambda page: page.page or 0)
    assert [(page.page, page.frames) for page in pages] == [(1, 3), (2, 3), (3, 3)]
    assert len({page.sha256 for page in pages}) == 1
    for page, level in zip(pages, levels, strict=True):
        assert page.view is not None
        assert abs(float(page.view.mean()) - level) < 4


def test_a_broken_page_costs_itself() -> None:
    data = bytearray(document(10, 20, 30, compression="tiff_lzw"))
    second: Any = Image.open(io.BytesIO(data))
    second.seek(1)
    (start,) = second.tag_v2[273]
    data[start : start + 8] = b"\xff" * 8
    chief = examine(bytes(data), EVERY_SIZE, Limits())
    statuses = {page.page: page.status for page in (chief, *chief.further)}
    assert statuses == {1: Status.SCORED, 2: Status.UNREADABLE, 3: Status.SCORED}


def directories(data: bytes) -> list[int]:
    offsets = page_offsets(data)
    assert len(offsets) == 3
    return offsets


def test_a_directory_that_cannot_be_loaded_hides_no_page() -> None:
    """Pillow ends its chain there, without a word."""
    data = bytearray(document(10, 20, 30, tiffinfo={305: "a name of some length"}))
    second = directories(bytes(data))[1]
    (entries,) = struct.unpack_from("<H", data, second)
    for place in range(second + 2, second + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, place)[0] == 305:
            struct.pack_into("<I", data, place + 8, len(data) + 1000)
    chief = examine(bytes(data), EVERY_SIZE, Limits())
    pages = [chief, *chief.further]
    assert sorted((page.page, page.frames) for page in pages) == [(1, 3), (2, 3), (3, 3)]


def test_a_chain_that_leads_nowhere_has_a_row_that_says_so() -> None:
    data = bytearray(document(10, 20, 30))
    third = directories(bytes(data))[2]
    struct.pack_into("<I", data, third + 2 + 12 * data[third], len(data) + 10)
    chief = examine(bytes(data), EVERY_SIZE, Limits())
    (last,) = [page for page in chief.further if page.page == 4]
    assert last.status is Status.UNREADABLE
    assert last.error is not None
    assert "no page can be read where the file names one" in last.error


def test_a_damaged_page_does_not_show_another_one() -> None:
    """Pillow decodes a page of equal size into what it holds of the one before."""
    sound = document(*range(0, 240, 20), compression="tiff_lzw")
    for place in range(8, len(sound), 41):
        data = bytearray(sound)
        data[place] ^= 0xFF
        chief = examine(bytes(data), EVERY_SIZE, Limits())
        for page in (chief, *chief.further):
            if page.view is None or not page.page:
                continue
            offset = page_offsets(bytes(data))[page.page - 1]
            alone = examine(page_alone(bytes(data), offset).getvalue(), EVERY_SIZE, Limits())
            assert alone.view is not None
            assert np.array_equal(page.view, alone.view)


def test_a_big_tiff_is_followed_as_well() -> None:
    data = document(10, 20, 30, big_tiff=True)
    assert data[2] == 43
    chief = examine(data, EVERY_SIZE, Limits())
    assert [page.status for page in (chief, *chief.further)] == [Status.SCORED] * 3


def test_a_chain_in_a_circle_ends() -> None:
    data = bytearray(document(10, 20, 30))
    first, _, third = directories(bytes(data))
    struct.pack_into("<I", data, third + 2 + 12 * data[third], first)
    chief = examine(bytes(data), EVERY_SIZE, Limits())
    assert len(chief.further) == 2


def test_a_reduced_copy_is_no_page_of_its_own() -> None:
    """Else the 32-pixel copy of a large photograph would pass for the model's domain."""
    data = bytearray(document(10, 20, 30, tiffinfo={254: 0}))
    for offset in directories(bytes(data))[1:]:
        data[data.index(struct.pack("<2HI", 254, 4, 1), offset) + 8] = 1
    chief = examine(bytes(data), EVERY_SIZE, Limits())
    statuses = [page.status for page in (chief, *chief.further)]
    assert statuses == [Status.SCORED, Status.UNSUPPORTED, Status.UNSUPPORTED]


@pytest.mark.parametrize("count", [b"0", b"-3"])
def test_a_header_that_counts_no_frames_means_one(count: bytes) -> None:
    data = encoded(Image.new("L", (32, 32), 90), "IM")
    assert b"File size (no of images): 1" in data
    spoilt = data.replace(b"images): 1", b"images): " + count, 1)
    assert examine(spoilt, EVERY_SIZE, Limits()).frames == 1


def test_a_sign_of_life_for_every_page() -> None:
    """The time limit is for a page: documents may have many. Metadata has a time of its own."""
    signs: list[int] = []

    def alive(place: int = 0) -> None:
        signs.append(place)

    examine(document(1, 2, 3, 4), EVERY_SIZE, Limits(), alive=alive, carve=False)
    assert len(signs) == 4 + 1


def test_a_page_with_too_many_pixels_costs_itself() -> None:
    first, second = Image.new("RGB", (8, 8)), Image.new("RGB", (400, 400))
    data = encoded(first, "TIFF", save_all=True, append_images=[second])
    chief = examine(data, EVERY_SIZE, Limits(pixels=1000))
    assert [(page.page, page.status) for page in (chief, *chief.further)] == [
        (1, Status.SCORED), (2, Status.OVER_LIMIT),
    ]  # fmt: skip


def test_pages_beyond_the_limit_have_a_row_that_says_so() -> None:
    chief = examine(document(*range(7)), EVERY_SIZE, Limits(pages=3))
    last = chief.further[-1]
    assert [page.page for page in (chief, *chief.further)] == [1, 2, 3, 4]
    assert (last.status, last.frames) == (Status.OVER_LIMIT, 7)
    assert last.error == "pages from this one to 7 exceed the limit of 3"


def test_the_sample_of_an_animation_is_no_limit() -> None:
    chief = examine(document(*range(0, 250, 10), kind="GIF"), EVERY_SIZE, Limits())
    assert {page.status for page in (chief, *chief.further)} == {Status.SCORED}


def test_each_page_has_its_own_verdict_whatever_the_batch(
    evidence: Path, brightness_model: Path
) -> None:
    """Also in a second file of the same bytes, and beside a page that cannot be scored."""
    (evidence / "a.tif").write_bytes(document(0, 255, 128))
    (evidence / "b.zip").write_bytes(zipped([("twin.tif", document(0, 255, 128))]))
    (evidence / "c.tif").write_bytes(document(255, 0))
    verdicts = [Verdict.REAL, Verdict.FAKE, Verdict.INCONCLUSIVE]
    expected: list[Any] = [("a.tif", page, verdict) for page, verdict in enumerate(verdicts, 1)]
    expected += [("b.zip", None, None)]
    expected += [("b.zip!/twin.tif", page, verdict) for page, verdict in enumerate(verdicts, 1)]
    expected += [("c.tif", 1, Verdict.FAKE), ("c.tif", 2, Verdict.REAL)]
    for batch_size in (1, 2, 100):
        records, progress = scanned(evidence, brightness_model, batch_size)
        found = [(record.path, record.page, record.verdict) for record in records]
        assert found == expected
        assert progress.files == 4


class Dying:
    """A backend that stops after `batches`."""

    batch_size = streams = 1

    def __init__(self, backend: Backend, batches: int) -> None:
        self._backend = backend
        self._left = batches

    def score(self, views: NDArray[np.uint8]) -> Scores:
        if self._left == 0:
            raise RuntimeError("died")
        self._left -= 1
        return self._backend.score(views)


@pytest.mark.parametrize("batches", range(6))
def test_a_file_is_done_only_with_its_last_page(
    batches: int, evidence: Path, brightness_model: Path
) -> None:
    """A scan that dies between two pages examines the file again when it carries on."""
    (evidence / "a.tif").write_bytes(document(255, 0, 0, 0, 10, 20))
    model = open_model(str(brightness_model))
    journal = Journal(evidence.with_suffix(".journal"))
    journal.begin({})
    backend: Any = Dying(open_backend(model, "cpu", 1), batches)
    pipeline = Pipeline([evidence], [Scorer(model, backend)], journal, Limits(), workers=1)
    with pytest.raises(RuntimeError, match="died"):
        pipeline.run(lambda _: None)
    journal.close()
    records, _ = scanned(evidence, brightness_model)
    assert [record.page for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[0].verdict is Verdict.FAKE


def test_the_reports_and_what_reads_them(evidence: Path, brightness_model: Path) -> None:
    """The summary, `verify` and `compare` know that several rows may be of one file."""
    (evidence / "a.tif").write_bytes(document(0, 255, 128))
    (evidence / "b.png").write_bytes(document(0, kind="PNG"))
    arguments = ("evidence", "--model", brightness_model, "--device", "cpu")
    home = evidence.parent
    done = imgscan(*arguments, "--report", "out.csv", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "2 files, 4 rows with all pages, in" in done.stderr
    assert (
        "  brightness    4: 1 fake, 2 real, 1 inconclusive (CPUExecutionProvider, float32)\n"
        in done.stderr
    )
    verified = imgscan("verify", "out.csv", "--evidence", "evidence", cwd=home)
    assert verified.returncode == 0, verified.stdout
    assert "2 hashes of the report were compared" in verified.stderr
    (evidence / "a.tif").write_bytes(document(0, 0))
    assert imgscan("verify", "out.csv", "--evidence", "evidence", cwd=home).returncode == 1
    imgscan(*arguments, "--report", "later.csv", cwd=home)
    lines = imgscan("compare", "out.csv", "later.csv", cwd=home).stdout.splitlines()
    names = [line.split(": ")[0] for line in lines[:3]]
    assert names == ["a.tif", "a.tif (page 2)", "a.tif (page 3)"]
    assert "only in out.csv" in lines[2]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_report_holds_every_page(suffix: str, evidence: Path, brightness_model: Path) -> None:
    (evidence / "a.tif").write_bytes(document(0, 255, 128))
    (evidence / "note").write_bytes(b"no page")
    arguments = ("evidence", "--model", brightness_model, "--device", "cpu", "--quiet")
    done = imgscan(*arguments, "--report", f"out{suffix}", cwd=evidence.parent)
    assert done.returncode == 0, done.stderr
    if suffix == ".sqlite":
        with closing(sqlite3.connect(evidence.parent / "out.sqlite")) as database:
            pages = database.execute("SELECT path, page FROM file ORDER BY 1, 2").fetchall()
        assert pages == [("a.tif", 1), ("a.tif", 2), ("a.tif", 3), ("note", None)]


def test_case_has_one_file_for_all_its_pages(tmp_path: Path) -> None:
    page = Record(
        path="a.tif", position=0, sha256="ab" * 32, sha1=None, md5=None, known=None,
    pdq=None, similar=None, bytes=9, format="TIFF",
        name_mismatch=None, width=32, height=32, page=1, frames=2, status=Status.SCORED,
        verdict=Verdict.REAL, origin=None, p_fake=0.1, confidence=0.9, llr=-1.0, logit=-2.0,
        reason=None, checks=None, evidence=None, error=None, model="m@1",
    )  # fmt: skip
    report = tmp_path / "out.jsonld"
    write_report(report, [page, replace(page, page=2, verdict=Verdict.FAKE, p_fake=0.9)], {})
    kinds = [str(node["@type"]) for node in json.loads(report.read_bytes())["@graph"]]
    assert kinds.count("uco-observable:File") == 1
    assert kinds.count("uco-analysis:AnalyticResult") == 2
    result = validate(str(report))
    assert result.conforms, result.text
