"""Protects: `imgscan engines` shows what the cache holds and empties it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scanner.backends.tensorrt.cache import EngineKey, describe, engine_for
from scanner.cli.main import main
from scanner.model import open_model
from scanner.model.engine import BatchProfile, card_path
from tests.conftest import CIFAKE_MODEL

BATCH = BatchProfile(1, 8, 64)
KEY = EngineKey("ab" * 32, "tensorrt", "11.4", "H100", "9.0", "580.9", "float16", BATCH)


def cache(folder: Path, content: bytes) -> Path:
    """Where `content` was put as the engine of KEY."""
    card = describe(open_model(CIFAKE_MODEL), KEY, content)
    return engine_for(KEY, lambda: (content, card), folder).path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        "scanner.backends.tensorrt.cache.cache_folder", lambda: tmp_path / "engines"
    )
    return tmp_path / "engines"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["engines", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_an_empty_cache(folder: Path) -> None:
    assert run() == f"0 engines, 0.0 MB, in {folder}\n"
    assert run("--prune") == f"0 engines, 0.0 MB, deleted from {folder}\n"


def test_engines_are_described_and_deleted(folder: Path) -> None:
    cache(folder, bytes(2_000_000))
    listed = run()
    for fact in (
        "resnet18 abababababab, float16",
        "tensorrt 11.4",
        "H100 (9.0), driver 580.9",
        "1 to 64",
    ):
        assert fact in listed
    assert "1 engine, 2.0 MB, in" in listed
    assert "deleted from" in run("--prune")
    assert run().startswith("0 engines")


def test_an_engine_without_its_card_is_listed(folder: Path) -> None:
    card_path(cache(folder, b"engine")).unlink()
    assert "no scan will use it" in run()
