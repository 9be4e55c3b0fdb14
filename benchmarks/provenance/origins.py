"""What do photographs and generated pictures say of where they come from?

    python -m benchmarks.provenance.origins data/fresh --files data/repositories

As they were published, most say nothing. Photographs that say they are generated are false alarms,
or were never photographs: the files are named, so that each can be looked at.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click

from benchmarks.provenance.pictures import FAKES, OTHERS, PHOTOGRAPHS, pictures
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, write_part
from scanner.images.decode import decode
from scanner.provenance.readers import gather, of_pixels
from scanner.provenance.trust import read_trust
from scanner.record import Origin
from trainer.command import Command
from trainer.photographs.options import data_option, files_option

NAME = "origins"
NOTHING = "nothing"
SURPRISES = {
    PHOTOGRAPHS: frozenset(Origin) - {Origin.CAMERA_DECLARED, Origin.CAMERA_VALIDATED},
    FAKES: frozenset((Origin.CAMERA_DECLARED, Origin.CAMERA_VALIDATED)),
    OTHERS: frozenset(Origin),
}


def said(path: Path, trust_anchors: str) -> Origin | None:
    """What a file says of where it comes from, as a scan reads it."""
    data = path.read_bytes()
    try:
        image = decode(data)
    except Exception:  # decoders raise nearly anything on broken files
        return gather(data, (), trust_anchors).origin
    return gather(data, of_pixels(*image.as_stored()), trust_anchors).origin


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("folders", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1)
@data_option
@files_option
@click.option(
    "--c2pa-trust",
    "lists",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="PEM file of trusted signers' authorities; may be repeated.",
)
@shared_option("--output")
def main(
    folders: tuple[Path, ...], data: Path, files: Path, lists: tuple[Path, ...], output: Path
) -> None:
    """Count the origins of pictures whose making is known.

    FOLDERS hold folders real and fake.
    """
    listed = list({one.path: one for one in pictures(data, files, folders)}.values())
    trust = read_trust(lists)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        look = partial(said, trust_anchors=trust.anchors)
        origins = list(pool.map(look, (one.path for one in listed), chunksize=16))
    rows: list[Row] = []
    for kind in (PHOTOGRAPHS, FAKES, OTHERS):
        mine = [it for one, it in zip(listed, origins, strict=True) if one.kind == kind]
        counts = Counter(it or NOTHING for it in mine)
        by_origin = {str(it): counts[it] for it in (*Origin, NOTHING)}
        rows.append({"kind": kind, "pictures": len(mine)} | by_origin)
    surprises = [
        {"kind": one.kind, "made_by": one.made_by, "file": one.path.name, "origin": origin}
        for one, origin in zip(listed, origins, strict=True)
        if origin in SURPRISES[one.kind]
    ]
    options = [*map(str, folders), f"--files {files}", *(f"--c2pa-trust {it.name}" for it in lists)]
    facts = {
        "command": f"python -m benchmarks.provenance.origins {' '.join(options)}",
        "trust": [vars(it) for it in trust.lists],
        "surprises": surprises,
    }
    table = [
        {"": str(row["kind"])} | {name: f"{row[name]:,}" for name in row if name != "kind"}
        for row in rows
    ]
    write_part(output, NAME, facts, rows, table)
    for row in (*rows, *surprises):
        click.echo(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
