"""Read the facts about feeds that partner reports are made of."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aggregator import dates
from aggregator.feed_findings import (
    DOCUMENTS,
    MAX_ENTRIES_READ,
    WINDOW,
    failure_kind,
)
from aggregator.model.findings import EntryFacts, FeedFacts, VisitDay, VisitFacts
from aggregator.model.moves import Move
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceDay
from aggregator.model.servers import MIN_SLOW_SECONDS
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
        [MIN_SLOW_SECONDS, source_id, stamp(end - WINDOW), stamp(end)],
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
        codes.setdefault(date.fromisoformat(row["day"]), []).append(failure_kind(row["reason"] or "").code)
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
