"""Read numbers by day and by month: visits, stories, messages."""

from __future__ import annotations

from datetime import date, datetime

from aggregator.model.reports import SourceDay
from aggregator.store.connection import Store, stamp


def source_days(store: Store, since: date) -> dict[str, dict[date, SourceDay]]:
    """Return the numbers of visits by source and day, since a day."""
    found: dict[str, dict[date, SourceDay]] = {}
    for row in store.db.execute("SELECT * FROM source_days WHERE day >= ?", [since.isoformat()]):
        days = found.setdefault(row["source_id"], {})
        days[date.fromisoformat(row["day"])] = SourceDay(accepted=row["accepted"], failed=row["failed"])
    return found


def stories_by_month(store: Store, since: datetime) -> dict[str, int]:
    """Return the number of stories announced in each month (`yyyy-mm`) since a moment."""
    rows = store.db.execute(
        "SELECT substr(announced, 1, 7), count(*) FROM stories WHERE announced >= ? GROUP BY 1",
        [stamp(since)],
    )
    return dict(map(tuple, rows))


def messages_by_month(store: Store, since: datetime) -> dict[str, int]:
    """Return the number of messages that a relay accepted in each month since a moment."""
    rows = store.db.execute("SELECT month, messages FROM sent_messages WHERE month >= ?", [f"{since:%Y-%m}"])
    return dict(map(tuple, rows))
