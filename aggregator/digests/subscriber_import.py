"""Read a CSV file of subscribers; all problems are reported together."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aggregator import addresses
from aggregator.errors import did_you_mean
from aggregator.i18n import phrases
from aggregator.model.subscribers import NewSubscriber, SubscriberState

COLUMNS = ("address", "digests", "language", "state")
_SEPARATORS = re.compile(r"[\s,;]+")


_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""Matches the beginning of a cell that spreadsheets calculate, also behind apostrophes."""


def without_formula(cell: str) -> str:
    """Return a cell of an export with an apostrophe before what spreadsheets would calculate."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _as_exported(cell: str) -> str:
    """Return a cell as it was before the export, which may have put an apostrophe before it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """The valid lines of a file, its problems with their lines, and how many are not active."""

    subscribers: tuple[NewSubscriber, ...]
    problems: tuple[tuple[int, str], ...]
    inactive: int


def parse(raw: bytes, known: Sequence[str], digests: Sequence[str], language: str) -> ImportFile:
    """Parse a file; `digests` and `language` are used where a line names none.

    The first line may name the columns: address, digests (separated by blanks) and language in any order; others are
    ignored. Without such a line the first column is the address. Lines of an export whose state is not active are
    counted only.
    """
    unreadable = list(_unreadable(raw))
    if unreadable:
        return ImportFile(subscribers=(), problems=tuple(unreadable), inactive=0)
    found: dict[str, NewSubscriber] = {}
    problems: list[tuple[int, str]] = []
    inactive = 0
    for line, row in _rows(raw.decode("utf-8-sig")):
        if isinstance(row, str):
            problems.append((line, row))
        elif row.get("state") not in (None, "", SubscriberState.ACTIVE):
            inactive += 1
        else:
            wrong, subscriber = _subscriber(row, known, digests, language)
            problems += [(line, problem) for problem in wrong]
            if subscriber:
                found.setdefault(addresses.key(subscriber.address), subscriber)
    if not found and not problems and not inactive:
        problems.append((1, "has no address"))
    return ImportFile(subscribers=tuple(found.values()), problems=tuple(problems), inactive=inactive)


def _unreadable(raw: bytes) -> Iterator[tuple[int, str]]:
    for n, line in enumerate(raw.split(b"\n"), 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            yield n, "is not UTF-8: save the file as CSV UTF-8"
            continue
        if "\0" in text:
            yield n, "has a character that no text has (NUL)"


def _rows(text: str) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield the number of each line that is not empty, and its cells by column or its problem."""
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: Sequence[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = [_as_exported(cell.strip()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"is no CSV: {error}; look for a quotation mark without its counterpart"
            return
        if not any(cells):
            continue
        if columns is None:
            named = [cell.lower() for cell in cells]
            columns = named if "address" in named else COLUMNS[:3]
            if columns is named:
                yield from (
                    (line, f"names the column {name!r} twice") for name in COLUMNS if named.count(name) > 1
                )
                continue
        yield line, {name: cell for name, cell in zip(columns, cells, strict=False) if name in COLUMNS}


def _subscriber(
    row: dict[str, str], known: Sequence[str], digests: Sequence[str], language: str
) -> tuple[list[str], NewSubscriber | None]:
    problems = []
    try:
        address = addresses.parse(row.get("address", ""))
    except ValueError as error:
        address = ""
        problems.append(str(error))
    named = [name for name in _SEPARATORS.split(row.get("digests", "")) if name] or list(digests)
    problems += [f"{name!r} is no digest{did_you_mean(name, known)}" for name in named if name not in known]
    if not named:
        problems.append("names no digest: add a column `digests`, or --digest")
    spoken = row.get("language", "").lower() or language
    if spoken not in phrases.LANGUAGES:
        problems.append(f"{spoken!r} is no language of messages: {', '.join(phrases.LANGUAGES)}")
    if problems:
        return problems, None
    return [], NewSubscriber(address=address, language=spoken, digests=tuple(dict.fromkeys(named)))
