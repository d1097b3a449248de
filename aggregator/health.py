"""Report the health of sources, jobs and mail, with advice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import extras, feed_findings, quarantine
from aggregator.counts import count_of
from aggregator.database import RELEASED_KEY, existing_store
from aggregator.gateways import files
from aggregator.model.bounces import BounceRates
from aggregator.model.config import Config
from aggregator.model.polling import SourceState
from aggregator.model.reports import FailingJob, SourceHealth, StatusReport
from aggregator.store import (
    channels,
    deliveries,
    editorial,
    meta,
    partner_reports,
    quarantined,
    reclassification,
    returned_mail,
    runs,
    sources,
    stories,
    story_members,
    subscribers,
    websub_pings,
)
from aggregator.store.connection import Store, moment


def read_report(config: Config) -> StatusReport:
    """Return the state of every source, of the last runs and of mail. Raises DatabaseLost."""
    if config.data.is_dir():
        files.close_data(config.data, config.public)
    with existing_store(config) as store:
        return report_from(store, config)


def report_from(store: Store, config: Config) -> StatusReport:
    """Return the same report from a store that is open."""
    running = files.is_locked(config.data)
    count, items = stories.counts(store)
    unplaced, since = story_members.count_unplaced(store)
    released = moment(meta.get(store, RELEASED_KEY))
    unsent = deliveries.counts(store)
    findings = partner_reports.known_findings(store)
    return StatusReport(
        sources=tuple(
            replace(s, advice=advice(s), findings=feed_findings.faults(findings.get(s.id, {})))
            for s in sources.health(store)
        ),
        stories=count,
        items=items,
        subscribers=subscribers.count_served(
            store, [address for digest in config.digests for address in digest.recipients]
        ),
        owed=sum(unsent.pop(state, 0) for state in ("queued", "sending", "deferred")),
        oldest_owed=deliveries.oldest_owed(store),
        parked=unsent,
        runs=tuple(runs.last(store, 5, running=running)),
        merge_candidates=tuple(editorial.candidates(store, MAX_CANDIDATES_LISTED)),
        relay=deliveries.relay_pause(store, config.mail.smtp),
        suppressed=tuple(deliveries.suppressions(store)),
        hub=websub_pings.failure_reason(store) if config.hub else None,
        set_aside=tuple(quarantined.listed(store)),
        unplaced=unplaced,
        unplaced_since=max(since, released) if since and released else since,
        unwritten=channels.unwritten(store),
        failing=tuple(runs.failing(store, running=running)),
        sentence_encoder=extras.sentence_encoder(),
        bounces=returned_mail.bounce_rates(store),
        unclassified=reclassification.count_left(store, reclassification.classification_hash(config)),
    )


def advice(source: SourceHealth) -> str | None:
    """Return what to do about a source with a failure; None where there is none."""
    if not source.reason:
        return None
    return feed_findings.failure_kind(source.reason).advice.replace("{id}", source.id)


MAX_CANDIDATES_LISTED = 20
"""Maximum number of merge candidates listed."""


MAX_DELAY = timedelta(hours=2)
"""Maximum delay of visits, placing and mail before it is reported."""
MAX_OWED_TIME = timedelta(days=1)
"""Maximum time that a message is owed before it is reported."""
MAX_UNWRITTEN_TIME = timedelta(hours=1)
"""Maximum time that a channel is out of date before it is reported."""


MIN_FAILED_RUNS = 2
"""Minimum number of failed runs of a job in a row that is reported; one is normal."""


MIN_SOURCES_ALL_FAILED = 3
"""Minimum number of sources whose last visits must all fail for an alert, as in L3."""


def alerts(report: StatusReport, now: datetime) -> list[str]:
    """Return the faults that monitoring should report; empty if there are none.

    They are about old data, not about running processes.
    """
    found = []
    if count := count_overdue(report, now):
        sources, were = count_of(len(report.sources), "source"), "was" if count == 1 else "were"
        found.append(f"{count} of {sources} {were} not visited in time: is cron or the daemon running?")
    failing = [s for s in report.sources if s.state in (SourceState.FAILING, SourceState.GONE)]
    if len(failing) * 2 > len(report.sources):
        sources, are = count_of(len(report.sources), "source"), "is" if len(failing) == 1 else "are"
        found.append(f"{len(failing)} of {sources} {are} failing")
    elif _visits_failed(report) >= MIN_SOURCES_ALL_FAILED and has_no_good_visit(report):
        found += filter(None, [failed_visits(report)])
    if since := unplaced_since(report, now):
        items = count_of(report.unplaced, "item has", "items have")
        found.append(f"{items} no story, the oldest since {_minute(since)}")
    if behind := unwritten_channels(report, now):
        channels = count_of(len(behind), "channel is", "channels are")
        found.append(
            f"{channels} not written, the oldest since {_minute(min(behind.values()))}: {', '.join(sorted(behind))}"
        )
    found += [
        f"the last {count_of(job.runs, 'run')} of {job.job} failed or were interrupted,"
        f" the first at {_minute(job.since)}: {job.reason}"
        for job in failing_jobs(report)
    ]
    if report.oldest_owed and report.oldest_owed < now - MAX_OWED_TIME:
        messages = count_of(report.owed, "message is", "messages are")
        found.append(f"{messages} owed, the oldest since {_minute(report.oldest_owed)}")
    if report.relay and report.relay.since < now - MAX_DELAY:
        found.append(f"no message was sent since {_minute(report.relay.since)}: {report.relay.reason}")
    found += [
        quarantine.notice(aside) for aside in report.set_aside if aside.step in quarantine.DOCUMENT_STEPS
    ]
    if report.bounces.fault_since and report.bounces.fault_since < now - MAX_DELAY:
        begun = _minute(report.bounces.fault_since)
        found.append(f"bounces are not read since {begun}: {report.bounces.fault}")
    if report.parked:
        parked = ", ".join(f"{count} {state}" for state, count in sorted(report.parked.items()))
        found.append(f"messages wait for a person: {parked}; see `aggregator digest queue`")
    return found


def failed_visits(report: StatusReport) -> str | None:
    """Return a sentence about sources whose last visit failed; None if there are none."""
    count = _visits_failed(report)
    if not count:
        return None
    if has_no_good_visit(report):
        return f"no source could be read at its last visit{_common_advice(report)}; each is tried again"
    sources, is_again = count_of(len(report.sources), "source"), "it is" if count == 1 else "they are"
    return f"the last visit of {count} of {sources} failed; {is_again} tried again"


def _common_advice(report: StatusReport) -> str:
    reasons = [source.reason for source in report.sources if source.failures]
    advice = feed_findings.common_advice(reasons) if len(reasons) >= MIN_SOURCES_ALL_FAILED else None
    return f": {advice}" if advice else ""


def _visits_failed(report: StatusReport) -> int:
    return sum(bool(source.failures) for source in report.sources)


def has_no_good_visit(report: StatusReport) -> bool:
    """Return whether the last visit of every source that was visited failed."""
    visited = [source for source in report.sources if source.last_attempt]
    return bool(visited) and all(source.failures for source in visited)


MAX_BOUNCED_SHARE = 0.02
"""Maximum share of messages that bounce before the operator is warned (BO4)."""
MAX_COMPLAINT_SHARE = 0.001
"""Maximum share of complaints before the operator is warned: providers block at 0.3 %."""


def mail_warnings(bounces: BounceRates) -> list[tuple[str, str]]:
    """Return what is wrong with delivered mail, each with what to do about it (BO4)."""
    found = []
    if bounces.bounced > MAX_BOUNCED_SHARE * bounces.accepted:
        found.append(
            (
                f"{_share(bounces.bounced, bounces.accepted)} messages bounced in 30 days, more than 2 %",
                "providers reduce the reputation of such senders: remove addresses that do not exist, and check"
                " SPF, DKIM and DMARC (docs/mail.md)",
            )
        )
    if bounces.complaints > MAX_COMPLAINT_SHARE * bounces.accepted:
        found.append(
            (
                f"{_share(bounces.complaints, bounces.accepted)} messages were reported as unwanted in 30 days,"
                " more than 0.1 %",
                "providers block senders at 0.3 %: check that all recipients agreed, and that leaving is easy",
            )
        )
    if bounces.without_token:
        found.append(
            (
                f"{bounces.without_token} bounces in 30 days name no message that was sent from here",
                "no address was suppressed: they are forged, or about mail of other programs with this address",
            )
        )
    if bounces.unread:
        found.append(
            (
                f"{bounces.unread} mails to the bounce address were not understood in 30 days",
                "read them in the mailbox or in `bounces` in the data folder, and answer people",
            )
        )
    if bounces.fault:
        since = f" since {_minute(bounces.fault_since)}" if bounces.fault_since else ""
        found.append((f"bounces are not read{since}", bounces.fault))
    return found


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" if not whole else f"{part} of {whole} ({part / whole:.1%})"


def unplaced_since(report: StatusReport, now: datetime) -> datetime | None:
    """Return since when an item has had no story, if that is more than `MAX_DELAY`."""
    since = report.unplaced_since
    return since if since and since < now - MAX_DELAY else None


def unwritten_channels(report: StatusReport, now: datetime) -> dict[str, datetime]:
    """Return the channels that have been out of date for `MAX_UNWRITTEN_TIME`, and since when."""
    return {id_: since for id_, since in report.unwritten.items() if since < now - MAX_UNWRITTEN_TIME}


def failing_jobs(report: StatusReport) -> list[FailingJob]:
    """Return the jobs whose last runs failed or were interrupted."""
    return [job for job in report.failing if job.runs >= MIN_FAILED_RUNS]


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def count_overdue(report: StatusReport, now: datetime) -> int:
    """Return the number of sources that were not visited in time."""
    return sum(source.next_visit is None or source.next_visit < now - MAX_DELAY for source in report.sources)
