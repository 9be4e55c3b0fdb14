"""Protects: a part is what its coding stands for, however that is written; what is not, is told."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.containers.mail.transfer import BASE64, QUOTED, contents
from scanner.record import Status
from scanner.sources.found import Found, Met
from tests.conftest import image_bytes
from tests.scanner.containers.mail_bytes import (
    CODED,
    JPEG,
    mail,
    multipart,
    part,
    uuencoded,
    yencoded,
)
from tests.scanner.opening import opened
from tests.scanner.walking import contents as found_in
from tests.scanner.walking import fates, rows, zipped


def read(data: bytes, folder: Path) -> list[Found | Met]:
    (folder / "a").write_bytes(data)
    return opened(folder)


def sources(entries: list[Found | Met]) -> list[bytes]:
    """All that is to be examined, also where names are the same."""
    found = [it for it in entries if isinstance(it, Found) and it.fate is None]
    return [it.source for it in found if isinstance(it.source, bytes)]


def statuses(entries: list[Found | Met]) -> list[Status]:
    return [it.status for it in entries if isinstance(it, Met)]


def gaps(entries: list[Found | Met]) -> list[tuple[int, int]]:
    """Where in the mail is searched."""
    (entry,) = (it for it in entries if it.path == "a")
    assert isinstance(entry, Found)
    assert entry.gaps is not None
    return list(entry.gaps)


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize(
    "written",
    ["{}", "{} ", "{}\t ", " \t{}", '"{}"', "'{}'", "{};", "{}; charset=x", "{} (as (it) is)",
     "(so)\n {}", "\n\t{}", "x-{}", "X-{} (\\))", "{}\0", "{}, {}"],
)  # fmt: skip
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_any_writing_of_the_coding(coding: str, written: str, case: object, tmp_path: Path) -> None:
    """Mail programs accept all of these; a picture in one would be a text without pictures."""
    assert callable(case)
    field = b"Content-Transfer-Encoding: " + written.format(*[case(coding)] * 2).encode()
    data = mail(CODED[coding](JPEG), b"Content-Type: image/jpeg", field)
    assert JPEG in {it.rstrip(b"\n") for it in found_in(read(data, tmp_path)).values()}


@pytest.mark.parametrize("token", [b"uue", b"x-uue", b"x-uu", b"uuencode", b"x-uuencode"])
def test_names_of_uuencode(token: bytes, tmp_path: Path) -> None:
    field = b"Content-Transfer-Encoding: " + token
    data = mail(uuencoded(JPEG), b"Content-Type: image/jpeg", field)
    assert found_in(read(data, tmp_path)) == {"a!/p.jpg": JPEG}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("coding", CODED)
def test_line_ends_of_every_system(coding: str, end: bytes, tmp_path: Path) -> None:
    """CR alone is what old Macintoshes wrote."""
    field = b"Content-Transfer-Encoding: " + coding.encode()
    inner = part(CODED[coding](JPEG).rstrip(b"\n"), b"Content-Type: image/jpeg", field)
    data = multipart([part(b"hello"), inner]).replace(b"\n", end)
    assert JPEG in found_in(read(data, tmp_path)).values()


def test_base64_that_was_quoted_in_a_reply(tmp_path: Path) -> None:
    text = b"".join(b"> " + line + b"\n" for line in base64.encodebytes(JPEG).splitlines())
    data = mail(text, b"Content-Transfer-Encoding: base64")
    entries = read(data, tmp_path)
    assert found_in(entries) == {"a!/part-1": JPEG}
    assert not rows(entries)


@given(content=st.binary(min_size=1, max_size=200))
def test_whole_base64_and_quoted_printable_stand_for_their_bytes(content: bytes) -> None:
    (found,) = contents(BASE64, base64.encodebytes(content), False)
    assert (found.data, found.fault) == (content, None)
    text = "".join(f"={value:02X}" for value in content).encode()
    (found,) = contents(QUOTED, text, False)
    assert (found.data, found.told, found.fault) == (content, len(text), None)


@pytest.mark.parametrize("blanks", [b"", b" ", b"\t \t"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_soft_line_breaks_of_every_kind(blanks: bytes, end: bytes) -> None:
    (found,) = contents(QUOTED, b"a=" + blanks + end + b"b" + blanks + end + b"=3D=zz=", False)
    assert found.data == b"ab" + end + b"==zz"


@pytest.mark.parametrize(
    "text",
    [
        base64.encodebytes(JPEG).replace(b"\n", b"\n! *\n", 1),  # garbage in between
        base64.b64encode(JPEG)[:801],  # breaks off
        base64.encodebytes(JPEG + b"x" * (-len(JPEG) % 3 + 1)) + b"\n-- \nsomebody's list",
        base64.b64encode(b"text") + b"\n" + base64.encodebytes(JPEG),  # padding in between
    ],
)
def test_base64_with_anything_else_in_it(text: bytes, tmp_path: Path) -> None:
    """What can be decoded is given, and a row says that it is not all there is."""
    data = mail(text, b"Content-Type: image/jpeg; name=p", b"Content-Transfer-Encoding: base64")
    entries = read(data, tmp_path)
    assert JPEG[:500] in found_in(entries)["a!/p"]
    assert statuses(entries) == [Status.UNREADABLE]


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "PNG", "BMP"])
@pytest.mark.parametrize("coding", [b"base64", b"quoted-printable"])
def test_a_picture_that_is_not_coded_as_it_says(coding: bytes, kind: str, tmp_path: Path) -> None:
    """Where the decoded bytes are others, the search must see those that are there."""
    content = image_bytes(kind)
    data = mail(content, b"Content-Transfer-Encoding: " + coding)
    entries = read(data, tmp_path)
    assert sources(entries) == [content] or gaps(entries) == [(0, len(data))]


def test_what_decodes_wholly_is_not_searched_again(tmp_path: Path) -> None:
    """Its picture would have two rows."""
    text = base64.encodebytes(JPEG)
    data = mail(text, b"Content-Transfer-Encoding: base64")
    assert gaps(read(data, tmp_path)) == [(0, len(data) - len(text))]


@pytest.mark.parametrize("second", [b"7bit", b"base64", b"quoted-printable"])
@pytest.mark.parametrize("first", [b"7bit", b"base64", b"quoted-printable"])
def test_two_codings(first: bytes, second: bytes, tmp_path: Path) -> None:
    """Programs differ in which they follow: the picture must be there in any reading."""
    codings = {**CODED, "7bit": lambda data: data}
    for stated in (first, second):
        text = codings[stated.decode()](JPEG)
        fields = [b"Content-Transfer-Encoding: " + it for it in (first, second)]
        entries = read(mail(text, b"Content-Type: image/jpeg", *fields), tmp_path)
        assert any(it.startswith(JPEG) for it in sources(entries))


def test_files_in_a_text(tmp_path: Path) -> None:
    """Each is a file of its own, an archive too, with the name that its first line gives."""
    other = image_bytes("PNG", 1)
    body = b"see\n" + uuencoded(JPEG) + b"and\n" + uuencoded(zipped([("x.png", other)]), b"z")
    body += b"also\n" + yencoded(other, b"y.png") + b"bye\n"
    found = found_in(read(mail(body, b"Content-Type: text/plain"), tmp_path))
    texts = {"a!/part-1": b"see\nand\nalso\nbye\n"}
    assert found == texts | {"a!/p.jpg": JPEG, "a!/z!/x.png": other, "a!/y.png": other}


@pytest.mark.parametrize(
    "text",
    [
        uuencoded(JPEG)[:-5],
        uuencoded(JPEG)[:700],
        yencoded(JPEG)[:700],
        yencoded(JPEG).replace(b" size=", b" part=1 total=2 size=", 1),
    ],
)
def test_a_file_in_a_text_that_is_not_whole(text: bytes, tmp_path: Path) -> None:
    entries = read(mail(b"see\n" + text, b"Content-Type: text/plain"), tmp_path)
    assert statuses(entries) == [Status.UNREADABLE]
    assert any(JPEG[:400] in it for it in found_in(entries).values())


def test_what_is_called_uuencode_and_is_none(tmp_path: Path) -> None:
    data = mail(b"begin at the start\n" + JPEG, b"Content-Transfer-Encoding: x-uuencode")
    entries = read(data, tmp_path)
    assert statuses(entries) == [Status.UNREADABLE]
    assert gaps(entries) == [(0, len(data))]


def test_prose_that_begins_like_a_file_stays_prose(tmp_path: Path) -> None:
    body = b"begin 644 steps, then\nturn left.\nend\n"
    assert found_in(read(mail(body), tmp_path)) == {"a!/part-1": body}


@pytest.mark.parametrize("coding", ["base64", "quoted-printable"])
def test_a_message_that_is_coded(coding: str, tmp_path: Path) -> None:
    """Its parts have rows, and what in it is of no part is searched as in any other."""
    body = base64.encodebytes(JPEG)
    inner = part(body, b"Content-Type: image/jpeg", b"Content-Transfer-Encoding: base64")
    fields = [b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: " + coding.encode()]
    entries = read(multipart([part(CODED[coding](inner), *fields)]), tmp_path)
    assert JPEG in found_in(entries).values()
    assert "a!/part-1" in fates(entries)
