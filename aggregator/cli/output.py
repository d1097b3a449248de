"""How results are said: JSON, tables, progress, and what several commands say alike."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aggregator.model.stories import CandidatePair


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def print_json(value: object) -> None:
    """Print reports as one JSON document."""

    def plain(thing: object) -> object:
        if isinstance(thing, datetime):
            return thing.isoformat()
        return asdict(thing) if is_dataclass(thing) and not isinstance(thing, type) else str(thing)

    click.echo(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows, the first of them the head, as columns; the last column is as long as it likes."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


class Progress:
    """A line on the terminal that is written over."""

    def __call__(self, done: int, total: int, last: str) -> None:
        """Say how far it is."""
        click.echo(f"\r\x1b[K{done}/{total} {last[:60]}", nl=False, err=True)

    def end(self) -> None:
        """Leave an empty line for what is said next."""
        click.echo("\r\x1b[K", nl=False, err=True)


def print_candidate(pair: CandidatePair) -> None:
    """Print two stories that an editor may merge or keep apart."""
    click.echo(f"{pair.story} {pair.other}  “{pair.title}” and “{pair.other_title}”: {pair.why}")


def ago(moment: datetime | None, now: datetime) -> str:
    """How far away a moment is, in words as short as a table needs."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    for limit, unit, worth in (
        (90, "s", 1),
        (5400, "min", 60),
        (172800, "h", 3600),
        (float("inf"), "d", 86400),
    ):
        if size < limit:
            words = f"{round(size / worth)} {unit}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return ""
