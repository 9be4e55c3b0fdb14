"""What is done on a machine with a GPU, step by step, each a command of its own."""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS, RESULTS = Path("runs"), Path("results/gpu")
PACKAGES = "packages.tar.xz"
MODEL = "model.pt"
TRAINING_SLACK = 0.4  # minutes: libraries are loaded, and the last evaluation may take longer
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
            unpacking = RUNS / "packages.partial"
            with tarfile.open(self.travel / PACKAGES) as archive:
                archive.extractall(unpacking, filter="data")
            unpacking.rename(packages)
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
    minutes = max(0.0, _minutes_until(deadline) - TRAINING_SLACK)
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
    """Run a step until the deadline, its output going to the end of `log`."""
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
