"""Optional logging of a run to TensorBoard and Weights & Biases, which are not dependencies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from trainer.run import RunError, Settings

PROJECT = "imgscan"


class Tracker(Protocol):
    """Where figures of optimiser steps go."""

    def log(self, step: int, figures: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in the run folder: `tensorboard --logdir runs`."""

    def __init__(self, out: Path, settings: Settings) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(out))
        self._writer.add_text("settings", str(asdict(settings)))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """An offline run in the run folder, to be uploaded with `wandb sync`; online on request."""

    def __init__(self, out: Path, settings: Settings) -> None:
        import wandb

        self._run: Any = wandb.init(
            project=PROJECT,
            name=out.name,
            dir=str(out),
            config=asdict(settings),
            mode="online" if os.environ.get("WANDB_MODE") == "online" else "offline",
        )

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        self._run.finish()


TRACKERS: dict[str, Callable[[Path, Settings], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
}


class Trackers:
    """All that were asked for; none is fine."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = trackers

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            tracker.log(step, figures)


@contextmanager
def open_tracker(names: Sequence[str], out: Path, settings: Settings) -> Iterator[Trackers]:
    """Open the trackers in TRACKERS of these names for a run. Raises RunError."""
    with ExitStack() as stack:
        opened = []
        for name in names:
            try:
                tracker = TRACKERS[name](out, settings)
            except ImportError as error:
                raise RunError(
                    f"--log {name} needs a library that is missing ({error.name}): "
                    "pip install 'imgscan[log]'."
                ) from error
            opened.append(stack.enter_context(closing(tracker)))
        yield Trackers(opened)
