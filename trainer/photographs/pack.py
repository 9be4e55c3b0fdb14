"""Small whole pictures in shards, for a machine that the images themselves are too large for.

    python -m trainer.photographs.pack --files data/repositories
    mkdir data/packed && for shard in data/shards/*.tar; do tar xf "$shard" -C data/packed; done
    python -m trainer.photographs.adapt --data data/packed

A shard is a tar of WebP files, of all sources alike, and of a manifest of all shards whose column
`whole` names them: whichever of them are unpacked into one folder, it is a folder for --data. They
are saved without losses: a codec does more to a picture this small than to a large one.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
from tqdm import tqdm

from scanner.files import own_partial_path, write_whole
from trainer.command import Command
from trainer.data.examples import LABELS, DataError
from trainer.photographs.options import data_option, files_option
from trainer.photographs.small import read_small
from trainer.photographs.sources import MANIFEST, Photograph, read_photographs

MEBIBYTE = 2**20
CHUNK = 8  # images that a process is handed at once
Member = tuple[str, bytes]


def pack(photographs: Sequence[Photograph], out: Path, largest: int) -> list[Path]:
    """Write 0.tar and so on, none of more than `largest` bytes, into `out`.

    Raises DataError for a broken image, OSError.
    """
    manifest = (MANIFEST, _manifest(photographs))
    shards = []
    for number, pictures in enumerate(_shared(_pictures(photographs), manifest, largest)):
        shards.append(out / f"{number}.tar")
        write_whole(shards[-1], _tar([manifest, *pictures]), own_partial_path(shards[-1]))
    return shards


def _pictures(photographs: Sequence[Photograph]) -> Iterator[Member]:
    with multiprocessing.get_context("spawn").Pool() as pool:
        found = tqdm(pool.imap(_packed, photographs, CHUNK), total=len(photographs), unit="image")
        for photograph, (content, trouble) in zip(photographs, found, strict=True):
            if trouble:
                raise DataError(trouble)
            yield _name(photograph), content


def _packed(photograph: Photograph) -> tuple[bytes, str]:
    """Its small picture as a file, and what is wrong with it, if anything."""
    picture, trouble = read_small(photograph)
    stream = io.BytesIO()
    if picture is not None:
        picture.save(stream, "WEBP", lossless=True)
    return stream.getvalue(), trouble


def some_of_each(photographs: Sequence[Photograph], most: int) -> list[Photograph]:
    """`most` images at most of each source and class, the first ones."""
    seen: Counter[tuple[str, int]] = Counter()
    kept = []
    for photograph in photographs:
        seen[photograph.source, photograph.label] += 1
        if seen[photograph.source, photograph.label] <= most:
            kept.append(photograph)
    return kept


def _name(photograph: Photograph) -> str:
    return f"{photograph.sha256}.webp"


def _manifest(photographs: Sequence[Photograph]) -> bytes:
    labels = {value: name for name, value in LABELS.items()}
    rows = [
        {
            "label": labels[photograph.label],
            "source": photograph.source,
            "commit": "",  # of which the pictures are none any more
            "path": "",
            "sha256": photograph.sha256,
            "generator": photograph.made_by,
            "licence": photograph.licence,
            "group": photograph.group,
            "whole": _name(photograph),
        }
        for photograph in photographs
    ]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _shared(pictures: Iterable[Member], manifest: Member, largest: int) -> Iterator[list[Member]]:
    """The pictures of each shard, which the manifest goes into as well."""
    empty = tarfile.RECORDSIZE + _in_tar(manifest)
    shard: list[Member] = []
    size = empty
    for picture in pictures:
        if shard and size + _in_tar(picture) > largest:
            yield shard
            shard, size = [], empty
        shard.append(picture)
        size += _in_tar(picture)
    yield shard


def _in_tar(member: Member) -> int:
    """Bytes that it takes of a tar: a block for its name, then as many as its content fills."""
    return tarfile.BLOCKSIZE * (1 + -(-len(member[1]) // tarfile.BLOCKSIZE))


def _tar(members: Iterable[Member]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))
    return stream.getvalue()


@click.command(cls=Command, context_settings={"show_default": True})
@data_option
@files_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/shards"))
@click.option(
    "--mebibytes", type=click.IntRange(min=2), default=56, help="The most that a shard takes."
)
@click.option(
    "--most", type=click.IntRange(min=1), help="Of each source and class.  [default: all]"
)
def main(data: Path, files: Path | None, out: Path, mebibytes: int, most: int | None) -> None:
    """Pack small pictures of all whole images that there are.

    Example: python -m trainer.photographs.pack --files data/repositories
    """
    whole = [photograph for photograph in read_photographs(data, files) if photograph.whole]
    if not whole:
        raise DataError(
            "there are none of the manifest's images; name a folder that has them with --files."
        )
    if list(out.glob("*.tar")):
        raise DataError(f"{out} has shards already; remove them, or name another --out.")
    if most is not None:
        whole = some_of_each(whole, most)
    out.mkdir(parents=True, exist_ok=True)
    shards = pack(whole, out, mebibytes * MEBIBYTE)
    size = sum(shard.stat().st_size for shard in shards) / MEBIBYTE
    click.echo(f"{len(whole):,} pictures in {len(shards)} shards, {size:,.0f} MiB, in {out}")


if __name__ == "__main__":
    main()
