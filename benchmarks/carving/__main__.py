"""How fast bytes are searched for pictures, beside reading and hashing them alone.

    python -m benchmarks.carving

One process on one core, over files of one kind of content each, in turns. The search sees every
byte once, on the way to the hash. What it costs to tell a file's kind is measured beside it.
"""

from __future__ import annotations

import base64
import io
import sysconfig
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks.shared.options import shared_option
from benchmarks.shared.results import Row, command_line, write_part
from benchmarks.shared.rounds import Spread, alternate, ratios, spread
from scanner.containers.container import CHUNK_BYTES
from scanner.files import open_readonly
from scanner.hashes.hashing import hash_source
from scanner.kinds import kind_of
from scanner.limits import Limits
from scanner.processes import unheard
from scanner.workers.searched import ends_of, searching
from trainer.command import Command

QUICK_BYTES, THOROUGH_BYTES = 64 << 20, 512 << 20
ROUNDS = 3
NAMINGS = 200
WAYS = ("read", "hash", "search", "hash and search")


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--quick", help="Files of an eighth of the size.")
@shared_option("--output", help="Folder for carving.json, .csv and .md.")
def main(quick: bool, output: Path) -> None:
    """Measure MB/s of reading, hashing and searching, and what the search adds to hashing."""
    size = QUICK_BYTES if quick else THOROUGH_BYTES
    rows: list[Row] = []
    table = []
    for name, piece in contents().items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "content"
            with path.open("wb") as stream:
                for _ in range(size // len(piece)):
                    stream.write(piece)
            rounds = list(alternate(_candidates(path), ROUNDS))
            naming = _naming_ms(path)
        for number, measured in enumerate(rounds, 1):
            rows += [{"content": name, "round": number, "way": way, "MB/s": measured[way]}
                     for way in WAYS]  # fmt: skip
        speeds = {way: spread([measured[way] for measured in rounds]) for way in WAYS}
        share = ratios(rounds, "hash and search", "hash")
        click.echo(f"{name}: " + ", ".join(f"{way} {speeds[way].median:,.0f}" for way in WAYS))
        rows.append({"content": name, "round": 0, "way": "telling the kind", "ms": naming})
        line = _line(name, speeds, share)
        table.append(line | {"telling the kind, ms a file": f"{naming:.2f}"})
    facts = {"command": command_line("carving", quick, []), "bytes": size}
    write_part(output, "carving", facts, rows, table)


def _line(name: str, speeds: dict[str, Spread], share: Spread) -> dict[str, str]:
    line = {"content": name} | {f"{way}, MB/s": f"{speeds[way].median:,.0f}" for way in WAYS}
    return line | {"hash and search : hash": str(share)}


def _naming_ms(path: Path) -> float:
    """Milliseconds to tell what kind of file it is, by its first and last bytes."""
    ends = ends_of(path)
    kind_of(*ends)  # the first call loads a table
    started = time.perf_counter()
    for _ in range(NAMINGS):
        kind_of(*ends)
    return (time.perf_counter() - started) / NAMINGS * 1e3


def contents() -> dict[str, bytes]:
    """Pieces of files by what they are: the same on every machine but for the program."""
    noise = np.random.default_rng(0)
    random = noise.bytes(8 << 20)
    words = [bytes(noise.integers(97, 123, size, dtype=np.uint8)) for size in range(2, 12)] * 50
    text = b" ".join(words[index] for index in noise.integers(0, len(words), 1 << 20))
    picture = io.BytesIO()
    Image.fromarray(noise.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(picture, "JPEG")
    disk = b"".join(picture.getvalue().ljust(1 << 18, b"\0") for _ in range(32))
    library = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDLIBRARY")
    program = Path(*map(str, library)) if Path(*map(str, library)).is_file() else _program()
    return {
        "random bytes": random,
        "text": text[: 8 << 20],
        "base64": base64.encodebytes(random)[: 8 << 20],
        "program": program.read_bytes()[: 8 << 20],
        "zeros": bytes(8 << 20),
        "a disk with a picture in every 256 KiB": disk,
    }


def _program() -> Path:
    """The largest library that NumPy brings."""
    return max(Path(np.__file__).parent.rglob("*.so*"), key=lambda path: path.stat().st_size)


def _candidates(path: Path) -> dict[str, Callable[[], float]]:
    size = path.stat().st_size

    def timed(work: Callable[[], None]) -> float:
        started = time.perf_counter()
        work()
        return size / 1e6 / (time.perf_counter() - started)

    def read() -> None:
        with open_readonly(path) as stream:
            while stream.read(CHUNK_BYTES):
                pass

    def search() -> None:
        with open_readonly(path) as stream, searching(path, None, Limits(), unheard) as found:
            place = 0
            while chunk := stream.read(CHUNK_BYTES):
                found.feed(chunk, place)
                place += len(chunk)

    def both() -> None:
        with searching(path, None, Limits(), unheard) as found:
            hash_source(path, see=found.feed)

    def hashing() -> None:
        hash_source(path)

    works = (read, hashing, search, both)
    return {name: partial(timed, work) for name, work in zip(WAYS, works, strict=True)}


if __name__ == "__main__":
    main()
