"""Protects: on a CPU, neither the batch nor the cores change one bit of a score."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, joined
from scanner.backends.choose import open_backend
from scanner.backends.cpu import MAX_BATCH, CpuBackend
from scanner.files import file_sha256
from scanner.model import WIDEN_ONCE, ModelCard, ModelFile, open_model
from scanner.preprocess import Preprocessing
from tests.conftest import CIFAKE_MODEL
from tests.scanner.views_model import VIEWS, scores_of, write_views_model


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return open_model(CIFAKE_MODEL)


@pytest.fixture(scope="module")
def views(model: ModelFile) -> NDArray[np.uint8]:
    side = model.card.preprocessing.size
    return np.random.default_rng(0).integers(0, 256, (67, side, side, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def alone(model: ModelFile, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logit of each view scored in a batch of its own."""
    backend = CpuBackend(model, cores=1)
    return np.concatenate([backend.score(view[None]).logits for view in views])


@pytest.mark.parametrize("batch", [2, 7, 16, 32, 67])
def test_the_batch_changes_no_bit(
    batch: int, model: ModelFile, views: NDArray[np.uint8], alone: NDArray[np.float32]
) -> None:
    backend = CpuBackend(model, cores=1)
    parts = [backend.score(views[n : n + batch]).logits for n in range(0, len(views), batch)]
    assert np.concatenate(parts).tobytes() == alone.tobytes()


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_the_cores_change_no_bit(
    cores: int, model: ModelFile, views: NDArray[np.uint8], alone: NDArray[np.float32]
) -> None:
    backend = open_backend(model, "cpu", threads=cores)
    assert backend.streams == cores
    with ThreadPoolExecutor(backend.streams) as threads:
        parts = list(threads.map(backend.score, np.array_split(views, 13)))
    assert joined(parts).logits.tobytes() == alone.tobytes()


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_several_views_and_their_ood_are_those_of_numpy(
    batch: int, card: ModelCard, tmp_path: Path
) -> None:
    several = replace(card, preprocessing=VIEWS, ood_at_most=8.0)
    model = open_model(str(write_views_model(tmp_path / "views.onnx", several)))
    views = np.random.default_rng(0).integers(0, 256, (7, *VIEWS.shape), dtype=np.uint8)
    backend = CpuBackend(model, cores=1)
    found = joined([backend.score(views[n : n + batch]) for n in range(0, len(views), batch)])
    assert list(found.each()) == list(scores_of(views).each())


@pytest.mark.parametrize(("precision", "widened"), [("float32", True), ("int8", False)])
def test_stored_int8_weights_are_widened_once_and_an_int8_graph_is_left_alone(
    precision: str, widened: bool, model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime cannot tell one from the other, so that the card's precision must decide."""
    entries: list[tuple[str, str]] = []
    monkeypatch.setattr(
        onnxruntime.SessionOptions,
        "add_session_config_entry",
        lambda options, key, value: entries.append((key, value)),
    )
    backend = CpuBackend(replace(model, card=replace(model.card, precision=precision)), cores=1)
    side = model.card.preprocessing.size
    backend.score(np.zeros((1, side, side, 3), np.uint8))
    assert (WIDEN_ONCE in entries) == widened


def test_what_runs_is_said(model: ModelFile) -> None:
    backend = open_backend(model, "cpu", batch_size=5)
    assert (backend.provider, backend.precision) == ("CPUExecutionProvider", "float32")
    assert backend.batch_size == 5


def test_float16_files_are_computed_in_float32_and_said_to_be(model: ModelFile) -> None:
    half = replace(model, card=replace(model.card, precision="float16"))
    assert open_backend(half, "cpu").precision == "float32"


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_int8_files_are_refused_on_gpus(device: str, model: ModelFile) -> None:
    quantised = replace(model, card=replace(model.card, precision="int8"))
    assert open_backend(quantised, "cpu").precision == "int8"
    with pytest.raises(BackendError, match="is an int8 file, which is for CPUs"):
        open_backend(quantised, device)


@pytest.mark.parametrize(
    ("side", "native", "batch"),
    [(32, 0, MAX_BATCH), (64, 0, 32), (64, 4, 6), (224, 0, 2), (224, 4, 1), (4096, 0, 1)],
)
def test_larger_images_and_more_views_come_in_smaller_batches(
    side: int, native: int, batch: int, model: ModelFile
) -> None:
    card = replace(model.card, image_size=side, preprocessing=Preprocessing(side, native=native))
    assert CpuBackend(replace(model, card=card), cores=1).batch_size == batch


def test_a_model_that_cannot_run_is_a_sentence(model: ModelFile, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    backend = CpuBackend(replace(model, path=broken, sha256=file_sha256(broken)), cores=1)
    with pytest.raises(BackendError, match=r"broken\.onnx cannot run on the CPU: "):
        backend.score(np.zeros((1, 32, 32, 3), np.uint8))


def test_a_file_that_was_exchanged_meanwhile_scores_nothing(
    model: ModelFile, tmp_path: Path
) -> None:
    """The network opens with the first image, and reports name the file by the hash it had."""
    copy = tmp_path / model.path.name
    copy.write_bytes(model.path.read_bytes())
    backend = CpuBackend(replace(model, path=copy), cores=1)
    copy.write_bytes(copy.read_bytes() + b"\0")
    side = model.card.preprocessing.size
    with pytest.raises(BackendError, match="has changed since the scan began"):
        backend.score(np.zeros((1, side, side, 3), np.uint8))
