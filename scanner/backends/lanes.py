"""What backends on a GPU share: batches in flight, a tuned batch, and a smaller one at need."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, Scores, Tell, joined
from scanner.backends.gpu import OutOfMemory

LANES = 2  # one batch crosses the bus while the other is computed
CANDIDATES = (16, 32, 64, 128, 256, 512)
PROBE_SECONDS = 0.2  # of timed runs, a candidate
# The smallest batch this near to the fastest is taken: it needs less memory and fills sooner.
NEAR = 0.97


class Lane(Protocol):
    """Memory and a queue for one batch of a fixed size, which is used by one thread at a time."""

    batch: int

    def run(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of 1 to `batch` images. Raises OutOfMemory."""
        ...

    def close(self) -> None: ...


class LaneMaker(Protocol):
    """A model on a GPU, which runs batches of `smallest` to `largest` images.

    shape: of what it sees of one image, as `Preprocessing.shape` has it.
    """

    provider: str
    precision: str
    shape: tuple[int, ...]
    smallest: int
    largest: int

    def open_lane(self, batch: int) -> Lane:
        """A lane for batches of `batch` images. Raises OutOfMemory."""
        ...


class GpuBackend:
    """Scores views in LANES lanes, each of which always runs its full batch.

    A short batch is filled up with whatever the lane last held: shapes stay fixed, so that one
    captured graph, or one choice of kernels, scores every image.
    """

    def __init__(self, maker: LaneMaker, batch_size: int | None, tell: Tell) -> None:
        """batch_size: None to probe for the fastest. Raises BackendError."""
        self.provider = maker.provider
        self.precision = maker.precision
        self.streams = LANES
        self._maker = maker
        self._tell = tell
        self.batch_size = batch_size or fastest_batch(maker)
        self._idle: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self._lanes = LANES
        self._counting = threading.Lock()
        for lane in self._open(self.batch_size, LANES):
            self._idle.put(lane)

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of N images, as `Backend` has it. Thread-safe."""
        scored: list[Scores] = []
        done = 0
        while done < len(views):
            lane = self._idle.get()
            part = views[done : done + lane.batch]
            try:
                scored.append(lane.run(part))
                done += len(part)
            except OutOfMemory as error:
                lane.close()
                self._reopen(lane.batch, error)
            except BaseException:
                self._idle.put(lane)
                raise
            else:
                self._idle.put(lane)
        return joined(scored)

    def __del__(self) -> None:
        """Give the GPU's memory back, which no garbage collector knows of."""
        with contextlib.suppress(AttributeError, queue.Empty):  # the first: it never opened
            while True:
                self._idle.get_nowait().close()

    def _reopen(self, failed: int, error: OutOfMemory) -> None:
        """Put a smaller lane in the place of one that failed, or leave its memory to the others."""
        try:
            for lane in self._open(self._half(failed, error), 1):
                self._idle.put(lane)
        except Exception as reason:  # else a thread would wait for a lane that never comes
            with self._counting:
                self._lanes -= 1
                if self._lanes == 0:
                    self._idle.put(_Dead(reason))

    def _open(self, batch: int, count: int) -> list[Lane]:
        """`count` lanes for `batch` images, or for as many as memory allows."""
        while True:
            lanes: list[Lane] = []
            try:
                for _ in range(count):
                    lanes.append(self._maker.open_lane(batch))
                break
            except OutOfMemory as error:
                for lane in lanes:
                    lane.close()
                batch = self._half(batch, error)
        if batch < self.batch_size:
            self.batch_size = batch
            self._tell(f"the GPU's memory is too small for more: the batch is {batch} now")
        return lanes

    def _half(self, batch: int, error: OutOfMemory) -> int:
        if batch <= self._maker.smallest:
            raise BackendError(
                f"the GPU's memory is too small even for a batch of {batch}; end other programs "
                "that use the GPU, or use --device cpu."
            ) from error
        return max(batch // 2, self._maker.smallest)


class _Dead:
    """Takes the place of the last lane when it cannot be opened again: no thread waits for ever."""

    batch = 1

    def __init__(self, reason: Exception) -> None:
        self._reason = reason

    def run(self, views: NDArray[np.uint8]) -> Scores:
        raise self._reason

    def close(self) -> None: ...


def fastest_batch(maker: LaneMaker) -> int:
    """The batch, of CANDIDATES, that a short probe finds to score the most images a second."""
    rates: dict[int, float] = {}
    able = [batch for batch in CANDIDATES if maker.smallest <= batch <= maker.largest]
    with contextlib.suppress(OutOfMemory):
        for batch in able:
            rates[batch] = _rate(maker, batch)
            if rates[batch] < NEAR * max(rates.values()):
                break
    best = max(rates.values(), default=0.0)
    fast = [batch for batch, rate in rates.items() if rate >= NEAR * best]
    return min(fast, default=min(max(CANDIDATES[0], maker.smallest), maker.largest))


def _rate(maker: LaneMaker, batch: int) -> float:
    """Images a second of one lane."""
    lane = maker.open_lane(batch)
    try:
        views = np.zeros((batch, *maker.shape), np.uint8)
        lane.run(views)  # the first run chooses kernels and takes memory
        runs = 0
        started = time.perf_counter()
        while (seconds := time.perf_counter() - started) < PROBE_SECONDS or not runs:
            lane.run(views)
            runs += 1
        return runs * batch / seconds
    finally:
        lane.close()
