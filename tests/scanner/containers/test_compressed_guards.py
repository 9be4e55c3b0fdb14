"""Protects: bombs, huge dictionaries and what hides behind the end of compressed data."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from pathlib import Path

import pytest
from backports import zstd

from scanner.limits import Limits
from scanner.record import Status
from tests.conftest import image_bytes
from tests.scanner.opening import LIMITS, opened
from tests.scanner.walking import COMPRESSIONS, contents, rows, tarred

every_compression = pytest.mark.parametrize("compression", COMPRESSIONS)


@every_compression
def test_what_lies_behind_the_end_is_looked_at(compression: str, tmp_path: Path) -> None:
    data = COMPRESSIONS[compression](b"content") + image_bytes()
    (tmp_path / "a").write_bytes(data)
    assert contents(opened(tmp_path)) == {
        "a!/a": b"content",
        "a!/trailing-data": image_bytes(),
    }


@every_compression
@pytest.mark.parametrize("zeros", [4, 3_000_000])
def test_padding_is_not_content(compression: str, zeros: int, tmp_path: Path) -> None:
    compress = COMPRESSIONS[compression]
    (tmp_path / "a").write_bytes(compress(b"1") + bytes(zeros) + compress(b"2") + bytes(zeros))
    assert contents(opened(tmp_path)) == {"a!/a": b"12"}


@every_compression
def test_endless_empty_streams_end(compression: str, tmp_path: Path) -> None:
    """They expand to nothing, so no limit of bytes would ever end them."""
    empty, full = COMPRESSIONS[compression](b""), COMPRESSIONS[compression](b"1")
    (tmp_path / "a").write_bytes(empty * 10_001 + full)
    (tmp_path / "b").write_bytes((empty * 9_000 + full) * 2)
    entries = opened(tmp_path)
    sentence = "the archive holds more than 10,000 empty streams in a row; the rest was not read"
    assert rows(entries) == {"a": (Status.OVER_LIMIT, sentence)}
    assert contents(entries) == {"b!/b": b"11"}


@every_compression
def test_a_bomb_ends_at_the_ratio(compression: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(COMPRESSIONS[compression](bytes(30_000_000)))
    entries = opened(tmp_path, limits=Limits(ratio=20, seconds=LIMITS.seconds))
    assert [status for status, _ in rows(entries).values()] == [Status.OVER_LIMIT]


def xz_asking_for_much_memory() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(b"content", filters=filters))
    properties = data.index(b"\x21\x01") + 2  # the filter's number, the length, the size of the
    data[properties] = 40  # dictionary: 4 GiB
    header = 12
    size = (data[header] + 1) * 4
    struct.pack_into("<I", data, header + size - 4, zlib.crc32(data[header : header + size - 4]))
    return bytes(data)


def zstd_asking_for_much_memory() -> bytes:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 30}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(b"content") + compressor.flush()


@pytest.mark.parametrize("data", [xz_asking_for_much_memory(), zstd_asking_for_much_memory()])
def test_a_huge_dictionary_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    status, sentence = rows(opened(tmp_path))["a"]
    assert status is Status.OVER_LIMIT
    assert "268,435,456 bytes" in sentence


@pytest.mark.parametrize(
    "data",
    [
        lzma.compress(b"1" * 99, preset=9 | lzma.PRESET_EXTREME),
        zstd.compress(b"1" * 99, level=22),
        bz2.compress(b"1" * 99, 9),
        gzip.compress(b"1" * 99, 9),
    ],
    ids=["xz", "zstd", "bz2", "gz"],  # gzip's bytes hold the time, which no test's name may
)
def test_the_strongest_presets_are_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert contents(opened(tmp_path)) == {"a!/a": b"1" * 99}


@every_compression
def test_a_compressed_tar_in_several_streams(compression: str, tmp_path: Path) -> None:
    compress = COMPRESSIONS[compression]
    data = tarred([("x", b"1" * 9000), ("y", b"2")])
    (tmp_path / "a").write_bytes(compress(data[:5000]) + compress(data[5000:]))
    assert contents(opened(tmp_path)) == {"a!/x": b"1" * 9000, "a!/y": b"2"}
