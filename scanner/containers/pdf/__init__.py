"""PDF documents, through pypdf: every image object, inline image and attached file.

`document` finds them, `pictures` makes members of images, and `pixels` the pixels of those that are
no files of their own, with `filters`, `fax`, `spaces` and `functions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from scanner.containers.container import Member
from scanner.containers.pdf.recognition import NOUN, recognises
from scanner.limits import Limits

__all__ = ["NOUN", "members", "recognises"]


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """What is in a document, as `document.members` finds it."""
    from scanner.containers.pdf import document  # which loads NumPy and Pillow

    return document.members(stream, name, limits, passwords)
