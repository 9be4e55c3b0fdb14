"""Kills a scan of mixed containers at random moments and lets the same command finish it.

    python -m benchmarks.kill --kills 50

Every finished report, in each format, must be byte-identical to that of a scan nobody disturbed.
"""

from __future__ import annotations

import base64
import gzip
import io
import random
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from py7zr import SevenZipFile

from benchmarks.shared.process import ScanFailed, imgscan
from benchmarks.shared.results import CIFAKE_MODEL
from scanner.cli.exits import EXIT_UNEXAMINED
from trainer.command import Command

REPORTS = (".csv", ".json", ".sqlite", ".jsonld")
HANG_GUARD = 600  # seconds; only ends a scan that would never end


@click.command(cls=Command)
@click.option("--kills", default=50, show_default=True, help="How many scans to kill.")
@click.option("--images", default=400, show_default=True, help="Images in the evidence.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, images: int, seed: int) -> None:
    """Count the reports that differ from the undisturbed one; exit code 1 if any does."""
    with tempfile.TemporaryDirectory() as folder:
        evidence = Path(folder) / "evidence"
        make_evidence(evidence, images)
        differing = 0
        for number, (moment, recorded, same) in enumerate(kill_scans(evidence, kills, seed), 1):
            differing += not same
            verdict = "identical" if same else "DIFFERENT"
            click.echo(f"{number:3} killed after {moment:.2f} s, {recorded}: {verdict}")
    click.echo(f"{kills - differing} of {kills} reports are identical to the undisturbed one")
    sys.exit(bool(differing))


def kill_scans(
    evidence: Path, kills: int, seed: int, workers: int = 2
) -> Iterator[tuple[float, str, bool]]:
    """For each kill: its moment in seconds, what the journal held, whether the reports agree."""
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = _reports(Path(folder) / "undisturbed")
        started = time.monotonic()
        _finish(_start(evidence, undisturbed, workers))
        duration = time.monotonic() - started
        expected = _contents(undisturbed)
        for number in range(kills):
            reports = _reports(Path(folder) / str(number))
            moment = moments.uniform(0, duration)
            scan = _start(evidence, reports, workers)
            time.sleep(moment)
            scan.kill()
            scan.wait()
            journal = reports[0].with_name(f"{reports[0].name}.journal")
            left = "a journal was left" if journal.exists() else "no journal was left"
            _finish(_start(evidence, reports, workers))
            yield moment, left, _contents(reports) == expected and not journal.exists()


def _reports(stem: Path) -> list[Path]:
    return [stem.with_name(f"{stem.name}{suffix}") for suffix in REPORTS]


def _contents(reports: Sequence[Path]) -> list[bytes]:
    return [report.read_bytes() for report in reports]


def _start(evidence: Path, reports: Sequence[Path], workers: int) -> subprocess.Popen[bytes]:
    options = ("--model", CIFAKE_MODEL, "--workers", workers, "--device", "cpu")
    return subprocess.Popen(imgscan(evidence, reports, *options))


def _finish(scan: subprocess.Popen[bytes]) -> None:
    code = scan.wait(HANG_GUARD)
    if code != EXIT_UNEXAMINED:  # the evidence holds files that cannot be examined
        raise ScanFailed(f"the scan ended with exit code {code}")


def make_evidence(folder: Path, images: int) -> None:
    """Distinct 32-pixel images in folders, containers and containers in these, and broken files.

    Documents of nine pages are among them, and images that lie in other bytes.
    """
    noise = np.random.default_rng(0)
    pool = [_image(noise, ("JPEG", "PNG", "WEBP", "BMP")[n % 4]) for n in range(images)]
    quarter = images // 4
    (folder / "deep" / "er").mkdir(parents=True)
    for n, data in enumerate(pool[:quarter]):
        (folder / "deep" / ("er" if n % 2 else ".") / f"{n}.img").write_bytes(data)
    (folder / "photos.zip").write_bytes(_zip(pool[quarter : 2 * quarter]))
    (folder / "disk.tar.gz").write_bytes(gzip.compress(_tar(pool[2 * quarter : 3 * quarter])))
    (folder / "nested.zip").write_bytes(
        _zip([_tar(pool[3 * quarter :]), _zip(pool[:9]), gzip.compress(pool[0]), b"text"])
    )
    pages = [_picture(noise) for _ in range(9)]
    for kind in ("TIFF", "PDF"):
        document = _encoded(pages[0], kind, save_all=True, append_images=pages[1:])
        (folder / f"document.{kind.lower()}").write_bytes(document)
        (folder / f"{kind.lower()}s.7z").write_bytes(_7z([document, *pool[:5]]))
        (folder / f"{kind.lower()}.eml").write_bytes(_mail([document, *pool[5:9]]))
    _hide(folder, pool[5:25])
    (folder / "cut.gz").write_bytes(gzip.compress(bytes(20_000_000))[:-9000])
    (folder / "cut.zip").write_bytes(_zip(pool[:3])[:-40])
    (folder / "broken.png").write_bytes(pool[1][:200])
    (folder / "copy.png").write_bytes(pool[1])
    (folder / "empty").touch()


def _hide(folder: Path, images: Sequence[bytes]) -> None:
    """Write files in whose bytes images lie that nothing lists."""
    text = b"something else "
    (folder / "disk.dd").write_bytes(text.join([bytes(9_000), *images, bytes(9_000)]))
    (folder / "behind.img").write_bytes(b"".join(images))
    (folder / "page.html").write_bytes(text + b"'".join(map(base64.b64encode, images[:9])))
    (folder / "disks.zip").write_bytes(_zip([text.join(images), text + images[0] + b"PK"]))


def _image(noise: np.random.Generator, kind: str) -> bytes:
    return _encoded(_picture(noise), kind)


def _picture(noise: np.random.Generator) -> Image.Image:
    return Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8))


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _zip(contents: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, data in enumerate(contents):
            archive.writestr(f"{n}", data)
    return stream.getvalue()


def _tar(contents: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for n, data in enumerate(contents):
            info = tarfile.TarInfo(f"{n}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _7z(contents: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with SevenZipFile(stream, "w") as archive:
        for n, data in enumerate(contents):
            archive.writestr(data, f"{n}")
    return stream.getvalue()


def _mail(contents: list[bytes]) -> bytes:
    message = EmailMessage()
    message.set_content("enclosed")
    for n, data in enumerate(contents):
        message.add_attachment(data, maintype="image", subtype="any", filename=f"{n}")
    return message.as_bytes()


if __name__ == "__main__":
    main()
