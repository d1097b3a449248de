"""Tells the WebSub hub of feeds whose new bytes are public (PB11); a hub that does not answer is asked again later."""

from __future__ import annotations

import time
from datetime import timedelta

from aggregator.gateways import ssrf
from aggregator.ports import App
from aggregator.store import websub_state
from aggregator.store.connection import Store

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
"""After each attempt in vain; after the last one subscribers simply find the news at their next poll."""

PATIENCE = 15.0
"""Seconds a run may spend on pings; what is left is for the next one."""


def ping_hub(app: App, store: Store) -> tuple[str, ...]:
    """Ping the hub for what is due; what to tell the operator: once, when the hub is given up on."""
    hub, now = app.config.hub, app.clock()
    due = websub_state.due(store, now)
    if hub is None or not _may_ask(app, hub):
        for ping in due:  # nobody will ever be told
            websub_state.told(store, ping)
        return ()
    if not due:
        return ()
    end = time.monotonic() + PATIENCE
    ping_hub = app.hub()
    given_up = None
    for n, ping in enumerate(due):
        if app.stopping() or time.monotonic() > end:
            break
        failure = ping_hub(hub, ping.url)
        if failure is None:
            websub_state.told(store, ping)
            continue
        # A refusal is about this feed; silence, or a plea for it (429), is about the hub and stands for all.
        refused = failure.status is not None and 400 <= failure.status < 500 and failure.status != 429
        for other in [ping] if refused else due[n:]:
            if other.attempts >= len(WAITS):
                websub_state.give_up(store, other, failure.reason)
                given_up = failure.reason
            else:
                websub_state.failed(store, other, now + WAITS[other.attempts], failure.reason)
        if not refused:
            break
    if given_up is None:
        return ()
    return (f"publish.hub: {hub} does not take pings: {given_up}; subscribers find the news by polling",)


def _may_ask(app: App, hub: str) -> bool:
    """V7: a public hub hears nothing of somebody who does not say who they are, nor of a demonstration."""
    if not app.config.placeholder and not app.simulated_clock:
        return True
    return ssrf.is_private(hub, app.config.fetch.allow_private)
