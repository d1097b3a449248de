"""Digests and the operator's mail: compose what is due, deliver what is owed; or show what would go out (M1-M5)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.containment import Containment
from aggregator.digests import deliver, schedule
from aggregator.errors import AggregatorError, FilesError, UnknownName, did_you_mean
from aggregator.gateways import files
from aggregator.locked_store import locked_store
from aggregator.model.config import Config, DigestPlan
from aggregator.model.digests import Delivery, Edition, MessageBody, PendingStories
from aggregator.model.reports import ContainedStep, DigestReport
from aggregator.ports import App, MailInterrupted, MailRefused
from aggregator.publishing import publish, websub
from aggregator.publishing import publish_editions as pages
from aggregator.publishing.synchronise import synchronise
from aggregator.store import deliveries, editions, runs
from aggregator.store.connection import Store, opened, stamp
from aggregator.store.idle_check import MAIL_IDLE_MARK, finished_mark

if TYPE_CHECKING:
    from aggregator.digests.content import Candidates

BASELINE = timedelta(days=7)  # M2

PATIENCE = 60
"""Seconds to wait for another job: cron starts `fetch` in the same minute."""


def run(app: App) -> DigestReport:
    """Compose every digest whose period has come, publish its edition, then deliver all owed mail."""
    begun = time.perf_counter()
    config = app.config
    with locked_store(config, wait_seconds=PATIENCE, job="digest", clock=app.clock) as store:
        now = app.clock()
        due = [plan for plan in config.mailings if _is_due(store, plan, now)]
        letters = deliver.next_attempt_time(store, config, now)
        idle = not due and (letters is None or letters > now)
        if idle and not runs.last_failed(store, "digest"):
            return _ended(store, config, now, DigestReport())
        runs.drop(store, MAIL_IDLE_MARK)
        run_id = runs.begin(store, "digest", now)
        synchronise(store, config, now)
        report, contained = DigestReport(), Containment(store)
        for plan in due:
            composed = contained.whole(
                ContainedStep.COMPOSING,
                plan.id,
                partial(_compose, store, config, plan, now, report, contained),
            )
            report = composed or report
        for gone in contained.aside[ContainedStep.COMPOSING].difference(plan.id for plan in config.mailings):
            contained.forget(ContainedStep.COMPOSING, gone)
        report = replace(report, notices=(*report.notices, *contained.record(now)))
        report = _publish_and_deliver(app, store, report)
        report = replace(report, seconds=round(time.perf_counter() - begun, 3))
        report = _ended(store, config, app.clock(), report)
        if any(step is ContainedStep.COMPOSING for step, _ in contained.broken):  # it is due still
            runs.drop(store, MAIL_IDLE_MARK)
        runs.finish(store, run_id, "done", asdict(report), app.clock())
    return report


def _ended(store: Store, config: Config, now: datetime, report: DigestReport) -> DigestReport:
    """The report with what is owed and parked now; until when there is nothing to do is left for `glance`."""
    times = [schedule.next_moment(plan.schedule, plan.timezone, now) for plan in config.mailings]
    letters = deliver.next_attempt_time(store, config, now)
    idle_until = min([*times, *([letters] if letters else [])], default=now + timedelta(days=1))
    try:
        raw = config.file.read_bytes()
    except OSError:
        raw = b""
    if hashlib.sha256(raw).hexdigest() == config.file_hash:  # else somebody is editing it
        runs.put(store, MAIL_IDLE_MARK, f"{finished_mark(raw)} {stamp(now)} {stamp(idle_until)}")
    hold = deliver.waiting(store, config, now)
    report = replace(report, waiting=hold.until if hold else None)
    return report.counted(deliveries.counts(store))


def _publish_and_deliver(app: App, store: Store, report: DigestReport) -> DigestReport:
    """What letters link to first: the pages of new editions, and what leads to them."""
    try:
        if report.composed:
            published = publish.render(store, app.config, app.clock())
            report = replace(report, notices=(*report.notices, *published.notices))
        else:
            contained = Containment(store)
            pages.publish(store, app.config, contained)
            report = replace(report, notices=(*report.notices, *contained.record(app.clock())))
    except FilesError as error:
        told = f"{error}; letters stay owed until the editions they link to are published"
        return replace(report, notices=(*report.notices, told), relay_error=told)
    done = deliver.run(app, store)
    notices = (*report.notices, *done.notices, *websub.ping_hub(app, store))
    return replace(report, sent=done.sent, notices=notices, relay_error=done.trouble)


def _is_due(store: Store, plan: DigestPlan, now: datetime) -> bool:
    """One edition a period (M5); a digest that never ran is due at once."""
    period = schedule.last_period(plan.schedule, plan.timezone, now)
    record = editions.record(store, plan.id)
    if period is None or record is None:
        return period is not None
    if record.last_composed > now:
        # The clock ran ahead and was put back: what was told stays told, the next period is due again, and a
        # digest that began meanwhile began now.
        closed, since = min(period, record.last_period), min(record.since, now - BASELINE)
        with store.transaction():
            editions.close_period(store, plan.id, closed, now, since)
    return period > record.last_period


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would go out now, in words, and what `digest preview` wrote."""

    told: str
    files: tuple[Path, ...] = ()


def preview(app: App, digest_id: str, at: datetime | None, out: Path | None) -> Preview:
    """`.eml` and `.html` of what would go out at `at` (default: now); nothing is recorded."""
    from aggregator.digests import mime

    config = app.config
    plan = _plan(config, digest_id)
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        draft = _draft(store, config, plan, at or app.clock(), Containment(store))
    edition = draft.edition
    address = plan.recipients[0] if plan.recipients else config.site.contact
    delivery = _delivery(edition, address, draft.letter, mime.message_id(edition.id, address, config.site))
    mail = mime.build_message(delivery, config.mail.sender, plan.title, config.site)
    folder = out or config.data / "preview"
    return Preview(
        told=draft.told,
        files=(
            files.write_message(folder, f"{edition.id}.eml", mail),
            files.write_message(folder, f"{edition.id}.html", draft.letter.html.encode("utf-8")),
        ),
    )


def test(app: App, digest_id: str, address: str) -> Preview:
    """Send what would go out now to one address, through the relay that is configured; nothing is recorded."""
    from aggregator.digests import mime

    config = app.config
    plan, now = _plan(config, digest_id), app.clock()
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        draft = _draft(store, config, plan, now, Containment(store))
    # An id of its own: else the real letter would be taken for one that is there already.
    id_ = mime.message_id(f"test-{draft.edition.id}", f"{address} {now.isoformat()}", config.site)
    marked = replace(draft.letter, subject=f"[Test] {draft.letter.subject}")
    mail = mime.build_message(
        _delivery(draft.edition, address, marked, id_), config.mail.sender, plan.title, config.site
    )
    try:
        with app.mailer() as mailer:
            mailer(mail, address)
    except (MailRefused, MailInterrupted) as error:
        raise AggregatorError(f"the letter to {address} was not accepted: {error}") from error
    return Preview(told=draft.told)


def _plan(config: Config, digest_id: str) -> DigestPlan:
    plans = {plan.id: plan for plan in config.mailings}
    if digest_id not in plans:
        known = ", ".join(sorted(plans)) or "none"
        hint = did_you_mean(digest_id, plans) or f" (there are: {known})"
        raise UnknownName(f"no digest {digest_id!r} in {config.file.name}{hint}")
    return plans[digest_id]


def _compose(
    store: Store,
    config: Config,
    plan: DigestPlan,
    now: datetime,
    report: DigestReport,
    contained: Containment,
) -> DigestReport:
    """The edition of a period; it closes even when it is empty (M2).

    Read, composed and written in one transaction: whatever an editor decides is in it, or comes after it.
    """
    from aggregator.digests import mime

    with store.transaction():
        draft = _draft(store, config, plan, now, contained)
        edition = draft.edition
        editions.close_period(store, plan.id, edition.period, now, _since(store, plan, now))
        if editions.is_composed(store, edition.id):  # under a clock that ran ahead; what is new waits
            return report
        if not draft.worth_mailing:
            return replace(report, empty=(*report.empty, edition.id))
        published = plan is not config.operator
        editions.compose(store, edition, draft.letter, draft.untold, published=published)
        ids = (mime.message_id(edition.id, address, config.site) for address in plan.recipients)
        deliveries.queue(store, edition.id, zip(plan.recipients, ids, strict=True))
    return replace(report, composed=(*report.composed, edition.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An edition that could go out, and its letter; `told` in words, `untold` the stories it is made of."""

    edition: Edition
    letter: MessageBody
    told: str
    worth_mailing: bool
    untold: PendingStories


def _draft(store: Store, config: Config, plan: DigestPlan, now: datetime, contained: Containment) -> Draft:
    """What there is to tell now: of stories that can be told, or to the operator."""
    if plan is config.operator:
        from aggregator.digests import operator_facts

        made = operator_facts.operator_mail(store, config, plan, now)
        return Draft(
            edition=made.edition,
            letter=made.letter,
            told=made.told,
            worth_mailing=made.concerns > 0,
            untold=PendingStories(),
        )

    from aggregator.digests import content

    given = content.candidates(store, plan, _since(store, plan, now))
    return contained.without_broken(
        ContainedStep.DIGEST,
        given.ids,
        lambda ids: _drafted(store, config, plan, now, given.only(frozenset(ids))),
    )


def _drafted(store: Store, config: Config, plan: DigestPlan, now: datetime, given: Candidates) -> Draft:
    from aggregator.digests import body, content

    edition, untold = content.edition(store, config, plan, now, given)
    return Draft(
        edition=edition,
        letter=body.compose(edition, config.site),
        told=f"{len(untold.new)} new stories, {len(untold.retold)} corrected",
        worth_mailing=bool(untold),
        untold=untold,
    )


def _since(store: Store, plan: DigestPlan, now: datetime) -> datetime:
    """Since when a digest tells (M2)."""
    record = editions.record(store, plan.id)
    return record.since if record else now - BASELINE


def _delivery(edition: Edition, address: str, composed: MessageBody, id_: str) -> Delivery:
    return Delivery(
        id=0,
        edition_id=edition.id,
        digest_id=edition.digest_id,
        address=address,
        message_id=id_,
        composed=edition.composed,
        attempts=0,
        letter=composed,
    )
