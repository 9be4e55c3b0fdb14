"""What files are that no decoder and no reader here opens, told by their bytes.

Only what is found here, or was searched for pictures and has none, may be called `not_image`.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from scanner.kinds import dense, encrypted, libmagic, unopened
from scanner.record import Status

HEAD_BYTES = 1 << 17  # of a file's beginning that tell its kind: the marks of some lie far in
TAIL_BYTES = 512
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


class Kind(NamedTuple):
    """status: of a file of this kind, None where it depends on what a search finds in its bytes.

    name: for a person, such as "an ARJ archive". is_dense: whether its bytes look compressed and
    yet hold no picture, as those of sounds and fonts do.
    """

    status: Status | None
    name: str | None
    is_dense: bool = False


def kind_of(head: bytes, tail: bytes, size: int) -> Kind:
    """What a file of `size` bytes is, by its first HEAD_BYTES and its last TAIL_BYTES."""
    if name := encrypted.name(head):
        return Kind(Status.ENCRYPTED, name)
    if name := unopened.name(head, tail):
        return Kind(Status.UNSUPPORTED, name)
    if name := dense.name(head, size):
        return Kind(None, name, is_dense=True)
    if _is_text(head):  # whatever its first words say, all of it can be read
        return Kind(None, "text")
    return _by_description(libmagic.description(head))


def _by_description(text: str) -> Kind:
    name = f"what libmagic calls {text}" if text else None
    if libmagic.ENCRYPTED.search(text):
        return Kind(Status.ENCRYPTED, name)
    if libmagic.DECODED.match(text):
        return Kind(Status.UNREADABLE, name)
    if libmagic.UNOPENED.search(text):
        return Kind(Status.UNSUPPORTED, name)
    return Kind(None, name)


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters but those that part lines and pages."""
    if CONTROL.search(head):
        return False
    try:
        # The last character may be cut in two.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
