"""Protects: no number in a PDF's pictures costs more time or memory than its row is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.containers.container import MemberError
from scanner.limits import Limits
from scanner.record import Status
from tests.scanner.containers.pdf.painted import Drawn, content, stream, written
from tests.scanner.opening import opened
from tests.scanner.walking import rows

RGB = "/ColorSpace/DeviceRGB/BitsPerComponent 8"
INK = "/BitsPerComponent 8/ColorSpace[/Separation/Spot/DeviceRGB 5 0 R]"
HUGE = 10**9


def tint(entries: str, data: bytes = b"") -> bytes:
    return stream(f"/Domain[0 1]/Range[0 1 0 1 0 1]{entries}", data)


CYCLE = b"<</FunctionType 3/Domain[0 1]/Functions[5 0 R 5 0 R]/Bounds[0.5]/Encode[0 1 0 1]>>"
PART = "<</FunctionType 2/Domain[0 1]/N 1>>"
MANY = f"<</FunctionType 3/Domain[0 1]/Functions[{PART * 5000}]/Bounds[]/Encode[]>>".encode()
HOSTILE = {
    "a function of itself": (INK, CYCLE),
    "thousands of functions": (INK, MANY),
    "a program": (INK, tint("/FunctionType 4", b"{ 1 { } repeat }")),
    "a huge table": (INK, tint(f"/FunctionType 0/Size[{HUGE}]/BitsPerSample 8")),
    "a table of huge samples": (INK, tint(f"/FunctionType 0/Size[2]/BitsPerSample {HUGE}")),
    "a table of no samples": (INK, tint("/FunctionType 0/Size[-1]/BitsPerSample 8")),
    "a table that ends early": (INK, tint("/FunctionType 0/Size[99]/BitsPerSample 8", b"ab")),
    "a power of nothing": (INK, tint("/FunctionType 2/N -1/C0[0 0 0]/C1[1 1 1]")),
    "no number": (INK, tint("/FunctionType 2/N (x)/C0[0 0 0]/C1[1 1 1]")),
    "an ink of itself": ("/BitsPerComponent 8/ColorSpace 5 0 R", b"[/Separation/A 5 0 R 5 0 R]"),
    "an index of itself": ("/BitsPerComponent 8/ColorSpace 5 0 R", b"[/Indexed 5 0 R 1<00>]"),
    "a profile of many": ("/BitsPerComponent 8/ColorSpace[/ICCBased 5 0 R]", stream("/N 99", b"")),
    "an empty space": ("/BitsPerComponent 8/ColorSpace 5 0 R", b"[]"),
    "a space that is a number": ("/BitsPerComponent 8/ColorSpace 5 0 R", b"7"),
    "a white that is black": (
        "/BitsPerComponent 8/ColorSpace[/Lab 5 0 R]",
        b"<</WhitePoint[0 0 0]/Range[-128 127 -128 127]>>",
    ),
    "a filter a hundred times": (f"{RGB}/Filter[{'/ASCIIHexDecode' * 100}]", b"null"),
    "huge rows": (
        f"{RGB}/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns {HUGE}/Colors {HUGE}>>",
        b"null",
    ),
    "rows of nothing": (f"{RGB}/Filter/FlateDecode/DecodeParms<</Predictor 2/Columns 0>>", b"null"),
    "a mask of itself": (f"{RGB}/SMask 4 0 R", b"null"),
    "a mask of an endless colour": (f"{RGB}/Mask[{'9' * 400} 0 0 0 0 0]", b"null"),
    "a fax of no width": (
        "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms"
        f"<</K -1/Columns {HUGE}>>",
        b"null",
    ),
}


@pytest.mark.parametrize(("entries", "other"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_painted_ends(entries: str, other: bytes) -> None:
    """Whatever it raises becomes its row; what it must not do is give pixels, or hang."""
    with pytest.raises(Exception):  # noqa: B017, PT011 parsers raise nearly anything
        content(Drawn(entries, b"\x78\x9c" * 96, [other]))


@pytest.mark.parametrize("side", [50_000, HUGE])
def test_a_mask_is_limited_before_it_is_made(side: int) -> None:
    entries = f"/Subtype/Image/Width {side}/Height {side}/BitsPerComponent 8/ColorSpace/DeviceGray"
    with pytest.raises(MemberError) as caught:
        content(Drawn(f"{RGB}/SMask 5 0 R", bytes(192), [stream(entries, b"")]))
    assert caught.value.status is Status.OVER_LIMIT


@pytest.mark.parametrize(("width", "height"), [(0, 8), (8, -1)])
def test_a_picture_of_no_size_is_damage(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels"):
        content(Drawn(RGB, bytes(192), width=width, height=height))


def test_bytes_are_limited() -> None:
    with pytest.raises(Exception, match="100"):
        content(Drawn(f"{RGB}/Filter/ASCIIHexDecode", b"00" * 192), Limits(file_bytes=100))


def test_broken_references_cost_their_own_picture(tmp_path: Path) -> None:
    """What a parser raises on one object's entries is that object's row."""
    whole = stream(f"/Type/XObject/Subtype/Image/Width 8/Height 8 {RGB}", bytes(192))
    broken = stream(
        "/Type/XObject/Subtype/Image/Width 8/Height 8/Filter 9 0 R/ColorSpace 9 0 R", b""
    )
    catalog = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]
    bad = b"<</Subtype 9 0 R/Resources 9 0 R/EF 9 0 R>>"
    (tmp_path / "a").write_bytes(written([*catalog, broken, bad, whole, b"", b"", b"", b"<<<</"]))
    entries = opened(tmp_path)
    assert any(entry.path == "a!/object-5.png" for entry in entries)
    assert rows(entries)


@pytest.mark.parametrize("depth", ["(a\nb)", "/a#0ab", f"({'x' * 5000})"])
def test_what_the_row_quotes_is_one_short_line(depth: str, tmp_path: Path) -> None:
    image = Drawn(f"/ColorSpace/DeviceRGB/BitsPerComponent {depth}", bytes(192))
    (tmp_path / "a").write_bytes(image.document())
    ((status, sentence),) = rows(opened(tmp_path)).values()
    assert status is Status.UNSUPPORTED
    assert sentence.startswith("the image needs samples of ")
    assert "\n" not in sentence
    assert len(sentence) < 400
