"""A whole scan, from the paths that are asked for to the reports on disk: the Python API.

    outcome = run_scan(Request(paths=(Path("evidence"),), reports=(Path("out.json"),)))

is what `imgscan evidence --report out.json` does, and prints nothing.
"""

from scanner.scan.outcome import Outcome
from scanner.scan.request import Request
from scanner.scan.start import run_scan
from scanner.scan.watcher import Progress, Watcher

__all__ = ["Outcome", "Progress", "Request", "Watcher", "run_scan"]
