"""Compose the operator's report from the current state: facts, tasks, message body.

It is in English for every site, like all messages to operators: reasons, `status`, the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from aggregator import addresses, feed_findings, health
from aggregator.counts import count_of
from aggregator.digests import body as message_body
from aggregator.digests import schedule
from aggregator.digests.body import text_heading, wrapped
from aggregator.digests.operator_tasks import MORE, Task, format_day, tasks
from aggregator.model.config import Config, DigestPlan, Site
from aggregator.model.digests import Edition, MessageBody
from aggregator.model.findings import Level
from aggregator.model.reports import NewFindings, OperatorFacts, SourceHealth
from aggregator.publishing import paths
from aggregator.store import deliveries, editions, feed_facts, partner_reports, recent_activity
from aggregator.store.connection import Store
from aggregator.text import line

LANGUAGE = "en"
FIRST_REPORT_PERIOD = timedelta(days=7)
"""Time that the first report covers."""
MAX_TASKS_LISTED = 15
"""Maximum number of tasks under one heading, fewer if they are long; others are counted."""
_WHY = "You receive this because feeds.yaml names you as `operator`. The current state: `aggregator status`."


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """The edition and message body of a report; without tasks there is no message."""

    edition: Edition
    body: MessageBody
    tasks: tuple[Task, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSection:
    """Tasks under one heading; `more` says how many others there are, and where they are listed."""

    title: str
    tasks: tuple[Task, ...]
    more: str


def compose_report(store: Store, config: Config, plan: DigestPlan, now: datetime) -> OperatorReport:
    """Compose the report that is due at `now`."""
    record = editions.record(store, plan.id)
    since = min(record.last_composed, now) if record else now - FIRST_REPORT_PERIOD
    facts = read_facts(store, config, since, now)
    return compose_report_from(facts, plan, config.site, schedule.current_period(plan, now), now)


def read_facts(store: Store, config: Config, since: datetime, now: datetime) -> OperatorFacts:
    """Read the current state, and what happened since the last report."""
    status = health.report_from(store, config)
    listed = {addresses.key(address) for plan in config.mailings for address in plan.recipients}
    # A suppressed address that was reported before and is no longer in feeds.yaml needs no action.
    suppressed = (
        each for each in status.suppressed if each.since >= since or addresses.key(each.address) in listed
    )
    past = recent_activity.read(store, since, now)
    return OperatorFacts(
        status=replace(
            status,
            suppressed=tuple(suppressed),
            unplaced_since=health.unplaced_since(status, now),
            unwritten=health.unwritten_channels(status, now),
            failing=tuple(health.failing_jobs(status)),
        ),
        overdue=health.count_overdue(status, now),
        messages=tuple(deliveries.open_messages(store)),
        recent_activity=past if config.hub else replace(past, hub_error=None),
        findings=tuple(_new_findings(store, config.site, status.sources, since)),
    )


def _new_findings(
    store: Store, site: Site, health_of_sources: Sequence[SourceHealth], since: datetime
) -> Iterator[NewFindings]:
    """Yield the problems of feeds that are new since the last report."""
    new_codes = partner_reports.new_findings(store, since)
    for source in health_of_sources:
        codes = feed_findings.faults(new_codes.get(source.id, ()), Level.PROBLEM)
        if not codes or not source.last_attempt:
            continue
        facts = feed_facts.read(store, source.id, source.last_attempt.date())
        findings = [finding for finding in feed_findings.find_findings(facts) if finding.code in codes]
        if findings:
            yield NewFindings(
                source_id=source.id,
                name=source.name,
                sentences=tuple(feed_findings.in_words(finding, LANGUAGE).sentence for finding in findings),
                page=site.url + paths.partner_page(source.id),
            )


def compose_report_from(
    facts: OperatorFacts, plan: DigestPlan, site: Site, period: date, now: datetime
) -> OperatorReport:
    """Compose the report of a period from facts, with as many tasks as fit into a message."""
    due = tuple(tasks(facts, plan, now))
    summary = count_of(len(due), "open task") if due else "nothing to do"
    edition = Edition(
        id=f"{plan.id}-{period.isoformat()}",
        digest_id=plan.id,
        title=plan.title,
        subject=f"{line(site.title, 80) or ''}: {summary}, {format_day(now, plan)}",
        language=plan.language,
        period=period,
        composed=now,
        entries=(),
    )
    limit = MAX_TASKS_LISTED
    activity = _activity(facts, plan)
    body = _body(edition, site, due, activity, limit)
    while limit > 1 and message_body.size_of(body) > message_body.MAX_BYTES:
        limit //= 2
        body = _body(edition, site, due, activity, limit)
    return OperatorReport(edition=edition, body=body, tasks=due, summary=summary)


def _activity(facts: OperatorFacts, plan: DigestPlan) -> str:
    past = facts.recent_activity
    return (
        f"Since {format_day(past.since, plan)}: {count_of(past.visits, 'visit')},"
        f" {count_of(past.stories, 'new story', 'new stories')}, {count_of(past.accepted, 'message')} accepted."
    )


def _body(edition: Edition, site: Site, due: tuple[Task, ...], activity: str, limit: int) -> MessageBody:
    """Compose a message body with at most `limit` tasks under each heading."""
    sections = [
        _section(heading, tuple(group), limit)
        for heading, group in groupby(due, key=lambda task: task.heading)
    ]
    return MessageBody(
        subject=edition.subject,
        text=_text(edition, site, sections, activity),
        html=message_body.render_html(
            "operator.html.j2",
            edition=edition,
            site=site,
            sections=sections,
            summary=activity,
            why=_WHY,
            pieces=lambda text: text.split("`"),
        ),
    )


def _section(heading: str, due: tuple[Task, ...], limit: int) -> TaskSection:
    omitted = len(due) - limit
    more = f"… and {omitted} more{MORE.get(heading, '')}" if omitted > 0 else ""
    return TaskSection(title=heading, tasks=due[:limit], more=more)


def _text(edition: Edition, site: Site, sections: list[TaskSection], activity: str) -> str:
    lines = [*wrapped(edition.subject, rest="  "), *wrapped(activity), ""]
    for section in sections:
        lines += text_heading(section.title)
        for task in section.tasks:
            lines += wrapped(f"* {task.title}", rest="  ")
            lines += wrapped(task.facts, first="  ", rest="  ")
            lines += [*_wrapped_commands(f"To do: {task.do}"), ""]
        if section.more:
            lines += [section.more, ""]
    lines += ["-- ", *_wrapped_commands(_WHY, indent=""), site.url]
    return "\n".join(lines) + "\n"


_UNBREAKABLE = {ord(" "): "\N{NO-BREAK SPACE}", ord("-"): "\N{NON-BREAKING HYPHEN}"}
_BREAKABLE = {ord(unbreakable): chr(plain) for plain, unbreakable in _UNBREAKABLE.items()}


def _wrapped_commands(text: str, indent: str = "  ") -> list[str]:
    """Wrap text without breaking a command in backticks, so that it can be copied."""
    joined = re.sub(r"`[^`]*`", lambda command: command[0].translate(_UNBREAKABLE), text)
    return [each.translate(_BREAKABLE) for each in wrapped(joined, first=indent, rest=indent)]
