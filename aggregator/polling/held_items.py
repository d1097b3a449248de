"""Release or discard held items, which need review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aggregator.database import RELEASED_KEY, existing_store
from aggregator.ports import App
from aggregator.store import editorial, items, meta, runs, sources
from aggregator.store.connection import Store, stamp


def release(app: App, ids: Sequence[str], who: str) -> dict[str, int]:
    """Release the held items of sources; return their number by source (G2).

    The next document of a source without held items is accepted even if it is much shorter than the last one.
    """
    released = {}
    with _decision_transaction(app, ids) as store:
        now = app.clock()
        for id_ in ids:
            held = items.held_ids(store, id_)
            released[id_] = items.release_held(store, id_)
            sources.end_review(store, id_, accept_short=not held)
            editorial.log_decision(store, "release", who, now, stories=[], items=held, before={"source": id_})
        meta.put(store, RELEASED_KEY, stamp(now) or "")
    return released


def discard(app: App, ids: Sequence[str], who: str) -> dict[str, int]:
    """Discard the held items of sources; return their number by source (G2)."""
    discarded = {}
    with _decision_transaction(app, ids) as store:
        now = app.clock()
        for id_ in ids:
            held = items.held_ids(store, id_)
            discarded[id_] = items.discard_held(store, id_)
            sources.end_review(store, id_, accept_short=False)
            if held:
                editorial.log_decision(
                    store, "discard", who, now, stories=[], items=held, before={"source": id_}
                )
    return discarded


@contextmanager
def _decision_transaction(app: App, ids: Sequence[str]) -> Iterator[Store]:
    """Open a transaction for a decision about sources; raise UnknownName for an unknown one.

    It is a short write beside any job (L1); the next run publishes the result.
    """
    for id_ in ids:
        app.config.source(id_)
    with existing_store(app.config) as store, store.transaction():
        yield store
        runs.clear_idle(store)
