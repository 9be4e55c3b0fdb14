"""Protects: JPEG in a PDF comes as it is where the PDF paints it so, and else as it is painted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanner.containers.pdf import members
from scanner.limits import Limits
from tests.scanner.containers.pdf import profiles
from tests.scanner.containers.pdf.painted import (
    Drawn,
    apart,
    content,
    member,
    noise,
    ours,
    stream,
    written,
)

COMPONENTS = {"/DeviceGray": 1, "/DeviceRGB": 3, "/DeviceCMYK": 4}
MODES = {"/DeviceGray": "L", "/DeviceRGB": "RGB", "/DeviceCMYK": "CMYK"}
TO_RED = "<</FunctionType 2/Domain[0 1]/C0[1 1 1]/C1[0.8 0.1 0]/N 1>>"
JPEG = "/BitsPerComponent 8/Filter/DCTDecode"
JPEG_2000 = "/BitsPerComponent 8/Filter/JPXDecode"


def squares(mode: str) -> Image.Image:
    """32x32 pixels in squares of 8, which JPEG keeps well."""
    rgb = np.kron(noise(3, 8, 4, 4).reshape(4, 4, 3), np.ones((8, 8, 1)))
    return Image.fromarray(rgb.astype(np.uint8)).convert(mode)


def encoded(mode: str, form: str = "JPEG", **options: object) -> bytes:
    data = io.BytesIO()
    squares(mode).save(data, form, **options)
    return data.getvalue()


def without_marker(jpeg: bytes, marker: bytes) -> bytes:
    start = jpeg.index(marker)
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4]) :]


def drawn(entries: str, data: bytes, *others: bytes) -> Drawn:
    return Drawn(entries, data, others, 32, 32)


@pytest.mark.parametrize(
    ("space", "mode", "entries"),
    [
        ("/DeviceGray", "L", ""),
        ("/DeviceRGB", "RGB", ""),
        ("/DeviceRGB", "RGB", "/Decode[0 1 0 1.0 0 1]"),
        ("/DeviceCMYK", "CMYK", "/Decode[1 0 1 0 1 0 1 0]"),
        ("[/ICCBased 5 0 R]", "RGB", ""),
        ("/DeviceGray", "RGB", ""),
    ],
)
def test_a_jpeg_in_its_own_colours_comes_as_it_is(space: str, mode: str, entries: str) -> None:
    """Also one that is said to have another number of components: nothing else is in it."""
    jpeg = encoded(mode)
    image = drawn(f"/ColorSpace{space}{JPEG}{entries}", jpeg, stream("/N 3", profiles.adobe_rgb()))
    assert content(image) == jpeg
    assert member(image).path == "a!/object-4.jpg"


@pytest.mark.parametrize("space", ["/DeviceGray", "/DeviceRGB"])
def test_a_jpeg_in_its_own_colours_is_what_is_painted(space: str) -> None:
    assert apart(drawn(f"/ColorSpace{space}{JPEG}", encoded(MODES[space])))[0] == 0


@pytest.mark.parametrize(
    ("space", "mode"),
    [
        ("/DeviceGray", "L"),
        ("/DeviceRGB", "RGB"),
        (f"[/Separation/Spot/DeviceRGB {TO_RED}]", "L"),
        (f"[/Indexed/DeviceRGB 255<{noise(3, 8, 256, 1).astype(np.uint8).tobytes().hex()}>]", "L"),
    ],
)
def test_a_jpeg_in_other_colours_comes_as_it_is_painted(space: str, mode: str) -> None:
    """Of a negative, an ink or an index the file itself shows another picture."""
    ranges = {"/DeviceGray": "[1 0]", "/DeviceRGB": "[1 0 1 0 1 0]"}
    decode = f"/Decode{ranges[space]}" if space in ranges else ""
    image = drawn(f"/ColorSpace{space}{JPEG}{decode}", encoded(mode, quality=95))
    assert member(image).path == "a!/object-4.png"
    assert apart(image)[0] <= 2


@pytest.mark.parametrize("marked", [True, False])
def test_inks_of_a_jpeg_are_not_inverted_unless_the_document_says_so(marked: bool) -> None:
    """Pillow inverts them in every file, and so do most programs."""
    jpeg = encoded("CMYK", quality=95, subsampling=0)
    jpeg = jpeg if marked else without_marker(jpeg, b"\xff\xee")
    shown = ours(drawn(f"/ColorSpace/DeviceCMYK{JPEG}/Decode[{'1 0 ' * 4}]", jpeg))
    painted = ours(drawn(f"/ColorSpace/DeviceCMYK{JPEG}", jpeg))
    assert not isinstance(shown, str)
    assert not isinstance(painted, str)
    inks = np.asarray(Image.open(io.BytesIO(jpeg)))
    negative = Image.frombytes("CMYK", (32, 32), (255 - inks).tobytes()).convert("RGB")
    assert (painted == np.asarray(negative)).all()
    assert np.abs(shown - np.asarray(squares("RGB")).astype(int)).mean() < 3
    most, mean = apart(drawn(f"/ColorSpace[/ICCBased 5 0 R]{JPEG}", jpeg, INKS))
    assert most <= 9
    assert mean < 1


def test_a_jpeg_of_lab() -> None:
    """Of colours beyond sRGB, renderers differ more than of others."""
    space = "[/Lab<</WhitePoint[0.9505 1 1.089]/Range[-128 127 -128 127]>>]"
    most, mean = apart(drawn(f"/ColorSpace{space}{JPEG}", encoded("RGB", quality=95)))
    assert most <= 20
    assert mean < 1


INKS = stream("/N 4", profiles.inks())


@pytest.mark.parametrize(
    ("entries", "jpeg"),
    [
        (f"/ColorSpace/DeviceRGB{JPEG}/DecodeParms<</ColorTransform 0>>", encoded("RGB")),
        (
            f"/ColorSpace/DeviceCMYK{JPEG}/Decode[{'1 0 ' * 4}]/DecodeParms<</ColorTransform 1>>",
            without_marker(encoded("CMYK"), b"\xff\xee"),
        ),
        (f"/ColorSpace/DeviceCMYK{JPEG}", encoded("RGB")),
        (f"/ColorSpace[/Separation/Spot/DeviceRGB {TO_RED}]{JPEG}", encoded("RGB")),
        (f"/ColorSpace/DeviceRGB{JPEG_2000}/Decode[1 0 1 0 1 0]", encoded("RGB", "JPEG2000")),
        (f"/ColorSpace/DeviceCMYK{JPEG_2000}", encoded("RGBA", "JPEG2000")),
        (f"/ColorSpace[/Indexed/DeviceRGB 0<000000>]{JPEG_2000}", encoded("L", "JPEG2000")),
    ],
)
def test_a_file_that_is_painted_otherwise_than_can_be_told(entries: str, jpeg: bytes) -> None:
    assert str(ours(drawn(entries, jpeg))).startswith("the image needs ")


def test_a_damaged_jpeg_in_other_colours_is_damaged() -> None:
    """What is made of it has no mark of that any more."""
    with pytest.raises((ValueError, OSError)):
        ours(drawn(f"/ColorSpace/DeviceGray{JPEG}/Decode[1 0]", encoded("L")[:-60]))


@pytest.mark.parametrize(("space", "mode"), [("/DeviceGray", "L"), ("/DeviceRGB", "RGB")])
def test_jpeg_2000_comes_as_it_is(space: str, mode: str) -> None:
    data = encoded(mode, "JPEG2000")
    image = drawn(f"/ColorSpace{space}{JPEG_2000}", data)
    assert content(image) == data
    assert apart(image)[0] == 0


@pytest.mark.parametrize("entries", ["/F/DCT", "/F[/AHx/DCT]"])
def test_an_inline_jpeg_comes_as_it_is(entries: str) -> None:
    jpeg = encoded("RGB")
    data = jpeg.hex().encode() + b">" if "AHx" in entries else jpeg
    image = Drawn(f"/CS/RGB/BPC 8{entries}", data, (), 32, 32, inline=True)
    assert content(image) == jpeg
    assert member(image).path == "a!/page-1-inline-1.jpg"


@pytest.mark.parametrize(("decode", "found"), [("", False), ("/Decode[1 0 1 0 1 0]", True)])
def test_a_replaced_jpeg_is_left_to_the_search_only_if_it_shows_the_picture(
    decode: str, found: bool
) -> None:
    """What is a member is not searched, where the file would be judged by its own colours."""
    head = "/Type/XObject/Subtype/Image/Width 32/Height 32"
    replaced = stream(f"{head}/ColorSpace/DeviceRGB{JPEG}{decode}", encoded("RGB"))
    document = written([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"])
    start = document.index(b"xref")
    # No list names the object.
    data = document.replace(b"xref\n", b"9 0 obj\n" + replaced + b"\nendobj\nxref\n", 1)
    data = data.replace(b"startxref\n%d" % start, b"startxref\n%d" % data.index(b"xref\n0"))
    met = [it for it in members(io.BytesIO(data), "a", Limits(), ()) if "unused" in it.path]
    assert [bool(it.stored) for it in met] == [True] * found
