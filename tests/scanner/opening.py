"""Walking a folder of containers with passwords at hand."""

from __future__ import annotations

from pathlib import Path

from scanner.limits import Limits
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from tests.scanner.walking import checked

# A hang ends a test soon, a busy machine does not.
LIMITS = Limits(seconds=120)


def opened(root: Path, *passwords: str, limits: Limits = LIMITS) -> list[Found | Met]:
    """Everything under `root`, in the order of the walk."""
    return checked(walk([root], limits, passwords))
