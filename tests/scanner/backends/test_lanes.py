"""Protects: GPU batches keep their order, are tuned, and shrink, once told, when memory is short.

The lanes here are the brightness of each image under a memory limit; the code above them is the one
that drives a GPU.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, Scores
from scanner.backends.gpu import OutOfMemory, speaks_of_memory
from scanner.backends.lanes import LANES, GpuBackend, fastest_batch


class Card:
    """Opens lanes until `memory` views are reserved; `seconds` maps a batch to its run's time.

    Runs take their time on `clock` alone, so that a busy machine changes nothing.
    """

    clock = 0.0

    provider = "test"
    precision = "float32"
    shape: tuple[int, ...] = (4, 4, 3)

    def __init__(
        self,
        memory: int = 10_000,
        smallest: int = 1,
        largest: int = 512,
        seconds: dict[int, float] | None = None,
    ) -> None:
        self.memory = memory
        self.smallest = smallest
        self.largest = largest
        self.seconds = seconds or {}
        self.open: list[CardLane] = []

    def open_lane(self, batch: int) -> CardLane:
        assert self.smallest <= batch <= self.largest, "outside the profile"
        if sum(lane.batch for lane in self.open) + batch > self.memory:
            raise OutOfMemory("full")
        self.open.append(lane := CardLane(self, batch))
        return lane


class CardLane:
    def __init__(self, card: Card, batch: int) -> None:
        self.batch = batch
        self.in_use = False
        self._card = card

    def run(self, views: NDArray[np.uint8]) -> Scores:
        assert self in self._card.open, "used after it was closed"
        assert not self.in_use, "used by two threads"
        assert 1 <= len(views) <= self.batch
        if sum(lane.batch for lane in self._card.open) > self._card.memory:
            raise OutOfMemory("full")
        self.in_use = True
        Card.clock += self._card.seconds.get(self.batch, 0)
        time.sleep(0)  # to let the other lane's thread in
        self.in_use = False
        return expected(views)

    def close(self) -> None:
        self._card.open.remove(self)


def views(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)


def expected(batch: NDArray[np.uint8]) -> Scores:
    """Brightness, and as `ood` the brightest pixel."""
    brightest = batch.max(axis=(1, 2, 3)).astype(np.float32)
    return Scores(batch.mean(axis=(1, 2, 3), dtype=np.float32), brightest)


def equal(found: Scores, wanted: Scores) -> bool:
    return list(found.each()) == list(wanted.each())


@pytest.fixture
def card_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the probe read the cards' clock."""
    monkeypatch.setattr(time, "perf_counter", lambda: Card.clock)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_any_number_of_views_comes_back_in_order(count: int) -> None:
    backend = GpuBackend(Card(), 8, print)
    assert equal(backend.score(views(count)), expected(views(count)))


def test_lanes_run_side_by_side_and_never_twice_at_once() -> None:
    card = Card(seconds={8: 0.002})
    backend = GpuBackend(card, 8, print)
    assert len(card.open) == backend.streams == LANES
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(backend.score, [views(n) for n in range(1, 60)]))
    assert all(equal(f, expected(views(n))) for n, f in enumerate(found, 1))


def test_too_large_a_batch_shrinks_and_says_so_once() -> None:
    told: list[str] = []
    backend = GpuBackend(card := Card(memory=40), 64, told.append)
    assert [lane.batch for lane in card.open] == [16, 16]
    assert backend.batch_size == 16
    assert told == ["the GPU's memory is too small for more: the batch is 16 now"]


def test_memory_that_runs_out_later_costs_no_view() -> None:
    told: list[str] = []
    backend = GpuBackend(card := Card(memory=64), 32, told.append)
    card.memory = 20  # another program has taken the rest
    with ThreadPoolExecutor(LANES) as threads:
        found = list(threads.map(backend.score, [views(n) for n in (50, 51, 52, 53)]))
    for n, scores in zip((50, 51, 52, 53), found, strict=True):
        assert equal(scores, expected(views(n)))
    assert backend.batch_size <= 16
    assert told


def test_no_memory_for_one_image_is_a_sentence_and_never_a_hang() -> None:
    with pytest.raises(BackendError, match="too small even for a batch of 1"):
        GpuBackend(Card(memory=0), 8, print)
    backend = GpuBackend(card := Card(memory=16), 8, print)
    card.memory = 0
    for _ in range(2 * LANES):
        with pytest.raises(BackendError, match="too small even for a batch of 1"):
            backend.score(views(3))


def test_a_batch_never_shrinks_below_the_profile() -> None:
    with pytest.raises(BackendError, match="too small even for a batch of 6"):
        GpuBackend(Card(memory=5, smallest=6), 16, print)
    assert GpuBackend(Card(memory=13, smallest=6), 11, print).batch_size == 6


def test_a_backend_that_is_done_gives_its_memory_back() -> None:
    backend = GpuBackend(card := Card(), 8, print)
    assert len(card.open) == LANES
    del backend
    assert not card.open


@pytest.mark.usefixtures("card_clock")
def test_the_probe_takes_the_smallest_batch_that_is_as_fast() -> None:
    rising = {16: 0.016, 32: 0.024, 64: 0.040, 128: 0.080, 256: 0.170, 512: 0.4}
    card = Card(seconds=rising)
    assert fastest_batch(card) == 64
    assert not card.open, "what the probe opened is closed"


@pytest.mark.usefixtures("card_clock")
def test_the_probe_stays_inside_memory_and_profile() -> None:
    faster_together = dict.fromkeys((16, 32, 64, 128, 256, 512), 0.01)
    assert fastest_batch(Card(memory=100, seconds=faster_together)) == 64
    assert fastest_batch(Card(largest=32, seconds=faster_together)) == 32
    assert fastest_batch(Card(largest=5)) == 5
    assert fastest_batch(Card(smallest=64, seconds=faster_together)) == 512
    assert fastest_batch(Card(smallest=40, largest=50)) == 40
    assert fastest_batch(Card(memory=1)) == 16, "for GpuBackend to shrink, and say so"


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("CUDA failure 2: out of memory ; GPU=0", True),
        ("CUDNN failure 4002: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", False),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", True),
        ("std::bad_alloc", True),
        ("Error Code 2: OutOfMemory (Requested size was 8589934592 bytes.)", True),
        ("CUDA failure 700: an illegal memory access was encountered", False),
        ("cuDNN is not there", False),
    ],
)
def test_signs_of_short_memory(text: str, memory: bool) -> None:
    assert speaks_of_memory(text) == memory
