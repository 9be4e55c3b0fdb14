"""What the export's tests share: ResNets of random weights, and their float16 files."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from export.onnx import main, to_graph
from export.parity import LabelledViews, parity_images
from scanner.model import Calibration, Domain, ModelFile, open_model
from scanner.model.figures import reliability
from scanner.preprocess import Preprocessing
from tests.conftest import made_once
from trainer.backbones import Detector, build_detector
from trainer.calibration import operating_points
from trainer.checkpoint import Checkpoint
from trainer.metrics import measure

RESNETS = ("resnet18", "resnet152")
BLOCK_GAIN = 0.2  # of a residual block's last batch normalisation


@pytest.fixture(scope="session")
def resnet_checkpoints(
    tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Checkpoints of RESNETS with random weights, which take 32×32 views.

    Batch normalisation has met the test's images and each block adds a little to what passes it, as
    in a trained network: sums of 50 random blocks of full strength would multiply every rounding.
    The thresholds lie amid the scores.
    """

    def make(folder: Path) -> None:
        images = parity_images(tiny_data, Preprocessing(32))
        for backbone in RESNETS:
            random_checkpoint(backbone, images).save(folder / f"{backbone}.pt")

    folder = made_once(tmp_path_factory, "resnets", make)
    return {backbone: folder / f"{backbone}.pt" for backbone in RESNETS}


def random_checkpoint(backbone: str, images: LabelledViews) -> Checkpoint:
    import torch
    from torchvision.models.resnet import BasicBlock, Bottleneck

    torch.manual_seed(0)
    detector = build_detector(backbone, 32, "none")
    for module in detector.modules():
        if isinstance(module, BasicBlock | Bottleneck):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            torch.nn.init.constant_(last.weight, BLOCK_GAIN)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean of what it meets
    with torch.inference_mode():
        detector.train()(torch.from_numpy(images.views[::8]))
        logits = detector.eval()(torch.from_numpy(images.views[::4])).numpy()
    labels = images.labels[::4]
    spread = float(logits.std())
    calibration = Calibration(temperature=spread, bias=float(-logits.mean()) / spread)
    calibrated = calibration.apply(logits)
    return Checkpoint(
        backbone=backbone,
        image_size=32,
        preprocessing=Preprocessing(32),
        domain=Domain("small squares", 32, 32),
        calibration=calibration,
        operating_points=operating_points((calibrated, labels), (calibrated, labels)),
        reliability=reliability(calibrated, labels),
        metrics={"test": measure(calibrated, labels)},
        training={"data": "none"},
        state=detector.state_dict(),
    )


def traced_path(half: Path) -> Path:
    """Where the graph lies of which one of `half_resnets` was made."""
    return half.with_suffix(".traced")


@pytest.fixture(scope="session")
def half_resnets(
    resnet_checkpoints: dict[str, Path], tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """What `python -m export.onnx --precision fp16` writes for each of them.

    Beside it lies the graph that the command traced: for a ResNet-152 that takes long.
    """

    def make(folder: Path) -> None:
        for backbone, checkpoint in resnet_checkpoints.items():
            export_half(checkpoint, folder / f"{backbone}.fp16.onnx", tiny_data)

    folder = made_once(tmp_path_factory, "half", make)
    return {backbone: folder / f"{backbone}.fp16.onnx" for backbone in RESNETS}


def export_half(checkpoint: Path, output: Path, data: Path) -> None:
    def keeping(detector: Detector, shape: tuple[int, ...]) -> onnx.ModelProto:
        graph = to_graph(detector, shape)
        onnx.save(graph, traced_path(output))
        return graph

    arguments = [checkpoint, "--precision", "fp16", "--data", data, "-o", output]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.onnx.to_graph", keeping)
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def said(*arguments: object) -> str:
    """What the export says as it fails, after making sure that it is one sentence."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    return result.output


def converted(
    source: Path, precision: str, data: Path, folder: Path, *more: object
) -> tuple[ModelFile, onnx.ModelProto]:
    output = folder / f"{source.stem}.{precision}.onnx"
    options = ["--precision", precision, "--data", data, "-o", output, *more]
    result = CliRunner().invoke(main, [str(argument) for argument in (source, *options)])
    assert result.exit_code == 0, result.output
    return open_model(str(output)), onnx.load(output)
