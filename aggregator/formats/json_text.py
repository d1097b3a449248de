"""JSON of foreign servers, read once for every kind that speaks it."""

from __future__ import annotations

import json
from typing import Any

from aggregator.errors import UnreadableDocument
from aggregator.text import line

MAX_DIGITS = 400  # Python refuses to read integers of more than 4,300 digits (sys.set_int_max_str_digits)


def loaded(body: bytes) -> Any:
    """What a body says as JSON, numbers with a point as written; raises UnreadableDocument."""
    try:
        return json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_int=_integer, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"the answer is not JSON: {line(str(error), 200)}") from error


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def listed(value: object) -> list[Any]:
    """A list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def group(value: object) -> dict[str, Any]:
    """An object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
