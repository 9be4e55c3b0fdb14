"""Protects: an added model is found by its name, and is never another than the user added."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from scanner.model import (
    METADATA_KEY,
    ModelCard,
    ModelError,
    open_model,
    parse_card,
)
from scanner.model.added import add
from scanner.model.companion import companion, companion_path
from tests.conftest import CIFAKE_MODEL, ModelMaker, environment, image_bytes, imgscan
from tests.scanner.pair import write_pair

# Adds the files it is told of, each once it is told, and says what came of it.
ADDER = """
import sys
from pathlib import Path
from scanner.model.added import add
from scanner.model import ModelError
print(flush=True)
for line in sys.stdin:
    try:
        print("new" if add(Path(line.strip()))[1] else "there", flush=True)
    except ModelError as error:
        print(error, flush=True)
"""
ROUNDS = 20


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where added models go, which is not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "imgscan" / "models"


@pytest.fixture
def mine(brightness_model: Path, tmp_path: Path) -> Path:
    """A model file of a user's own."""
    path = tmp_path / "mine.onnx"
    path.write_bytes(brightness_model.read_bytes())
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    path = tmp_path / "evidence" / "photo.jpg"
    path.write_bytes(image_bytes())
    return path


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that a command ended with."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_an_added_model_is_found_by_its_name(mine: Path, folder: Path, photo: Path) -> None:
    added = imgscan("models", "add", mine)
    assert added.returncode == 0, added.stderr
    assert added.stdout == f"{folder / 'mine.onnx'} added as --model mine\n"
    mine_sha256 = open_model(str(mine)).sha256
    mine.unlink()
    report = photo.parent.parent / "out.json"
    options = ("--model", "mine", "--device", "cpu", "--report", report)
    done = imgscan(photo, *options, cwd=photo.parent)
    assert done.returncode == 0, done.stderr
    manifest = Path(f"{report}.manifest.json")
    for said in (json.loads(report.read_text())["scan"], json.loads(manifest.read_text())):
        (model,) = said["models"]
        assert (model["name"], model["sha256"]) == ("mine", mine_sha256)


def test_it_is_listed_with_the_facts_of_the_bundled_ones(mine: Path, folder: Path) -> None:
    before = imgscan("models").stdout
    imgscan("models", "add", mine)
    listed = imgscan("models").stdout
    assert listed == before + (
        "mine  (added)\n  domain   small squares\n  F1       0.5000 on the test split\n"
        "  size     0.0 MB\n  runs in  float32, CPU and GPU\n"
        f"  file     {folder / 'mine.onnx'}\n"
    )
    assert parse_card(imgscan("models", "mine").stdout).backbone == "brightness"


def test_no_scan_takes_it_unless_it_is_named(mine: Path, photo: Path) -> None:
    usual = imgscan(photo, "--device", "cpu").stdout
    imgscan("models", "add", mine)
    assert imgscan(photo, "--device", "cpu").stdout == usual
    assert f"{CIFAKE_MODEL}@" in usual


def test_an_unknown_name_lists_the_added_ones(mine: Path) -> None:
    imgscan("models", "add", mine)
    assert "bundled: clip-vit-b16, resnet18; added: mine; or" in refused(imgscan("models", "x"))


@pytest.mark.parametrize("name", ["auto", "Auto"])
def test_the_name_of_the_bundled_set_is_reserved(name: str, mine: Path, folder: Path) -> None:
    path = mine.rename(mine.with_name(f"{name}.onnx"))
    sentence = refused(imgscan("models", "add", path))
    assert "auto stands for all bundled models; rename the file." in sentence
    assert not folder.exists()


@pytest.mark.parametrize("name", ["resnet18", "ResNet18"])
def test_a_bundled_name_is_not_shadowed(name: str, mine: Path, folder: Path) -> None:
    path = mine.rename(mine.with_name(f"{name}.onnx"))
    assert f"{name} is the name of a bundled model" in refused(imgscan("models", "add", path))
    assert not folder.exists()


def test_a_bundled_model_is_found_without_a_look_at_the_users_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_folder() -> Path:
        raise AssertionError("it was asked for")

    monkeypatch.setattr("scanner.model.file.added_folder", no_folder)
    assert open_model(CIFAKE_MODEL).name == CIFAKE_MODEL


def test_nor_by_a_file_that_was_put_there(mine: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    bundled = open_model(CIFAKE_MODEL)
    mine.rename(folder / f"{CIFAKE_MODEL}.onnx")
    assert open_model(CIFAKE_MODEL) == bundled
    assert "(added)" not in imgscan("models").stdout


def test_a_companion_is_added_as_a_model_is_and_found_beside_it(
    make_model: ModelMaker, card: ModelCard, folder: Path, tmp_path: Path
) -> None:
    full = write_pair(tmp_path, make_model, card)
    for path in (full, companion_path(full)):
        assert imgscan("models", "add", path).returncode == 0
    model = open_model("pair")
    found = companion(model)
    assert found is not None
    assert found[0].path == folder / "pair.int8.onnx"
    line = "  first    on CPUs pair.int8.onnx, 0.0 MB, at a false-positive rate of 0.01\n"
    assert imgscan("models").stdout.count(line) == 1
    pin = folder / "pair.int8.sha256"
    pinned = pin.rename(pin.with_suffix(".gone"))
    assert "  first    not pair.int8.onnx: it was not added with" in imgscan("models").stdout
    pinned.rename(pin)
    (folder / "pair.int8.onnx").write_bytes(full.read_bytes())
    with pytest.raises(ModelError, match=r"since it was added: .*put pair\.int8\.onnx back"):
        companion(model)
    removed = imgscan("models", "remove", "pair").stdout.splitlines()
    assert removed[0] == f"deleted {folder / 'pair.onnx'}"
    assert removed[1].startswith("pair.int8.onnx, which may have scored first, is still there")
    assert imgscan("models", "remove", "pair.int8").stdout.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["mine.bin", "mine", "mine.onnx.onnx", "mine.engine.onnx"])
def test_a_name_that_could_be_a_files_is_refused(name: str, mine: Path, folder: Path) -> None:
    path = mine.rename(mine.with_name(name))
    assert "cannot be added; name a file like NAME.onnx" in refused(imgscan("models", "add", path))
    assert not folder.exists()


def test_what_no_scan_could_use_is_refused(
    make_model: ModelMaker, tmp_path: Path, folder: Path
) -> None:
    cardless = make_model("cardless", {})
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert "has no imgscan model card" in refused(imgscan("models", "add", cardless))
    assert "broken.onnx is not a usable ONNX file" in refused(imgscan("models", "add", broken))
    assert not folder.exists()


def test_a_model_in_several_files_is_refused(mine: Path, folder: Path) -> None:
    """Its copy would lack the weights that lie beside it."""
    graph = onnx.load(mine)
    (scale,) = [weight for weight in graph.graph.initializer if weight.name == "scale"]
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale), scale.name))
    onnx.save_model(graph, mine, save_as_external_data=True, location="weights", size_threshold=0)
    assert open_model(str(mine)).card
    assert "mine.onnx needs other files beside it" in refused(imgscan("models", "add", mine))
    assert list(folder.iterdir()) == []


def test_the_same_model_again_is_no_error(mine: Path, folder: Path) -> None:
    imgscan("models", "add", mine)
    again = imgscan("models", "add", mine)
    assert again.returncode == 0
    assert again.stdout == f"{folder / 'mine.onnx'} is there already: --model mine\n"


@pytest.fixture
def other(make_model: ModelMaker, card: ModelCard) -> Path:
    """A model file of other bytes than `mine`."""
    return make_model("other", {METADATA_KEY: card.to_json(), "more": "1"})


@pytest.mark.parametrize("same", [True, False], ids=["the same model", "two models"])
def test_of_two_processes_that_add_one_name_one_has_it(
    same: bool, mine: Path, other: Path, folder: Path, tmp_path: Path
) -> None:
    """The other is told what lies there, and nobody that a model was added which was not."""
    contents = [mine.read_bytes(), (mine if same else other).read_bytes()]
    adders = [
        subprocess.Popen(
            [sys.executable, "-c", ADDER],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in contents
    ]
    pipes = [(adder.stdin, adder.stdout) for adder in adders if adder.stdin and adder.stdout]
    for _, answers in pipes:
        answers.readline()  # it has started
    said: Counter[str] = Counter()
    for number in range(ROUNDS):
        name = f"{number}.onnx"
        files = [tmp_path / f"from{place}" / name for place in range(2)]
        for file, content in zip(files, contents, strict=True):
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        for (orders, _), file in zip(pipes, files, strict=True):
            print(file, file=orders, flush=True)
        told = [answers.readline().strip() for _, answers in pipes]
        said.update(answer.replace(f" {number} ", " N ").split(";")[0] for answer in told)
        assert (folder / name).read_bytes() == contents[told.index("new")]
    for adder in adders:
        adder.communicate()
    loser = "there" if same else "another model was added as N before"
    assert said == {"new": ROUNDS, loser: ROUNDS}
    there = {f"{number}{suffix}" for number in range(ROUNDS) for suffix in (".onnx", ".sha256")}
    assert {path.name for path in folder.iterdir()} == there, "nothing half-written"
    for number in range(ROUNDS):
        assert open_model(str(number)), "it has the pin of its own bytes"


def test_a_file_system_without_hard_links_will_do(
    mine: Path, other: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_link)
    first = mine.read_bytes()
    assert [add(mine)[1], add(mine)[1]] == [True, False]
    mine.write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="another model was added as mine before"):
        add(mine)
    assert (folder / "mine.onnx").read_bytes() == first
    assert len(list(folder.iterdir())) == 2, "a model and its pin"


def test_another_model_of_that_name_is_refused_until_the_first_is_removed(
    mine: Path, folder: Path, other: Path
) -> None:
    imgscan("models", "add", mine)
    first = (folder / "mine.onnx").read_bytes()
    mine.write_bytes(other.read_bytes())
    assert "delete that one with imgscan models remove mine." in refused(
        imgscan("models", "add", mine)
    )
    assert (folder / "mine.onnx").read_bytes() == first
    removed = imgscan("models", "remove", "mine")
    assert removed.stdout == f"deleted {folder / 'mine.onnx'}\n"
    assert list(folder.iterdir()) == []
    assert imgscan("models", "add", mine).returncode == 0
    there = sorted(path.name for path in folder.iterdir())
    assert there == ["mine.onnx", "mine.sha256"], "nothing half-written"
    assert (folder / "mine.onnx").read_bytes() == other.read_bytes()


def test_an_added_model_that_changed_is_refused_until_it_is_added_again(
    mine: Path, folder: Path, other: Path, photo: Path
) -> None:
    imgscan("models", "add", mine)
    place = folder / "mine.onnx"
    assert (folder / "mine.sha256").read_text() == f"{open_model('mine').sha256}\n"
    place.write_bytes(other.read_bytes())
    changed = (
        f"{place} has changed since it was added: its SHA-256 is not the one in mine.sha256 beside "
        "it; delete it with imgscan models remove mine, and add it again from a file that you "
        "trust."
    )
    for words in (("models", "mine"), (photo, "--model", "mine")):
        assert refused(imgscan(*words)) == f"Error: {changed}\n"
    listed = imgscan("models")
    assert listed.returncode == 0
    assert f"mine  (added)\n  unusable: {changed}\n  file     {place}\n" in listed.stdout
    imgscan("models", "remove", "mine")
    assert imgscan("models", "add", mine).returncode == 0
    assert open_model("mine").sha256 == open_model(str(mine)).sha256


def test_bytes_that_changed_are_not_pinned_by_adding_them(
    mine: Path, folder: Path, other: Path
) -> None:
    add(mine)
    for path in (mine, folder / "mine.onnx"):
        path.write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="has changed since it was added"):
        add(mine)


def test_a_model_from_before_there_were_pins_opens_and_is_pinned_when_added_again(
    mine: Path, folder: Path
) -> None:
    add(mine)
    pin = folder / "mine.sha256"
    pinned = pin.read_text()
    pin.unlink()
    assert open_model("mine").sha256 == pinned.strip()
    assert not add(mine)[1]
    assert pin.read_text() == pinned


@pytest.mark.parametrize("left", [f"{'0' * 64}\n".encode(), b"\xff", b""])
def test_a_pin_that_a_model_of_before_left_is_replaced(
    left: bytes, mine: Path, folder: Path
) -> None:
    """As by a crash while that one was removed, or by who deleted the model alone."""
    add(mine)
    pin = folder / "mine.sha256"
    pin.write_bytes(left)
    with pytest.raises(ModelError, match="has changed since it was added"):
        open_model("mine")
    (folder / "mine.onnx").unlink()
    assert add(mine)[1]
    assert open_model("mine").sha256 == pin.read_text().strip()


def test_a_pin_that_cannot_be_read_is_named(mine: Path, folder: Path) -> None:
    add(mine)
    pin = folder / "mine.sha256"
    pin.unlink()
    pin.mkdir()
    with pytest.raises(ModelError, match=f"{pin} cannot be read: Is a directory."):
        open_model("mine")


def test_a_hash_beside_a_file_that_was_not_added_is_nothing_of_ours(mine: Path) -> None:
    mine.with_suffix(".sha256").write_text("0" * 64)
    assert open_model(str(mine)).name == "mine"


@pytest.mark.parametrize("name", [CIFAKE_MODEL, "absent", "../mine", ""])
def test_only_added_models_are_removed(name: str, mine: Path, folder: Path) -> None:
    imgscan("models", "add", mine)
    (folder.parent / "mine.onnx").write_bytes(b"not in the folder")
    assert f"no model was added as {name!r}; added: mine." in refused(
        imgscan("models", "remove", name)
    )
    assert (folder.parent / "mine.onnx").exists()
    assert open_model(CIFAKE_MODEL)


def test_an_added_model_that_spoilt_does_not_hide_the_others(mine: Path, folder: Path) -> None:
    imgscan("models", "add", mine)
    (folder / "spoilt.onnx").write_bytes(b"no model")
    listed = imgscan("models")
    assert listed.returncode == 0, listed.stderr
    assert "mine  (added)\n  domain   small squares\n" in listed.stdout
    assert "spoilt  (added)\n  unusable: " in listed.stdout


def test_a_folder_that_cannot_be_written_is_named(mine: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    sentence = refused(imgscan("models", "add", mine))
    assert f"mine.onnx cannot be added as {folder / 'mine.onnx'}: " in sentence
    assert f"make {folder} writable, or set XDG_DATA_HOME to a folder that is" in sentence


def test_a_folder_that_is_not_at_fault_is_not_blamed(mine: Path, folder: Path) -> None:
    long = mine.rename(mine.with_name(f"{'n' * 249}.onnx"))
    assert refused(imgscan("models", "add", long)).endswith(".onnx: File name too long.\n")
    mine = long.rename(mine)
    (folder / "mine.onnx").mkdir()
    assert refused(imgscan("models", "add", mine)).endswith("mine.onnx: Is a directory.\n")
    assert "no model was added as 'mine'" in refused(imgscan("models", "remove", "mine"))
    assert [path.name for path in folder.iterdir()] == ["mine.onnx"], "nothing half-written"


def test_a_link_whose_file_is_missing_is_listed_as_that(mine: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    place = folder / "mine.onnx"
    place.symlink_to(mine.with_name("gone.onnx"))
    missing = f"the file that {place} leads to is missing; put it back, or delete that link with"
    assert f"  unusable: {missing} imgscan models remove mine.\n" in imgscan("models").stdout
    assert "imgscan models remove mine." in refused(imgscan("models", "add", mine))
    assert imgscan("models", "remove", "mine").returncode == 0
    assert imgscan("models", "add", mine).returncode == 0


def test_the_evidence_brings_no_model_of_its_own(
    mine: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where someone scans a home folder that is mounted as their own."""
    evidence = photo.parent
    monkeypatch.setenv("XDG_DATA_HOME", str(evidence))
    imgscan("models", "add", mine)
    report = evidence.parent / "out.csv"
    sentence = refused(imgscan(evidence, "--model", "mine", "--report", report))
    assert f"lies inside the evidence {evidence}, which may have brought it" in sentence
    assert not report.exists()
    assert imgscan(evidence, "--report", report, "--device", "cpu").returncode == 0
    assert "mine@" not in report.read_text().replace("mine.onnx", "")


def test_nor_does_a_link_into_the_evidence(mine: Path, photo: Path, folder: Path) -> None:
    inside = mine.rename(photo.parent / "mine.onnx")
    folder.mkdir(parents=True)
    (folder / "mine.onnx").symlink_to(inside)
    assert "inside the evidence" in refused(imgscan(photo.parent, "--model", "mine"))
