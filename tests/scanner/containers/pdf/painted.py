"""PDF documents of one image, as imgscan reads them and as pdfium paints them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pypdfium2

from scanner.containers import pdf
from scanner.containers.container import Member, MemberError
from scanner.images.decode import decode
from scanner.limits import Limits

Pixels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """An image of a document: its dictionary but for the size, its stored bytes, and objects that
    the dictionary refers to, of which the first has the number 5.
    """

    entries: str
    data: bytes
    others: Sequence[bytes] = ()
    width: int = 8
    height: int = 8
    resources: str = ""
    inline: bool = False

    def document(self) -> bytes:
        scale = f"q {self.width} 0 0 {self.height} 0 0 cm".encode()
        if self.inline:
            head = f" BI /W {self.width} /H {self.height} {self.entries} ID ".encode()
            content = scale + head + self.data + b" EI Q"
            image = b"null"
        else:
            content = scale + b" /I Do Q"
            size = f"/Width {self.width} /Height {self.height}"
            image = stream(f"/Type/XObject/Subtype/Image {size} {self.entries}", self.data)
        page = (
            f"<</Type/Page/Parent 2 0 R/Contents {5 + len(self.others)} 0 R"
            f"/MediaBox[0 0 {self.width} {self.height}]"
            f"/Resources<</XObject<</I 4 0 R>>{self.resources}>>>>"
        )
        objects = [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page.encode(),
            image,
            *self.others,
            stream("", content),
        ]
        return written(objects)


def stream(entries: str, data: bytes) -> bytes:
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def written(objects: Sequence[bytes]) -> bytes:
    """A document of objects, which are numbered from 1; the first is its catalog."""
    data, places = bytearray(b"%PDF-1.7\n"), []
    for number, item in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n".encode() + item + b"\nendobj\n"
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    data += f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(data)


def member(drawn: Drawn, limits: Limits | None = None) -> Member:
    """The only picture that imgscan finds, or its mask."""
    found = pdf.members(io.BytesIO(drawn.document()), "a", limits or Limits(), ())
    return next(it for it in found if it.path.startswith(("a!/object-4.", "a!/page-1")))


def content(drawn: Drawn, limits: Limits | None = None) -> bytes:
    """What is handed on; raises as the member does."""
    found = member(drawn, limits)
    assert found.open is not None
    with found.open() as opened:
        return opened.read(1 << 30)


def ours(drawn: Drawn) -> Pixels | str:
    """(height, width, 3) on white, or why there are none."""
    try:
        data = content(drawn)
    except MemberError as error:
        return str(error)
    return np.asarray(decode(data).rgb).astype(np.int64)


def theirs(drawn: Drawn) -> Pixels:
    """(height, width, 3) of the page as pdfium renders it, each pixel of the image on one of it."""
    page = pypdfium2.PdfDocument(drawn.document())[0]
    bitmap = page.render(scale=1, rev_byteorder=True, optimize_mode=None)
    return bitmap.to_numpy()[:, :, :3].astype(np.int64)


def apart(drawn: Drawn) -> tuple[int, float]:
    """How far imgscan's pixels are from pdfium's: at most, and in the mean."""
    found = ours(drawn)
    assert not isinstance(found, str), found
    distance = np.abs(found - theirs(drawn))
    return int(distance.max()), float(distance.mean())


def stored(samples: npt.ArrayLike, bits: int) -> bytes:
    """Rows of samples as a PDF stores them, each row from a byte on."""
    rows = np.asarray(samples, np.uint16)
    rows = rows.reshape(len(rows), -1)
    if bits == 16:
        return rows.astype(">u2").tobytes()
    each = rows[:, :, None] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(each.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def noise(components: int, bits: int, width: int = 8, height: int = 8) -> Pixels:
    """(height, width * components) samples of every level."""
    source = np.random.default_rng(components * 100 + bits)
    return source.integers(0, 2**bits, (height, width * components))
