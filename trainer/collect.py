"""Fetch the images of a manifest from the public repositories that it names.

    python -m trainer.collect results/photographs/manifest.csv --to data/repositories

With plain git, of each repository the names in one commit and then the wanted files alone. They are
taken as git keeps them: nothing is checked out, so no filter, attribute, link or line end of a
stranger's repository is ever applied, and no setting of the user's own git takes part.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tqdm import tqdm

from scanner.files import write_whole
from trainer.command import Command
from trainer.data.examples import DataError
from trainer.photographs.sources import Listed, files_by_hash, read_manifest

SOURCE = re.compile(r"[\w-]+/[\w.-]*[\w-]", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# In place of the user's. Nothing of what we have shortens what a server sends; one that falls
# silent is given up after a minute; a folder of this machine may send a part of a commit, too.
SETTINGS = """\
[fetch]
    negotiationAlgorithm = noop
[http]
    lowSpeedLimit = 1000
    lowSpeedTime = 60
[uploadpack]
    allowFilter = true
"""
# A server that knows no filters sends all files of the commit.
FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none")
# What git says where the server lacks the commit, or there is nothing of that name, which GitHub
# tells from what is private only to those who log in.
NO_COMMIT = re.compile(r"not our ref")
NO_REPOSITORY = re.compile(
    r"repository .* not found|could not read Username|does not appear to be a git repository"
)


class Unavailable(Exception):
    """A commit cannot be had; the text is a clause that says why."""


@dataclass(frozen=True)
class Lacking:
    """Images of a source that could not be had, and a clause that says why."""

    source: str
    images: int
    reason: str


def collect(wanted: Sequence[Listed], base: str, to: Path) -> list[Lacking]:
    """Fetch images, each into to/OWNER+NAME/PATH, and say what could not be had.

    base: what the addresses of repositories begin with. Raises DataError, before anything is
    fetched, for a row that names no commit or a place outside of its folder, and OSError.
    """
    commits: defaultdict[tuple[str, str], dict[str, Listed]] = defaultdict(dict)
    places = {image: _place(image, to) for image in wanted}
    for image in wanted:
        commits[image.source, image.commit][image.path] = image
    lacking = []
    with tqdm(total=len(wanted), unit="image", disable=not wanted) as bar:
        for (source, commit), images in commits.items():
            bar.set_description(source)
            url = f"{base.rstrip('/')}/{source}"
            reason = "files are absent from the commit or have another hash"
            try:
                for path, content in fetched(url, commit, list(images), to):
                    if hashlib.sha256(content).hexdigest() == images[path].sha256:
                        place = places[images.pop(path)]
                        place.parent.mkdir(parents=True, exist_ok=True)
                        write_whole(place, content)
                        bar.update()
            except Unavailable as unavailable:
                reason = str(unavailable)
            if images:
                lacking.append(Lacking(source, len(images), reason))
    return lacking


def _place(image: Listed, to: Path) -> Path:
    path = Path(image.path)
    if not SOURCE.fullmatch(image.source) or not COMMIT.fullmatch(image.commit):
        raise DataError(
            f"{image.source!r} at {image.commit!r} is no commit of a repository OWNER/NAME; mend "
            "the manifest."
        )
    if path.anchor or not path.parts or {"..", ".git"}.intersection(path.parts):
        raise DataError(
            f"{image.path!r} of {image.source} is no path inside a repository; mend the manifest."
        )
    return to / image.source.replace("/", "+") / path


def fetched(url: str, commit: str, paths: Iterable[str], room: Path) -> Iterator[tuple[str, bytes]]:
    """Those of the files that the commit has, each path with the bytes that git keeps.

    room: a folder for what is needed meanwhile. Raises Unavailable.
    """
    # Should it be left behind, who looks for images passes over folders named .git.
    with tempfile.TemporaryDirectory(dir=room) as folder:
        git = _Git(Path(folder, ".git"))
        git.run("init", "--quiet", "--bare", "--template=")
        git.run(*FETCH, "--depth=1", url, commit)
        files = dict(_files(git.run("ls-tree", "-r", "-z", commit)))
        wanted = {path: files[path] for path in paths if path in files}
        if wanted:  # without a name, git would fetch a branch
            git.run(*FETCH, "--stdin", url, sent="\n".join(wanted.values()))
            yield from zip(wanted, git.contents(wanted.values()), strict=True)


def _files(listing: bytes) -> Iterator[tuple[str, str]]:
    """Paths and object names, of what `git ls-tree -z` lists; submodules are left out."""
    for line in listing.split(b"\0")[:-1]:
        facts, path = line.split(b"\t", 1)
        _, kind, name = facts.decode().split()
        if kind == "blob":
            yield path.decode(errors="surrogateescape"), name


class _Git:
    """Git in a folder of its own, deaf to the user's settings, that never asks for a password."""

    def __init__(self, folder: Path) -> None:
        if (program := shutil.which("git")) is None:
            raise DataError("there is no git on this machine; install it from git-scm.com.")
        self._words = (program, "--git-dir", str(folder))
        settings = folder.with_name("settings")
        settings.write_text(SETTINGS)
        others = {name: it for name, it in os.environ.items() if not name.startswith("GIT_")}
        self._environment = others | {
            "GIT_CONFIG_GLOBAL": str(settings),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "LC_ALL": "C",
        }

    def run(self, *words: str, sent: str = "") -> bytes:
        """What git writes. Raises Unavailable where it fails."""
        done = subprocess.run(
            [*self._words, *words],
            env=self._environment,
            input=sent.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(_reason(done.stderr.decode(errors="replace")))
        return done.stdout

    def contents(self, names: Iterable[str]) -> Iterator[bytes]:
        """Of objects that are here."""
        with subprocess.Popen(
            [*self._words, "cat-file", "--batch"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for name in names:  # one at a time, so that neither side waits for the other
                process.stdin.write(f"{name}\n".encode())
                process.stdin.flush()
                *_, size = process.stdout.readline().split()
                yield process.stdout.read(int(size))
                process.stdout.readline()


def _reason(said: str) -> str:
    """Why git failed, by what it wrote to standard error."""
    if NO_COMMIT.search(said):
        return "the commit is gone"
    if NO_REPOSITORY.search(said):
        return "the repository is gone"
    fatal = re.search(r"fatal: (.*)", said)
    return f"git fails: {fatal[1] if fatal else said.strip()}"


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the images, each at OWNER+NAME/PATH.",
)
@click.option(
    "--from",
    "base",
    default="https://github.com/",
    help="What OWNER/NAME is put behind; a mirror's address, file:///... among them.",
)
def main(manifest: Path, to: Path, base: str) -> None:
    """Fetch the images of MANIFEST; those that the folder has already are not fetched again.

    The exit code is 1 where some are missing. Example: python -m trainer.collect
    results/photographs/manifest.csv --to data/repositories
    """
    listed = read_manifest(manifest)
    to.mkdir(parents=True, exist_ok=True)
    here = files_by_hash(to, {image.sha256 for image in listed})
    wanted = [image for image in listed if image.sha256 not in here]
    lacking = collect(wanted, base, to)
    missing = sum(source.images for source in lacking)
    click.echo(
        f"{len(listed) - missing:,} of {len(listed):,} images are in {to}, "
        f"{len(wanted) - missing:,} of them fetched now."
    )
    for source in lacking:
        click.echo(f"{source.source}: {source.reason}; images missing: {source.images:,}.")
    raise SystemExit(int(missing > 0))


if __name__ == "__main__":
    main()
