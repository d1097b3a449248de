"""Values of partner reports: facts about a feed, and its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum

from aggregator.model.moves import Move
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceDay
from aggregator.model.value_classes import dataclass


class Level(StrEnum):
    """Effect of a finding: it harms readers, wastes transfers, or is advice that helps readers."""

    PROBLEM = "problem"
    COST = "cost"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault of a feed or advice on it: its code, and the values of its sentence.

    `since` is the day of the first visit that showed it.
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
    """Numbers of entries among the newest of a document, at most `MAX_ENTRIES_READ`.

    `truncated` entries have an empty text or one that ends in dots; `with_text` is the number of entries whose text is
    stored. `replaced_ids` are entries that have had more than one id, `repeated_ids` those that share their id.
    """

    total: int = 0
    undated: int = 0
    unreadable_dates: int = 0
    future_dates: int = 0
    without_link: int = 0
    replaced_ids: int = 0
    repeated_ids: int = 0
    with_text: int = 0
    truncated: int = 0
    without_categories: int = 0
    events: int = 0
    with_rights: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """Sums over the visits of the days before a report.

    `unchanged` are responses with the whole document although it had not changed; `ignored_validators` are those of
    them that answer a conditional request. `slow` are visits with slow responses. `last_bytes` is the size of the last
    document.
    """

    visits: int = 0
    unchanged: int = 0
    unchanged_bytes: int = 0
    ignored_validators: int = 0
    slow: int = 0
    last_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFacts:
    """Facts about the feed of a source after its last visit, on the day `as_of`.

    `content_type` is empty where a response had none. `malformed` is the syntax error of the last document.
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
class VisitDay:
    """The visits of one day, and the codes of their failures."""

    day: date
    visits: SourceDay
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerReport:
    """Values of the page of a partner: facts, findings, days of visits, stories of each week."""

    facts: FeedFacts
    findings: tuple[Finding, ...]
    days: Mapping[date, SourceDay]
    last_days: tuple[VisitDay, ...]
    stories: int
    weeks: tuple[int, ...]
    site_link: str | None = None
