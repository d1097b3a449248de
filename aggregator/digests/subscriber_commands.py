"""Add, import, remove, export and erase subscribers for an operator (DP2, DP3)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aggregator import addresses
from aggregator.database import existing_store
from aggregator.digests import mime, subscriptions
from aggregator.digests.subscriber_import import parse, without_formula
from aggregator.digests.subscriptions import opened_store
from aggregator.errors import AggregatorError, UnknownName, did_you_mean
from aggregator.i18n import phrases
from aggregator.model.config import Config
from aggregator.model.subscribers import (
    AccountMessage,
    Consent,
    NewSubscriber,
    Subscriber,
    SubscriberImportReport,
    SubscriberState,
)
from aggregator.ports import App
from aggregator.store import subscriber_links, subscriber_rights, subscribers, subscription_requests
from aggregator.store.connection import Store

IMPORT_BATCH = 500
"""Maximum number of addresses that one transaction imports."""
IMPORT_RESULTS = ("added", "known", "left", "suppressed", "erased")


class SubscriberRefused(AggregatorError):
    """What an operator asked for a subscriber is not possible; nothing was changed (exit 2)."""

    exit_code = 2


@contextmanager
def _read(config: Config) -> Iterator[Store]:
    with existing_store(config) as store, store.snapshot():
        yield store


def list_subscribers(config: Config) -> list[Subscriber]:
    """Return all subscribers in the order of their addresses."""
    with _read(config) as store:
        return list(subscribers.listed(store))


def _find(store: Store, config: Config, address: str) -> Subscriber:
    """Return a subscriber; raises UnknownName, also for a mere recipient of feeds.yaml."""
    subscriber = subscribers.find(store, address)
    if subscriber is None:
        listed_in = _listed_in(config, address)
        where = f", but {config.file.name} lists it as a recipient of {listed_in}: remove it there"
        raise UnknownName(f"{address} is no subscriber{where if listed_in else ''}; nothing was changed")
    return subscriber


def _listed_in(config: Config, address: str) -> str:
    """Return the ids of the digests of which feeds.yaml lists an address as a recipient."""
    key = addresses.key(address)
    return ", ".join(plan.id for plan in config.mailings if key in map(addresses.key, plan.recipients))


def add_subscriber(
    app: App, address: str, digests: Sequence[str], language: str | None, confirmed: str | None
) -> Subscriber:
    """Ask an address to confirm, or subscribe it where consent was given otherwise (DP3)."""
    config = app.config
    chosen, spoken = _digests(config, digests), language or phrases.text_language(config.site.language)
    if confirmed is None and config.web.url is None:
        raise SubscriberRefused(
            f"{address} is not added: a confirmation needs a page, and {config.file.name} has no `web.url`;"
            " set it, or state with --confirmed how consent was given"
        )
    with opened_store(app) as store, store.transaction():
        known = subscribers.find(store, address)
        if subscription_requests.is_suppressed(store, address):
            raise SubscriberRefused(
                f"{address} is suppressed and not added; if messages will arrive now:"
                f" `aggregator subscriber lift {address} --reason TEXT`"
            )
        if confirmed is None:
            _ask_to_confirm(app, store, address, chosen, spoken, known)
        else:
            consent = Consent(how="command", evidence=confirmed)
            _subscribe(app, store, NewSubscriber(address=address, language=spoken, digests=chosen), consent)
            subscriber = _find(store, config, address)
            if config.web.url and (known is None or known.state not in subscriptions.RUNNING_STATES):
                nonce = subscriber_links.ensure_manage(store, app.link_key(), app.random_bytes, subscriber.id)
                subscriptions.queue_welcome(app, store, subscriber, nonce)
        return _find(store, config, address)


def _ask_to_confirm(
    app: App, store: Store, address: str, digests: Sequence[str], language: str, known: Subscriber | None
) -> None:
    now = app.clock()
    if subscription_requests.is_recent(store, AccountMessage.CONFIRM, address, now):
        raise SubscriberRefused(
            f"{address} is not asked again: the last message that asks for confirmation is less than 24 hours old"
        )
    subscription_requests.ask(
        store,
        app.link_key(),
        app.random_bytes,
        mime.host(app.config.site),
        address,
        language,
        digests,
        Consent(how="command", evidence="asked by the operator"),
        now,
        known,
    )


def _subscribe(app: App, store: Store, new: NewSubscriber, consent: Consent) -> None:
    known = subscribers.find(store, new.address)
    if known is None:
        subscribers.add_pending(store, new.address, new.language, consent, app.clock())
        known = _find(store, app.config, new.address)
    subscribers.activate(store, known, new.digests, new.language, consent, app.clock())
    subscribers.cancel_confirmation(store, known.id)
    subscriber_links.ensure_manage(store, app.link_key(), app.random_bytes, known.id)


def remove_subscriber(app: App, address: str) -> Subscriber:
    """End a subscription; one that ended already stays as it is. Raises UnknownName."""
    with existing_store(app.config) as store, store.transaction():
        subscriber = _find(store, app.config, address)
        if subscribers.stored_state(store, subscriber.id) is SubscriberState.UNSUBSCRIBED:
            return subscriber
        consent = Consent(how="command", evidence="removed by the operator")
        subscribers.set_state(store, subscriber.id, SubscriberState.UNSUBSCRIBED, consent, app.clock())
        return _find(store, app.config, address)


def import_file(
    app: App, raw: bytes, name: str, consent: str, digests: Sequence[str], language: str | None
) -> SubscriberImportReport:
    """Subscribe the addresses of a CSV file who consented as stated (DP3).

    A file with a problem is refused whole, and a run that was killed may be repeated. Nobody is brought back who
    left, was erased, or whose address is suppressed. Raises SubscriberRefused with every problem and its line.
    """
    config = app.config
    if not consent.strip():
        raise SubscriberRefused("--consent is empty: state where and when these people agreed")
    defaults = _digests(config, digests) if digests or len(config.digests) == 1 else ()
    spoken = language or phrases.text_language(config.site.language)
    file = parse(raw, [plan.id for plan in config.digests], defaults, spoken)
    if file.problems:
        lines = "\n".join(f"{name}:{line}: {problem}" for line, problem in file.problems)
        count = "a problem" if len(file.problems) == 1 else f"{len(file.problems)} problems"
        raise SubscriberRefused(f"{name} has {count}; nothing was imported\n{lines}")
    proof = Consent(how="import", evidence=consent.strip())
    results: Counter[str] = Counter()
    with opened_store(app) as store:
        for start in range(0, len(file.subscribers), IMPORT_BATCH):
            part = file.subscribers[start : start + IMPORT_BATCH]
            with store.transaction():  # a short one each, because people sign up meanwhile (L1)
                gone = subscribers.erased(store, [each.address for each in part])
                results.update(_import(app, store, new, proof, gone) for new in part)
    return SubscriberImportReport(inactive=file.inactive, **{name: results[name] for name in IMPORT_RESULTS})


def _import(app: App, store: Store, new: NewSubscriber, consent: Consent, gone: set[str]) -> str:
    """Subscribe an address unless it is known; return the result, one of `IMPORT_RESULTS`."""
    subscriber = subscribers.find(store, new.address)
    if new.address in gone:
        return "erased"
    if subscription_requests.is_suppressed(store, new.address):
        return "suppressed"
    if subscriber and subscriber.state is SubscriberState.UNSUBSCRIBED:
        return "left"
    if subscriber and subscriber.state in subscriptions.RUNNING_STATES:
        return "known"
    _subscribe(app, store, new, consent)
    return "added"


def _digests(config: Config, given: Sequence[str]) -> tuple[str, ...]:
    """Check the names of digests; the only digest need not be named. Raises UnknownName."""
    known = [plan.id for plan in config.digests]
    for name in given:
        if name not in known:
            raise UnknownName(f"no digest {name!r} in {config.file.name}{did_you_mean(name, known)}")
    if given:
        return tuple(given)
    if len(known) != 1:
        raise UnknownName(f"name a digest with --digest: {', '.join(known) or 'feeds.yaml has none'}")
    return (known[0],)


def export_all(config: Config) -> str:
    """Return all subscribers as CSV, in the columns that an import reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["address", "digests", "language", "state", "since", "reason"])
    for each in list_subscribers(config):
        digests = " ".join(each.digests)
        since = each.since.isoformat()
        cells = [each.address, digests, each.language, each.state, since, each.reason or ""]
        writer.writerow(map(without_formula, cells))
    return out.getvalue()


def export_one(config: Config, address: str) -> dict[str, Any]:
    """Return all that is stored about an address (DP2). Raises UnknownName."""
    with _read(config) as store:
        stored = subscriber_rights.export(store, address)
    if stored is None:
        raise UnknownName(f"nothing is stored about {address}")
    return stored


def erase_address(app: App, address: str) -> None:
    """Erase all that is stored about an address (DP2).

    Raises UnknownName, and SubscriberRefused for a recipient of feeds.yaml, whose messages would store it again.
    """
    if listed_in := _listed_in(app.config, address):
        raise SubscriberRefused(
            f"{address} is not erased: {app.config.file.name} lists it as a recipient of {listed_in};"
            " remove it there, then erase it"
        )
    with existing_store(app.config) as store, store.transaction():
        if not subscriber_rights.erase(store, address, app.clock()):
            raise UnknownName(f"nothing is stored about {address}; nothing was changed")
