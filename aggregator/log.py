"""How the program speaks while it works: a line for people on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = ("run", "source", "edition")
"""What a record may carry besides its words; jobs give them as `extra`."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        where = " ".join(str(getattr(record, name)) for name in FIELDS[1:] if hasattr(record, name))
        words = f"{where}: {record.getMessage()}" if where else record.getMessage()
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S} {words}{trace}"


def start(level: int) -> None:
    """Send what the jobs say to standard error, and of the libraries only what went wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Human() if sys.stderr.isatty() else _Json())
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    logging.getLogger("aggregator").setLevel(level)
