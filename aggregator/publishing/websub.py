"""Notify the WebSub hub of feeds with new published bytes, with back-off."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from aggregator.gateways import ssrf
from aggregator.ports import App
from aggregator.store import websub_pings
from aggregator.store.connection import Store
from aggregator.store.websub_pings import Ping

RETRY_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
"""Wait after each failed attempt; after the last one the feed is given up."""

MAX_SECONDS = 15.0
"""Maximum time of a run for pings; the next run continues."""


def ping_hub(app: App, store: Store) -> tuple[str, ...]:
    """Ping the hub for all due feeds; return a notice when a feed is given up (PB11)."""
    hub, now = app.config.hub, app.clock()
    due = websub_pings.due(store, now)
    if hub is None or not _may_ping(app, hub):
        for ping in due:  # dropped, so that they are not sent late
            websub_pings.mark_notified(store, ping)
        return ()
    if not due:
        return ()
    reason = _send(app, store, hub, due, now)
    if reason is None:
        return ()
    return (f"publish.hub: {hub} does not accept pings: {reason}; subscribers find new entries by polling",)


def _send(app: App, store: Store, hub: str, due: Sequence[Ping], now: datetime) -> str | None:
    """Send the pings and record the results; return why a feed was given up, None if none was."""
    end = time.monotonic() + MAX_SECONDS
    ping = app.hub()
    given_up = None
    for n, pending in enumerate(due):
        if app.stopping() or time.monotonic() > end:
            break
        failure = ping(hub, pending.url)
        if failure is None:
            websub_pings.mark_notified(store, pending)
            continue
        # A 4xx other than 429 is about this feed; every other failure is about the hub and all its feeds.
        refused = failure.status is not None and 400 <= failure.status < 500 and failure.status != 429
        for other in [pending] if refused else due[n:]:
            if other.attempts >= len(RETRY_PAUSES):
                websub_pings.give_up(store, other, failure.reason)
                given_up = failure.reason
            else:
                websub_pings.record_failure(store, other, now + RETRY_PAUSES[other.attempts], failure.reason)
        if not refused:
            break
    return given_up


def _may_ping(app: App, hub: str) -> bool:
    """Return whether pings are permitted; a public hub needs a contact and a real clock (V7)."""
    if not app.config.placeholders and not app.simulated_clock:
        return True
    return ssrf.is_private(hub, app.config.fetch.allow_private)
