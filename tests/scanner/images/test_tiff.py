"""Protects: every page of a TIFF is found, also one that only a SubIFD names, in any layout."""

from __future__ import annotations

import struct
import time

import pytest
from PIL import Image

from scanner.images import raw
from scanner.images.tiff import MOST_PAGES, page_alone, page_offsets
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from scanner.workers.examined import Examined
from tests.conftest import EVERY_SIZE, encoded
from tests.scanner.images.tiff_bytes import IFD, IFD8, LONG, LONG8, grey_page, tiff

LAYOUTS = [("<", False), (">", False), ("<", True)]  # Pillow reads no big-endian BigTIFF


def levels(data: bytes) -> list[int]:
    """The grey of the page at each offset, in the order in which the pages are counted."""
    greys = []
    for offset in page_offsets(data):
        with Image.open(page_alone(data, offset)) as image:
            greys.append(int(str(image.getpixel((0, 0)))))
    return greys


def rows(data: bytes) -> list[Examined]:
    chief = examine(data, EVERY_SIZE, Limits())
    return sorted([chief, *chief.further], key=lambda row: row.page or 0)


@pytest.mark.parametrize(("order", "big"), LAYOUTS)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", [LONG, IFD, LONG8, IFD8])
def test_sub_directories_of_every_type_are_pages(
    order: str, big: bool, count: int, kind: int
) -> None:
    """One or two places may stand in the entry itself, more stand elsewhere."""
    subs = [grey_page(100 + number) for number in range(count)]
    data = tiff(grey_page(10, *subs, sub_type=kind), order=order, big=big)
    assert levels(data) == [10, 100, 101, 102][: 1 + count]


@pytest.mark.parametrize(("order", "big"), LAYOUTS)
def test_the_chain_comes_first_and_then_what_it_names(order: str, big: bool) -> None:
    """Else a page's number would change with the SubIFDs before it."""
    nested = grey_page(30, grey_page(40, grey_page(50)), grey_page(41))
    data = tiff(grey_page(10, nested, grey_page(31)), grey_page(20, grey_page(32)), order=order,
                big=big)  # fmt: skip
    assert levels(data) == [10, 20, 30, 31, 32, 40, 41, 50]


@pytest.mark.parametrize(("order", "big"), LAYOUTS)
def test_a_picture_that_only_a_sub_directory_names_has_a_row(order: str, big: bool) -> None:
    data = tiff(grey_page(10, grey_page(200)), order=order, big=big)
    pages = rows(data)
    assert [(page.page, page.frames, page.status) for page in pages] == [
        (1, 2, Status.SCORED), (2, 2, Status.SCORED),
    ]  # fmt: skip
    assert [float(page.view.mean()) for page in pages if page.view is not None] == [10, 200]


def test_a_chain_that_a_sub_directory_begins_is_followed() -> None:
    data = bytearray(tiff(grey_page(10, grey_page(20)), grey_page(30)))
    first, second, sub = page_offsets(bytes(data))
    hidden = len(data)
    (size,) = struct.unpack_from("<H", data, second)
    data += data[second : second + 2 + 12 * size + 4]
    struct.pack_into("<I", data, sub + 2 + 12 * data[sub], hidden)
    assert page_offsets(bytes(data)) == [first, second, sub, hidden]


def test_a_reduced_copy_in_a_sub_directory_is_no_page_of_its_own() -> None:
    reduced = grey_page(20, tags={254: (LONG, [1])})
    first, second, third = rows(tiff(grey_page(10, reduced, grey_page(30))))
    assert (first.status, third.status) == (Status.SCORED, Status.SCORED)
    assert second.status is Status.UNSUPPORTED


def test_camera_raw_stays_camera_raw() -> None:
    reduced = grey_page(10, grey_page(200), tags={254: (LONG, [1])})
    assert raw.kind(tiff(reduced)) == "RAW"
    assert raw.kind(tiff(grey_page(10, grey_page(200)))) is None


@pytest.mark.parametrize("big", [False, True])
def test_without_sub_directories_the_pages_are_those_of_the_chain(big: bool) -> None:
    pages = [Image.new("L", (8, 8), level) for level in (10, 20, 30)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    assert levels(data) == [10, 20, 30]


def test_directories_that_name_each_other_are_counted_once() -> None:
    data = bytearray(tiff(grey_page(10, grey_page(20, grey_page(30)))))
    first, second, third = page_offsets(bytes(data))
    entry = data.index(struct.pack("<2H2I", 330, LONG, 1, third))
    struct.pack_into("<I", data, entry + 8, first)
    assert page_offsets(bytes(data)) == [first, second]


@pytest.mark.parametrize(
    ("count", "place"), [(2**32 - 1, 8), (1000, 8), (2, 2**32 - 1), (2, 10**6)]
)
def test_sub_directories_that_cannot_be_there_have_a_row_that_says_so(
    count: int, place: int
) -> None:
    data = bytearray(tiff(grey_page(10, grey_page(20), grey_page(30))))
    entry = data.index(struct.pack("<2HI", 330, LONG, 2))
    struct.pack_into("<2I", data, entry + 4, count, place)
    first, second = rows(bytes(data))
    assert (first.status, second.status) == (Status.SCORED, Status.UNREADABLE)
    assert second.error is not None
    assert "no page can be read where the file names one" in second.error


def test_a_sub_directory_of_an_unknown_type_has_a_row() -> None:
    data = bytearray(tiff(grey_page(10, grey_page(20))))
    struct.pack_into("<H", data, data.index(struct.pack("<2HI", 330, LONG, 1)) + 2, 99)
    assert [row.status for row in rows(bytes(data))] == [Status.SCORED, Status.UNREADABLE]


def overlapping(directories: int, names: int) -> bytes:
    """A chain of directories that all name one list: of themselves, over and over."""
    size = 2 + 12 + 4
    listed = 8 + size * directories
    chain = b"".join(
        struct.pack("<3H3I", 1, 330, LONG, names, listed, 8 + size * (1 + number))
        for number in range(directories - 1)
    )
    chain += struct.pack("<3H3I", 1, 330, LONG, names, listed, 0)
    return b"II*\0" + struct.pack("<I", 8) + chain + struct.pack("<I", 8) * names


def test_hostile_lists_cost_a_bounded_time_and_hide_nothing_silently() -> None:
    """A thousand directories that name a first page 65,000 times each, and a page behind."""
    data = overlapping(1000, 65_000)
    began = time.perf_counter()
    offsets = page_offsets(data)
    assert time.perf_counter() - began < 10
    assert len(offsets) == 1001
    assert offsets[-1] == len(data), "what is left out has a row"


def test_there_are_no_more_pages_than_the_limit() -> None:
    places = range(10**6, 10**6 + 3 * MOST_PAGES, 3)
    listed = struct.pack(f"<{len(places)}I", *places)
    entry = struct.pack("<3H3I", 1, 330, LONG, len(places), 26, 0)
    assert len(page_offsets(b"II*\0" + struct.pack("<I", 8) + entry + listed)) == MOST_PAGES


def test_a_directory_of_impossible_length_costs_no_time() -> None:
    data = bytearray(tiff(grey_page(10), big=True))
    (first,) = page_offsets(bytes(data))
    struct.pack_into("<Q", data, first, 2**64 - 1)
    assert page_offsets(bytes(data)) == [first]
