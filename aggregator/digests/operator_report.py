"""How everything is -> a mail to the operator: what needs looking after, and what to do about each.

In English whatever the site speaks, like all that is said to operators: reasons, `status`, the log.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from aggregator import i18n
from aggregator.digests import layout
from aggregator.digests.body import MAX_BYTES
from aggregator.digests.layout import wrapped
from aggregator.digests.mime import encoded_size
from aggregator.model.config import DigestPlan, Site
from aggregator.model.digests import Edition, MessageBody, QueuedMessage, Suppression
from aggregator.model.polling import SourceState
from aggregator.model.reports import OperatorFacts, RemovedStory, RunRecord, SourceHealth, StatusReport
from aggregator.model.stories import CandidatePair
from aggregator.text import line

MOST = 15
"""So many things are told under one heading, or fewer if they are long; the others are counted."""
LONGEST = 240
"""Characters of a title or a reason."""
LATE = timedelta(days=1)
"""So long a server may ask for time, or a letter be owed that no relay has deferred, before it is told."""

_SOURCES, _DOUBTS, _MAIL = "Sources", "One story or two?", "Mail"
_RUNS, _HUB, _GONE = "Runs", "WebSub hub", "Withdrawn by their publishers"
_MORE = {_SOURCES: ": `aggregator status`", _MAIL: ": `aggregator digest owed`"}

_WORST_FIRST = (
    SourceState.GONE,
    SourceState.FAILING,
    SourceState.NEEDS_REVIEW,
    SourceState.RATE_LIMITED,
    SourceState.MOVED,
    SourceState.STALE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Something to be looked after: what it is, what is known of it, and what to do (commands in backticks)."""

    heading: str
    title: str
    facts: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Concerns under one heading, `more` says where the others are."""

    title: str
    concerns: tuple[Concern, ...]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorMail:
    """The operator's mail, how many things it tells, and that in words: nothing to tell is no mail."""

    edition: Edition
    letter: MessageBody
    concerns: int
    told: str


def compose(
    plan: DigestPlan, site: Site, condition: OperatorFacts, period: date, now: datetime
) -> OperatorMail:
    """The mail of a period."""
    found = list(_concerns(condition, plan, now))
    title = line(site.title, 80) or ""
    today = _day(now, plan)
    told = f"{_count(len(found), 'thing')} to look after" if found else "all is well"
    edition = Edition(
        id=f"{plan.id}-{period.isoformat()}",
        digest_id=plan.id,
        title=plan.title,
        subject=f"{title}: {told}, {today}",
        language=plan.language,
        period=period,
        composed=now,
        told=(),
    )
    most = MOST
    letter = _letter(edition, site, found, _summary(condition, plan), most)
    while most > 1 and encoded_size(letter.text) + encoded_size(letter.html) > MAX_BYTES:
        most //= 2
        letter = _letter(edition, site, found, _summary(condition, plan), most)
    return OperatorMail(edition=edition, letter=letter, concerns=len(found), told=told)


# --- what there is to look after -----------------------------------------------------------------------


def _concerns(condition: OperatorFacts, plan: DigestPlan, now: datetime) -> Iterator[Concern]:
    """Everything, in the order of the mail; what stands under one heading stands together."""
    status, past = condition.status, condition.recent_activity
    ill = (source for source in status.sources if _is_ill(source, now))
    for source in sorted(ill, key=lambda source: _WORST_FIRST.index(source.state)):
        yield _source(source, plan)
    for merge_candidate in status.merge_candidates:
        yield _doubt(merge_candidate, plan)
    yield from _mail(condition, plan, now)
    yield from _runs(condition, plan)
    if past.hub_error:
        yield Concern(
            heading=_HUB,
            title="The hub does not take notice of new feeds",
            facts=_short(past.hub_error),
            do="nothing is lost, subscribers find the news by polling: mend or remove `publish.hub` in feeds.yaml",
        )
    for gone in past.removed:
        yield _withdrawn(gone, plan)


def _is_ill(source: SourceHealth, now: datetime) -> bool:
    if source.state is SourceState.RATE_LIMITED and source.last_success:
        return source.last_success < now - LATE
    return source.state in _WORST_FIRST


def _source(source: SourceHealth, plan: DigestPlan) -> Concern:
    advice = source.advice or "look at it with `aggregator check --live`"
    seen = (
        f"last good visit {_day(source.last_success, plan)}" if source.last_success else "no good visit yet"
    )
    failed = f", {_count(source.failures, 'failure')} in a row" if source.failures > 1 else ""
    return Concern(
        heading=_SOURCES,
        title=f"{_short(source.name)} ({source.id})",
        facts=f"{source.state}: {_short(source.reason or '')}; {seen}{failed}",
        do=advice,
    )


def _doubt(merge_candidate: CandidatePair, plan: DigestPlan) -> Concern:
    pair = f"{merge_candidate.story} {merge_candidate.other}"
    return Concern(
        heading=_DOUBTS,
        title=f"“{_short(merge_candidate.title)}” and “{_short(merge_candidate.other_title)}”",
        facts=f"{_short(merge_candidate.why)}; since {_day(merge_candidate.since, plan)}",
        do=f"compare them with `aggregator story explain {pair}`, then `aggregator story merge {pair}`"
        f" or `aggregator story keep-apart {pair}`",
    )


def _mail(condition: OperatorFacts, plan: DigestPlan, now: datetime) -> Iterator[Concern]:
    status = condition.status
    if status.relay:
        yield Concern(
            heading=_MAIL,
            title=f"The mail relay cannot be used since {_day(status.relay.since, plan)}",
            facts=f"{_short(status.relay.reason)}; {_count(status.owed, 'letter')} owed",
            do="look at `mail.smtp` in feeds.yaml and at the relay; once it is mended `aggregator digest retry`"
            " need not wait",
        )
    elif status.oldest_owed and status.oldest_owed < now - LATE:
        yield Concern(
            heading=_MAIL,
            title=f"{_count(status.owed, 'letter')} owed, the oldest since {_day(status.oldest_owed, plan)}",
            facts="the relay is not the reason",
            do="`aggregator -v digest run` says what keeps them",
        )
    for letter in condition.messages:
        if letter.state in ("unknown", "failed"):
            yield _parked(letter)
    for gone in status.suppressed:
        yield _suppressed(gone, plan)


def _parked(letter: QueuedMessage) -> Concern:
    to = shlex.quote(letter.address)
    return Concern(
        heading=_MAIL,
        title=f"{_short(letter.address)}, {letter.edition}: {letter.state}",
        facts=_short(letter.reason or ""),
        do=f"`aggregator digest retry {to}` sends it again, `aggregator digest dismiss {to}` leaves it as it is",
    )


def _suppressed(gone: Suppression, plan: DigestPlan) -> Concern:
    return Concern(
        heading=_MAIL,
        title=f"{_short(gone.address)} gets no more letters since {_day(gone.since, plan)}",
        facts=_short(gone.reason),
        do="take the address out of feeds.yaml; if it is right after all,"
        f" `aggregator digest retry {shlex.quote(gone.address)}`",
    )


def _runs(condition: OperatorFacts, plan: DigestPlan) -> Iterator[Concern]:
    if condition.overdue:
        yield Concern(
            heading=_RUNS,
            title=f"{condition.overdue} of {_count(len(condition.status.sources), 'source')} not visited in time",
            facts="visits are more than two hours late",
            do="is cron or the daemon running? `aggregator -v fetch` says what is in its way",
        )
    yield from _unfinished(condition.status, plan)
    failing = {job.job for job in condition.status.failing}
    by_job: dict[str, list[RunRecord]] = {}
    for run in condition.recent_activity.interrupted_runs:
        if run.job in failing:
            continue
        by_job.setdefault(run.job, []).append(run)
    for job, runs in by_job.items():
        last = f"{_day(runs[0].started, plan)}, {runs[0].started.astimezone(plan.timezone):%H:%M}"
        yield Concern(
            heading=_RUNS,
            title=f"{_count(len(runs), 'run')} of {job} broke off",
            facts=f"the last began {last}",
            do="nothing is lost, the next run went on; if it was no restart, look into the log, at memory and disk",
        )


def _unfinished(status: StatusReport, plan: DigestPlan) -> Iterator[Concern]:
    """What runs leave undone again and again."""
    for job in status.failing:
        yield Concern(
            heading=_RUNS,
            title=f"The last {_count(job.runs, 'run')} of {job.job} did not end well",
            facts=f"since {_day(job.since, plan)}: {_short(job.reason)}",
            do="look into the log; `aggregator -v fetch` or `aggregator -v digest run` says what is in its way",
        )
    if status.unplaced_since:
        yield Concern(
            heading=_RUNS,
            title=f"{_count(status.unplaced, 'item')} without a story",
            facts=f"the oldest since {_day(status.unplaced_since, plan)}",
            do="`aggregator -v fetch` places them, or says what is in its way",
        )
    if status.unwritten:
        yield Concern(
            heading=_RUNS,
            title=f"{_count(len(status.unwritten), 'channel')} not written",
            facts=f"since {_day(min(status.unwritten.values()), plan)}: {_short(', '.join(status.unwritten))}",
            do="`aggregator publish` writes them, or says what is in its way",
        )


def _withdrawn(gone: RemovedStory, plan: DigestPlan) -> Concern:
    return Concern(
        heading=_GONE,
        title=_short(gone.title),
        facts=f"{_short(gone.source)}, {_day(gone.at, plan)}: its page is gone",
        do=f"nothing; `aggregator story show {gone.story}` says who else tells it",
    )


def _short(foreign: str) -> str:
    """Words of others in one legal line."""
    return line(foreign, LONGEST) or ""


def _day(moment: datetime, plan: DigestPlan) -> str:
    return i18n.day(moment.astimezone(plan.timezone).date(), plan.language)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


# --- how it is said ------------------------------------------------------------------------------------

_WHY = "You get this because feeds.yaml names you as `operator`. How things are by now: `aggregator status`."


def _letter(edition: Edition, site: Site, found: list[Concern], summary: str, most: int) -> MessageBody:
    """The letter with at most so many things under each heading."""
    sections = [
        _section(heading, tuple(group), most)
        for heading, group in groupby(found, key=lambda one: one.heading)
    ]
    return MessageBody(
        subject=edition.subject,
        text=_text(edition, site, sections, summary),
        html=layout.html(
            "operator.html.j2",
            edition=edition,
            site=site,
            sections=sections,
            summary=summary,
            why=_WHY,
            pieces=lambda said: said.split("`"),
        ),
    )


def _section(heading: str, concerns: tuple[Concern, ...], most: int) -> Section:
    left = len(concerns) - most
    more = f"… and {left} more{_MORE.get(heading, '')}" if left > 0 else ""
    return Section(title=heading, concerns=concerns[:most], more=more)


def _summary(condition: OperatorFacts, plan: DigestPlan) -> str:
    past = condition.recent_activity
    return (
        f"Since {_day(past.since, plan)}: {_count(past.visits, 'visit')}, {past.stories:,} new"
        f" {'story' if past.stories == 1 else 'stories'}, {_count(past.accepted, 'letter')} accepted."
    )


def _text(edition: Edition, site: Site, sections: list[Section], summary: str) -> str:
    lines = [*wrapped(edition.subject, rest="  "), *wrapped(summary), ""]
    for section in sections:
        lines += ["", section.title.upper(), "=" * len(section.title), ""]
        for concern in section.concerns:
            lines += wrapped(f"* {concern.title}", rest="  ")
            lines += wrapped(concern.facts, first="  ", rest="  ")
            lines += [*_whole(f"To do: {concern.do}"), ""]
        if section.more:
            lines += [section.more, ""]
    lines += ["-- ", *_whole(_WHY, indent=""), site.url]
    return "\n".join(lines) + "\n"


_GLUE = {ord(" "): "\N{NO-BREAK SPACE}", ord("-"): "\N{NON-BREAKING HYPHEN}"}
_UNGLUE = {ord(glued): chr(plain) for plain, glued in _GLUE.items()}


def _whole(text: str, indent: str = "  ") -> list[str]:
    """Lines in which no command is broken: it is to be copied."""
    glued = re.sub(r"`[^`]*`", lambda command: command[0].translate(_GLUE), text)
    return [one.translate(_UNGLUE) for one in wrapped(glued, first=indent, rest=indent)]
