"""Images of a PDF that were packed as CCITT Group 4 (ISO 32000-2, 7.4.6)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanner.containers.pdf.entries import entry
from scanner.containers.pdf.filters import filters, unpacked
from scanner.containers.pdf.refusal import unsupported

FAX = "/CCITTFaxDecode"
STRIP, STRIP_ROWS, STRIP_BYTES = 273, 278, 279  # tags of TIFF
END_BYTES = 4  # that hold the mark of the end, which need not be there, and what fills the last


def fax_samples(item: Any, width: int, height: int, limit: int) -> npt.NDArray[np.uint8]:
    """(height, width) of 0 and 1. Raises MemberError for what Group 4 does not give back as it is.

    The decoder fills up what is damaged. So what it found is packed anew, for which there is one
    way only.
    """
    from pypdf.filters import CCITTFaxDecode
    from pypdf.generic import BooleanObject, DictionaryObject, NameObject, NumberObject

    true = BooleanObject(True)
    _, parameters = filters(item)[-1]
    if entry(parameters, "/K", 0) >= 0 or entry(parameters, "/EncodedByteAlign") == true:
        raise unsupported("a fax of Group 3 or of aligned rows")
    if (entry(parameters, "/Columns", 1728), entry(parameters, "/Rows", height)) != (width, height):
        raise unsupported("a fax of another size than its own")
    packed = unpacked(item, limit, but_last=True)
    if not packed:
        raise ValueError("the fax in it is empty")
    plain = {"/K": NumberObject(-1), "/Columns": NumberObject(width), "/BlackIs1": true}
    of_tiff = DictionaryObject({NameObject(key): value for key, value in plain.items()})
    tiff = CCITTFaxDecode.decode(packed, of_tiff, NumberObject(height))
    with Image.open(io.BytesIO(tiff), formats=["TIFF"]) as image:
        again = _packed(image)
        bits = np.asarray(image, np.uint8)
    if again[:-END_BYTES] != packed[: max(0, len(again) - END_BYTES)]:
        raise ValueError("the fax in it does not come out as it went in")
    return bits if entry(parameters, "/BlackIs1") == true else 1 - bits


def _packed(image: Image.Image) -> bytes:
    """A picture of mode 1 as Group 4."""
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression="group4", tiffinfo={STRIP_ROWS: image.height})
    with Image.open(stream, formats=["TIFF"]) as tiff:
        places, lengths = (tiff.getexif()[tag] for tag in (STRIP, STRIP_BYTES))
    start, length = (it[0] if isinstance(it, tuple) else it for it in (places, lengths))
    return stream.getvalue()[start : start + length]
