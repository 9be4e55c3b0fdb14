"""Protects: an HTML report shows every row, as text whatever it says, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scanner.occlusion import Region
from scanner.record import Record, Status, Verdict, columns
from scanner.reports import write_report
from scanner.reports.gallery import Gallery, Picture
from scanner.reports.html.card import GROUPS
from scanner.reports.statement import percent
from tests.scanner.reports.html.reading import Reader, read

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <img src=x onerror=alert(1)>",
    "\"'><b onclick=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- cards -->\n",
    "javascript:alert(1)",
    "https://example.org/track.png",
    "&lt;b&gt; &amp; \u2028 \u2029",
)


def thumbnail(kind: str = "WEBP", size: tuple[int, int] = (96, 64)) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, kind)
    return stream.getvalue()


PICTURES = Gallery(lambda record: Picture(thumbnail()) if record.verdict else None)


def written(tmp_path: Path, records: list[Record], facts: dict[str, Any], **extra: Any) -> Reader:
    report = tmp_path / "report.html"
    write_report(report, records, facts, **extra)
    return read(report)


def test_every_row_has_a_card_in_the_order_of_the_report(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    found = written(tmp_path, records, facts, gallery=PICTURES)
    assert [card.fields["path"] for card in found.cards] == [record.path for record in records]
    assert len({card.address for card in found.cards}) == len(records)
    for card, record in zip(found.cards, records, strict=True):
        assert card.group in GROUPS
        assert (card.picture is not None) == (record.verdict is not None)


def test_every_field_is_on_the_page_of_its_picture(
    tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    checks = '{"detail": 0.5, "ood": -1.25}'
    (card,) = written(tmp_path, [record(checks=checks, page=2, frames=3)], facts).cards
    named = {column.name for column in columns()} - {"reason", "error", "checks", "evidence"}
    assert set(card.fields) == named | {"checks: detail", "checks: ood"}
    assert card.fields["p_fake"] == "0.999999"
    assert card.fields["checks: ood"] == "-1.25"
    first, second = card.details["evidence"]
    assert first == ["c2pa", "declared", 'signed; "x"', "=1+1,\\x0a", "AI-generated"]
    assert second[2:4] == ["<b>", "a\\u202eb … (999 characters in all)"], "no mark turns the text"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_evidence_says_stays_text(
    text: str, tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    texts = dict.fromkeys(("path", "format", "reason", "known", "name_mismatch", "model"), text)
    finding = f'[{{"source": {text!r}, "tag": "x", "name": "x", "value": "x"}}]'
    hostile = record(**texts, verdict=Verdict.INCONCLUSIVE, evidence=finding)
    plain = read_tags(tmp_path / "plain.html", [record(reason="x", evidence=finding)], facts)
    assert read_tags(tmp_path / "hostile.html", [hostile], facts) == plain
    (card,) = read(tmp_path / "hostile.html").cards
    assert card.fields["format"] == text.replace("\n", "\\x0a")
    assert card.texts["path"] == text.replace("\n", "\\x0a")
    assert card.texts["why"] == text.replace("\n", "\\x0a")


def read_tags(report: Path, records: list[Record], facts: dict[str, Any]) -> list[str]:
    """Which elements there are, and attributes."""
    write_report(report, records, facts)
    return [f"{tag} {sorted(attributes)}" for tag, attributes in read(report).elements]


def test_nothing_is_loaded_and_nothing_runs_but_its_own_script(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    found = written(tmp_path, records, facts, gallery=PICTURES)
    for tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "action", "data", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    (policy,) = (it["content"] for tag, it in found.elements if "http-equiv" in it)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind, texts in (("style-src", found.styles), ("script-src", found.scripts)):
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'", f"only its own: {kind}"


def test_pictures_are_in_the_file_and_tiny_ones_stay_sharp(
    tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    small, large = thumbnail("PNG", (32, 32)), thumbnail()
    gallery = Gallery(lambda it: Picture(small if it.path == "a" else large))
    found = written(tmp_path, [record(path="a"), record(path="b")], facts, gallery=gallery)
    for card, data in zip(found.cards, (small, large), strict=True):
        kind, _, coded = (card.picture or "").partition(";base64,")
        assert base64.b64decode(coded) == data
        assert kind == f"data:image/{'png' if data is small else 'webp'}"
    tiny = [attributes.get("class") for tag, attributes in found.elements if tag == "img"][:2]
    assert tiny == ["tiny", None]


@pytest.mark.parametrize("blurred", [True, False])
def test_pictures_are_blurred_unless_asked(
    blurred: bool, tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    found = written(tmp_path, records, facts, gallery=Gallery(PICTURES.picture, blurred))
    (body,) = (attributes for tag, attributes in found.elements if tag == "body")
    assert (body.get("class") == "blurred") == blurred
    (box,) = (it for tag, it in found.elements if tag == "input" and it.get("name") == "blur")
    assert ("checked" in box) == blurred
    assert all(
        attributes["aria-pressed"] == "false"
        for tag, attributes in found.elements
        if attributes.get("class") == "shot"
    )


def test_where_the_evidence_lies_is_told_in_words_too(
    tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    regions = (Region(0.0, 0.0, 0.5, 1.0, 1.5), Region(0.5, 0.0, 1.0, 1.0, -2.25))
    gallery = Gallery(lambda it: Picture(thumbnail(), regions))
    (card,) = written(tmp_path, [record()], facts, gallery=gallery).cards
    assert card.details["regions"] == [list(region) for region in regions]
    words = card.details["regions_in_words"]
    assert (
        "for a fake in the middle left (+1.50) and against it in the middle right (−2.25)" in words
    )
    assert "outside of what the model sees" in words
    views = Gallery(lambda it: Picture(thumbnail(), regions, of_views=True))
    (card,) = written(tmp_path, [record()], facts, gallery=views).cards
    assert card.details["of_views"]
    assert "views that the model judged" in card.details["regions_in_words"]


def test_a_row_says_what_became_of_it(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    for card, record in zip(written(tmp_path, records, facts).cards, records, strict=True):
        statement = card.details["statement"]
        if card.group == "unexamined":
            assert statement.startswith("Not examined")
            assert card.texts["badge"].startswith("not examined: ")
        elif record.verdict in (Verdict.FAKE, Verdict.REAL):
            assert percent(record.p_fake or 0.0) in statement
            assert "if fakes and photographs were equally frequent" in statement
        elif record.verdict is Verdict.INCONCLUSIVE:
            assert statement.startswith("No verdict: ")
            assert record.reason
            assert record.reason in card.texts["why"]
        else:
            assert record.status in (Status.NOT_IMAGE, Status.CONTAINER, Status.KNOWN)


def test_no_probability_is_rounded_up_to_certainty() -> None:
    assert {percent(share) for share in (1.0, 0.999999, 0.9996)} == {"over 99.9%"}
    assert {percent(share) for share in (0.0, 0.000001, 0.0004)} == {"under 0.1%"}
    assert [percent(share) for share in (0.0006, 0.5, 0.9994)] == ["0.1%", "50.0%", "99.9%"]


def test_what_was_not_examined_is_told_before_all_pictures(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    text = written(tmp_path, records, facts).text
    assert "Not everything could be examined." in text
    assert text.index("6 rows are of files") < text.index("emoji")
    sound = facts | {"statuses": {Status.SCORED: 3}}
    assert "Not everything could be" not in written(tmp_path, records, sound).text


def test_limits_of_the_method_come_first_and_in_plain_words(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    text = written(tmp_path, records, facts | {"provenance": "Nothing proves nothing."}).text
    assert "never the only ground for an accusation" in text
    assert "resnet18 was set to call fewer than 1% of photographs fake" in text
    assert "100 of 10,000" in text
    assert "resnet18 sees the picture's centre square, and nothing else" in text
    assert "does not mean that there is none" in text
    assert "Nothing proves nothing." in text
    assert text.index("accusation") < text.index("emoji")


def test_evidence_of_another_programs_making_is_shown_as_it_is(
    tmp_path: Path, record: Callable[..., Record], facts: dict[str, Any]
) -> None:
    odd = ["no JSON", "{}", "[1]", '["a"]', '[{"source": 1}]', "[" * 100_000]
    rows = [record(path=str(number), evidence=it, checks=it) for number, it in enumerate(odd)]
    for card, text in zip(written(tmp_path, rows, facts).cards, odd, strict=True):
        assert card.details.get("evidence", []) in ([], [["", "", "", text, ""]])


def test_no_template_is_left_open(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    whole = written(tmp_path, records, facts).text
    assert not re.search(r"\{\{|\{%|\{#", re.sub(re.escape(HOSTILE[3]), "", whole))
