"""Request, confirm, change and end subscriptions, for pages and commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aggregator import link_tokens
from aggregator.database import refuse_lost
from aggregator.digests import mime
from aggregator.model.subscribers import (
    FORM_VERSION,
    AccountMessage,
    Consent,
    LinkPurpose,
    Subscriber,
    SubscriberState,
)
from aggregator.ports import App
from aggregator.store import subscriber_links, subscriber_rights, subscribers, subscription_requests
from aggregator.store.connection import Store, opened, sure_moment
from aggregator.store.subscriber_links import UNDO_LIFETIME, Link

CONSENT_BY_LINK = Consent(how="link", evidence="the subscriber, on the page of the subscription")
CONSENT_BY_UNSUBSCRIBING = Consent(how="link", evidence="the subscriber, by unsubscribing")
CONSENT_BY_UNDO = Consent(how="link", evidence="the subscriber took leaving back")
RUNNING_STATES = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


@contextmanager
def opened_store(app: App) -> Iterator[Store]:
    """Open the database for subscribers, beside any job (L1). Raises StoreError, DatabaseLost."""
    refuse_lost(app.config)
    with opened(app.config.data / "aggregator.db") as store:
        subscriber_links.use_key(store, app.link_key())
        yield store


def store_request(
    app: App, kind: AccountMessage, address: str, language: str, digests: Iterable[str]
) -> bool:
    """Store what the form received; return False if there are too many requests (SU3).

    `process_requests` decides about it, after the response (SU1).
    """
    with opened_store(app) as store:
        return subscription_requests.add(store, kind, address, language, digests, app.clock())


def process_requests(app: App) -> None:
    """Queue the messages that stored requests ask for."""
    with opened_store(app) as store:
        host, editors = mime.host(app.config.site), app.config.editors
        subscription_requests.process(store, app.link_key(), app.random_bytes, host, editors)


# --- links ---------------------------------------------------------------------------------------------


def find_subscriber(app: App, token: str, purpose: LinkPurpose) -> Subscriber | None:
    """Return the subscriber whom a link is for; None for every link that cannot be used (SU2)."""
    with opened_store(app) as store:
        link = subscriber_links.find(store, token, purpose, app.clock())
        return subscribers.read(store, link.subscriber_id) if link else None


def confirm(app: App, token: str) -> str | None:
    """Subscribe the address of a link; return the token of its permanent link (SU2, SU6).

    Consent, the end of the link and the welcome message are one transaction.
    """
    key, now = app.link_key(), app.clock()
    with opened_store(app) as store, store.transaction():
        link = subscriber_links.find(store, token, LinkPurpose.CONFIRM, now)
        if link is None:
            return None
        subscriber = subscribers.read(store, link.subscriber_id)
        before = subscribers.stored_state(store, subscriber.id)
        how, _, evidence = (link.evidence or FORM_VERSION).partition(" ")
        consent = Consent(how=how, evidence=f"{evidence}, confirmed by link")
        language = link.language or subscriber.language
        subscribers.activate(store, subscriber, link.digests, language, consent, now)
        subscriber_links.use_confirmation(store, link)
        nonce = subscriber_links.ensure_manage(store, key, app.random_bytes, subscriber.id)
        if before not in RUNNING_STATES and subscriber.state is not SubscriberState.SUPPRESSED:
            queue_welcome(app, store, subscriber, nonce)
        return link_tokens.link_token(key, nonce)


def confirmed_before(app: App, token: str) -> Subscriber | None:
    """Return the subscriber whom a link confirmed; None if the subscription has ended since."""
    subscriber = find_subscriber(app, token, LinkPurpose.CONFIRMED)
    return subscriber if subscriber is not None and subscriber.state in RUNNING_STATES else None


def queue_welcome(app: App, store: Store, subscriber: Subscriber, nonce: bytes) -> None:
    """Queue the message after confirmation (SU8), in the transaction of the caller."""
    host, now = mime.host(app.config.site), app.clock()
    purpose = AccountMessage.WELCOME
    subscriber_links.queue_message(store, subscriber.id, subscriber.address, purpose, nonce, host, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscription:
    """The subscriber after unsubscribing, and the token that undoes it once."""

    subscriber: Subscriber
    undo: str | None


def digests_so_far(app: App, subscriber: Subscriber) -> set[str]:
    """Return the digests that a subscriber has or had, whether feeds.yaml has them or not."""
    with opened_store(app) as store:
        return {digest for event in subscribers.history(store, subscriber.id) for digest in event.digests}


def unsubscribe(app: App, token: str, digest: str | None) -> Unsubscription | None:
    """End the subscription to a digest, or to all (None); repeating it changes nothing (SU5)."""
    with opened_store(app) as store, store.transaction():
        link = subscriber_links.find(store, token, LinkPurpose.MANAGE, app.clock())
        if link is None:
            return None
        undo = _unsubscribe(app, store, link, digest)
        return Unsubscription(subscriber=subscribers.read(store, link.subscriber_id), undo=undo)


def _unsubscribe(app: App, store: Store, link: Link, digest: str | None) -> str | None:
    now, key = app.clock(), app.link_key()
    subscriber = subscribers.read(store, link.subscriber_id)
    state = subscribers.stored_state(store, subscriber.id)
    if state not in RUNNING_STATES or (digest and digest not in subscriber.digests):
        return None
    nonce = subscriber_links.add(
        store,
        key,
        app.random_bytes,
        subscriber.id,
        LinkPurpose.UNDO,
        expires=now + UNDO_LIFETIME,
        state=state,
        digests=subscriber.digests,
        evidence=now.isoformat(),
    )
    rest = [each for each in subscriber.digests if each != digest] if digest else []
    # Digests that are not in feeds.yaml any more alone are no subscription.
    if any(plan.id in rest for plan in app.config.digests):
        subscribers.change(store, subscriber.id, rest, subscriber.language, CONSENT_BY_UNSUBSCRIBING, now)
    else:
        subscribers.set_state(
            store, subscriber.id, SubscriberState.UNSUBSCRIBED, CONSENT_BY_UNSUBSCRIBING, now
        )
    return link_tokens.link_token(key, nonce)


def undo_unsubscribing(app: App, token: str, undo_token: str) -> bool:
    """Undo unsubscribing, once, for the subscriber of both tokens (SU4)."""
    now = app.clock()
    with opened_store(app) as store, store.transaction():
        link = subscriber_links.find(store, token, LinkPurpose.MANAGE, now)
        taken_back = subscriber_links.find(store, undo_token, LinkPurpose.UNDO, now)
        if not link or not taken_back or link.subscriber_id != taken_back.subscriber_id:
            return False
        subscriber = subscribers.read(store, link.subscriber_id)
        subscriber_links.use(store, taken_back)
        subscribers.change(
            store, subscriber.id, taken_back.digests, subscriber.language, CONSENT_BY_UNDO, now
        )
        state = taken_back.state or SubscriberState.ACTIVE
        subscribers.set_state(store, subscriber.id, state, CONSENT_BY_UNDO, now)
        subscribers.queue_again(store, subscriber.id, sure_moment(taken_back.evidence or now.isoformat()))
        return True


def save_choices(app: App, token: str, digests: Iterable[str], language: str) -> bool:
    """Set the digests and the language of a running subscription (SU4)."""
    with _running(app, token) as found:
        if found:
            store, subscriber = found
            subscribers.change(store, subscriber.id, digests, language, CONSENT_BY_LINK, app.clock())
        return found is not None


def set_running_state(app: App, token: str, state: SubscriberState) -> bool:
    """Pause or resume a running subscription (SU4)."""
    with _running(app, token) as found:
        if found:
            store, subscriber = found
            subscribers.set_state(store, subscriber.id, state, CONSENT_BY_LINK, app.clock())
        return found is not None


@contextmanager
def _running(app: App, token: str) -> Iterator[tuple[Store, Subscriber] | None]:
    """Yield the subscriber of a permanent link who has not unsubscribed, in a transaction."""
    with opened_store(app) as store, store.transaction():
        link = subscriber_links.find(store, token, LinkPurpose.MANAGE, app.clock())
        state = subscribers.stored_state(store, link.subscriber_id) if link else None
        yield (
            (store, subscribers.read(store, link.subscriber_id)) if link and state in RUNNING_STATES else None
        )


def export_subscriber(app: App, token: str) -> dict[str, Any] | None:
    """Return all that is stored about the subscriber of a permanent link (DP2)."""
    with opened_store(app) as store, store.snapshot():
        link = subscriber_links.find(store, token, LinkPurpose.MANAGE, app.clock())
        return subscriber_rights.export(store, _address(store, link)) if link else None


def erase_subscriber(app: App, token: str) -> bool:
    """Erase the subscriber of a permanent link (DP2)."""
    with opened_store(app) as store, store.transaction():
        link = subscriber_links.find(store, token, LinkPurpose.MANAGE, app.clock())
        return bool(link) and subscriber_rights.erase(store, _address(store, link), app.clock())


def _address(store: Store, link: Link | None) -> str:
    assert link is not None
    return subscribers.read(store, link.subscriber_id).address
