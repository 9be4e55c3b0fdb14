"""The texts of a file, from wherever its format keeps them; one module a kind of metadata.

Each has `texts(metadata)`. What they mean is for `scanner.provenance.marks` to tell.
"""

from __future__ import annotations

from scanner.provenance.texts import blocks, comments, exif, iptc, png, xmp

PLACES = {
    "xmp": xmp,
    "exif": exif,
    "iptc": iptc,
    "png": png,
    "comment": comments,
    "samsung": blocks,
}
