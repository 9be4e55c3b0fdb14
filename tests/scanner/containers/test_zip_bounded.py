"""Protects: bzip2 and LZMA members give the bytes that zipfile would, and damage is noticed."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk

CONTENTS = [b"", b"a", bytes(3_000_000), random.Random(0).randbytes(1_300_000)]


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str)
def test_content(kind: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", kind) as archive:
        for n, content in enumerate(CONTENTS):
            archive.writestr(f"{n}", content)
    *members, archive_itself = walk([tmp_path], Limits(ratio=1_000_000))
    assert [entry.source for entry in members if isinstance(entry, Found)] == CONTENTS
    assert isinstance(archive_itself, Found)
    assert archive_itself.source == tmp_path / "a.zip"


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=str)
@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_damage(kind: int, at: float, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        archive.writestr("a", CONTENTS[3])
        archive.writestr("b", b"intact")
    data = bytearray(stream.getvalue())
    data[100 + int(at * 1_300_000)] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    bad, good, archive_itself = walk([tmp_path], Limits())
    assert isinstance(bad, Met)
    assert bad.status is Status.UNREADABLE
    assert isinstance(good, Found)
    assert good.source == b"intact"
    assert archive_itself.path == "a.zip"
