"""What a journal keeps for reports that show pictures: a row a page, beside the page's record."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from scanner.occlusion import Region, regions
from scanner.preprocess import Preprocessing
from scanner.record import Record
from scanner.reports.gallery import Picture
from scanner.workers.examined import Examined

SCHEMA = """
CREATE TABLE picture (
    sha256 TEXT, page INTEGER, thumbnail BLOB NOT NULL, explanation TEXT,
    PRIMARY KEY (sha256, page)
);
"""


def keep(database: sqlite3.Connection, examined: Examined, explanation: str | None) -> None:
    """Keep what there is to see of a page, if anything."""
    if examined.thumbnail is not None:
        row = (examined.sha256, examined.page, examined.thumbnail, explanation)
        database.execute("INSERT INTO picture VALUES (?, ?, ?, ?)", row)


def recall(database: sqlite3.Connection, record: Record) -> Picture | None:
    """What was kept of the page that a record is of, wherever its bytes lie."""
    query = "SELECT thumbnail, explanation FROM picture WHERE sha256 = ? AND page = ?"
    row = database.execute(query, (record.sha256, record.page)).fetchone()
    if row is None:
        return None
    found: dict[str, Any] = json.loads(row[1] or '{"of_views": false, "regions": []}')
    return Picture(row[0], tuple(Region(*it) for it in found["regions"]), found["of_views"])


def explanation(
    size: tuple[int, int], preprocessing: Preprocessing, logit: float, logits: Sequence[float]
) -> str | None:
    """Where the evidence lies, as `regions` finds it, as JSON; None where a score is no number."""
    if not all(map(math.isfinite, (logit, *logits))):
        return None
    found = regions(size, preprocessing, logit, np.array(logits, np.float32))
    return json.dumps({"of_views": preprocessing.count > 1, "regions": found})
