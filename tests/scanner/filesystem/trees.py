"""A small evidence folder with something of every kind, and a folder of what is not evidence."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import py7zr

from tests.conftest import image_bytes
from tests.scanner.containers.rar_bytes import split_rar
from tests.scanner.containers.test_fuzz import MEMBERS, _mail
from tests.scanner.walking import COMPRESSIONS, tarred, zipped

FOLDERS = ("album", "album/deep", "barren")
LARGE = (1 << 20) + 500_000  # more than scanning.LIMITS hold in memory
OUTSIDE = "outside of the evidence"  # in the name of all that must not be in a report


def contents() -> dict[str, bytes]:
    """Path to content of every regular file."""
    hidden = zipped([("hidden.png", image_bytes("PNG", 9))])
    first, second = split_rar("split.png", [image_bytes("PNG", 20), image_bytes("PNG", 21)])
    return {
        "a.png": image_bytes("PNG"),
        "b.jpg": image_bytes(seed=2, size=(300, 300)),
        "behind.jpg": image_bytes(seed=8, size=(200, 200)) + hidden,
        "empty": b"",
        "files.7z": _sevenzip(),
        "files.tar.gz": COMPRESSIONS["gz"](tarred([("t.png", image_bytes("PNG", 3)), *MEMBERS])),
        "large.bin": b"large" * (LARGE // 5),
        "letter.eml": _mail(),
        "note.txt": b"nothing to see",
        "pack.zip": zipped([("z.png", image_bytes("PNG", 4)), *MEMBERS]),
        "vol.part1.rar": first,
        "vol.part2.rar": second,
        "album/c.png": image_bytes("PNG", 5),
        "album/twin.png": image_bytes("PNG"),
        "album/deep/d.gif": image_bytes("GIF", 6),
        "album/deep/ =1+1 \udcff.png": image_bytes("PNG", 7),
    }


def _sevenzip() -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        for name, content in MEMBERS:
            archive.writestr(content, name)
    return stream.getvalue()


SPECIAL = ("link", "pipe")
FILES = contents()
PATHS = (*FILES, *SPECIAL, *FOLDERS)


def plant(root: Path) -> None:
    """Make `root` the evidence folder, whatever it was."""
    if root.is_symlink() or root.is_file() or root.is_fifo():
        root.unlink()
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("", *FOLDERS):
        (root / folder).mkdir()
    for path, content in FILES.items():
        (root / path).write_bytes(content)
    (root / "link").symlink_to("note.txt")
    os.mkfifo(root / "pipe")


def plant_outside(root: Path) -> None:
    """Make `root` a folder of what a scan must not see, by the names that links lead to."""
    root.mkdir()
    secret = image_bytes("PNG", 99)
    (root / "image").write_bytes(secret)
    (root / "zip").write_bytes(zipped([(f"{OUTSIDE}.png", secret)]))
    (root / "spare").write_bytes(image_bytes("PNG", 98))
    (root / "folder").mkdir()
    for name in (OUTSIDE, "c.png", "d.gif"):
        (root / "folder" / name).write_bytes(secret)
