"""Protects: a cached engine is used only where it fits, whole and the user's own."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from scanner.backends.backend import BackendError
from scanner.backends.choose import open_backend
from scanner.backends.gpu import Gpu
from scanner.backends.tensorrt import cache
from scanner.backends.tensorrt.cache import (
    EngineKey,
    cache_folder,
    cached_engines,
    engine_for,
    engine_key,
    engine_of,
    prune,
)
from scanner.model import ModelError, ModelFile, open_model
from scanner.model.engine import BatchProfile, EngineCard, card_path, write_engine
from tests.conftest import CIFAKE_MODEL

BATCH = BatchProfile(1, 8, 64)
KEY = EngineKey("ab" * 32, "tensorrt", "11.4", "H100", "9.0", "580.9", "float16", BATCH)


class Builder:
    """Builds another engine each time it is asked."""

    def __init__(self, key: EngineKey = KEY) -> None:
        self.built = 0
        self._key = key

    def __call__(self) -> tuple[bytes, EngineCard]:
        self.built += 1
        content = b"engine %d" % self.built
        model = open_model(CIFAKE_MODEL)
        return content, cache.describe(model, self._key, content)


def test_an_engine_is_built_once(tmp_path: Path) -> None:
    build = Builder()
    first, second = (engine_for(KEY, build, tmp_path / "engines") for _ in range(2))
    assert first == second
    assert first.content == b"engine 1"
    assert not first.card.gates[0].done, "nobody has compared what a scan built"


@pytest.mark.parametrize("field", [field.name for field in fields(EngineKey)])
def test_whatever_changes_another_engine_is_built(field: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"flavor": "tensorrt_rtx", "batch": BatchProfile(1, 8, 65)}
    other = replace(KEY, **{field: changes.get(field) or getattr(KEY, field) + "x"})
    engine_for(KEY, Builder(), folder := tmp_path / "engines")
    build = Builder(other)
    engine_for(other, build, folder)
    assert build.built == 1
    assert len(cached_engines(folder)) == 2


@pytest.mark.parametrize("part", ["", ".json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"engine 1 and more"])
def test_a_damaged_engine_is_built_anew(part: str, damage: bytes, tmp_path: Path) -> None:
    build = Builder()
    engine = engine_for(KEY, build, tmp_path / "engines")
    engine.path.with_name(engine.path.name + part).write_bytes(damage)
    for _ in range(2):
        assert engine_for(KEY, build, tmp_path / "engines").content == b"engine 2"


def test_an_engine_that_was_renamed_is_not_believed(tmp_path: Path) -> None:
    """Else an engine for one driver might run on another."""
    other = replace(KEY, driver="581")
    old = engine_for(other, Builder(other), folder := tmp_path / "engines").path
    new = folder / f"{KEY.digest}.engine"
    card_path(old).rename(card_path(new))
    old.rename(new)
    build = Builder()
    engine_for(KEY, build, folder)
    assert build.built == 1


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> tuple[bytes, EngineCard]:
        raise BackendError("no memory")

    with pytest.raises(BackendError, match="no memory"):
        engine_for(KEY, fail, tmp_path / "engines")
    assert cached_engines(tmp_path / "engines") == []
    assert list((tmp_path / "engines").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_may_write_is_refused(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "engines"
    engine_for(KEY, Builder(), folder)
    folder.chmod(mode)
    with pytest.raises(BackendError, match="others may write"):
        engine_for(KEY, Builder(), folder)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_the_folder_is_the_users_alone(tmp_path: Path) -> None:
    engine_for(KEY, Builder(), folder := tmp_path / "engines")
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackendError, match="engines cannot be kept in"):
        engine_for(KEY, Builder(), tmp_path / "file" / "engines")


def test_engines_are_listed_and_deleted(tmp_path: Path) -> None:
    assert cached_engines(tmp_path / "none") == prune(tmp_path / "none") == []
    other = replace(KEY, gpu="H200")
    for key in (KEY, other):
        engine_for(key, Builder(key), folder := tmp_path / "engines")
    (folder / f"{other.digest}.engine.json").write_bytes(b"?")
    listed = cached_engines(folder)
    assert {engine.card and engine.card.gpu for engine in listed} == {"H100", None}
    assert all(engine.bytes == len(b"engine 1") for engine in listed)
    assert prune(folder) == listed
    assert list(folder.iterdir()) == []


def test_the_cache_follows_the_users_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "engines"
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert cache_folder().is_relative_to(tmp_path)


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return open_model(CIFAKE_MODEL)


def test_a_given_batch_has_an_engine_of_its_own(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "version", lambda flavor: "1.7")
    gpu = Gpu("RTX 4090", "8.9", "580.95")
    tuned, given = (engine_key(model, gpu, "tensorrt_rtx", batch) for batch in (None, 48))
    assert given.batch == BatchProfile(1, 48, 48)
    assert tuned.batch.maximum > 48
    assert tuned.digest != given.digest
    assert (tuned.model_sha256, tuned.precision) == (model.sha256, "float32")


def test_a_plain_model_is_built_once_for_the_gpu_here(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All but the GPU and TensorRT itself is real."""
    builds: list[tuple[Path, tuple[int, ...], str, BatchProfile]] = []

    def build(path: Path, shape: tuple[int, ...], flavor: str, profile: BatchProfile) -> bytes:
        builds.append((path, shape, flavor, profile))
        return b"engine"

    gpus = [Gpu("H100", "9.0", "580")] * 2 + [Gpu("H100", "9.0", "581")]
    monkeypatch.setattr(cache, "find_gpu", lambda device: gpus.pop(0))
    monkeypatch.setattr(cache, "choose_flavor", lambda capability: "tensorrt")
    monkeypatch.setattr(cache, "version", lambda flavor: "11.4")
    monkeypatch.setattr(cache, "build", build)
    told: list[str] = []
    for _ in range(2):
        found = engine_of(model, 8, told.append, tmp_path / "engines")
        assert found.content == b"engine"
        assert found.card.model == model.card
    assert builds == [(model.path, (32, 32, 3), "tensorrt", BatchProfile(1, 8, 8))]
    assert told == ["building a TensorRT engine of resnet18 for H100, once; this takes minutes"]
    engine_of(model, 8, told.append, tmp_path / "engines")
    assert len(builds) == 2, "another driver, another engine"


@pytest.fixture
def engine_file(tmp_path: Path) -> Path:
    content, card = Builder()()
    write_engine(path := tmp_path / "resnet18.h100.fp16.engine", content, card)
    return path


def test_an_engine_file_is_a_model(engine_file: Path, model: ModelFile) -> None:
    opened = open_model(str(engine_file))
    assert opened.card == model.card
    assert opened.name == "resnet18.h100.fp16"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_an_engine_runs_on_nothing_but_tensorrt(device: str, engine_file: Path) -> None:
    with pytest.raises(BackendError, match=r"is a TensorRT engine.*--device tensorrt"):
        open_backend(open_model(str(engine_file)), device)


def test_an_engine_file_for_another_gpu_is_refused(
    engine_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "find_gpu", lambda device: Gpu("RTX 4090", "8.9", "580"))
    with pytest.raises(
        BackendError, match=r"built for compute capability 9\.0, but RTX 4090 has 8\.9"
    ):
        engine_of(open_model(str(engine_file)), None, print)


def test_an_engine_file_is_run_as_it_is(engine_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "find_gpu", lambda device: Gpu("H100", "9.0", "581"))
    monkeypatch.setattr(cache, "choose_flavor", lambda capability, wanted: wanted)
    assert engine_of(open_model(str(engine_file)), None, print).content == b"engine 1"


def test_a_changed_engine_file_is_refused(
    engine_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_file.write_bytes(b"another")
    monkeypatch.setattr(cache, "find_gpu", lambda device: Gpu("H100", "9.0", "580"))
    with pytest.raises(BackendError, match="not the engine its card was written for"):
        engine_of(open_model(str(engine_file)), None, print)


def test_an_engine_without_its_card_is_no_model(engine_file: Path) -> None:
    card_path(engine_file).unlink()
    with pytest.raises(ModelError, match="has no card"):
        open_model(str(engine_file))
