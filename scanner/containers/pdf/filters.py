"""From the stored bytes of a stream to what they stand for (ISO 32000-2, 7.4).

pypdf's own decoding of a whole chain is not used for pixels: it knows predictors of whole bytes
only, none for LZW, and takes what a damaged stream still gives for all of it.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.containers.container import TooLarge
from scanner.containers.pdf.entries import elements, entry
from scanner.containers.pdf.refusal import unsupported

# As inline images abbreviate them.
FULL_NAMES = {
    "/A85": "/ASCII85Decode",
    "/AHx": "/ASCIIHexDecode",
    "/CCF": "/CCITTFaxDecode",
    "/DCT": "/DCTDecode",
    "/Fl": "/FlateDecode",
    "/LZW": "/LZWDecode",
    "/RL": "/RunLengthDecode",
}
MOST_FILTERS = 16
TIFF_PREDICTOR, PNG_PREDICTORS = 2, range(10, 16)


def filters(item: Any) -> list[tuple[str, Any]]:
    """Name and parameters of each filter of a stream, in the order in which they are undone."""
    names, parameters = _each(entry(item, "/Filter")), _each(entry(item, "/DecodeParms"))
    parameters += [None] * (len(names) - len(parameters))
    return [
        (FULL_NAMES.get(str(name), str(name)), of_it if isinstance(of_it, dict) else {})
        for name, of_it in zip(names, parameters, strict=False)
    ]


def last_filter(item: Any) -> str:
    """The filter whose output is the image; "" without one, or where what is named is none."""
    with contextlib.suppress(Exception):  # a parser raises nearly anything on broken references
        return filters(item)[-1][0]
    return ""


def _each(value: Any) -> list[Any]:
    """The elements of an array, or the one thing that stands in its place."""
    if value is None:
        return []
    return elements(value) if isinstance(value, list) else [value]


def unpacked(item: Any, limit: int, but_last: bool = False) -> bytes:
    """What the filters of a stream make of its bytes, all of them or all but the last.

    Raises TooLarge beyond `limit` bytes, MemberError for a filter that is not undone here.
    """
    chain = filters(item)
    if len(chain) > MOST_FILTERS:
        raise unsupported(f"more than {MOST_FILTERS} filters")
    data: bytes = item._data
    for name, parameters in chain[:-1] if but_last else chain:
        data = _unpacked_once(data, name, parameters, limit)
        if len(data) > limit:
            raise TooLarge(limit)
    return data


def _unpacked_once(data: bytes, name: str, parameters: Any, limit: int) -> bytes:
    from pypdf import filters as pypdf_filters

    match name:
        case "/FlateDecode":
            # As many as the limit and one tell whether there are more.
            return _predicted(zlib.decompressobj().decompress(data, limit + 1), parameters)
        case "/LZWDecode":
            if entry(parameters, "/EarlyChange", 1) != 1:
                raise unsupported("LZW codes that grow late")
            return _predicted(pypdf_filters.LZWDecode.decode(data), parameters)
        case "/RunLengthDecode":
            return pypdf_filters.RunLengthDecode.decode(data)
        case "/ASCIIHexDecode":
            return pypdf_filters.ASCIIHexDecode.decode(data)
        case "/ASCII85Decode":
            return pypdf_filters.ASCII85Decode.decode(data)
    raise unsupported(f"the filter {name.removeprefix('/')}")


def _predicted(data: bytes, parameters: Any) -> bytes:
    """`data` after the predictor (7.4.4.4), which told each sample by those before it."""
    predictor = entry(parameters, "/Predictor", 1)
    if predictor == 1:
        return data
    columns, colours, bits = (
        int(entry(parameters, key, default))
        for key, default in (("/Columns", 1), ("/Colors", 1), ("/BitsPerComponent", 8))
    )
    if min(columns, colours) < 1 or bits not in (1, 2, 4, 8, 16):
        raise ValueError("a predictor has impossible parameters")
    stride = -(-columns * colours * bits // 8)
    if predictor in PNG_PREDICTORS:
        return _png_predicted(data, stride, -(-colours * bits // 8))
    if predictor != TIFF_PREDICTOR or bits not in (8, 16):
        raise unsupported(f"the predictor {predictor} of samples of {bits} bits")
    kind = np.dtype(">u2" if bits == 16 else "u1")
    rows = np.frombuffer(data, kind, len(data) // stride * stride // kind.itemsize)
    rows = rows.reshape(-1, columns, colours)
    return np.cumsum(rows, axis=1, dtype=kind.newbyteorder("=")).astype(kind).tobytes()


def _png_predicted(data: bytes, stride: int, step: int) -> bytes:
    """Rows of `stride` bytes, each behind the byte that names its predictor.

    Every `step`-th byte is told by others of its kind, so that each such plane is a grey PNG of its
    own, whose predictors Pillow undoes.
    """
    from PIL import Image

    rows = np.frombuffer(data, np.uint8, len(data) // (stride + 1) * (stride + 1))
    rows = rows.reshape(-1, stride + 1)
    if not len(rows):
        return b""
    width = -(-stride // step)
    padded = np.zeros((len(rows), width * step), np.uint8)
    padded[:, :stride] = rows[:, 1:]
    planes = padded.reshape(len(rows), width, step)
    for plane in range(step):
        filtered = np.concatenate([rows[:, :1], planes[:, :, plane]], axis=1)
        packed = zlib.compress(filtered.tobytes(), 0)
        image = Image.frombytes("L", (width, len(rows)), packed, "zip", "L", 0)
        planes[:, :, plane] = np.asarray(image)
    return padded[:, :stride].tobytes()


def samples(data: bytes, count: int, bits: int) -> npt.NDArray[np.integer[Any]]:
    """The first `count` samples of `bits` each (1, 2, 4, 8 or 16), one behind the other.

    Raises ValueError where there are fewer.
    """
    if len(data) * 8 < count * bits:
        raise ValueError("the samples end early")
    if bits == 16:
        return np.frombuffer(data, ">u2", count)
    if bits == 8:
        return np.frombuffer(data, np.uint8, count)
    whole = np.frombuffer(data, np.uint8, -(-count * bits // 8))
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return (whole[:, None] >> shifts & (2**bits - 1)).reshape(-1)[:count]
