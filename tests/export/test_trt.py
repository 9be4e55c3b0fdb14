"""Protects: engines come with a card that is true, and no engine is built by mistake.

TensorRT for RTX builds real engines here ahead of time, which needs no GPU. Loading one does, so
without a GPU they are inspected from outside: the network before it is serialised (inputs, outputs,
types, profile), TensorRT's own verdict on the header, and the tensors and GPUs that the plan names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from export.parity import LabelledViews, ParityError, Views, parity_images
from export.precision import store_in_int8
from export.trt import Target, engine_gates, find_target, gpu_here, main
from scanner.backends.backend import BackendError, Scores
from scanner.backends.gpu import Gpu
from scanner.backends.tensorrt.build import build
from scanner.model import open_model
from scanner.model.engine import BatchProfile, EngineFile, card_path, read_engine
from tests.export.conftest import RESNETS
from trainer.checkpoint import load_checkpoint

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13"
)
needs_gpu = pytest.mark.skipif(gpu_here() is None, reason="needs an NVIDIA GPU")
without_gpu = pytest.mark.skipif(gpu_here() is not None, reason="there is a GPU")

AHEAD = ("--compute-capability", "8.9", "--compute-capability", "12.0")


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def said(*arguments: object) -> str:
    code, output = run(*arguments)
    assert code == 1
    return output


@pytest.fixture(scope="module")
def engines(
    half_resnets: dict[str, Path], tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, EngineFile]:
    """What the command writes for ResNet-18 and ResNet-152, built for SM 8.9 and 12.0."""
    folder = tmp_path_factory.mktemp("engines")
    found = {}
    for backbone, half in half_resnets.items():
        path = folder / f"{backbone}.engine"
        batches = ("--min-batch", 1, "--batch", 8, "--max-batch", 32, "--workspace", 256)
        code, output = run(half, "-o", path, "--data", tiny_data, *AHEAD, *batches)
        assert code == 0, output
        found[backbone] = read_engine(path)
    return found


@needs_rtx
@pytest.mark.parametrize("backbone", RESNETS)
def test_the_card_is_true(
    backbone: str, engines: dict[str, EngineFile], half_resnets: dict[str, Path]
) -> None:
    import tensorrt_rtx

    engine, model = engines[backbone], open_model(str(half_resnets[backbone]))
    card = engine.card
    assert card.model.to_json() == model.card.to_json()
    assert card.model_sha256 == model.sha256
    assert card.engine_sha256 == hashlib.sha256(engine.path.read_bytes()).hexdigest()
    assert (card.flavor, card.version) == ("tensorrt_rtx", tensorrt_rtx.__version__)
    assert (card.gpu, card.driver) == ("", "")
    assert card.compute_capabilities == ("8.9", "12.0")
    assert card.precision == "float16"
    assert card.batch == BatchProfile(1, 8, 32)


@needs_rtx
@without_gpu
def test_an_engine_that_could_not_run_has_not_passed(engines: dict[str, EngineFile]) -> None:
    for engine in engines.values():
        assert engine.card.gates
        for gate in engine.card.gates:
            assert not gate.done
            assert gate.reason == "there is no usable NVIDIA GPU here"
            assert gate.figures == {}


@needs_rtx
@pytest.mark.parametrize("backbone", RESNETS)
def test_the_plan_names_its_gpus_and_tensors(backbone: str, engines: dict[str, EngineFile]) -> None:
    content = engines[backbone].content
    for part in (b"sm89", b"sm120", b"images", b"logit"):
        assert part in content
    assert len(content) > {"resnet18": 20e6, "resnet152": 110e6}[backbone]


@needs_rtx
def test_tensorrt_finds_the_header_sound(engines: dict[str, EngineFile]) -> None:
    """Without a GPU no engine is valid, but a malformed one is told apart."""
    import tensorrt_rtx as trt

    malformed = int(trt.EngineInvalidityDiagnostics.MALFORMED_ENGINE)
    runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
    content = engines["resnet18"].content
    assert not runtime.get_engine_validity(content)[1] & malformed
    assert runtime.get_engine_validity(b"x" * len(content))[1] & malformed


@needs_rtx
@pytest.mark.parametrize("backbone", RESNETS)
def test_the_network_has_the_contracts_inputs_and_outputs(
    backbone: str, half_resnets: dict[str, Path]
) -> None:
    import tensorrt_rtx as trt

    log = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    assert trt.OnnxParser(network, log).parse(half_resnets[backbone].read_bytes())
    assert (network.num_inputs, network.num_outputs) == (1, 1)
    taken, given = network.get_input(0), network.get_output(0)
    assert (taken.name, taken.dtype, tuple(taken.shape)) == (
        "images",
        trt.DataType.UINT8,
        (-1, 32, 32, 3),
    )
    assert (given.name, given.dtype, tuple(given.shape)) == ("logit", trt.DataType.FLOAT, (-1,))
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    assert len(convolutions) == {"resnet18": 20, "resnet152": 155}[backbone]
    assert {layer.get_output(0).dtype for layer in convolutions} == {trt.DataType.HALF}


@needs_rtx
def test_a_float32_file_is_rounded_and_gated_first(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """Beside the model, named for the GPUs, with the float16 graph's own figures."""
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model.read_bytes())
    code, output = run(model, "--data", tiny_data, *AHEAD)
    assert code == 0
    assert "sm89-sm120.fp16.engine" in output
    engine = read_engine(tmp_path / "tiny.sm89-sm120.fp16.engine")
    assert engine.card.model_sha256 == open_model(str(model)).sha256
    assert engine.card.model.precision == "float16"
    pytorch, float32 = engine.card.model.parity["gates"]
    assert not pytorch["done"]
    assert float32["done"]
    assert float32["figures"]["images"] == 1000
    if gpu_here() is None:
        assert output.count("\n  parity with ") == output.count("NOT DONE, there is no usable") == 3
    assert "its graph's parity with PyTorch float32: NOT DONE, no checkpoint" in output
    assert output.endswith("CPU float32: passed on 1,000 images\n")


@needs_rtx
@pytest.mark.parametrize("folder", [None, "plain"], ids=["no data", "no labels"])
def test_without_labelled_images_an_engine_is_built_all_the_same(
    folder: str | None,
    tiny_model: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The user's own command, on a machine that has a model and nothing else of imgscan's."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.onnx").write_bytes(tiny_model.read_bytes())
    shutil.copytree(tiny_data / "test" / "REAL", tmp_path / "plain")
    count, labels = {None: (57, "there are only 57 samples"), "plain": (500, "these are not")}[
        folder
    ]
    options = ("--data", folder) if folder else ()
    code, output = run("tiny.onnx", *AHEAD, *options)
    assert code == 0, output
    card = read_engine(Path("tiny.sm89-sm120.fp16.engine")).card
    assert card.gates
    gate = card.model.parity["gates"][-1]
    assert (gate["done"], gate["figures"]["images"]) == (True, count)
    assert "f1" not in gate["figures"]
    assert gate["reason"].startswith("F1 NOT CHECKED: it takes 1,000 test images")
    assert labels in gate["reason"]
    assert f"CPU float32: passed on {count} images, {gate['reason']}\n" in output


@needs_rtx
def test_a_file_with_int8_weights_can_be_built_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "stored.onnx"
    onnx.save(store_in_int8(onnx.load(tiny_model)), path)
    assert build(path, (32, 32, 3), "tensorrt_rtx", BatchProfile(1, 8, 32), capabilities=("8.9",))


@needs_rtx
def test_a_capability_that_rtx_does_not_serve(tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.engine"
    ahead = ("--compute-capability", "8.9", "--compute-capability", "9.0")
    assert "does not serve a GPU of compute capability 9.0" in said(
        tiny_model, "-o", output, *ahead
    )
    assert list(tmp_path.iterdir()) == []


@needs_rtx
@without_gpu
def test_without_a_gpu_it_must_be_named(tiny_model: Path, tmp_path: Path) -> None:
    sentence = said(tiny_model, "-o", tmp_path / "out.engine")
    assert "no usable NVIDIA GPU here" in sentence
    assert "--compute-capability 8.9" in sentence


@pytest.mark.parametrize("options", [(), AHEAD, ("--flavor", "tensorrt")])
def test_without_tensorrt_the_package_for_each_gpu_is_named(
    options: tuple[str, ...], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for flavor in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, flavor, None)  # as if it were not installed
    sentence = said(tiny_model, "-o", tmp_path / "out.engine", *options)
    assert "workstations pip install tensorrt-rtx-cu13" in sentence
    assert "data-centre GPUs (A100, H100, B200) pip install tensorrt" in sentence


@needs_rtx
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--flavor", "tensorrt"), "only TensorRT for RTX builds for another GPU"),
        (("--batch", "512"), "1 <= minimum <= optimum <= maximum, not 1, 512, 256"),
        (("--min-batch", "0"), "not 0, 128, 256"),
        (("--data", "absent"), "there is no data folder absent"),
        (("--checkpoint", "absent.pt"), "there is no checkpoint absent.pt"),
        (("-o", "absent/out.engine"), "there is no folder absent"),
    ],
)
def test_unusable_options_are_said_in_a_sentence(
    options: tuple[str, ...], sentence: str, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.engine"
    given = ("--data", tiny_data, "-o", output, *AHEAD, *options)
    assert sentence in said(tiny_model, *given)
    assert list(tmp_path.iterdir()) == []


@needs_rtx
def test_what_is_no_model_file_is_refused(tmp_path: Path, tiny_data: Path) -> None:
    assert "there is no model" in said(tmp_path / "absent.onnx", "--data", tiny_data, *AHEAD)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    assert "is not a usable ONNX file" in said(broken, "--data", tiny_data, *AHEAD)


H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.95")
RTX_4090 = Gpu("NVIDIA GeForce RTX 4090", "8.9", "580.95")


def test_the_file_is_named_for_the_gpu() -> None:
    assert Target("tensorrt", ("9.0",), H100, "", False).label == "nvidia-h100-80gb-hbm3"
    assert Target("tensorrt_rtx", ("8.9",), RTX_4090, "", True).label == "sm89"


@needs_rtx
@pytest.mark.parametrize(
    ("gpu", "measured"), [(RTX_4090, True), (H100, False)], ids=["the same", "another"]
)
def test_only_the_gpu_it_is_for_can_measure_it(
    gpu: Gpu, measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.trt.gpu_here", lambda: gpu)
    target = find_target(("8.9",), None)
    assert (target.gpu is not None) == measured
    if not measured:
        assert target.reason == "the GPU here is not one the engine is for"


@needs_rtx
def test_an_engine_that_scores_otherwise_is_refused(
    engines: dict[str, EngineFile],
    half_resnets: dict[str, Path],
    resnet_checkpoints: dict[str, Path],
    tiny_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gates themselves, with the scores that a GPU would return in their place.

    They see every tenth image: one verdict that flips among so few is too many.
    """
    engine = engines["resnet18"]
    whole = parity_images(tiny_data, engine.card.model.preprocessing)
    images = LabelledViews(whole.views[::10], whole.labels[::10])
    target = Target("tensorrt_rtx", ("8.9",), RTX_4090, "", True)
    graphs = {"float16": half_resnets["resnet18"].read_bytes()}
    checkpoint = load_checkpoint(resnet_checkpoints["resnet18"])
    from export.parity import scores_onnx

    right = scores_onnx(graphs["float16"], images.views, "float16")
    returned: dict[str, Any] = {"scores": right}
    monkeypatch.setattr("export.trt.score_engine", lambda engine, views: returned["scores"])
    gates = engine_gates(engine, graphs, checkpoint, target, images)
    assert [gate.done for gate in gates] == [True, True]
    without = engine_gates(engine, graphs, None, target, images)
    assert [gate.done for gate in without] == [False, True]
    unlabelled = Views(images.views, None, "no labels")
    for gate in engine_gates(engine, graphs, checkpoint, target, unlabelled):
        assert gate.in_words().endswith("passed on 100 images, no labels")
    returned["scores"] = Scores(right.logits + np.float32(0.5))
    with pytest.raises(ParityError, match="the float16 file disagrees with ONNX Runtime"):
        engine_gates(engine, graphs, None, target, images)


@needs_gpu
def test_an_engine_for_the_gpu_here_passes_its_gates(
    tiny_model: Path, tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tiny.engine"
    options = ("--data", tiny_data, "--checkpoint", tiny_run, "-o", output)
    code, said_so = run(tiny_model, *options)
    assert code == 0, said_so
    card = read_engine(output).card
    assert card.gpu
    assert card.driver
    assert [gate.done for gate in card.gates] == [True, True, True]


@needs_rtx
def test_the_tensorrt_that_is_missing_is_named() -> None:
    if importlib.util.find_spec("tensorrt") is not None:
        pytest.skip("tensorrt is installed")
    with pytest.raises(BackendError, match="pip install tensorrt"):
        find_target((), "tensorrt")


@needs_rtx
def test_the_card_lies_beside_the_engine(engines: dict[str, EngineFile]) -> None:
    for engine in engines.values():
        assert card_path(engine.path).is_file()
