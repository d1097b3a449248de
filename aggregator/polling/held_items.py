"""Release or discard items that wait for an editor."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.locked_store import RELEASED
from aggregator.ports import App
from aggregator.store import items, runs, sources
from aggregator.store.connection import opened, stamp


def decide(app: App, ids: Sequence[str], *, release: bool) -> dict[str, int]:
    """What was held at sources is let through as news of now, or discarded; how many items at each (G2).

    Where no items were held, the next document is believed as it is, also if it is much shorter than the last one.
    A short write beside any job (L1); what is published follows with the next run.
    """
    for id_ in ids:
        app.config.source(id_)
    with opened(app.config.data / "aggregator.db", create=False) as store, store.transaction():
        decided = {}
        for id_ in ids:
            decided[id_] = items.decide(store, id_, release=release)
            sources.settle(store, id_, believe=not decided[id_])
        if release:
            runs.put(store, RELEASED, stamp(app.clock()) or "")
        runs.clear_finished_mark(store)
    return decided
