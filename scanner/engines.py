"""The cache of TensorRT engines that scans built for themselves.

An engine's name is a digest of everything it depends on, so one that no longer fits is never found
again; it is only taking up space. The folder is the user's alone, since an engine runs as code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from scanner.backends import BackendError
from scanner.engine import (
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

BUILD = 1  # raised when the way engines are built changes
OWNER_ONLY = 0o700


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
