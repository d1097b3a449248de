"""How the program speaks while it works: a line for people on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from aggregator.text import legal

FIELDS = ("run", "source", "edition")
"""What a record may carry besides its words; jobs give them as `extra`."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": _line(record.getMessage()),
        }
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["trace"] = _trace(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        where = " ".join(str(getattr(record, name)) for name in FIELDS[1:] if hasattr(record, name))
        said = _line(record.getMessage())
        words = f"{where}: {said}" if where else said
        trace = "\n" + _trace(self.formatException(record.exc_info)) if record.exc_info else ""
        return f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S} {words}{trace}"


def _line(words: str) -> str:
    """A record is one line without anything a terminal obeys, whoever's words are in it."""
    return " ".join(legal(words).split())


def _trace(text: str) -> str:
    return "\n".join(legal(line).expandtabs() for line in text.splitlines())


def start(level: int) -> None:
    """Send what the jobs say to standard error, and of the libraries only what went wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Human() if sys.stderr.isatty() else _Json())
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    logging.getLogger("aggregator").setLevel(level)
