"""How often are watermarks found where there are none, and where there are some?

    python -m benchmarks.provenance.watermark data/fresh --files data/repositories

Pictures are those of the photographs' manifests and of folders that hold folders real and fake.
Every one is cut to tiles of a size that is read, so that all count and not just those that have
such a size. For the second question watermarks are written into some photographs, which are scaled
to the sizes of generators first, and saved in several ways.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.provenance.pictures import FAKES, OTHERS, PHOTOGRAPHS, Listed, pictures
from benchmarks.provenance.written import watermarked
from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, write_part
from benchmarks.shared.rounds import spread
from scanner.images.decode import decode
from scanner.provenance.watermark import (
    LEAST_PIXELS,
    MESSAGES,
    SIDE,
    SWAPPED,
    TRIES,
    findings,
    is_read,
    matches,
)
from trainer.command import Command
from trainer.photographs.options import data_option, files_option

NAME, ROBUST = "watermark", "watermark-robustness"
TILE, TILES = 1024, 2  # pixels of a side, and how many across and down at most
SIDES = (512, 1024)  # pixels, in turns: what Stable Diffusion and SDXL are made for
TIMED = 21
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """What was found. odds: the smallest of a tile. told: of tiles, as it stands: of the whole."""

    tiles: int
    odds: float
    told: tuple[str, ...]
    admitted: bool
    as_it_stands: tuple[str, ...]


def look(picture: Listed) -> Seen | None:
    """None for what has no tile, or cannot be decoded."""
    try:
        rgb = np.asarray(decode(picture.path.read_bytes()).rgb)
    except Exception:  # decoders raise nearly anything on broken files
        return None
    found = [match for tile in tiles(rgb) for match in matches(tile)]
    if not found:
        return None
    return Seen(
        len(found) // len(MESSAGES),
        min(match.odds for match in found),
        tuple(match.message.whose for match in found if match.is_beyond_chance),
        is_read(*rgb.shape[:2]),
        _told(rgb),
    )


def tiles(rgb: Picture) -> Iterator[Picture]:
    for down, across in product(range(0, TILE * TILES, TILE), repeat=2):
        tile = rgb[down : down + TILE, across : across + TILE]
        height, width = (side // SIDE * SIDE for side in tile.shape[:2])
        if height * width >= LEAST_PIXELS:
            yield tile[:height, :width]


def _saved(image_format: str, picture: Picture, **how: int) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, image_format, **how)
    return np.asarray(Image.open(stream).convert("RGB"))


def _scaled(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    half = (width // 2, height // 2)
    return np.asarray(Image.fromarray(picture).resize(half, Image.Resampling.LANCZOS))


# How a picture with a watermark is met. 4:4:4 keeps the colours' resolution, 4:2:0 halves it.
WAYS: dict[str, Callable[[Picture], Picture]] = {
    "PNG": lambda picture: picture,
    **{
        f"JPEG {quality}, {name}": partial(_saved, "JPEG", quality=quality, subsampling=subsampling)
        for (name, subsampling), quality in product({"4:4:4": 0, "4:2:0": 2}.items(), (95, 85, 75))
    },
    "WebP 80": partial(_saved, "WEBP", quality=80),
    "8 rows cut at the bottom": lambda picture: picture[:-SIDE],
    "8 columns cut at the right": lambda picture: picture[:, :-SIDE],
    "half the size": _scaled,
}
WRITERS = [(message, reading) for message in MESSAGES for reading in message.readings]


def write_and_find(photograph: tuple[Listed, int]) -> list[list[str]]:
    """What is found in each way, by writer. The second of the pair is the picture's side."""
    picture, side = photograph
    image = decode(picture.path.read_bytes()).rgb
    square = np.asarray(ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS))
    found = []
    for message, reading in WRITERS:
        marked = watermarked(square, message.bits, reading)
        found.append([_verdict(_told(way(marked)), message.whose) for way in WAYS.values()])
    return found


def _told(picture: Picture) -> tuple[str, ...]:
    return tuple(finding.value for finding in findings(Image.fromarray(picture)))


def _verdict(values: Sequence[str], whose: str) -> str:
    names = [value.split(":")[0] for value in values]
    return "none" if not names else "right" if names == [whose] else "wrong"


def times(picture: Listed, side: int) -> Row:
    """Milliseconds to read a photograph of a size, beside decoding it from a JPEG and a PNG."""
    image = ImageOps.fit(decode(picture.path.read_bytes()).rgb, (side, side))
    row: Row = {"side": side}
    encoded = {}
    for image_format in ("JPEG", "PNG"):
        stream = io.BytesIO()
        image.save(stream, image_format, quality=90)
        encoded[image_format] = stream.getvalue()
    measured: dict[str, Callable[[], object]] = {
        "read": lambda: list(findings(image)),
        "decode_jpeg": lambda: decode(encoded["JPEG"]),
        "decode_png": lambda: decode(encoded["PNG"]),
    }
    for name, work in measured.items():
        work()
        seconds = []
        for _ in range(TIMED):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
        row[f"{name}_ms"] = round(1000 * spread(seconds).median, 2)
    return row


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("folders", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1)
@data_option
@files_option
@click.option("--written", default=60, help="Photographs that watermarks are written into.")
@shared_option("--output")
def main(folders: tuple[Path, ...], data: Path, files: Path, written: int, output: Path) -> None:
    """Count what is found in pictures without watermarks, and in some with them.

    FOLDERS hold folders real and fake.
    """
    listed = pictures(data, files, folders)
    photographs = [picture for picture in listed if picture.kind == PHOTOGRAPHS]
    chosen = photographs[:: max(1, len(photographs) // written)][:written]
    timed = [times(chosen[0], side) for side in SIDES]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(look, listed, chunksize=16))
        sized = [(picture, SIDES[n % len(SIDES)]) for n, picture in enumerate(chosen)]
        found = list(pool.map(write_and_find, sized))
    named = " ".join(map(str, folders))
    command = {"command": f"python -m benchmarks.provenance.watermark {named} --files {files}"}
    rows = [count(kind, listed, seen) for kind in (PHOTOGRAPHS, OTHERS, FAKES)]
    told = [
        {"kind": picture.kind, "made_by": picture.made_by, "of_tiles": one.told}
        | {"as_it_stands": one.as_it_stands, "file": picture.path.name}
        for picture, one in zip(listed, seen, strict=True)
        if one is not None and (one.told or one.as_it_stands)
    ]
    facts = command | {"tries": TRIES, "messages": len(MESSAGES), "found": told, "times": timed}
    write_part(output, NAME, facts, rows, [_counted(row) for row in rows], [_cost(timed)])
    robust = [robustness(place, found) for place in range(len(WRITERS))]
    note = f"Of {len(chosen)} photographs, scaled to {SIDES[0]} or {SIDES[1]} pixels a side."
    table = [{name: str(value) for name, value in row.items()} for row in robust]
    write_part(output, ROBUST, command | {"photographs": len(chosen)}, robust, table, [note])
    for row in (*rows, *told, *robust, *timed):
        click.echo(", ".join(f"{name} {value}" for name, value in row.items()))


def count(kind: str, listed: Sequence[Listed], seen: Sequence[Seen | None]) -> Row:
    """Of the pictures of one kind that were looked at."""
    mine = [
        one
        for picture, one in zip(listed, seen, strict=True)
        if picture.kind == kind and one is not None
    ]
    return {
        "kind": kind,
        "pictures": len(mine),
        "tiles": sum(one.tiles for one in mine),
        "found": sum(bool(one.told) for one in mine),
        "smallest_odds": min((one.odds for one in mine if not one.told), default=1.0),
        "of_a_size_that_is_read": sum(one.admitted for one in mine),
        "found_as_they_stand": sum(bool(one.as_it_stands) for one in mine),
    }


def robustness(place: int, found: Sequence[Sequence[Sequence[str]]]) -> Row:
    """In how many photographs what one writer wrote is found, by the way they are met."""
    message, reading = WRITERS[place]
    name = message.whose + (", red for blue" if reading == SWAPPED else "")
    verdicts = [one[place] for one in found]
    shares = {way: sum(v[n] == "right" for v in verdicts) for n, way in enumerate(WAYS)}
    wrong = sum(verdict == "wrong" for one in verdicts for verdict in one)
    return {"written": name, "bits": len(message.bits)} | shares | {"taken for another": wrong}


def _counted(row: Row) -> dict[str, str]:
    return {
        "": row["kind"],
        "pictures": f"{row['pictures']:,}",
        "tiles of them": f"{row['tiles']:,}",
        "with a finding": f"{row['found']:,}",
        "smallest odds of chance without one": f"{row['smallest_odds']:.0e}",
        "of a size that is read": f"{row['of_a_size_that_is_read']:,}",
        "of these, with a finding": f"{row['found_as_they_stand']:,}",
    }


def _cost(timed: Sequence[Row]) -> str:
    told = [
        f"{row['read_ms']:.1f} ms at {row['side']}x{row['side']} pixels, which take "
        f"{row['decode_jpeg_ms']:.1f} ms to decode from a JPEG and {row['decode_png_ms']:.1f} ms "
        "from a PNG"
        for row in timed
    ]
    return f"Reading one takes {'; '.join(told)}."


if __name__ == "__main__":
    main()
