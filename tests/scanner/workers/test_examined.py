"""Protects: what a worker found out reaches the scan as it was."""

from __future__ import annotations

import pickle
from dataclasses import fields

import numpy as np

from scanner.carving.coded import PLAIN
from scanner.carving.search import Place, Places
from scanner.quality import Quality
from scanner.record import Origin, Status
from scanner.workers.examined import Examined


def whole() -> Examined:
    """With something in every field."""
    places = Places()
    places.append(Place(3, 3, 90, "jpg", PLAIN))
    further = Examined(Status.UNREADABLE, "damaged", page=2, frames=2)
    view = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    figures = Quality(*(float(number) for number, _ in enumerate(fields(Quality))))
    return Examined(
        Status.SCORED,
        error="e",
        sha256="a",
        sha1="b",
        md5="c",
        known="d",
        pdq="f",
        similar="g",
        bytes=0,
        format="JPEG",
        width=4,
        height=5,
        page=1,
        frames=2,
        model=0,
        doubt="h",
        quality=figures,
        origin=Origin.AI_DECLARED,
        evidence="[]",
        view=view,
        carved=places,
        further=(further,),
        thumbnail=b"small",
        shown=(4, 5),
    )


def test_all_of_it_passes_a_pipe() -> None:
    sent = whole()
    for field in fields(Examined):
        found = getattr(sent, field.name)
        assert found is not None, f"{field.name} is not tried"
    got = pickle.loads(pickle.dumps(sent))
    assert sent.view is not None
    assert np.array_equal(got.view, sent.view)
    assert got.view.dtype == np.uint8
    assert sent.carved is not None
    assert list(got.carved) == list(sent.carved)
    for field in fields(Examined):
        if field.name not in ("view", "carved"):
            assert getattr(got, field.name) == getattr(sent, field.name), field.name
    assert isinstance(got.status, Status)
    assert isinstance(got.origin, Origin)


def test_what_was_not_found_out_stays_unknown() -> None:
    sent = Examined(Status.NOT_IMAGE, "the file is empty")
    assert pickle.loads(pickle.dumps(sent)) == sent
