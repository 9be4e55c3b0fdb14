"""Protects: the evidence is shown where it lies, for the verdicts asked for, and for no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.backends.choose import open_backend
from scanner.images.decode import decode
from scanner.looks import LOOKS
from scanner.model import METADATA_KEY, Domain, ModelCard, open_model
from scanner.occlusion import Region, covered, regions
from scanner.preprocess import Preprocessing, view
from scanner.record import Verdict
from scanner.reports.read import read_records
from scanner.scan import scorers
from tests.conftest import ModelMaker, encoded
from tests.scanner.dying import Dying
from tests.scanner.scan.showing import Shown, document, grey, scan
from tests.scanner.views_model import SIDE, VIEWS, write_views_model
from tests.scanner.walking import zipped

pytestmark = pytest.mark.usefixtures("search_paths")

FAKE, REAL, INCONCLUSIVE = Verdict.FAKE, Verdict.REAL, Verdict.INCONCLUSIVE


def uneven(seed: int, low: int, high: int) -> bytes:
    """Noise whose rows grow brighter."""
    noise = np.random.default_rng(seed).integers(0, 20, (32, 32, 3))
    rising = np.linspace(low, high, 32).reshape(32, 1, 1)
    return encoded(Image.fromarray((noise + rising).astype(np.uint8)), "PNG")


def lay_out(evidence: Path) -> None:
    bright, dark = uneven(1, 190, 230), uneven(2, 0, 60)
    files = {
        "bright.png": bright,
        "twin of bright.png": bright,
        "dark.png": dark,
        "grey.png": uneven(3, 100, 140),
        "large.png": grey(255, 90),  # in no model's domain, so without a logit
        "pages.tiff": document(10, 250, 120, 240),
        "pack.zip": zipped([("bright.png", bright), ("bright.tiff", document(230))]),
    }
    for name, data in files.items():
        (evidence / name).write_bytes(data)


def found_of(data: bytes, model: Path) -> tuple[Region, ...]:
    """Where the evidence lies, from the decoded pixels."""
    opened, rgb = open_model(str(model)), decode(data).rgb
    preprocessing = opened.card.preprocessing
    seen = view(rgb, preprocessing)
    backend = open_backend(opened, "cpu", 1, 64)
    (logit,) = backend.score(seen[None]).logits.tolist()
    logits = backend.score(covered(seen, preprocessing)).logits
    return regions(rgb.size, preprocessing, logit, logits)


@pytest.mark.parametrize("asked", [(FAKE,), (REAL, INCONCLUSIVE), ()])
def test_pages_of_the_verdicts_asked_for_are_explained_and_no_others(
    asked: tuple[Verdict, ...], evidence: Path, brightness_model: Path, shown: Shown
) -> None:
    lay_out(evidence)
    _, rows = scan(evidence, brightness_model, "out.html", "out.json", explain=asked)
    explained = {place for place, picture in shown.items() if picture and picture.regions}
    judged = [row for row in read_records(rows) if row.verdict]
    wanted = {(row.path, row.page) for row in judged if row.verdict in asked and row.logit}
    assert {row.verdict for row in judged} == {FAKE, REAL, INCONCLUSIVE}
    assert explained == wanted
    for name in ("bright.png", "dark.png", "grey.png"):
        if (name, 1) in wanted:
            picture = shown[name, 1]
            assert picture is not None
            assert picture.regions == found_of((evidence / name).read_bytes(), brightness_model)
            assert not picture.of_views
    assert shown["twin of bright.png", 1] == shown["bright.png", 1]
    assert shown["pack.zip!/bright.png", 1] == shown["bright.png", 1]


def test_of_a_model_of_several_views_they_are_the_views(
    card: ModelCard, evidence: Path, shown: Shown
) -> None:
    domain = Domain("test pictures", 32, 64)
    seeing = replace(card, image_size=SIDE, preprocessing=VIEWS, domain=domain, ood_at_most=8.0)
    model = write_views_model(evidence.with_name("views.onnx"), seeing)
    exif = Image.Exif()
    exif[274] = 6
    noise = np.random.default_rng(1).integers(160, 256, (41, 50, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG", exif=exif)
    (evidence / "turned.png").write_bytes(data)
    scan(evidence, model, "out.html", explain=(FAKE,))
    picture = shown["turned.png", 1]
    assert picture is not None
    assert picture.of_views
    assert len(picture.regions) == VIEWS.count
    assert picture.regions == found_of(data, model)


@pytest.fixture
def looking(card: ModelCard, make_model: ModelMaker) -> Path:
    """Sees the centre as it is, so that a picture that is halved shows it more of the rest."""
    seeing = replace(
        card,
        image_size=SIDE,
        preprocessing=Preprocessing(SIDE, whole=False, native=1),
        domain=Domain("test pictures", 32, 96),
        looks=tuple(LOOKS),
    )
    return make_model("looking twice", {METADATA_KEY: seeing.to_json()}, SIDE)


@pytest.mark.parametrize("asked", [FAKE, INCONCLUSIVE])
def test_the_verdict_that_counts_is_that_of_the_second_look(
    asked: Verdict, evidence: Path, looking: Path, shown: Shown
) -> None:
    spot = Image.new("RGB", (64, 64))
    spot.paste((255, 255, 255), (24, 24, 40, 40))
    (evidence / "spot.png").write_bytes(encoded(spot, "PNG"))
    (evidence / "sure.png").write_bytes(encoded(Image.new("RGB", (64, 64), "white"), "PNG"))
    scan(evidence, looking, "out.html", explain=(asked,))
    explained = [path for (path, _), picture in shown.items() if picture and picture.regions]
    assert explained == (["sure.png"] if asked is FAKE else ["spot.png"])


@pytest.mark.parametrize("batches", [0, 1, 5, 9, 12, 15])
def test_neither_batch_nor_interruption_changes_a_byte(
    batches: int,
    evidence: Path,
    brightness_model: Path,
    shown: Shown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lay_out(evidence)

    def scanned(name: str, batch: int, workers: int = 1) -> Shown:
        how = {"batch_size": batch, "workers": workers, "explain": (FAKE, REAL)}
        scan(evidence, brightness_model, f"{name}.html", **how)
        return dict(shown)

    plain = scanned("plain", 64, 2)
    backend: Any = Dying(open_backend(open_model(str(brightness_model)), "cpu", 1, 10), batches)
    monkeypatch.setattr(scorers, "open_backend", lambda *_: backend)
    with pytest.raises(RuntimeError, match="died"):
        scanned("resumed", 10)
    backend.left = -1
    assert scanned("resumed", 10) == plain


def test_batches_are_no_larger_than_the_backends_and_twins_are_asked_about_once(
    evidence: Path, brightness_model: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Counting(Dying):
        def score(self, views: Any) -> Any:
            sizes.append(len(views))
            return super().score(views)

    backend = open_backend(open_model(str(brightness_model)), "cpu", 1, 4)
    monkeypatch.setattr(scorers, "open_backend", lambda *_: Counting(backend, -1))
    for name in ("pages.tiff", "twin.tiff"):
        (evidence / name).write_bytes(document(*range(200, 250, 5)))
    scan(evidence, brightness_model, "out.html", explain=(FAKE,))
    explained = [picture for picture in shown.values() if picture and picture.regions]
    assert len(explained) == 2 * 10
    preprocessing = open_model(str(brightness_model)).card.preprocessing
    questions = len(covered(np.zeros(preprocessing.shape, np.uint8), preprocessing))
    assert sum(sizes) == 10 + 10 * questions
    assert max(sizes) == 4
