"""Values of partner reports: what is known about a feed, and what was found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from aggregator.model.polling import Move, SourceState
from aggregator.model.reports import SourceDay


class Level(StrEnum):
    """Whether a finding harms readers, costs transfers, or would help readers if followed."""

    PROBLEM = "problem"
    COST = "cost"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something found in a feed: its code, and the values that its sentence contains.

    `since` is the day on which it was found first.
    """

    code: str
    level: Level
    values: Mapping[str, str | int | date] = field(default_factory=dict)
    since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingWords:
    """A finding in words, as pages, `check --live`, `status` and mails show it."""

    code: str
    level: Level
    sentence: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """Counts of the newest entries of a document, at most `MAX_ENTRIES_READ` of them.

    `cut` texts are empty or end in dots; `with_text` is the number of those whose text is still stored. `replaced_ids`
    are entries that have had more than one id, `repeated_ids` those whose id another entry has as well.
    """

    total: int = 0
    undated: int = 0
    unreadable_dates: int = 0
    future_dates: int = 0
    without_link: int = 0
    replaced_ids: int = 0
    repeated_ids: int = 0
    with_text: int = 0
    cut: int = 0
    without_categories: int = 0
    events: int = 0
    with_rights: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """Sums over the visits of the days before a report.

    `repeated` are answers with the whole unchanged document, `ignored` those of them to conditional requests;
    `slow` are visits with slow answers. `last_bytes` is the size of the last document received.
    """

    visits: int = 0
    repeated: int = 0
    repeated_bytes: int = 0
    ignored: int = 0
    slow: int = 0
    last_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFacts:
    """All that is known about the feed of a source at its last visit, on the day `as_of`.

    `content_type` is empty where a response had none. `malformed` is what was wrong with the syntax of the last
    document.
    """

    source_id: str
    name: str
    kind: str
    url: str
    state: SourceState
    as_of: date | None = None
    last_success: date | None = None
    reason: str | None = None
    failures: int = 0
    validators: bool = False
    move: Move | None = None
    format: str | None = None
    malformed: str | None = None
    content_type: str | None = None
    certificate_from: datetime | None = None
    certificate_until: datetime | None = None
    language: str | None = None
    rights: str | None = None
    licence: str | None = None
    full_text: bool = False
    entries: EntryFacts = EntryFacts()
    visits: VisitFacts = VisitFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfVisits:
    """The visits of one day, and the codes of their failures."""

    day: date
    visits: SourceDay
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerReport:
    """What the page of a partner shows: facts, findings, days of visits, stories a week."""

    facts: FeedFacts
    findings: tuple[Finding, ...]
    days: Mapping[date, SourceDay]
    last_days: tuple[DayOfVisits, ...]
    stories: int
    weeks: tuple[int, ...]
    site_link: str | None = None
