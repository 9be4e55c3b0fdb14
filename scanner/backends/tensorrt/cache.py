"""The engine that scores with a model on this GPU: a file's own, the cached one, or built once.

A cached engine's name is a digest of everything it depends on, so one that no longer fits is never
found again; it is only taking up space. The folder is the user's alone, since an engine runs as
code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from scanner.backends.backend import BackendError, Tell
from scanner.backends.gpu import Gpu, find_gpu
from scanner.backends.tensorrt.build import build
from scanner.backends.tensorrt.flavors import choose_flavor, version
from scanner.model.card import INT8_ROWS, Gate
from scanner.model.engine import (
    SUFFIX,
    BatchProfile,
    EngineCard,
    EngineError,
    EngineFile,
    card_path,
    read_engine,
    read_engine_card,
    write_engine,
)
from scanner.model.file import ModelFile

BUILD = 1  # raised when the way engines are built changes
OWNER_ONLY = 0o700
ANY_BATCH = BatchProfile(1, 128, 256)


@dataclass(frozen=True)
class EngineKey:
    """Everything an engine depends on, in the words of `EngineCard`."""

    model_sha256: str
    flavor: str
    version: str
    gpu: str
    capability: str
    driver: str
    precision: str
    batch: BatchProfile

    @property
    def digest(self) -> str:
        facts = asdict(self) | {"build": BUILD}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]

    def fits(self, card: EngineCard) -> bool:
        """Whether a card describes an engine of this key."""
        return self == EngineKey(
            card.model_sha256,
            card.flavor,
            card.version,
            card.gpu,
            ", ".join(card.compute_capabilities),
            card.driver,
            card.precision,
            card.batch,
        )


@dataclass(frozen=True)
class CachedEngine:
    """An engine in the cache. `card` is None where it cannot be read."""

    path: Path
    bytes: int
    card: EngineCard | None


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
        content = build(model.path, model.card.preprocessing.shape, flavor, key.batch)
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
        precision="int8" if model.card.precision == INT8_ROWS else model.card.precision,
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


def cache_folder() -> Path:
    """Where engines are kept: the user's cache, which XDG_CACHE_HOME moves on Linux."""
    return platformdirs.user_cache_path("imgscan", appauthor=False) / "engines"


def engine_for(
    key: EngineKey, build: Callable[[], tuple[bytes, EngineCard]], folder: Path
) -> EngineFile:
    """The cached engine of `key`, or the one `build` makes, which is cached.

    A cached engine that is not what was once written for `key` is built anew. Raises BackendError
    when the folder is not the user's alone or cannot be written, and whatever `build` raises.
    """
    path = folder / f"{key.digest}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
        _refuse_shared(folder)
        engine = _read(path, key)
        if engine is None:
            content, card = build()
            write_engine(path, content, card)
            engine = EngineFile(path, card, content)
    except OSError as error:
        raise BackendError(
            f"engines cannot be kept in {folder}: {error.strerror}; make it writable, or set "
            "XDG_CACHE_HOME to a folder that is."
        ) from error
    return engine


def cached_engines(folder: Path) -> list[CachedEngine]:
    """All engines in the cache, by file name."""
    return [
        CachedEngine(path, path.stat().st_size, _read_card(path))
        for path in sorted(folder.glob(f"*{SUFFIX}"))
    ]


def prune(folder: Path) -> list[CachedEngine]:
    """Delete every engine, and return what was deleted. Raises OSError."""
    engines = cached_engines(folder)
    for engine in engines:
        card_path(engine.path).unlink(missing_ok=True)
        engine.path.unlink(missing_ok=True)
    return engines


def _read(path: Path, key: EngineKey) -> EngineFile | None:
    try:
        engine = read_engine(path)
    except EngineError:  # absent, damaged, or cut off while it was written
        return None
    return engine if key.fits(engine.card) else None


def _read_card(path: Path) -> EngineCard | None:
    try:
        return read_engine_card(path)
    except EngineError:
        return None


def _refuse_shared(folder: Path) -> None:
    """Raise BackendError when others may put engines into the folder."""
    if not hasattr(os, "getuid"):
        return  # on Windows the user's cache folder is the user's alone
    facts = folder.stat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise BackendError(
            f"others may write to {folder}, and engines run as code; make it yours alone "
            f"(chmod 700 {folder}), or delete it."
        )
