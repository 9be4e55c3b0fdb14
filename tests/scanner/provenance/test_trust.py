"""Trust lists are read whole or refused, whatever text stands between their certificates."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from scanner.provenance import trust
from scanner.provenance.trust import Trust, TrustError, TrustList, read_trust


def test_a_list_may_hold_text_that_is_no_utf8(
    signer: Any, make_signer: Any, tmp_path: Path
) -> None:
    other = make_signer().anchor
    content = (
        b"\xef\xbb\xbf# of caf\xe9\r\nSubject\tCN=x\n" + signer.anchor.encode() + b"\n# next\n"
    )
    content += other.replace("\n", "\r\n").encode()
    (tmp_path / "roots.pem").write_bytes(content)
    read = read_trust([tmp_path / "roots.pem"])
    assert read.lists == (TrustList("roots.pem", hashlib.sha256(content).hexdigest(), 2),)
    assert read.anchors == signer.anchor + other


def test_several_lists_are_one_trust(signer: Any, make_signer: Any, tmp_path: Path) -> None:
    other = make_signer().anchor
    for name, anchor in (("a.pem", signer.anchor), ("b.pem", other)):
        (tmp_path / name).write_text(anchor)
    read = read_trust([tmp_path / "a.pem", tmp_path / "b.pem"])
    assert [found.name for found in read.lists] == ["a.pem", "b.pem"]
    assert read.anchors == signer.anchor + other
    assert read_trust([]) == Trust()


def test_what_is_no_list_is_refused(
    signer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = signer.anchor
    middle = len(anchor) // 2
    empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for content, reason in (
        ("", "holds no certificate in PEM"),
        ("just text\n", "holds no certificate in PEM"),
        (empty, "holds a damaged certificate"),
        (anchor[:middle] + "!" + anchor[middle:], "holds a damaged certificate"),
        (anchor + anchor[:middle], "holds a certificate that breaks off"),
        (signer.certificate, "holds no certificate of an authority"),
    ):
        (tmp_path / "list.pem").write_text(content)
        with pytest.raises(TrustError, match=f"list.pem {reason}") as refused:
            read_trust([tmp_path / "list.pem"])
        assert str(refused.value).count(".") == 2, "one sentence, and the file's suffix"
    with pytest.raises(TrustError, match=r"gone\.pem cannot be read: No such file"):
        read_trust([tmp_path / "gone.pem"])
    os.mkfifo(tmp_path / "pipe.pem")
    for name in ("pipe.pem", "."):
        with pytest.raises(TrustError, match="is no file"):
            read_trust([tmp_path / name])
    monkeypatch.setattr(trust, "MAX_BYTES", len(anchor) - 1)
    (tmp_path / "list.pem").write_text(anchor)
    with pytest.raises(TrustError, match="has more than"):
        read_trust([tmp_path / "list.pem"])
