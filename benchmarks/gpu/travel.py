"""What travels to another machine and what comes home from it, within what may at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.gpu.parts import MANIFEST, cut, join
from benchmarks.gpu.steps import MODEL, RESULTS, RUNS
from scanner.errors import ImgscanError

MIB = 2**20
# What may travel there with one command, and come home: a machine without a network is reached
# through a narrow door.
MOST_THERE = 64 * MIB
MOST_HOME = 64 * MIB
LARGEST_HOME = 16 * MIB
FILES_HOME = 8
COMES_HOME = (".json", ".csv", ".png", ".md")
PENDING = RUNS / "pending"  # what is to come home
CUT = "cut"  # suffix of the sign that a model was cut into parts
PART_BYTES = 15_000_000


class CannotTravel(ImgscanError):
    """What is to travel is too much, or what came home is not ours or not whole."""


def pack_files(places: Mapping[Path, Path], to: Path) -> str:
    """Copy each file to its place in the new folder `to`, and return how much there is to travel.

    Raises CannotTravel when it is too much together with the working tree.
    """
    packed = sum(file.stat().st_size for file in places)
    whole = packed + travelling(Path.cwd())
    said = f"{to}: {packed / MIB:.1f} MiB, with the working tree {whole / MIB:.1f} MiB"
    if whole > MOST_THERE:
        raise CannotTravel(
            f"{said}; only {MOST_THERE // MIB} may travel. Pack less, or move the bundled models "
            "in scanner/models aside until the work is done."
        )
    for file, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return said


def travelling(tree: Path) -> int:
    """Bytes of the files that git knows in the working tree, less those that were moved aside.

    Raises CannotTravel.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=tree, capture_output=True)
    if listed.returncode:
        raise CannotTravel("this is no copy of the repository; pack in one.")
    files = [tree / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    return sum(file.lstat().st_size for file in files if file.is_file())


def collect(part: str) -> None:
    """Put into PENDING what a run left: weights in parts, and all else in one archive."""
    for weights in RUNS.glob(f"*/{MODEL}"):
        if not weights.with_suffix(f".{CUT}").exists():  # the parts may be at home by now
            cut(weights, f"{weights.parent.name}.pt", PENDING, PART_BYTES)
            weights.with_suffix(f".{CUT}").touch()
    with tarfile.open(PENDING / f"{part}.tar.gz", "w:gz") as archive:
        for file in sorted([*RUNS.glob("*/*"), *RESULTS.rglob("*")]):
            if file.suffix in COMES_HOME and file.parent.name not in ("packages", PENDING.name):
                archive.add(file)


def hand_over(out: Path, count: int) -> list[str]:
    """Move from PENDING to `out` what may come home with it at once; returns what is left.

    count: the most files, those included that lie in `out` already.
    """
    there = list(out.iterdir())
    count -= len(there)
    total = MOST_HOME - sum(file.stat().st_size for file in there)
    left = []
    for file in sorted(PENDING.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        needed = file.stat().st_size
        if count > 0 and needed <= min(LARGEST_HOME, total):
            shutil.move(file, out / file.name)
            count, total = count - 1, total - needed
        else:
            left.append(file.name)
    return left


def unpack_figures(archive: Path) -> None:
    """Unpack `archive` into the working tree, but only below RUNS and RESULTS.

    Raises CannotTravel.
    """
    try:
        with tarfile.open(archive) as members:
            for member in members:
                place = Path(os.path.normpath(member.name))
                if not (place.is_relative_to(RUNS) or place.is_relative_to(RESULTS)):
                    raise CannotTravel(f"{archive} holds {member.name}, which is not ours.")
                members.extract(member, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CannotTravel(f"{archive} is damaged: {error}.") from error


def unpack_model(manifest: Path, folders: Sequence[Path]) -> Path:
    """Join a model that came home in parts, and keep the figures of its run in RESULTS.

    Returns the model's file, in RUNS. Raises CannotTravel, PartsError.
    """
    run = RUNS / manifest.name.removesuffix(f".pt{MANIFEST}")
    if Path(os.path.normpath(run)).parent != RUNS or not run.is_dir():
        raise CannotTravel(f"{manifest} is of no run whose figures came home.")
    join(manifest, list(folders), run / MODEL)
    kept = RESULTS / run.name
    kept.mkdir(parents=True, exist_ok=True)
    for file in run.iterdir():
        if file.suffix in COMES_HOME:
            shutil.copyfile(file, kept / file.name)
    return run / MODEL
