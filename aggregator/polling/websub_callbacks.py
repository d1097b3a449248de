"""Store requests of WebSub hubs to callbacks: verifications, denials, pushes (WS3 to WS6).

Each is a short transaction beside any job (L1); the next job acts on it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum

from aggregator.database import refuse_lost
from aggregator.model.websub import Mode, Subscription
from aggregator.polling import websub_leases
from aggregator.ports import App
from aggregator.store import websub_subscriptions
from aggregator.store.connection import Store, has_database, opened
from aggregator.text import line

METHODS = ("sha1", "sha256", "sha384", "sha512")
"""Algorithms of signatures (WebSub section 8.1)."""
MAX_CHALLENGE_CHARACTERS = 2_000
MAX_REASON_CHARACTERS = 300
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_SIGNATURE = re.compile(r"\s*([A-Za-z0-9]{1,20})\s*=\s*([0-9A-Fa-f]{1,200})\s*")


class CallbackState(Enum):
    """Whether the subscription of a callback is active, ended or unknown."""

    ACTIVE = "active"
    ENDED = "ended"
    UNKNOWN = "unknown"


@contextmanager
def _open(app: App, token: str) -> Iterator[Store | None]:
    """Yield the store; None for a malformed token or without a database."""
    refuse_lost(app.config)
    database = app.config.data / "aggregator.db"
    if not _TOKEN.fullmatch(token) or not has_database(database):
        yield None
        return
    with opened(database, create=False) as store:
        yield store


@contextmanager
def _subscription(app: App, token: str) -> Iterator[tuple[Store, Subscription] | None]:
    """Yield the subscription of a callback within a transaction; None for an unknown token."""
    with _open(app, token) as store:
        if store is None:
            yield None
            return
        with store.transaction():
            subscription = websub_subscriptions.find(store, token)
            yield (store, subscription) if subscription else None


def state(app: App, token: str) -> CallbackState:
    """Return the state of a callback, before the body of its request is read."""
    with _open(app, token) as store:
        subscription = websub_subscriptions.find(store, token) if store else None
    if subscription is None:
        return CallbackState.UNKNOWN
    return CallbackState.ACTIVE if subscription.wanted else CallbackState.ENDED


# --- verification and denial (WS3, WS4) ------------------------------------------------------------------


def verify(app: App, token: str, query: Mapping[str, str]) -> str | None:
    """Return the response to a verification or denial; None if it was not requested."""
    now = app.clock()
    with _subscription(app, token) as stored:
        if stored is None:
            return None
        store, subscription = stored
        if query.get("hub.topic") != subscription.topic:
            return None
        mode, challenge = query.get("hub.mode"), query.get("hub.challenge", "")
        if mode == "denied":
            return _record_denial(store, subscription, query.get("hub.reason"), now)
        if not 0 < len(challenge) <= MAX_CHALLENGE_CHARACTERS or not _was_requested(subscription, mode, now):
            return None
        if mode == Mode.UNSUBSCRIBE:
            websub_subscriptions.end(store, subscription.id, now + websub_leases.MAX_VERIFICATION_TIME)
            return challenge
        return challenge if _record_lease(store, subscription, query.get("hub.lease_seconds"), now) else None


def _was_requested(subscription: Subscription, mode: str | None, now: datetime) -> bool:
    """Return whether the last request to the hub was `mode` and is recent."""
    if subscription.requested_at is None or mode is None or mode != subscription.requested_mode:
        return False
    is_wanted = subscription.wanted == (subscription.requested_mode is Mode.SUBSCRIBE)
    return is_wanted and now - subscription.requested_at <= websub_leases.MAX_REQUEST_AGE


def _record_lease(store: Store, subscription: Subscription, seconds: str | None, now: datetime) -> bool:
    """Record a lease; return False if it is not acceptable."""
    lease = websub_leases.parse_lease(seconds)
    if lease is None:
        due = websub_leases.retry_time(now, subscription.attempts + 1, subscription.token)
        reason = f"the hub offers a lease of {line(seconds, 20)} seconds"
        websub_subscriptions.record_failure(store, subscription.id, reason, due)
        return False
    due = websub_leases.renewal_time(now, lease, subscription.token)
    websub_subscriptions.grant(store, subscription.id, now + lease, due, now)
    return True


def _record_denial(store: Store, subscription: Subscription, reason: str | None, now: datetime) -> str | None:
    """Record that the hub denies the subscription, also one that it granted before."""
    if subscription.requested_mode is None:
        return None
    stated = line(reason, MAX_REASON_CHARACTERS)
    message = f"the hub denies the subscription: {stated}" if stated else "the hub denies the subscription"
    attempts = max(subscription.attempts + 1, websub_leases.MIN_ATTEMPTS_AFTER_DENIAL)
    due = websub_leases.retry_time(now, attempts, subscription.token)
    websub_subscriptions.record_denial(store, subscription.id, message, due)
    return ""


# --- pushes (WS5, WS6) -----------------------------------------------------------------------------------


def receive(app: App, token: str, signature: str | None, media_type: str, body: bytes) -> CallbackState:
    """Store a push with a valid signature; only count a push without one.

    Without a secret, the body of a push is not used, and the push only requests a visit.
    """
    with _subscription(app, token) as stored:
        if stored is None:
            return CallbackState.UNKNOWN
        store, subscription = stored
        if not subscription.wanted:
            return CallbackState.ENDED
        if subscription.secret is None:
            websub_subscriptions.request_visit(store, subscription.id)
        elif not is_signed(subscription.secret, signature, body):
            websub_subscriptions.refuse_push(store, subscription.id)
        else:
            push_hash = hashlib.sha256(body).hexdigest()
            websub_subscriptions.add_push(store, subscription.id, push_hash, media_type, body, app.clock())
        return CallbackState.ACTIVE


def is_signed(secret: str, signature: str | None, body: bytes) -> bool:
    """Return whether `signature` is that of `body`, in constant time (WebSub section 8.1)."""
    match = _SIGNATURE.fullmatch(signature or "")
    if match is None or match[1].lower() not in METHODS:
        return False
    computed = hmac.new(secret.encode(), body, match[1].lower()).hexdigest()
    return hmac.compare_digest(computed, match[2].lower())
