"""What it costs to scan files inside a disk image, beside scanning the same files in a folder.

    python -m benchmarks.disks

Photographs that are made up, of one volume's size together. mke2fs writes the image; where qemu-img
and ewfacquire are installed, the same disk is stored as QCOW2 and E01 as well. Every file is hashed
and decoded; none is scored, which would take most of the time and hide the difference.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks.shared.options import shared_option
from benchmarks.shared.process import Ran, scan
from benchmarks.shared.results import CIFAKE_MODEL, Row, command_line, write_part
from benchmarks.shared.rounds import alternate, ratios, spread
from scanner.errors import ImgscanError
from trainer.command import Command

QUICK_BYTES, THOROUGH_BYTES = 256 << 20, 2 << 30
FULL = 0.8  # of the volume
ROUNDS = 3
SIZE = 1_000  # pixels of a side; such a JPEG of noise takes about 0.6 MB
FILES_A_FOLDER = 500
MAKERS: dict[str, tuple[str, ...]] = {
    "qcow2": ("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "disk.dd", "disk.qcow2"),
    "E01": ("ewfacquire", "-u", "-q", "-c", "fast", "-S", "4GiB", "-t", "disk", "disk.dd"),
}


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--quick", help="A disk of 256 MB.")
@shared_option("--output", help="Folder for disks.json, .csv and .md.")
def main(quick: bool, output: Path) -> None:
    """Measure time and peak memory of a scan of a folder, and of disk images of it, in turns."""
    size = QUICK_BYTES if quick else THOROUGH_BYTES
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        files = make_files(Path(place) / "folder", int(size * FULL))
        evidence = make_images(Path(place), size)
        rounds = list(alternate(_candidates(evidence, files), ROUNDS))
        stored = {name: _bytes(path) for name, path in evidence.items()}
    for number, measured in enumerate(rounds, 1):
        rows += [
            {
                "evidence": name,
                "round": number,
                "seconds": ran.seconds,
                "peak_bytes": ran.peak_bytes,
            }
            for name, ran in measured.items()
        ]
    seconds = [{name: ran.seconds for name, ran in measured.items()} for measured in rounds]
    table = []
    for name in evidence:
        took = spread([measured[name] for measured in seconds])
        peak = max(measured[name].peak_bytes for measured in rounds)
        table.append(
            {
                "evidence": name,
                "stored, MB": f"{stored[name] / 1e6:,.0f}",
                "seconds": f"{took.median:.1f}",
                "image : folder": str(ratios(seconds, name, "folder")),
                "most memory, MB": f"{peak / 1e6:,.0f}",
            }
        )
        click.echo(", ".join(f"{key} {value}" for key, value in table[-1].items()))
    facts = {"command": command_line("disks", quick, []), "bytes": size, "files": files}
    write_part(output, "disks", facts, rows, table)


def make_files(folder: Path, size: int) -> int:
    """Write distinct pictures of about `size` bytes together; returns how many."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=60)
    picture = stream.getvalue()
    count = size // len(picture)
    for number in range(count):
        path = folder / f"{number // FILES_A_FOLDER:03}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        comment = f"{number:05}".encode()
        # A comment of its own, behind the mark that begins a JPEG.
        path.write_bytes(picture[:2] + b"\xff\xfe\0\7" + comment + picture[2:])
    return count


def make_images(place: Path, size: int) -> dict[str, Path]:
    """The folder, and the images of it that can be made here."""
    if not shutil.which("mke2fs"):
        raise ImgscanError("mke2fs, which makes the disk image, is not here; install e2fsprogs.")
    disk = place / "disk.dd"
    with disk.open("wb") as stream:
        stream.truncate(size)
    _run(place, ("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-d", "folder", "disk.dd"))
    evidence = {"folder": place / "folder", "raw": disk}
    for name, command in MAKERS.items():
        if shutil.which(command[0]):
            _run(place, command)
            evidence[name] = place / f"disk.{name}"
    return evidence


def _run(place: Path, command: tuple[str, ...]) -> None:
    try:
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise ImgscanError(f"{command[0]} failed: {error.stderr.decode()[-200:]}") from error


def _candidates(evidence: dict[str, Path], files: int) -> dict[str, Callable[[], Ran]]:
    report = [evidence["raw"].with_name("report.csv")]
    return {
        name: partial(_scan, path, report, files if name == "folder" else None)
        for name, path in evidence.items()
    }


def _scan(evidence: Path, reports: list[Path], files: int | None) -> Ran:
    return scan(evidence, reports, CIFAKE_MODEL, files=files)


def _bytes(path: Path) -> int:
    paths = path.rglob("*.jpg") if path.is_dir() else [path]
    return sum(it.stat().st_size for it in paths)


if __name__ == "__main__":
    main()
