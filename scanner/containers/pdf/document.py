"""What is in a PDF document: objects, used or not, and what pages and drawings hold themselves."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import Member, encrypted, failure
from scanner.containers.pdf.entries import readable_entry
from scanner.containers.pdf.pictures import Pictures, is_only_mask, opener
from scanner.containers.pdf.places import behind, object_at, objects_written, stretch
from scanner.containers.pdf.recognition import NOUN
from scanner.containers.pdf.spaces import Redefined
from scanner.containers.pdf.whole_files import has_own_colours, is_bare_file
from scanner.images.signatures import is_image
from scanner.limits import Limits
from scanner.record import Status, path_text

if TYPE_CHECKING:
    from pypdf import PdfReader

MOST_BLANKS = 4  # between where the list of objects says that one begins and its number
IMAGE_KEYS = {"/Width", "/Height", "/ColorSpace"}
DEFAULTS = {"/DefaultGray", "/DefaultRGB", "/DefaultCMYK"}
# Some bytes, or base64, of what a search for pictures would find in the content of a stream.
IMAGE_WITHIN = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|WEBPVP8|II\*\0|MM\0\*|ftyp|PK\x03\x04"
    rb"|/9j/|iVBORw0KGg|R0lGOD|UklGR|SUkqA|TU0AK"
)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Objects by number, on pages or not, then images of objects that are none any more, then the
    images inside the pages' own content.

    Images inside forms and patterns, the drawings that pages share, come with these.
    """
    from pypdf import PdfReader

    reader = PdfReader(stream)
    if reader.is_encrypted and not any(reader.decrypt(password) for password in ("", *passwords)):
        raise encrypted(NOUN, passwords)
    titles, masks, redefined = _references(reader)
    pictures = Pictures(reader, limits, redefined)
    places = {number: at for table in reader.xref.values() for number, at in table.items()}
    for number, item in _objects(reader):
        path = f"{name}!/object-{number}"
        if isinstance(item, Exception):
            yield Member(path, None, *failure(item, "object"))
            continue
        if number in masks and is_only_mask(item):
            yield Member(path, None, Status.NOT_IMAGE, "the transparency of another image")
            continue
        stored = partial(stretch, stream, places.get(number), item)
        is_image = _is_image(item)
        if is_image:
            yield pictures.member(path, item, stored())
        if number in titles or readable_entry(item, "/Type") == "/EmbeddedFile":
            title = titles.get(number, f"object-{number}")
            yield Member(f"{name}!/{path_text(title)}", opener(item.get_data), stored=stored())
        elif not is_image and _holds_image(item):  # whatever it is called
            yield Member(path, opener(item.get_data), stored=stored())
        elif readable_entry(item, "/Subtype") == "/Form" or "/PatternType" in item:
            yield from pictures.inline(f"{name}!/drawing-{number}", item, item)
    yield from behind(stream, name)
    yield from _unused(reader, stream, set(places.values()), name, pictures)
    for number, page in enumerate(reader.pages, 1):
        yield from pictures.inline(
            f"{name}!/page-{number}", readable_entry(page, "/Contents"), page
        )


def _unused(
    reader: PdfReader, stream: BinaryIO, live: set[int], name: str, pictures: Pictures
) -> Iterator[Member]:
    """Images and files in objects that were replaced or that nothing lists, by where they begin.

    But for those that lie there as files of their own, which a search for pictures finds.
    """
    for place in objects_written(stream):
        is_live = any(place - blanks in live for blanks in range(MOST_BLANKS))
        item = None if is_live else object_at(reader, stream, place)
        path = f"{name}!/unused-{place}"
        if item is None or is_only_mask(item):
            continue
        if _is_image(item):
            if not (is_bare_file(item) and has_own_colours(item)):
                yield pictures.member(path, item, stretch(stream, place, item))
        elif is_bare_file(item):
            continue
        elif readable_entry(item, "/Type") == "/EmbeddedFile" or _holds_image(item):
            yield Member(path, opener(item.get_data))


def _is_image(item: Any) -> bool:
    """Whether it is called an image, or has what only images have."""
    from pypdf.generic import StreamObject

    called = readable_entry(item, "/Subtype") == "/Image"
    return called or (isinstance(item, StreamObject) and item.keys() >= IMAGE_KEYS)


def _holds_image(item: Any) -> bool:
    """Whether the bytes of a stream object are an image, or there may be one in them."""
    from pypdf.generic import StreamObject

    if not isinstance(item, StreamObject):
        return False
    with contextlib.suppress(Exception):  # a parser raises nearly anything on broken streams
        data = item.get_data()
        # What lies there as it is, is searched with the document.
        return is_image(data) or ("/Filter" in item and IMAGE_WITHIN.search(data) is not None)
    return False


def _objects(reader: PdfReader) -> Iterator[tuple[int, Any]]:
    """The document's dictionaries and streams by object number, or what reading one raised."""
    from pypdf.generic import DictionaryObject, IndirectObject

    places = {(number, generation) for generation, table in reader.xref.items() for number in table}
    places |= {(number, 0) for number in reader.xref_objStm}
    for number, generation in sorted(places):
        try:
            item = reader.get_object(IndirectObject(number, generation, reader))
        except Exception as error:  # a parser raises nearly anything on broken objects
            yield number, error
            continue
        if isinstance(item, DictionaryObject):
            yield number, item


def _references(reader: PdfReader) -> tuple[dict[int, str], set[int], Redefined]:
    """Attached files' names by object number; the numbers of images that mask another; what is
    meant by device colours, anywhere in the document.
    """
    from pypdf.generic import DictionaryObject, IndirectObject

    titles: dict[int, str] = {}
    masks: set[int] = set()
    redefined: dict[str, list[Any]] = {}
    for _, item in _objects(reader):
        if isinstance(item, Exception):
            continue
        for spaces in _resources(item):
            for key in DEFAULTS & spaces.keys():
                redefined.setdefault(key, []).append(spaces[key])
        for key in ("/SMask", "/Mask"):
            mask = item.raw_get(key) if key in item else None
            if isinstance(mask, IndirectObject) and readable_entry(item, "/Subtype") == "/Image":
                masks.add(mask.idnum)
        files = readable_entry(item, "/EF")
        if isinstance(files, DictionaryObject):
            title = str(readable_entry(item, "/UF") or readable_entry(item, "/F") or "attachment")
            references = (files.raw_get(key) for key in files)
            titles |= {it.idnum: title for it in references if isinstance(it, IndirectObject)}
    return titles, masks, redefined


def _resources(item: Any) -> Iterator[Any]:
    """The named colour spaces in a dictionary, be it of these, of resources or of what has some."""
    from pypdf.generic import DictionaryObject

    yield item
    for holder in (item, readable_entry(item, "/Resources")):
        spaces = (
            readable_entry(holder, "/ColorSpace") if isinstance(holder, DictionaryObject) else None
        )
        if isinstance(spaces, DictionaryObject):
            yield spaces
