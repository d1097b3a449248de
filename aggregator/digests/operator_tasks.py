"""List what the operator has to do, from the state of sources, stories, mail, runs and hub."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator import health
from aggregator.counts import count_of
from aggregator.i18n import formatting
from aggregator.model.config import DigestPlan
from aggregator.model.digests import QueuedMessage, Suppression
from aggregator.model.polling import SourceState
from aggregator.model.reports import (
    NewFindings,
    OperatorFacts,
    RemovedStory,
    RunRecord,
    SourceHealth,
    StatusReport,
)
from aggregator.model.stories import CandidatePair
from aggregator.text import line

MAX_CHARACTERS = 240
"""Maximum length of a title or a reason, in characters."""
TOLERATED_DELAY = timedelta(days=1)
"""Time for which a rate limit of a server or a queued message is no task."""

_SOURCES, _FEEDS = "Sources", "New in reports to partners"
_CANDIDATES, _MAIL = "One story or two?", "Mail"
_RUNS, _HUB, _REMOVED = "Runs", "WebSub hub", "Removed by their publishers"
MORE = {
    _SOURCES: ": `aggregator status`",
    _FEEDS: ": `aggregator status`",
    _MAIL: ": `aggregator digest queue`",
}
"""Where all tasks under a heading are listed."""

_WORST_FIRST = (
    SourceState.GONE,
    SourceState.FAILING,
    SourceState.NEEDS_REVIEW,
    SourceState.RATE_LIMITED,
    SourceState.MOVED,
    SourceState.STALE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something for the operator to do; commands in `do` are in backticks."""

    heading: str
    title: str
    facts: str
    do: str


def tasks(facts: OperatorFacts, plan: DigestPlan, now: datetime) -> Iterator[Task]:
    """Yield all tasks, grouped by heading."""
    status, past = facts.status, facts.recent_activity
    failing = (source for source in status.sources if _needs_action(source, now))
    for source in sorted(failing, key=lambda source: _WORST_FIRST.index(source.state)):
        yield _source(source, plan)
    for new_findings in facts.findings:
        yield _findings(new_findings)
    for merge_candidate in status.merge_candidates:
        yield _merge_candidate(merge_candidate, plan)
    yield from _mail(facts, plan, now)
    yield from _runs(facts, plan)
    if past.hub_error:
        yield Task(
            heading=_HUB,
            title="The hub does not accept notifications of changed feeds",
            facts=_short(past.hub_error),
            do="nothing is lost, as subscribers also poll: correct or remove `publish.hub` in feeds.yaml",
        )
    for removal in past.removed:
        yield _removed(removal, plan)


def _needs_action(source: SourceHealth, now: datetime) -> bool:
    if source.state is SourceState.RATE_LIMITED and source.last_success:
        return source.last_success < now - TOLERATED_DELAY
    return source.state in _WORST_FIRST


def _source(source: SourceHealth, plan: DigestPlan) -> Task:
    advice = source.advice or "check it with `aggregator check --live`"
    seen = (
        f"last good visit {format_day(source.last_success, plan)}"
        if source.last_success
        else "no successful visit yet"
    )
    failed = f", {count_of(source.failures, 'failure')} in a row" if source.failures > 1 else ""
    return Task(
        heading=_SOURCES,
        title=f"{_short(source.name)} ({source.id})",
        facts=f"{source.state}: {_short(source.reason or '')}; {seen}{failed}",
        do=advice,
    )


def _findings(new: NewFindings) -> Task:
    return Task(
        heading=_FEEDS,
        title=f"{_short(new.name)} ({new.source_id})",
        facts=" ".join(_short(sentence) for sentence in new.sentences),
        do=f"send the partner its report, which says how to correct this: {new.page}",
    )


def _merge_candidate(merge_candidate: CandidatePair, plan: DigestPlan) -> Task:
    pair = f"{merge_candidate.story} {merge_candidate.other}"
    return Task(
        heading=_CANDIDATES,
        title=f"“{_short(merge_candidate.title)}” and “{_short(merge_candidate.other_title)}”",
        facts=f"{_short(merge_candidate.why)}; since {format_day(merge_candidate.since, plan)}",
        do=f"compare them with `aggregator story explain {pair}`, then `aggregator story merge {pair}`"
        f" or `aggregator story keep-apart {pair}`",
    )


def _mail(facts: OperatorFacts, plan: DigestPlan, now: datetime) -> Iterator[Task]:
    status = facts.status
    if status.relay:
        yield Task(
            heading=_MAIL,
            title=f"The mail relay cannot be used since {format_day(status.relay.since, plan)}",
            facts=f"{_short(status.relay.reason)}; {count_of(status.owed, 'message')} unsent",
            do="check `mail.smtp` in feeds.yaml and the relay; `aggregator digest retry` then ends the pause at once",
        )
    elif status.oldest_owed and status.oldest_owed < now - TOLERATED_DELAY:
        yield Task(
            heading=_MAIL,
            title=f"{count_of(status.owed, 'message')} unsent, the oldest since {format_day(status.oldest_owed, plan)}",
            facts="the relay is not the cause",
            do="`aggregator -v digest run` shows why",
        )
    for message in facts.messages:
        if message.state in ("unknown", "failed"):
            yield _undelivered(message)
    for suppression in status.suppressed:
        yield _suppressed(suppression, plan)
    for problem, advice in health.mail_warnings(status.bounces):
        yield Task(
            heading=_MAIL,
            title=f"{problem[0].upper()}{problem[1:]}",
            facts="`aggregator status`",
            do=_short(advice),
        )


def _undelivered(message: QueuedMessage) -> Task:
    to = shlex.quote(message.address)
    return Task(
        heading=_MAIL,
        title=f"{_short(message.address)}, {message.edition}: {message.state}",
        facts=_short(message.reason or ""),
        do=f"`aggregator digest retry {to}` sends it again, `aggregator digest acknowledge {to}` ends this task",
    )


def _suppressed(suppression: Suppression, plan: DigestPlan) -> Task:
    return Task(
        heading=_MAIL,
        title=f"{_short(suppression.address)} gets no more messages since {format_day(suppression.since, plan)}",
        facts=_short(suppression.reason),
        do="remove the address from feeds.yaml; if it is correct after all,"
        f" `aggregator digest retry {shlex.quote(suppression.address)}`",
    )


def _runs(facts: OperatorFacts, plan: DigestPlan) -> Iterator[Task]:
    if facts.overdue:
        yield Task(
            heading=_RUNS,
            title=f"{facts.overdue} of {count_of(len(facts.status.sources), 'source')} not visited in time",
            facts="visits are more than two hours late",
            do="is cron or the daemon running? `aggregator -v fetch` shows what prevents visits",
        )
    yield from _unfinished(facts.status, plan)
    failing = {job.job for job in facts.status.failing}
    interrupted: dict[str, list[RunRecord]] = {}
    for run in facts.recent_activity.interrupted_runs:
        if run.job in failing:
            continue
        interrupted.setdefault(run.job, []).append(run)
    for job, runs in interrupted.items():
        last = f"{format_day(runs[0].started, plan)}, {runs[0].started.astimezone(plan.timezone):%H:%M}"
        yield Task(
            heading=_RUNS,
            title=f"{count_of(len(runs), 'run')} of {job} interrupted",
            facts=f"the last began {last}",
            do="nothing is lost, the next run continued; without a restart, check the log, memory and disk",
        )


def _unfinished(status: StatusReport, plan: DigestPlan) -> Iterator[Task]:
    """Yield what runs repeatedly do not finish."""
    for job in status.failing:
        yield Task(
            heading=_RUNS,
            title=f"The last {count_of(job.runs, 'run')} of {job.job} did not complete",
            facts=f"since {format_day(job.since, plan)}: {_short(job.reason)}",
            do="check the log; `aggregator -v fetch` or `aggregator -v digest run` shows the cause",
        )
    if status.unplaced_since:
        yield Task(
            heading=_RUNS,
            title=f"{count_of(status.unplaced, 'item')} without a story",
            facts=f"the oldest since {format_day(status.unplaced_since, plan)}",
            do="`aggregator -v fetch` assigns them, or shows the cause",
        )
    if status.unwritten:
        yield Task(
            heading=_RUNS,
            title=f"{count_of(len(status.unwritten), 'channel')} not written",
            facts=f"since {format_day(min(status.unwritten.values()), plan)}: {_short(', '.join(status.unwritten))}",
            do="`aggregator publish` writes them, or shows the cause",
        )


def _removed(removal: RemovedStory, plan: DigestPlan) -> Task:
    return Task(
        heading=_REMOVED,
        title=_short(removal.title),
        facts=f"{_short(removal.source)}, {format_day(removal.at, plan)}: its page is gone",
        do=f"nothing; `aggregator story show {removal.story}` lists other sources of the story",
    )


def _short(text: str) -> str:
    """Return foreign text as one safe line."""
    return line(text, MAX_CHARACTERS) or ""


def format_day(moment: datetime, plan: DigestPlan) -> str:
    """Format the local date of a moment."""
    return formatting.day(moment.astimezone(plan.timezone).date(), plan.language)
