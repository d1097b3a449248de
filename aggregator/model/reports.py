"""Values that jobs report: counts, health and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from aggregator.model.value_classes import dataclass

if TYPE_CHECKING:  # creating these classes takes 20 ms, and no report of polling or publishing contains them
    from aggregator.model.bounces import BounceRates
    from aggregator.model.digests import QueuedMessage, RelayPause, Suppression
    from aggregator.model.polling import SourceState
    from aggregator.model.stories import CandidatePair


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source in the report of `fetch`."""

    id: str
    outcome: str
    status: int | None
    reason: str | None
    new_items: int
    next_visit: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """Report of `fetch`; `notices` are changes of state that are reported once (V8)."""

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
    pushes: int = 0
    documents_written: tuple[str, ...] = ()
    seconds: float = 0.0
    sources: tuple[SourceReport, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """Report of `publish`: the files written below `public`, and the number of unchanged ones."""

    documents_written: tuple[str, ...] = ()
    unchanged: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestReport:
    """Report of `digest run`.

    `deferred` messages are among the `owed` ones. `relay_error`: why the relay could not be used; `waiting`: until when
    it is not tried again.
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
    relay_error: str | None = None
    waiting: datetime | None = None

    def counted(self, messages: Mapping[str, int]) -> DigestReport:
        """Return the report with the numbers of `messages` by state."""
        return replace(
            self,
            owed=sum(messages.get(state, 0) for state in ("queued", "sending", "deferred")),
            deferred=messages.get("deferred", 0),
            unknown=messages.get("unknown", 0),
            failed=messages.get("failed", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The health of one source; `advice` is what to do about a failure.

    `findings` are the codes of problems that its publisher could correct.
    """

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
    findings: tuple[str, ...] = ()
    subscribed_until: datetime | None = None
    """The end of the lease of its WebSub hub; None without one."""
    last_push: datetime | None = None
    hub_error: str | None = None
    """Why the last request to its hub failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDay:
    """The visits of one source on one day: how many were accepted, how many failed."""

    accepted: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One execution of a job; without a recorded end its outcome is `running` or `interrupted`."""

    id: int
    job: str
    started: datetime
    finished: datetime | None
    outcome: str
    report: Mapping[str, object] | None


class QuarantineStep(StrEnum):
    """A step of a job that is quarantine when it breaks; the value is its name in `status`."""

    PLACING = "item"
    PUBLISHING = "story"
    SHOWING = "found story"
    DIGEST = "digest story"
    CHANNEL = "channel"
    EDITION = "edition"
    COMPOSING = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRecord:
    """What broke a step, and when.

    `name` is the id of an item, story, channel or similar; `source` is the name of its source.
    """

    step: QuarantineStep
    name: str
    title: str
    source: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job whose last `runs` all failed or were interrupted; `reason` is that of the last.

    `since` is the start of the first of them.
    """

    job: str
    runs: int
    since: datetime
    reason: str


def _no_bounces() -> BounceRates:
    from aggregator.model.bounces import BounceRates

    return BounceRates()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The health of sources, jobs, files and mail.

    `owed` messages are still to be sent, `parked` ones wait for a person. `relay` is why the relay cannot be used,
    `hub` why the WebSub hub was not notified. `suppressed` are the addresses that get no more messages, `set_aside` is
    what broke a step. `unplaced` items have no story, the first since `unplaced_since`; `unwritten` are the channels
    whose files are out of date, and since when; `failing` the jobs whose last runs failed or were interrupted.
    `sentence_encoder` is the version of the extra `semantic`, or None where it is not installed. `bounces` counts
    what came to the bounce address. `unclassified` items have topics and filters of an earlier feeds.yaml.
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
    set_aside: tuple[QuarantineRecord, ...] = ()
    unplaced: int = 0
    unplaced_since: datetime | None = None
    unwritten: Mapping[str, datetime] = field(default_factory=dict)
    failing: tuple[FailingJob, ...] = ()
    sentence_encoder: str | None = None
    bounces: BounceRates = field(default_factory=_no_bounces)
    unclassified: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedStory:
    """A story that its publisher removed at `at` (I8); `source` is the name of its source."""

    story: str
    title: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentActivity:
    """What happened since a moment: numbers, removed stories, interrupted runs.

    `accepted` counts messages; `hub_error` is why the hub was given up on.
    """

    since: datetime
    visits: int
    stories: int
    accepted: int
    removed: tuple[RemovedStory, ...] = ()
    interrupted_runs: tuple[RunRecord, ...] = ()
    hub_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFindings:
    """The new problems of a feed since the last report, and its partner page."""

    source_id: str
    name: str
    sentences: tuple[str, ...]
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """The content of the operator's mail; `overdue` counts sources not visited in time."""

    status: StatusReport
    overdue: int
    messages: tuple[QueuedMessage, ...]
    recent_activity: RecentActivity
    findings: tuple[NewFindings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """Report of `prune`: rows of visits and runs deleted, and items that lost their text."""

    visits: int = 0
    runs: int = 0
    texts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PolitenessReport:
    """The politeness of visits to one source, computed from the visit log (CL20).

    `per_day` counts requests; `conditional` and `not_modified` are shares of the visits; `smallest_gap` between two
    visits is in seconds; `wasted_bytes` are those of unchanged documents; `broken` names rules and times.
    """

    source_id: str
    visits: int
    requests: int
    per_day: float
    conditional: float
    not_modified: float
    smallest_gap: float | None
    wasted_bytes: int
    broken: tuple[str, ...]
