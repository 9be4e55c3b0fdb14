"""Protects: a validation counts what scans say, leaves nothing out, and carries on where it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from scanner.model import METADATA_KEY, ModelCard, open_model
from scanner.record import Verdict
from scanner.reports.read import read_records
from scanner.scan import Request, Watcher, run_scan
from scanner.validation import run, validate
from scanner.validation.flips import GONE, OPPOSITE, flips
from scanner.validation.labels import Labels
from tests.conftest import ModelMaker, encoded
from tests.scanner.validation.conftest import SIDE, THRESHOLDS, asked, point, spot, validated
from tests.scanner.views_model import VIEWS, write_views_model
from trainer.metrics import measure

pytestmark = pytest.mark.usefixtures("search_paths")


@pytest.fixture(scope="module")
def told(
    labelled: Path, looking_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A validation with flips, whose page and rows lie at `report`."""
    report = tmp_path_factory.mktemp("told") / "out.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin:/bin")
        return validated(labelled, report, looking_model, 6) | {"report": report}


def views_model(card: ModelCard, folder: Path) -> Path:
    """Of several views, with a bound on how unlike they may be."""
    points = tuple(point(rate, at / 4) for rate, at in THRESHOLDS.items())
    seeing = replace(card, preprocessing=VIEWS, ood_at_most=0.6, operating_points=points)
    return write_views_model(folder / "views.onnx", replace(seeing, looks=card.looks))


@pytest.mark.parametrize("kind", ["looks", "views"])
def test_the_verdicts_at_each_point_are_those_of_scans_at_it(
    kind: str, labelled: Path, looking_card: ModelCard, looking_model: Path, tmp_path: Path
) -> None:
    model = looking_model if kind == "looks" else views_model(looking_card, tmp_path)
    (found,) = validated(labelled, tmp_path / "out.html", model)["models"]
    labels = Labels([labelled])
    seen = Counter[Verdict | None]()
    for at in found["points"]:
        rate = at["false_positive_rate"]
        report = tmp_path / f"{rate}.csv"
        run_scan(Request((labelled,), (report,), str(model), rate, "cpu", 8, 1, carve=False))
        rows = [(labels.of(row.path), row) for row in read_records(report) if row.model]
        for number, name in enumerate(("photographs", "fakes")):
            said = Counter(row.verdict for of, row in rows if of and of.label == number)
            seen += said
            assert {it: at[name][it]["count"] for it in Verdict} == {it: said[it] for it in Verdict}
            for verdict in Verdict:
                share = at[name][verdict]
                wilson = binomtest(share["count"], share["of"]).proportion_ci(0.95, "wilson")
                assert (share["low"], share["high"]) == pytest.approx(tuple(wilson))
                assert share["of"] == said.total()
    assert min(seen[verdict] for verdict in Verdict) > 5, "the pictures are of every kind"
    assert [at["false_positive_rate"] for at in found["points"]] == list(THRESHOLDS)


def test_figures_are_those_of_a_card(told: dict[str, Any]) -> None:
    """By the trainer's own code, from the rows of the scan."""
    labels = Labels([Path(told["labelled"][0])])
    rows = [row for row in read_records(told["report"].with_suffix(".csv")) if row.p_fake]
    known = [(labels.of(row.path), row) for row in rows]
    pairs = [(row.logit, of.label) for of, row in known if of]
    logits = np.array([logit for logit, _ in pairs], np.float32)
    of = np.array([label for _, label in pairs], np.int64)
    scores = told["models"][0]["scores"]
    expected = measure(logits, of)
    assert (scores["photographs"], scores["fakes"]) == (24, 24)
    assert scores["auroc"] == pytest.approx(expected.auroc)
    for name in ("f1", "precision", "recall", "accuracy"):
        assert scores["at_half"][name] == pytest.approx(getattr(expected, name)), name
    error = scores["expected_calibration_error"]
    assert error == pytest.approx(expected.expected_calibration_error)
    assert sum(each["images"] for each in scores["reliability"]) == len(pairs)


def test_no_file_is_left_out(told: dict[str, Any]) -> None:
    photographs, fakes = told["files"]
    assert photographs["pictures"] == 25  # with the one that is see-through
    assert (fakes["pictures"], fakes["outside_every_domain"]) == (26, 1)
    assert fakes["not_examined_by_status"] == {"unreadable": 1}
    assert fakes["no_pictures"] == 1
    assert told["unlabelled"] == 1
    for each in told["files"]:
        parts = ("called_fake", "called_real", "inconclusive", "outside_every_domain")
        assert sum(each[part] for part in parts) + each["not_examined"] == each["pictures"]
        right = "called_real" if each is photographs else "called_fake"
        assert each["called_rightly"]["count"] == each[right]
        assert each["called_rightly"]["of"] == each["pictures"]
    (reason,) = told["models"][0]["no_verdict_at_any_point"]["photographs"]
    assert "transparent" in reason or "visible" in reason


def test_sub_folders_add_up(told: dict[str, Any]) -> None:
    (model,) = told["models"]
    groups = {(it["group"], it["class"]): it for it in model["groups"]}
    assert {group for group, _ in groups} == {".", "group0", "group1", "pack.zip"}
    for place, at in enumerate(model["points"]):
        for name in ("photographs", "fakes"):
            mine = [it for (_, of), it in groups.items() if of == name]
            called = sum(it["points"][place]["fake"]["count"] for it in mine)
            assert called == at[name]["fake"]["count"]
            assert sum(it["pictures"] for it in mine) == model[name]


def test_every_wrong_verdict_is_listed(told: dict[str, Any]) -> None:
    (model,) = told["models"]
    at = model["points"][0]
    wrong = Counter((it["class"], it["called"]) for it in model["errors"])
    assert wrong[("photographs", "fake")] == at["photographs"]["fake"]["count"] > 0
    assert wrong[("fakes", "real")] == at["fakes"]["real"]["count"] > 0
    assert wrong.total() == len(model["errors"])


def test_flips_are_counted(told: dict[str, Any]) -> None:
    """Each copy by itself, against the counts; a halved one shows the model more of the rest."""
    found = told["models"][0]["flips"]
    assert len(found["copies"]) == 2 * 6 * 6
    assert any("pack.zip!/" in it["path"] for it in found["copies"]), "members too"
    assert len(found["treated"]) == 2 * 6
    changed = Counter[str]()
    for each in found["treated"]:
        mine = [
            (it["before"], it["after"])
            for it in found["copies"]
            if (it["treatment"], it["class"]) == (each["treatment"], each["class"])
        ]
        assert each["pictures"] == len(mine) == 6
        assert each["had_verdict"] == sum(a in OPPOSITE for a, _ in mine)
        assert each["kept"] == sum(a == b for a, b in mine if a in OPPOSITE)
        assert each["still_none"] == sum(a == b for a, b in mine if a not in OPPOSITE)
        assert each["turned"] == sum(a in OPPOSITE and b == OPPOSITE[Verdict(a)] for a, b in mine)
        wrong = "fake" if each["class"] == "photographs" else "real"
        assert each["made_wrong"] == sum(b == wrong != a for a, b in mine)
        kinds = ["kept", "still_none", "turned", "became_inconclusive", "became_verdict"]
        assert sum(each[kind] for kind in (*kinds, "outside", "unjudged")) == 6
        changed[each["treatment"]] += 6 - each["kept"] - each["still_none"]
    assert changed["resized to 50% of its sides"] > changed["saved as JPEG of quality 90"]


def test_pictures_that_cannot_be_saved_again_are_told(
    looking_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is gone and one is another by then."""
    for label in ("real", "fake"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(2):
            picture = encoded(spot(9, 9, number), "PNG")
            (tmp_path / "set" / label / f"{number}.png").write_bytes(picture)

    def spoil(*arguments: Any) -> Any:
        (tmp_path / "set" / "real" / "0.png").unlink()
        (tmp_path / "set" / "fake" / "1.png").write_bytes(encoded(spot(8, 8, 8), "PNG"))
        return flips(*arguments)

    monkeypatch.setattr(run, "flips", spoil)
    told = validated(tmp_path / "set", tmp_path / "out.html", looking_model, 9)
    failed = told["models"][0]["flips"]["failed"]
    assert failed == {GONE: 1, "its bytes have changed since it was scanned": 1}
    assert len(told["models"][0]["flips"]["copies"]) == 2 * 6
    assert f"1 could not be saved again: {GONE}" in (tmp_path / "out.html").read_text()


def test_copies_that_leave_the_domain_are_told(
    labelled: Path, looking_card: ModelCard, make_model: ModelMaker, tmp_path: Path
) -> None:
    only = replace(looking_card, domain=replace(looking_card.domain, min_side=48))
    model = make_model("large only", {METADATA_KEY: only.to_json()}, SIDE)
    found = validated(labelled, tmp_path / "out.html", model, 2)["models"][0]["flips"]
    outside = {it["treatment"]: it["outside"] for it in found["treated"]}
    assert outside["resized to 50% of its sides"] == 2
    assert outside["resized to 75% of its sides"] == 0


def test_one_class_alone_has_its_own_rates(
    labelled: Path, looking_model: Path, tmp_path: Path
) -> None:
    told = validated(labelled / "real", tmp_path / "out.html", looking_model)
    (model,) = told["models"]
    assert model["scores"] is None
    assert model["fakes"] == 0
    assert all(at["fakes"] is None and at["photographs"] for at in model["points"])
    assert "This model judged no fakes" in (tmp_path / "out.html").read_text()


class Heard(Watcher):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def test_the_same_again_carries_on_from_the_scan(
    labelled: Path, looking_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while pictures are saved again, when the scan behind it was done."""
    report = tmp_path / "out.html"
    what = asked(labelled, report, looking_model, 3)
    with monkeypatch.context() as patch:
        patch.setattr(run, "flips", interrupted)
        with pytest.raises(KeyboardInterrupt):
            validate(what)
    assert not report.exists()
    assert (tmp_path / "out.csv.journal").exists()
    heard = Heard()
    validate(what, heard)
    assert any("carrying on" in sentence for sentence in heard.said)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out.html", "out.json", "out.csv", "out.csv.manifest.json"}
    (tmp_path / "whole").mkdir()
    validate(replace(what, report=tmp_path / "whole" / "out.html"))
    whole = (tmp_path / "whole" / "out.json").read_bytes()
    assert whole == report.with_suffix(".json").read_bytes(), "the same pictures, the same bytes"


def interrupted(*_: object) -> Any:
    raise KeyboardInterrupt


def test_the_bundled_models_can_be_validated_together() -> None:
    """Their laxest points must be at one rate, since one scan serves all."""
    models = [open_model(name) for name in ("clip-vit-b16", "resnet18")]
    assert run.laxest(models) == 0.01
