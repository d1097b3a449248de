"""Release or discard held items, which need review."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.locked_store import RELEASED_KEY
from aggregator.ports import App
from aggregator.store import editorial, items, meta, runs, sources
from aggregator.store.connection import opened, stamp


def decide(app: App, ids: Sequence[str], who: str, *, release: bool) -> dict[str, int]:
    """Release or discard the held items of sources; return their number by source (G2).

    If no items are held, a release accepts the next document even if it is much shorter than the last one. This is a
    short write beside any job (L1); the next run publishes the result.
    """
    for id_ in ids:
        app.config.source(id_)
    with opened(app.config.data / "aggregator.db", create=False) as store, store.transaction():
        now, decided = app.clock(), {}
        for id_ in ids:
            held = items.held_ids(store, id_)
            decided[id_] = items.decide(store, id_, release=release)
            sources.end_review(store, id_, accept_short=release and not decided[id_])
            verb = "release" if release else "discard"
            if held or release:
                editorial.decide(store, verb, who, now, stories=[], items=held, before={"source": id_})
        if release:
            meta.put(store, RELEASED_KEY, stamp(now) or "")
        runs.clear_idle(store)
    return decided
