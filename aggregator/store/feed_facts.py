"""Read facts about feeds, and store the findings and pages of partner reports."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from aggregator import dates
from aggregator.feed_findings import (
    DOCUMENTS,
    MAX_CERTIFICATE_WARNING,
    MAX_ENTRIES_READ,
    SLOW_SECONDS,
    WINDOW,
    failure,
)
from aggregator.model.findings import EntryFacts, FeedFacts, VisitDay, VisitFacts
from aggregator.model.polling import Move, SourceState
from aggregator.model.reports import SourceDay
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import chunked, placeholders

MAX_TAIL_CHARACTERS = 40
"""Maximum number of characters at the end of a text that are checked for truncation."""
_TRUNCATED = re.compile(r"(?:…|\.\.\.)\s*[\])]?[\s→»]*(?:\w[\w ]{0,20}[\s→»…]*)?$")
"""Matches the end of a truncated text: `…`, `[...]`, `… Read more »`."""


def read(store: Store, source_id: str, as_of: date | None) -> FeedFacts:
    """Return the facts about the feed of a source on a day; None before the first visit."""
    row = store.db.execute("SELECT * FROM sources WHERE id = ?", [source_id]).fetchone()
    success = moment(row["last_success"])
    return FeedFacts(
        source_id=source_id,
        name=row["name"],
        kind=row["kind"],
        url=row["url"],
        state=SourceState(row["state"]),
        as_of=as_of,
        last_success=min(success.date(), as_of) if success and as_of else None,
        reason=row["reason"],
        failures=row["failures"],
        validators=row["etag"] is not None or row["last_modified"] is not None,
        move=_move(row),
        format=row["format"],
        malformed=row["malformed"],
        content_type=row["content_type"],
        certificate_from=moment(row["certificate_from"]),
        certificate_until=moment(row["certificate_until"]),
        language=row["language"],
        rights=row["rights"],
        licence=row["licence"],
        full_text=bool(row["full_text"]),
        entries=_entries(store, source_id),
        visits=_visits(store, source_id, row["kind"], as_of) if as_of else VisitFacts(),
    )


def _move(row: Mapping[str, Any]) -> Move | None:
    if not row["moved_to"]:
        return None
    return Move(
        url=row["moved_to"],
        since=sure_moment(row["moved_since"]),
        visits=row["moved_visits"],
        learned=bool(row["moved_learned"]),
    )


# --- entries --------------------------------------------------------------------------------------------


def _entries(store: Store, source_id: str) -> EntryFacts:
    """Count the first entries of the last accepted document."""
    row = store.db.execute("SELECT items FROM documents WHERE source_id = ?", [source_id]).fetchone()
    ids = row[0].split()[:MAX_ENTRIES_READ] if row else []
    entries = [
        row
        for part in chunked(ids)
        for row in store.db.execute(
            "SELECT guid, link, claimed, claimed_raw, first_seen, categories, kind, rights, text <> '' AS has_text,"
            f" html = '' AND excerpt = '' AS is_empty, substr(text, -{MAX_TAIL_CHARACTERS}) AS tail,"
            " (SELECT count(*) FROM aliases WHERE item_id = items.id AND kind = 'guid') AS ids"
            f" FROM items WHERE id IN ({placeholders(part)})",
            part,
        )
    ]
    guids = Counter(entry["guid"] for entry in entries if entry["guid"])
    undated = [entry for entry in entries if entry["claimed"] is None]
    in_future = [_is_in_future(entry["claimed_raw"], sure_moment(entry["first_seen"])) for entry in undated]
    return EntryFacts(
        total=len(entries),
        undated=in_future.count(None),
        unreadable_dates=in_future.count(False),
        future_dates=in_future.count(True),
        without_link=sum(entry["link"] is None for entry in entries),
        replaced_ids=sum(entry["ids"] > 1 for entry in entries),
        repeated_ids=sum(guids[entry["guid"]] > 1 for entry in entries if entry["guid"]),
        with_text=sum(entry["has_text"] or entry["is_empty"] for entry in entries),
        truncated=sum(bool(entry["is_empty"] or _TRUNCATED.search(entry["tail"])) for entry in entries),
        without_categories=sum(not json.loads(entry["categories"]) for entry in entries),
        events=sum(entry["kind"] in ("event", "course") for entry in entries),
        with_rights=sum(bool(entry["rights"]) for entry in entries),
    )


def _is_in_future(raw: str | None, first_seen: datetime) -> bool | None:
    """Return whether a date that was not accepted is in the future; None without a date."""
    if raw is None:
        return None
    claimed = dates.parse(raw, UTC)
    return claimed is not None and claimed > first_seen


# --- visits ---------------------------------------------------------------------------------------------


def _visits(store: Store, source_id: str, kind: str, as_of: date) -> VisitFacts:
    """Sum up the visits before the day `as_of`; visits of that day do not change the sums."""
    end = datetime.combine(as_of, time(), UTC)
    row = store.db.execute(
        "SELECT count(*) AS visits, sum(outcome = 'unchanged' AND status = 200) AS unchanged,"
        " sum(CASE WHEN outcome = 'unchanged' AND status = 200 THEN bytes ELSE 0 END) AS unchanged_bytes,"
        " sum(outcome = 'unchanged' AND status = 200 AND conditional) AS ignored_validators,"
        " sum(outcome <> 'failed' AND seconds > ? * max(requests, 1)) AS slow"
        " FROM visits WHERE source_id = ? AND started >= ? AND started < ? AND outcome <> 'begun'",
        [SLOW_SECONDS, source_id, stamp(end - WINDOW), stamp(end)],
    ).fetchone()
    last = store.db.execute(
        "SELECT bytes FROM visits WHERE source_id = ? AND status = 200 AND outcome IN ('changed', 'unchanged')"
        " ORDER BY started DESC LIMIT 1",
        [source_id],
    ).fetchone()
    return VisitFacts(
        visits=row["visits"],
        unchanged=row["unchanged"] or 0,
        unchanged_bytes=row["unchanged_bytes"] or 0,
        ignored_validators=(row["ignored_validators"] or 0) if kind in DOCUMENTS else 0,
        slow=row["slow"] or 0,
        last_bytes=(last["bytes"] or 0) if last else 0,
    )


def days(store: Store, source_id: str, first: date, last: date) -> dict[date, SourceDay]:
    """Return the numbers of a source's visits by day, from the first to the last one."""
    rows = store.db.execute(
        "SELECT day, accepted, failed FROM source_days WHERE source_id = ? AND day >= ? AND day <= ?",
        [source_id, first.isoformat(), last.isoformat()],
    )
    return {
        date.fromisoformat(row["day"]): SourceDay(accepted=row["accepted"], failed=row["failed"])
        for row in rows
    }


def last_days(store: Store, source_id: str, last: date, count: int) -> tuple[VisitDay, ...]:
    """Return the days up to `last`, the latest first, with the kinds of their failures."""
    first = last - timedelta(days=count - 1)
    numbers = days(store, source_id, first, last)
    codes: dict[date, list[str]] = {}
    for row in store.db.execute(
        "SELECT DISTINCT substr(started, 1, 10) AS day, reason FROM visits"
        " WHERE source_id = ? AND started >= ? AND started < ? AND outcome = 'failed' ORDER BY day, reason",
        [source_id, first.isoformat(), (last + timedelta(days=1)).isoformat()],
    ):
        codes.setdefault(date.fromisoformat(row["day"]), []).append(failure(row["reason"] or "").code)
    return tuple(
        VisitDay(
            day=day,
            visits=numbers.get(day, SourceDay(accepted=0, failed=0)),
            failures=tuple(dict.fromkeys(codes.get(day, ()))),
        )
        for day in (last - timedelta(days=n) for n in range(count))
    )


# --- stories --------------------------------------------------------------------------------------------


def stories_by_week(store: Store, source_id: str, last_week: int, weeks: int) -> tuple[int, ...]:
    """Return the number of published stories with an item of a source, by the week of that item.

    Weeks begin on Mondays and are counted since 1970.
    """
    since = datetime.fromtimestamp((last_week - weeks + 1) * 604_800 - 259_200, UTC)
    stories_in_week = dict(
        store.db.execute(
            "SELECT (CAST(strftime('%s', sort) AS INTEGER) + 259200) / 604800, count(DISTINCT story_id) FROM items"
            " INDEXED BY items_of_source WHERE source_id = ? AND sort >= ? AND story_id IS NOT NULL AND EXISTS"
            " (SELECT 1 FROM channel_stories WHERE channel_stories.story_id = items.story_id) GROUP BY 1",
            [source_id, stamp(since)],
        ).fetchall()
    )
    return tuple(stories_in_week.get(week, 0) for week in range(last_week - weeks + 1, last_week + 1))


def story_count(store: Store, source_id: str) -> int:
    """Return the number of stories with an item of a source."""
    row = store.db.execute("SELECT stories FROM source_counts WHERE source_id = ?", [source_id]).fetchone()
    return int(row[0]) if row else 0


def week_of(day: date) -> int:
    """Return the number of the week of a day."""
    return (day.toordinal() - date(1970, 1, 1).toordinal() + 3) // 7


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

    `day` is that of the last visit. `content_hash` is a hash of what the page on disk shows as of the day `as_of`; it
    is None without a page for the current settings. `unchanged`: the inputs are those of the page on disk.
    """

    inputs: str
    day: date | None
    content_hash: str | None = None
    as_of: date | None = None
    unchanged: bool = False


def pages(store: Store, written_with: str, limit: int | None) -> dict[str, PageState]:
    """Return the sources whose pages may be out of date, all configured ones without a `limit`.

    Pages that were never written come first.
    """
    rows = store.db.execute(
        f"SELECT id, {_PAGE_INPUTS} AS now, date(last_attempt) AS day, seen, shown, as_of, written_with IS ?2 AS fits"
        " FROM sources LEFT JOIN partner_pages ON source_id = id WHERE configured = 1"
        " AND (?1 OR seen IS NOT now OR written_with IS NOT ?2) ORDER BY source_id IS NOT NULL, last_attempt LIMIT ?3",
        [limit is None, written_with, -1 if limit is None else limit],
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


def record_page(store: Store, source_id: str, state: PageState, written_with: str) -> None:
    """Record that the page of a source is on disk, in the caller's transaction (P1)."""
    store.db.execute(
        "INSERT OR REPLACE INTO partner_pages (source_id, seen, shown, as_of, written_with) VALUES (?, ?, ?, ?, ?)",
        [
            source_id,
            state.inputs,
            state.content_hash,
            state.as_of.isoformat() if state.as_of else None,
            written_with,
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
