"""Protects: the manifest's bytes and no others arrive, once, and only where they belong."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trainer.collect import main

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")

LINES = b"\x89PNG\r\n a line\n another\r\n"  # that conversions of line ends would change
FILE, LINK = "100644", "120000"


def publish(root: Path, source: str, files: dict[str, bytes], mode: str = FILE) -> str:
    """A bare repository with one more commit, of these files alone; its name."""
    folder = root / source
    folder.mkdir(parents=True, exist_ok=True)

    def git(*words: str, sent: bytes = b"") -> str:
        words = ("git", "--git-dir", str(folder), *words)
        return subprocess.run(words, input=sent, capture_output=True, check=True).stdout.decode()

    git("init", "--bare", "--quiet")
    stream = b"commit refs/heads/main\ncommitter A <a@b> 0 +0000\ndata 0\n"
    for path, content in files.items():
        stream += f"M {mode} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
    git("fast-import", "--quiet", "--force", sent=stream)
    return git("rev-parse", "main").strip()


@dataclass(frozen=True)
class Row:
    """What a manifest says of an image."""

    source: str
    commit: str
    path: str
    content: bytes


@dataclass(frozen=True)
class Place:
    """A folder with a mirror, a manifest and what was collected."""

    folder: Path

    @property
    def mirror(self) -> Path:
        return self.folder / "mirror"

    @property
    def to(self) -> Path:
        return self.folder / "files"

    def collect(self, rows: Iterable[Row], base: str = "") -> Result:
        manifest = self.folder / "manifest.csv"
        with manifest.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["label", "source", "commit", "path", "sha256", "generator", "licence", "whole"]
            )
            for row in rows:
                sha256 = hashlib.sha256(row.content).hexdigest()
                writer.writerow(["fake", row.source, row.commit, row.path, sha256, "", "", ""])
        words = [str(manifest), "--to", str(self.to), "--from", base or self.mirror.as_uri()]
        return CliRunner().invoke(main, words)

    def collected(self) -> dict[str, bytes]:
        files = (path for path in self.to.rglob("*") if not path.is_dir())
        return {path.relative_to(self.to).as_posix(): path.read_bytes() for path in files}


@contextmanager
def served(status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    """The address of a server that answers so, whatever it is asked."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_wanted_files_arrive_as_they_are(place: Place) -> None:
    files = {"in/a folder/été.png": LINES, "other.png": b"other", "unwanted.png": b"unwanted"}
    attributes = {".gitattributes": b"* text eol=crlf ident working-tree-encoding=UTF-16\n"}
    one = publish(place.mirror, "some/one", files | attributes)
    two = publish(place.mirror, "some/two", {"3.png": b"three"})
    done = place.collect(
        [
            Row("some/one", one, "in/a folder/été.png", LINES),
            Row("some/one", one, "other.png", b"other"),
            Row("some/two", two, "3.png", b"three"),
        ]
    )
    assert done.exit_code == 0, done.output
    assert f"3 of 3 images are in {place.to}, 3 of them fetched now." in done.output
    assert place.collected() == {
        "some+one/in/a folder/été.png": LINES,
        "some+one/other.png": b"other",
        "some+two/3.png": b"three",
    }


def test_the_stated_commit_counts_and_not_the_newest(place: Place) -> None:
    first = publish(place.mirror, "some/one", {"1.png": b"first"})
    publish(place.mirror, "some/one", {"1.png": b"second"})
    assert place.collect([Row("some/one", first, "1.png", b"first")]).exit_code == 0
    assert place.collected() == {"some+one/1.png": b"first"}


def test_what_is_there_is_not_fetched_again(place: Place) -> None:
    files = {"1.png": b"one", "2.png": b"two"}
    commit = publish(place.mirror, "some/one", files)
    rows = [Row("some/one", commit, path, content) for path, content in files.items()]
    assert place.collect(rows).exit_code == 0
    (place.to / "some+one/2.png").write_bytes(b"half")
    before = (place.to / "some+one/1.png").stat().st_mtime_ns
    done = place.collect(rows)
    assert "2 of 2 images are in" in done.output
    assert "1 of them fetched now" in done.output
    assert (place.to / "some+one/1.png").stat().st_mtime_ns == before
    assert (place.to / "some+one/2.png").read_bytes() == b"two"

    shutil.rmtree(place.mirror)
    done = place.collect(rows)
    assert done.exit_code == 0
    assert "0 of them fetched now" in done.output


def test_other_bytes_than_the_manifests_are_not_kept(place: Place) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one", "2.png": b"changed"})
    done = place.collect(
        [
            Row("some/one", commit, "1.png", b"one"),
            Row("some/one", commit, "2.png", b"two"),
            Row("some/one", commit, "absent.png", b"three"),
        ]
    )
    assert done.exit_code == 1
    assert "1 of 3 images are in" in done.output
    reason = "files are absent from the commit or have another hash; images missing: 2."
    assert f"some/one: {reason}" in done.output
    assert place.collected() == {"some+one/1.png": b"one"}


def test_what_has_gone_is_told_and_does_not_stop_the_others(place: Place) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    row = Row("some/one", commit, "1.png", b"one")
    gone = replace(row, commit="1" * 40, path="gone.png", content=b"of then")
    done = place.collect([replace(row, source="no/body", content=b"two"), gone, row])
    assert done.exit_code == 1
    assert (
        "no/body: the repository is gone, or --from is not where it is; images missing: 1."
        in done.output
    )
    assert "some/one: the commit is gone; images missing: 1." in done.output
    assert place.collected() == {"some+one/1.png": b"one"}


def test_a_file_that_the_server_lacks_does_not_stop_the_others(place: Place) -> None:
    files = {"1.png": b"one", "2.png": b"two", "3.png": b"three"}
    commit = publish(place.mirror, "some/one", files)
    mirror = place.mirror / "some/one"
    for path in ("1.png", "3.png"):
        words = ["git", "--git-dir", str(mirror), "rev-parse", f"main:{path}"]
        name = subprocess.run(words, capture_output=True, check=True, text=True).stdout.strip()
        lost = mirror / "objects" / name[:2] / name[2:]
        lost.chmod(0o600)  # for Windows
        lost.unlink()
    done = place.collect(Row("some/one", commit, path, it) for path, it in files.items())
    assert done.exit_code == 1
    assert "some/one: the server lacks files of the commit; images missing: 2." in done.output
    assert place.collected() == {"some+one/2.png": b"two"}


def test_what_is_too_large_is_not_read_nor_what_is_not_wanted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.collect.LARGEST", 1000)
    monkeypatch.setattr("trainer.collect.TOGETHER", 2)
    files = {"in/1.png": b"one", "in/2.png": b"2" * 1000, "in/3.png": b"3" * 1001, "z.png": b"z"}
    unwanted = {f"{folder}{number}.png": b"" for folder in ("", "in/") for number in range(10, 60)}
    commit = publish(place.mirror, "some/one", files | unwanted)
    done = place.collect(Row("some/one", commit, path, it) for path, it in files.items())
    assert done.exit_code == 1
    assert "some/one: files are too large, over 64 MiB; images missing: 1." in done.output
    assert sorted(place.collected()) == [
        f"some+one/{it}" for it in ("in/1.png", "in/2.png", "z.png")
    ]


def test_what_came_and_was_lost_again_counts_as_missing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.collect.write_whole", lambda place, content: None)
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    done = place.collect([Row("some/one", commit, "1.png", b"one")])
    assert done.exit_code == 1
    assert "0 of 1 images are in" in done.output
    reason = "files came and were overwritten or removed; images missing: 1."
    assert f"some/one: {reason}" in done.output


def test_a_server_that_cannot_leave_files_out_sends_them_all(place: Place) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one", "2.png": b"two"})
    with (place.mirror / "some/one/config").open("a") as config:
        config.write("[uploadpack]\nallowFilter = false\n")
    assert place.collect([Row("some/one", commit, "1.png", b"one")]).exit_code == 0
    assert place.collected() == {"some+one/1.png": b"one"}


def test_a_link_stays_what_git_keeps_of_it(place: Place) -> None:
    secret = place.folder / "secret"
    secret.write_bytes(b"secret")
    target = str(secret).encode()
    commit = publish(place.mirror, "some/one", {"1.png": target, "2.png": target}, LINK)
    done = place.collect(
        [
            Row("some/one", commit, "1.png", b"secret"),
            Row("some/one", commit, "2.png", target),
        ]
    )
    assert done.exit_code == 1
    assert place.collected() == {"some+one/2.png": target}
    assert not (place.to / "some+one/2.png").is_symlink()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"path": "../escaped.png"},
        {"path": "in/../../escaped.png"},
        {"path": "/escaped.png"},
        {"path": "in/.git/2.png"},
        {"path": "in/.GIT/2.png"},
        {"path": "in/./2.png"},
        {"path": "in//2.png"},
        {"path": "2\0.png"},
        {"path": ""},
        {"path": "HEAD"},
        {"path": "config"},
        {"path": "objects/12/345"},
        {"path": ".png"},
        {"source": "../some"},
        {"source": "some/.."},
        {"source": "some/one/more"},
        {"commit": "--upload-pack=touch escaped"},
        {"commit": "main"},
        {"commit": "1" * 64},
    ],
    ids=str,
)
def test_a_row_that_leads_elsewhere_is_refused(place: Place, spoilt: dict[str, str]) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    row = Row("some/one", commit, "1.png", b"one")
    done = place.collect([row, replace(row, content=b"two", **spoilt)])
    assert done.exit_code == 1
    assert "mend the manifest" in done.output
    assert place.collected() == {}


@pytest.mark.parametrize(
    "path", ["in/été.png", "in/ÉTÉ.png", "in/e\u0301te\u0301.png", "in/été.png/2.png", "in.png"]
)
@pytest.mark.parametrize("turn", [1, -1])
def test_images_that_cannot_both_be_there_are_refused(place: Place, path: str, turn: int) -> None:
    commit = publish(place.mirror, "some/one", {"other.png": b"other"})
    rows = [
        Row("some/one", commit, "in/été.png", b"one"),
        Row("some/one", commit, "IN.png/1.png", b"one"),
        Row("some/one", commit, path, b"two"),
        Row("some/one", commit, "other.png", b"other"),
    ]
    done = place.collect(rows[::turn])
    assert done.exit_code == 1
    assert "cannot both be there" in done.output
    assert "drop one of the two rows from the manifest" in done.output
    assert place.collected() == {}


def test_an_image_may_be_listed_twice(place: Place) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    done = place.collect([Row("some/one", commit, "1.png", b"one")] * 2)
    assert done.exit_code == 0
    assert "1 of 1 images are in" in done.output


def test_the_users_own_settings_take_no_part(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    settings = place.folder / "gitconfig"
    settings.write_text('[url "file:///nowhere/"]\ninsteadOf = file://\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(place.folder / "nowhere"))
    assert place.collect([Row("some/one", commit, "1.png", b"one")]).exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for git is a shell script")
def test_no_helper_of_the_machine_is_asked_for_a_password(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, settings = place.folder / "asked", place.folder / "system"
    settings.write_text(f"[credential]\n    helper = \"!touch '{asked}' #\"\n")
    git = place.folder / "bin/git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\nGIT_CONFIG_SYSTEM='{settings}' exec {shutil.which('git')} \"$@\"\n")
    git.chmod(0o700)
    with served(401, {"WWW-Authenticate": 'Basic realm="here"'}, b"") as address:
        subprocess.run(  # else the test would pass for another reason
            [git, "ls-remote", f"{address}some/one"],
            env={"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null"},
            capture_output=True,
            check=False,
        )
        assert asked.exists()
        asked.unlink()
        monkeypatch.setattr("trainer.collect.shutil.which", lambda name: str(git))
        done = place.collect([Row("some/one", "1" * 40, "1.png", b"one")], address)
    assert (
        "some/one: the repository is gone, or --from is not where it is; images missing: 1."
        in done.output
    )
    assert not asked.exists()


def test_what_a_server_says_steers_no_terminal(place: Place) -> None:
    said = "ERR no \u202ebetter".encode()  # git itself takes control characters out
    body = b"001e# service=git-upload-pack\n0000%04x%s" % (4 + len(said), said)
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    with served(200, kind, body) as address:
        done = place.collect([Row("some/one", "1" * 40, "1.png", b"one")], address)
    assert r"some/one: git fails: remote error: no \u202ebetter; images" in done.output
    assert "\u202e" not in done.output


def test_a_server_that_cannot_be_reached_is_told_in_gits_words(place: Place) -> None:
    done = place.collect([Row("some/one", "1" * 40, "1.png", b"one")], "http://127.0.0.1:1/")
    assert done.exit_code == 1
    assert "some/one: git fails: unable to access" in done.output


def test_without_git_there_is_a_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = place.collect([Row("some/one", "1" * 40, "1.png", b"one")])
    assert done.exit_code == 1
    assert "Error: there is no git on this machine; install it from git-scm.com." in done.output
