"""Protects: a picture is found wherever it lies, however it is written, whatever surrounds it."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from scanner.carving.coded import decode
from scanner.carving.gaps import Gaps
from scanner.carving.marks import MARKS, Mark
from scanner.carving.search import Place, Places, Search
from scanner.containers.container import TooLarge
from scanner.limits import Limits
from tests.scanner.carving.pictures import CODINGS, KINDS, encoded, jpeg, zip_entry

LIMITS = Limits()


def searched(
    data: bytes, chunk: int = 1 << 20, limits: Limits = LIMITS, gaps: Gaps | None = None
) -> Search:
    search = Search(io.BytesIO(data), gaps or Gaps([(0, len(data))]), limits)
    for place in range(0, len(data), chunk):
        search.feed(data[place : place + chunk], place)
    return search


def cut(data: bytes, place: Place) -> bytes:
    return decode(place.coding, data[place.start : place.stop], LIMITS.file_bytes)


def is_searched_for(suffix: str, coding: str) -> bool:
    """Whether pictures of a kind are searched for in a coding: not all are in all of them."""
    if coding.startswith("base64"):
        in_utf_16 = ("jpg", "png", "gif", "webp")
        escaped = coding in ("base64 in HTML", "base64 in an address") and suffix != "jpg"
        return suffix != "bmp" and not escaped and ("UTF-16" not in coding or suffix in in_utf_16)
    if coding.startswith("hexadecimal"):
        behind_a_size = ("bmp", "webp", "heic", "avif")
        is_plain = coding in ("hexadecimal", "hexadecimal in lines")
        return suffix in ("jpg", "png") or (is_plain and suffix not in behind_a_size)
    return True


def surroundings(kind: str, size: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if kind == "noise":
        return chance.randbytes(size)
    if kind == "zeros":
        return bytes(size)
    # In no alphabet that a picture could be written in, so that text ends where text begins.
    words = ["«", "?", "{}", "; ", "(.)", "\n", "<a>", "”"]
    return "".join(chance.choice(words) for _ in range(size)).encode()[:size]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(range(len(KINDS))),
    st.sampled_from(sorted(CODINGS)),
    st.sampled_from(["noise", "zeros", "text"]),
    st.integers(0, 5_000),
    st.integers(1, 5_000),
    st.sampled_from([64, 1_000, 4_096, 1 << 20]),
)
def test_a_picture_in_other_bytes(
    kind: int, coding: str, around: str, before: int, behind: int, chunk: int
) -> None:
    picture = encoded(kind, seed=before)
    written = CODINGS[coding](picture)
    assume(is_searched_for(KINDS[kind][0], coding))
    front = surroundings(around, before, 1)
    if coding == "uuencode" and front:
        front += b"\n"
    data = front + written + b"\n" + surroundings(around, behind, 2)
    found = [place for place in searched(data, chunk).places if place.offset == len(front)]
    assert len(found) == 1
    assert found[0].suffix == KINDS[kind][0]
    assert cut(data, found[0])[: len(picture)] == picture


def test_one_behind_the_other_and_across_chunks() -> None:
    pictures = [encoded(kind, seed) for seed in range(3) for kind in range(len(KINDS))]
    data = b"".join(pictures)
    for chunk in (500, 1 << 20):
        assert [cut(data, place) for place in searched(data, chunk).places] == pictures


def test_the_small_one_inside_a_damaged_large_one() -> None:
    small = jpeg(5)
    large = jpeg(6)
    segment = b"Exif\0\0" + small
    data = large[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + large[2:-9]
    assert [cut(data, place) for place in searched(data).places] == [data, small]
    whole = data + large[-9:]
    assert [cut(whole, place) for place in searched(whole).places] == [whole]


def test_only_gaps_are_searched() -> None:
    data = jpeg(1) + jpeg(2) + jpeg(3)
    first, second = len(jpeg(1)), len(jpeg(1) + jpeg(2))
    gaps = Gaps([(first, second)])
    assert [cut(data, place) for place in searched(data, gaps=gaps).places] == [jpeg(2)]
    # One that begins in a gap ends with it: what lies behind is somebody else's.
    (place,) = searched(data, gaps=Gaps([(first, second - 100)])).places
    assert (place.start, place.stop) == (first, second - 100)


def test_limits_end_the_search_and_are_told() -> None:
    data = jpeg(1) + jpeg(2)
    search = searched(data, limits=replace(LIMITS, members=1))
    assert (len(search.places), search.places.over) == (1, "more than 1 pictures")
    search = searched(data, limits=replace(LIMITS, archive_bytes=len(jpeg(1))))
    assert len(search.places) == 1
    assert search.places.over is not None
    # What is too large has a place, whose row will say so.
    bomb = zip_entry(jpeg() + bytes(1 << 20))
    (place,) = searched(bomb, limits=replace(LIMITS, file_bytes=1 << 16)).places
    with pytest.raises(TooLarge):
        decode(place.coding, bomb[place.start : place.stop], 1 << 16)


@pytest.mark.parametrize(
    "mark",
    [
        b"/9j/",
        b"\xff\xd8\xff",
        b"PK\3\4" + bytes(26),
        b"II*\0\x08\0\0\0",
        b"ffd8ff",
        b"begin 644 a\n#",
    ],
)
def test_a_file_made_of_marks_takes_bounded_time(mark: bytes) -> None:
    """In time that is that of so many bytes, or the rest has a row that says it."""
    search = searched(mark * (3_000_000 // len(mark)))
    assert len(search.places) == 0 or search.places.over is not None


def test_coded_bytes_that_are_no_picture() -> None:
    for write in CODINGS.values():
        assert len(searched(b"(" + write(b"a text that says nothing " * 20) + b")").places) == 0


@pytest.mark.parametrize(
    "quote", [b'src="data:image/bmp;base64,%s"', b"url(data:image/x-bmp;base64,%s)"]
)
def test_a_bitmap_in_a_data_address(quote: bytes) -> None:

    bitmap = encoded(9)
    data = quote % base64.b64encode(bitmap)
    assert [cut(data, place) for place in searched(data).places] == [bitmap]


def test_many_places_take_few_bytes() -> None:
    places = Places()
    wanted = [Place(n * 10**11, n * 10**11 + 1, n * 10**11 + 9, "webp", "base64") for n in range(9)]
    for place in wanted:
        places.append(place)
    assert list(places) == wanted
    assert len(places) == 9


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(range(len(KINDS))),
    st.sampled_from(sorted(CODINGS)),
    st.lists(st.tuples(st.integers(0, 4_000), st.binary(min_size=1, max_size=9)), max_size=6),
    st.integers(0, 4_000),
)
def test_no_damage_ends_the_search(
    kind: int, coding: str, changes: list[tuple[int, bytes]], cut_off: int
) -> None:
    """Whatever is in the bytes: a search that fails would say nothing of all that follows."""
    written = bytearray(CODINGS[coding](encoded(kind)))
    for place, new in changes:
        at = place % len(written)
        written[at : at + len(new)] = new
    behind = jpeg(99)
    data = bytes(written)[: len(written) - cut_off % len(written)] + b"\0 (\n" + behind
    found = searched(data, 1_000)
    for each in found.places:
        cut(data, each)
    assert found.places.over is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(MARKS), st.binary(max_size=300))
def test_any_bytes_around_any_mark(before: bytes, mark: Mark, behind: bytes) -> None:
    data = before + mark.text + behind
    for place in searched(data, 100).places:
        cut(data, place)


def test_a_picture_that_states_its_size_ends_where_the_next_begins() -> None:
    """On a disk the rest of it lies elsewhere: its own headers do not know."""
    whole = encoded(4)
    data = whole[:200] + jpeg(1) + bytes(9_000)
    assert [cut(data, place) for place in searched(data).places] == [whole[:200], jpeg(1)]


def test_a_jpeg_whose_head_alone_is_there_has_a_place() -> None:
    data = bytes(99) + jpeg(1)[:100] + b"\0" * 999
    (place,) = searched(data).places
    assert place.offset == 99


def test_the_further_pictures_of_an_index_belong_to_the_first() -> None:
    stream = io.BytesIO()
    frames = [Image.open(io.BytesIO(jpeg(seed))) for seed in (5, 6, 7)]
    frames[0].save(stream, "MPO", save_all=True, append_images=frames[1:])
    data = bytes(99) + stream.getvalue() + jpeg(8)
    assert [cut(data, place) for place in searched(data).places] == [stream.getvalue(), jpeg(8)]


@pytest.mark.parametrize("write", [base64.b64encode, lambda data: data.hex().encode()])
def test_pictures_one_a_line_are_as_many(write: Callable[[bytes], bytes]) -> None:
    pictures = [jpeg(seed) for seed in range(20)]
    data = b"\n".join(map(write, pictures))
    assert [cut(data, place) for place in searched(data).places] == pictures


def test_what_lies_behind_a_picture_in_the_same_bytes_belongs_to_it() -> None:
    """A line break ends a picture in text that is one a line, and is one byte of many elsewhere."""
    pictures = (encoded(4, seed) for seed in range(999))
    shown = next(it for it in pictures if not set(it) & set(b"\r\n"))
    both = shown + b"\n" + bytes(99) + jpeg(1)
    in_lines = base64.b64encode(both)
    width = -(-len(shown) // 3) * 4 + 40
    lines = (in_lines[at : at + width] for at in range(0, len(in_lines), width))
    for written in (zip_entry(both, level=0), b"\n".join(lines)):
        assert [cut(written, place) for place in searched(written).places] == [both]


@pytest.mark.parametrize("trailer", [b"", b"a", b"trailer", bytes(20)])
@pytest.mark.parametrize("write", [base64.b64encode, lambda data: data.hex().encode()])
def test_pictures_one_a_line_with_more_behind_each(
    write: Callable[[bytes], bytes], trailer: bytes
) -> None:
    """As motion photographs are: their lines do not end with the picture."""
    pictures = [jpeg(seed) + trailer for seed in range(12)]
    for lines in (b"\n".join(map(write, pictures)), b"\r\n".join(map(write, pictures))):
        for data in (lines, lines.replace(b"=", b"")):
            found = b"".join(cut(data, place) for place in searched(data).places)
            assert [found.count(jpeg(seed)) for seed in range(12)] == [1] * 12
