"""Protects: colours of a PDF's colour spaces come out as pdfium shows them, or not at all."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.scanner.containers.pdf import profiles
from tests.scanner.containers.pdf.painted import Drawn, apart, noise, ours, stored, stream, theirs

DEPTHS = [1, 2, 4, 8, 16]
ROUNDING = 1
LAB = "[/Lab<</WhitePoint[%s]/Range[-128 127 -128 127]>>]"
D50, D65 = "0.9642 1 0.8249", "0.9505 1 1.089"
CALIBRATED = (
    "[/CalRGB<</WhitePoint[0.9505 1 1.089]/Gamma[%s]"
    "/Matrix[0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505]>>]"
)
TO_RED = "<</FunctionType 2/Domain[0 1]/C0[1 1 1]/C1[0.8 0.1 0]/N 1>>"


def drawn(space: str, components: int, bits: int = 8, entries: str = "", *others: bytes) -> Drawn:
    data = stored(noise(components, bits), bits)
    return Drawn(f"/ColorSpace{space}/BitsPerComponent {bits}{entries}", data, others)


# Separation and DeviceN.

TINTS = {
    "exponential": (TO_RED, b""),
    "power": (TO_RED.replace("/N 1", "/N 2.2"), b""),
    "stitched": (
        f"<</FunctionType 3/Domain[0 1]/Bounds[0.3]/Encode[0 1 1 0]/Functions[{TO_RED}"
        "<</FunctionType 2/Domain[0 1]/C0[0 1 0.4]/C1[0.8 0.1 0]/N 1>>]>>",
        b"",
    ),
    "sampled": (
        "5 0 R",
        stream(
            "/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[5]/BitsPerSample 8",
            noise(3, 8, 5, 1).astype(np.uint8).tobytes(),
        ),
    ),
    "sampled in 4 bits, backwards": (
        "5 0 R",
        stream(
            "/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[5]/BitsPerSample 4"
            "/Encode[4 0]/Decode[0 0.5 0.2 1 1 0]",
            stored(noise(3, 4, 5, 1), 4),
        ),
    ),
}


@pytest.mark.parametrize("tint", TINTS)
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("ink", ["/Separation/Spot", "/DeviceN[/Spot]"])
def test_one_ink(ink: str, bits: int, tint: str) -> None:
    function, table = TINTS[tint]
    assert apart(drawn(f"[{ink}/DeviceRGB {function}]", 1, bits, "", table))[0] <= ROUNDING


@pytest.mark.parametrize("alternate", ["/DeviceGray", LAB % D65, CALIBRATED % "2.2 2.2 2.2"])
def test_inks_told_in_other_spaces(alternate: str) -> None:
    """As for pictures, a calibration that is near sRGB is taken for sRGB's."""
    ends = {"/DeviceGray": ("1", "0.2"), LAB % D65: ("100 0 0", "40 30 -20")}
    start, end = ends.get(alternate, ("1 1 1", "0.2 0.5 0"))
    function = f"<</FunctionType 2/Domain[0 1]/C0[{start}]/C1[{end}]/N 1>>"
    most, mean = apart(drawn(f"[/Separation/Spot{alternate}{function}]", 1))
    assert most <= (11 if "Cal" in alternate else 3)
    assert mean < 1.5


def mixture(inks: int, table: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """A function of as many inks that has three samples of each."""
    size, domain = " ".join(["3"] * inks), "0 1 " * inks
    entries = f"/FunctionType 0/Domain[{domain}]/Range[0 1 0 1 0 1]/Size[{size}]/BitsPerSample 8"
    return stream(entries, table.tobytes())


@pytest.mark.parametrize("inks", [2, 3, 4])
def test_inks_at_the_samples_of_their_table(inks: int) -> None:
    """All or nothing of each ink."""
    names = "/A/B/C/D"[: 2 * inks]
    table = mixture(inks, noise(3, 8, 3**inks, 1).astype(np.uint8))
    levels = noise(inks, 1) * 255
    space = f"[/DeviceN[{names}]/DeviceRGB 5 0 R]"
    image = Drawn(f"/ColorSpace{space}/BitsPerComponent 8", stored(levels, 8), [table])
    assert apart(image)[0] <= ROUNDING


@pytest.mark.parametrize("inks", [2, 3, 4])
def test_inks_between_the_samples_of_a_table(inks: int) -> None:
    """pdfium goes along the axes alone, which is the same where the colours are linear."""
    names = "/A/B/C/D"[: 2 * inks]
    places = np.indices((3,) * inks).reshape(inks, -1)[::-1].T / 2  # the first ink is the fastest
    weights = np.random.default_rng(inks).dirichlet(np.ones(inks), 3).T
    table = mixture(inks, np.rint(255 * places @ weights).astype(np.uint8))
    assert apart(drawn(f"[/DeviceN[{names}]/DeviceRGB 5 0 R]", inks, 8, "", table))[0] <= 3


@pytest.mark.parametrize(
    "space",
    [
        f"[/Separation/All/DeviceRGB {TO_RED}]",
        f"[/Separation/None/DeviceRGB {TO_RED}]",
        f"[/DeviceN[/A/B/C/D/E]/DeviceRGB {TO_RED}]",
        f"[/Separation/Spot[/Indexed/DeviceRGB 0<000000>]{TO_RED}]",
        f"[/Separation/Spot[/Separation/Two/DeviceRGB {TO_RED}]{TO_RED}]",
        "[/Separation/Spot/DeviceRGB 5 0 R]",
        "[/Separation/Spot/DeviceRGB<</FunctionType 2/Domain[0 1]/C0[1 1 1]/C1[0 0 0]/N -1>>]",
    ],
)
def test_inks_that_are_not_mixed(space: str) -> None:
    program = stream("/FunctionType 4/Domain[0 1]/Range[0 1 0 1 0 1]", b"{dup dup}")
    assert str(ours(drawn(space, 1, 8, "", program))).startswith("the image needs ")


# Indices.


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("base", "components"),
    [("/DeviceRGB", 3), ("/DeviceGray", 1), (f"[/Separation/Spot/DeviceRGB {TO_RED}]", 1)],
)
def test_indices(base: str, components: int, bits: int, backwards: bool) -> None:
    table = noise(components, 8, 2**bits, 1).astype(np.uint8).tobytes().hex()
    decode = f"/Decode[{2**bits - 1} 0]" if backwards else ""
    space = f"[/Indexed{base} {2**bits - 1}<{table}>]"
    assert apart(drawn(space, 1, bits, decode))[0] <= ROUNDING


@pytest.mark.parametrize("start", ["feff", "fffe", "efbbbf", "feffd800", "28295c"])
def test_a_table_that_begins_like_text(start: str) -> None:
    table = start + noise(3, 8, 256, 1).astype(np.uint8).tobytes().hex()[len(start) :]
    assert apart(drawn(f"[/Indexed/DeviceRGB 255<{table}>]", 1))[0] == 0


def test_a_table_that_is_a_stream() -> None:
    table = stream(
        "/Filter/FlateDecode", zlib.compress(noise(3, 8, 256, 1).astype(np.uint8).tobytes())
    )
    assert apart(drawn("[/Indexed/DeviceRGB 255 5 0 R]", 1, 8, "", table))[0] == 0


@pytest.mark.parametrize("highest", [-1, 9, 255, 10**12])
def test_an_index_beyond_its_table_is_damage(highest: int) -> None:
    with pytest.raises(ValueError, match="a colour that the table lacks"):
        ours(drawn(f"[/Indexed/DeviceRGB {highest}<{'00' * 30}>]", 1))


@pytest.mark.parametrize(("bits", "entries"), [(8, "/Decode[0 9]"), (16, "")])
def test_indices_that_renderers_take_for_different_ones(bits: int, entries: str) -> None:
    space = f"[/Indexed/DeviceRGB 255<{'00' * 768}>]"
    assert str(ours(drawn(space, 1, bits, entries))).startswith("the image needs ")


# Lab, calibrations and profiles.


def in_lab(rgb: Image.Image) -> bytes:
    """8-bit samples of L*, a* and b*, by LittleCMS, for the white D50."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(rgb, srgb, lab, outputMode="LAB")
    assert converted is not None
    signed = np.frombuffer(converted.tobytes(), np.uint8).reshape(-1, 3)
    return (signed + np.array([0, 128, 128], np.uint8)).tobytes()


def photo() -> Image.Image:
    """Of no strong colours, all of which sRGB has."""
    grey = noise(1, 8, 16, 16)[:, :, None] * 0.6 + 40
    return Image.fromarray((grey + noise(3, 5, 16, 16).reshape(16, 16, 3)).astype(np.uint8))


def test_lab_gives_back_the_picture_that_it_was_made_of() -> None:
    """Also under D50, the white of Photoshop, which pdfium takes for D65."""
    image = Drawn(f"/ColorSpace{LAB % D50}/BitsPerComponent 8", in_lab(photo()), (), 16, 16)
    found = ours(image)
    assert not isinstance(found, str)
    assert np.abs(found - np.asarray(photo()).astype(int)).max() <= 4
    most, mean = apart(image)
    assert most <= 12
    assert mean < 3


@pytest.mark.parametrize("bits", [8, 16])
def test_lab(bits: int) -> None:
    samples = np.frombuffer(in_lab(photo()), np.uint8).astype(int) * (257 if bits == 16 else 1)
    data = stored(samples.reshape(16, -1), bits)
    most, mean = apart(Drawn(f"/ColorSpace{LAB % D65}/BitsPerComponent {bits}", data, (), 16, 16))
    assert most <= 4
    assert mean < 1


@pytest.mark.parametrize(
    ("base", "components", "table"),
    [
        (LAB % D65, 3, in_lab(photo())),
        ("[/ICCBased 5 0 R]", 3, photo().tobytes()),
        (CALIBRATED % "2.2 2.2 2.2", 3, photo().tobytes()),
    ],
)
def test_indices_of_other_spaces(base: str, components: int, table: bytes) -> None:
    profile = stream("/N 3", profiles.adobe_rgb())
    space = f"[/Indexed{base} 255<{table[: 256 * components].hex()}>]"
    assert apart(drawn(space, 1, 8, "", profile))[0] <= (12 if "Cal" in base else 4)


@pytest.mark.parametrize("entries", ["", "/Decode[1 0 1 0 1 0]"])
@pytest.mark.parametrize("bits", DEPTHS)
def test_calibrations_near_srgb_are_taken_for_it(bits: int, entries: str) -> None:
    """Of inverted samples pdfium heeds the calibration."""
    most, _ = apart(drawn(CALIBRATED % "2.2 2.2 2.2", 3, bits, entries))
    assert most <= (12 if entries else ROUNDING)


PROFILES = {
    "grey 1.8": (1, profiles.grey(1.8)),
    "grey 2.2": (1, profiles.grey(2.2)),
    "sRGB": (3, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    "Adobe RGB": (3, profiles.adobe_rgb()),
    "inks": (4, profiles.inks()),
    "none, grey": (1, b"none that can be read"),
    "none, RGB": (3, b"none that can be read"),
}


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("name", PROFILES)
def test_profiles(name: str, bits: int) -> None:
    """pdfium cuts 16 bits off to 8 before it converts, which shows in dark colours."""
    components, profile = PROFILES[name]
    packed = stream(f"/N {components}/Filter/FlateDecode", zlib.compress(profile))
    most, mean = apart(drawn("[/ICCBased 5 0 R]", components, bits, "", packed))
    assert most <= (9 if bits == 16 or name == "inks" else 1)
    assert mean < (1 if bits == 16 else 0.2)


@pytest.mark.parametrize(
    ("space", "components", "profile"),
    [
        (LAB.replace("-128 127", "-100 100") % D65, 3, b""),
        (CALIBRATED % "1 1 1", 3, b""),
        (CALIBRATED % "1.8 1.8 1.8", 3, b""),
        ("[/CalGray<</WhitePoint[0.9505 1 1.089]/Gamma 1>>]", 1, b""),
        ("[/CalCMYK<<>>]", 4, b""),
        ("[/ICCBased 5 0 R]", 1, stream("/N 1", profiles.adobe_rgb())),
        ("[/ICCBased 5 0 R]", 3, stream("/N 3/Range[0 1 0 1 0 2]", profiles.adobe_rgb())),
        ("[/ICCBased 5 0 R]", 3, stream(f"/N 3/Alternate{LAB % D65}", b"broken")),
        ("[/ICCBased 5 0 R]", 2, stream("/N 2", b"broken")),
        ("[/ICCBased 5 0 R]", 3, stream("/N 999999999999", b"broken")),
    ],
)
def test_colours_that_renderers_take_for_different_ones(
    space: str, components: int, profile: bytes
) -> None:
    assert str(ours(drawn(space, components, 8, "", profile))).startswith("the image needs ")


# What a document means by device colours.


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("gamma", ["2.2 2.2 2.2", "1 1 1"])
def test_device_colours_that_the_document_redefines(gamma: str, inline: bool) -> None:
    data = stored(noise(3, 8), 8)
    image = Drawn(
        "/CS/RGB/BPC 8/F/AHx" if inline else "/ColorSpace/DeviceRGB/BitsPerComponent 8",
        data.hex().encode() + b">" if inline else data,
        resources=f"/ColorSpace<</DefaultRGB{CALIBRATED % gamma}>>",
        inline=inline,
    )
    if gamma == "1 1 1":
        assert str(ours(image)).startswith("the image needs ")
    else:
        assert apart(image)[0] == 0


# Inks without a profile.


def test_inks_without_a_profile_are_multiplied() -> None:
    """As those of any image are. pdfium has a table of printed colours, which are duller."""
    image = drawn("/DeviceCMYK", 4)
    inks = Image.frombytes("CMYK", (8, 8), stored(noise(4, 8), 8))
    found = ours(image)
    assert not isinstance(found, str)
    assert (found == np.asarray(inks.convert("RGB"))).all()
    assert 10 < np.abs(found - theirs(image)).mean() < 20


def test_an_ink_of_black_is_as_dark_as_it_is_much() -> None:
    function = "<</FunctionType 2/Domain[0 1]/C0[0 0 0 0]/C1[0 0 0 1]/N 1>>"
    found = ours(drawn(f"[/Separation/Black/DeviceCMYK {function}]", 1))
    assert not isinstance(found, str)
    assert (found[:, :, 0] == 255 - noise(1, 8)).all()
    assert (found[:, :, 0] == found[:, :, 2]).all()
