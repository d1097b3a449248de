"""Read what is known about the feeds of sources, and store what reports on them found."""

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
from aggregator.model.findings import DayOfVisits, EntryFacts, FeedFacts, VisitFacts
from aggregator.model.polling import Move, SourceState
from aggregator.model.reports import SourceDay
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import chunked, marks

MAX_TAIL_CHARACTERS = 40
"""Characters at the end of a text that show whether it is cut off."""
_CUT = re.compile(r"(?:…|\.\.\.)\s*[\])]?[\s→»]*(?:\w[\w ]{0,20}[\s→»…]*)?$")
"""Matches the end of a text that goes on elsewhere: `…`, `[...]`, `… Read more »`."""


def read(store: Store, source_id: str, as_of: date | None) -> FeedFacts:
    """Return what is known about a source on a day, None before its first visit."""
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
    rows = [
        each
        for part in chunked(ids)
        for each in store.db.execute(
            "SELECT guid, link, claimed, claimed_raw, first_seen, categories, kind, rights, text <> '' AS has_text,"
            f" html = '' AND excerpt = '' AS is_empty, substr(text, -{MAX_TAIL_CHARACTERS}) AS tail,"
            " (SELECT count(*) FROM aliases WHERE item_id = items.id AND kind = 'guid') AS ids"
            f" FROM items WHERE id IN ({marks(part)})",
            part,
        )
    ]
    guids = Counter(each["guid"] for each in rows if each["guid"])
    undated = [each for each in rows if each["claimed"] is None]
    future = [_is_in_future(each["claimed_raw"], sure_moment(each["first_seen"])) for each in undated]
    return EntryFacts(
        total=len(rows),
        undated=sum(each["claimed_raw"] is None for each in undated),
        unreadable_dates=sum(answer is False for answer in future),
        future_dates=sum(answer is True for answer in future),
        without_link=sum(each["link"] is None for each in rows),
        replaced_ids=sum(each["ids"] > 1 for each in rows),
        repeated_ids=sum(guids[each["guid"]] > 1 for each in rows if each["guid"]),
        with_text=sum(each["has_text"] or each["is_empty"] for each in rows),
        cut=sum(bool(each["is_empty"] or _CUT.search(each["tail"])) for each in rows),
        without_categories=sum(not json.loads(each["categories"]) for each in rows),
        events=sum(each["kind"] in ("event", "course") for each in rows),
        with_rights=sum(bool(each["rights"]) for each in rows),
    )


def _is_in_future(raw: str | None, first_seen: datetime) -> bool | None:
    """Return whether a date that was not accepted is in the future; None without a date."""
    if raw is None:
        return None
    found = dates.parse(raw, UTC)
    return found is not None and found > first_seen


# --- visits ---------------------------------------------------------------------------------------------


def _visits(store: Store, source_id: str, kind: str, as_of: date) -> VisitFacts:
    """Sum up the visits before the day `as_of`, whose visits thus change nothing."""
    end = datetime.combine(as_of, time(), UTC)
    row = store.db.execute(
        "SELECT count(*) AS visits, sum(outcome = 'unchanged' AND status = 200) AS repeated,"
        " sum(CASE WHEN outcome = 'unchanged' AND status = 200 THEN bytes ELSE 0 END) AS repeated_bytes,"
        " sum(outcome = 'unchanged' AND status = 200 AND conditional) AS ignored,"
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
        repeated=row["repeated"] or 0,
        repeated_bytes=row["repeated_bytes"] or 0,
        ignored=(row["ignored"] or 0) if kind in DOCUMENTS else 0,
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


def last_days(store: Store, source_id: str, last: date, count: int) -> tuple[DayOfVisits, ...]:
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
        DayOfVisits(
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
    found = dict(
        store.db.execute(
            "SELECT (CAST(strftime('%s', sort) AS INTEGER) + 259200) / 604800, count(DISTINCT story_id) FROM items"
            " INDEXED BY items_of_source WHERE source_id = ? AND sort >= ? AND story_id IS NOT NULL AND EXISTS"
            " (SELECT 1 FROM channel_stories WHERE channel_stories.story_id = items.story_id) GROUP BY 1",
            [source_id, stamp(since)],
        ).fetchall()
    )
    return tuple(found.get(week, 0) for week in range(last_week - weeks + 1, last_week + 1))


def story_count(store: Store, source_id: str) -> int:
    """Return the number of stories with an item of a source."""
    row = store.db.execute("SELECT stories FROM source_counts WHERE source_id = ?", [source_id]).fetchone()
    return int(row[0]) if row else 0


def week_of(day: date) -> int:
    """Return the number of the week of a day."""
    return (day.toordinal() - date(1970, 1, 1).toordinal() + 3) // 7


# --- findings -------------------------------------------------------------------------------------------


def found_since(store: Store, source_id: str | None = None) -> dict[str, dict[str, date]]:
    """Return the findings of the last reports by source, each with its first day."""
    found: dict[str, dict[str, date]] = {}
    for row in store.db.execute(
        "SELECT * FROM source_findings WHERE ?1 IS NULL OR source_id = ?1", [source_id]
    ):
        found.setdefault(row["source_id"], {})[row["code"]] = date.fromisoformat(row["since"])
    return found


def keep_found(store: Store, source_id: str, codes: Sequence[str], day: date) -> None:
    """Store the findings of a report, in the caller's transaction; known ones keep their day."""
    store.db.execute(
        f"DELETE FROM source_findings WHERE source_id = ? AND code NOT IN ({marks(codes)})",
        [source_id, *codes],
    )
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO source_findings (source_id, code, since, found)"
        " SELECT id, ?, ?, coalesce(last_attempt, '') FROM sources WHERE id = ?",
        [[code, day.isoformat(), source_id] for code in codes],
    )


def new_findings(store: Store, since: datetime) -> dict[str, set[str]]:
    """Return the codes of findings since a moment, by source."""
    found: dict[str, set[str]] = {}
    for row in store.db.execute(
        "SELECT source_id, code FROM source_findings WHERE found >= ?", [stamp(since)]
    ):
        found.setdefault(row["source_id"], set()).add(row["code"])
    return found


# --- pages ----------------------------------------------------------------------------------------------

_WEEK = "(CAST(strftime('%s', last_attempt) AS INTEGER) + 259200) / 604800"
_SEEN = (
    f"coalesce({_WEEK}, '') || ' ' || state || ' ' || coalesce(reason, '') || ' ' || coalesce(body_hash, '') || ' '"
    " || coalesce(moved_to, '') || ' ' || (etag IS NULL AND last_modified IS NULL) || ' ' || coalesce(format, '')"
    " || ' ' || coalesce(content_type, '') || ' ' || coalesce(repeated_on, '') || ' ' || coalesce(slow_on, '')"
    " || ' ' || CASE WHEN failures > 0"
    f" OR certificate_until < date(last_attempt, '+{MAX_CERTIFICATE_WARNING.days + 1} days')"
    " THEN date(last_attempt) ELSE '' END || ' '"
    " || coalesce((SELECT stories FROM source_counts WHERE source_counts.source_id = sources.id), '') || ' '"
    " || (SELECT coalesce(max(number), '') FROM decisions)"
)
"""What a page depends on: week of the last visit, day where something is wrong, stories.

Decisions hide stories and show them again. A further day on which all was well is no reason to write it.
"""


class PageState(NamedTuple):
    """What the page of a source depends on now, and as it was written.

    `day` is that of the last visit. `shown` is a hash of what the page on disk shows, of the day `as_of`, None if
    there is none for the present settings. `unchanged`: it depends on the same as when it was written.
    """

    seen: str
    day: date | None
    shown: str | None = None
    as_of: date | None = None
    unchanged: bool = False


def pages(store: Store, written_with: str, limit: int | None) -> dict[str, PageState]:
    """Return the sources whose pages may be out of date, all configured ones without a `limit`.

    Pages that were never written come first.
    """
    rows = store.db.execute(
        f"SELECT id, {_SEEN} AS now, date(last_attempt) AS day, seen, shown, as_of, written_with IS ?2 AS fits"
        " FROM sources LEFT JOIN partner_pages ON source_id = id WHERE configured = 1"
        " AND (?1 OR seen IS NOT now OR written_with IS NOT ?2) ORDER BY source_id IS NOT NULL, last_attempt LIMIT ?3",
        [limit is None, written_with, -1 if limit is None else limit],
    )
    return {
        row["id"]: PageState(
            seen=row["now"],
            day=_day(row["day"]),
            shown=row["shown"] if row["fits"] else None,
            as_of=_day(row["as_of"]),
            unchanged=bool(row["fits"] and row["seen"] == row["now"]),
        )
        for row in rows
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def page_written(store: Store, source_id: str, state: PageState, written_with: str) -> None:
    """Record that the page of a source is on disk, in the caller's transaction (P1)."""
    store.db.execute(
        "INSERT OR REPLACE INTO partner_pages (source_id, seen, shown, as_of, written_with) VALUES (?, ?, ?, ?, ?)",
        [source_id, state.seen, state.shown, state.as_of.isoformat() if state.as_of else None, written_with],
    )


def orphaned_pages(store: Store) -> list[str]:
    """Return the ids of pages whose sources are no longer polled, or have a new id."""
    rows = store.db.execute(
        "SELECT source_id FROM partner_pages WHERE NOT EXISTS"
        " (SELECT 1 FROM sources WHERE id = source_id AND configured = 1)"
    )
    return [row[0] for row in rows]


def forget_pages(store: Store, ids: Iterable[str]) -> None:
    """Forget pages that were removed."""
    store.db.conn.executemany("DELETE FROM partner_pages WHERE source_id = ?", [[id_] for id_ in ids])
