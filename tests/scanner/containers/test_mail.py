"""Protects: every part of every message comes out, whatever its name and type say."""

from __future__ import annotations

import io
import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.containers.mail import members as mail_members
from scanner.limits import Limits
from scanner.record import Status
from tests.conftest import image_bytes
from tests.scanner.opening import LIMITS, opened
from tests.scanner.walking import contents, rows, zipped

JPEG = image_bytes("JPEG")

# Line ends of every kind above all; a CR right before the boundary may be a part of that.
binary_parts = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"\x0b", b"\x85", b"\xff\xd8", b" ", b"From "])
    | st.binary(max_size=9)
).map(lambda pieces: b"".join(pieces).replace(b"--XX", b"").rstrip(b"\r"))


def message(subject: str = "Photos") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "sender@example.org"
    mail["To"] = "receiver@example.org"
    mail["Subject"] = subject
    mail["Message-ID"] = "<1@example.org>"
    mail.set_content("See below.\n\nFrom here on 12:00 2024 it is text.\n")
    return mail


def test_attachments_and_inline_images(tmp_path: Path) -> None:
    mail = message()
    mail.add_alternative('<img src="cid:1">', subtype="html")
    *_, html = mail.iter_parts()
    html.add_related(JPEG, "image", "jpeg", cid="<1>")
    mail.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="Straße/ü.jpg")
    mail.add_attachment(zipped([("x", JPEG)]), maintype="a", subtype="b", filename="z.zip")
    (tmp_path / "a.eml").write_bytes(bytes(mail))
    found = contents(opened(tmp_path))
    images = {path for path, content in found.items() if content == JPEG}
    assert images == {"a.eml!/part-3", "a.eml!/Straße/ü.jpg", "a.eml!/z.zip!/x"}
    assert found.keys() - images == {"a.eml!/part-1", "a.eml!/part-2"}


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("encoding", [b"8bit", b"binary", b"", b"of our own"])
@given(content=binary_parts)
def test_the_bytes_of_a_part_are_its_bytes(encoding: bytes, end: bytes, content: bytes) -> None:
    """Line ends in a picture are its own: another hash would hide it from lists, and its verdict
    would be on other pixels."""
    fields = [b"Content-Type: image/jpeg", b"Content-Transfer-Encoding: " + encoding]
    lines = [
        b"From: a@example.org",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/related; boundary="XX"',
        b"",
        b"--XX",
        *(fields if encoding else fields[:1]),
        b"",
        content,
        b"--XX--",
        b"",
    ]
    (member,) = mail_members(io.BytesIO(end.join(lines)), "a", Limits(), ())
    assert member.open is not None
    with member.open() as stream:
        assert stream.read(1 << 20) == content


def test_a_saved_page_with_a_picture_in_binary(tmp_path: Path) -> None:
    """As browsers save pages (MHTML)."""
    page = (
        b"From: <Saved by a browser>\r\nSubject: a page\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="XX"\r\n'
        b"\r\n--XX\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-Location: https://example.org/a.jpg\r\n\r\n" + JPEG + b"\r\n--XX--\r\n"
    )
    assert b"\n" in JPEG
    (tmp_path / "page.mhtml").write_bytes(page)
    assert contents(opened(tmp_path)) == {"page.mhtml!/part-1": JPEG}


def test_an_image_said_to_be_text(tmp_path: Path) -> None:
    mail = message()
    mail.set_content(JPEG, maintype="text", subtype="plain")
    (tmp_path / "a").write_bytes(bytes(mail))
    assert contents(opened(tmp_path)) == {"a!/part-1": JPEG}


def test_a_message_forwarded_in_a_message(tmp_path: Path) -> None:
    inner = message()
    inner.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="x.jpg")
    mail = message()
    mail.add_attachment(inner)
    (tmp_path / "a").write_bytes(bytes(mail))
    assert contents(opened(tmp_path))["a!/x.jpg"] == JPEG


def test_a_name_in_the_old_encoding(tmp_path: Path) -> None:
    mail = message()
    mail.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="NAME")
    data = bytes(mail).replace(b'"NAME"', b'"=?utf-8?b?w7wuanBn?="')
    (tmp_path / "a").write_bytes(data)
    assert contents(opened(tmp_path))["a!/ü.jpg"] == JPEG


def test_a_mailbox(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    for number in range(3):
        mail = message(str(number))
        mail.add_attachment(
            image_bytes(seed=number), maintype="image", subtype="jpeg", filename="x.jpg"
        )
        box.add(mail)
    box.close()
    found = contents(opened(tmp_path))
    for number in range(3):
        assert found[f"box!/message-{number + 1}!/x.jpg"] == image_bytes(seed=number)
    assert len(found) == 6


@pytest.mark.parametrize(
    "line",
    [
        b"From sender@example.org Thu Jan  1 00:00:00 1970\n",
        b"From - Thu Jan 01 00:00:00 2026\r\n",
        b"From sender@example.org  Thu Jan  1 00:00 UTC 1970\n",
        b"From sender@example.org Thu Jan  1 00:00:00 1970 +0100\n",
    ],
)
def test_a_mailbox_without_blank_lines(line: bytes, tmp_path: Path) -> None:
    first, second = message(), message()
    first.set_content("I heard it\nFrom here on 12:00 2024 it is text.\n")
    second.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="x.jpg")
    (tmp_path / "box").write_bytes(line + bytes(first).rstrip(b"\n") + b"\n" + line + bytes(second))
    found = contents(opened(tmp_path))
    assert found["box!/message-2!/x.jpg"] == JPEG
    assert len(found) == 3


@pytest.mark.parametrize("start", [b"\n", b"\r\n \r\n", b"\xef\xbb\xbf"])
def test_a_message_behind_blank_lines(start: bytes, tmp_path: Path) -> None:
    mail = message()
    mail.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="x.jpg")
    (tmp_path / "a").write_bytes(start + bytes(mail))
    line = b"From sender@example.org Thu Jan  1 00:00:00 1970\n"
    (tmp_path / "box").write_bytes(start + line + bytes(mail))
    found = contents(opened(tmp_path))
    assert found["a!/x.jpg"] == JPEG
    assert found["box!/message-1!/x.jpg"] == JPEG


@pytest.mark.parametrize(
    "missing",
    [("Message-ID", "MIME-Version"), ("Message-ID", "MIME-Version", "From", "To")],
)
def test_a_message_without_the_telling_fields(missing: tuple[str, ...], tmp_path: Path) -> None:
    mail = message()
    mail["Date"] = "Thu, 1 Jan 2026 00:00:00 +0000"
    mail.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="x.jpg")
    for name in missing:
        del mail[name]
    (tmp_path / "a").write_bytes(bytes(mail))
    assert contents(opened(tmp_path))["a!/x.jpg"] == JPEG


def test_a_message_that_is_one_picture(tmp_path: Path) -> None:
    mail = message()
    mail.set_content(JPEG, maintype="image", subtype="jpeg")
    for name in ("Message-ID", "MIME-Version"):
        del mail[name]
    (tmp_path / "a").write_bytes(bytes(mail))
    assert contents(opened(tmp_path)) == {"a!/part-1": JPEG}


def test_a_message_too_large_costs_only_itself(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    for content in (b"1" * 9000, b"2"):
        mail = message()
        mail.add_attachment(content, maintype="a", subtype="b", filename="x")
        box.add(mail)
    box.close()
    entries = opened(tmp_path, limits=Limits(file_bytes=5000, seconds=LIMITS.seconds))
    assert contents(entries)["box!/message-2!/x"] == b"2"
    assert rows(entries)["box!/message-1"][0] is Status.OVER_LIMIT


@pytest.mark.parametrize(
    "text",
    [
        b"Subject: a note\nTo: myself\n\nnot an e-mail",
        b"title: x\ndate: 2024-01-01\n",
        b"From here on 12:00 2024\nit is a story\n",
        b"from: import os\n",
        b"\n\nSubject: a note\nTo: myself\n\nnot an e-mail",
        b"From: me\nTo: you\nSubject: no types\nDate: today\n\nnot an e-mail",
        b"Date: today\nServer: x\nContent-Type: text/html\nContent-Length: 3\n\nabc",
    ],
)
def test_other_text_is_no_mail(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(text)
    assert contents(opened(tmp_path)) == {"a": text}


@pytest.mark.parametrize("damage", [b"=?\xff?b?", b"Content-Type: \x00;;;", b"\xf0" * 99])
def test_damaged_fields_cost_nothing(damage: bytes, tmp_path: Path) -> None:
    mail = message()
    mail.add_attachment(JPEG, maintype="image", subtype="jpeg", filename="x.jpg")
    data = bytes(mail).replace(b"Photos", b"Photos" + damage + b"\nX-More: 1")
    (tmp_path / "a").write_bytes(data)
    assert JPEG in contents(opened(tmp_path)).values()
