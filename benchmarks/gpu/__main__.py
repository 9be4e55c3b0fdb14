"""Work for a machine with a GPU and without a network: packed here, run there, unpacked here.

    python -m benchmarks.gpu pack travel --data data/cifake --model resnet18.onnx
    python -m benchmarks.gpu run train --travel travel --out out1 --minutes 8       (there)
    python -m benchmarks.gpu run scan --travel travel --out out2 --minutes 4        (there)
    python -m benchmarks.gpu unpack out1 out2

`train` fine-tunes as long as it is given, ResNet-152 unless told otherwise; `scan` tests and
measures the scanner on the GPU. A run hands over as many files as may come home at once, and the
next run on that machine the others. What is unpacked lies in runs/ and results/gpu/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.gpu.parts import MANIFEST, PartsError, cut, join
from benchmarks.gpu.steps import MODEL, PACKAGES, PARTS, RESULTS, RUNS, Done, Place, perform
from trainer.minutes import Minutes

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


def travelling(tree: Path) -> int:
    """Bytes of the files that git knows in the working tree, less those that were moved aside.

    Raises click.ClickException.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=tree, capture_output=True)
    if listed.returncode:
        raise click.ClickException("this is no copy of the repository; pack in one.")
    files = [tree / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    return sum(file.lstat().st_size for file in files if file.is_file())


@click.group()
def main() -> None:
    """Take work to a machine with a GPU and no network, and bring the results home."""


@main.command()
@click.argument("to", type=click.Path(path_type=Path, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="CIFAKE's archives.")
@click.option("--model", "models", multiple=True, help="A bundled model or a model file.")
@click.option(
    "--packages",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A .tar.xz of packages that the machine lacks, as they lie in site-packages.",
)
def pack(to: Path, data: Path | None, models: tuple[str, ...], packages: Path | None) -> None:
    """Gather in the new folder TO what must travel beside the working tree."""
    from scanner.model import ModelError, open_model

    try:
        found = [open_model(name).path for name in models]
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    archives = sorted(data.glob("*.tar*")) if data else []
    if data and not archives:
        raise click.ClickException(f"{data} holds no archives; the other layouts do not travel.")
    if to.exists():
        raise click.ClickException(f"there is a folder {to} already; choose another.")
    names = {archive: to / "cifake" / archive.name for archive in archives}
    names |= {model: to / model.name for model in found}
    names |= {packages: to / PACKAGES} if packages else {}
    packed = sum(file.stat().st_size for file in names)
    whole = packed + travelling(Path.cwd())
    said = f"{to}: {packed / MIB:.1f} MiB, with the working tree {whole / MIB:.1f} MiB"
    if whole > MOST_THERE:
        raise click.ClickException(
            f"{said}; only {MOST_THERE // MIB} may travel. Pack less, or move the bundled models "
            "in scanner/models aside until the work is done."
        )
    for file, place in names.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    click.echo(said)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("part", type=click.Choice(list(PARTS)))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option("--travel", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--data", type=click.Path(path_type=Path), help="CIFAKE.  [default: TRAVEL/cifake]")
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Model files to scan with.  [default: those in TRAVEL]",
)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--minutes", type=Minutes(), required=True, help="For everything.")
def run(
    part: str, options: tuple[str, ...], travel: Path, data: Path | None,
    models: tuple[Path, ...], device: str, out: Path, minutes: float,
) -> None:  # fmt: skip
    """Do PART of the work on this machine; OPTIONS of `train` go to trainer.finetune.

    The folder OUT receives what comes home at once. The exit code is 1 where a step failed or its
    time was over; what there is comes home all the same.
    """
    deadline = time.monotonic() + 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    models = models or tuple(sorted(travel.glob("*.onnx")))
    place = Place(travel, data or travel / "cifake", models, device)
    PENDING.mkdir(parents=True, exist_ok=True)
    hand_over(out, FILES_HOME - 2)  # two are this run's own
    environment = place.environment()
    done: list[Done] = []
    log = out / f"{part}.log"
    log.touch()
    for step in PARTS[part](place, deadline, options):
        done.append(perform(step, deadline, log, environment))
        click.echo(f"{step.name}: exit {done[-1].returncode}, {done[-1].seconds} s")
    _write_record(part, minutes, done)
    click.echo(log.read_text()[-6000:])
    collect(part)
    left = hand_over(out, FILES_HOME)
    click.echo(f"left for the next run: {', '.join(left) or 'nothing'}")
    if failed := [step.name for step in done if step.returncode != 0]:
        raise click.ClickException(f"these steps did not succeed: {', '.join(failed)}.")


def _write_record(part: str, minutes: float, done: Sequence[Done]) -> None:
    from benchmarks.shared.machine import describe_machine, write_results

    record: dict[str, Any] = {"minutes": minutes, "steps": [asdict(step) for step in done]}
    write_results(RESULTS / f"{part}.json", record | {"machine": asdict(describe_machine())})


@main.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
def unpack(folders: tuple[Path, ...]) -> None:
    """Put what came home in FOLDERS into runs/ and results/gpu/ of the working tree."""
    archives = [file for folder in folders for file in sorted(folder.glob("*.tar.gz"))]
    manifests = {file.name: file for folder in folders for file in folder.glob(f"*{MANIFEST}")}
    if not archives and not manifests:
        raise click.ClickException("nothing that a run handed over lies there.")
    for archive in archives:
        _unpack_figures(archive)
        click.echo(f"{archive.name}: unpacked")
    for name, manifest in manifests.items():
        run_folder = RUNS / name.removesuffix(f".pt{MANIFEST}")
        if Path(os.path.normpath(run_folder)).parent != RUNS or not run_folder.is_dir():
            raise click.ClickException(f"{manifest} is of no run whose figures came home.")
        try:
            join(manifest, list(folders), run_folder / MODEL)
        except PartsError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{run_folder / MODEL}: joined")
        kept = RESULTS / run_folder.name
        kept.mkdir(parents=True, exist_ok=True)
        for file in run_folder.iterdir():
            if file.suffix in COMES_HOME:
                shutil.copyfile(file, kept / file.name)


def _unpack_figures(archive: Path) -> None:
    """Into the working tree, but only below RUNS and RESULTS. Raises click.ClickException."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                place = Path(os.path.normpath(member.name))
                if not (place.is_relative_to(RUNS) or place.is_relative_to(RESULTS)):
                    raise click.ClickException(f"{archive} holds {member.name}, which is not ours.")
                members.extract(member, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise click.ClickException(f"{archive} is damaged: {error}.") from error


if __name__ == "__main__":
    main()
