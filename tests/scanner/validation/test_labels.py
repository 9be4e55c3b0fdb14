"""Protects: a picture counts as what its nearest labelled folder says, and for its sub-folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.validation.labels import FAKE, REAL, Label, Labels


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("real/1.jpg", Label(REAL, ".")),
        ("FAKE/a/b/1.jpg", Label(FAKE, "a")),
        ("sdv5/val/nature/1.jpg", Label(REAL, "sdv5")),
        ("sdv5/val/ai/1.jpg", Label(FAKE, "sdv5")),
        ("progan/cat/0_real/1.png", Label(REAL, "progan")),
        ("progan/cat/1_fake/1.png", Label(FAKE, "progan")),
        ("Generated/x.png", Label(FAKE, ".")),
        ("photographs/fake/x.png", Label(FAKE, ".")),  # the nearest counts
        ("real/FAKE/a.jpg", Label(FAKE, ".")),  # a label is no source: no fakes of "real"
        ("real/x/ai/b/a.jpg", Label(FAKE, "x")),
        ("real.zip!/fake/a.jpg", Label(FAKE, ".")),
        ("real.zip!/1.jpg", Label(REAL, ".")),
        ("Fake.tar.xz!/a/1.jpg", Label(FAKE, "a")),
        ("x.tar!/test/REAL/1.jpg", Label(REAL, "x.tar")),
        ("set/x.tar!/y.zip!/ai/1.jpg", Label(FAKE, "set")),
        ("a/1.jpg", None),
        ("real.jpg", None),  # a picture's own name says nothing
        ("realistic/1.jpg", None),
        ("unreal/real.zip", None),
        ("real.d/1.jpg", None),  # a folder's name is taken whole
    ],
)
def test_the_nearest_name_labels(path: str, expected: Label | None, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert Labels([tmp_path / "set"]).of(path) == expected


def test_a_root_may_be_the_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("real", "generated", "other"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "fake.zip").touch()
    alone = Labels([tmp_path / "data" / "real"])
    assert alone.of("a/1.jpg") == Label(REAL, "a")
    assert alone.of("ai/1.jpg") == Label(FAKE, ".")
    assert Labels([tmp_path / "fake.zip"]).of("fake.zip!/b/1.jpg") == Label(FAKE, "b")
    monkeypatch.chdir(tmp_path)
    several = Labels([Path("data/real"), Path("data/generated"), Path("data/other")])
    assert several.of("data/real/a/1.jpg") == Label(REAL, "a")
    assert several.of("data/generated/1.jpg") == Label(FAKE, ".")
    assert several.of("data/other/1.jpg") is None
    assert several.of("data/other/fake/1.jpg") == Label(FAKE, "other")
    mixed = Labels([Path("data/real"), Path("fake.zip")])
    assert mixed.of("fake.zip!/1.jpg") == Label(FAKE, ".")


def test_of_a_file_that_is_named_the_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for those that are met: imgscan validate known/*/*.jpg is no other material."""
    monkeypatch.chdir(tmp_path)
    for name in ("real", "fake", "sets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    (tmp_path / "sets" / "phones.zip").touch()
    assert Labels([Path("real/a.jpg")]).of("a.jpg") == Label(REAL, ".")
    several = Labels([Path("real/a.jpg"), Path("fake/a.jpg"), Path("sets/a.jpg")])
    assert several.of("real/a.jpg") == Label(REAL, ".")
    assert several.of("fake/a.jpg") == Label(FAKE, ".")
    assert several.of("sets/a.jpg") is None
    packed = Labels([Path("sets/phones.zip"), Path("fake")])
    assert packed.of("sets/phones.zip!/real/1.jpg") == Label(REAL, "phones.zip")
