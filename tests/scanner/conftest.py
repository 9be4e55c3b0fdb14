"""Evidence folders with something of everything, and a signed scan."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from benchmarks.shared.browser import chromium, why_none
from scanner.roots import WORTH_LISTING
from tests.conftest import encoded, image_bytes, imgscan
from tests.scanner.walking import COMPRESSIONS, tarred, zipped

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def search_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this process, which a test may close, as they were afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("NoDefaultCurrentDirectoryInExePath", "")


@pytest.fixture(params=[WORTH_LISTING, 1], ids=["few", "many"])
def few_and_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as for roots that are looked up one by one, once as for many files in one folder."""
    monkeypatch.setattr("scanner.roots.WORTH_LISTING", request.param)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """An empty folder, for a test to fill and scan."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def clean_evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything in it can be examined: images in folders and archives, and a note."""
    root = tmp_path_factory.mktemp("clean")
    (root / "album").mkdir()
    for n in range(12):
        kind = ("JPEG", "PNG", "WEBP")[n % 3]
        (root / "album" / f"{n}.{kind.lower()}").write_bytes(image_bytes(kind, n))
    (root / "large.jpg").write_bytes(image_bytes(size=(90, 60)))
    (root / "note.txt").write_bytes(b"a note")
    members = [(f"{n}.jpg", image_bytes("JPEG", n)) for n in range(9)]
    packed = COMPRESSIONS["xz"](tarred([(f"tar{name}", data) for name, data in members]))
    (root / "pack.zip").write_bytes(zipped([*members, ("inner.txz", packed)]))
    return root


@pytest.fixture(scope="session")
def mixed_evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good images among files that cannot be examined."""
    root = tmp_path_factory.mktemp("mixed")
    for n in range(6):
        (root / f"{n}.jpg").write_bytes(image_bytes("JPEG", n))
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    (root / "animation.gif").write_bytes(animation)
    (root / "empty").write_bytes(b"")
    (root / "=1+1.txt").write_bytes(b"formula")
    (root / "broken.png").write_bytes(image_bytes("PNG")[:300])
    (root / "program.eps").write_bytes(encoded(Image.new("RGB", (9, 9)), "EPS"))
    (root / "cut.zip").write_bytes(zipped([("x.jpg", image_bytes())])[:-30])
    (root / "cut.tgz").write_bytes(COMPRESSIONS["gz"](tarred([("x.jpg", bytes(9999))]))[:-20])
    locked = bytearray(zipped([("secret.jpg", image_bytes()), ("open.jpg", image_bytes())]))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (root / "locked.zip").write_bytes(locked)
    return root


def make_evidence(folder: Path) -> None:
    """Images, a member, a broken image, text and an awkward name."""
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(image_bytes(seed=1))
    (folder / "sub" / "é=b.jpg").write_bytes(image_bytes(seed=2))
    (folder / "=note.txt").write_text("no image")
    (folder / "broken.jpg").write_bytes(image_bytes(seed=3)[:300])
    members = [("in/member.jpg", image_bytes(seed=4)), ("in/twin.jpg", image_bytes(seed=1))]
    (folder / "c.zip").write_bytes(zipped(members))


@pytest.fixture(scope="session")
def _scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scanned")
    make_evidence(folder / "evidence")
    imgscan("keygen", "examiner.key", cwd=folder)
    reports = [
        argument for name in ("csv", "json", "jsonl") for argument in ("--report", f"out.{name}")
    ]
    scan = ["evidence", *reports, "--sign", "examiner.key", "--md5", "--device", "cpu"]
    result = imgscan(*scan, "--workers", "1", cwd=folder)
    assert result.returncode == 1, result.stderr  # broken.jpg could not be examined
    return folder


@pytest.fixture
def scanned(_scanned: Path, tmp_path: Path) -> Path:
    """A folder with `evidence`, its signed scan `out.csv`, `.json` and `.jsonl`, and the keys."""
    return shutil.copytree(_scanned, tmp_path / "case")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a file of tests: a process can have no other beside it, as benchmarks start."""
    if reason := why_none():
        pytest.skip(reason)
    with chromium() as found:
        yield found
