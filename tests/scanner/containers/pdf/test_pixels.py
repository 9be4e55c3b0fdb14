"""Protects: bare samples of a PDF come out as pdfium paints them, or not at all."""

from __future__ import annotations

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image
from pypdf._codecs._codecs import LzwCodec

from scanner.containers.pdf import members
from scanner.limits import Limits
from tests.scanner.containers.pdf.painted import Drawn, apart, noise, ours, stored, stream

DEPTHS = [1, 2, 4, 8, 16]
SPACES = {"/DeviceGray": 1, "/DeviceRGB": 3}
RGB = "/ColorSpace/DeviceRGB/BitsPerComponent 8"
# What a renderer that cuts off where imgscan rounds may be apart.
ROUNDING = 1


def grid(space: str, bits: int, entries: str = "", width: int = 8) -> Drawn:
    data = stored(noise(SPACES[space], bits, width), bits)
    return Drawn(f"/ColorSpace{space}/BitsPerComponent {bits}{entries}", data, width=width)


@pytest.mark.parametrize("width", [7, 8])
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("space", SPACES)
def test_device_colours_of_every_depth(space: str, bits: int, width: int) -> None:
    """Also where a row ends within a byte. Of 16 bits pdfium drops 8, which are scaled here."""
    assert apart(grid(space, bits, width=width))[0] <= (ROUNDING if bits == 16 else 0)


@pytest.mark.parametrize("decode", ["1 0 ", "0.2 0.7 ", "-0.5 1.7 "])
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("space", SPACES)
def test_decode_arrays(space: str, bits: int, decode: str) -> None:
    assert apart(grid(space, bits, f"/Decode[{decode * SPACES[space]}]"))[0] <= ROUNDING


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    drawn = Drawn(
        "/ColorSpace/DeviceGray/BitsPerComponent 16", bytes(range(128)), width=64, height=1
    )
    found = ours(drawn)
    assert not isinstance(found, str)
    expected = np.frombuffer(bytes(range(128)), ">u2") / 257
    assert found[0, :, 0].tolist() == np.rint(expected).astype(int).tolist()


def run_lengths(data: bytes) -> bytes:
    parts = [data[at : at + 9] for at in range(0, len(data), 9)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts) + b"\x80"


def ascii_85(data: bytes) -> bytes:
    return base64.a85encode(data) + b"~>"


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("name", ["Flate", "LZW", "RunLength", "ASCII85", "ASCIIHex", "chain"])
def test_filters(name: str, bits: int) -> None:
    plain = stored(noise(3, bits), bits)
    names, data = {
        "Flate": ("/FlateDecode", zlib.compress(plain)),
        "LZW": ("/LZWDecode", LzwCodec().encode(plain)),
        "RunLength": ("/RunLengthDecode", run_lengths(plain)),
        "ASCII85": ("/ASCII85Decode", ascii_85(plain)),
        "ASCIIHex": ("/ASCIIHexDecode", plain.hex().encode() + b">"),
        "chain": (
            "[/ASCII85Decode/Fl/RunLengthDecode]",
            ascii_85(zlib.compress(run_lengths(plain))),
        ),
    }[name]
    drawn = Drawn(f"/ColorSpace/DeviceRGB/BitsPerComponent {bits}/Filter{names}", data)
    assert apart(drawn)[0] <= (ROUNDING if bits == 16 else 0)


def png_predicted(data: bytes, stride: int, step: int) -> bytes:
    """Rows behind the bytes of all five predictors of PNG, by the formulas of ISO 15948, 9.2."""
    result, above = bytearray(), bytes(stride)
    for number, start in enumerate(range(0, len(data), stride)):
        row, kind = data[start : start + stride], number % 5
        result.append(kind)
        for at, byte in enumerate(row):
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            up, guess = above[at], left + above[at] - corner
            paeth = min((left, up, corner), key=lambda it: abs(guess - it))
            result.append((byte - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
        above = row
    return bytes(result)


@pytest.mark.parametrize("packing", ["/FlateDecode", "/LZWDecode"])
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("space", SPACES)
def test_png_predictors(space: str, bits: int, packing: str) -> None:
    components, data = SPACES[space], stored(noise(SPACES[space], bits, width=7), bits)
    predicted = png_predicted(data, len(data) // 8, -(-components * bits // 8))
    packed = zlib.compress(predicted) if packing == "/FlateDecode" else LzwCodec().encode(predicted)
    parameters = f"<</Predictor 15/Columns 7/Colors {components}/BitsPerComponent {bits}>>"
    entries = f"/ColorSpace{space}/BitsPerComponent {bits}/Filter{packing}/DecodeParms{parameters}"
    assert apart(Drawn(entries, packed, width=7))[0] <= (ROUNDING if bits == 16 else 0)


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("space", SPACES)
def test_tiff_predictors_of_whole_bytes(space: str, bits: int) -> None:
    """Renderers take less than a byte for different things."""
    components = SPACES[space]
    samples = noise(components, bits).reshape(8, 8, components)
    samples[:, 1:] = (samples[:, 1:] - samples[:, :-1]) % 2**bits
    parameters = f"<</Predictor 2/Columns 8/Colors {components}/BitsPerComponent {bits}>>"
    entries = f"/BitsPerComponent {bits}/Filter/FlateDecode/DecodeParms{parameters}"
    drawn = Drawn(f"/ColorSpace{space}{entries}", zlib.compress(stored(samples, bits)))
    if bits < 8:
        assert "predictor" in str(ours(drawn))
    else:
        assert apart(drawn)[0] <= (ROUNDING if bits == 16 else 0)


@pytest.mark.parametrize("parameters", ["", "/DecodeParms[null]", "/DecodeParms null"])
def test_a_filter_without_parameters_is_undone_too(parameters: str) -> None:
    """pypdf drops the filters that a short list of parameters does not reach."""
    data = zlib.compress(stored(noise(3, 8), 8)).hex().encode() + b">"
    assert apart(Drawn(f"{RGB}/Filter[/ASCIIHexDecode/FlateDecode]{parameters}", data))[0] == 0


def group_4(width: int, height: int) -> bytes:
    bits = noise(1, 1, width, height).astype(bool)
    written = io.BytesIO()
    Image.fromarray(bits).save(written, "TIFF", compression="group4", tiffinfo={278: height})
    with Image.open(written) as tiff:
        tags = tiff.getexif()
    return written.getvalue()[tags[273] :][: tags[279]]


@pytest.mark.parametrize("entries", ["", "/BlackIs1 true", "/EndOfBlock false", "/Rows 9"])
@pytest.mark.parametrize("space", ["/DeviceGray", "[/Indexed/DeviceRGB 1<ff00000000ff>]"])
def test_faxes_of_group_4(space: str, entries: str) -> None:
    image = f"/ColorSpace{space}/BitsPerComponent 1/Filter/CCITTFaxDecode"
    drawn = Drawn(f"{image}/DecodeParms<</K -1/Columns 17{entries}>>", group_4(17, 9), (), 17, 9)
    assert apart(drawn)[0] == 0


@pytest.mark.parametrize("kept", [0, 10, 100])
def test_a_fax_cut_short_is_damaged_and_not_white(kept: int) -> None:
    image = "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode"
    drawn = Drawn(f"{image}/DecodeParms<</K -1/Columns 64>>", group_4(64, 64)[:kept], (), 64, 64)
    with pytest.raises((ValueError, OSError)):
        ours(drawn)


MASK = "/Type/XObject/Subtype/Image/Width 8/Height 8"


@pytest.mark.parametrize("decode", ["", "/Decode[1 0]"])
@pytest.mark.parametrize("bits", DEPTHS)
def test_what_a_mask_hides_is_white(bits: int, decode: str) -> None:
    entries = f"{MASK}/ColorSpace/DeviceGray/BitsPerComponent {bits}{decode}"
    mask = stream(entries, stored(noise(1, bits), bits))
    assert apart(Drawn(f"{RGB}/SMask 5 0 R", stored(noise(3, 8), 8), [mask]))[0] <= ROUNDING


@pytest.mark.parametrize("decode", ["", "/Decode[1 0]"])
def test_what_a_stencil_hides_is_white(decode: str) -> None:
    mask = stream(f"{MASK}/ImageMask true{decode}", stored(noise(1, 1), 1))
    assert apart(Drawn(f"{RGB}/Mask 5 0 R", stored(noise(3, 8), 8), [mask]))[0] == 0


@pytest.mark.parametrize("entries", ["", "/Decode[1 0 1 0 1 0]"])
def test_colours_that_are_hidden_are_white(entries: str) -> None:
    drawn = Drawn(f"{RGB}{entries}/Mask[0 128 0 255 0 255]", stored(noise(3, 8), 8))
    assert apart(drawn)[0] <= ROUNDING


INLINE = [
    "/CS/RGB/BPC 8/F/AHx",
    "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter[/ASCIIHexDecode]",
    "/CS/RGB/BPC 8/F/AHx/D[1 0 1 0 1 0]",
    "/CS/Mine/BPC 8/F/AHx",
]


@pytest.mark.parametrize("entries", INLINE)
def test_inline_images(entries: str) -> None:
    data = stored(noise(3, 8), 8).hex().encode() + b">"
    resources = "/ColorSpace<</Mine[/ICCBased 5 0 R]>>"
    profile = [stream("/N 3", b"none that can be read")]
    drawn = Drawn(entries, data, profile, resources=resources, inline=True)
    assert apart(drawn)[0] <= ROUNDING


@pytest.mark.parametrize(("space", "components"), [("/G", 1), ("/RGB", 3)])
@pytest.mark.parametrize("bits", DEPTHS)
def test_inline_images_without_a_filter(bits: int, space: str, components: int) -> None:
    data = stored(noise(components, bits), bits)
    drawn = Drawn(f"/CS{space}/BPC {bits}", data, inline=True)
    assert apart(drawn)[0] <= (ROUNDING if bits == 16 else 0)


@pytest.mark.parametrize("subtype", ["/Imagf", "null", "9 0 R"])
def test_samples_of_an_image_that_is_not_called_one(subtype: str) -> None:
    """No reader paints it, but the picture is there."""
    plain = Drawn(RGB, stored(noise(3, 8), 8)).document()
    document = plain.replace(b"/Subtype/Image", f"/Subtype {subtype}".encode())
    (found,) = members(io.BytesIO(document), "a", Limits(), ())
    assert found.open is not None
    with found.open() as opened:
        pixels = np.asarray(Image.open(io.BytesIO(opened.read(1 << 20))))
    assert pixels.tobytes() == stored(noise(3, 8), 8)


UNSUPPORTED = {
    "no depth": "/ColorSpace/DeviceRGB",
    "3 bits": "/ColorSpace/DeviceRGB/BitsPerComponent 3",
    "no colours": "/BitsPerComponent 8",
    "pattern": "/ColorSpace/Pattern/BitsPerComponent 8",
    "a name that nothing explains": "/ColorSpace/Mine/BitsPerComponent 8",
    "stencil": "/ImageMask true",
    "short decode": f"{RGB}/Decode[1 0]",
    "long decode": f"{RGB}/Decode[{'0 1 ' * 4}]",
    "JBIG2": f"{RGB}/Filter/JBIG2Decode",
    "LZW that grows late": f"{RGB}/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>",
    "predictor": f"{RGB}/Filter/FlateDecode/DecodeParms<</Predictor 7>>",
    "fax of group 3": "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode",
    "matte": f"{RGB}/SMask 5 0 R",
    "mask of other colours": f"{RGB}/Mask[0 1]",
    "mask that is no stencil": f"{RGB}/Mask 5 0 R",
}


@pytest.mark.parametrize("entries", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_is_not_painted_says_so(entries: str) -> None:
    data = stored(noise(3, 8), 8)
    matte = stream(f"{MASK}/ColorSpace/DeviceGray/BitsPerComponent 8/Matte[0 0 0]", bytes(64))
    drawn = Drawn(entries, zlib.compress(data) if "Flate" in entries else data, [matte])
    assert str(ours(drawn)).startswith("the image needs ")


@pytest.mark.parametrize("packing", ["", "/Filter/FlateDecode"])
def test_samples_that_end_early_are_not_filled_up(packing: str) -> None:
    data = stored(noise(3, 8), 8)[:-1]
    with pytest.raises(ValueError, match="it ends after 191 of 192 bytes"):
        ours(Drawn(RGB + packing, zlib.compress(data) if packing else data))


def test_a_damaged_stream_is_not_believed() -> None:
    packed = bytearray(zlib.compress(stored(noise(3, 8), 8)))
    packed[-1] ^= 1
    with pytest.raises(zlib.error):
        ours(Drawn(f"{RGB}/Filter/FlateDecode", bytes(packed)))
