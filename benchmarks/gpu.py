"""Work for a machine with a GPU and without a network: packed here, run there, unpacked here.

    python -m benchmarks.gpu pack travel --data data/cifake --model resnet18
    python -m benchmarks.gpu run train --travel travel --out out --minutes 8        (there)
    python -m benchmarks.gpu run scan --travel travel --out out2 --minutes 4        (there)
    python -m benchmarks.gpu unpack out out2

`train` fine-tunes as long as it is given, ResNet-152 unless told otherwise; `scan` tests and
measures the scanner on the GPU. A run hands over as many files as may come home at once, and the
next run on that machine the others. What is unpacked lies in runs/ and results/gpu/.
"""

from __future__ import annotations

import os
import shutil
import signal
import site
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.parts import MANIFEST, PartsError, cut, join

MIB = 2**20
RUNS, RESULTS = Path("runs"), Path("results/gpu")
PENDING = RUNS / "pending"  # what is to come home
PACKAGES = "packages.tar.xz"
MODEL = "model.pt"
CUT = "cut"  # suffix of the sign that a model was cut into parts
PART_BYTES = 15_000_000
TRAINING_SLACK = 0.25  # minutes; the last evaluation takes a little more or less than measured
TRAIN = ("--backbone", "resnet152", "--recipe", "robust", "--weights", "none")
BACKEND_TESTS = ("tests/scanner/backends/test_cuda.py", "tests/scanner/backends/test_lanes.py")
TRAINER_TESTS = ("-k", "gpu", "tests/trainer/test_finetune.py")


@dataclass(frozen=True)
class Step:
    """A command of a part of the work."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """returncode: None for a command that was ended, or not begun, because the time was spent."""

    name: str
    command: str
    seconds: float
    returncode: int | None


@dataclass(frozen=True)
class Place:
    """Where a run finds what travelled. travel: the folder that was packed. data: CIFAKE.

    device: cuda, or cpu for a rehearsal.
    """

    travel: Path
    data: Path
    models: tuple[Path, ...]
    device: str

    def environment(self) -> dict[str, str]:
        """The variables by which the packages that travelled, and CUDA's libraries, are found."""
        given = os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}
        if not (self.travel / PACKAGES).is_file():
            return given
        packages = RUNS / "packages"
        if not packages.is_dir():
            with tarfile.open(self.travel / PACKAGES) as archive:
                archive.extractall(packages, filter="data")
        installed = [Path(folder) / "nvidia" for folder in site.getsitepackages()]
        libraries = [str(found) for folder in installed for found in folder.glob("*/lib")]
        libraries += filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
        return given | {
            "PYTHONPATH": os.pathsep.join([str(packages.resolve()), given["PYTHONPATH"]]),
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        }


def training(place: Place, deadline: float, options: Sequence[str]) -> Iterator[Step]:
    """One run of the trainer, which ends by itself before it would be ended."""
    given = (*(options or TRAIN), "--data", str(place.data), "--device", place.device)
    minutes = _minutes_until(deadline) - TRAINING_SLACK
    yield Step("train", _module("trainer.finetune", *given, "--no-audit", budget=minutes))


def scanning(place: Place, deadline: float, _: Sequence[str]) -> Iterator[Step]:
    """The scanner on the GPU: its tests, its verdicts, its speed; then those of trained models."""
    data = ("--data", str(place.data))
    yield Step("tests", _module("pytest", "-q", "-n", "0", *BACKEND_TESTS))
    for model in place.models:
        output = RESULTS / f"agreement-{model.stem}-{place.device}.json"
        named = ("--model", str(model), "--device", place.device, "--output", str(output))
        yield Step(f"agreement {model.stem}", _module("benchmarks.agreement", *named, *data))
    for run in sorted(RUNS.glob(f"*/{MODEL}")):  # what was trained here first: it may never return
        model = RUNS / f"{run.parent.name}.onnx"
        export = _module("export.onnx", str(run.parent), "-o", str(model), *data)
        yield Step(f"export {model.stem}", export)
        yield backbones(model, place, _minutes_until(deadline))
    for model in place.models:
        yield backbones(model, place, _minutes_until(deadline))
    yield Step("trainer's tests", _module("pytest", "-q", "-n", "0", *TRAINER_TESTS))


def backbones(model: Path, place: Place, minutes: float) -> Step:
    """A model's speed in float16 on the GPU, or in float32 on a CPU, and its F1 there."""
    on_gpu = place.device == "cuda"
    given = ["--device", *(("cuda", "--device", "torch.compile") if on_gpu else ("cpu",))]
    # The batch that is also scored comes first.
    given += [word for batch in (256, 1, 32, 512) for word in ("--batch", str(batch))]
    given += ["--precision", "float16" if on_gpu else "float32", "--quick"]
    given += ["--data", str(place.data), "--output", str(RESULTS / f"backbones-{model.stem}")]
    command = _module("benchmarks.backbones", "--model", str(model), *given, budget=minutes)
    return Step(f"backbones {model.stem}", command)


def _minutes_until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic()) / 60


PARTS = {"train": training, "scan": scanning}


def _module(name: str, *arguments: str, budget: float | None = None) -> tuple[str, ...]:
    limit = () if budget is None else ("--budget-minutes", f"{budget:.2f}")
    return (sys.executable, "-m", name, *arguments, *limit)


def perform(step: Step, deadline: float, log: Path, environment: dict[str, str]) -> Done:
    """Run a step, its output going to the terminal and to the end of `log`, until the deadline."""
    # Paths of this machine mean nothing elsewhere.
    words = " ".join(Path(word).name if Path(word).is_absolute() else word for word in step.command)
    started = time.monotonic()
    left = deadline - started
    if left <= 0:
        return Done(step.name, words, 0.0, None)
    with log.open("a") as kept:
        kept.write(f"\n$ {words}\n")
        kept.flush()
        process = subprocess.Popen(
            step.command,
            stdout=kept,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(left)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if code is None:
                os.killpg(process.pid, signal.SIGKILL)  # its children, too
                process.wait()
    return Done(step.name, words, round(time.monotonic() - started, 1), code)


def collect(part: str) -> None:
    """Put into PENDING what a run left: weights in parts, and all else in one archive."""
    for weights in RUNS.glob(f"*/{MODEL}"):
        if not weights.with_suffix(f".{CUT}").exists():  # the parts may be at home by now
            cut(weights, f"{weights.parent.name}.pt", PENDING, PART_BYTES)
            weights.with_suffix(f".{CUT}").touch()
    with tarfile.open(PENDING / f"{part}.tar.gz", "w:gz") as archive:
        files = [*RUNS.glob("*/*.*"), *RESULTS.rglob("*")]
        for file in sorted(files):
            stays = file.suffix in (".pt", ".onnx") or file.is_relative_to(RUNS / "packages")
            if file.is_file() and not stays and not file.is_relative_to(PENDING):
                archive.add(file)


def hand_over(out: Path, count: int, size: int, total: int) -> list[str]:
    """Move from PENDING to `out` what may come home at once; returns what is left.

    count: of files. size: of one, and total: of all, in bytes. What lies in `out` counts.
    """
    there = list(out.iterdir())
    count -= len(there)
    total -= sum(file.stat().st_size for file in there)
    left = []
    for file in sorted(PENDING.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        needed = file.stat().st_size
        if count and needed <= min(size, total):
            shutil.move(file, out / file.name)
            count, total = count - 1, total - needed
        else:
            left.append(file.name)
    return left


def travelling(tree: Path) -> int:
    """Bytes of the files that git knows in the working tree, less those that were moved aside."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=tree, capture_output=True, check=True)
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
@click.option("--limit-mib", default=64, show_default=True, help="Most that may travel at once.")
def pack(
    to: Path, data: Path | None, models: tuple[str, ...], packages: Path | None, limit_mib: int
) -> None:
    """Gather in the new folder TO what must travel beside the working tree."""
    from scanner.model import ModelError, open_model

    try:
        found = [open_model(name).path for name in models]
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    if to.exists():
        raise click.ClickException(f"there is a folder {to} already; choose another.")
    to.mkdir(parents=True)
    if data:
        (to / "cifake").mkdir()
        for archive in sorted(data.glob("*.tar*")):
            shutil.copyfile(archive, to / "cifake" / archive.name)
    for model in found:
        shutil.copyfile(model, to / model.name)
    if packages:
        shutil.copyfile(packages, to / PACKAGES)
    packed = sum(file.stat().st_size for file in to.rglob("*") if file.is_file())
    whole = packed + travelling(Path.cwd())
    said = f"{to}: {packed / MIB:.1f} MiB, with the working tree {whole / MIB:.1f} MiB"
    if whole > limit_mib * MIB:
        raise click.ClickException(
            f"{said}; only {limit_mib} may travel. Pack less, or move scanner/models/*.onnx aside."
        )
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
@click.option("--minutes", type=click.FloatRange(min=0), required=True, help="For everything.")
@click.option("--files", default=8, help="Most files that may come home at once.")
@click.option("--file-mib", default=16, help="Largest of them.")
@click.option("--total-mib", default=64, help="All of them together.")
def run(
    part: str, options: tuple[str, ...], travel: Path, data: Path | None,
    models: tuple[Path, ...], device: str, out: Path, minutes: float,
    files: int, file_mib: int, total_mib: int,
) -> None:  # fmt: skip
    """Do PART of the work on this machine; OPTIONS of `train` go to trainer.finetune.

    The folder OUT receives what comes home at once, the log first.
    """
    deadline = time.monotonic() + 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    models = models or tuple(sorted(travel.glob("*.onnx")))
    place = Place(travel, data or travel / "cifake", models, device)
    PENDING.mkdir(parents=True, exist_ok=True)
    hand_over(out, files - 2, file_mib * MIB, total_mib * MIB)  # two are this run's own
    environment = place.environment()
    done: list[Done] = []
    log = out / f"{part}.log"
    for step in PARTS[part](place, deadline, options):
        done.append(perform(step, deadline, log, environment))
        click.echo(f"{step.name}: exit {done[-1].returncode}, {done[-1].seconds} s")
    _write_record(part, minutes, done)
    click.echo(log.read_text()[-6000:])
    collect(part)
    left = hand_over(out, files, file_mib * MIB, total_mib * MIB)
    click.echo(f"left for the next run: {', '.join(left) or 'nothing'}")


def _write_record(part: str, minutes: float, done: Sequence[Done]) -> None:
    from benchmarks.machine import describe_machine, write_results

    record: dict[str, Any] = {"minutes": minutes, "steps": [asdict(step) for step in done]}
    write_results(RESULTS / f"{part}.json", record | {"machine": asdict(describe_machine())})


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def unpack(folders: tuple[Path, ...]) -> None:
    """Put what came home in FOLDERS into runs/ and results/gpu/ of the working tree."""
    for folder in folders:
        for archive in sorted(folder.glob("*.tar.gz")):
            with tarfile.open(archive) as members:
                members.extractall(Path.cwd(), filter="data")
            click.echo(f"{archive.name}: unpacked")
    manifests = {file.name: file for folder in folders for file in folder.glob(f"*{MANIFEST}")}
    for name, manifest in manifests.items():
        run_folder = RUNS / name.removesuffix(f".pt{MANIFEST}")
        try:
            join(manifest, list(folders), run_folder / MODEL)
        except PartsError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{run_folder / MODEL}: joined")
        kept = RESULTS / run_folder.name
        kept.mkdir(parents=True, exist_ok=True)
        for file in run_folder.iterdir():
            if file.suffix in (".json", ".csv", ".png"):
                shutil.copyfile(file, kept / file.name)


if __name__ == "__main__":
    main()
