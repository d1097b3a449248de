"""Subscribe to the WebSub hubs that sources name, renew leases, and unsubscribe (WS1, WS2)."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from datetime import timedelta

from aggregator import urls
from aggregator.model.documents import HubLinks
from aggregator.model.polling import SourceRecord
from aggregator.model.websub import CALLBACK_PATH, Mode, Subscription
from aggregator.polling import contact, schedule, websub_leases
from aggregator.polling.round import Round
from aggregator.polling.visit_exceptions import MAX_REASON_CHARACTERS
from aggregator.store import sources, websub_subscriptions
from aggregator.text import line

MAX_REQUESTS = 20
"""Maximum number of requests to hubs in a round; the next round continues."""
MAX_SECONDS = 15.0
"""Maximum seconds of a round in which requests are begun."""
CLOCK_STEP = timedelta(hours=1)
"""Maximum step back of the clock that leases survive; others would be renewed too late."""
TOKEN_BYTES, SECRET_BYTES = 16, 32
"""Bytes of the random token of a callback, and of the secret for its signatures."""
NEVER_VERIFIED = "the hub accepted the request but did not verify it"


def send_requests(work: Round) -> None:
    """Update the subscriptions from the links of sources, and send the requests that are due."""
    _update_subscriptions(work)
    end, requests = time.monotonic() + MAX_SECONDS, 0
    failing_hosts: set[str] = set()
    for subscription in websub_subscriptions.read_all(work.store):
        is_over = requests >= MAX_REQUESTS or time.monotonic() > end or work.app.stopping()
        if is_over or subscription.due > work.now:
            return
        host = urls.host(subscription.hub)
        if host in failing_hosts:
            continue
        mode = _next_mode(work, subscription)
        if mode is not None:
            requests += 1
            if not _send(work, subscription, mode):
                failing_hosts.add(host)


def plan_visit(work: Round, subscription_id: int, source_id: str, record: SourceRecord | None) -> None:
    """Plan the visit of a source as early as the rules of all visits allow (WS7).

    A source without a record is not polled, and its request is dropped.
    """
    at = schedule.after_push(record, work.config.source(source_id), work.config.fetch) if record else None
    # A time in the past would count as a visit that downtime delayed.
    websub_subscriptions.plan_visit(work.store, subscription_id, source_id, max(at, work.now) if at else None)


# --- subscriptions (WS1) ---------------------------------------------------------------------------------


def _update_subscriptions(work: Round) -> None:
    """Add, end and resume subscriptions, in one transaction."""
    store, records = work.store, sources.records(work.store)
    missing = _wanted_links(work, records)
    base = _callback_base(work)
    with work.transaction():
        websub_subscriptions.restart_ahead(store, work.now + websub_leases.MAX_LEASE + CLOCK_STEP, work.now)
        for subscription in websub_subscriptions.read_all(store):
            links = HubLinks(hub=subscription.hub, topic=subscription.topic)
            has_links = missing.get(subscription.source_id) == links
            is_wanted = has_links and subscription.callback == base + subscription.token
            if is_wanted:
                del missing[subscription.source_id]
            if is_wanted == subscription.wanted:
                continue
            websub_subscriptions.set_wanted(store, subscription.id, work.now, wanted=is_wanted)
            # Until now, pushes may have replaced some of its visits.
            plan_visit(work, subscription.id, subscription.source_id, records.get(subscription.source_id))
        for source_id, links in missing.items():
            token = urlsafe_b64encode(work.app.random_bytes(TOKEN_BYTES)).rstrip(b"=").decode()
            secret = work.app.random_bytes(SECRET_BYTES).hex() if _keeps_secret(work, links.hub) else None
            websub_subscriptions.add(store, source_id, links, base + token, token, secret, work.now)


def _wanted_links(work: Round, records: dict[str, SourceRecord]) -> dict[str, HubLinks]:
    """Return hub and topic of each source that should have a subscription."""
    rules = work.config.web
    wanted = {}
    for source in work.config.sources if rules.url else ():
        links = records[source.id].hub_links if source.id in records else None
        is_enabled = rules.websub if source.websub is None else source.websub
        if links and is_enabled and contact.may_request(work.app, links.hub):
            wanted[source.id] = links
    return wanted


def _callback_base(work: Round) -> str:
    """Return the address of callbacks without their tokens."""
    return urls.ascii_url(work.config.web.url) + CALLBACK_PATH if work.config.web.url else ""


def _keeps_secret(work: Round, hub: str) -> bool:
    """Return whether the way to the hub is encrypted or private (WebSub section 5.1)."""
    return hub.startswith("https://") or contact.is_private(work.app, hub)


# --- requests (WS2) --------------------------------------------------------------------------------------


def _next_mode(work: Round, subscription: Subscription) -> Mode | None:
    """Return the mode of the next request, None for none; delete an ended subscription."""
    store, now = work.store, work.now
    if subscription.awaiting:
        due = websub_leases.retry_time(now, subscription.attempts + 1, subscription.token)
        with work.transaction():
            websub_subscriptions.record_failure(store, subscription.id, NEVER_VERIFIED, due)
        return None
    if subscription.wanted:
        return Mode.SUBSCRIBE
    has_lease = subscription.lease_until is not None and subscription.lease_until > now
    may_retry = subscription.attempts < websub_leases.MAX_UNSUBSCRIBE_ATTEMPTS
    if has_lease and may_retry and contact.may_request(work.app, subscription.hub):
        return Mode.UNSUBSCRIBE
    with work.transaction():
        websub_subscriptions.remove(store, subscription.id)
    return None


def _send(work: Round, subscription: Subscription, mode: Mode) -> bool:
    """Record and send a request; return False if the hub takes no further one in this round."""
    store, now = work.store, work.app.clock()
    with work.transaction():
        due = now + websub_leases.MAX_VERIFICATION_TIME
        websub_subscriptions.record_request(store, subscription.id, mode, now, due)
    source_url = sources.publishers_of(store, [subscription.source_id])[subscription.source_id].url
    failure = work.app.hub_request()(subscription.hub, _form(subscription, mode), source_url)
    if failure is None:
        return True
    reason = line(failure.reason, MAX_REASON_CHARACTERS) or "the request failed"
    with work.transaction():
        due = websub_leases.retry_time(now, subscription.attempts + 1, subscription.token)
        websub_subscriptions.record_failure(store, subscription.id, reason, due)
    return failure.status is not None and 400 <= failure.status < 500 and failure.status != 429


def _form(subscription: Subscription, mode: Mode) -> dict[str, str]:
    form = {
        "hub.mode": mode.value,
        "hub.topic": subscription.topic,
        "hub.callback": subscription.callback,
    }
    if mode is Mode.SUBSCRIBE:
        form["hub.lease_seconds"] = str(int(websub_leases.REQUESTED_LEASE.total_seconds()))
        if subscription.secret:
            form["hub.secret"] = subscription.secret
    return form
