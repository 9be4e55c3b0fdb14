"""Protects: a run ends with everything it promises, and every failure is one sentence."""

from __future__ import annotations

import json
import math
import shutil
import tarfile
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from tests.conftest import LEAKED
from tests.pictures import write_contradiction, write_pictures
from trainer.calibration import CalibrationError
from trainer.checkpoint import load_checkpoint
from trainer.data.examples import read_examples, split_examples
from trainer.data.images import ImageSet
from trainer.evaluate import predict
from trainer.finetune import _Pace, finetune, main
from trainer.metrics import measure
from trainer.recipe import RECIPES, Recipe, learning_rate
from trainer.run import RunError, Settings

SMALL = Recipe(
    image_size=32, epochs=6, batch_size=16, accumulation=1, learning_rate=2e-3, crop="shift"
)


def small_run(data: Path, recipe: Recipe = SMALL) -> Settings:
    return Settings("bird_lotfi_cnn", "none", str(data), "test pictures", recipe, "float32", 0)


@pytest.fixture(scope="module")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("small")
    write_pictures(data, count=150, seed=21)
    return data


def test_run_writes_what_it_promises(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    plots = {"learning_rate.png", "loss.png", "confusion_matrix.png", "reliability.png"}
    plots |= {"misclassified.png"}
    tables = {"config.json", "metrics.csv", "metrics.json", "steps.csv"}
    assert names == plots | tables | {"model.pt"}, "a finished run must not keep its optimiser"
    for plot in plots:
        with Image.open(tiny_run / plot) as image:
            assert image.format == "PNG"
            assert min(image.size) > 300
            assert len(set(image.convert("L").tobytes())) > 10, f"{plot} is blank"


def test_config_holds_every_option(tiny_run: Path, tiny_data: Path) -> None:
    config = json.loads((tiny_run / "config.json").read_text())
    assert config["backbone"] == "bird_lotfi_cnn"
    assert config["data"] == str(tiny_data)
    assert config["precision"] == "float32"
    scratch = asdict(RECIPES["scratch"])
    assert config["recipe"] == scratch | {"image_size": 32, "epochs": 12}


def test_steps_follow_the_schedule_and_the_loss_falls(tiny_run: Path) -> None:
    steps = pd.read_csv(tiny_run / "steps.csv")
    recipe = Recipe(**json.loads((tiny_run / "config.json").read_text())["recipe"])
    total = int(steps["step"].max())
    expected = [learning_rate(recipe, step - 1, total) for step in steps["step"]]
    assert steps["learning_rate"].tolist() == pytest.approx(expected)
    assert steps["loss"].iloc[-1] < 0.7 * steps["loss"].iloc[0]


def test_figures_are_those_of_the_checkpoint(tiny_run: Path, tiny_data: Path) -> None:
    summary = json.loads((tiny_run / "metrics.json").read_text())
    checkpoint = load_checkpoint(tiny_run)
    splits = split_examples(read_examples(tiny_data))
    images = ImageSet(splits.test, checkpoint.image_size, "cpu")
    raw, labels = predict(checkpoint.detector(), images, checkpoint.preprocessing, "float32")
    found = measure(checkpoint.calibration.apply(raw), labels)
    assert asdict(found) == pytest.approx(summary["test"], rel=1e-4)
    assert found.f1 > 0.8
    assert summary["test"]["images"] == 1000
    assert summary["test_deleaked"]["images"] == 1000 - 2 * LEAKED
    assert summary["validation"]["images"] == len(splits.validation)
    assert {name: asdict(m) for name, m in checkpoint.metrics.items()} == {
        name: summary[name] for name in ("validation", "test", "test_deleaked", "test_jpeg40")
    }
    assert checkpoint.domain.min_side == checkpoint.domain.max_side == 32


def test_speed_is_that_of_the_training_alone(tiny_run: Path) -> None:
    facts = json.loads((tiny_run / "metrics.json").read_text())["training"]
    images = facts["steps"] * facts["recipe"]["batch_size"]  # a last, smaller batch is left out
    overall = images / (facts["seconds"] + 0.05)
    assert facts["images_per_second"] > overall - 0.1


def test_a_lap_that_holds_an_evaluation_has_no_speed() -> None:
    pace = _Pace()
    assert math.isnan(pace.lap()), "it holds the start"
    pace.seen = 10
    time.sleep(0.01)
    assert 0 < pace.lap() <= 10 / 0.01
    pace.begun = None
    assert math.isnan(pace.lap())


def test_facts_name_no_folder_of_this_machine(tiny_run: Path) -> None:
    facts = load_checkpoint(tiny_run).training
    assert facts["weights"] == "begin.pt"
    assert "/" not in facts["data"]


def test_weights_that_ship_are_what_float16_can_hold(tiny_run: Path) -> None:
    for name, tensor in load_checkpoint(tiny_run).state.items():
        if tensor.dim() >= 2:
            assert torch.equal(tensor.half().float(), tensor), name


def test_bfloat16_learns_too(small_data: Path, tmp_path: Path) -> None:
    """The shared run trains in float32, which CPUs without bfloat16 do faster."""
    finetune(replace(small_run(small_data), precision="bfloat16"), tmp_path, "cpu")
    assert load_checkpoint(tmp_path).metrics["validation"].auroc > 0.7


def test_every_part_of_the_robust_recipe_takes_part(tmp_path: Path) -> None:
    """Averaged weights, degraded images and smoothed labels, on images kept whole and on others."""
    for sides in ((32, 32), (30, 60)):
        data, out = tmp_path / f"data{sides}", tmp_path / f"out{sides}"
        write_pictures(data, count=120, seed=22, sides=sides)
        recipe = replace(RECIPES["robust"], image_size=32, epochs=3, batch_size=16, average=0.9)
        plain = tmp_path / f"plain{sides}"
        for average, folder in ((recipe.average, out), (0, plain)):
            with suppress(CalibrationError):  # so few steps may teach it nothing
                finetune(small_run(data, replace(recipe, average=average)), folder, "cpu")
        assert (out / "metrics.csv").read_text() != (plain / "metrics.csv").read_text()
        # Training itself is the same; only what is evaluated and kept differs.
        losses = [pd.read_csv(run / "steps.csv")["loss"].tolist() for run in (out, plain)]
        assert losses[0] == losses[1]
        summary = json.loads((out / "metrics.json").read_text())
        assert summary["test_jpeg40"]["images"] == summary["test"]["images"]
        assert summary["test_jpeg40"]["loss"] != summary["test"]["loss"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("recipe", ["paper", "robust"])
def test_a_gpu_trains_every_recipe(recipe: str, small_data: Path, tmp_path: Path) -> None:
    chosen = replace(RECIPES[recipe], image_size=64, epochs=30, batch_size=16, learning_rate=1e-3)
    settings = replace(small_run(small_data, chosen), backbone="resnet18", precision="bfloat16")
    assert finetune(settings, tmp_path, "cuda")
    assert load_checkpoint(tmp_path).metrics["validation"].auroc > 0.7


def test_float32_is_not_rounded_to_tf32(small_data: Path, tmp_path: Path) -> None:
    """The scanner's float32 is not, and thresholds and figures must be those of its scores."""
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default
    with suppress(CalibrationError):  # an epoch may teach it nothing
        finetune(small_run(small_data, replace(SMALL, epochs=1)), tmp_path, "cpu")
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_evaluates_in_float32(small_data: Path, tmp_path: Path) -> None:
    chosen = replace(RECIPES["paper"], image_size=64, epochs=30, batch_size=16, learning_rate=1e-3)
    settings = replace(small_run(small_data, chosen), backbone="resnet18", precision="bfloat16")
    assert finetune(settings, tmp_path, "cuda")
    found = load_checkpoint(tmp_path)
    test = ImageSet(split_examples(read_examples(small_data)).test, 64, "cpu")
    raw, labels = predict(found.detector(), test, found.preprocessing, "float32")
    on_cpu = measure(found.calibration.apply(raw), labels)
    assert found.metrics["test"].loss == pytest.approx(on_cpu.loss, rel=1e-4)


def test_a_spent_budget_stops_the_run_and_resuming_ends_it_the_same(
    small_data: Path, tmp_path: Path
) -> None:
    settings = small_run(small_data)
    stopped = tmp_path / "stopped"
    assert not finetune(settings, stopped, "cpu", deadline=time.monotonic())
    assert not (stopped / "metrics.json").exists()
    assert not finetune(settings, stopped, "cpu", True, deadline=time.monotonic() + 0.3)
    assert finetune(settings, stopped, "cpu", resume=True)
    assert finetune(settings, tmp_path / "whole", "cpu")
    found, expected = load_checkpoint(stopped), load_checkpoint(tmp_path / "whole")
    assert all(torch.equal(found.state[name], expected.state[name]) for name in expected.state)


def test_the_command_says_that_its_budget_is_spent(small_data: Path, tmp_path: Path) -> None:
    arguments = [*options(small_data, tmp_path, **{"budget-minutes": 0}), "--no-audit"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "the same command with --resume carries on" in result.output
    assert (tmp_path / "resume.pt").exists()


def test_a_model_claims_to_know_cifake_only_where_it_was_trained_on_it(
    small_data: Path, tmp_path: Path
) -> None:
    def domain(name: str, *more: str) -> str:
        data, out = tmp_path / name, tmp_path / f"run of {name}{len(more)}"
        shutil.copytree(small_data, data, dirs_exist_ok=True)
        arguments = [*options(data, out, **{"budget-minutes": 0}), "--no-audit", *more]
        assert CliRunner().invoke(main, [str(argument) for argument in arguments]).exit_code == 0
        found: str = json.loads((out / "config.json").read_text())["domain"]
        return found

    assert domain("cifake").startswith("CIFAKE: 32x32 photographs")
    assert domain("my-images") == "images of my-images"
    assert domain("my-images", "--domain", "passports") == "passports"


def test_what_is_left_out_is_said_once(small_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    for name in ("a.nef", "b.nef", "notes.txt"):
        (data / "REAL" / name).write_text("not an image")
    write_pictures(data / "validation", count=20, seed=33)
    shutil.copy(data / "REAL/0000.png", data / "validation/REAL/copy.png")
    arguments = options(data, tmp_path / "out", **{"budget-minutes": 0})
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    said = "files left out, being no images by their names: 3 (2 .nef, 1 .txt)"
    assert result.output.count(said) == 1, result.output
    assert "validation images left out, being training images, too: 1" in result.output
    assert "40 validation images" in result.output


def test_a_folder_with_a_shortcut_is_warned_of_before_training(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_pictures(data, count=120, seed=30)
    for path in (data / "REAL").iterdir():
        with Image.open(path) as image:
            image.save(path.with_suffix(".jpg"))
        path.unlink()
    arguments = [str(argument) for argument in options(data, tmp_path / "out", epochs=4)]
    result = CliRunner().invoke(main, arguments)
    assert "WARNING: without looking at pixels" in result.output
    assert "save both classes in one format" in result.output
    quiet = CliRunner().invoke(main, [*arguments[:-2], "--device", "none", "--no-audit"])
    assert "WARNING" not in quiet.output


def test_ragged_images_work_end_to_end(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", count=120, seed=22, sides=(30, 60))
    recipe = Recipe(32, 6, 16, 2, learning_rate=2e-3, crop="random_resized")
    finetune(small_run(tmp_path / "data", recipe), tmp_path / "out", "cpu")
    checkpoint = load_checkpoint(tmp_path / "out")
    assert checkpoint.preprocessing.size == 32
    assert 30 <= checkpoint.domain.min_side < checkpoint.domain.max_side <= 60


def test_fewer_images_than_a_batch_still_train(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", count=60, seed=29)
    recipe = Recipe(32, 30, batch_size=512, learning_rate=2e-3, crop="shift")
    finetune(small_run(tmp_path / "data", recipe), tmp_path / "out", "cpu")
    assert load_checkpoint(tmp_path / "out").training["steps"] == 30


def test_leaks_are_told_apart_where_two_archives_share_names(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_pictures(data / "train", count=60, seed=23)
    write_pictures(tmp_path / "new", count=20, seed=24)
    for label in ("REAL", "FAKE"):
        folder = tmp_path / "leaked" / label
        folder.mkdir(parents=True)
        for number in range(20):
            shutil.copy(data / f"train/{label}/{number:04}.png", folder)
    for name in ("new", "leaked"):
        with tarfile.open(data / f"{name}.tar", "w") as archive:
            archive.add(tmp_path / name, "test")
    finetune(small_run(data), tmp_path / "out", "cpu")
    metrics = load_checkpoint(tmp_path / "out").metrics
    assert metrics["test"].images == 80
    assert metrics["test_deleaked"].images == 40


def test_a_diverged_run_ends_in_a_sentence(small_data: Path, tmp_path: Path) -> None:
    recipe = Recipe(32, 1, 16, 1, learning_rate=1e30, warmup=0, crop="shift")
    with pytest.raises(RunError, match="training diverged"):
        finetune(small_run(small_data, recipe), tmp_path, "cpu")


def test_a_full_disk_ends_in_a_sentence_and_keeps_the_last_checkpoint(
    small_data: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(RunError, match=r"cannot be written.*--resume"):
            finetune(small_run(small_data), tmp_path, "cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "resume.pt").exists()


def failure(*arguments: object) -> str:
    """What the command says as it fails, after making sure it is one sentence."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    return result.output


def options(data: Path, out: Path, **more: object) -> list[object]:
    chosen = {"backbone": "bird_lotfi_cnn", "weights": "none", "data": data, "out": out} | more
    chosen = {"image-size": 32, "epochs": 1, "device": "cpu", "precision": "float32", **chosen}
    return [text for name, value in chosen.items() for text in (f"--{name}", value)]


def test_unusable_options_are_said_in_a_sentence(small_data: Path, tmp_path: Path) -> None:
    data, out = small_data, tmp_path / "out"
    (tmp_path / "file").write_text("")
    assert "there is no data folder" in failure(*options(tmp_path / "absent", out))
    assert "holds no images of both classes" in failure(*options(tmp_path, out))
    assert "never trained on ImageNet" in failure(*options(data, out, weights="imagenet"))

    def refusal(**more: object) -> str:  # the data are audited once, above
        return failure(*options(data, out, **more), "--no-audit")

    assert "there is no weights file" in refusal(weights=tmp_path / "x.pt")
    assert "is not a PyTorch weights" in refusal(weights=tmp_path / "file")
    assert "--device warp cannot be used" in refusal(device="warp")
    within_a_file = [*options(data, tmp_path / "file" / "out"), "--no-audit"]
    assert "Not a directory" in failure(*within_a_file)
    assert "Invalid value for '--image-size'" in refusal(**{"image-size": 16})
    assert "Invalid value for '--backbone'" in refusal(backbone="resnet")
    assert "holds no run to resume" in failure(*options(data, out), "--resume")
    assert not (out / "model.pt").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_an_error(small_data: Path, tmp_path: Path) -> None:
    arguments = [*options(small_data, tmp_path, device="cuda"), "--no-audit"]
    assert "--device cuda cannot be used" in failure(*arguments)


def test_a_broken_image_among_ragged_ones_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", count=60, seed=25, sides=(33, 60))
    for path in sorted((tmp_path / "data/FAKE").iterdir())[:30]:
        path.write_bytes(path.read_bytes()[:300])
    output = failure(*options(tmp_path / "data", tmp_path / "out"))
    assert "cannot be decoded" in output


def test_labels_the_wrong_way_round_end_in_a_sentence(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    write_contradiction(data)
    arguments = [*options(data, out, recipe="scratch", epochs=20), "--no-audit"]
    output = failure(*arguments)
    assert "do not rank fakes above photographs" in output
    assert not (out / "model.pt").exists(), "it must not be exported"
    summary = json.loads((out / "metrics.json").read_text())
    assert "do not rank fakes above photographs" in summary["uncalibrated"]
    assert summary["calibration"] == {"temperature": 1, "bias": 0}
    assert summary["operating_points"] == []
    assert summary["validation"]["auroc"] < 0.5 < summary["test"]["auroc"]
    again = [*options(data, out, recipe="scratch"), "--no-audit"]
    assert "already holds a finished run" in failure(*again)


def test_predictions_do_not_depend_on_the_batch(tiny_run: Path, tiny_data: Path) -> None:
    checkpoint = load_checkpoint(tiny_run)
    examples = read_examples(tiny_data)[:300]  # more than one evaluation batch
    whole, _ = predict(
        checkpoint.detector(), ImageSet(examples, 32, "cpu"), checkpoint.preprocessing, "float32"
    )
    part, _ = predict(
        checkpoint.detector(),
        ImageSet(examples[250:], 32, "cpu"),
        checkpoint.preprocessing,
        "float32",
    )
    np.testing.assert_allclose(whole[250:], part, atol=1e-4)
