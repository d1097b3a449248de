"""Deliver the mail queue: lease, send and record each message, or defer it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count

from aggregator import addresses
from aggregator.bounces import bounce_tokens
from aggregator.errors import MailError
from aggregator.model.config import Config
from aggregator.model.digests import Delivery, RelayPause
from aggregator.model.subscribers import AccountMessage
from aggregator.ports import App, Mailer, MailInterrupted, MailRefused
from aggregator.store import deliveries, due_deliveries, editor_sessions, returned_mail, subscribers
from aggregator.store.connection import Store
from aggregator.text import line

MIN_RETRY_DELAY = timedelta(minutes=5)
"""Minimum time between two attempts, for a message and for the relay."""
MAX_RETRY_DELAY = timedelta(hours=4)
"""Maximum time between two attempts for a message."""
MAX_RELAY_PAUSE = timedelta(hours=1)
"""Maximum time between two attempts to use the relay."""
MAX_DEFERRED_TIME = timedelta(days=5)
"""Maximum time for which a refused message is tried again (RFC 5321 section 4.5.4.1)."""

MAX_LOST_CONNECTIONS_IN_ROW = 3
"""Maximum number of messages in a row at which the relay ends the connection.

Then it is paused. What it says about an address never pauses it, nor does an address at which it does not reply in
time.
"""
DOUBTFUL_REFUSALS_IN_ROW = 10
"""Minimum number of refusals in a row from which no address is suppressed.

A relay that refuses every address is itself the fault."""

ROUND_SECONDS = 300.0
"""Maximum seconds of a round, because visits wait for the lock; the next run continues."""
MAX_EXTRA_SECONDS = 300.0
"""Maximum seconds by which a round is longer for messages that were not accepted."""

MAX_NOTICES = 20
"""Maximum number of messages that a report names; others are counted."""

_ACCOUNT_MESSAGES = frozenset(AccountMessage)
"""What stands in place of an edition at messages that belong to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What a round did; `error` says why the relay could not be used."""

    sent: int = 0
    notices: tuple[str, ...] = ()
    error: str | None = None


def next_attempt_time(store: Store, config: Config, now: datetime) -> datetime | None:
    """Return when the next message is due (`now` or later), or None if the queue is empty."""
    counts = deliveries.counts(store)
    deferred = deliveries.next_attempt(store)
    if counts.get("queued") or counts.get("sending"):
        first = now
    elif deferred:
        # An attempt later than the maximum delay was planned under a clock that ran ahead.
        first = now if deferred > now + MAX_RETRY_DELAY else max(deferred, now)
    else:
        return None
    pause = current_pause(store, config, now)
    return max(first, pause.until) if pause else first


def current_pause(store: Store, config: Config, now: datetime) -> RelayPause | None:
    """Return the pause of the relay if it is not over yet."""
    pause = deliveries.relay_pause(store, config.mail.smtp)
    # A longer pause was written under a clock that ran ahead.
    return pause if pause and now < pause.until <= now + MAX_RELAY_PAUSE else None


def deliver_due(app: App, store: Store) -> DeliveryReport:
    """Send all due messages, oldest first, over one connection; stop if the relay fails."""
    notices = [
        f"{addresses.shortened(address)}: {edition} may have arrived or not; it is not sent again (see `digest queue`)"
        for address, edition in deliveries.recover_interrupted(store)
    ]
    now = app.clock()
    due = next_attempt_time(store, app.config, now)
    if due is None or due > now:
        return DeliveryReport(notices=_limited(notices))
    round_ = _Round(app, store, notices)
    error: str | None = None
    try:
        with app.mailer() as mailer:
            round_.send_all(mailer)
    except MailError as failure:
        error = str(failure)
        notices.append(error)
        round_.pause_relay(error)
    deliveries.end_batch(store)
    return DeliveryReport(sent=round_.sent, notices=_limited(notices), error=error)


def _limited(notices: list[str]) -> tuple[str, ...]:
    """Keep the first notices and the last one, which may be about the relay."""
    if len(notices) <= MAX_NOTICES:
        return tuple(notices)
    omitted = len(notices) - MAX_NOTICES
    return (
        *notices[: MAX_NOTICES - 1],
        f"and {omitted} more messages: `aggregator digest queue`",
        notices[-1],
    )


class _Round:
    """The state of one round: messages sent, and messages refused in a row."""

    def __init__(self, app: App, store: Store, notices: list[str]) -> None:
        self.app, self.store, self.notices = app, store, notices
        self.sent = 0
        self.lost_in_row = self.refused_in_row = 0
        self.extra_seconds = 0.0
        bounces = app.config.mail.bounces
        self.bounce_address = bounces.address if bounces else None
        self.bounce_key = returned_mail.token_key(store) if bounces else b""
        self.plans = {plan.id: plan for plan in app.config.mailings}
        self.recipients = {
            plan.id: {addresses.key(a) for a in plan.recipients} for plan in app.config.mailings
        }

    @cached_property
    def link_key(self) -> bytes:
        """The key of personal links, which exists as soon as there is a subscriber."""
        return self.app.link_key()

    def send_all(self, mailer: Mailer) -> None:
        """Send what is due, at most `mail.rate` messages a minute; stop between two when asked to."""
        rate = self.app.config.mail.rate
        begun = time.monotonic()
        moments = (begun + n * 60 / rate if rate else 0.0 for n in count())
        for batch in self._due():
            deliveries.begin_batch(self.store, batch)
            with self.store.unsynced():
                for delivery in batch:
                    if not self._wait_until(next(moments), begun + ROUND_SECONDS):
                        return
                    self._send(mailer, delivery)

    def _due(self) -> Iterator[list[Delivery]]:
        """Yield due deliveries page by page; those that this round defers are not due.

        Before each page come messages that somebody waits for: an edition may take hours.
        """
        now = self.app.clock()
        for state in ("queued", "deferred"):
            after = 0
            while True:
                if waited_for := due_deliveries.account_messages(self.store):
                    yield waited_for
                page = due_deliveries.due(self.store, state, now, now + MAX_RETRY_DELAY, after=after)
                if not page:
                    break
                yield page
                after = page[-1].id

    def _wait_until(self, moment: float, end: float) -> bool:
        """Wait until `moment`; return False if the round ends before."""
        end += min(self.extra_seconds, MAX_EXTRA_SECONDS)
        while not self.app.stopping() and time.monotonic() < end:
            if (left := moment - time.monotonic()) <= 0:
                return True
            time.sleep(min(left, 0.2))
        return False

    def _send(self, mailer: Mailer, delivery: Delivery) -> None:
        """Lease and send one message, and record the result (M4)."""
        message = self._message(delivery)
        if message is None:
            deliveries.cancel(self.store, delivery, "no longer a recipient")
            return
        if not deliveries.lease(self.store, delivery, self.app.clock()):
            return
        begun = time.monotonic()
        try:
            mailer(message, delivery.address, self._envelope_sender(delivery))
        except MailRefused as error:
            self._record_refusal(delivery, error)
            self._count(delivery, error, begun)
        except MailInterrupted as error:
            deliveries.mark_interrupted(self.store, delivery)
            self._report(delivery, "was interrupted while it was sent", str(error))
            self._count(delivery, error, begun)
        except MailError:  # the relay failed before this message
            deliveries.release(self.store, delivery)
            raise
        else:
            self._record_success(delivery)

    def _envelope_sender(self, delivery: Delivery) -> str | None:
        """Return where bounces of this message go, the same at each attempt (BO1)."""
        if self.bounce_address is None:
            return None
        return bounce_tokens.envelope_sender(self.bounce_address, self.bounce_key, delivery.id)

    def _message(self, delivery: Delivery) -> bytes | None:
        """Build the message of a delivery; None if the address is not to get it any more.

        Subscribers who unsubscribe end their deliveries themselves (`subscribers.set_state`).
        """
        from aggregator.digests import mime, personal

        config, to = self.app.config, delivery.subscriber
        plan = self.plans.get(delivery.digest_id)
        title = plan.title if plan else delivery.digest_id
        if delivery.edition_id in _ACCOUNT_MESSAGES:  # also where its link is gone
            return self._account_message(delivery)
        if to is None:
            recipients = self.recipients.get(delivery.digest_id)
            if recipients is not None and addresses.key(delivery.address) not in recipients:
                return None
            return mime.build_message(delivery, config.mail.sender, title, config.site)
        if config.web.url is None or plan is None:
            return mime.build_message(delivery, config.mail.sender, title, config.site)
        part = personal.personal_part(plan, config.site, config.web.url, self.link_key, to.nonce)
        return mime.build_message(delivery, config.mail.sender, title, config.site, part)

    def _account_message(self, delivery: Delivery) -> bytes | None:
        """Build a message without edition; None without `web.url`, where its link leads nowhere."""
        from aggregator.digests import account_messages, mime

        config, to = self.app.config, delivery.subscriber
        if config.web.url is None or to is None or not self._may_sign_in(delivery):
            return None
        digests = subscribers.message_digests(self.store, to)
        body = account_messages.compose_account_message(
            config, config.web.url, self.link_key, to, digests, delivery.composed
        )
        made = replace(delivery, body=body)
        return mime.build_message(made, config.mail.sender, config.site.title, config.site)

    def _may_sign_in(self, delivery: Delivery) -> bool:
        """Return False for a sign-in link that is expired, or whose address is no editor's any more."""
        if delivery.purpose is not AccountMessage.SIGN_IN:
            return True
        editors = {addresses.key(address) for address in self.app.config.editors}
        expired = self.app.clock() >= delivery.composed + editor_sessions.LINK_LIFETIME
        return addresses.key(delivery.address) in editors and not expired

    def _record_success(self, delivery: Delivery) -> None:
        deliveries.mark_accepted(self.store, delivery)
        if not self.sent:
            deliveries.end_relay_pause(self.store)
        self.sent += 1
        self.lost_in_row = self.refused_in_row = 0

    def _record_refusal(self, delivery: Delivery, error: MailRefused) -> None:
        """Defer the message, or fail it after a permanent refusal or `MAX_DEFERRED_TIME`."""
        now, reason = self.app.clock(), str(error)
        since = min(delivery.deferred_since or now, now)
        if not error.permanent and now < since + MAX_DEFERRED_TIME:
            until = now + retry_delay(since, now, MAX_RETRY_DELAY)
            deliveries.defer(self.store, delivery, since, until, reason)
            if delivery.deferred_since is None:  # report the first refusal only
                self._report(delivery, "was refused temporarily", reason)
            return
        if not error.permanent:
            reason = f"given up after {MAX_DEFERRED_TIME.days} days: {reason}"
        self.refused_in_row += delivery.purpose is None
        no_mailbox = (
            None
            if error.not_about_address or self.refused_in_row >= DOUBTFUL_REFUSALS_IN_ROW
            else error.no_mailbox
        )
        suppressed = deliveries.mark_failed(self.store, delivery, reason, now, no_mailbox=no_mailbox)
        consequence = "; the address gets no more messages (see `digest queue`)" if suppressed else ""
        self._report(delivery, "was refused", reason, consequence)

    def _count(self, delivery: Delivery, error: MailRefused | MailInterrupted, begun: float) -> None:
        """Count a message that was not accepted; raise MailError if the relay ends every connection.

        A refused message without edition does not count: anybody can enter any address into the form.
        """
        self.extra_seconds += time.monotonic() - begun
        if delivery.purpose and isinstance(error, MailRefused):
            return
        self.lost_in_row = self.lost_in_row + 1 if error.connection_lost else 0
        if self.lost_in_row >= MAX_LOST_CONNECTIONS_IN_ROW:
            raise MailError(
                f"the mail relay ended the connection at {self.lost_in_row} messages in a row"
                f" (last: {addresses.without_addresses(line(str(error), 300) or '')}); the others stay queued"
            )

    def _report(self, delivery: Delivery, event: str, reason: str, consequence: str = "") -> None:
        """Report what happened to a message; logs show no addresses (DP5).

        A message without edition is not reported: anybody can enter any address into the form.
        """
        if delivery.purpose:
            return
        address = addresses.shortened(delivery.address)
        reason = addresses.without_addresses(line(reason, 300) or "")
        self.notices.append(f"{address}: {delivery.edition_id} {event}: {reason}{consequence}")

    def pause_relay(self, reason: str) -> None:
        """Pause the relay, the longer the longer it has been failing."""
        relay, now = self.app.config.mail.smtp, self.app.clock()
        if relay is None:
            return
        last = None if self.sent else deliveries.relay_pause(self.store, relay)
        since = min(last.since, now) if last else now
        until = now + retry_delay(since, now, MAX_RELAY_PAUSE)
        deliveries.pause_relay(self.store, relay, RelayPause(since=since, until=until, reason=reason))


def retry_delay(since: datetime, now: datetime, maximum: timedelta) -> timedelta:
    """Return the time to wait after a failure: the time since the first one, so that it doubles."""
    return min(max(now - since, MIN_RETRY_DELAY), maximum)
