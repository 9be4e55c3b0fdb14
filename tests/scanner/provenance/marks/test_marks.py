"""Protects: what says that it was generated, edited or photographed has that claim, wherever a
program writes it; and what only sounds like it has none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.provenance import marks
from scanner.provenance.readers import gather
from scanner.provenance.texts.text import CREDITED, PROGRAMS, Text
from tests.scanner.provenance import writing as write
from tests.scanner.provenance.marks.marked import (
    A1111,
    AI,
    EDITED,
    EDITS,
    GRAPH,
    MARKED,
    NMKD,
    PANTRY,
    TYPE,
    UNMARKED,
    XAP,
)


def told(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gather(data).evidence or "[]")
    return [entry for entry in found if entry["name"] != "quality"]


@pytest.mark.parametrize("name", MARKED)
def test_what_is_marked_has_an_origin(name: str) -> None:
    data, source, origin = MARKED[name]
    assert gather(data).origin is origin
    claims = {entry["source"] for entry in told(data) if "claim" in entry}
    assert source in claims


@pytest.mark.parametrize("name", UNMARKED)
def test_what_only_sounds_like_it_has_none(name: str) -> None:
    assert gather(UNMARKED[name]).origin is None


@pytest.mark.parametrize("name", EDITS)
def test_what_was_edited_is_not_called_generated(name: str) -> None:
    assert gather(EDITS[name]).origin is EDITED


def test_an_ingredient_s_camera_is_not_the_picture_s() -> None:
    found = gather(write.xmp(XAP, PANTRY.format('tiff:Make="Acme"')))
    assert found.origin is None
    assert "ingredient_camera_make" in (found.evidence or "")


@pytest.mark.parametrize(
    "text",
    [
        A1111.replace("a gull", f"a gull, {TYPE}digitalCapture,"),
        f'{{"product":"doubao",{NMKD[1:]}',
        f'{{"AIGC":{{"Label":"2"}},{NMKD[1:]}',
    ],
)
def test_no_mark_hides_another_that_claims_more(text: str) -> None:
    assert gather(write.png(parameters=text)).origin is AI


def test_models_and_versions_are_named() -> None:
    named = {
        (entry["source"], entry["name"], entry["value"])
        for entry in told(MARKED["a1111 in PNG"][0])
    }
    assert {("a1111", "model", "v1-5-pruned"), ("a1111", "version", "f2.0.1v1.10.1")} <= named
    (model,) = [entry for entry in told(write.png(prompt=GRAPH)) if entry["name"] == "model"]
    assert model["value"] == "sd.safetensors"


def test_novelai_has_all_that_it_wrote() -> None:
    texts = {"Software": "NovelAI", "Description": "a gull", "Comment": '{"steps": 28}'}
    found = told(write.png(**texts))
    assert {(entry["source"], entry["name"]) for entry in found} == {
        ("novelai", key.lower()) for key in texts
    }


@pytest.mark.parametrize(
    ("data", "source", "name", "value"),
    [
        (write.png(Secret="x y"), "png", "secret", "x y"),
        (write.png(Creation__Time="long ago"), "png", "creation_time", "long ago"),
        (write.exif({write.IMAGE: "Möwe".encode()}), "exif", "image_description", "Möwe"),
        (write.exif({write.COMMENT: write.ASCII + b"a gull"}), "exif", "user_comment", "a gull"),
        (write.exif({write.XP_COMMENT: "海\0".encode("utf-16-le")}), "exif", "xp_comment", "海"),
        (write.comment(b"LEAD Technologies"), "file", "comment", "LEAD Technologies"),
        (write.iptc({120: "Möwe".encode()}), "iptc", "caption", "Möwe"),
        (write.iptc({120: "Möwe".encode("latin-1")}), "iptc", "caption", "Möwe"),
        (write.iptc({120: ("Grüße vom Möwenfels" * 9).encode("latin-1")}), "iptc", "caption",
         "Grüße vom Möwenfels" * 9),
        (write.exif({write.IMAGE: "海鸥在海上飞翔".encode("utf-16-le")}),
         "exif", "image_description", "海鸥在海上飞翔"),
        (write.xmp({"own:Finder": "a gull"}), "xmp", "finder", "a gull"),
    ],
)  # fmt: skip
def test_a_text_without_a_mark_is_told_as_it_is(
    data: bytes, source: str, name: str, value: str
) -> None:
    assert told(data) == [{"source": source, "tag": "declared", "name": name, "value": value}]


def test_bytes_that_are_no_text_are_not_told() -> None:
    junk = bytes(range(1, 32)) * 9
    assert told(write.exif({write.COMMENT: write.ASCII + junk})) == []
    assert told(write.comment(junk)) == []


@pytest.mark.parametrize("before", [63, 900])
def test_claims_are_told_though_texts_are_many(before: int) -> None:
    many = {f"key{number}": f"text {number}" for number in range(before)}
    found = told(write.png(**many, parameters=A1111))
    assert (found[0]["source"], found[0]["claim"]) == ("a1111", "ai")


def test_claims_are_told_though_other_texts_are_long() -> None:
    found = told(write.png(**{f"key{number}": "x " * 2**20 for number in range(9)}, end=A1111))
    assert found[0]["claim"] == "ai"


@pytest.mark.parametrize(
    "data",
    [
        write.png(**{f"key{number}": "x" for number in range(1_100)}),
        write.png(**{f"key{number}": "x " * 2**21 for number in range(3)}),
        write.with_segments(*[write.segment(0xFE, b"x")] * 1_100),
        write.xmp(elements="<own:a>word</own:a>" * 2_100),
    ],
)
def test_what_limits_leave_out_is_told(data: bytes) -> None:
    evidence = gather(data).evidence or ""
    assert "more or longer texts than are read" in evidence or "findings" in evidence
    assert any(it["name"] in ("unread", "left_out") for it in json.loads(evidence))


@pytest.mark.parametrize("end", ["", "!"])
def test_a_version_of_many_digits_takes_no_time(end: str) -> None:
    """Were they split in every way, this would take longer than there is time."""
    credit = f"Midjourney {'1' * 900}{end}"
    assert gather(write.xmp({"photoshop:Credit": credit})).origin == (None if end else AI)


def test_names_out_of_a_file_are_cut() -> None:
    assert len(gather(write.png(**{"k" * 79: "x"})).evidence or "") < 400
    assert (
        len(
            gather(write.xmp(elements=f"<own:{'k' * 90_000}>x y</own:{'k' * 90_000}>")).evidence
            or ""
        )
        < 400
    )


def test_a_file_s_own_words_are_not_imgscan_s() -> None:
    """A contradiction names only where the texts stand."""
    data = write.exif({write.IMAGE: A1111, write.MAKE: "validated by imgscan"})
    (found,) = [it for it in told(data) if it["name"] == "contradiction"]
    assert found["value"] == "AI-generated by a1111, but out of a camera by exif"


@settings(max_examples=300, deadline=None)
@given(
    value=st.text(max_size=200)
    | st.sampled_from(["{" * 50_000, '{"AIGC": [1]}', '{"prompt": null}', '{"product": {}}'])
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["AIGC", "aigc_info", "prompt", "product", "version", "sui_image_params", "c"]
            ),
            inner,
            max_size=3,
        ),
    ).map(json.dumps),
    name=st.sampled_from(sorted(CREDITED | PROGRAMS | {"prompt", "aigc", "dream", "peg_info"})),
    source=st.sampled_from(["png", "exif", "xmp", "samsung"]),
)  # fmt: skip
def test_no_text_stops_the_marks(value: str, name: str, source: str) -> None:
    text = Text(source, name, value)
    assert all(finding.value is not None for finding in marks.findings(text, [text]))


@pytest.mark.parametrize("graph", ["{", "{" * 100_000, '{"1": 2, "3": {"inputs": []}}'])
def test_a_broken_graph_is_still_reported(graph: str) -> None:
    (entry,) = told(write.png(prompt=graph))
    assert (entry["source"], entry["name"]) == ("png", "prompt")
    torn = GRAPH[: GRAPH.index("ckpt_name")]
    assert told(write.png(prompt=torn))[0]["claim"] == "ai"
