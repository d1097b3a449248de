"""Every robots.txt that was read, by origin (CL19)."""

from __future__ import annotations

from aggregator.model.polling import Robots
from aggregator.store.connection import Store, stamp, sure_moment


def read_all(store: Store) -> dict[str, Robots]:
    """Return every stored robots.txt by origin."""
    return {
        row["origin"]: Robots(origin=row["origin"], read=sure_moment(row["read"]), text=row["text"])
        for row in store.db.execute("SELECT * FROM robots")
    }


def save(store: Store, robots: Robots) -> None:
    """Store a robots.txt, in a transaction of the caller."""
    store.db.execute(
        "INSERT OR REPLACE INTO robots (origin, read, text) VALUES (?, ?, ?)",
        [robots.origin, stamp(robots.read), robots.text],
    )
