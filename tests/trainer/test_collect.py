"""Protects: the manifest's bytes and no others arrive, once, and only where they belong."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
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

    def collect(self, rows: Iterable[Row]) -> Result:
        manifest = self.folder / "manifest.csv"
        with manifest.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["label", "source", "commit", "path", "sha256", "generator", "licence", "whole"]
            )
            for row in rows:
                sha256 = hashlib.sha256(row.content).hexdigest()
                writer.writerow(["fake", row.source, row.commit, row.path, sha256, "", "", ""])
        words = [str(manifest), "--to", str(self.to), "--from", self.mirror.as_uri()]
        return CliRunner().invoke(main, words)

    def collected(self) -> dict[str, bytes]:
        files = (path for path in self.to.rglob("*") if not path.is_dir())
        return {path.relative_to(self.to).as_posix(): path.read_bytes() for path in files}


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
    gone = replace(row, commit="1" * 40, content=b"of then")
    done = place.collect([replace(row, source="no/body", content=b"two"), gone, row])
    assert done.exit_code == 1
    assert "no/body: the repository is gone; images missing: 1." in done.output
    assert "some/one: the commit is gone; images missing: 1." in done.output
    assert place.collected() == {"some+one/1.png": b"one"}


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
        {"path": ".git/hooks/post-checkout"},
        {"path": ""},
        {"source": "../some"},
        {"source": "some/.."},
        {"source": "some/one/more"},
        {"commit": "--upload-pack=touch escaped"},
        {"commit": "main"},
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


def test_the_users_own_settings_take_no_part(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = publish(place.mirror, "some/one", {"1.png": b"one"})
    settings = place.folder / "gitconfig"
    settings.write_text('[url "file:///nowhere/"]\ninsteadOf = file://\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(place.folder / "nowhere"))
    assert place.collect([Row("some/one", commit, "1.png", b"one")]).exit_code == 0


def test_a_server_that_cannot_be_reached_is_told_in_gits_words(place: Place) -> None:
    row = Row("some/one", "1" * 40, "1.png", b"one")
    place.collect([row])
    words = [str(place.folder / "manifest.csv"), "--to", str(place.to), "--from"]
    done = CliRunner().invoke(main, [*words, "http://127.0.0.1:1/"])
    assert done.exit_code == 1
    assert "some/one: git fails: unable to access" in done.output


def test_without_git_there_is_a_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = place.collect([Row("some/one", "1" * 40, "1.png", b"one")])
    assert done.exit_code == 1
    assert "Error: there is no git on this machine; install it from git-scm.com." in done.output
