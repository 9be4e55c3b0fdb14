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

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.gpu.parts import MANIFEST
from benchmarks.gpu.steps import PACKAGES, PARTS, RESULTS, Done, Place, perform
from benchmarks.gpu.travel import (
    FILES_HOME,
    PENDING,
    collect,
    hand_over,
    pack_files,
    unpack_figures,
    unpack_model,
)
from scanner.model import open_model
from trainer.command import Command
from trainer.minutes import Minutes


@click.group()
def main() -> None:
    """Take work to a machine with a GPU and no network, and bring the results home."""


@main.command(cls=Command)
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
    found = [open_model(name).path for name in models]
    archives = sorted(data.glob("*.tar*")) if data else []
    if data and not archives:
        raise click.ClickException(f"{data} holds no archives; the other layouts do not travel.")
    if to.exists():
        raise click.ClickException(f"there is a folder {to} already; choose another.")
    names = {archive: to / "cifake" / archive.name for archive in archives}
    names |= {model: to / model.name for model in found}
    names |= {packages: to / PACKAGES} if packages else {}
    click.echo(pack_files(names, to))


@main.command(cls=Command, context_settings={"ignore_unknown_options": True})
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
    from benchmarks.shared.results import write_results  # late: torch takes seconds to load

    record: dict[str, Any] = {"minutes": minutes, "steps": [asdict(step) for step in done]}
    write_results(RESULTS / f"{part}.json", record)


@main.command(cls=Command)
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
        unpack_figures(archive)
        click.echo(f"{archive.name}: unpacked")
    for manifest in manifests.values():
        click.echo(f"{unpack_model(manifest, folders)}: joined")


if __name__ == "__main__":
    main()
