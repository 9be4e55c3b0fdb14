"""Pictures of a PDF as members: image objects, and images inside the commands of a drawing.

JPEG and JPEG 2000 images that are painted as they are come as the bytes that lie in the document;
others are written as PNG.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import Member, MemberError, failure
from scanner.containers.pdf.entries import entry, readable_entry
from scanner.containers.pdf.filters import last_filter
from scanner.containers.pdf.pixels import is_stencil, png
from scanner.containers.pdf.spaces import Redefined
from scanner.containers.pdf.whole_files import SUFFIXES, suffix, whole_file
from scanner.limits import Limits
from scanner.record import Status

if TYPE_CHECKING:
    from pypdf import PdfReader

INLINE_IMAGE = re.compile(rb"\bBI\b.*?\bID\b", re.DOTALL)
# What inline images abbreviate, 8.9.7.
KEYS = {
    "/BPC": "/BitsPerComponent",
    "/CS": "/ColorSpace",
    "/D": "/Decode",
    "/DP": "/DecodeParms",
    "/F": "/Filter",
    "/H": "/Height",
    "/I": "/Interpolate",
    "/IM": "/ImageMask",
    "/W": "/Width",
}
SPACES = {"/G": "/DeviceGray", "/RGB": "/DeviceRGB", "/CMYK": "/DeviceCMYK", "/I": "/Indexed"}


@dataclass(frozen=True)
class Pictures:
    """Makes members of the pictures of one document."""

    reader: PdfReader
    limits: Limits
    redefined: Redefined

    def member(self, path: str, item: Any, stored: Sequence[tuple[int, int]] = ()) -> Member:
        """The picture that an image dictionary describes; `path` is without a suffix."""
        whole = suffix(item)
        if whole:
            read = partial(whole_file, item, self.limits.file_bytes)
        else:
            read = partial(png, item, self.limits, self.redefined)
        return Member(f"{path}.{whole or 'png'}", opener(read), stored=stored)

    def inline(self, path: str, drawing: Any, holder: Any) -> Iterator[Member]:
        """Images written into the commands of a page or form, whose `holder` has the resources."""
        from pypdf.generic import ContentStream

        if drawing is None:
            return
        try:
            content = ContentStream(drawing, self.reader)
            if not INLINE_IMAGE.search(content.get_data()):
                return
            found = [words for words, command in content.operations if command == b"INLINE IMAGE"]
        except Exception as error:  # a parser raises nearly anything on broken pages
            yield Member(path, None, *failure(error, "page"))
            return
        for number, words in enumerate(found, 1):
            image = _written_out(words["settings"], words["data"], holder)
            yield self.member(f"{path}-inline-{number}", image)


def _written_out(settings: Any, data: bytes, holder: Any) -> Any:
    """The image object that an inline image is short for."""
    from pypdf.generic import EncodedStreamObject, NameObject

    image = EncodedStreamObject()
    image._data = data
    for key, value in settings.items():
        image[NameObject(KEYS.get(key, key))] = value
    if "/ColorSpace" in image:
        image[NameObject("/ColorSpace")] = _space(image["/ColorSpace"], holder)
    return image


def _space(item: Any, holder: Any) -> Any:
    """A colour space by its full name, or the one that the resources give the name to."""
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject

    if isinstance(item, list):
        return ArrayObject([_space(it, holder) for it in item])
    if not isinstance(item, NameObject):
        return item
    name = SPACES.get(item, item)
    resources = entry(holder, "/Resources")
    named = entry(resources, "/ColorSpace") if isinstance(resources, DictionaryObject) else None
    if isinstance(named, DictionaryObject) and name in named and name == item:
        return named[name]
    return NameObject(name)


def is_only_mask(image: Any) -> bool:
    """Whether it has bare grey samples, as masks have. A photograph may be named as one, too."""
    grey = is_stencil(image) or readable_entry(image, "/ColorSpace") == "/DeviceGray"
    return grey and last_filter(image) not in SUFFIXES


def opener(read: Callable[[], bytes]) -> Callable[[], AbstractContextManager[BinaryIO]]:
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
