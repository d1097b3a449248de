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
"""Maximum number of requests to hubs in a round; the next one continues."""
MAX_SECONDS = 15.0
"""Maximum time of a round after which no further request is begun."""
CLOCK_STEP = timedelta(hours=1)
"""Maximum step back of the clock that leases survive; others would be renewed too late."""
TOKEN_BYTES, SECRET_BYTES = 16, 32
"""Sizes of the random token of a callback and of the secret of its signatures."""
NEVER_VERIFIED = "the hub accepted the request but did not verify it"


def send_requests(work: Round) -> None:
    """Adapt subscriptions to what sources name, and send the requests that are due."""
    _adapt(work)
    end, sent = time.monotonic() + MAX_SECONDS, 0
    failing: set[str] = set()
    for subscription in websub_subscriptions.read_all(work.store):
        over = sent >= MAX_REQUESTS or time.monotonic() > end or work.app.stopping()
        if over or subscription.due > work.now:
            return
        host = urls.host(subscription.hub)
        if host in failing:
            continue
        mode = _next_mode(work, subscription)
        if mode is not None:
            sent += 1
            if not _send(work, subscription, mode):
                failing.add(host)


def plan_visit(work: Round, subscription_id: int, source_id: str, record: SourceRecord | None) -> None:
    """Plan the visit of a source as early as the rules of all visits allow (WS7).

    Without a record the source is not polled, and its wish is void.
    """
    at = schedule.after_push(record, work.config.source(source_id), work.config.fetch) if record else None
    # Not in the past, where it would count as one that downtime delayed.
    websub_subscriptions.plan_visit(work.store, subscription_id, source_id, max(at, work.now) if at else None)


# --- what is to be subscribed (WS1) ----------------------------------------------------------------------


def _adapt(work: Round) -> None:
    """Add, end and revive subscriptions, in one transaction."""
    store, records = work.store, sources.records(work.store)
    wanted = _wanted(work, records)
    base = _callback_base(work)
    with work.transaction():
        websub_subscriptions.restart_ahead(store, work.now + websub_leases.MAX_LEASE + CLOCK_STEP, work.now)
        for subscription in websub_subscriptions.read_all(store):
            links = HubLinks(hub=subscription.hub, topic=subscription.topic)
            known = wanted.get(subscription.source_id) == links
            is_wanted = known and subscription.callback == base + subscription.token
            if is_wanted:
                del wanted[subscription.source_id]
            if is_wanted == subscription.wanted:
                continue
            websub_subscriptions.set_wanted(store, subscription.id, work.now, wanted=is_wanted)
            # It may have been polled less often until now.
            plan_visit(work, subscription.id, subscription.source_id, records.get(subscription.source_id))
        for source_id, links in wanted.items():
            token = urlsafe_b64encode(work.app.nonces(TOKEN_BYTES)).rstrip(b"=").decode()
            secret = work.app.nonces(SECRET_BYTES).hex() if _keeps_secret(work, links.hub) else None
            websub_subscriptions.add(store, source_id, links, base + token, token, secret, work.now)


def _wanted(work: Round, records: dict[str, SourceRecord]) -> dict[str, HubLinks]:
    """Return the hub and topic of each source that is to be subscribed."""
    rules = work.config.web
    found = {}
    for source in work.config.sources if rules.url else ():
        links = records[source.id].hub_links if source.id in records else None
        allowed = rules.websub if source.websub is None else source.websub
        if links and allowed and contact.may_request(work.app, links.hub):
            found[source.id] = links
    return found


def _callback_base(work: Round) -> str:
    """Return the address of callbacks without their tokens."""
    return urls.ascii_url(work.config.web.url) + CALLBACK_PATH if work.config.web.url else ""


def _keeps_secret(work: Round, hub: str) -> bool:
    """Return whether a secret remains one on the way to the hub (WebSub section 5.1)."""
    return hub.startswith("https://") or contact.is_private(work.app, hub)


# --- requests (WS2) --------------------------------------------------------------------------------------


def _next_mode(work: Round, subscription: Subscription) -> Mode | None:
    """Return what to ask the hub for now; delete a subscription that is over."""
    store, now = work.store, work.now
    if subscription.awaiting:
        due = websub_leases.retry(now, subscription.attempts + 1, subscription.token)
        with work.transaction():
            websub_subscriptions.record_failure(store, subscription.id, NEVER_VERIFIED, due)
        return None
    if subscription.wanted:
        return Mode.SUBSCRIBE
    leased = subscription.lease_until is not None and subscription.lease_until > now
    tried = subscription.attempts >= websub_leases.MAX_UNSUBSCRIBE_ATTEMPTS
    if leased and not tried and contact.may_request(work.app, subscription.hub):
        return Mode.UNSUBSCRIBE
    with work.transaction():
        websub_subscriptions.remove(store, subscription.id)
    return None


def _send(work: Round, subscription: Subscription, mode: Mode) -> bool:
    """Send one request, recorded before; return False if the hub cannot be used at present."""
    store, now = work.store, work.app.clock()
    with work.transaction():
        due = now + websub_leases.VERIFICATION
        websub_subscriptions.record_request(store, subscription.id, mode, now, due)
    lead = sources.publishers_of(store, [subscription.source_id])[subscription.source_id].url
    failure = work.app.hub_request()(subscription.hub, _form(subscription, mode), lead)
    if failure is None:
        return True
    reason = line(failure.reason, MAX_REASON_CHARACTERS) or "the request failed"
    with work.transaction():
        due = websub_leases.retry(now, subscription.attempts + 1, subscription.token)
        websub_subscriptions.record_failure(store, subscription.id, reason, due)
    return failure.status is not None and 400 <= failure.status < 500 and failure.status != 429


def _form(subscription: Subscription, mode: Mode) -> dict[str, str]:
    form = {
        "hub.mode": mode.value,
        "hub.topic": subscription.topic,
        "hub.callback": subscription.callback,
    }
    if mode is Mode.SUBSCRIBE:
        form["hub.lease_seconds"] = str(int(websub_leases.LEASE.total_seconds()))
        if subscription.secret:
            form["hub.secret"] = subscription.secret
    return form
