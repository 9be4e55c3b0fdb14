"""A file system that fails and lies under a scan costs rows, and never the scan or the truth.

`FAULTS_EXAMPLES=5000 pytest tests/scanner/filesystem/test_faults.py` looks further than the suite.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.scanner.filesystem.plans import Plan, plans
from tests.scanner.filesystem.scanning import Rule
from tests.scanner.filesystem.trials import Trials

EXAMPLES = int(os.environ.get("FAULTS_EXAMPLES", "30"))
# Each of these once ended a scan, made it hang, or made it say what is not so. {outside} is a
# folder of what must not be seen.
ONCE_WRONG = {
    "before SQLite's time": Rule("stat", "a.png", "mtime", -11_644_473_600),
    "behind SQLite's time": Rule("stat", "pack.zip", "mtime", 9_223_372_037),
    "a listing breaks off": Rule("list", "album", "errno", errno.EIO, times=2),
    "the listing of all breaks off": Rule("list", "evidence", "errno", errno.EIO, times=-2),
    "a folder does not close": Rule("close", "album", "errno", errno.EIO),
    "no facts of the evidence": Rule("stat", "evidence", "errno", errno.EACCES),
    "no count of blocks": Rule("stat", "large.bin", "blocks", 0),
    "huge blocks": Rule("stat", "a.png", "blksize", 1 << 31),
    "a pipe for a file": Rule("open", "a.png", "fifo", times=1),
    "a link for a file": Rule("open", "a.png", "link", text="{outside}/image", times=1),
    "a link for a folder": Rule("open", "album", "link", text="{outside}/folder", times=1),
    "a link for the folder above": Rule(
        "open", "c.png", "link", text="{outside}/folder", victim="album", times=1
    ),
    "a name that leads out": Rule("list", "album", "name", text="../../outside/image"),
    "a picture in part": Rule("read", "a.png", "cut", 100),
    "a large file in part": Rule("read", "large.bin", "cut", 1 << 20),
    "mail in part": Rule("read", "letter.eml", "cut", 400),
    "a zip that cannot be told": Rule("read", "behind.jpg", "errno", errno.EIO, 600, where="main"),
    "a read that would wait": Rule("read", "pack.zip", "errno", errno.EAGAIN, where="main"),
    "a seek that fails": Rule("seek", "behind.jpg", "errno", errno.EIO, where="main", times=8),
    "an archive that cannot be told": Rule("read", "files.tar.gz", "errno", errno.EIO, times=2),
    "an archive in part": Rule("read", "files.tar.gz", "cut", 1, where="main", times=-3),
}


@pytest.mark.parametrize("rule", ONCE_WRONG.values(), ids=ONCE_WRONG)
def test_what_was_once_wrong(trials: Trials, rule: Rule) -> None:
    text = rule.text.format(outside=trials.outside)
    assert not trials.objections(Plan((replace(rule, text=text),)))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a plan is small as it is, and each is a scan
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_plan(trials: Trials, data: st.DataObject) -> None:
    """Every entry has its row, all hashes are true, nothing outside is seen, and it soon ends."""
    plan = data.draw(plans(trials.sites, trials.outside))
    assert not trials.objections(plan)
