"""Decode JSON of servers, with the checks that all JSON formats share."""

from __future__ import annotations

import json
from typing import Any

from aggregator.errors import UnreadableDocument
from aggregator.text import line

MAX_DIGITS = 400  # Python refuses to read integers of more than 4,300 digits (sys.set_int_max_str_digits)


def load_json(body: bytes) -> Any:
    """Decode a JSON body, decimal numbers as text; raises UnreadableDocument."""
    try:
        return json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_int=_integer, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"the response is not JSON: {line(str(error), 200)}") from error


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def as_list(value: object) -> list[Any]:
    """Return a list, or an empty one for any other value."""
    return value if isinstance(value, list) else []


def as_object(value: object) -> dict[str, Any]:
    """Return an object, or an empty one for any other value."""
    return value if isinstance(value, dict) else {}
