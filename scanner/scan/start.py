"""How a scan starts: nothing is looked for in the evidence, and the workers import their libraries.

They do so while this process imports its own, opens the models and the journal. So this module, and
all that is needed to ask for a scan and to see where it would write, imports nothing heavy.
"""

from __future__ import annotations

import logging

from scanner.environment import check_temporary_folder, close_search_paths
from scanner.errors import ImgscanError
from scanner.processes import prepare
from scanner.roots import Roots
from scanner.scan.outcome import Outcome
from scanner.scan.request import Request
from scanner.scan.watcher import Watcher
from scanner.workers import SERVED_BY

logger = logging.getLogger(__name__)


def run_scan(request: Request, watcher: Watcher = Watcher()) -> Outcome:  # noqa: B008  stateless
    """Scan what is asked for, write its reports and their manifest, and say what was found.

    In the calling process, modules and programs are from then on no longer looked for in the
    current folder, nor programs in the evidence. Raises ImgscanError when the scan cannot start or
    finish; an interrupted one carries on when the same is asked for again. While a process of the
    scan starts, one that another thread starts would miss the main module.
    """
    try:
        evidence = Roots(request.paths)
        close_search_paths(evidence)
        check_temporary_folder(evidence)
        from scanner.scan.places import check_places

        check_places(request, evidence)
        prepare(SERVED_BY)
        from scanner.scan.run import run

        return run(request, evidence, watcher)
    except ImgscanError as error:
        logger.error("stopped: %s", error)
        raise
