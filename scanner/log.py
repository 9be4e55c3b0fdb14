"""The scanner's log: what it is called, and how facts travel in it."""

from __future__ import annotations

import logging

LOGGER = "scanner"
FACTS = "facts"  # the key of logging's `extra` that holds a dictionary for the JSON lines
# Until a log is set up, Python itself would print the warnings and errors.
logging.getLogger(LOGGER).addHandler(logging.NullHandler())
