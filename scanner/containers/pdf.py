"""PDF documents, through pypdf: every image object, inline image and attached file.

JPEG and JPEG 2000 images come as the bytes that lie in the document; others, which have no file
format of their own there, are written as PNG without loss (as TIFF where PNG lacks the mode).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import CHUNK_BYTES, Member, MemberError, encrypted, failure
from scanner.images.signatures import is_image
from scanner.limits import Limits
from scanner.record import Status, path_text

if TYPE_CHECKING:
    from PIL import Image
    from pypdf import PdfReader

NOUN = "PDF document"
MAGIC = re.compile(rb"%PDF-\d\.\d")
MAGIC_WITHIN = 1024  # as readers allow
END_MARK, BLANKS = b"%%EOF", b"\0\t\n\f\r "
OBJECT = re.compile(rb"\d{1,10}\s{1,9}\d{1,5}\s{1,9}obj\b")
OBJECT_WITHIN = 8192
LONGEST_OBJECT_HEAD = 40
MOST_BLANKS = 4  # between where the list of objects says that one begins and its number
HEADER_WITHIN = 1 << 16  # of an object, ahead of its stream
# Filters whose output is a file that image decoders read.
WHOLE_FILES = {"/DCTDecode": "jpg", "/DCT": "jpg", "/JPXDecode": "jp2"}
INLINE_IMAGE = re.compile(rb"\bBI\b.*?\bID\b", re.DOTALL)
# Some bytes, or base64, of what a search for pictures would find in the content of a stream.
IMAGE_WITHIN = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|WEBPVP8|II\*\0|MM\0\*|ftyp|PK\x03\x04"
    rb"|/9j/|iVBORw0KGg|R0lGOD|UklGR|SUkqA|TU0AK"
)
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def recognises(head: bytes, stream: BinaryIO) -> bool:
    """By the magic number; where other bytes precede it, by an object that follows, too."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return True
    stream.seek(0)
    start = stream.read(MAGIC_WITHIN + OBJECT_WITHIN)
    magic = MAGIC.search(start, 0, MAGIC_WITHIN)
    return magic is not None and OBJECT.search(start, magic.end()) is not None


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Objects by number, on pages or not, then images of objects that are none any more, then the
    images inside the pages' own content.

    Images inside forms and patterns, the drawings that pages share, come with these.
    """
    from pypdf import PageObject, PdfReader
    from pypdf.generic import DictionaryObject, NameObject

    reader = PdfReader(stream)
    if reader.is_encrypted and not any(reader.decrypt(password) for password in ("", *passwords)):
        raise encrypted(NOUN, passwords)
    titles, masks = _references(reader)
    places = {number: at for table in reader.xref.values() for number, at in table.items()}
    for number, item in _objects(reader):
        path = f"{name}!/object-{number}"
        if isinstance(item, Exception):
            yield Member(path, None, *failure(item, "object"))
        elif number in masks and _is_only_mask(item):
            yield Member(path, None, Status.NOT_IMAGE, "the transparency of another image")
        elif item.get("/Subtype") == "/Image":
            whole = WHOLE_FILES.get(_last_filter(item))
            read = item.get_data if whole else partial(_lossless, item, limits)
            stored = _stretch(stream, places.get(number), item)
            yield Member(f"{path}.{whole or 'png'}", _opener(read), stored=stored)
        elif number in titles or item.get("/Type") == "/EmbeddedFile":
            title = titles.get(number, f"object-{number}")
            stored = _stretch(stream, places.get(number), item)
            yield Member(f"{name}!/{path_text(title)}", _opener(item.get_data), stored=stored)
        elif _holds_image(item):  # whatever it is called
            stored = _stretch(stream, places.get(number), item)
            yield Member(path, _opener(item.get_data), stored=stored)
        elif item.get("/Subtype") == "/Form" or "/PatternType" in item:
            drawing = PageObject(reader)  # which finds inline images in pages only
            drawing[NameObject("/Contents")] = item
            drawing[NameObject("/Resources")] = item.get("/Resources", DictionaryObject())
            yield from _inline_images(drawing, f"{name}!/drawing-{number}")
    yield from _behind(stream, name)
    yield from _unused(reader, stream, set(places.values()), name, limits)
    for number, page in enumerate(reader.pages, 1):
        yield from _inline_images(page, f"{name}!/page-{number}")


def _behind(stream: BinaryIO, name: str) -> Iterator[Member]:
    """What lies behind the last end mark, if that is more than blanks."""
    size = stream.seek(0, os.SEEK_END)
    end = size
    while end > 0:
        start = max(0, end - CHUNK_BYTES)
        stream.seek(start)
        place = stream.read(end - start + len(END_MARK)).rfind(END_MARK)
        if place >= 0:
            behind = start + place + len(END_MARK)
            stream.seek(behind)
            first = stream.read(CHUNK_BYTES)
            if rest := first.lstrip(BLANKS):
                opened = partial(_rest, stream, behind + len(first) - len(rest))
                yield Member(f"{name}!/trailing-data", opened, stored=((behind, size),))
            return
        end = start


@contextmanager
def _rest(stream: BinaryIO, place: int) -> Iterator[BinaryIO]:
    stream.seek(place)
    yield stream


def _unused(
    reader: PdfReader, stream: BinaryIO, live: set[int], name: str, limits: Limits
) -> Iterator[Member]:
    """Images and files in objects that were replaced or that nothing lists, by where they begin.

    But for those that lie there as files of their own, which a search for pictures finds.
    """
    for place in _objects_written(stream):
        is_live = any(place - blanks in live for blanks in range(MOST_BLANKS))
        item = None if is_live else _object_at(reader, stream, place)
        path = f"{name}!/unused-{place}"
        if item is None or _is_only_mask(item) or str(item.get("/Filter")) in WHOLE_FILES:
            continue
        if item.get("/Subtype") == "/Image":
            whole = WHOLE_FILES.get(_last_filter(item))
            read = item.get_data if whole else partial(_lossless, item, limits)
            yield Member(f"{path}.{whole or 'png'}", _opener(read))
        elif item.get("/Type") == "/EmbeddedFile" or _holds_image(item):
            yield Member(path, _opener(item.get_data))


def _objects_written(stream: BinaryIO) -> Iterator[int]:
    """Where what looks like the beginning of an object stands, whether or not it is one."""
    place, left = 0, b""
    while True:
        stream.seek(place)
        chunk = stream.read(CHUNK_BYTES)
        if not chunk:
            return
        place += len(chunk)
        text = left + chunk
        start = place - len(text)
        yield from [
            start + found.start()
            for found in OBJECT.finditer(text)
            # A shorter number may be the end of a longer one that the last chunk held.
            if found.end() > len(left)
        ]
        left = text[-LONGEST_OBJECT_HEAD:]


def _object_at(reader: PdfReader, stream: BinaryIO, place: int) -> Any:
    """The stream object that begins there, None where none does."""
    from pypdf.generic import StreamObject, read_object

    with contextlib.suppress(Exception):  # a parser raises nearly anything on other bytes
        stream.seek(place)
        if b"stream" not in stream.read(HEADER_WITHIN):
            return None
        stream.seek(place)
        reader.read_object_header(stream)
        item = read_object(stream, reader)
        return item if isinstance(item, StreamObject) else None
    return None


def _stretch(stream: BinaryIO, place: int | None, item: Any) -> Sequence[tuple[int, int]]:
    """Where in the document the bytes of a stream object lie, which begins at `place`."""
    data = getattr(item, "_data", b"")
    # Of what is coded, more may lie there than is decoded; of a file of its own nothing is left.
    is_plain = "/Filter" not in item and item.get("/Subtype") != "/Image"
    is_file = str(item.get("/Filter")) in WHOLE_FILES
    if place is None or not isinstance(data, bytes) or not data or not (is_plain or is_file):
        return ()
    before = stream.tell()
    stream.seek(place)
    start = stream.read(HEADER_WITHIN + len(data)).find(data)
    stream.seek(before)
    return () if start < 0 else ((place + start, place + start + len(data)),)


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


def _references(reader: PdfReader) -> tuple[dict[int, str], set[int]]:
    """Attached files' names by object number; the numbers of images that mask another."""
    from pypdf.generic import DictionaryObject, IndirectObject

    titles: dict[int, str] = {}
    masks: set[int] = set()
    for _, item in _objects(reader):
        if isinstance(item, Exception):
            continue
        for key in ("/SMask", "/Mask"):
            mask = item.raw_get(key) if key in item else None
            if isinstance(mask, IndirectObject) and item.get("/Subtype") == "/Image":
                masks.add(mask.idnum)
        files = item.get("/EF")
        if isinstance(files, DictionaryObject):
            title = str(item.get("/UF") or item.get("/F") or "attachment")
            references = (files.raw_get(key) for key in files)
            titles |= {it.idnum: title for it in references if isinstance(it, IndirectObject)}
    return titles, masks


def _is_only_mask(image: Any) -> bool:
    """Whether it has bare grey samples, as masks have. A photograph may be named as one, too."""
    from pypdf.generic import BooleanObject

    stencil = image.get("/ImageMask") == BooleanObject(True)
    grey = stencil or image.get("/ColorSpace") == "/DeviceGray"
    return grey and _last_filter(image) not in WHOLE_FILES


def _last_filter(item: Any) -> str:
    filters = item.get("/Filter")
    return str(filters[-1] if isinstance(filters, list) and filters else filters)


def _inline_images(page: Any, path: str) -> Iterator[Member]:
    """Images written into the drawing commands of a page, not as objects."""
    try:
        drawing = page.get_contents()
        if drawing is None or not INLINE_IMAGE.search(drawing.get_data()):
            return
        images = page.images
        keys = [key for key in images.keys() if isinstance(key, str) and key.startswith("~")]  # noqa: SIM118
    except Exception as error:  # a parser raises nearly anything on broken pages
        yield Member(path, None, *failure(error, "page"))
        return
    for number, key in enumerate(keys, 1):
        read = partial(_inline_image, images, key)
        yield Member(f"{path}-inline-{number}.png", _opener(read))


def _inline_image(images: Any, key: str) -> bytes:
    return _png(images[key].image)


def _lossless(item: Any, limits: Limits) -> bytes:
    width, height = int(item["/Width"]), int(item["/Height"])
    if width * height > limits.pixels:
        sentence = f"{width}x{height} pixels are more than the limit of {limits.pixels:,}"
        raise MemberError(Status.OVER_LIMIT, sentence)
    return _png(item.decode_as_image())


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG" if image.mode in PNG_MODES else "TIFF")
    return stream.getvalue()


def _opener(read: Callable[[], bytes]) -> Callable[[], AbstractContextManager[BinaryIO]]:
    from pypdf.errors import DependencyError, LimitReachedError

    @contextmanager
    def open_member() -> Iterator[BinaryIO]:
        try:
            yield io.BytesIO(read())
        except LimitReachedError as error:
            raise MemberError(Status.OVER_LIMIT, f"the image is too large: {error}") from error
        except (DependencyError, NotImplementedError) as error:
            raise MemberError(Status.UNSUPPORTED, f"the image needs more: {error}") from error

    return open_member
