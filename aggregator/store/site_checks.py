"""Store the last check of the site of each failing source."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from aggregator.store import meta
from aggregator.store.connection import Store, moment, stamp

_KEY = "look:"
"""Beginning of the keys in `meta`, as earlier versions wrote it."""


class LastSiteCheck(NamedTuple):
    """The time of a check, advice, which is empty without a result, and the YAML of a proposal."""

    at: datetime
    advice: str
    proposal: str | None


def begin(store: Store, source_id: str, now: datetime) -> None:
    """Record that a source's site is about to be checked, before any request."""
    save(store, source_id, now, "", None)


def save(store: Store, source_id: str, now: datetime, advice: str, proposal: str | None) -> None:
    """Store the result of a check: advice on how to repair the source, and the YAML for it."""
    result = json.dumps({"at": stamp(now), "mend": advice, "proposal": proposal}, ensure_ascii=False)
    with store.transaction():
        meta.put(store, f"{_KEY}{source_id}", result)


def last(store: Store, source_id: str) -> LastSiteCheck | None:
    """Return the last check of a source's site; None without one."""
    stored = meta.get(store, f"{_KEY}{source_id}")
    if stored is None:
        return None
    result = json.loads(stored)
    at = moment(result["at"])
    return LastSiteCheck(at, result["mend"], result["proposal"]) if at else None
