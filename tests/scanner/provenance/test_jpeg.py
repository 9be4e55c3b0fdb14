"""The quality a JPEG was saved at is estimated, and never passed off as more than that."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("quality", range(1, 101))
@pytest.mark.parametrize("subsampling", [0, 2])
def test_standard_tables_give_the_exact_quality(
    quality: int, subsampling: int, encode: Any, gathered: Any
) -> None:
    (entry,) = gathered(encode("JPEG", quality=quality, subsampling=subsampling))
    assert entry == {
        "source": "jpeg",
        "tag": "inferred",
        "name": "quality",
        "value": f"{quality} (standard tables)",
    }


def test_other_tables_give_a_guess(encode: Any, gathered: Any) -> None:
    flat = [[16] * 64, [16] * 64]
    (entry,) = gathered(encode("JPEG", qtables=flat))
    assert entry["value"] == "about 86 (custom tables)"


def test_a_cut_table_is_no_table(encode: Any, gathered: Any) -> None:
    data = encode("JPEG")
    at = data.index(b"\xff\xdb")
    assert gathered(data[: at + 40]) == []
