"""Damaged containers of every kind must end in rows, never in an exception or in silence."""

from __future__ import annotations

import email.message
import io
from pathlib import Path

import py7zr
import pypdf
import pytest
import pyzipper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.limits import Limits
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from tests.conftest import image_bytes
from tests.scanner.containers.rar_bytes import rar, split_rar
from tests.scanner.walking import COMPRESSIONS, tarred, zipped

MEMBERS = [("a.jpg", image_bytes()), ("b/c.png", image_bytes("PNG", 1)), ("d.txt", b"text")]
PASSWORD = "geheim"
# Small, so that a size that a broken header announces is refused and not waited for.
LIMITS = Limits(file_bytes=1 << 22, archive_bytes=1 << 23, members=1000, seconds=20)


def _sevenzip() -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        for name, content in MEMBERS:
            archive.writestr(content, name)
    return stream.getvalue()


def _pdf() -> bytes:
    stream = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(99, 99)
    writer.add_attachment("a.jpg", MEMBERS[0][1])
    writer.write(stream)
    return stream.getvalue()


def _mail() -> bytes:
    message = email.message.EmailMessage()
    message["From"] = message["To"] = "somebody@example.org"
    message.set_content("with a picture")
    message.add_attachment(MEMBERS[0][1], maintype="image", subtype="jpeg", filename="a.jpg")
    return message.as_bytes()


def _encrypted_zip() -> bytes:
    stream = io.BytesIO()
    with pyzipper.AESZipFile(stream, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PASSWORD.encode())
        for name, content in MEMBERS:
            archive.writestr(name, content)
    return stream.getvalue()


MBOX_LINE = b"From somebody@example.org Thu Jan  1 00:00:00 2026\n"
CONTAINERS = {
    "zip": zipped(MEMBERS),
    "encrypted.zip": _encrypted_zip(),
    "jpg.zip": MEMBERS[0][1] + zipped(MEMBERS),
    "tar": tarred(MEMBERS),
    "tar.gz": COMPRESSIONS["gz"](tarred(MEMBERS)),
    "tar.xz": COMPRESSIONS["xz"](tarred(MEMBERS)),
    "png.bz2": COMPRESSIONS["bz2"](MEMBERS[1][1]),
    "png.zst": COMPRESSIONS["zst"](MEMBERS[1][1]),
    "7z": _sevenzip(),
    "rar": rar(MEMBERS),
    "part1.rar": split_rar("a.jpg", [MEMBERS[0][1][:300], MEMBERS[0][1][300:]])[0],
    "rar.zip": rar(MEMBERS) + zipped(MEMBERS),
    "pdf": _pdf(),
    "eml": _mail(),
    "mbox": (MBOX_LINE + _mail() + b"\n") * 2,
}
DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)))


@pytest.mark.parametrize("kind", CONTAINERS)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=DAMAGE, kept=st.floats(0.1, 1))
def test_damage_ends_in_rows(
    kind: str, damage: list[tuple[float, bytes]], kept: float, tmp_path: Path
) -> None:
    content = bytearray(CONTAINERS[kind])
    for place, patch in damage:
        at = int(place * len(content))
        content[at : at + len(patch)] = patch
    del content[int(kept * len(content)) :]
    evidence = tmp_path / f"evidence.{kind}"
    evidence.write_bytes(content)
    entries = list(walk([evidence], LIMITS, [PASSWORD]))
    assert entries, "a file that was met has a row"
    assert all(entry.path.startswith(evidence.name) for entry in entries)
    assert all(isinstance(entry, Found) or entry.error for entry in entries)
    assert not any(isinstance(entry, Met) and "\n" in entry.error for entry in entries)
    assert len({(entry.path, entry.position) for entry in entries}) == len(entries)
