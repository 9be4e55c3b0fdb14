"""Protects: shares are of the images they name, and what has no score gets none."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from benchmarks.photographs.material import LEFT_OUT
from benchmarks.photographs.table import (
    IN_WORDS,
    by_reason,
    by_source,
    of_calibration,
    of_kinds,
    of_mistakes,
    rows_by_source,
    table,
)
from benchmarks.photographs.verdicts import REASONS, by_kind, calibrated, mistakes, summed_up
from benchmarks.shared.results import Row
from scanner.model.figures import wilson_interval
from trainer.data.examples import DataError
from trainer.photographs.tiers import AS_IT_IS, HARD, WEB

REAL, FAKE = 0, 1
Said = tuple[str, int, float | None, str]  # source, label, score, verdict


def frame(said: Sequence[Said], tier: str = AS_IT_IS, by: str = "imgscan") -> pd.DataFrame:
    rows = pd.DataFrame(said, columns=["source", "label", "score", "verdict"])
    rows["reason"] = rows["verdict"].map({"inconclusive": "unsure"}).fillna("")
    return rows.assign(material="made", by=by, tier=tier, image=[f"{n}" for n in range(len(said))])


def only(rows: list[Row], **wanted: str) -> Row:
    """The one row that is about that."""
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    return row


SAID: list[Said] = [
    ("camera", REAL, -3.0, "real"),
    ("camera", REAL, -2.0, "real"),
    ("camera", REAL, 0.0, "inconclusive"),
    ("camera", REAL, 4.0, "fake"),
    ("both", FAKE, 3.0, "fake"),
    ("both", FAKE, -4.0, "real"),
    ("both", REAL, -1.0, "inconclusive"),
]


def test_every_reason_is_told_of_materials_and_sources() -> None:
    said = frame(SAID).assign(material=LEFT_OUT)
    said.loc[2, "reason"] = "domain"
    rows = list(summed_up(said))
    whole = only(rows, source="all")
    assert sum(whole[f"by_{reason}"] for reason in REASONS) == pytest.approx(whole["inconclusive"])
    assert set(IN_WORDS) == set(REASONS)
    lines = {line["images"]: line for line in by_reason(rows, least=1)}
    assert list(lines) == [f"{LEFT_OUT}, {AS_IT_IS}", "both", "camera"]
    assert lines["camera"]["no photograph"] == "25.0%"
    assert lines["both"]["too close to call"] == "33.3%"


def test_pictures_that_are_no_photographs_are_summed_up_by_kind() -> None:
    said = pd.DataFrame(
        [
            ("drawing", "a", "inconclusive", "domain"),
            ("drawing", "b", "fake", ""),
            ("map", "a", "inconclusive", "unsure"),
        ],
        columns=["kind", "source", "verdict", "reason"],
    )
    lines = {line["what"]: line for line in of_kinds(list(by_kind(said)))}
    assert list(lines) == ["drawing", "map", "all"]
    assert (lines["drawing"]["pictures"], lines["drawing"]["sources"]) == ("2", "2")
    assert lines["drawing"]["called fake"].startswith("50.0%")
    assert lines["drawing"]["no photograph"] == "50.0%"
    assert lines["all"]["inconclusive"] == "67%"
    assert list(by_kind(said[:0])) == []


def test_only_probabilities_that_are_given_are_held_to_what_came_of_them() -> None:
    said = pd.concat([frame(SAID), frame(SAID, WEB), frame(SAID[:4], HARD)])
    said.loc[0, "reason"] = "domain"
    said.loc[1, "score"] = float("nan")  # one that a scan gave no score
    as_it_is, web = calibrated(said)
    assert (as_it_is["images"], web["tier"], web["images"]) == (5, WEB, 5)
    assert 0 < as_it_is["calibration_error"] < 1
    (line, _) = of_calibration([as_it_is, web])
    assert line["images"] == f"made, {AS_IT_IS}"
    assert line["expected calibration error"] == f"{as_it_is['calibration_error']:.3f}"


def test_mistakes_are_listed_with_where_to_look_at_them() -> None:
    said = frame(SAID)
    listed = pd.DataFrame({"sha256": said["image"], "commit": "c0ffee", "generator": "one"})
    listed["path"] = [f"pictures/{n} of 7#.png" for n in said["image"]]
    rows = list(mistakes(said, listed))
    assert [(row["called"], row["source"]) for row in rows] == [
        ("fake", "camera"),
        ("real", "both"),
    ]
    assert rows[0]["p_fake"] == pytest.approx(0.982, abs=1e-3)
    accused, missed = of_mistakes(rows)
    assert accused["picture"] == (
        "[camera](https://github.com/camera/blob/c0ffee/pictures/3%20of%207%23.png)"
    )
    assert missed["called"] == "real"
    with pytest.raises(DataError, match="lacks 4 of the left-out images"):
        list(mistakes(said, listed[:3]))


def test_shares_are_of_one_class_and_have_intervals() -> None:
    row = only(list(summed_up(frame(SAID))), source="all")
    assert (row["photographs"], row["fakes"]) == (5, 2)
    for name, count, images in (
        ("accused", 1, 5),
        ("cleared", 2, 5),
        ("found", 1, 2),
        ("missed", 1, 2),
    ):
        assert row[name] == count / images
        assert (row[f"{name}_low"], row[f"{name}_high"]) == wilson_interval(count, images)
    assert row["inconclusive"] == pytest.approx(2 / 7)
    assert row["auroc"] == pytest.approx(4 / 10)  # of pairs, those whose fake scores higher


def test_a_source_of_one_class_has_no_figures_of_the_other() -> None:
    rows = list(summed_up(frame(SAID)))
    camera, both = only(rows, source="camera"), only(rows, source="both")
    assert camera["fakes"] == 0
    assert not camera.keys() & {"auroc", "found", "missed"}
    assert both["auroc"] == 0.5
    (line,) = [
        line
        for line in by_source(rows_by_source(rows, "made", "imgscan", AS_IT_IS), least=1)
        if not line["AUROC"]
    ]
    assert line["source"] == "camera"
    assert line["fakes called fake"] == ""
    low, high = wilson_interval(1, 4)
    assert line["photographs called fake"] == f"25.0% ({low:.1%} to {high:.1%})"


def test_readers_are_shown_the_larger_sources() -> None:
    rows = list(summed_up(frame(SAID)))
    listed = by_source(rows_by_source(rows, "made", "imgscan", AS_IT_IS), least=4)
    assert [line["source"] for line in listed] == ["camera"]


def test_images_without_a_score_are_inconclusive_and_in_no_ranking() -> None:
    unscored: list[Said] = [("camera", REAL, None, "inconclusive")] * 3
    plain, more = (only(list(summed_up(frame(s))), source="all") for s in (SAID, SAID + unscored))
    assert more["auroc"] == plain["auroc"]
    assert more["photographs"] == plain["photographs"] + 3
    assert more["inconclusive"] == pytest.approx((2 + 3) / 10)
    assert more["accused"] == 1 / 8


def test_one_class_with_scores_is_no_ranking() -> None:
    said: list[Said] = [("a", REAL, None, "inconclusive"), ("a", FAKE, 1.0, "fake")]
    for row in summed_up(frame(said)):
        assert "auroc" not in row
        assert row["inconclusive"] == 0.5
    nothing: list[Said] = [("a", label, None, "inconclusive") for label in (REAL, FAKE)]
    assert "auroc" not in only(list(summed_up(frame(nothing))), source="all")


def test_turned_is_only_from_real_to_fake_or_back() -> None:
    """From and to inconclusive is not, nor what had no verdict as it is, nor another's verdicts."""
    after = ["fake", "inconclusive", "fake", "real", "fake", "fake", "real"]
    hard: list[Said] = [(*row[:3], now) for row, now in zip(SAID, after, strict=True)]
    other = {"real": "fake", "fake": "real", "inconclusive": "inconclusive"}
    opposite: list[Said] = [(*row[:3], other[row[3]]) for row in SAID]
    some = frame(SAID, WEB)[1:3]
    stranger = frame([("new", FAKE, 1.0, "fake")], WEB).assign(image="stranger")
    frames = [frame(SAID), frame(hard, HARD), some, stranger, frame(opposite, AS_IT_IS, "a peer")]
    rows = list(summed_up(pd.concat(frames)))
    turned = {(row["by"], row["tier"]): row["turned"] for row in rows if row["source"] == "all"}
    assert turned == {
        ("imgscan", AS_IT_IS): 0,
        ("imgscan", HARD): 3,
        ("imgscan", WEB): 0,
        ("a peer", AS_IT_IS): 0,
    }
    lines = table(rows)
    assert [line["verdicts turned"] for line in lines] == ["0", "3", "0", "0"]
    assert [line["tier"] for line in lines] == [AS_IT_IS, HARD, WEB, AS_IT_IS]
