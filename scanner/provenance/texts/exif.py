"""EXIF: what camera, software and people say, in every encoding that they use for it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from scanner.provenance.encodings import decoded, japanese, utf_16
from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import Text

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
NAMES = {0x010F: "camera_make", 0x0110: "camera_model", USER_COMMENT: "user_comment"}
WINDOWS = range(0x9C9B, 0x9CA0)  # XPTitle to XPSubject, in UTF-16
# Further texts that are told though nothing is recognised in them; elsewhere stand dates, serial
# numbers, lenses.
SHOWN = frozenset(
    {
        "artist", "copyright", "document_name", "host_computer", "image_description", "page_name",
        "image_title", "photographer", "image_editor", "camera_owner_name", "software",
        "raw_developing_software", "image_editing_software", "metadata_editing_software",
        "xp_title", "xp_comment", "xp_author", "xp_keywords", "xp_subject", *NAMES.values(),
    }
)  # fmt: skip
# The first eight bytes of a user comment name its encoding, rightly or not.
HEADER_BYTES = 8
ENCODINGS = {
    b"ASCII": decoded, b"UNICODE": utf_16, b"JIS": japanese, b"": decoded, b"UTF-8": decoded,
    b"UTF8": decoded,
}  # fmt: skip
# Of Exif 3, which Pillow has no names for.
EXIF_3 = {
    0xA436: "image_title", 0xA437: "photographer", 0xA438: "image_editor",
    0xA43A: "raw_developing_software", 0xA43B: "image_editing_software",
    0xA43C: "metadata_editing_software",
}  # fmt: skip
NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=XP)(?=[A-Z])")


def texts(metadata: Metadata) -> Iterator[Text]:
    """Of each block those of the image itself, then of its Exif directory, which may be damaged
    when that is not. Raises what Pillow does of damage, behind all that can be read.
    """
    damage = None
    for block in metadata.exif:
        try:
            yield from _of_block(block)
        except Exception as error:  # which is of nearly any kind
            damage = error
    if damage:
        raise damage


def _of_block(block: bytes) -> Iterator[Text]:
    from PIL import Image

    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exif.load(block)
        yield from _texts(dict(exif))
        yield from _texts(exif.get_ifd(EXIF_IFD))


def _texts(directory: dict[int, Any]) -> Iterator[Text]:
    for tag, value in directory.items():
        # Pillow gives as Latin-1 what the standard wants to be ASCII, and is UTF-8 more often.
        data = value.encode("latin-1", "replace") if isinstance(value, str) else value
        name = _name(tag)
        if not isinstance(data, bytes) or (data is value and name not in SHOWN):
            continue
        header = data[:HEADER_BYTES].rstrip(b"\0 ").upper()
        if tag == USER_COMMENT and header in ENCODINGS:
            text = ENCODINGS[header](data[HEADER_BYTES:])
        else:
            text = data.decode("utf-16-le", "replace") if tag in WINDOWS else decoded(data)
        if text := text.strip("\0 "):
            yield Text("exif", name, text, name in SHOWN)


def _name(tag: int) -> str:
    from PIL.ExifTags import TAGS

    known = NAMES.get(tag) or EXIF_3.get(tag)
    return known or NEW_WORD.sub("_", TAGS.get(tag, f"tag_{tag:04x}")).lower()
