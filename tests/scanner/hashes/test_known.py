"""Hash lists in every form that examiners have must be read in full or refused, never in part."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
from pathlib import Path

import pytest

from scanner.hashes.hashing import Hashing
from scanner.hashes.known import KnownHashes, check_index, read_lists
from scanner.hashes.lists.hash_list import WIDTHS, HashList, KnownError

DATA = b"the content of a known file"
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()
SHA1 = hashlib.sha1(DATA).hexdigest()
OTHER_SHA256 = hashlib.sha256(b"another").hexdigest()
OTHER_MD5 = hashlib.md5(b"another").hexdigest()
OTHER_SHA1 = hashlib.sha1(b"another").hexdigest()

FORMS = {
    "bare": f"{OTHER_SHA256}\n{SHA256}\n",
    "bare MD5": f"{OTHER_MD5}\n{MD5}",
    "upper case, comments, blank lines, CRLF": f"# a list\r\n\r\n{SHA256.upper()}\r\n",
    "byte order mark": f"\ufeff{SHA256}\n",
    "sha256sum": f"{OTHER_SHA256}  ./a name.jpg\n{SHA256} *b.jpg\n",
    "sha256sum, escaped name": f"\\{SHA256}  a\\nb.jpg\n",
    "bare SHA-1": f"{OTHER_SHA1}\n{SHA1.upper()}\n",
    "sha1sum": f"{OTHER_SHA1}  ./a name.jpg\n{SHA1} *b.jpg\n",
    "sha1sum --tag": f"SHA1 (b (1).jpg) = {SHA1}\n",
    "hashdeep of SHA-1": f"%%%% HASHDEEP-1.0\n%%%% size,sha1,filename\n27,{SHA1},/a\n",
    "CSV of SHA-1 and MD5": f"name,md5,SHA_1\na,{OTHER_MD5},{SHA1}\n",
    "sha256sum --tag": f"SHA256 (a (1).jpg) = {SHA256}\n",
    "md5sum": f"{MD5}  b.jpg\n",
    "md5sum --tag": f"MD5 (b.jpg) = {MD5}\n",
    "NSRL RDS 2": '"SHA-1","MD5","CRC32","FileName","FileSize","ProductCode","OpSystemCode",'
    f'"SpecialCode"\r\n"{SHA1}","{OTHER_MD5}","0","a "b", c.dll",3,1,"362",""\r\n'
    f'"{SHA1}","{OTHER_MD5}","0","d.dll",3,1,"362",""\r\n',
    "NSRL RDS 3": '"sha256","sha1","md5","crc32","file_name","file_size","package_id"\n'
    f'"{SHA256}","{SHA1}","{MD5}","0","a ""b"".dll","27","1"\n',
    "hashdeep": "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /home\n"
    f"## $ hashdeep -r .\n##\n27,{MD5},{SHA256},/home/a, b.jpg\n",
    "hashdeep of MD5 alone": f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n##\n27,{MD5},/a.jpg\n",
}
REFUSED = {
    "a cut line": f"{OTHER_SHA256}\n{SHA256[:41]}\n",
    "no hash": "this is a letter\n",
    "SHA-512": f"{hashlib.sha512(DATA).hexdigest()}\n",
    "another hash of 40 digits": f"RMD160 (a.jpg) = {SHA1}\n",
    "a row with another column for the hash": f'"md5","name"\n"{MD5}","a"\n"b","{MD5}"\n',
    "a row that is too short": f'"name","md5"\n"a","{MD5}"\n"b"\n',
    "digits that are none": f"sha256,name\n{'x' * 64},a\n",
}


def _read(folder: Path, *texts: str) -> KnownHashes:
    files = []
    for number, text in enumerate(texts, 1):
        files.append(folder / f"list{number}.txt")
        files[-1].write_bytes(text.encode())
    return read_lists(files, folder / "index")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_list_is_read(tmp_path: Path, form: str) -> None:
    known = _read(tmp_path, FORMS[form])
    assert known.match(SHA256, SHA1, MD5) == "list1.txt"
    assert not known.match(*(hashlib.new(name, b"?").hexdigest() for name in WIDTHS))


@pytest.mark.parametrize("form", REFUSED)
def test_a_line_without_a_usable_hash_refuses_the_list(tmp_path: Path, form: str) -> None:
    with pytest.raises(KnownError, match=r"list1\.txt has a line without"):
        _read(tmp_path, REFUSED[form])


def test_binary_and_empty_and_missing_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="holds no hashes"):
        _read(tmp_path, "# nothing\n")
    (tmp_path / "binary").write_bytes(f"{SHA256}\n".encode("utf-16"))
    with pytest.raises(KnownError, match="has a line without"):
        read_lists([tmp_path / "binary"], tmp_path / "index")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KnownError, match="pipe is no regular file"):
        read_lists([tmp_path / "pipe"], tmp_path / "index")
    with pytest.raises(KnownError, match="none cannot be used: No such file"):
        read_lists([tmp_path / "none"], tmp_path / "index")


def test_only_an_index_may_be_written_over(tmp_path: Path) -> None:
    index = tmp_path / "index"
    check_index(index)
    index.write_bytes(b"a photograph")
    with pytest.raises(KnownError, match="was left as it is"):
        check_index(index)
    index.write_bytes(b"")
    _read(tmp_path, SHA256)
    check_index(index)
    assert _read(tmp_path, SHA256).match(SHA256)


def test_all_lists_that_hold_a_file_are_named_once(tmp_path: Path) -> None:
    known = _read(tmp_path, f"{SHA256}\n{MD5}\n", f"{OTHER_MD5}\n", f"{MD5}\n")
    assert known.match(SHA256, MD5) == "list1.txt; list3.txt"
    assert known.match(OTHER_SHA256, OTHER_MD5) == "list2.txt"
    assert known.match(SHA256) == "list1.txt"


def test_lists_name_themselves_by_their_hash(tmp_path: Path) -> None:
    lines = [SHA256, MD5, OTHER_MD5, SHA1, "12" * 20, OTHER_SHA1]
    known = _read(tmp_path, "\n".join(lines), f"{SHA256}\n")
    entry, _ = known.lists
    assert isinstance(entry, HashList)
    assert entry.sha256 == hashlib.sha256((tmp_path / "list1.txt").read_bytes()).hexdigest()
    assert entry.entries == {"md5": 2, "sha1": 3, "sha256": 1}
    assert known.algorithms == {"md5", "sha1", "sha256"}


def test_only_the_hashes_that_lists_hold_are_taken(tmp_path: Path) -> None:
    known = _read(tmp_path, f"{SHA1}\n", f"{SHA256}\n")
    assert known.algorithms == {"sha1", "sha256"}
    assert Hashing(known=known).weak == ("sha1",)


def test_json_that_is_no_vics_is_called_that(tmp_path: Path) -> None:
    for text in (f'{{"value": [{{"MD5": "{MD5}"}}]}}', "\ufeff {\n}"):
        with pytest.raises(KnownError, match=r"list1\.txt looks like JSON, but does not say"):
            _read(tmp_path, text)


def test_whoever_waits_for_a_large_list_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.hashes.known.LARGE_BYTES", 100)
    (tmp_path / "small.txt").write_text(SHA256)
    (tmp_path / "large.txt").write_text(f"{SHA256}\n{OTHER_SHA256}\n")
    said: list[str] = []
    read_lists([tmp_path / "small.txt", tmp_path / "large.txt"], tmp_path / "index", said.append)
    assert said == [f"reading the hash list {tmp_path / 'large.txt'}, 0.0 GB"]


def test_digests_that_end_or_start_in_zeros_are_told_apart(tmp_path: Path) -> None:
    listed = ["00" * 32, "01" + "00" * 31, "00" * 31 + "01", "00" * 16, "ff" * 32, "00" * 20]
    known = _read(tmp_path, "\n".join(listed))
    assert all(known.match(digest) for digest in listed)
    absent = ["0001" + "00" * 30, "00" * 30 + "0100", "ff" * 31 + "fe", "ff" * 16, "01" + "00" * 15]
    absent += ["00" * 19 + "01", "01" + "00" * 19, "ff" * 20]
    assert not any(known.match(digest) for digest in absent)


@pytest.mark.parametrize("width", WIDTHS.values())
def test_a_long_list_agrees_with_a_set_and_serves_other_processes(
    tmp_path: Path, width: int
) -> None:
    random.seed(4)
    listed = {random.randbytes(width).hex() for _ in range(20_000)}
    known = pickle.loads(pickle.dumps(_read(tmp_path, "\n".join(listed))))
    assert (tmp_path / "index").stat().st_size == 32 + width * len(listed)
    assert all(known.match(digest) for digest in listed)
    assert not any(known.match(random.randbytes(width).hex()) for _ in range(20_000))


def test_what_is_open_stays_in_its_process(tmp_path: Path) -> None:
    known = _read(tmp_path, SHA256)
    assert known.match(SHA256)
    assert len(pickle.dumps(known)) == len(pickle.dumps(_read(tmp_path, SHA256)))
