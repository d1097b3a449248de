"""Letters out: leased, sent, struck off; what the relay refuses is put off or given up (M4)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.errors import MailError, UnknownName
from aggregator.model.config import Config
from aggregator.model.digests import Delivery, MailQueue, RelayPause
from aggregator.ports import App, Mailer, MailInterrupted, MailRefused
from aggregator.store import deliveries
from aggregator.store.connection import Store, opened
from aggregator.text import line

SOONEST, LATEST = timedelta(minutes=5), timedelta(hours=4)
RELAY_LATEST = timedelta(hours=1)
PATIENCE = timedelta(days=5)
"""How long a letter is tried that is refused for now (RFC 5321 4.5.4.1)."""

REFUSED, BROKEN = 10, 3
"""So many letters in a row that were refused, or broke off, are the relay's trouble and not that of their addresses."""

ROUND_SECONDS = 300.0
"""A round ends after so long, because visits wait for its lock; the next run goes on."""

NOTICES = 20
"""So many letters are named in a report; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What a round did. `trouble`: the relay could not be used."""

    sent: int = 0
    notices: tuple[str, ...] = ()
    trouble: str | None = None


def retry_delay(since: datetime, now: datetime, latest: timedelta) -> timedelta:
    """How long to wait after another failure, the first of which was at `since`: each time twice as long."""
    return min(max(now - since, SOONEST), latest)


# --- is there anything to send? ------------------------------------------------------------------------


def next_attempt_time(store: Store, config: Config, now: datetime) -> datetime | None:
    """When there is something to send: now, later, or None if no letter is owed."""
    counts = deliveries.counts(store)
    deferred = deliveries.next_attempt(store)
    if counts.get("queued") or counts.get("sending"):
        first = now
    elif deferred:
        first = now if deferred > now + LATEST else max(deferred, now)
    else:
        return None
    hold = waiting(store, config, now)
    return max(first, hold.until) if hold else first


def waiting(store: Store, config: Config, now: datetime) -> RelayPause | None:
    """The relay's trouble, as long as it is to be left alone."""
    hold = deliveries.relay_pause(store, config.mail.smtp)
    # Beyond the longest pause it was written under a clock that ran ahead.
    return hold if hold and now < hold.until <= now + RELAY_LATEST else None


# --- a round -------------------------------------------------------------------------------------------


def run(app: App, store: Store) -> DeliveryReport:
    """Send what is due, oldest first, over one connection; ends early when the relay is in trouble."""
    doubtful = deliveries.park_interrupted(store)
    notices = [
        f"{address}: nobody knows whether {edition} arrived; it is not sent again (see `digest owed`)"
        for address, edition in doubtful
    ]
    now = app.clock()
    due = next_attempt_time(store, app.config, now)
    if due is None or due > now:
        return DeliveryReport(notices=_few(notices))
    round_ = _Round(app, store, notices)
    try:
        with app.mailer() as mailer:
            round_.send_all(mailer)
    except MailError as error:
        notices.append(str(error))
        round_.hold(str(error))
        return DeliveryReport(sent=round_.sent, notices=_few(notices), trouble=str(error))
    return DeliveryReport(sent=round_.sent, notices=_few(notices))


def _few(notices: list[str]) -> tuple[str, ...]:
    """Not ten thousand lines in a mail of cron; the last is told in any case, as it may be the relay's trouble."""
    if len(notices) <= NOTICES:
        return tuple(notices)
    left = len(notices) - NOTICES
    return (*notices[: NOTICES - 1], f"and {left} more letters: `aggregator digest owed`", notices[-1])


class _Round:
    """One round: what was sent, and how many letters in a row were not."""

    def __init__(self, app: App, store: Store, notices: list[str]) -> None:
        self.app, self.store, self.notices = app, store, notices
        self.sent = 0
        self.streak = 0
        self.titles = {plan.id: plan.title for plan in app.config.mailings}
        self.readers = {plan.id: {a.lower() for a in plan.recipients} for plan in app.config.mailings}

    def send_all(self, mailer: Mailer) -> None:
        """Letter after letter, at most `mail.rate` a minute; ends between two of them when asked to."""
        rate = self.app.config.mail.rate
        begun = time.monotonic()
        for n, delivery in enumerate(self._due()):
            if not self._awaited(begun + n * 60 / rate if rate else 0.0, begun + ROUND_SECONDS):
                return
            self._send(mailer, delivery)

    def _due(self) -> Iterator[Delivery]:
        """What is due, a page at a time; what this round puts off is not."""
        now = self.app.clock()
        for state in ("queued", "deferred"):
            page = deliveries.due(self.store, state, now, now + LATEST, after=0)
            while page:
                yield from page
                page = deliveries.due(self.store, state, now, now + LATEST, after=page[-1].id)

    def _awaited(self, moment: float, end: float) -> bool:
        """Wait for `moment`; False if the round is over before."""
        while not self.app.stopping() and time.monotonic() < end:
            if (left := moment - time.monotonic()) <= 0:
                return True
            time.sleep(min(left, 0.2))
        return False

    def _send(self, mailer: Mailer, delivery: Delivery) -> None:
        """One letter: leased, sent, struck off."""
        from aggregator.digests import mime

        config = self.app.config
        if delivery.address.lower() not in self.readers.get(delivery.digest_id, {delivery.address.lower()}):
            deliveries.close(self.store, delivery, "no recipient of it any more")
            return
        title = self.titles.get(delivery.digest_id, delivery.digest_id)
        body = mime.build_message(delivery, config.mail.sender, title, config.site)
        if not deliveries.lease(self.store, delivery, self.app.clock()):
            return
        try:
            mailer(body, delivery.address)
        except MailRefused as error:
            self._refused(delivery, error)
            self._count(REFUSED, str(error))
        except MailInterrupted as error:
            deliveries.interrupted(self.store, delivery)
            self._tell(delivery, "broke off while it was sent", str(error))
            self._count(BROKEN, str(error))
        except MailError:  # the relay went away before this letter
            deliveries.give_back(self.store, delivery)
            raise
        else:
            deliveries.mark_accepted(self.store, delivery)
            if not self.sent:
                deliveries.free_relay(self.store)
            self.sent += 1
            self.streak = 0

    def _refused(self, delivery: Delivery, error: MailRefused) -> None:
        now, reason = self.app.clock(), str(error)
        since = min(delivery.deferred_since or now, now)
        if not error.permanent and now < since + PATIENCE:
            until = now + retry_delay(since, now, LATEST)
            deliveries.defer(self.store, delivery, since, until, reason)
            if delivery.deferred_since is None:  # that it is tried again is no news each time
                self._tell(delivery, "was refused for now", reason)
            return
        if not error.permanent:
            reason = f"given up after {PATIENCE.days} days: {reason}"
        blamed = None if error.blameless else error.nobody
        suppressed = deliveries.mark_failed(self.store, delivery, reason, now, nobody=blamed)
        more = "; the address gets no more letters (see `digest owed`)" if suppressed else ""
        self._tell(delivery, "was refused", reason, more)

    def _count(self, limit: int, reason: str) -> None:
        self.streak += 1
        if self.streak >= limit:
            raise MailError(
                f"the mail relay took none of {self.streak} letters in a row (last: {line(reason, 300)});"
                " what is owed stays owed"
            )

    def _tell(self, delivery: Delivery, what: str, reason: str, more: str = "") -> None:
        self.notices.append(f"{delivery.address}: {delivery.edition_id} {what}: {line(reason, 300)}{more}")

    def hold(self, reason: str) -> None:
        """The relay is in trouble: leave it alone, the longer the longer it has been."""
        relay, now = self.app.config.mail.smtp, self.app.clock()
        if relay is None:
            return
        before = None if self.sent else deliveries.relay_pause(self.store, relay)
        since = min(before.since, now) if before else now
        until = now + retry_delay(since, now, RELAY_LATEST)
        deliveries.hold_relay(self.store, relay, RelayPause(since=since, until=until, reason=reason))


# --- a person looks, and decides -----------------------------------------------------------------------


def outbox(config: Config) -> MailQueue:
    """What is owed and parked, and why."""
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        return MailQueue(
            letters=tuple(deliveries.open_letters(store)),
            suppressed=tuple(deliveries.suppressions(store)),
            relay=deliveries.relay_pause(store, config.mail.smtp),
        )


def retry(config: Config, addresses: Sequence[str]) -> int:
    """Send again what failed (see `deliveries.retry`): how many letters. A short write beside any job (L1)."""
    with opened(config.data / "aggregator.db", create=False) as store:
        _known(store, addresses)
        return deliveries.retry(store, addresses)


def acknowledge(config: Config, addresses: Sequence[str]) -> int:
    """Parked letters are seen and left as they are: how many. A short write beside any job (L1)."""
    with opened(config.data / "aggregator.db", create=False) as store:
        _known(store, addresses)
        return deliveries.acknowledge(store, addresses)


def _known(store: Store, addresses: Sequence[str]) -> None:
    if unknown := deliveries.unknown_addresses(store, addresses):
        raise UnknownName(f"no letter to {unknown[0]} is owed or parked; nothing was changed")
