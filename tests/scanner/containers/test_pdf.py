"""Protects: the images of a PDF come out, JPEGs byte for byte and others pixel for pixel."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
)

from scanner.limits import Limits
from scanner.record import Status
from tests.conftest import encoded, image_bytes
from tests.scanner.opening import LIMITS, opened
from tests.scanner.walking import contents, rows, zipped

JPEG = image_bytes("JPEG")
PICTURE = Image.open(io.BytesIO(image_bytes("PNG"))).convert("RGB")
INLINE = b"q 32 0 0 32 0 0 cm BI /W 32 /H 32 /CS /RGB /BPC 8 /F /AHx ID %s> EI Q"


def image_object(
    data: bytes, image_filter: str | None = None, **entries: int
) -> DecodedStreamObject:
    item = DecodedStreamObject()
    item.set_data(data)
    item[NameObject("/Type")] = NameObject("/XObject")
    item[NameObject("/Subtype")] = NameObject("/Image")
    item[NameObject("/ColorSpace")] = NameObject("/DeviceRGB")
    for name, value in ({"Width": 32, "Height": 32, "BitsPerComponent": 8} | entries).items():
        item[NameObject(f"/{name}")] = NumberObject(value)
    if image_filter:
        item[NameObject("/Filter")] = NameObject(image_filter)
    return item


def document(*objects: StreamObject, page: bytes = b"", password: str = "") -> bytes:
    """A PDF of one page; `objects` belong to no page, as after an edit."""
    writer = PdfWriter()
    drawing = DecodedStreamObject()
    drawing.set_data(page)
    blank = writer.add_blank_page(100, 100)
    blank[NameObject("/Contents")] = writer._add_object(drawing)
    keep = ArrayObject(writer._add_object(item) for item in objects)
    blank[NameObject("/PieceInfo")] = DictionaryObject({NameObject("/Keep"): keep})
    if password:
        writer.encrypt(password, algorithm="AES-256")
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def only(entries: dict[str, bytes]) -> bytes:
    (content,) = entries.values()
    return content


def test_a_jpeg_comes_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(document(image_object(JPEG, "/DCTDecode")))
    entries = contents(opened(tmp_path))
    assert only(entries) == JPEG
    assert next(iter(entries)).startswith("a.pdf!/object-")


def test_a_jpeg_packed_once_more(tmp_path: Path) -> None:
    packed = image_object(JPEG, "/DCTDecode").flate_encode()
    assert str(packed["/Filter"]) == "['/FlateDecode', '/DCTDecode']"
    (tmp_path / "a").write_bytes(document(packed))
    assert only(contents(opened(tmp_path))) == JPEG


@pytest.mark.parametrize("packed", [False, True])
def test_bare_pixels_become_png_without_loss(packed: bool, tmp_path: Path) -> None:
    item = image_object(PICTURE.tobytes())
    (tmp_path / "a").write_bytes(document(item.flate_encode() if packed else item))
    image = Image.open(io.BytesIO(only(contents(opened(tmp_path)))))
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert image.tobytes() == PICTURE.tobytes()


def test_inks_become_the_colours_that_any_image_of_inks_becomes(tmp_path: Path) -> None:
    inks = PICTURE.convert("CMYK")
    item = image_object(inks.tobytes())
    item[NameObject("/ColorSpace")] = NameObject("/DeviceCMYK")
    (tmp_path / "a").write_bytes(document(item))
    image = Image.open(io.BytesIO(only(contents(opened(tmp_path)))))
    assert (image.format, image.tobytes()) == ("PNG", inks.convert("RGB").tobytes())


def test_what_other_programs_write(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encoded(PICTURE, "PDF", save_all=True, append_images=[PICTURE]))
    found = contents(opened(tmp_path))
    assert len(found) == 2
    assert all(content.startswith(b"\xff\xd8\xff") for content in found.values())


def test_an_inline_image(tmp_path: Path) -> None:
    page = INLINE % PICTURE.tobytes().hex().encode()
    (tmp_path / "a").write_bytes(document(page=page))
    found = contents(opened(tmp_path))
    assert found.keys() == {"a!/page-1-inline-1.png"}
    assert Image.open(io.BytesIO(only(found))).tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize(
    ("key", "kind"), [("/Subtype", NameObject("/Form")), ("/PatternType", NumberObject(1))]
)
@pytest.mark.parametrize("packed", [False, True])
def test_an_inline_image_in_a_drawing_that_pages_share(
    packed: bool, key: str, kind: NameObject | NumberObject, tmp_path: Path
) -> None:
    drawing = DecodedStreamObject()
    drawing.set_data(INLINE % PICTURE.tobytes().hex().encode())
    drawing[NameObject(key)] = kind
    (tmp_path / "a").write_bytes(document(drawing.flate_encode() if packed else drawing))
    found = contents(opened(tmp_path))
    assert [path.partition("-")[0] for path in found] == ["a!/drawing"]
    assert Image.open(io.BytesIO(only(found))).tobytes() == PICTURE.tobytes()


def test_attached_files_and_what_is_in_them(tmp_path: Path) -> None:
    writer = PdfWriter(io.BytesIO(document()))
    writer.add_attachment("ü.zip", zipped([("x.jpg", JPEG)]))
    stream = io.BytesIO()
    writer.write(stream)
    (tmp_path / "a").write_bytes(stream.getvalue())
    # It is stored as it is at the end of the document, and yet is none behind it.
    assert contents(opened(tmp_path)) == {"a!/ü.zip!/x.jpg": JPEG}


def test_an_attached_file_that_is_called_an_image_is_a_file_all_the_same(tmp_path: Path) -> None:
    writer = PdfWriter(io.BytesIO(document()))
    writer.add_attachment("a.zip", zipped([("x.jpg", JPEG)]))
    streams = (it for it in writer._objects if isinstance(it, StreamObject))
    (item,) = (it for it in streams if it.get("/Type") == "/EmbeddedFile")
    item.update(image_object(b""))
    stream = io.BytesIO()
    writer.write(stream)
    (tmp_path / "a").write_bytes(stream.getvalue())
    assert "a!/a.zip!/x.jpg" in contents(opened(tmp_path))


def masked(mask: DecodedStreamObject) -> bytes:
    """A document with one picture, whose transparency `mask` says it is."""
    picture = image_object(JPEG, "/DCTDecode")
    writer = PdfWriter(io.BytesIO(document(picture)))
    (image,) = (
        item
        for item in writer._objects
        if isinstance(item, StreamObject) and item.get("/Subtype") == "/Image"
    )
    image[NameObject("/SMask")] = writer._add_object(mask)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_a_mask_is_named_for_what_it_is(tmp_path: Path) -> None:
    mask = image_object(bytes(32 * 32))
    mask[NameObject("/ColorSpace")] = NameObject("/DeviceGray")
    (tmp_path / "a").write_bytes(masked(mask))
    entries = opened(tmp_path)
    assert only(contents(entries)) == JPEG
    row = (Status.NOT_IMAGE, "the transparency of another image")
    assert list(rows(entries).values()) == [row]


@pytest.mark.parametrize("colours", ["/DeviceRGB", "/DeviceGray"])
def test_a_picture_said_to_be_a_mask_is_read(colours: str, tmp_path: Path) -> None:
    hidden = image_bytes("JPEG", seed=1)
    mask = image_object(hidden, "/DCTDecode")
    mask[NameObject("/ColorSpace")] = NameObject(colours)
    (tmp_path / "a").write_bytes(masked(mask))
    assert set(contents(opened(tmp_path)).values()) == {JPEG, hidden}


def test_bare_pixels_said_to_be_a_mask_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(masked(image_object(PICTURE.tobytes())))
    found = contents(opened(tmp_path)).values()
    assert PICTURE.tobytes() in [Image.open(io.BytesIO(it)).tobytes() for it in found]


@pytest.mark.parametrize("junk", [b"junk\n", b"\0" * 600, b"x" * 1000 + b"\n"])
def test_a_document_behind_other_bytes(junk: bytes, tmp_path: Path) -> None:
    data = document(image_object(JPEG, "/DCTDecode"))
    (tmp_path / "a").write_bytes(junk + data)
    (tmp_path / "b.py").write_bytes(b'MAGIC = b"%PDF-1.4"\n' + junk)
    assert sorted(contents(opened(tmp_path)).values()) == sorted(
        [JPEG, b'MAGIC = b"%PDF-1.4"\n' + junk]
    )


def test_a_document_without_images_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(document())
    assert rows(opened(tmp_path)) == {"a": (Status.NOT_IMAGE, "a PDF document without files")}


def test_passwords(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(document(image_object(JPEG, "/DCTDecode"), password="geheim"))
    assert {status for status, _ in rows(opened(tmp_path)).values()} == {Status.ENCRYPTED}
    assert {status for status, _ in rows(opened(tmp_path, "x")).values()} == {Status.ENCRYPTED}
    assert only(contents(opened(tmp_path, "x", "geheim"))) == JPEG


def test_pixels_are_limited_before_they_are_made(tmp_path: Path) -> None:
    item = image_object(b"", Width=50_000, Height=50_000)
    (tmp_path / "a").write_bytes(document(item.flate_encode()))
    assert [status for status, _ in rows(opened(tmp_path)).values()] == [Status.OVER_LIMIT]


def test_a_bomb_of_a_stream_is_over_the_limit(tmp_path: Path) -> None:
    item = image_object(bytes(100_000_000), "/DCTDecode").flate_encode()
    (tmp_path / "a").write_bytes(document(item))
    met = rows(opened(tmp_path, limits=Limits(file_bytes=50_000_000, seconds=LIMITS.seconds)))
    assert [status for status, _ in met.values()] == [Status.OVER_LIMIT]


def test_an_object_too_many_bytes_long(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(document(image_object(JPEG, "/DCTDecode")))
    limits = Limits(file_bytes=len(JPEG) - 1, seconds=LIMITS.seconds)
    met = rows(opened(tmp_path, limits=limits))
    assert [status for status, _ in met.values()] == [Status.OVER_LIMIT]


@pytest.mark.parametrize("kept", [5, 9, 200, -30])
def test_a_pdf_cut_short_has_a_row(kept: int, tmp_path: Path) -> None:
    data = document(image_object(JPEG, "/DCTDecode"))
    (tmp_path / "a").write_bytes(data[:kept])
    assert opened(tmp_path)


def test_the_test_documents_are_documents() -> None:
    assert len(PdfReader(io.BytesIO(document())).pages) == 1
