"""Protects: a network learns from what the scan would show it, and from new views at every step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanner.preprocess import view
from trainer.data.examples import DataError
from trainer.photographs import views
from trainer.photographs.clip import PREPROCESSING
from trainer.photographs.small import LONGER_SIDE, SHORTER_SIDE, small
from trainer.photographs.sources import Photograph
from trainer.photographs.views import SAVED_AT, SELDOM, Pictures

SIZES = ((400, 300), (300, 400), (500, 500), (1000, 260), (120, 90), (90, 400))


def smooth(size: tuple[int, int], seed: int) -> Image.Image:
    """A picture whose views hardly depend on the filter, and on nothing but their place in it."""
    random = np.random.default_rng(seed)
    colours = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return colours.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Photograph]:
    folder = tmp_path_factory.mktemp("pictures")
    found = []
    for number, size in enumerate(SIZES):
        path = folder / f"{number}.png"
        smooth(size, number).save(path)
        found.append(Photograph(str(number), number % 2, "one", "one", "", "", path, True))
    return found


@pytest.fixture(scope="module")
def pictures(photographs: list[Photograph]) -> Pictures:
    return Pictures(photographs, "cpu")


@pytest.mark.parametrize("size", SIZES)
def test_a_small_picture_is_the_middle_of_the_whole(size: tuple[int, int]) -> None:
    found = small(smooth(size, 0))
    assert min(found.size) == SHORTER_SIDE
    assert max(found.size) <= LONGER_SIDE
    assert (found.width > found.height) == (size[0] > size[1])
    seen = [view(it, PREPROCESSING).astype(int) for it in (found, smooth(size, 0))]
    assert np.abs(seen[0] - seen[1]).mean() < 1.5


def test_pictures_as_they_are_look_as_they_do_in_a_scan(pictures: Pictures) -> None:
    seen = pictures.as_they_are(torch.arange(len(SIZES)))
    assert seen.dtype == torch.uint8
    for number, size in enumerate(SIZES):
        expected = view(smooth(size, number), PREPROCESSING).astype(int)
        assert np.abs(seen[number].numpy() - expected).mean() < 2, size


def test_views_are_of_the_pictures_that_were_chosen(pictures: Pictures) -> None:
    torch.manual_seed(0)
    chosen = torch.arange(len(SIZES)).repeat(4)
    seen = pictures.augmented(chosen).float()
    assert seen.shape == (len(chosen), 224, 224, 3)
    colours = seen.mean(dim=(1, 2))
    each = pictures.as_they_are(torch.arange(len(SIZES))).float().mean(dim=(1, 2))
    nearest = torch.cdist(colours, each).argmin(dim=1)
    assert (nearest == chosen).float().mean() > 0.9


def test_no_view_is_made_twice_and_a_seed_repeats_them(pictures: Pictures) -> None:
    chosen = torch.zeros(2 * len(SAVED_AT), dtype=torch.int64)
    torch.manual_seed(1)
    first, again = pictures.augmented(chosen), pictures.augmented(chosen)
    torch.manual_seed(1)
    assert torch.equal(pictures.augmented(chosen), first)
    both = torch.cat([first, again]).flatten(1).float()
    apart = torch.cdist(both, both) + 1e9 * torch.eye(len(both))
    assert apart.min() > 100


def test_some_views_are_noisy_and_some_are_not(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGB", (300, 300), (120, 120, 120)).save(path)
    flat = Pictures([Photograph("0", 0, "one", "one", "", "", path, True)], "cpu")
    torch.manual_seed(0)
    seen = flat.augmented(torch.zeros(80, dtype=torch.int64)).float()
    noisy = (seen.std(dim=(1, 2, 3)) > 0.5).float().mean()
    assert abs(float(noisy) - SELDOM) < 0.05


@pytest.mark.parametrize(("spoilt", "kept"), [("blurred", 0.95), ("saved again", 0.8)])
def test_detail_is_lost(
    spoilt: str, kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of coloured noise: by blur in the share of views that is blurred, by JPEG in all."""
    random = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(random).save(path)
    picture = Pictures([Photograph("0", 0, "one", "one", "", "", path, True)], "cpu")

    def detail() -> float:
        torch.manual_seed(0)
        seen = picture.augmented(torch.zeros(40, dtype=torch.int64)).float()
        colour = seen[..., 0] - seen[..., 2]
        return float((colour[:, :, 1:] - colour[:, :, :-1]).abs().mean())

    monkeypatch.setattr(views, "NOISES", (0.0, 0.0))
    monkeypatch.setattr(views, "BLURS", (1e-3, 1e-3))
    monkeypatch.setattr(views, "SAVED_AT", (None,))
    whole = detail()
    if spoilt == "blurred":
        monkeypatch.setattr(views, "BLURS", (1.0, 1.0))
    else:
        monkeypatch.setattr(views, "SAVED_AT", (256,))
    assert detail() < kept * whole


def test_both_mirror_images_are_seen(pictures: Pictures) -> None:
    torch.manual_seed(2)
    whole = pictures.as_they_are(torch.tensor([2]))[0].float()
    seen = pictures.augmented(torch.full((40,), 2)).float()
    mirrored = (seen - whole.flip(1)).abs().mean(dim=(1, 2, 3))
    kept = (seen - whole).abs().mean(dim=(1, 2, 3))
    assert 8 < (mirrored < kept).sum() < 32


def test_a_broken_picture_is_named(photographs: list[Photograph], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more")
    there = Photograph("9", 0, "one", "one", "", "", broken, True)
    with pytest.raises(DataError, match=f"^{broken} cannot be decoded"):
        Pictures([*photographs, there], "cpu")
