"""Parse the parameters of a search, and write them as the query of a URL."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aggregator.model.search import SearchFilters
from aggregator.store.search_terms import MAX_CHARACTERS
from aggregator.text import legal

FILTERS = {"topic": "topic", "partner": "partner", "kind": "kind", "lang": "language"}
"""Parameters of filters, and the fields of `SearchFilters` that they set."""
MAX_VALUE_CHARACTERS = 64
"""Maximum characters of the value of a filter, as in ids of feeds.yaml."""
MAX_PAGE = 10
"""The last page that may have results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search as its parameters state it; `bad_dates` are those that are no dates."""

    words: str = ""
    filters: Mapping[str, str]
    since: date | None = None
    until: date | None = None
    page: int = 1
    bad_dates: tuple[str, ...] = ()

    @property
    def is_search(self) -> bool:
        """Return whether anything is searched, and not only the form requested."""
        return bool(self.words.strip() or self.filters or self.since or self.until)

    def selection(self, zone: ZoneInfo) -> SearchFilters:
        """Return the filters with days of `zone` as moments."""
        return SearchFilters(
            **{FILTERS[name]: value for name, value in self.filters.items()},
            since=_midnight(self.since, zone),
            until=_midnight(self.until + timedelta(days=1), zone) if self.until else None,
        )

    def query(self) -> str:
        """Write the query of the URL; equal searches have equal queries."""
        days = (("from", self.since), ("to", self.until))
        pairs = [("q", self.words), *sorted(self.filters.items())]
        pairs += [(name, day.isoformat()) for name, day in days if day]
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return urlencode([(name, value) for name, value in pairs if value])

    def with_filter(self, name: str, value: str) -> SearchRequest:
        """Return the first page of the search with another filter; none if `value` is empty."""
        others = {key: old for key, old in self.filters.items() if key != name}
        return replace(self, filters=others | ({name: value} if value else {}), page=1)


def parse(parameters: Mapping[str, str]) -> SearchRequest:
    """Parse parameters; odd ones are literal text, and no input is an error."""

    def text(name: str, limit: int) -> str:
        return " ".join(legal(parameters.get(name, "")[: limit + 1]).split())

    dates = {name: text(name, MAX_VALUE_CHARACTERS) for name in ("from", "to")}
    since, until = _day(dates["from"], last=False), _day(dates["to"], last=True)
    bad = [dates[name] for name, day in (("from", since), ("to", until)) if dates[name] and not day]
    page = re.fullmatch(r"[0-9]{1,3}", text("page", 4))
    values = {name: text(name, MAX_VALUE_CHARACTERS) for name in FILTERS}
    return SearchRequest(
        words=text("q", MAX_CHARACTERS),
        filters={name: value for name, value in values.items() if value},
        since=since,
        until=until,
        page=min(max(int(page[0]), 1), MAX_PAGE) if page else 1,
        bad_dates=tuple(bad),
    )


def _day(text: str, *, last: bool) -> date | None:
    """Parse a day, or the first or `last` day of a month or year; None for other texts."""
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", text)
    if not found or not 1990 <= int(found[1]) < 2200:
        return None
    year, month = int(found[1]), int(found[2] or (12 if last else 1))
    try:
        return date(year, month, int(found[3] or (monthrange(year, month)[1] if last else 1)))
    except ValueError:  # IllegalMonthError is one
        return None


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day else None
