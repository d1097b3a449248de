"""Run the digest job: compose due editions, write their pages, deliver the mail queue."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial

from aggregator import addresses
from aggregator.bounces import collect
from aggregator.database import locked_store
from aggregator.digests import deliver, mime, schedule
from aggregator.errors import FilesError
from aggregator.model.config import Config, DigestPlan
from aggregator.model.reports import DigestReport, QuarantineStep
from aggregator.ports import App
from aggregator.publishing import publish, publish_editions, websub
from aggregator.publishing.synchronise import synchronise
from aggregator.quarantine import Quarantine
from aggregator.store import (
    deliveries,
    editions,
    editor_sessions,
    meta,
    runs,
    subscriber_links,
    subscriber_rights,
    subscribers,
    subscription_requests,
)
from aggregator.store.connection import Store, stamp
from aggregator.store.idle_check import MAIL_IDLE_KEY, MAILBOX, idle_hash

LOCK_WAIT_SECONDS = 60
"""Maximum seconds to wait for another job: cron starts `fetch` in the same minute."""


MAILBOX_INTERVAL = timedelta(minutes=10)
"""Time after which the daemon reads bounces again; every `digest run` reads them."""


def run(app: App) -> DigestReport:
    """Compose every edition that is due, write its page, then deliver the mail queue."""
    begun = time.perf_counter()
    config = app.config
    with locked_store(config, wait_seconds=LOCK_WAIT_SECONDS, job="digest", clock=app.clock) as store:
        now = app.clock()
        _process_requests(app, store, now)
        collected = collect.collect_mails(app, store)
        due = [plan for plan in config.mailings if _is_due(store, plan, now)]
        next_attempt = deliver.next_attempt_time(store, config, now)
        idle = not due and (next_attempt is None or next_attempt > now)
        if idle and not runs.has_last_failed(store, "digest"):
            return _with_queue_counts(store, config, now, DigestReport(notices=collected.notices))
        meta.delete(store, MAIL_IDLE_KEY)
        run_id = runs.begin(store, "digest", now)
        synchronise(store, config, now)
        quarantine = Quarantine(store)
        report = _compose_due(store, config, due, now, quarantine)
        report = replace(report, notices=(*collected.notices, *report.notices))
        report = _write_pages(app, store, report)
        if report.relay_error is None:
            report = _deliver(app, store, report)
        report = replace(report, seconds=round(time.perf_counter() - begun, 3))
        report = _with_queue_counts(store, config, app.clock(), report)
        if any(step is QuarantineStep.COMPOSING for step, _ in quarantine.added):  # it is still due
            meta.delete(store, MAIL_IDLE_KEY)
        runs.finish(store, run_id, "done", asdict(report), app.clock())
    return report


def _process_requests(app: App, store: Store, now: datetime) -> None:
    """Queue the messages that sign-ups ask for, and erase addresses that were not confirmed."""
    with store.transaction():
        editor_sessions.expire(store, app.config.editors, now)
    if subscriber_links.is_key_needed(store):  # otherwise there is no key
        key = app.link_key()
        subscriber_links.use_key(store, key)
        host, editors = mime.host(app.config.site), app.config.editors
        subscription_requests.process(store, key, app.random_bytes, host, editors)
        subscriber_rights.expire(store, now)


def _is_due(store: Store, plan: DigestPlan, now: datetime) -> bool:
    """Return whether a period has begun since the last edition, or there was none (M5)."""
    period = schedule.last_period(plan.schedule, plan.timezone, now)
    record = editions.record(store, plan.id)
    if period is None or record is None:
        return period is not None
    if record.last_composed > now:
        # The clock was ahead and has been put back. The ledger keeps what was published, the next period is due
        # again, and a digest that began under the wrong clock begins now.
        closed, since = min(period, record.last_period), min(record.since, now - editions.MAX_FIRST_AGE)
        with store.transaction():
            editions.close_period(store, plan.id, closed, now, since)
    return period > record.last_period


def _compose_due(
    store: Store, config: Config, due: Sequence[DigestPlan], now: datetime, quarantine: Quarantine
) -> DigestReport:
    """Compose all editions that are due; one that breaks does not stop the others."""
    report = DigestReport()
    for plan in due:
        composed = quarantine.try_document(
            QuarantineStep.COMPOSING,
            plan.id,
            partial(_store_edition, store, config, plan, now, report, quarantine),
        )
        report = composed or report
    removed = quarantine.stored[QuarantineStep.COMPOSING].difference(plan.id for plan in config.mailings)
    for digest_id in removed:
        quarantine.release(QuarantineStep.COMPOSING, digest_id)
    return replace(report, notices=(*report.notices, *quarantine.record(now)))


def _store_edition(
    store: Store,
    config: Config,
    plan: DigestPlan,
    now: datetime,
    report: DigestReport,
    quarantine: Quarantine,
) -> DigestReport:
    """Store the edition of a period with its messages; an empty period closes too (M2).

    All in one transaction, so that a decision of an editor is either in the edition or comes after it.
    """
    from aggregator.digests import draft

    with store.transaction():
        made = draft.compose_draft(store, config, plan, now, quarantine)
        edition = made.edition
        editions.close_period(store, plan.id, edition.period, now, draft.start_of(store, plan, now))
        if editions.exists(store, edition.id):  # composed under a clock that was ahead
            return report
        if made.is_empty:
            return replace(report, empty=(*report.empty, edition.id))
        published = plan is not config.operator
        editions.add(store, edition, made.body, made.pending, published=published)
        erased = subscribers.erased(store, plan.recipients) if published else set()
        deliveries.queue(store, edition.id, _recipients(store, config, plan, edition.id, erased))
    notices = (*report.notices, *(_erased_recipient(plan, address) for address in sorted(erased)))
    return replace(report, composed=(*report.composed, edition.id), notices=notices)


def _erased_recipient(plan: DigestPlan, address: str) -> str:
    return (
        f"{addresses.shortened(address)} is a recipient of {plan.id} in feeds.yaml, but was erased and gets no message:"
        " remove the address there; if this person agreed again, use"
        " `aggregator subscriber add ADDRESS --confirmed REASON`"
    )


def _recipients(
    store: Store, config: Config, plan: DigestPlan, edition_id: str, erased: Collection[str]
) -> Iterator[tuple[str, str, int | None]]:
    """Yield address, Message-ID and id of subscribers, then of recipients in feeds.yaml.

    Subscribers who joined later begin with the next edition (M2). `erased` recipients get none (DP2).
    """
    site = config.site
    if plan is not config.operator:
        for subscriber_id, address, name in subscribers.recipients(store, plan.id):
            yield address, mime.message_id(edition_id, name, site), subscriber_id
    keys = [addresses.key(address) for address in plan.recipients]
    decided = set() if plan is config.operator else subscribers.decided(store, keys, plan.id)
    for address, key in zip(plan.recipients, keys, strict=True):
        if key not in decided and address not in erased:
            yield address, mime.message_id(edition_id, address, site), None


def _write_pages(app: App, store: Store, report: DigestReport) -> DigestReport:
    """Write the pages of new editions, because messages link to them."""
    try:
        if report.composed:
            notices = publish.render(store, app.config, app.clock()).notices
        else:
            quarantine = Quarantine(store)
            publish_editions.write_editions(store, app.config, quarantine)
            notices = tuple(quarantine.record(app.clock()))
    except FilesError as error:
        reason = f"{error}; messages stay queued until the editions they link to are published"
        return replace(report, notices=(*report.notices, reason), relay_error=reason)
    return replace(report, notices=(*report.notices, *notices))


def _deliver(app: App, store: Store, report: DigestReport) -> DigestReport:
    delivered = deliver.deliver_due(app, store)
    notices = (*report.notices, *delivered.notices, *websub.ping_hub(app, store))
    return replace(report, sent=delivered.sent, notices=notices, relay_error=delivered.error)


def _with_queue_counts(store: Store, config: Config, now: datetime, report: DigestReport) -> DigestReport:
    """Count the open messages, and store for the idle check until when nothing is due."""
    mailbox = config.mail.bounces is not None and config.mail.bounces.has_mailbox
    times = [schedule.next_moment(plan.schedule, plan.timezone, now) for plan in config.mailings]
    if mailbox:
        times.append(now + MAILBOX_INTERVAL)
    next_attempt = deliver.next_attempt_time(store, config, now)
    idle_until = min([*times, *([next_attempt] if next_attempt else [])], default=now + timedelta(days=1))
    try:
        raw = config.file.read_bytes()
    except OSError:
        raw = b""
    if hashlib.sha256(raw).hexdigest() == config.file_hash:  # otherwise feeds.yaml was edited meanwhile
        value = f"{idle_hash(raw)} {stamp(now)} {stamp(idle_until)}"
        meta.put(store, MAIL_IDLE_KEY, f"{value} {MAILBOX}" if mailbox else value)
    pause = deliver.current_pause(store, config, now)
    report = replace(report, waiting=pause.until if pause else None)
    return report.counted(deliveries.counts(store))
