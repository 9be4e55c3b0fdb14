"""Protects the engine-file contract: only an engine with the card of its own bytes is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from scanner.model import ModelCard, ModelError
from scanner.model.card import Gate
from scanner.model.engine import (
    BatchProfile,
    EngineCard,
    EngineError,
    card_path,
    parse_engine_card,
    read_engine,
    read_engine_card,
    write_engine,
)

CONTENT = b"what TensorRT serialised"


@pytest.fixture
def engine_card(card: ModelCard) -> EngineCard:
    return EngineCard(
        model=card,
        model_sha256="ab" * 32,
        engine_sha256=hashlib.sha256(CONTENT).hexdigest(),
        flavor="tensorrt_rtx",
        version="1.7.1.116",
        gpu="",
        compute_capabilities=("8.9", "12.0"),
        driver="",
        precision="float16",
        batch=BatchProfile(1, 32, 128),
        gates=(
            Gate("ONNX float32", done=False, reason="no GPU"),
            Gate("network", done=True, figures={"images": 1000, "largest_logit_difference": 0.01}),
        ),
    )


@pytest.fixture
def engine(tmp_path: Path, engine_card: EngineCard) -> Path:
    path = tmp_path / "small.sm89.fp16.engine"
    write_engine(path, CONTENT, engine_card)
    return path


@pytest.fixture
def record(engine_card: EngineCard) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(engine_card.to_json())
    return loaded


def test_an_engine_comes_back_as_it_was_written(engine: Path, engine_card: EngineCard) -> None:
    found = read_engine(engine)
    assert (found.path, found.content) == (engine, CONTENT)
    assert found.card.to_json() == engine_card.to_json()
    assert found.card.compute_capabilities == ("8.9", "12.0")
    assert sorted(path.name for path in engine.parent.iterdir()) == [
        "small.sm89.fp16.engine",
        "small.sm89.fp16.engine.json",
    ]


def test_a_check_that_was_not_done_stays_not_done(engine: Path) -> None:
    not_done, done = read_engine_card(engine).gates
    assert not not_done.done
    assert not_done.reason == "no GPU"
    assert not_done.figures == {}
    assert done.done


def test_an_engine_of_other_bytes_is_refused(engine: Path) -> None:
    engine.write_bytes(CONTENT + b".")
    with pytest.raises(EngineError, match="is not the engine its card was written for"):
        read_engine(engine)


def test_an_engine_without_a_card_is_refused(engine: Path) -> None:
    card_path(engine).unlink()
    with pytest.raises(EngineError, match=r"has no card small\.sm89\.fp16\.engine\.json beside it"):
        read_engine(engine)


def test_a_card_without_an_engine_is_refused(engine: Path) -> None:
    engine.unlink()
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        read_engine(engine)


def test_an_unreadable_card_is_refused(engine: Path) -> None:
    card_path(engine).write_bytes(b"\xff\xfe")
    with pytest.raises(EngineError, match=r"the engine card .* cannot be read"):
        read_engine(engine)
    card_path(engine).write_text("{")
    with pytest.raises(EngineError, match=r"\.engine\.json: the engine card is not JSON"):
        read_engine(engine)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "has format 99, this version reads 3"),
        ({"format": 2}, r"reads 3; build it again with python -m export\.trt"),
        ({"flavor": "cuda"}, "malformed: unknown flavor 'cuda'"),
        ({"batch": {"minimum": 4, "optimum": 2, "maximum": 8}}, "malformed: a batch profile needs"),
        ({"batch": {"minimum": "1", "optimum": 2, "maximum": 8}}, "not three whole numbers"),
        ({"compute_capabilities": []}, "malformed: it names no compute capability"),
        ({"gates": [{"done": True}]}, "malformed"),
    ],
)
def test_a_spoilt_card_is_refused(
    record: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        parse_engine_card(json.dumps(record | change))


@pytest.mark.parametrize("name", ["model", "engine_sha256", "batch", "gates", "version"])
def test_a_card_that_lacks_something_is_refused(record: dict[str, Any], name: str) -> None:
    del record[name]
    with pytest.raises(EngineError, match=name):
        parse_engine_card(json.dumps(record))


def test_a_spoilt_model_card_is_refused(record: dict[str, Any]) -> None:
    del record["model"]["calibration"]
    with pytest.raises(ModelError, match="lacks 'calibration'"):
        parse_engine_card(json.dumps(record))
