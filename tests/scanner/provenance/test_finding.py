"""Evidence stays small, and any text in it survives being written to a report."""

from __future__ import annotations

import json

from scanner.provenance.finding import MAX_CHARACTERS, MAX_FINDINGS, Finding, Tag, to_json


def finding(value: str) -> Finding:
    return Finding("png", Tag.DECLARED, "comment", value)


def test_no_findings_are_no_evidence() -> None:
    assert to_json([]) is None


def test_a_long_value_is_cut_and_its_length_stated() -> None:
    (entry,) = json.loads(to_json([finding("海" * 100_000)]) or "")
    assert (entry["value"], entry["length"]) == ("海" * MAX_CHARACTERS, 100_000)


def test_many_findings_are_counted_not_listed() -> None:
    entries = json.loads(to_json(finding(str(number)) for number in range(1000)) or "")
    assert len(entries) == MAX_FINDINGS + 1
    assert entries[-1]["value"] == f"{1000 - MAX_FINDINGS} findings"


def test_repetitions_are_told_once() -> None:
    assert len(json.loads(to_json([finding("a")] * 3) or "")) == 1


def test_any_text_can_be_written() -> None:
    text = to_json([finding('half \ud800, "quoted", \0 and\nnew line')]) or ""
    assert json.loads(text.encode().decode())[0]["value"] == 'half ?, "quoted", \0 and\nnew line'
    assert "\n" not in text
    assert "\0" not in text


def test_no_text_steers_a_terminal() -> None:
    text = to_json([finding("\x1b[2J \x9b1m \u202e é\\")]) or ""
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert json.loads(text)[0]["value"] == "\x1b[2J \x9b1m \u202e é\\"
