"""What the export's tests share: ResNets of random weights, and their float16 files."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from export.onnx import main
from export.parity import parity_images
from scanner.model import Calibration, Domain
from scanner.preprocess import Preprocessing
from trainer.backbones import build_detector
from trainer.calibration import operating_points, reliability
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
    import torch
    from torchvision.models.resnet import BasicBlock, Bottleneck

    folder = tmp_path_factory.mktemp("resnets")
    images = parity_images(tiny_data, Preprocessing(32))
    found = {}
    for backbone in RESNETS:
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
        checkpoint = Checkpoint(
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
        found[backbone] = folder / f"{backbone}.pt"
        checkpoint.save(found[backbone])
    return found


@pytest.fixture(scope="session")
def half_resnets(
    resnet_checkpoints: dict[str, Path], tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """What `python -m export.onnx --precision fp16` writes for each of them."""
    folder = tmp_path_factory.mktemp("half")
    found = {}
    for backbone, checkpoint in resnet_checkpoints.items():
        found[backbone] = folder / f"{backbone}.fp16.onnx"
        options = ["--precision", "fp16", "--data", tiny_data, "-o", found[backbone]]
        result = CliRunner().invoke(main, [str(part) for part in (checkpoint, *options)])
        assert result.exit_code == 0, result.output
    return found
