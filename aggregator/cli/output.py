"""Print results: JSON, tables, progress, and lines that several commands share."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregator.model.stories import CandidatePair


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def print_json(value: object) -> None:
    """Print reports as one JSON document."""

    def plain(thing: object) -> object:
        if isinstance(thing, datetime):
            return thing.isoformat()
        return asdict(thing) if is_dataclass(thing) and not isinstance(thing, type) else str(thing)

    print_document(json.dumps(value, default=plain, ensure_ascii=False, indent=2) + "\n")


def print_document(text: str) -> None:
    """Print JSON, OPML or CSV in UTF-8, whatever the encoding of the terminal is."""
    binary = hasattr(sys.stdout, "buffer")
    # Bytes of an argument that are not UTF-8 became surrogates, which UTF-8 excludes.
    click.echo(text.encode(errors="replace") if binary else text, nl=False)


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows as aligned columns; the first row is the head, the last column is not padded."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


class Progress:
    """Show the progress of a job on one line of standard error."""

    def __call__(self, done: int, total: int, last: str) -> None:
        """Replace the line by the number of finished steps and the last of them."""
        click.echo(f"\r\x1b[K{done}/{total} {last[:60]}", nl=False, err=True)

    def end(self) -> None:
        """Clear the line."""
        click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def progress_line() -> Iterator[Progress | None]:
    """Yield a progress line that is cleared at the end, or None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    progress = Progress()
    try:
        yield progress
    finally:
        progress.end()


def print_candidate(pair: CandidatePair) -> None:
    """Print two stories that an editor may merge or keep apart."""
    click.echo(f"{pair.story} {pair.other}  “{pair.title}” and “{pair.other_title}”: {pair.why}")


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how far a moment is from now, such as "3 h ago" or "in 2 d"."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    for limit, unit, unit_seconds in (
        (90, "s", 1),
        (5400, "min", 60),
        (172800, "h", 3600),
        (float("inf"), "d", 86400),
    ):
        if size < limit:
            words = f"{round(size / unit_seconds)} {unit}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return ""


def user_name() -> str:
    """Return the name of the user of this process, as the author of decisions."""
    import getpass

    return getpass.getuser()
