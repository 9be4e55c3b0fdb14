"""Protects: any file name becomes text that every report can hold, and comes back exactly."""

from __future__ import annotations

import random

import pytest

from scanner.record import Status, Verdict, columns, path_from_text, path_text, safe_text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("plain/é 👩.jpg", "plain/é 👩.jpg"),
        ("a\\b", "a\\\\b"),
        ("a\nb\x7f", "a\\x0ab\\x7f"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud83d\udc00", "\\ud83d\\udc00"),
        ("\\x41", "\\\\x41"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\x85\x9b2J", "a\\u0085\\u009b2J"),
    ],
)
def test_escapes_what_text_cannot_hold(path: str, text: str) -> None:
    assert path_text(path) == text
    assert path_from_text(text) == path


def test_every_string_survives() -> None:
    choices = random.Random(1)
    alphabet = [chr(code) for code in range(0x110)] + list("\\\\\\xu0aF\u2028\ud800\udbff\udfff👩")
    alphabet += [chr(code) for code in range(0xDC00, 0xDD20)]
    for _ in range(5_000):
        path = "".join(choices.choices(alphabet, k=choices.randrange(30)))
        text = path_text(path)
        assert text.encode("utf-8").decode("utf-8") == text
        assert not any(character < " " or "\x7f" <= character < "\xa0" for character in text)
        assert safe_text(text) == text
        assert path_from_text(text) == path


def test_other_texts_lose_only_what_could_steer_a_terminal() -> None:
    text = "C:\\a é!/👩 \x1b[2J\n\x9b1m\u202e\udc80"
    assert safe_text(text) == "C:\\a é!/👩 \\x1b[2J\\x0a\\u009b1m\\u202e\\x80"


def test_every_byte_string_survives() -> None:
    choices = random.Random(2)
    for _ in range(5_000):
        name = choices.randbytes(choices.randrange(30)).decode("utf-8", "surrogateescape")
        assert path_from_text(path_text(name)) == name


def test_every_column_has_its_sentence() -> None:
    meanings = {column.name: column.meaning for column in columns()}
    assert all(meaning.endswith(".") for meaning in meanings.values())
    assert all(f"`{status}`" in meanings["status"] for status in Status)
    assert all(f"`{verdict}`" in meanings["verdict"] for verdict in Verdict)
