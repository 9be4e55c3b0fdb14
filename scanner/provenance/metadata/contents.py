"""What is found of a file's metadata, before anything of it is understood."""

from __future__ import annotations

from dataclasses import dataclass

EXIF_HEADER = b"Exif\0\0"
C2PA_BOX = b"jumb"  # JPEG universal metadata box, which every C2PA manifest is
MAX_TEXTS, MAX_BLOCKS = 1_000, 16  # of one kind in one file, of which EXIF is the second


@dataclass(frozen=True)
class Metadata:
    """Raw metadata of one file, undecoded.

    exif: TIFF structures, without the `Exif` header. xmp: XMP packets. iptc: IIM records, one
    after the other. texts: keyword and text of PNG text chunks. comments: of JPEG and GIF. samsung:
    name and content of the blocks that Samsung's programs put behind an image. quantisation:
    contents of a JPEG's quantisation segments. c2pa: whether there is anything that may be an
    embedded C2PA manifest. left_out: whether there is more than was read.
    """

    exif: tuple[bytes, ...] = ()
    xmp: tuple[bytes, ...] = ()
    iptc: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    comments: tuple[bytes, ...] = ()
    samsung: tuple[tuple[str, bytes], ...] = ()
    quantisation: tuple[bytes, ...] = ()
    c2pa: bool = False
    left_out: bool = False
