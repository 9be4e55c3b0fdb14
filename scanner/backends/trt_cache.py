"""The engine that scores with a model on this GPU: a file's own, the cached one, or built once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scanner.backends import BackendError, Tell
from scanner.backends.gpu import Gpu, find_gpu
from scanner.backends.trt_build import build, choose_flavor, version
from scanner.engine import (
    SUFFIX,
    BatchProfile,
    EngineCard,
    EngineError,
    EngineFile,
    Gate,
    read_engine,
)
from scanner.engines import EngineKey, cache_folder, engine_for
from scanner.model import ModelFile

ANY_BATCH = BatchProfile(1, 128, 256)


def engine_of(
    model: ModelFile, batch_size: int | None, tell: Tell, folder: Path | None = None
) -> EngineFile:
    """The engine to run `model` with on the GPU here.

    batch_size: None for an engine of many batches. folder: of the cache, None for the user's own.
    Raises BackendError when driver, GPU or TensorRT is missing, when the graph cannot be built, and
    when an engine file is not for this GPU.
    """
    gpu = find_gpu("tensorrt")
    if model.path.suffix == SUFFIX:
        return _given(model.path, gpu)
    flavor = choose_flavor(gpu.capability)
    key = engine_key(model, gpu, flavor, batch_size)

    def build_once() -> tuple[bytes, EngineCard]:
        tell(f"building a TensorRT engine of {model.name} for {gpu.name}, once; this takes minutes")
        content = build(model.path, model.card.preprocessing.size, flavor, key.batch)
        return content, describe(model, key, content)

    return engine_for(key, build_once, folder or cache_folder())


def engine_key(model: ModelFile, gpu: Gpu, flavor: str, batch_size: int | None) -> EngineKey:
    """What the engine of a model depends on here.

    The graph is built as it is: a float32 model gives a float32 engine. Rounding it to float16
    belongs to the export, whose parity gate measures what that does to the verdicts.
    """
    return EngineKey(
        model_sha256=model.sha256,
        flavor=flavor,
        version=version(flavor),
        gpu=gpu.name,
        capability=gpu.capability,
        driver=gpu.driver,
        precision=model.card.precision,
        # A batch that is given never grows, and shrinks only when memory runs out.
        batch=BatchProfile(1, batch_size, batch_size) if batch_size else ANY_BATCH,
    )


def describe(model: ModelFile, key: EngineKey, content: bytes) -> EngineCard:
    unchecked = Gate(f"{model.path.name}", done=False, reason="built by a scan")
    return EngineCard(
        model=model.card,
        model_sha256=key.model_sha256,
        engine_sha256=hashlib.sha256(content).hexdigest(),
        flavor=key.flavor,
        version=key.version,
        gpu=key.gpu,
        compute_capabilities=(key.capability,),
        driver=key.driver,
        precision=key.precision,
        batch=key.batch,
        gates=(unchecked,),
    )


def _given(path: Path, gpu: Gpu) -> EngineFile:
    try:
        engine = read_engine(path)
    except EngineError as error:
        raise BackendError(str(error)) from error
    capabilities = engine.card.compute_capabilities
    if gpu.capability not in capabilities:
        raise BackendError(
            f"{path.name} was built for compute capability {', '.join(capabilities)}, but "
            f"{gpu.name} has {gpu.capability}; build it for this GPU with python -m export.trt, or "
            "scan with the .onnx file."
        )
    choose_flavor(gpu.capability, engine.card.flavor)
    return engine
