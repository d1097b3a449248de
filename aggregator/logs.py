"""Format log records: one line on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from aggregator.text import legal

FIELDS = ("run", "source", "edition")
"""Extra fields of a record, which jobs pass as `extra`."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": _line(record.getMessage()),
        }
        fields |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            fields["trace"] = _trace(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        where = " ".join(str(getattr(record, name)) for name in FIELDS[1:] if hasattr(record, name))
        message = _line(record.getMessage())
        message = f"{where}: {message}" if where else message
        trace = "\n" + _trace(self.formatException(record.exc_info)) if record.exc_info else ""
        return f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S} {message}{trace}"


def _line(message: str) -> str:
    """Return a message on one line, without characters that a terminal obeys."""
    return " ".join(legal(message).split())


def _trace(text: str) -> str:
    return "\n".join(legal(line).expandtabs() for line in text.splitlines())


def start_logging(level: int) -> None:
    """Log to standard error: this program's records from `level` on, errors of libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Human() if sys.stderr.isatty() else _Json())
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    logging.getLogger("aggregator").setLevel(level)
