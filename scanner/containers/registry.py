"""The container formats, and which of them a file is.

Adding a format adds one module, as `scanner.containers.container` describes, and its entry here: in
ISOLATED when its parser is to run in a process of its own.
"""

from __future__ import annotations

from types import ModuleType
from typing import BinaryIO

from scanner.containers import (
    appended_zip,
    compressed,
    disk,
    mail,
    outlook,
    pdf,
    rar,
    sevenzip,
    tar,
    zip,
)
from scanner.containers.container import HEAD_BYTES
from scanner.files import check_read, held_if_small
from scanner.images.signatures import is_image

ISOLATED = (sevenzip, rar, pdf, mail, outlook, disk)
# Those that tell of every byte whose it is, but for those that are nobody's.
ACCOUNTING = (zip, tar, compressed, sevenzip, mail, outlook, disk)
ZIPS = (zip, appended_zip)  # to which the code page of old names is told
CONTAINERS = (zip, tar, compressed, *ISOLATED, appended_zip)


def container_of(stream: BinaryIO) -> tuple[ModuleType | None, bool]:
    """The module for the container in `stream`, None for any other file; rewinds.

    The flag says that the file is more than the container, such as an image with a zip behind it.
    """
    looked_at = held_if_small(stream)
    head = looked_at.read(HEAD_BYTES)
    found = next((kind for kind in CONTAINERS if recognises(kind, head, looked_at)), None)
    check_read(stream)
    stream.seek(0)
    is_behind_content = found is appended_zip and not head.startswith(appended_zip.PROGRAMS)
    return found, found is not None and (is_behind_content or is_image(head))


def recognises(kind: ModuleType, head: bytes, stream: BinaryIO) -> bool:
    """Whether `stream`, which is left anywhere, is of the kind."""
    stream.seek(0)
    try:
        return bool(kind.recognises(head, stream))
    except Exception:  # what a parser chokes on may still be an image
        return False
