"""EXIF: camera make and model, software, and generators that hide their prompts there."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from scanner.provenance import generators
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata

NAMES = {0x010F: "camera_make", 0x0110: "camera_model", 0x0131: "software"}
DESCRIPTION, EXIF_IFD, USER_COMMENT = 0x010E, 0x8769, 0x9286
# The first eight bytes of a user comment name its encoding. UTF-16 is big-endian by custom.
ENCODINGS = {b"ASCII\0\0\0": "latin-1", b"UNICODE\0": "utf-16-be", b"\0" * 8: "utf-8"}


def findings(data: bytes, metadata: Metadata) -> Iterator[Finding]:
    if not metadata.exif:
        return
    fields, prompts = _fields(metadata.exif)
    for name, text in fields:
        # ComfyUI keeps its graphs in WebP files as `prompt:{...}`, in the fields of a camera.
        key, _, rest = text.partition(":")
        marks = list(generators.findings(key.lower(), rest))
        yield from marks
        if text and not marks:
            yield Finding("exif", Tag.DECLARED, name, text)
    for prompt in prompts:
        yield from generators.findings("parameters", prompt)


def _fields(block: bytes) -> tuple[list[tuple[str, str]], list[str]]:
    """The fields in NAMES, and those that may hold a prompt."""
    from PIL import Image

    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exif.load(block)
        fields = [(name, _text(exif.get(tag))) for tag, name in NAMES.items()]
        return fields, [_text(exif.get(DESCRIPTION)), _comment(exif.get_ifd(EXIF_IFD))]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""


def _comment(ifd: dict[int, Any]) -> str:
    value = ifd.get(USER_COMMENT)
    if not isinstance(value, bytes):
        return _text(value)
    encoding = ENCODINGS.get(value[:8])
    if encoding is None:
        return _text(value)
    if encoding == "utf-16-be" and value[9:10] == b"\0":
        encoding = "utf-16-le"
    return value[8:].decode(encoding, "replace").strip("\0 ")
