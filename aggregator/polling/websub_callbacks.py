"""Take what WebSub hubs send to callbacks: verifications, denials and pushes (WS3 to WS6).

Each is a short transaction beside any job (L1); jobs do what follows from it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum

from aggregator.locked_store import refuse_lost
from aggregator.model.websub import Mode, Subscription
from aggregator.polling import websub_leases
from aggregator.ports import App
from aggregator.store import websub_subscriptions
from aggregator.store.connection import Store, opened
from aggregator.text import line

METHODS = ("sha1", "sha256", "sha384", "sha512")
"""Algorithms of signatures (WebSub section 8.1)."""
MAX_CHALLENGE_CHARACTERS = 2_000
MAX_REASON_CHARACTERS = 300
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_SIGNATURE = re.compile(r"\s*([A-Za-z0-9]{1,20})\s*=\s*([0-9A-Fa-f]{1,200})\s*")


class Known(Enum):
    """Whether a callback has a subscription."""

    YES = "wanted"
    ENDED = "not wanted any more"
    NO = "unknown"


@contextmanager
def _opened(app: App, token: str) -> Iterator[Store | None]:
    """Yield the store, None for a token that cannot be one or without a database."""
    refuse_lost(app.config)
    database = app.config.data / "aggregator.db"
    if not _TOKEN.fullmatch(token) or not database.exists():
        yield None
        return
    with opened(database, create=False) as store:
        yield store


@contextmanager
def _changing(app: App, token: str) -> Iterator[tuple[Store, Subscription] | None]:
    """Yield the subscription of a callback within a transaction; None for an unknown token."""
    with _opened(app, token) as store:
        if store is None:
            yield None
            return
        with store.transaction():
            subscription = websub_subscriptions.find(store, token)
            yield (store, subscription) if subscription else None


def known(app: App, token: str) -> Known:
    """Return whether a callback has a subscription, before the body of its request is read."""
    with _opened(app, token) as store:
        subscription = websub_subscriptions.find(store, token) if store else None
    if subscription is None:
        return Known.NO
    return Known.YES if subscription.wanted else Known.ENDED


# --- verification and denial (WS3, WS4) ------------------------------------------------------------------


def verify(app: App, token: str, query: Mapping[str, str]) -> str | None:
    """Return what to respond to a verification or denial; None if it was not asked for."""
    now = app.clock()
    with _changing(app, token) as found:
        if found is None:
            return None
        store, subscription = found
        if query.get("hub.topic") != subscription.topic:
            return None
        mode, challenge = query.get("hub.mode"), query.get("hub.challenge", "")
        if mode == "denied":
            return _denied(store, subscription, query.get("hub.reason"), now)
        if not 0 < len(challenge) <= MAX_CHALLENGE_CHARACTERS or not _was_asked(subscription, mode, now):
            return None
        if mode == Mode.UNSUBSCRIBE:
            websub_subscriptions.end(store, subscription.id, now + websub_leases.VERIFICATION)
            return challenge
        return challenge if _granted(store, subscription, query.get("hub.lease_seconds"), now) else None


def _was_asked(subscription: Subscription, mode: str | None, now: datetime) -> bool:
    """Return whether the hub was asked for `mode`, recently and last."""
    if subscription.asked is None or subscription.asked_at is None or mode != subscription.asked:
        return False
    is_wanted = subscription.wanted == (subscription.asked is Mode.SUBSCRIBE)
    return is_wanted and now - subscription.asked_at <= websub_leases.VERIFIABLE


def _granted(store: Store, subscription: Subscription, seconds: str | None, now: datetime) -> bool:
    """Record a lease; return False if it is not acceptable."""
    lease = websub_leases.lease(seconds)
    if lease is None:
        due = websub_leases.retry(now, subscription.attempts + 1, subscription.token)
        reason = f"the hub offers a lease of {line(seconds, 20)} seconds"
        websub_subscriptions.record_failure(store, subscription.id, reason, due)
        return False
    due = websub_leases.renewal(now, lease, subscription.token)
    websub_subscriptions.grant(store, subscription.id, now + lease, due, now)
    return True


def _denied(store: Store, subscription: Subscription, reason: str | None, now: datetime) -> str | None:
    """Record that the hub denies the subscription, also one that it granted before."""
    if subscription.asked is None:
        return None
    words = line(reason, MAX_REASON_CHARACTERS)
    why = f"the hub denies the subscription: {words}" if words else "the hub denies the subscription"
    due = websub_leases.retry(now, max(subscription.attempts + 1, websub_leases.DENIED), subscription.token)
    websub_subscriptions.lose(store, subscription.id, why, due)
    return ""


# --- pushes (WS5, WS6) -----------------------------------------------------------------------------------


def receive(app: App, token: str, signature: str | None, media_type: str, body: bytes) -> Known:
    """Store a push with a valid signature, and count one without it.

    Where no secret was agreed on, a push asks for a visit and its body is not used.
    """
    with _changing(app, token) as found:
        if found is None:
            return Known.NO
        store, subscription = found
        if not subscription.wanted:
            return Known.ENDED
        if subscription.secret is None:
            websub_subscriptions.want_visit(store, subscription.id)
        elif not is_signed(subscription.secret, signature, body):
            websub_subscriptions.refuse_push(store, subscription.id)
        else:
            push_hash = hashlib.sha256(body).hexdigest()
            websub_subscriptions.add_push(store, subscription.id, push_hash, media_type, body, app.clock())
        return Known.YES


def is_signed(secret: str, signature: str | None, body: bytes) -> bool:
    """Return whether `signature` is that of `body`, in constant time (WebSub section 8.1)."""
    match = _SIGNATURE.fullmatch(signature or "")
    if match is None or match[1].lower() not in METHODS:
        return False
    computed = hmac.new(secret.encode(), body, match[1].lower()).hexdigest()
    return hmac.compare_digest(computed, match[2].lower())
