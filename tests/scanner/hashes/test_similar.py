"""Like pictures are found by their PDQ hashes, in every form of list, and others are not."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanner.hashes.similar import (
    BITS,
    MOST_DIFFERENT,
    SimilarError,
    SimilarPictures,
    check_installed,
    pdq_of,
    read_similar,
)
from tests.scanner.hashes.pictures import scene

HASH = "0123456789abcdef" * 4
FAR = "f" * 64
FORMS = {
    "bare": f"{FAR}\n{HASH}\n",
    "upper case, comments, blank lines, CRLF": f"# a list\r\n\r\n{HASH.upper()}\r\n",
    "byte order mark": f"\ufeff{HASH}\n",
    "with names": f"{FAR},first.jpg\n{HASH},second.jpg\n",
    "hash and quality": f"{HASH} 100\n",
    "CSV with a column": f'path,pdq,bytes\n"a, b.jpg",{FAR},1\nc.jpg,,2\n"d\n.jpg",{HASH},3\n',
}
REFUSED = {
    "a cut line": f"{FAR}\n{HASH[:60]}\n",
    "no hash": "this is a letter\n",
    "digits that are none": "x" * 64 + "\n",
    "a column of something else": "path,pdq\na.jpg,none\n",
}

needs_pdq = pytest.mark.skipif(
    importlib.util.find_spec("pdqhash") is None, reason="pdqhash, of the extra pdq, is missing"
)


def _read(folder: Path, *texts: str) -> SimilarPictures:
    files = []
    for number, text in enumerate(texts, 1):
        files.append(folder / f"list{number}.txt")
        files[-1].write_bytes(text.encode())
    return read_similar(files)


def _flipped(digits: str, bits: int) -> str:
    """The hash with so many bits turned."""
    return f"{int(digits, 16) ^ ((1 << bits) - 1):064x}"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_list_is_read(tmp_path: Path, form: str) -> None:
    found = _read(tmp_path, FORMS[form]).match(HASH)
    assert found is not None
    assert found.startswith("list1.txt: line ")
    assert found.endswith(", 0 of 256 bits differ")


@pytest.mark.parametrize("form", REFUSED)
def test_a_line_without_a_hash_refuses_the_list(tmp_path: Path, form: str) -> None:
    with pytest.raises(SimilarError, match=r"list1\.txt has a line without a PDQ hash"):
        _read(tmp_path, REFUSED[form])


def test_empty_missing_and_binary_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SimilarError, match="holds no PDQ hashes"):
        _read(tmp_path, "# nothing\n")
    with pytest.raises(SimilarError, match="none is no regular file"):
        read_similar([tmp_path / "none"])
    with pytest.raises(SimilarError, match="is no regular file"):
        read_similar([tmp_path])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00" * 50)
    with pytest.raises(SimilarError, match="is no list of PDQ hashes"):
        read_similar([tmp_path / "binary"])


@pytest.mark.parametrize(
    "text",
    [
        f"path,pdq,bytes\na.jpg,{HASH},1\nb.jp",
        f"path,bytes,pdq\na.jpg,1,{HASH}\nb.jpg,1\n",
        f'path,pdq\na.jpg,{HASH}\n"b',
    ],
)
def test_a_cut_report_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SimilarError, match=r"list1\.txt is no list of PDQ hashes, or is damaged"):
        _read(tmp_path, text)


def test_the_line_is_that_of_the_file(tmp_path: Path) -> None:
    """A lead must not point at another row: rows without a hash count as well."""
    rows = [*(f"{n}.txt,," for n in range(30)), f"a.jpg,{HASH},"]
    for text, line in (("path,pdq,sha1\n" + "\n".join(rows), 32), (f"# one\n\n{HASH}", 3)):
        assert _read(tmp_path, text).match(HASH) == f"list1.txt: line {line}, 0 of 256 bits differ"


def test_a_picture_that_differs_in_every_bit_is_not_alike(tmp_path: Path) -> None:
    """256 is more than a byte holds."""
    assert _read(tmp_path, _flipped(HASH, 256)).match(HASH) is None


def test_alike_is_what_differs_in_31_bits_at_most(tmp_path: Path) -> None:
    pictures = _read(tmp_path, HASH)
    assert pictures.match(_flipped(HASH, MOST_DIFFERENT)) == (
        f"list1.txt: line 1, {MOST_DIFFERENT} of {BITS} bits differ"
    )
    assert pictures.match(_flipped(HASH, MOST_DIFFERENT + 1)) is None


def test_of_each_list_the_nearest_is_named(tmp_path: Path) -> None:
    pictures = _read(
        tmp_path,
        "\n".join([FAR, _flipped(HASH, 9), _flipped(HASH, 4), _flipped(HASH, 5)]),
        FAR,
        _flipped(HASH, 20),
    )
    assert pictures.match(HASH) == (
        "list1.txt: line 3, 4 of 256 bits differ; list3.txt: line 1, 20 of 256 bits differ"
    )
    assert [listed.entries for listed in pictures.lists] == [4, 1, 1]


def test_a_long_list_agrees_with_counting_bit_by_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    hashes = [random.bytes(32).hex() for _ in range(2000)]
    asked = _flipped(hashes[777], 30)
    counts = [bin(int(one, 16) ^ int(asked, 16)).count("1") for one in hashes]
    assert min(counts) == counts[777] == 30
    found = _read(tmp_path, "\n".join(hashes)).match(asked)
    assert found == "list1.txt: line 778, 30 of 256 bits differ"


def test_without_the_library_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(SimilarError, match=r"pip install 'imgscan\[pdq\]'"):
        check_installed()


def _saved(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


@needs_pdq
def test_copies_are_alike_and_other_pictures_are_not(tmp_path: Path) -> None:
    picture = scene(1)
    pdq = pdq_of(picture)
    assert pdq is not None
    pictures = _read(tmp_path, pdq)
    for copy in (picture.resize((450, 350)), picture.resize((200, 180)), _saved(picture, 40)):
        again = pdq_of(copy)
        assert again is not None
        assert pictures.match(again)
    for seed in range(2, 12):
        other = pdq_of(scene(seed))
        assert other is not None
        assert pictures.match(other) is None


@needs_pdq
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (3000, 3), (3, 3000), (2000, 2000)])
def test_a_picture_without_detail_has_no_hash(size: tuple[int, int]) -> None:
    assert pdq_of(Image.new("RGB", size, "grey")) is None


@needs_pdq
def test_the_hash_is_the_librarys_own() -> None:
    """Of a picture that is not scaled first: other tools must get the same."""
    import pdqhash

    picture = scene(3, (500, 400))
    bits, _ = pdqhash.compute(np.asarray(picture))
    assert pdq_of(picture) == f"{int(''.join(map(str, bits)), 2):064x}"


@needs_pdq
def test_a_report_is_a_list(tmp_path: Path) -> None:
    pdq = pdq_of(scene(5))
    report = tmp_path / "out.csv"
    with report.open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "pdq"], ["=a.jpg", pdq], ["b.txt", ""]])
    assert pdq is not None
    assert read_similar([report]).match(pdq) == "out.csv: line 2, 0 of 256 bits differ"
