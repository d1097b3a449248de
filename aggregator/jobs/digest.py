"""Digests: compose what is due, deliver what is owed; or show what would go out now (M1-M5)."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

from aggregator.editions import schedule
from aggregator.errors import FilesError, MailError, UnknownName
from aggregator.gateways import files
from aggregator.jobs import editions as pages
from aggregator.jobs.working import prepare, working
from aggregator.model import Config, Delivery, DigestPlan, DigestReport, Edition, Letter
from aggregator.seams import House, Mailer, MailInterrupted, MailRefused
from aggregator.store import editions, outbox, runs
from aggregator.store.connection import Store, opened
from aggregator.text import line

BASELINE = timedelta(days=7)  # M2

PATIENCE = 60
"""Seconds to wait for another job: cron starts `fetch` in the same minute."""


def run(house: House) -> DigestReport:
    """Compose every digest whose period has come, publish its edition, then deliver all owed mail."""
    begun = time.perf_counter()
    config = house.config
    with working(config, patience=PATIENCE) as store:
        now = house.clock()
        due = [plan for plan in config.digests if _is_due(store, plan, now)]
        report = _counted(store, DigestReport())
        if not due and not report.owed:
            return report
        run_id = runs.begin(store, "digest", now)
        prepare(store, config, now)
        for plan in due:
            report = _compose(store, config, plan, now, report)
        try:
            pages.publish(store, config)  # letters link to them
        except FilesError as error:
            told = f"{error}; letters stay owed until the editions they link to are published"
            report = _counted(store, replace(report, notices=(*report.notices, told)))
        else:
            report = _deliver(house, store, report)
        report = replace(report, seconds=round(time.perf_counter() - begun, 3))
        runs.finish(store, run_id, "done", asdict(report), house.clock())
    return report


def _is_due(store: Store, plan: DigestPlan, now: datetime) -> bool:
    """One edition a period (M5); a digest that never ran is due at once."""
    period = schedule.last_period(plan.schedule, plan.timezone, now)
    record = editions.record(store, plan.id)
    if period is None or record is None:
        return period is not None
    if record.last_composed > now and record.last_period > period:
        # The clock ran ahead and was put back: what was told stays told, the next period is due again.
        with store.transaction():
            editions.close_period(store, plan.id, period, now, record.since)
        return False
    return period > record.last_period


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What `digest preview` wrote."""

    stories: int
    revised: int
    files: tuple[Path, ...]


def preview(house: House, digest_id: str, at: datetime | None, out: Path | None) -> Preview:
    """`.eml` and `.html` of what would go out at `at` (default: now); nothing is recorded."""
    from aggregator.editions import letter, message
    from aggregator.jobs import compose

    config = house.config
    plan = _plan(config, digest_id)
    now = at or house.clock()
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        edition, untold = compose.edition(store, config, plan, now, _since(store, plan, now))
    composed = letter.compose(edition, config.site)
    address = plan.recipients[0] if plan.recipients else config.site.contact
    mail = message.message(
        _delivery(0, edition, address, composed, config), config.mail.sender, plan.title, config.site
    )
    folder = out or config.data / "preview"
    return Preview(
        stories=len(untold.new),
        revised=len(untold.retold),
        files=(
            files.write_letter(folder, f"{edition.id}.eml", mail.as_bytes()),
            files.write_letter(folder, f"{edition.id}.html", composed.html.encode("utf-8")),
        ),
    )


def _plan(config: Config, digest_id: str) -> DigestPlan:
    plans = {plan.id: plan for plan in config.digests}
    if digest_id not in plans:
        near = get_close_matches(digest_id, plans, n=1)
        known = ", ".join(sorted(plans)) or "none"
        hint = f', did you mean "{near[0]}"?' if near else f" (there are: {known})"
        raise UnknownName(f"no digest {digest_id!r} in {config.file.name}{hint}")
    return plans[digest_id]


def _compose(
    store: Store, config: Config, plan: DigestPlan, now: datetime, report: DigestReport
) -> DigestReport:
    """The edition of a period; it closes even when it is empty (M2).

    Read, composed and written in one transaction: whatever an editor decides is in it, or comes after it.
    """
    from aggregator.editions import letter, message
    from aggregator.jobs import compose

    with store.transaction():
        since = _since(store, plan, now)
        edition, untold = compose.edition(store, config, plan, now, since)
        editions.close_period(store, plan.id, edition.period, now, since)
        if editions.is_composed(store, edition.id):  # under a clock that ran ahead; what is new waits
            return report
        if not untold:
            return replace(report, empty=(*report.empty, edition.id))
        editions.compose(store, edition, letter.compose(edition, config.site), untold)
        ids = (message.message_id(edition.id, address, config.site) for address in plan.recipients)
        outbox.owe(store, edition.id, zip(plan.recipients, ids, strict=True))
    return replace(report, composed=(*report.composed, edition.id))


def _since(store: Store, plan: DigestPlan, now: datetime) -> datetime:
    """Since when a digest tells (M2)."""
    record = editions.record(store, plan.id)
    return record.since if record else now - BASELINE


def _delivery(id_: int, edition: Edition, address: str, composed: Letter, config: Config) -> Delivery:
    from aggregator.editions import message

    return Delivery(
        id=id_,
        edition_id=edition.id,
        digest_id=edition.digest_id,
        address=address,
        message_id=message.message_id(edition.id, address, config.site),
        composed=edition.composed,
        attempts=0,
        letter=composed,
    )


# --- delivering ----------------------------------------------------------------------------------------


def _deliver(house: House, store: Store, report: DigestReport) -> DigestReport:
    parked = outbox.park_interrupted(store)
    owed = outbox.owed(store)
    notices = [
        *report.notices,
        *(
            f"{address}: nobody knows whether {edition} arrived; it is not sent again"
            for address, edition in parked
        ),
    ]
    sent = 0
    if owed:
        titles = {plan.id: plan.title for plan in house.config.digests}
        try:
            with house.mailer() as mailer:
                for delivery in owed:
                    if house.stopping():
                        break
                    title = titles.get(delivery.digest_id, delivery.digest_id)
                    sent += _send(house, store, mailer, delivery, title, notices)
        except MailError as error:
            notices.append(str(error))
    return _counted(store, replace(report, sent=sent, notices=tuple(notices)))


def _counted(store: Store, report: DigestReport) -> DigestReport:
    """A report with what is owed and parked now."""
    counts = outbox.owed_counts(store)
    return replace(
        report,
        owed=counts.get("queued", 0) + counts.get("sending", 0),
        unknown=counts.get("unknown", 0),
        failed=counts.get("failed", 0),
    )


def _send(
    house: House, store: Store, mailer: Mailer, delivery: Delivery, title: str, notices: list[str]
) -> int:
    """One letter: leased, sent, struck off (M4)."""
    from aggregator.editions import message

    mail = message.message(delivery, house.config.mail.sender, title, house.config.site)
    outbox.lease(store, delivery, house.clock())
    try:
        mailer(mail, delivery.address)
    except MailRefused as error:
        outbox.settle(store, delivery, "failed" if error.permanent else "queued", str(error))
        notices.append(f"{delivery.address}: {delivery.edition_id} was refused: {line(str(error), 300)}")
        return 0
    except MailInterrupted as error:
        outbox.interrupted(store, delivery)
        said = line(str(error), 300)
        notices.append(f"{delivery.address}: {delivery.edition_id} broke off while it was sent: {said}")
        return 0
    except MailError as error:  # the relay went away before this letter
        outbox.settle(store, delivery, "queued", str(error))
        raise
    outbox.strike_off(store, delivery)
    return 1
