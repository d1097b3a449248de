"""Values that jobs report: counts, health, runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from aggregator.model.digests import QueuedMessage, RelayPause, Suppression
from aggregator.model.polling import SourceState
from aggregator.model.stories import CandidatePair


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source in a fetch report."""

    id: str
    outcome: str
    status: int | None
    reason: str | None
    new_items: int
    next_visit: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What `fetch` did, in numbers and names; `notices` are changes of state to be told once (V8)."""

    visited: int = 0
    unchanged: int = 0
    changed: int = 0
    failed: int = 0
    not_due: int = 0
    new_items: int = 0
    updated_items: int = 0
    new_stories: int = 0
    joined_stories: int = 0
    held: int = 0
    documents_written: tuple[str, ...] = ()
    seconds: float = 0.0
    sources: tuple[SourceReport, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What `publish` wrote (paths below `public`) and how many documents were already right."""

    documents_written: tuple[str, ...] = ()
    unchanged: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestReport:
    """What `digest run` did; `notices` are troubles to be told.

    `deferred` letters are among the `owed`. `trouble`: the relay could not be used;
    `waiting`: until when it is left alone.
    """

    composed: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    sent: int = 0
    owed: int = 0
    deferred: int = 0
    unknown: int = 0
    failed: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    trouble: str | None = None
    waiting: datetime | None = None

    def counted(self, letters: Mapping[str, int]) -> DigestReport:
        """The report with what is owed and parked, from the number of letters in each state."""
        return replace(
            self,
            owed=sum(letters.get(state, 0) for state in ("queued", "sending", "deferred")),
            deferred=letters.get("deferred", 0),
            unknown=letters.get("unknown", 0),
            failed=letters.get("failed", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How one source is doing; `advice` says what to do where something is wrong."""

    id: str
    name: str
    state: SourceState
    last_success: datetime | None
    last_attempt: datetime | None
    next_visit: datetime | None
    failures: int
    reason: str | None
    advice: str | None
    items: int
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One execution of a job as it is remembered; `outcome` is `interrupted` for one that never ended."""

    id: int
    job: str
    started: datetime
    finished: datetime | None
    outcome: str
    report: Mapping[str, object] | None


class ContainedStep(StrEnum):
    """A step of a job that something may break; the value is what `status` calls it."""

    PLACING = "item"
    PUBLISHING = "story"
    SHOWING = "found story"
    DIGEST = "digest story"
    CHANNEL = "channel"
    EDITION = "edition"
    COMPOSING = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """What broke a step at `at`: `name` is the id of an item, story, channel or the like; `source` tells it."""

    step: ContainedStep
    name: str
    title: str
    source: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job none of whose last `runs` ended well, the first of them at `since`; `reason` is that of the last."""

    job: str
    runs: int
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The health of everything. `owed` letters are still to be sent, `parked` ones wait for a person.

    `relay` is the relay's trouble if there is one, `suppressed` the addresses that get no more letters,
    `hub` why the WebSub hub does not take notice of news at present, `set_aside` what broke a step.
    `unplaced` items have no story yet, the first since `unplaced_since`; the files of the channels in `unwritten`
    are behind since a moment; `failing` are the jobs whose last runs did not end well.
    """

    sources: tuple[SourceHealth, ...]
    stories: int
    items: int
    subscribers: int
    owed: int
    oldest_owed: datetime | None
    parked: Mapping[str, int]
    runs: tuple[RunRecord, ...]
    merge_candidates: tuple[CandidatePair, ...] = ()
    relay: RelayPause | None = None
    suppressed: tuple[Suppression, ...] = ()
    hub: str | None = None
    set_aside: tuple[SetAside, ...] = ()
    unplaced: int = 0
    unplaced_since: datetime | None = None
    unwritten: Mapping[str, datetime] = field(default_factory=dict)
    failing: tuple[FailingJob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A news that its publisher took back at `at` (I8): `title` as told in the story, `source` its name."""

    story: str
    title: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentActivity:
    """What happened since a moment: in numbers, what publishers took back, runs that did not end.

    `accepted` letters; `unpinged` is why the hub was given up on, where it was.
    """

    since: datetime
    visits: int
    stories: int
    accepted: int
    withdrawn: tuple[Withdrawal, ...] = ()
    unended: tuple[RunRecord, ...] = ()
    unpinged: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """All that the operator's mail is made of; `overdue` counts sources that nobody visited in time."""

    status: StatusReport
    overdue: int
    messages: tuple[QueuedMessage, ...]
    recent_activity: RecentActivity


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What retention took away: rows of visits and runs, and items that lost their text."""

    visits: int = 0
    runs: int = 0
    texts: int = 0
