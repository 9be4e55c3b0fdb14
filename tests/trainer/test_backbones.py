"""Protects: every backbone builds and scores, and starting weights are loaded or refused."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.models as tv
from torch import Tensor, nn

from trainer.backbones import BACKBONES, Detector, StartingWeightsError, build_detector
from trainer.checkpoint import load_checkpoint

SIDE = 32


@pytest.fixture
def views() -> Tensor:
    return torch.randint(0, 256, (2, SIDE, SIDE, 3), dtype=torch.uint8)


def score(detector: Detector, views: Tensor) -> Tensor:
    with torch.inference_mode():
        return detector.eval()(views)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_builds_with_one_logit_and_scores_a_batch(
    backbone: str, views: Tensor
) -> None:
    detector = build_detector(backbone, SIDE, "none")
    heads = [layer for layer in detector.modules() if isinstance(layer, nn.Linear)]
    assert heads[-1].out_features == 1
    logits = score(detector, views)
    assert logits.shape == (2,)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("depth", [18, 50])
def test_a_resnet_without_residual_connections_is_the_chain_of_its_layers(
    depth: int, views: Tensor
) -> None:
    whole = build_detector(f"resnet{depth}", SIDE, "none").eval()
    plain = build_detector(f"resnet{depth}_plain", SIDE, "none").eval()
    own = plain.network.state_dict()
    assert own.keys() < whole.network.state_dict().keys()
    assert not any("downsample" in name for name in own)
    plain.network.load_state_dict({name: whole.network.state_dict()[name] for name in own})
    network: Any = whole.network
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in stage:
            # What residual connections would add is nothing once it is multiplied with zero.
            block.downsample = Nothing(block.conv1.stride[0], block)
    assert torch.equal(score(whole, views), score(plain, views))


class Nothing(nn.Module):
    """Zeros in the shape of a block's shortcut."""

    def __init__(self, stride: int, block: Any) -> None:
        super().__init__()
        last = block.conv3 if hasattr(block, "conv3") else block.conv2
        self.channels = last.out_channels
        self.stride = max(stride, getattr(block, "stride", 1))

    def forward(self, pixels: Tensor) -> Tensor:
        count, _, height, width = pixels.shape
        rows, columns = -(-height // self.stride), -(-width // self.stride)
        return pixels.new_zeros(count, self.channels, rows, columns)


def test_stride1_keeps_small_images_at_their_resolution(views: Tensor) -> None:
    detector = build_detector("resnet18_stride1", SIDE, "none").eval()
    sides = []
    network: Any = detector.network
    network.layer1.register_forward_hook(lambda _, __, out: sides.append(out.shape[-1]))
    score(detector, views)
    assert sides == [SIDE]


def test_views_of_another_size_are_resized_in_the_graph(views: Tensor) -> None:
    detector = build_detector("resnet18", 64, "none").eval()
    pixels = views.permute(0, 3, 1, 2).float()
    enlarged = nn.functional.interpolate(pixels, size=(64, 64), mode="bilinear")
    with torch.inference_mode():
        torch.testing.assert_close(detector(views), detector.score(enlarged))


def test_the_logit_of_several_views_is_the_mean_of_theirs() -> None:
    detector = build_detector("bird_lotfi_cnn", SIDE, "none").eval()
    pixels = torch.randint(0, 256, (3, 5, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.inference_mode():
        apart = torch.stack([detector(image) for image in pixels])
        torch.testing.assert_close(detector(pixels), apart.mean(1))


def test_pixels_are_normalised_as_imagenet_backbones_expect() -> None:
    total = nn.Linear(3, 1)
    nn.init.ones_(total.weight)
    nn.init.zeros_(total.bias)
    detector = Detector(nn.Sequential(nn.Flatten(), total), 1)
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]) * 255
    pixels = torch.stack([mean, mean + deviation]).view(2, 3, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(detector.score(pixels), torch.tensor([0.0, 3.0]))


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_b3", "densenet121", "googlenet"])
def test_imagenet_weights_without_a_network_are_refused_in_a_sentence(
    backbone: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in [name for name in os.environ if name.lower() == "no_proxy"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    expected = rf"ImageNet weights of {backbone} could not be downloaded .*--weights FILE"
    with pytest.raises(StartingWeightsError, match=expected):
        build_detector(backbone, SIDE, "imagenet")


def test_no_imagenet_weights_for_the_paper_cnn() -> None:
    with pytest.raises(StartingWeightsError, match="never trained on ImageNet; use --weights none"):
        build_detector("bird_lotfi_cnn", SIDE, "imagenet")


def cached_imagenet_weights(cache: Path, url: str, state: dict[str, Tensor]) -> None:
    """Put weights where torchvision looks before it downloads `url`."""
    folder = cache / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / url.rpartition("/")[2])


@pytest.mark.parametrize("backbone", ["resnet18", "googlenet"])
def test_imagenet_weights_survive_the_way_through_a_checkpoint(
    backbone: str, views: Tensor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkpoint rebuilds its network without weights; both must compute the same."""
    options = {"init_weights": False} if backbone == "googlenet" else {}
    original = tv.get_model(backbone, weights=None, **options).state_dict()
    url = tv.get_model_weights(backbone)["IMAGENET1K_V1"].url
    cached_imagenet_weights(tmp_path, url, original)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    detector = build_detector(backbone, SIDE, "imagenet")
    loaded = detector.network.state_dict()
    body = list(loaded)[:-2]
    assert all(torch.equal(loaded[name], original[name]) for name in body)
    rebuilt = Detector(BACKBONES[backbone](None), SIDE)
    rebuilt.load_state_dict(detector.state_dict())
    torch.testing.assert_close(score(rebuilt, views), score(detector, views), atol=0, rtol=0)


def test_plain_state_dict_with_another_head_gives_its_body(tmp_path: Path) -> None:
    classifier = tv.resnet18(weights=None)
    torch.save(classifier.state_dict(), tmp_path / "resnet18.pth")
    network = build_detector("resnet18", SIDE, str(tmp_path / "resnet18.pth")).network
    loaded = network.state_dict()
    for name, tensor in classifier.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(loaded[name], tensor), name
    assert loaded["fc.weight"].shape == (1, 512)


def test_paper_cnn_takes_a_state_dict_with_another_head(tmp_path: Path) -> None:
    network = BACKBONES["bird_lotfi_cnn"](None)
    state = network.state_dict() | {"10.weight": torch.zeros(10, 64), "10.bias": torch.zeros(10)}
    torch.save(state, tmp_path / "ten.pt")
    loaded = build_detector("bird_lotfi_cnn", SIDE, str(tmp_path / "ten.pt")).network.state_dict()
    assert torch.equal(loaded["0.weight"], state["0.weight"])
    assert loaded["10.weight"].shape == (1, 64)


def test_state_dict_from_before_batches_were_counted_fits(tmp_path: Path) -> None:
    """Files as old as torchvision's first ImageNet weights have no num_batches_tracked."""
    state = tv.resnet18(weights=None).state_dict()
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    loaded = build_detector("resnet18", SIDE, str(tmp_path / "old.pth")).network.state_dict()
    assert torch.equal(loaded["layer4.1.bn2.weight"], state["layer4.1.bn2.weight"])


def test_densenet_state_dict_with_torchvisions_stored_names_fits(tmp_path: Path) -> None:
    """torchvision renames these while it downloads; a file given by hand still has them."""
    state = tv.densenet121(weights=None).state_dict()
    stored = {re.sub(r"(denselayer\d+\.(?:norm|conv))", r"\1.", k): v for k, v in state.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in stored
    torch.save(stored, tmp_path / "densenet121.pth")
    network = build_detector("densenet121", SIDE, str(tmp_path / "densenet121.pth")).network
    loaded = network.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in list(loaded)[:-2])


def test_checkpoint_of_a_run_gives_all_its_weights(tiny_run: Path, views: Tensor) -> None:
    path = tiny_run / "model.pt"
    detector = build_detector("bird_lotfi_cnn", SIDE, str(path))
    trained = load_checkpoint(path).detector()
    torch.testing.assert_close(score(detector, views), score(trained, views), atol=0, rtol=0)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    torch.save(tv.resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(StartingWeightsError, match=r"does not fit this backbone: \d+ of \d+"):
        build_detector("resnet50", SIDE, str(tmp_path / "resnet18.pth"))


def test_missing_weights_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartingWeightsError, match="there is no weights file"):
        build_detector("bird_lotfi_cnn", SIDE, str(tmp_path / "absent.pt"))


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half a zip"])
def test_files_that_are_not_pytorchs_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(StartingWeightsError, match="is not a PyTorch weights file"):
        build_detector("bird_lotfi_cnn", SIDE, str(path))


@pytest.mark.parametrize(
    "content", [torch.zeros(3), [1, 2], {"epoch": 3}, {1: torch.zeros(2)}, {"state": 7}]
)
def test_pytorch_files_without_weights_are_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(StartingWeightsError, match=r"does not fit|holds no weights"):
        build_detector("bird_lotfi_cnn", SIDE, str(tmp_path / "other.pt"))


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"0.weight": Payload()}, tmp_path / "hostile.pt")
    with pytest.raises(StartingWeightsError):
        build_detector("bird_lotfi_cnn", SIDE, str(tmp_path / "hostile.pt"))
    assert not (tmp_path / "ran").exists()
