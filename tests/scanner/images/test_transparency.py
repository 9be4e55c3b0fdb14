"""Protects: what is transparent becomes white in every format, and how much is visible is known."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.images.decode import decode, opened
from scanner.images.opacity import doubt
from scanner.preprocess import Preprocessing
from tests.conftest import encoded, imgscan
from tests.scanner.images.png_bytes import GREY, PALETTE, RGB, png
from tests.scanner.images.tiff_bytes import SHORT, Page, tiff

WHITE = (255, 255, 255)
VIEW = Preprocessing(32)


def first_row(data: bytes) -> list[object]:
    """The colours of the first row, grey ones as their level."""
    row = np.asarray(decode(data).rgb)[0].tolist()
    return [colour[0] if len(set(colour)) == 1 else tuple(colour) for colour in row]


def shorts(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


@pytest.mark.parametrize(
    ("depth", "packed", "transparent", "expected"),
    [
        (1, b"\x60", 0, [255, 255, 255, 255]),
        (2, b"\x1b", 1, [0, 255, 170, 255]),
        (2, b"\x1b", 2, [0, 85, 255, 255]),
        (4, b"\x01\x23", 1, [0, 255, 34, 51]),
        (4, b"\x01\x23", 0x13, [0, 17, 34, 255]),
        (8, b"\x00\x05\x06\x07", 5, [0, 255, 6, 7]),
        (8, b"\x00\x05\x06\x07", 0x105, [0, 255, 6, 7]),
        (16, shorts(0, 0x1234, 0x1235, 0x8000), 0x1234, [0, 255, 18, 128]),
        (16, shorts(0, 0x1234, 0x1235, 0x8000), 0, [255, 18, 18, 128]),
        (16, shorts(0, 0x1234, 0x1235, 0xFFFF), 0x34, [0, 18, 18, 255]),
    ],
)
def test_the_transparent_grey_of_a_png_is_in_the_units_of_its_depth(
    depth: int, packed: bytes, transparent: int, expected: list[int]
) -> None:
    """In bits that the depth lacks it says nothing."""
    data = png(GREY, depth, (4, 1), b"\0" + packed, tRNS=shorts(transparent))
    assert first_row(data) == expected


def test_the_transparent_colour_of_16_bits_is_found_by_its_high_bytes() -> None:
    """Neither by its low bytes, nor not at all."""
    samples = shorts(0x0512, 0x0134, 0, 5, 1, 0, 0, 0x8000, 0)
    data = png(RGB, 16, (3, 1), b"\0" + samples, tRNS=shorts(0x0512, 0x0134, 0))
    assert first_row(data) == [255, 0, (0, 128, 0)]


def test_a_transparent_palette_with_shades_of_alpha() -> None:
    palette = bytes([9, 9, 9, 90, 90, 90, 200, 0, 0])
    rows = b"\0\0\1\2"
    data = png(PALETTE, 8, (3, 1), rows, PLTE=palette, tRNS=bytes([0, 128]))
    assert first_row(data) == [255, 172, (200, 0, 0)]
    assert decode(data).opacity == pytest.approx((0 + 128 + 255) / 3 / 255)


def ico(picture: bytes, size: tuple[int, int]) -> bytes:
    return struct.pack("<3H4B2H2I", 0, 1, 1, *size, 0, 0, 1, 32, len(picture), 22) + picture


def icns(picture: bytes) -> bytes:
    """An icon of 32×32 pixels."""
    chunk = b"ic11" + struct.pack(">I", 8 + len(picture)) + picture
    return b"icns" + struct.pack(">I", 8 + len(chunk)) + chunk


def test_a_picture_in_an_icon_keeps_its_transparent_colour() -> None:
    """Pillow takes over its pixels alone."""
    colour = (b"\0" + bytes([1, 2, 3, 9, 9, 9] * 16)) * 32
    grey = (b"\0" + shorts(0x1234, 0x8000) * 16) * 32
    for data, other in (
        (png(RGB, 8, (32, 32), colour, tRNS=shorts(1, 2, 3)), 9),
        (png(GREY, 16, (32, 32), grey, tRNS=shorts(0x1234)), 128),
    ):
        for icon in (ico(data, (32, 32)), icns(data)):
            assert first_row(icon) == [255, other] * 16
            assert decode(icon).opacity == 0.5


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("photometric", "depth", "extra", "samples", "expected"),
    [
        (1, 8, 1, [10, 20, 100, 255], [245, 100]),
        (1, 8, 2, [10, 20, 100, 255], [236, 100]),
        (0, 8, 2, [245, 20, 155, 255], [236, 100]),
        (2, 8, 1, [10, 10, 10, 20, 0, 90, 0, 255], [245, (0, 90, 0)]),
        (2, 8, 2, [10, 10, 10, 20, 0, 90, 0, 255], [236, (0, 90, 0)]),
        (2, 8, 0, [10, 10, 10, 20, 0, 90, 0, 255], [10, (0, 90, 0)]),
        (2, 16, 1, [10, 10, 10, 20, 0, 90, 0, 255], [245, (0, 90, 0)]),
        (2, 16, 2, [10, 10, 10, 20, 0, 90, 0, 255], [236, (0, 90, 0)]),
    ],
)
def test_each_kind_of_extra_sample_of_a_tiff(
    photometric: int, depth: int, extra: int, samples: list[int], expected: list[object], order: str
) -> None:
    """Alpha that the colours are multiplied by, alpha that they are not, and no alpha at all."""
    count = len(samples) // 2
    code, factor = ("B", 1) if depth == 8 else ("H", 257)
    strip = struct.pack(f"{order}{2 * count}{code}", *(sample * factor for sample in samples))
    tags = {
        258: (SHORT, [depth] * count), 262: (SHORT, [photometric]), 277: (SHORT, [count]),
        338: (SHORT, [extra]),
    }  # fmt: skip
    data = tiff(Page((2, 1), [strip], tags), order=order)
    found = first_row(data)
    assert found == pytest.approx(expected, abs=1) if found[1] == 100 else found == expected
    assert decode(data).opacity == pytest.approx(1 if extra == 0 else (20 + 255) / 510)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_palette_with_an_alpha_channel_beside_it(order: str) -> None:
    reds = [256 * level for level in range(256)]
    tags = {258: (SHORT, [8, 8]), 262: (SHORT, [3]), 277: (SHORT, [2]), 338: (SHORT, [2]),
            320: (SHORT, reds + [0] * 512)}  # fmt: skip
    data = tiff(Page((3, 1), [bytes([9, 0, 90, 255, 200, 255])], tags), order=order)
    assert first_row(data) == [255, (90, 0, 0), (200, 0, 0)]


def half_visible(mode: str) -> Image.Image:
    """64×32 pixels: invisible red beside opaque blue."""
    image = Image.new("RGBA", (64, 32), (250, 0, 0, 0))
    image.paste((0, 0, 250, 255), (32, 0, 64, 32))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGBA", {}),
        ("PNG", "LA", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("AVIF", "RGBA", {"quality": 100}),
        ("GIF", "RGBA", {}),
        ("TIFF", "RGBA", {}),
        ("TIFF", "LA", {"compression": "tiff_lzw"}),
        ("TGA", "RGBA", {}),
        ("SGI", "RGBA", {}),
        ("DDS", "LA", {}),
        ("QOI", "RGBA", {}),
        ("JPEG2000", "RGBA", {}),
        ("JPEG2000", "LA", {}),
    ],
)
def test_every_format_with_alpha(kind: str, mode: str, options: dict[str, Any]) -> None:
    image = half_visible(mode)
    decoded = decode(encoded(image, kind, **options))
    assert decoded.opacity == 0.5
    assert decoded.rgb.getpixel((2, 2)) == WHITE
    assert np.asarray(decoded.rgb)[2, 60, 0] < 60


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_every_frame_has_its_own_opacity(kind: str) -> None:
    frames = [Image.new("RGBA", (16, 16), (9, 9, 9, alpha)) for alpha in (0, 255)]
    frames[0].paste((200, 0, 0, 255), (0, 0, 16, 4))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with opened(data) as pages:
        found = [pages.decode(page).opacity for page in (1, 2)]
    assert found == pytest.approx([0.25, 1], abs=0.01)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK"])
def test_without_transparency_all_is_visible(mode: str) -> None:
    assert decode(encoded(Image.new(mode, (8, 8)), "TIFF")).opacity == 1


def test_an_alpha_channel_that_hides_nothing_changes_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 4), np.uint8)
    noise[..., 3] = 255
    decoded = decode(encoded(Image.fromarray(noise), "PNG"))
    assert decoded.opacity == 1
    np.testing.assert_array_equal(np.asarray(decoded.rgb), noise[..., :3])


@pytest.mark.parametrize("alpha", [0, 1, 13, 128, 242, 254])
def test_where_the_white_behind_shows_the_picture_is_is_doubtful(alpha: int) -> None:
    """The model calls a white sheet a photograph, whatever is hardly visible on it."""
    decoded = decode(encoded(Image.new("RGBA", (32, 32), (90, 60, 30, alpha)), "PNG"))
    assert decoded.opacity == pytest.approx(alpha / 255)
    assert "of the picture is visible" in (doubt(decoded, VIEW) or "")


@pytest.mark.parametrize(("transparent", "is_doubtful"), [(0, False), (1, False), (2, True)])
def test_a_pixel_in_a_thousand_may_be_transparent(transparent: int, is_doubtful: bool) -> None:
    alpha = np.full(32 * 32, 255, np.uint8)
    alpha[:transparent] = 0
    image = Image.new("RGB", (32, 32))
    image.putalpha(Image.fromarray(alpha.reshape(32, 32)))
    decoded = decode(encoded(image, "PNG"))
    assert decoded.opacity == pytest.approx(1 - transparent / 1024)
    assert bool(doubt(decoded, VIEW)) == is_doubtful


def test_what_the_model_sees_is_visible() -> None:
    """It sees the centre square, and the rest may be as opaque as it likes."""
    picture = Image.new("RGBA", (35_200, 32), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (17_584, 0, 17_616, 32))
    decoded = decode(encoded(picture, "PNG"))
    assert decoded.opacity > 0.999
    reason = "only 0.0% of a part of the picture that is judged is visible"
    assert reason in (doubt(decoded, VIEW) or "")
    assert reason in (doubt(decoded, Preprocessing(32, whole=False, native=1)) or "")


def test_every_view_that_has_its_say_is_visible() -> None:
    """A corner in a thousandth of the picture is the whole of one of its cuts."""
    picture = Image.new("RGBA", (2000, 2000), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 32, 32))
    decoded = decode(encoded(picture, "PNG"))
    assert doubt(decoded, VIEW) is None
    assert doubt(decoded, Preprocessing(32, native=1)) is None
    reason = "only 0.0% of a part of the picture that is judged is visible"
    assert reason in (doubt(decoded, Preprocessing(32, native=4)) or "")
    faint = decode(encoded(Image.new("RGBA", (99, 99), (0, 0, 0, 128)), "PNG"))
    reason = "only 50.2% of the picture is visible"
    assert reason in (doubt(faint, Preprocessing(32, native=4)) or "")


@pytest.mark.parametrize("alpha", [0, 1, 254, 255])
def test_the_verdict_on_what_is_hardly_visible_is_inconclusive(
    alpha: int, tmp_path: Path, brightness_model: Path
) -> None:
    """A picture at an alpha of 1 in 255 was judged as the white sheet that it looks like."""
    picture = Image.new("RGBA", (32, 32), (0, 0, 0, alpha))
    (tmp_path / "a.png").write_bytes(encoded(picture, "PNG"))
    report = tmp_path / "out.jsonl"
    done = imgscan(
        tmp_path / "a.png", "--model", brightness_model, "--report", report, "--device", "cpu"
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(report.read_text())
    assert row["status"] == "scored"
    if alpha == 255:
        assert (row["verdict"], row["reason"]) == ("real", None)
    else:
        assert (row["verdict"], row["p_fake"], row["llr"]) == ("inconclusive", None, None)
        visible = f"only {alpha / 255:.1%} of the picture is visible, the rest is transparent"
        assert row["reason"] == f"{visible}; a verdict might be of the white behind it"
