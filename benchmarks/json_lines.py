"""Read labelled examples from a file of JSON Lines."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any


def read(file: Path, keys: Set[str]) -> list[dict[str, Any]]:
    """Read the objects of a file, each with these keys at least. Raises OSError and ValueError."""
    lines = file.read_text("utf-8").split("\n")
    return [_row(line, number, keys) for number, line in enumerate(lines, start=1) if line.strip()]


def read_or_exit(
    reader: Callable[[Path], list[dict[str, Any]]], file: Path, parser: ArgumentParser
) -> list[dict[str, Any]]:
    """Return what `reader` reads of a file; for a wrong file exit with 2 and the reason."""
    try:
        return reader(file)
    except OSError as error:
        parser.error(f"{file} cannot be read: {error.strerror}")
    except ValueError as error:
        parser.error(f"{file}: {error}")


def _row(line: str, number: int, keys: Set[str]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from error
    if not isinstance(row, dict) or not keys <= row.keys():
        raise ValueError(f"line {number} is not an object with the keys {', '.join(sorted(keys))}")
    return row
