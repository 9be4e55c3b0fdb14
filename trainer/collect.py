"""Fetch the images of a manifest from the public repositories that it names.

    python -m trainer.collect results/photographs/manifest.csv --to data/repositories

With plain git, of each repository the names in one commit and then the wanted files alone. They are
taken as git keeps them: nothing is checked out, so no filter, attribute, link or line end of a
stranger's repository is ever applied. Only what is named as an image is laid out, so that no folder
of it passes for a repository, whose settings git would follow. No setting of the user's own git
takes part, and of the machine's none that gives a password; its proxy and certificates do.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import click
from tqdm import tqdm

from scanner.files import write_whole
from scanner.record import safe_text
from trainer.command import Command
from trainer.data.examples import IMAGE_SUFFIXES, DataError
from trainer.photographs.sources import Listed, files_by_hash, read_manifest

SOURCE = re.compile(r"[\w-]+/[\w.-]*[\w-]", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")

MIB = 2**20
LARGEST = 64 * MIB  # of a file; a stranger's must not fill the memory
SAID = 4096  # bytes of what git complains of: its last words say why it ended
TOGETHER = 100  # paths in one command, whose length Windows limits

# In place of the user's. Git keeps no larger file in memory than we do; no helper of the machine's
# is asked for a password; nothing of what we have shortens what a server sends; one that falls
# silent is given up after a minute; a folder of this machine may send a part of a commit, too.
SETTINGS = f"""\
[core]
    bigFileThreshold = {LARGEST}
[credential]
    helper =
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
# What git says where the server lacks an object, or there is nothing of that name, which GitHub
# tells from what is private only to those who log in.
NO_OBJECT = re.compile(r"not our ref ([0-9a-f]{40})")
NO_REPOSITORY = re.compile(
    r"repository .* not found|could not read Username|does not appear to be a git repository"
)


ABSENT = "files are absent from the commit or have another hash"
LACKED = "the server lacks files of the commit"
TOO_LARGE = f"files are too large, over {LARGEST // MIB} MiB"
LOST = "files came and were overwritten or removed"


class Unavailable(Exception):
    """A commit cannot be had; the text is a clause that says why."""


class Lacks(Unavailable):
    """The server has no object of this name."""

    def __init__(self, name: str) -> None:
        super().__init__("the commit is gone")
        self.name = name


def places(listed: Sequence[Listed], to: Path) -> dict[Listed, Path]:
    """Where each image belongs, to/OWNER+NAME/PATH.

    Raises DataError for a row that names no commit, no image or a place outside of its folder, and
    for two that cannot both be there.
    """
    found = {image: _place(image, to) for image in listed}
    taken: dict[Path, Listed] = {}
    for image, place in found.items():
        other = taken.setdefault(_one_name(place), image)
        if other.sha256 != image.sha256:
            raise _clash(other, image)
    for place, image in taken.items():
        for folder in place.parents:
            if folder in taken:
                raise _clash(taken[folder], image)
    return found


def _place(image: Listed, to: Path) -> Path:
    path = Path(image.path)
    if not SOURCE.fullmatch(image.source) or not COMMIT.fullmatch(image.commit):
        raise DataError(
            f"{image.source!r} at {image.commit!r} is no commit of a repository OWNER/NAME; mend "
            "the manifest."
        )
    inside = not path.anchor and path.as_posix() == image.path and "\0" not in image.path
    if not inside or {"..", ".git"}.intersection(part.casefold() for part in path.parts):
        raise DataError(
            f"{image.path!r} of {image.source} is no path inside a repository; mend the manifest."
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(
            f"{image.path!r} of {image.source} is not named as an image; mend the manifest."
        )
    return to / image.source.replace("/", "+") / path


def _one_name(place: Path) -> Path:
    """The same for names that some file systems take for one: case and the make of accents."""
    return Path(unicodedata.normalize("NFC", str(place).casefold()))


def _clash(one: Listed, other: Listed) -> DataError:
    return DataError(
        f"{one.path!r} of {one.source} and {other.path!r} of {other.source} cannot both be there: "
        "they share a name, but for case, or one is inside the other; drop one of the two rows "
        "from the manifest."
    )


def collect(wanted: Mapping[Listed, Path], base: str, to: Path) -> dict[Path, str]:
    """Fetch images to their places in `to`; of those that did not come, a clause that says why.

    base: what the addresses of repositories begin with. Raises OSError.
    """
    commits: defaultdict[tuple[str, str], dict[str, Listed]] = defaultdict(dict)
    for image in wanted:
        commits[image.source, image.commit][image.path] = image
    reasons = dict.fromkeys(wanted.values(), ABSENT)
    with tqdm(total=len(reasons), unit="image", disable=not wanted) as bar:
        for (source, commit), images in commits.items():
            bar.set_description(source)
            url = f"{base.rstrip('/')}/{source}"
            try:
                for path, content in fetched(url, commit, list(images), to):
                    image = images.pop(path)
                    if isinstance(content, str):
                        reasons[wanted[image]] = content
                    elif hashlib.sha256(content).hexdigest() == image.sha256:
                        wanted[image].parent.mkdir(parents=True, exist_ok=True)
                        write_whole(wanted[image], content)
                        reasons[wanted[image]] = LOST  # which counts where it is not there
                        bar.update()
            except Unavailable as unavailable:
                reasons |= {wanted[image]: str(unavailable) for image in images.values()}
    return reasons


def fetched(
    url: str, commit: str, paths: Sequence[str], room: Path
) -> Iterator[tuple[str, bytes | str]]:
    """Those of the files that the commit has: each path with the bytes that git keeps, or with a
    clause that says why they cannot be had.

    room: a folder for what is needed meanwhile. Raises Unavailable.
    """
    # Should it be left behind, who looks for images passes over folders named .git.
    with tempfile.TemporaryDirectory(dir=room) as folder:
        git = _Git(Path(folder, ".git"))
        git.run("init", "--quiet", "--bare", "--template=")
        git.run(*FETCH, "--depth=1", url, commit)
        names = git.names(commit, paths)
        git.fetch_files(url, names.values())
        sizes = git.sizes(names.values())
        for path, name in names.items():
            yield path, git.content(name, sizes.get(name))


class _Git:
    """Git in a folder of its own, deaf to the user's settings, that never asks for a password."""

    def __init__(self, folder: Path) -> None:
        if (program := shutil.which("git")) is None:
            raise DataError("there is no git on this machine; install it from git-scm.com.")
        self._folder = folder
        self._words = (program, "--git-dir", str(folder), "--literal-pathspecs")
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
        """What git writes, as far as a file may be long. Raises Unavailable where it fails."""
        room = self._folder.parent
        # Files, for what a server makes git say may have no end.
        with tempfile.TemporaryFile(dir=room) as out, tempfile.TemporaryFile(dir=room) as said:
            done = subprocess.run(
                [*self._words, *words],
                env=self._environment,
                input=sent.encode(),
                stdout=out,
                stderr=said,
                check=False,
            )
            if done.returncode:
                said.seek(max(0, said.seek(0, os.SEEK_END) - SAID))
                raise _failure(said.read())
            out.seek(0)
            return out.read(LARGEST)

    def names(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """Names of the objects that are the files at these paths, of those that the commit has."""
        names = {}
        for start in range(0, len(paths), TOGETHER):
            some = paths[start : start + TOGETHER]
            for line in self.run("ls-tree", "-z", commit, "--", *some).split(b"\0")[:-1]:
                facts, path = line.split(b"\t", 1)
                _, kind, name = facts.decode().split()
                if kind == "blob":  # and no folder or submodule
                    names[path.decode(errors="surrogateescape")] = name
        return {path: names[path] for path in paths if path in names}

    def fetch_files(self, url: str, names: Collection[str]) -> None:
        """Fetch what the server has of these objects. Raises Unavailable."""
        asked = set(names)
        while asked:  # without a name, git would fetch a branch
            try:
                self.run(*FETCH, "--stdin", url, sent="\n".join(asked))
                break
            except Lacks as lacks:  # for one, a server refuses all
                if lacks.name not in asked:
                    raise
                asked.remove(lacks.name)
        # Else git would ask the server again for each that is missing.
        (self._folder / "config").write_text("[core]\nbare = true\n")

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Of those of the objects that are here."""
        answers = self.run("cat-file", "--batch-check", sent="\n".join(names)).decode()
        facts = (answer.split() for answer in answers.splitlines())
        return {name: int(size[0]) for name, _, *size in facts if size}  # not "NAME missing"

    def content(self, name: str, size: int | None) -> bytes | str:
        """An object of this size, None if it is not here; or a clause that says why not."""
        if size is None:
            return LACKED
        if size > LARGEST:
            return TOO_LARGE
        words = [*self._words, "cat-file", "blob", name]
        done = subprocess.run(words, env=self._environment, capture_output=True, check=False)
        if done.returncode:
            return str(_failure(done.stderr))
        return done.stdout


def _failure(written: bytes) -> Unavailable:
    """Why git failed, by what it wrote to standard error."""
    said = written.decode(errors="replace")
    if lacked := NO_OBJECT.search(said):
        return Lacks(lacked[1])
    if NO_REPOSITORY.search(said):
        return Unavailable("the repository is gone, or --from is not where it is")
    fatal = re.search(r"fatal: (.*)", said)
    return Unavailable(f"git fails: {safe_text(fatal[1] if fatal else said.strip())}")


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
    places_of = places(listed, to)
    to.mkdir(parents=True, exist_ok=True)
    hashes = {image.sha256 for image in listed}
    here = files_by_hash(to, hashes)
    wanted = {image: place for image, place in places_of.items() if image.sha256 not in here}
    reasons = collect(wanted, base, to)
    there = files_by_hash(to, hashes) if wanted else here
    missing = [image for image in listed if image.sha256 not in there]
    click.echo(
        f"{len(hashes & there.keys()):,} of {len(hashes):,} images are in {to}, "
        f"{len(there.keys() - here.keys()):,} of them fetched now."
    )
    told = Counter((image.source, reasons.get(places_of[image], LOST)) for image in missing)
    for (source, reason), images in told.items():
        click.echo(f"{source}: {reason}; images missing: {images:,}.")
    raise SystemExit(int(bool(missing)))


if __name__ == "__main__":
    main()
