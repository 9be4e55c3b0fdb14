"""Logging: sentences on standard error for a person, JSON lines in a file for a machine."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from scanner.errors import ImgscanError
from scanner.log import FACTS, LOGGER


class LogError(ImgscanError):
    """The log file cannot be written; the sentence says why."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, message, the facts, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class LogFile(logging.FileHandler):
    """A log that is part of the examiner's file: when it cannot be written, the scan stops."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        logging.getLogger(LOGGER).removeHandler(self)
        error = sys.exc_info()[1]
        reason = getattr(error, "strerror", None) or error
        raise LogError(f"the log {self.baseFilename} cannot be written: {reason}.") from error


class TerminalHandler(logging.Handler):
    """Standard error, above the progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except OSError:  # nobody reads it any more
            self.setLevel(logging.CRITICAL + 1)


def set_up_logging(verbose: bool, log_file: Path | None) -> None:
    """Send the scanner's log to standard error if `verbose`, and to `log_file`. Raises LogError."""
    logger = logging.getLogger(LOGGER)
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    logger.setLevel(logging.INFO)
    if verbose:
        logger.addHandler(TerminalHandler())
    if log_file:
        try:
            handler = LogFile(log_file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            reason = error.strerror or error
            raise LogError(f"the log {log_file} cannot be written: {reason}.") from error
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
