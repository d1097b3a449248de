"""Store the findings of partner reports, and which of their pages are out of date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from aggregator.model.servers import MAX_CERTIFICATE_WARNING
from aggregator.store.connection import Store, stamp
from aggregator.store.items import placeholders

# --- findings -------------------------------------------------------------------------------------------


def known_findings(store: Store, source_id: str | None = None) -> dict[str, dict[str, date]]:
    """Return the findings of the last reports by source, each with its first day."""
    findings: dict[str, dict[str, date]] = {}
    for row in store.db.execute(
        "SELECT * FROM source_findings WHERE ?1 IS NULL OR source_id = ?1", [source_id]
    ):
        findings.setdefault(row["source_id"], {})[row["code"]] = date.fromisoformat(row["since"])
    return findings


def store_findings(store: Store, source_id: str, codes: Sequence[str], day: date) -> None:
    """Store the findings of a report, in the caller's transaction; known ones keep their day."""
    store.db.execute(
        f"DELETE FROM source_findings WHERE source_id = ? AND code NOT IN ({placeholders(codes)})",
        [source_id, *codes],
    )
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO source_findings (source_id, code, since, found)"
        " SELECT id, ?, ?, coalesce(last_attempt, '') FROM sources WHERE id = ?",
        [[code, day.isoformat(), source_id] for code in codes],
    )


def new_findings(store: Store, since: datetime) -> dict[str, set[str]]:
    """Return the codes of the findings that are new since a moment, by source."""
    codes: dict[str, set[str]] = {}
    for row in store.db.execute(
        "SELECT source_id, code FROM source_findings WHERE found >= ?", [stamp(since)]
    ):
        codes.setdefault(row["source_id"], set()).add(row["code"])
    return codes


# --- pages ----------------------------------------------------------------------------------------------

_WEEK = "(CAST(strftime('%s', last_attempt) AS INTEGER) + 259200) / 604800"
_PAGE_INPUTS = (
    f"coalesce({_WEEK}, '') || ' ' || state || ' ' || coalesce(reason, '') || ' ' || coalesce(body_hash, '') || ' '"
    " || coalesce(moved_to, '') || ' ' || (etag IS NULL AND last_modified IS NULL) || ' ' || coalesce(format, '')"
    " || ' ' || coalesce(content_type, '') || ' ' || coalesce(repeated_on, '') || ' ' || coalesce(slow_on, '')"
    " || ' ' || CASE WHEN failures > 0"
    f" OR certificate_until < date(last_attempt, '+{MAX_CERTIFICATE_WARNING.days + 1} days')"
    " THEN date(last_attempt) ELSE '' END || ' '"
    " || coalesce((SELECT stories FROM source_counts WHERE source_counts.source_id = sources.id), '') || ' '"
    " || (SELECT coalesce(max(number), '') FROM decisions)"
)
"""Inputs of a page: week of the last visit, its day after faults, state, stories, decisions.

Decisions hide stories and show them again. A further day without faults is no reason to write the page.
"""


class PageState(NamedTuple):
    """The current inputs of the page of a source, and the page on disk.

    `day` is that of the last visit. `content_hash` is a hash of what the page on disk shows as of the day `as_of`, None
    without a page for the current settings. `unchanged`: the inputs are those of the page on disk.
    """

    inputs: str
    day: date | None
    content_hash: str | None = None
    as_of: date | None = None
    unchanged: bool = False


def pages(store: Store, render_hash: str, limit: int | None) -> dict[str, PageState]:
    """Return the sources whose pages may be out of date, all configured ones without a `limit`.

    Pages that were never written come first.
    """
    rows = store.db.execute(
        f"SELECT id, {_PAGE_INPUTS} AS now, date(last_attempt) AS day, seen, shown, as_of, written_with IS ?2 AS fits"
        " FROM sources LEFT JOIN partner_pages ON source_id = id WHERE configured = 1"
        " AND (?1 OR seen IS NOT now OR written_with IS NOT ?2) ORDER BY source_id IS NOT NULL, last_attempt LIMIT ?3",
        [limit is None, render_hash, -1 if limit is None else limit],
    )
    return {
        row["id"]: PageState(
            inputs=row["now"],
            day=_day(row["day"]),
            content_hash=row["shown"] if row["fits"] else None,
            as_of=_day(row["as_of"]),
            unchanged=bool(row["fits"] and row["seen"] == row["now"]),
        )
        for row in rows
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def record_page(store: Store, source_id: str, state: PageState, render_hash: str) -> None:
    """Record that the page of a source is on disk, in the caller's transaction (P1)."""
    store.db.execute(
        "INSERT OR REPLACE INTO partner_pages (source_id, seen, shown, as_of, written_with) VALUES (?, ?, ?, ?, ?)",
        [
            source_id,
            state.inputs,
            state.content_hash,
            state.as_of.isoformat() if state.as_of else None,
            render_hash,
        ],
    )


def orphaned_pages(store: Store) -> list[str]:
    """Return the ids of pages whose sources are no longer polled, or have a new id."""
    rows = store.db.execute(
        "SELECT source_id FROM partner_pages WHERE NOT EXISTS"
        " (SELECT 1 FROM sources WHERE id = source_id AND configured = 1)"
    )
    return [row[0] for row in rows]


def delete_pages(store: Store, ids: Iterable[str]) -> None:
    """Delete the records of pages that were removed."""
    store.db.conn.executemany("DELETE FROM partner_pages WHERE source_id = ?", [[id_] for id_ in ids])
