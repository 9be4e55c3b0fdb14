"""Protects: a message of Outlook gives its attachments and texts, and what is left is searched."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.containers.container import MemberError
from scanner.containers.outlook import members
from scanner.containers.rich_text import COMPRESSED, DICTIONARY, expanded
from scanner.limits import Limits
from scanner.record import Status
from scanner.sources.found import Fate
from tests.conftest import image_bytes
from tests.scanner.containers.mail_bytes import JPEG, multipart, picture
from tests.scanner.containers.ole_bytes import Tree, attachment, ole
from tests.scanner.containers.test_mail_codings import gaps, read
from tests.scanner.opening import opened
from tests.scanner.walking import contents, fates, rows, zipped

LARGE = image_bytes("BMP", size=(150, 150))
assert len(LARGE) > 1 << 16 > 4_096 > len(JPEG)


def utf_16(text: str) -> bytes:
    return text.encode("utf-16-le")


@pytest.mark.parametrize("apart", [False, True])
def test_attachments_and_texts(apart: bool, tmp_path: Path) -> None:
    """Also where a picture's sectors lie apart, and no search could put it together."""
    tree: Tree = {
        "__nameid_version1.0": {"__substg1.0_00020102": b"\0" * 16},
        "__substg1.0_1000001F": utf_16("hello\r\n"),
        "__substg1.0_10130102": b"<p>hello</p>",
        "__substg1.0_0037001F": utf_16("a subject"),
        "__attach_version1.0_#00000000": attachment(JPEG, "ü.jpg"),
        "__attach_version1.0_#00000001": attachment(LARGE, "b.bmp"),
        "__attach_version1.0_#0000000A": attachment(zipped([("x.bmp", LARGE)])),
        "__attach_version1.0_#0000000B": attachment(multipart([picture()]), "m.eml"),
        "__properties_version1.0": bytes(32),
    }
    entries = read(ole(tree, apart=apart), tmp_path)
    assert contents(entries) == {
        "a!/body.txt": b"hello\r\n",
        "a!/body.html": b"<p>hello</p>",
        "a!/ü.jpg": JPEG,
        "a!/b.bmp": LARGE,
        "a!/attachment-11!/x.bmp": LARGE,
        "a!/m.eml!/p.jpg": JPEG,
    }
    assert not rows(entries)


def test_members_are_not_searched_again_and_the_rest_is(tmp_path: Path) -> None:
    hidden = image_bytes(seed=5)
    tree: Tree = {
        "__substg1.0_80010102": hidden,
        "__attach_version1.0_#00000000": attachment(LARGE, "a.bmp"),
    }
    data = ole(tree)
    searched = [data[start:stop] for start, stop in gaps(read(data, tmp_path))]
    assert any(hidden in it for it in searched)
    assert not any(LARGE[:512] in it for it in searched)


def test_a_large_property_of_any_name_is_a_member(tmp_path: Path) -> None:
    data = ole({"__substg1.0_80010102": LARGE, "__properties_version1.0": b""}, apart=True)
    assert contents(read(data, tmp_path)) == {"a!/__substg1.0_80010102": LARGE}


def test_messages_and_objects_within(tmp_path: Path) -> None:
    """However deep: their attachments are members of the file itself."""
    tree: Tree = {"__attach_version1.0_#00000000": attachment(JPEG, "p.jpg")}
    for depth in range(40):
        inner = attachment(tree, f"m{depth}", "3701000D")
        tree = {"__attach_version1.0_#00000000": inner, "__properties_version1.0": b""}
    (path,) = contents(read(ole(tree), tmp_path))
    assert path == "a!/" + "".join(f"m{depth}/" for depth in reversed(range(40))) + "p.jpg"
    tree = {"__attach_version1.0_#00000000": attachment({"CONTENTS": JPEG}, "o", "3701000D")}
    assert contents(read(ole(tree), tmp_path)) == {"a!/o/CONTENTS": JPEG}


def test_rich_text_is_expanded(tmp_path: Path) -> None:
    text = rb"{\rtf1{\pict\jpegblip " + JPEG.hex().encode() + b"}}"
    pieces = [text[at : at + 8] for at in range(0, len(text), 8)]
    packed = b"".join(b"\0" + it for it in pieces)
    end = (len(DICTIONARY) + len(text)) % 4096 << 4
    flags = b"\x01" if not len(text) % 8 else b""
    packed += flags + struct.pack(">H", end) if flags else b""
    if not flags:
        last = pieces[-1]
        packed = b"".join(b"\0" + it for it in pieces[:-1])
        packed += bytes((1 << len(last),)) + last + struct.pack(">H", end)
    data = struct.pack("<IIII", len(packed) + 12, len(text), COMPRESSED, 0) + packed
    entries = read(ole({"__substg1.0_10090102": data, "__properties_version1.0": b""}), tmp_path)
    assert contents(entries) == {"a!/body.rtf": text}


def test_the_example_of_the_specification_of_rich_text() -> None:
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c0900"
        "20627705b06c647d0a800fa0"
    )
    assert expanded(data) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"


@pytest.mark.parametrize("data", [b"", b"\0" * 40, struct.pack("<IIII", 0, 9, COMPRESSED, 0)])
def test_damaged_rich_text_has_a_row(data: bytes, tmp_path: Path) -> None:
    tree = {"__substg1.0_10090102": data + b"\xff" * 9, "__properties_version1.0": b""}
    assert rows(read(ole(tree), tmp_path))["a!/body.rtf"][0] is Status.UNREADABLE


def test_a_stream_whose_sectors_are_missing(tmp_path: Path) -> None:
    data = ole({"__attach_version1.0_#00000000": attachment(LARGE, "a.bmp")})
    entry = data.index("__substg1.0_37010102".encode("utf-16-le"))
    broken = data[: entry + 116] + struct.pack("<I", 0xFFFF) + data[entry + 120 :]
    entries = read(broken, tmp_path)
    assert rows(entries)["a!/a.bmp"][0] is Status.UNREADABLE
    assert any(LARGE[:512] in broken[start:stop] for start, stop in gaps(entries))


def test_an_attachment_too_large_costs_only_itself(tmp_path: Path) -> None:
    tree = {
        "__attach_version1.0_#00000000": attachment(LARGE, "a.bmp"),
        "__attach_version1.0_#00000001": attachment(JPEG, "b.jpg"),
    }
    (tmp_path / "a").write_bytes(ole(tree))
    entries = opened(tmp_path, limits=Limits(file_bytes=len(LARGE) - 1, seconds=60))
    assert rows(entries)["a!/a.bmp"][0] is Status.OVER_LIMIT
    assert contents(entries) == {"a!/b.jpg": JPEG}


def test_other_documents_are_no_messages(tmp_path: Path) -> None:
    data = ole({"WordDocument": LARGE, "1Table": b"x"}, bytes(16))
    assert contents(read(data, tmp_path)) == {"a": data}


@settings(max_examples=60)
@given(st.data())
def test_damage_ends_in_rows(data: st.DataObject) -> None:
    """Directly, since each example would start a process."""
    content = bytearray(ole({"__attach_version1.0_#00000000": attachment(JPEG, "a.jpg")}))
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=9)):
        content[place] = data.draw(st.integers(0, 255))
    found = []
    with contextlib.suppress(Exception):  # which becomes the file's row
        for member in members(io.BytesIO(bytes(content)), "a", Limits(), ()):
            found.append(member)
            if member.open is not None:
                member.open()
    assert len(found) < 20
    assert all(0 <= start < stop for member in found for start, stop in member.stored)


def test_without_the_library_a_row_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the search sees all of it."""
    monkeypatch.setitem(sys.modules, "olefile", None)
    path = tmp_path / "a"
    path.write_bytes(ole({"__attach_version1.0_#00000000": attachment(JPEG, "a.jpg")}))
    with path.open("rb") as stream, pytest.raises(MemberError, match="pip install") as caught:
        next(members(stream, "a", Limits(), ()))
    assert caught.value.status is Status.UNSUPPORTED


def test_it_is_called_what_it_is(tmp_path: Path) -> None:
    data = ole({"__attach_version1.0_#00000000": attachment(JPEG, "a.jpg")})
    fate = fates(read(data, tmp_path))["a"]
    assert isinstance(fate, Fate)
    assert fate.noun == "a message of Outlook"
