"""Protects: engines build without a GPU, or the sentence says why not.

TensorRT for RTX builds real engines here, ahead of time, when it is installed.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.backends.backend import BackendError
from scanner.backends.tensorrt.build import build
from scanner.model import ModelCard, bundled_models, open_model
from scanner.model.engine import BatchProfile
from tests.scanner.views_model import VIEWS, write_views_model

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="needs tensorrt-rtx-cu13"
)


@needs_rtx
@pytest.mark.parametrize("capabilities", [(), ("8.9",), ("8.9", "12.0")])
def test_an_engine_builds_without_a_gpu(
    capabilities: tuple[str, ...], brightness_model: Path, tmp_path: Path
) -> None:
    engine = build(
        brightness_model,
        (32, 32, 3),
        "tensorrt_rtx",
        BatchProfile(1, 4, 8),
        workspace_bytes=2**28,
        timing_cache=tmp_path / "timing",
        capabilities=capabilities,
    )
    assert len(engine) > 1000
    assert not list(tmp_path.iterdir()), "TensorRT for RTX has no timings to keep"


@needs_rtx
def test_a_model_of_several_views_builds_without_what_no_scan_reads(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorrt_rtx

    returned: list[str] = []
    builder = tensorrt_rtx.Builder

    class Noting(builder):  # type: ignore[misc, valid-type]
        def build_serialized_network(self, network: Any, config: Any) -> Any:
            returned.extend(network.get_output(n).name for n in range(network.num_outputs))
            return super().build_serialized_network(network, config)

    monkeypatch.setattr(tensorrt_rtx, "Builder", Noting)
    several = replace(card, preprocessing=VIEWS, ood_at_most=8.0)
    path = write_views_model(tmp_path / "views.onnx", several)
    profile = BatchProfile(1, 4, 8)
    assert build(path, VIEWS.shape, "tensorrt_rtx", profile, capabilities=["8.9"])
    assert returned == ["logit", "ood"]


@needs_rtx
@pytest.mark.parametrize("capability", ["9.0", "10.0", "99"])
def test_another_gpu_that_rtx_does_not_serve_is_refused(
    capability: str, brightness_model: Path
) -> None:
    with pytest.raises(BackendError, match=f"does not serve compute capability {capability}"):
        build(
            brightness_model,
            (32, 32, 3),
            "tensorrt_rtx",
            BatchProfile(1, 1, 1),
            capabilities=[capability],
        )


FOR_GPUS = [name for name in bundled_models() if not open_model(name).card.cpu_only]


@needs_rtx
@pytest.mark.parametrize("name", FOR_GPUS)
def test_bundled_models_build(name: str) -> None:
    model = open_model(name)
    shape = model.card.preprocessing.shape
    profile = BatchProfile(1, 8, 32)
    assert build(model.path, shape, "tensorrt_rtx", profile, capabilities=["8.9"])


@needs_rtx
def test_what_is_no_graph_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"TensorRT cannot read broken\.onnx: "):
        build(broken, (32, 32, 3), "tensorrt_rtx", BatchProfile(1, 1, 1))
