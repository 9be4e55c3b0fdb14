"""The one list of backbones, and the detector that wraps any of them.

A backbone is a network from normalised N×3×S×S float pixels to one logit an image. `Detector`
puts resizing and normalisation in front of it, so that the exported graph takes raw uint8 views.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import Tensor, nn

from scanner.errors import ImgscanError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class StartingWeightsError(ImgscanError):
    """The starting weights cannot be had or do not fit the backbone."""


def _resnet(build: Callable[..., tv.ResNet]) -> Callable[[str | None], nn.Module]:
    def make(weights: str | None) -> nn.Module:
        network: Any = build(weights=weights)
        network.fc = nn.Linear(network.fc.in_features, 1)
        return network

    return make


def _plain(build: Callable[[str | None], nn.Module]) -> Callable[[str | None], nn.Module]:
    """A ResNet without its residual connections: each block is only the chain of its layers.

    The layers keep their names, so a ResNet's weights fit.
    """

    def make(weights: str | None) -> nn.Module:
        network: Any = build(weights)
        for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
            for name, block in stage.named_children():
                chain = nn.Sequential()
                for number in range(1, 4 if isinstance(block, tv.resnet.Bottleneck) else 3):
                    chain.add_module(f"conv{number}", getattr(block, f"conv{number}"))
                    chain.add_module(f"bn{number}", getattr(block, f"bn{number}"))
                    chain.add_module(f"relu{number}", nn.ReLU(inplace=True))
                setattr(stage, name, chain)
        return network

    return make


def _stride1(build: Callable[[str | None], nn.Module]) -> Callable[[str | None], nn.Module]:
    """A ResNet whose stem keeps the resolution, so that 32-pixel images need not be enlarged."""

    def make(weights: str | None) -> nn.Module:
        network: Any = build(weights)
        network.conv1.stride = (1, 1)
        network.maxpool = nn.Identity()
        return network

    return make


def _with_classifier(build: Callable[..., nn.Module]) -> Callable[[str | None], nn.Module]:
    """For networks whose `classifier` ends in the class layer (VGG, EfficientNet)."""

    def make(weights: str | None) -> nn.Module:
        network: Any = build(weights=weights)
        network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, 1)
        return network

    return make


def _densenet121(weights: str | None) -> nn.Module:
    network = tv.densenet121(weights=weights)
    network.classifier = nn.Linear(network.classifier.in_features, 1)
    return network


def _googlenet(weights: str | None) -> nn.Module:
    # The auxiliary classifiers only ever served training from scratch on ImageNet; torchvision
    # drops them by itself where it loads weights. Those weights expect the input transformed, and
    # a checkpoint does not say which weights it began with, so it always is.
    fresh = {"aux_logits": False, "init_weights": True} if weights is None else {}
    network = tv.googlenet(weights=weights, transform_input=True, **fresh)
    network.fc = nn.Linear(network.fc.in_features, 1)
    return network


def _bird_lotfi_cnn(weights: str | None) -> nn.Module:
    """The best CNN of Bird & Lotfi (IEEE Access 2024) for 32×32 images.

    Two blocks of 32 3×3 filters, ReLU and max-pooling, one dense layer of 64, one output.
    """
    if weights is not None:
        raise StartingWeightsError(
            "bird_lotfi_cnn was never trained on ImageNet; use --weights none or a file."
        )
    return nn.Sequential(
        nn.Conv2d(3, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(6),  # the identity at 32×32
        nn.Flatten(),
        nn.Linear(32 * 6 * 6, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


# name -> builder(weights), where weights is None or a torchvision weights name.
BACKBONES: dict[str, Callable[[str | None], nn.Module]] = {
    "resnet18": _resnet(tv.resnet18),
    "resnet50": _resnet(tv.resnet50),
    "resnet101": _resnet(tv.resnet101),
    "resnet152": _resnet(tv.resnet152),
    "vgg16": _with_classifier(tv.vgg16),
    "efficientnet_b3": _with_classifier(tv.efficientnet_b3),
    "efficientnet_b4": _with_classifier(tv.efficientnet_b4),
    "densenet121": _densenet121,
    "googlenet": _googlenet,
    "bird_lotfi_cnn": _bird_lotfi_cnn,
}
RESNETS = ("resnet18", "resnet50", "resnet101", "resnet152")
BACKBONES |= {f"{name}_plain": _plain(BACKBONES[name]) for name in RESNETS}
BACKBONES |= {f"{name}_stride1": _stride1(BACKBONES[name]) for name in RESNETS}


class Detector(nn.Module):
    """uint8 pixels (RGB, 0 to 255) to logits N (float32, log-odds that each image is fake).

    The pixels are N×S×S×3 or, where each image is seen in V views, N×V×S×S×3. Views are scored one
    by one, and an image's logit is the mean of theirs.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, network: nn.Module, image_size: int) -> None:
        super().__init__()
        self.network = network
        self.image_size = image_size
        for name, values in (("pixel_mean", IMAGENET_MEAN), ("pixel_std", IMAGENET_STD)):
            constant = torch.tensor(values).view(1, 3, 1, 1) * 255
            self.register_buffer(name, constant, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        # Cast before all else: TensorRT takes uint8 only to cast it.
        pixels = images.float()
        several = pixels.dim() == 5
        if several:
            pixels = pixels.flatten(0, 1)
        pixels = pixels.permute(0, 3, 1, 2)
        if pixels.shape[-1] != self.image_size:
            side = (self.image_size, self.image_size)
            pixels = F.interpolate(pixels, size=side, mode="bilinear", align_corners=False)
        logits = self.score(pixels)
        if not several:
            return logits
        # Added one by one: a row's sum is ordered by where it lies in memory, and so by its batch.
        first, *others = logits.unflatten(0, (-1, images.shape[1])).unbind(1)
        return sum(others, first) / images.shape[1]

    def score(self, pixels: Tensor) -> Tensor:
        """Logits of float pixels N×3×S×S, 0 to 255, already at the backbone's size."""
        return self.network((pixels - self.pixel_mean) / self.pixel_std).squeeze(1).float()


def build_detector(backbone: str, image_size: int, weights: str) -> Detector:
    """A detector with starting weights `imagenet`, `none`, or from a file.

    Raises StartingWeightsError.
    """
    if weights == "imagenet":
        try:
            network = BACKBONES[backbone]("DEFAULT" if backbone == "googlenet" else "IMAGENET1K_V1")
        # urllib's errors are OSErrors; a file that is not the right one is a RuntimeError.
        except (OSError, HTTPException, RuntimeError) as error:
            raise StartingWeightsError(
                f"the ImageNet weights of {backbone} could not be downloaded ({error}); "
                "give a file with --weights FILE, or --weights none to train from scratch."
            ) from error
        return Detector(network, image_size)
    detector = Detector(BACKBONES[backbone](None), image_size)
    if weights != "none":
        _load_body(detector, Path(weights))
    return detector


def begin_as_identity(detector: Detector) -> None:
    """Set the last normalisation of each residual branch to zero; networks without any stay."""
    for block in detector.modules():
        if isinstance(block, tv.resnet.Bottleneck):
            nn.init.zeros_(block.bn3.weight)
        elif isinstance(block, tv.resnet.BasicBlock):
            nn.init.zeros_(block.bn2.weight)


def _load_body(detector: Detector, path: Path) -> None:
    """Copy every tensor that fits from a checkpoint or a plain state dict.

    Only the head, a network's last layer, may differ or be missing.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise StartingWeightsError(f"there is no weights file {path}.") from error
    except Exception as error:  # torch.load raises pickle, zip and runtime errors alike
        raise StartingWeightsError(f"{path} is not a PyTorch weights file.") from error
    state = stored.get("state", stored) if isinstance(stored, dict) else None
    if not isinstance(state, dict):
        raise StartingWeightsError(f"{path} holds no weights; name a checkpoint or a state dict.")
    state = {_current_name(str(name)): tensor for name, tensor in state.items()}
    own = detector.network.state_dict()
    fitting = {
        k: v for k, v in state.items() if k in own and getattr(v, "shape", None) == own[k].shape
    }
    # Batch counts are bookkeeping that ImageNet files from before they existed do not have.
    body = [name for name in list(own)[:-2] if not name.endswith("num_batches_tracked")]
    missing = [name for name in body if name not in fitting]
    if missing:
        raise StartingWeightsError(
            f"{path} does not fit this backbone: {len(missing)} of {len(body)} tensors are "
            f"missing or of another shape, the first is {missing[0]}."
        )
    detector.network.load_state_dict(fitting, strict=False)


def _current_name(name: str) -> str:
    """A stored tensor's name in the network; torchvision's DenseNet files write norm1 as norm.1."""
    return re.sub(r"\.(norm|conv)\.([12])\.", r".\1\2.", name.removeprefix("network."))
