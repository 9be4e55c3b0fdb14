"""Protects: each kind of picture is compared by the model that a scan takes for it."""

from __future__ import annotations

import pytest

from benchmarks.shared.kinds import KINDS, PHOTOGRAPHS, THUMBNAILS, judge


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundled_models_judge_their_kinds(kind: str) -> None:
    assert judge(kind).name == ("resnet18" if kind == THUMBNAILS else "clip-vit-b16")
    assert (kind == THUMBNAILS) != (kind in PHOTOGRAPHS)
