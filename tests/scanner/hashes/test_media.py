"""VICS files, of either version and in every writing, are read in full or refused."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scanner.hashes.known import KnownHashes, read_lists
from scanner.hashes.lists import media
from scanner.hashes.lists.hash_list import HashList, KnownError
from scanner.vics import CONTEXT, read_media

DATA = b"the content of a known file"
MD5, SHA1, SHA256 = (hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha1", "sha256"))
OTHER_MD5 = hashlib.md5(b"another").hexdigest()
OLD = "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media"
# As tools write them: with the hash of a file on the disk that it came from, and PhotoDNA.
ENTRY = {
    "MediaID": 7,
    "Category": 1,
    "MediaSize": len(DATA),
    "MD5": MD5.upper(),
    "SHA1": SHA1.upper(),
    "AlternativeHashes": [{"HashName": "PhotoDNA", "HashValue": "AAECAwQ="}],
    "MediaFiles": [{"MD5": OTHER_MD5, "FileName": "a.jpg", "FilePath": "C:\\pictures"}],
    "Exifs": [],
}


def _list(*entries: Any, context: str = CONTEXT) -> dict[str, Any]:
    key = "odata.metadata" if context == OLD else "@odata.context"
    return {key: context, "value": list(entries)}


def _case(*entries: Any, context: str = CONTEXT) -> dict[str, Any]:
    case = {"CaseID": "1", "CaseNumber": "24-1", "Media": list(entries), "SourceApplication": "x"}
    return _list(case, context=context)


FORMS = {
    "1.3, a list": json.dumps(_list(ENTRY, context=OLD)).encode(),
    "1.3, a case": json.dumps(_case(ENTRY, context=OLD)).encode(),
    "2.0, a list": json.dumps(_list(ENTRY)).encode(),
    "2.0, a case": json.dumps(_case(ENTRY)).encode(),
    "pretty-printed": json.dumps(_case(ENTRY), indent=4).replace("\n", "\r\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(_list(ENTRY)).encode(),
    "escaped slashes": json.dumps(_case(ENTRY)).replace("/", "\\/").encode(),
}


def _read(folder: Path, content: bytes) -> KnownHashes:
    (folder / "list.json").write_bytes(content)
    return read_lists([folder / "list.json"], folder / "index")


def _counted(known: KnownHashes) -> tuple[dict[str, int], int]:
    (read,) = known.lists
    assert isinstance(read, HashList)
    return read.entries, read.without_hash


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(tmp_path: Path, form: str) -> None:
    known = _read(tmp_path, FORMS[form])
    assert known.match(SHA256, SHA1, MD5) == "list.json"
    assert _counted(known) == ({"md5": 0, "sha1": 1, "sha256": 0}, 0)
    assert known.match(OTHER_MD5) is None  # that of a file which the entry only names


@pytest.mark.parametrize(
    ("hashes", "looked_up"),
    [
        ({"MD5": MD5}, "md5"),
        ({"MD5": MD5, "SHA1": None}, "md5"),
        ({"MD5": MD5, "SHA1": ""}, "md5"),
        ({"MD5": None, "SHA1": SHA1}, "sha1"),
        (
            {"MD5": MD5, "AlternativeHashes": [{"HashName": "SHA256", "HashValue": SHA256}]},
            "sha256",
        ),
        ({"AlternativeHashes": [{"HashValue": SHA256, "HashName": "sha-256"}]}, "sha256"),
        (
            {
                "AlternativeHashes": [
                    {"HashName": "SHA256", "HashValue": None},
                    {"HashName": None, "HashValue": SHA256},
                    {"HashName": "PhotoDNA", "HashValue": "AAECAwQ="},
                ],
                "MD5": MD5,
            },
            "md5",
        ),
    ],
)
def test_an_entry_counts_by_the_strongest_of_its_hashes(
    tmp_path: Path, hashes: dict[str, Any], looked_up: str
) -> None:
    for whole in (_list, _case):
        known = _read(tmp_path, json.dumps(whole({"MediaID": 1} | hashes)).encode())
        assert known.algorithms == {looked_up}
        assert known.match(hashlib.new(looked_up, DATA).hexdigest()) == "list.json"


def test_entries_without_a_hash_are_counted_and_no_others(tmp_path: Path) -> None:
    empty: list[dict[str, Any]] = [{}, {"MediaID": 1}, {"MD5": None}, {"MD5": "", "SHA1": None}]
    for whole in (_list, _case):
        known = _read(tmp_path, json.dumps(whole(*empty, ENTRY, *empty)).encode())
        assert _counted(known) == ({"md5": 0, "sha1": 1, "sha256": 0}, 8)
    cases = _list({"CaseID": "1", "Media": None}, {"CaseID": "2", "Media": [ENTRY]})
    assert _counted(_read(tmp_path, json.dumps(cases).encode()))[1] == 0


def test_media_of_cases_and_beside_them_are_all_read() -> None:
    case = {"Tags": "of the case", "MD5": None, "Media": [{"Tags": "a"}, {"MD5": OTHER_MD5}]}
    content = json.dumps(_list({"CaseID": "0", "Media": None}, case, ENTRY)).encode()
    assert [it.md5 for it in read_media(io.BytesIO(content))] == [None, OTHER_MD5, MD5.upper()]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (["aaa", ENTRY], "value.item is no object"),
        ([ENTRY, None], "value.item is no object"),
        ([[ENTRY], ENTRY], "value.item is no object"),
        (ENTRY, "value is no list"),
        ([ENTRY, {"Media": ENTRY}], "value.item.Media is no list"),
        ([ENTRY, {"Media": MD5}], "value.item.Media is no list"),
        ([ENTRY, {"Media": [MD5]}], "value.item.Media.item is no object"),
        ([{"Media": [[ENTRY], ENTRY]}], "value.item.Media.item is no object"),
        ([ENTRY | {"AlternativeHashes": {"HashValue": SHA256}}], "AlternativeHashes is no list"),
        ([ENTRY | {"AlternativeHashes": [SHA256]}], "AlternativeHashes.item is no object"),
        ([{"MD5": MD5, "Media": [ENTRY]}], "a case has hashes of its own beside its media"),
        ([{"Media": [ENTRY], "SHA1": SHA1}], "a case has hashes of its own beside its media"),
        ([{"MD5": MD5, "Media": None}, ENTRY], "a case has hashes of its own beside its media"),
    ],
)
def test_what_stands_where_no_medium_is_looked_for_refuses_the_list(
    tmp_path: Path, value: Any, told: str
) -> None:
    """A hash in it would be in the list, and yet found in none."""
    with pytest.raises(KnownError, match=re.escape(told)):
        _read(tmp_path, json.dumps({"@odata.context": CONTEXT, "value": value}).encode())


def test_names_with_dots_are_no_places(tmp_path: Path) -> None:
    odd = {"value.item.MD5": OTHER_MD5, "value.item.AlternativeHashes.item.HashValue": SHA256}
    known = _read(tmp_path, json.dumps({**_list(ENTRY), **odd}).encode())
    assert known.match(OTHER_MD5, SHA1) == "list.json"


def test_a_list_without_any_hash_is_refused(tmp_path: Path) -> None:
    for whole in (_list(), _case(), _list({"MediaID": 1}), {"@odata.context": CONTEXT}):
        with pytest.raises(KnownError, match="holds no hashes"):
            _read(tmp_path, json.dumps(whole).encode())


@pytest.mark.parametrize(
    "malformed",
    [
        {"MD5": MD5[:-1]},
        {"MD5": "x" * 32},
        {"MD5": f"{MD5}\n"},
        {"MD5": [MD5]},
        {"MD5": {"a": MD5}},
        {"MD5": 12},
        {"MD5": True},
        {"SHA1": MD5},
        {"MD5": "damaged", "SHA1": SHA1},
        {"AlternativeHashes": [{"HashName": "SHA256", "HashValue": SHA1}]},
        {"AlternativeHashes": [{"HashName": "SHA256", "HashValue": [SHA256]}]},
    ],
)
def test_a_malformed_hash_refuses_the_list_and_is_named(
    tmp_path: Path, malformed: dict[str, Any]
) -> None:
    for whole in (_list, _case):
        content = json.dumps(whole(ENTRY, {"MediaID": 2}, malformed, ENTRY)).encode()
        with pytest.raises(KnownError, match=r"entry 3 of .*list\.json has a malformed"):
            _read(tmp_path, content)


def test_a_cut_or_damaged_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = FORMS["2.0, a case"]
    for end in range(len(whole) - 1, whole.index(b"#Cases") + 10, -7):
        with pytest.raises(KnownError, match="is cut or damaged"):
            _read(tmp_path, whole[:end])
    for damaged in (
        whole + b"}",
        whole.replace(b"a.jpg", b"\xff\xfe"),
        whole.replace(b":", b"", 2),
    ):
        with pytest.raises(KnownError, match=r"is cut or damaged|does not say"):
            _read(tmp_path, damaged)


def test_a_long_list_agrees_with_a_set(tmp_path: Path) -> None:
    random.seed(4)
    listed = {random.randbytes(16).hex() for _ in range(50_000)}
    entries = [{"MediaID": number, "MD5": digest} for number, digest in enumerate(listed)]
    (tmp_path / "list.json").write_text(json.dumps(_case(*entries)))
    known = read_lists([tmp_path / "list.json"], tmp_path / "index")
    assert _counted(known)[0]["md5"] == len(listed)
    assert all(known.match(digest) for digest in listed)
    assert not any(known.match(random.randbytes(16).hex()) for _ in range(20_000))


def test_memory_stays_flat_while_a_list_is_read(tmp_path: Path) -> None:
    entries = [ENTRY | {"MD5": f"{number:032x}"} for number in range(20_000)]
    (tmp_path / "list.json").write_text(json.dumps(_case(*entries)))
    digests = media.digests(tmp_path / "list.json")
    tracemalloc.start()
    assert sum(1 for _ in islice(digests, 3_000)) == 3_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000 < (tmp_path / "list.json").stat().st_size / 3


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_endless_nesting_takes_no_memory(tmp_path: Path, opened: str) -> None:
    """Where each level is told of with all those around it, memory grows with their square."""
    mark = '{"@odata.context": "x/ProjectVic/DataModels/2.0.xml/US/$metadata#Media", "x": '
    path = tmp_path / "deep.json"
    path.write_text(mark + opened * 40_000)
    tracemalloc.start()
    with pytest.raises(KnownError, match="nested too deeply"):
        read_lists([path], tmp_path / "index")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100_000_000
