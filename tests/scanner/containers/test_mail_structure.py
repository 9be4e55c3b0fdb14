"""Protects: parts are found wherever a mail program may see them, or a row tells of them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from scanner.record import Status
from scanner.sources.found import Found
from tests.conftest import image_bytes
from tests.scanner.containers.mail_bytes import FIELDS, JPEG, mail, multipart, part, picture
from tests.scanner.containers.test_mail_codings import gaps, read, sources, statuses
from tests.scanner.walking import contents, rows, tarred

CODED_JPEG = base64.encodebytes(JPEG)
MULTIPART = b"Content-Type: multipart/mixed; boundary=BB"


def test_deep_nesting_ends_nothing(tmp_path: Path) -> None:
    depth = 1500
    text = b"hello"
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        for level in range(depth)
    )
    closing = b"".join(b"\n--b%d--" % level for level in reversed(range(depth)))
    data = FIELDS + opening + picture() + closing
    found = contents(read(data, tmp_path))
    assert found == {"a!/p.jpg": JPEG}
    data = FIELDS + b"Content-Type: message/rfc822\n\n" * depth + picture() + text
    assert any(it.startswith(JPEG) for it in contents(read(data, tmp_path)).values())


@pytest.mark.parametrize(
    "field",
    [
        b'Content-Type: multipart/mixed; boundary="BB"',
        b"Content-Type: multipart/mixed; boundary=BB (so)",
        b'Content-Type: multipart/mixed (a "; boundary=x); BOUNDARY="BB" ; x=y',
        b"Content-Type: multipart/mixed\n\t; boundary\n = BB",
        b"Content-Type : Multipart/Mixed; boundary*0=B; boundary*1=B",
        b"Content-Type: multipart/mixed; boundary*=us-ascii''BB",
        b"Content-Type: multipart/mixed boundary=BB",
        b"Content-Type: multipart/mixed;\0 boundary=BB",
        b"Content-Type: multipart/mixed; boundary=CC; boundary=BB",
        b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=BB",
        b"Content-Type: multipart/mixed; boundary=CC\nContent-Type: multipart/mixed; boundary=BB",
        b"this line is no field\nContent-Type: multipart/mixed; boundary=BB",
        b"Content-Type: image/jpeg\nContent-Type: multipart/mixed; boundary=BB",
    ],
)
def test_any_writing_of_the_boundary(field: bytes, tmp_path: Path) -> None:
    body = b"--BB\n" + picture() + b"--BB--\n"
    entries = read(mail(body, field), tmp_path)
    assert contents(entries) == {"a!/p.jpg": JPEG}
    assert not rows(entries)


@pytest.mark.parametrize("boundary", [b"=_Part_(1)", b"b b", b"B=B?:'", b"-"])
def test_boundaries_of_any_signs(boundary: bytes, tmp_path: Path) -> None:
    data = multipart([part(b"hello"), picture()], boundary)
    assert contents(read(data, tmp_path)) == {"a!/part-1": b"hello", "a!/p.jpg": JPEG}
    data = data.replace(b'"', b"")
    assert JPEG in contents(read(data, tmp_path)).values() or b" " in boundary


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (b"Content-Type: multipart/mixed", b"--BB\n" + picture() + b"--BB--\n"),
        (b'Content-Type: multipart/mixed; boundary=""', b"--BB\n" + picture() + b"--BB--\n"),
        (b"Content-Type: multipart/mixed; boundary=CC", b"--BB\n" + picture() + b"--BB--\n"),
        (MULTIPART, b""),
        (MULTIPART, b"--BB\n" + picture()),
        (MULTIPART, b"--BB\n" + picture() + b"--BB-\n"),
        (b"Content-Type: message/partial; number=1; total=2; id=x", picture()),
        (b"Content-Type: message/external-body; access-type=url", picture()),
        (b"X-Apple-Content-Length: 99", b""),
    ],
)
def test_parts_that_are_missing_or_cannot_be_told_apart(
    field: bytes, body: bytes, tmp_path: Path
) -> None:
    """A row says so, and the search sees what is there: inside a row, or between the parts."""
    entries = read(mail(body, field), tmp_path)
    assert statuses(entries)[0] is Status.UNREADABLE
    found = sources(entries)
    assert not body or JPEG in found or any(CODED_JPEG in it for it in found)


def test_pictures_before_behind_and_between_the_parts_are_searched_for(tmp_path: Path) -> None:
    body = b"--BB--\n" + CODED_JPEG
    data = mail(CODED_JPEG + b"--BB\n\nhello\n" + body, MULTIPART)
    searched = [data[start:stop] for start, stop in gaps(read(data, tmp_path))]
    assert len(searched) == 2
    assert all(CODED_JPEG in it for it in searched)


def test_an_inner_multipart_that_the_outer_ends(tmp_path: Path) -> None:
    """The parts behind it belong to the outer one, and one row says that something is missing."""
    inner = part(b"--II\n\nhello", b"Content-Type: multipart/mixed; boundary=II")
    entries = read(multipart([inner, picture()]), tmp_path)
    assert contents(entries) == {"a!/part-1": b"hello", "a!/p.jpg": JPEG}
    assert [status for status, _ in rows(entries).values()] == [Status.UNREADABLE]


def test_one_boundary_for_two_levels(tmp_path: Path) -> None:
    inner = part(b"--BB\n" + picture() + b"--BB--\n", MULTIPART)
    assert JPEG in contents(read(multipart([inner, part(b"x")]), tmp_path)).values()


def test_a_header_without_the_blank_line_behind_it(tmp_path: Path) -> None:
    """As some programs forget it: the body begins with the first line that is no field."""
    data = FIELDS + b"Content-Transfer-Encoding: base64\n" + CODED_JPEG
    assert contents(read(data, tmp_path)) == {"a!/part-1": JPEG}
    entries = read(FIELDS + MULTIPART + b"\n--BB\n" + picture() + b"--BB--\n", tmp_path)
    assert contents(entries) == {"a!/p.jpg": JPEG}


def test_messages_in_a_digest_need_no_type(tmp_path: Path) -> None:
    message = FIELDS + b"Content-Type: image/jpeg; name=p.jpg\n"
    message += b"Content-Transfer-Encoding: base64\n\n" + CODED_JPEG
    data = multipart([part(message), part(FIELDS + b"\nhello\n")])
    entries = read(data.replace(b"/mixed", b"/digest"), tmp_path)
    assert contents(entries) == {"a!/p.jpg": JPEG, "a!/part-2": b"hello\n"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_mail_in_utf_16(encoding: str, tmp_path: Path) -> None:
    data = multipart([part("grüße".encode()), picture()])
    entries = read(data.decode().encode(encoding), tmp_path)
    assert contents(entries)["a!/utf-8.eml!/p.jpg"] == JPEG
    assert gaps(entries) == []


def test_the_mail_of_apple(tmp_path: Path) -> None:
    """Its first line counts the bytes; a count that is wrong must not cost a part."""
    text = mail(CODED_JPEG, b"Content-Transfer-Encoding: base64")
    flags = b'<?xml version="1.0"?>\n<plist version="1.0"><dict/></plist>\n'
    entries = read(b"%d   \n" % len(text) + text + flags, tmp_path)
    assert contents(entries) == {"a!/part-1": JPEG}
    assert not rows(entries)
    assert contents(read(b"200\n" + multipart([picture()]), tmp_path)) == {"a!/p.jpg": JPEG}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("kind", ["mbox", "mmdf"])
def test_mailboxes_of_every_kind(kind: str, end: bytes, tmp_path: Path) -> None:
    mark = b"\x01\x01\x01\x01\n"
    start, stop = (mark, mark) if kind == "mmdf" else (b"From a Thu Jan  1 00:00:00 1970\n", b"\n")
    texts = [multipart([picture(data=image_bytes(seed=seed))]) for seed in range(3)]
    box = b"".join(start + text + stop for text in texts).replace(b"\n", end)
    (tmp_path / "t").write_bytes(tarred([("box", box)]))
    entries = read(box, tmp_path)
    for seed in range(3):
        path = f"!/message-{seed + 1}!/p.jpg"
        assert contents(entries)[f"a{path}"] == image_bytes(seed=seed)
        assert contents(entries)[f"t!/box{path}"] == image_bytes(seed=seed)
    assert not rows(entries)


def test_bytes_of_a_program_before_the_first_field(tmp_path: Path) -> None:
    """As Outlook for Mac keeps its mail."""
    text = b"Received: from a by b\n" + multipart([picture("quoted-printable")])
    data = bytes(range(200, 240)) + text
    (path,) = contents(read(data, tmp_path))
    assert path == "a!/p.jpg"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b"Content-Disposition: attachment; filename=\"\xc3\xbc.jpg\"", "ü.jpg"),
        (b"Content-Disposition: attachment; filename=\"\xfc.jpg\"", "ü.jpg"),
        (b"Content-Disposition: attachment; filename*=utf-8''%C3%BC.jpg", "ü.jpg"),
        (b"Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%BC", "ü"),
        (b"Content-Type: image/jpeg; name=\"=?utf-8?q?=C3=BC?=\n =?utf-8?q?=2Ejpg?=\"", "ü.jpg"),
        (b"Content-Disposition: attachment; filename*0*=;filename*x=;", "part-1"),
    ],
)  # fmt: skip
def test_names_in_every_writing(field: bytes, name: str, tmp_path: Path) -> None:
    data = mail(CODED_JPEG, field, b"Content-Transfer-Encoding: base64")
    assert contents(read(data, tmp_path)) == {f"a!/{name}": JPEG}


def test_a_mail_of_header_alone(tmp_path: Path) -> None:
    (entry,) = (it for it in read(FIELDS, tmp_path) if it.path == "a")
    assert isinstance(entry, Found)
    assert entry.fate is not None
