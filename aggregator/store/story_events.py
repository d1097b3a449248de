"""Store the events of stories, their calendar entries, and editors' decisions on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from aggregator.model.events import Event, StoryEvent
from aggregator.model.value_classes import dataclass
from aggregator.store import event_facts, meta
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, placeholders

DAY_KEY = "events_day"
"""Key of the local day for which calendars and pages of events were rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWords:
    """What a visible story says about events: the facts of an item, and its beginning.

    `decided` if an editor set the facts (EX9).
    """

    story_id: str
    announced: datetime
    events: tuple[Event, ...]
    title: str
    text: str
    publisher: str
    language: str | None
    decided: bool


# --- which stories -------------------------------------------------------------------------------------


def with_events(store: Store, ids: Iterable[str]) -> set[str]:
    """Return the stories of `ids` that have or had events, or are related to such stories."""
    found: set[str] = set()
    for part in chunked(sorted(ids)):
        inside = f"({placeholders(part)})"
        rows = store.db.execute(
            f"SELECT story_id FROM items WHERE story_id IN {inside} AND events <> '[]'"
            f" UNION SELECT story_id FROM story_events WHERE story_id IN {inside}"
            f" UNION SELECT story_id FROM event_decisions WHERE story_id IN {inside}"
            " UNION SELECT related.story_id FROM related JOIN story_events ON story_events.story_id = other_id"
            f" WHERE related.story_id IN {inside}",
            part * 4,
        )
        found.update(row[0] for row in rows)
    return found


def related_stories(store: Store, ids: Iterable[str]) -> dict[str, set[str]]:
    """Return the related stories of each story."""
    found: dict[str, set[str]] = {}
    for part in chunked(sorted(ids)):
        rows = store.db.execute(
            f"SELECT story_id, other_id FROM related WHERE story_id IN ({placeholders(part)})", part
        )
        for story_id, other_id in rows:
            found.setdefault(story_id, set()).add(other_id)
    return found


_BEGINNING = "stories.title, substr(items.text, 1, 300) AS text, sources.name AS publisher, items.language"


def event_words(store: Store, ids: Iterable[str]) -> list[EventWords]:
    """Return what the visible stories `ids` say about events."""
    found = []
    for part in chunked(sorted(ids)):
        events: dict[str, tuple[Event, ...]] = {}
        for row in store.db.execute(
            "SELECT story_id, items.events FROM items JOIN stories ON stories.id = story_id"
            f" WHERE items.events <> '[]' AND story_id IN ({placeholders(part)})"
            " ORDER BY items.id <> lead_id, items.sort, items.id",
            part,
        ):
            events.setdefault(row["story_id"], event_facts.decode(row["events"]))
        for row in store.db.execute(
            f"SELECT stories.id, stories.announced, {_BEGINNING},"
            " event_decisions.decision, event_decisions.facts FROM stories JOIN items ON items.id = lead_id"
            " JOIN sources ON sources.id = items.source_id"
            " LEFT JOIN event_decisions ON event_decisions.story_id = stories.id"
            f" WHERE NOT hidden AND stories.id IN ({placeholders(part)})",
            part,
        ):
            decided = event_facts.decode_one(row["facts"])
            found.append(
                EventWords(
                    story_id=row["id"],
                    announced=sure_moment(row["announced"]),
                    events=((decided,) if decided else ())
                    if row["decision"] is not None
                    else events.get(row["id"], ()),
                    title=row["title"],
                    text=row["text"],
                    publisher=row["publisher"],
                    language=row["language"],
                    decided=row["decision"] is not None,
                )
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingEntry:
    """An upcoming event and the beginning of the story that it belongs to.

    `first_day` is that of the event, of a series that of its next date.
    """

    story_id: str
    is_deadline: bool
    first_day: date
    last_day: date
    title: str
    text: str
    publisher: str
    language: str | None


def upcoming_entries(store: Store, since: date, count: int) -> list[UpcomingEntry]:
    """Return the events with a calendar entry that are not over at `since`, at most `count`."""
    rows = store.db.execute(
        f"SELECT said.story_id, json_extract(facts, '$.kind') = 'deadline' AS is_deadline, first_day, last_day,"
        " facts, facts GLOB '*\"occurrences\"*' AS is_series,"
        f" {_BEGINNING} FROM story_events AS said JOIN stories ON stories.id = said.story_id"
        " JOIN items ON items.id = lead_id JOIN sources ON sources.id = items.source_id"
        " WHERE present AND said.entry_id = said.story_id AND said.entry_part = said.part AND NOT hidden"
        " AND last_day >= ? AND json_extract(facts, '$.retrospective') IS NULL"
        " ORDER BY last_day, said.story_id, part LIMIT ?",
        [since.isoformat(), count],
    )
    return [
        UpcomingEntry(
            story_id=row["story_id"],
            is_deadline=bool(row["is_deadline"]),
            first_day=(
                _sure(row["facts"]).next_day(since)
                if row["is_series"]
                else date.fromisoformat(row["first_day"])
            ),
            last_day=date.fromisoformat(row["last_day"]),
            title=row["title"],
            text=row["text"],
            publisher=row["publisher"],
            language=row["language"],
        )
        for row in rows
    ]


# --- the events of stories -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event of a story as it is stored; `days` are its first and last local day."""

    story_id: str
    part: str
    entry_id: str
    entry_part: str
    event: Event
    days: tuple[date, date]


def replace(store: Store, ids: Iterable[str], rows: Sequence[EventRow], now: datetime) -> set[str]:
    """Replace the events of stories; return the stories whose events changed.

    The sequence rises if start, end, zone, place or status of a known event changed (CA2).
    """
    story_ids = sorted(ids)
    known = {
        (row["story_id"], row["part"]): row
        for part in chunked(story_ids)
        for row in store.db.execute(
            f"SELECT * FROM story_events WHERE story_id IN ({placeholders(part)})", part
        )
    }
    kept = {(row.story_id, row.part) for row in rows}
    gone = [key for key, row in known.items() if row["present"] and key not in kept]
    store.db.conn.executemany(
        "UPDATE story_events SET present = 0, revision = revision + 1 WHERE story_id = ? AND part = ?", gone
    )
    changed = {story_id for story_id, _ in gone}
    for row in rows:
        before = known.get((row.story_id, row.part))
        if _write(store, row, before, now):
            changed.add(row.story_id)
    store.db.conn.executemany(
        "UPDATE stories SET changed = ? WHERE id = ?", [[stamp(now), id_] for id_ in sorted(changed)]
    )
    return changed


def _write(store: Store, row: EventRow, before: Mapping[str, Any] | None, now: datetime) -> bool:
    """Write one event; return whether it differs from what was stored."""
    facts = event_facts.encode_one(row.event)
    places = [row.entry_id, row.entry_part, facts, row.days[0].isoformat(), row.days[1].isoformat()]
    key = [row.story_id, row.part]
    if before is None:
        store.db.execute(
            "INSERT INTO story_events (entry_id, entry_part, facts, first_day, last_day, story_id, part, changed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*places, *key, stamp(now)],
        )
        return True
    names = ("entry_id", "entry_part", "facts", "first_day", "last_day")
    if before["present"] and [before[name] for name in names] == places:
        return False
    store.db.execute(
        "UPDATE story_events SET entry_id = ?, entry_part = ?, facts = ?, first_day = ?, last_day = ?,"
        " present = 1, revision = revision + 1 WHERE story_id = ? AND part = ?",
        [*places, *key],
    )
    # An event that no calendar had yet has not changed for its readers.
    if before["written_revision"] and _sure(before["facts"]).announced[1:] != row.event.announced[1:]:
        store.db.execute(
            "UPDATE story_events SET sequence = sequence + 1, changed = ?, former = ? WHERE story_id = ? AND part = ?",
            [stamp(now), before["facts"], *key],
        )
    return True


def stories_with_same_entries(store: Store, ids: Iterable[str]) -> set[str]:
    """Return the stories with an event whose calendar entry is that of one of the stories `ids`."""
    return {
        row[0]
        for part in chunked(sorted(ids))
        for row in store.db.execute(
            f"SELECT story_id FROM story_events WHERE present AND entry_id IN ({placeholders(part)})"
            " AND entry_id <> story_id",
            part,
        )
    }


def raise_revisions(store: Store, ids: Iterable[str] | None = None) -> None:
    """Raise the revisions of the calendar files of stories, or of all of them (P1)."""
    if ids is None:
        store.db.execute("UPDATE story_events SET revision = revision + 1")
        return
    store.db.conn.executemany(
        "UPDATE story_events SET revision = revision + 1 WHERE story_id = ?", [[id_] for id_ in sorted(ids)]
    )


def of_stories(store: Store, ids: Iterable[str]) -> dict[str, tuple[StoryEvent, ...]]:
    """Return the events of each story, the principal one first, as of their calendar entries.

    Past dates of a series are those before the day for which calendars were rendered, so that a document depends on
    stored values alone.
    """
    found: dict[str, list[StoryEvent]] = {}
    day = date.fromisoformat(meta.get(store, DAY_KEY) or date.min.isoformat())
    for part in chunked(ids):
        for row in store.db.execute(
            "SELECT said.story_id, said.part, said.entry_id, said.entry_part, said.facts,"
            " coalesce(entry.sequence, said.sequence) AS sequence, coalesce(entry.changed, said.changed) AS changed,"
            " coalesce(entry.former, said.former) AS former FROM story_events AS said"
            " LEFT JOIN story_events AS entry ON entry.story_id = said.entry_id AND entry.part = said.entry_part"
            f" WHERE said.present AND said.story_id IN ({placeholders(part)}) ORDER BY said.story_id, said.part",
            part,
        ):
            found.setdefault(row["story_id"], []).append(_story_event(row, day))
    return {story_id: tuple(events) for story_id, events in found.items()}


def _story_event(row: Mapping[str, Any], day: date) -> StoryEvent:
    event, past = _sure(row["facts"]).split(day)
    return StoryEvent(
        part=row["part"],
        entry_id=row["entry_id"],
        entry_part=row["entry_part"],
        event=event,
        sequence=row["sequence"],
        changed=sure_moment(row["changed"]),
        former=event_facts.decode_one(row["former"]),
        past=past,
    )


def _sure(text: str) -> Event:
    event = event_facts.decode_one(text)
    assert event is not None
    return event


# --- calendars -----------------------------------------------------------------------------------------


def of_channel(store: Store, channel_id: str, since: date, today: date, count: int) -> list[str]:
    """Return the stories whose calendar entries belong into the calendar of a channel.

    At most `count`: the entries that end first from `today` on, then the latest past ones since `since`.
    """
    # From the events of a year, because a channel may have a million stories.
    inside = (
        "SELECT entry.story_id, max(entry.last_day) AS last_day FROM story_events AS entry"
        " INDEXED BY story_events_by_day"
        " CROSS JOIN story_events AS said ON said.entry_id = entry.story_id AND said.entry_part = entry.part"
        " AND said.present CROSS JOIN channel_stories ON channel_stories.story_id = said.story_id"
        " AND channel_id = ? WHERE entry.present AND entry.last_day >= ? GROUP BY entry.story_id"
    )
    rows = store.db.execute(
        f"SELECT story_id FROM ({inside}) ORDER BY last_day < ?, CASE WHEN last_day >= ? THEN last_day END,"
        " last_day DESC, story_id LIMIT ?",
        [channel_id, since.isoformat(), today.isoformat(), today.isoformat(), count],
    )
    return [row[0] for row in rows]


def channels_between(store: Store, days: Iterable[tuple[date, date]]) -> list[str]:
    """Return the channels with an event whose last day is in one of the spans."""
    found: set[str] = set()
    for first, end in days:
        rows = store.db.execute(
            "SELECT DISTINCT channel_id FROM story_events CROSS JOIN channel_stories USING (story_id)"
            " WHERE present AND last_day >= ? AND last_day < ?",
            [first.isoformat(), end.isoformat()],
        )
        found.update(row[0] for row in rows)
    return sorted(found)


def moved_on(store: Store, first: date, last: date) -> set[str]:
    """Return the stories with a series of which a date ended between two days."""
    rows = store.db.execute(
        "SELECT story_id, facts FROM story_events WHERE present AND last_day >= ? AND facts GLOB '*\"occurrences\"*'",
        [first.isoformat()],
    )
    series = ((row["story_id"], _sure(row["facts"])) for row in rows)
    return {story_id for story_id, event in series if event.split(first) != event.split(last)}


def next_end(store: Store, day: date) -> date | None:
    """Return the first last day of an event on or after a day; that day itself for a series."""
    series = store.db.execute(
        "SELECT 1 FROM story_events WHERE present AND last_day >= ? AND facts GLOB '*\"occurrences\"*' LIMIT 1",
        [day.isoformat()],
    ).fetchone()
    if series:
        return day
    row = store.db.execute(
        "SELECT min(last_day) FROM story_events WHERE present AND last_day >= ?", [day.isoformat()]
    ).fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFile:
    """The calendar file of a story that is out of date; `present` unless it has to be removed."""

    story_id: str
    revisions: tuple[tuple[str, int], ...]
    present: bool


def outdated_files(store: Store, count: int) -> list[EventFile]:
    """Return at most `count` stories whose calendar file is out of date."""
    ids = store.db.execute(
        "SELECT DISTINCT story_id FROM story_events WHERE revision <> written_revision LIMIT ?", [count]
    ).fetchall()
    return [_file(store, row[0]) for row in ids]


def _file(store: Store, story_id: str) -> EventFile:
    rows = store.db.execute(
        "SELECT part, revision, present AND entry_id = story_id AND NOT (SELECT hidden FROM stories"
        " WHERE stories.id = story_id) AS own FROM story_events WHERE story_id = ?",
        [story_id],
    ).fetchall()
    return EventFile(
        story_id=story_id,
        revisions=tuple((row["part"], row["revision"]) for row in rows),
        present=any(row["own"] for row in rows),
    )


def mark_files_written(store: Store, files: Iterable[EventFile]) -> None:
    """Record that the calendar files of stories are on disk (P1)."""
    store.db.conn.executemany(
        "UPDATE story_events SET written_revision = ? WHERE story_id = ? AND part = ?",
        [[revision, file.story_id, part] for file in files for part, revision in file.revisions],
    )


# --- editors -------------------------------------------------------------------------------------------


def merge_into(store: Store, kept: str, gone: str) -> None:
    """Remove the events of a merged story; a decision on it passes to the other one."""
    store.db.execute("UPDATE OR IGNORE event_decisions SET story_id = ? WHERE story_id = ?", [kept, gone])
    store.db.execute("DELETE FROM event_decisions WHERE story_id = ?", [gone])
    store.db.execute(
        "UPDATE story_events SET present = 0, revision = revision + 1 WHERE story_id = ?", [gone]
    )


def record_edit(store: Store, story_id: str, now: datetime) -> None:
    """Record that an editor changed the facts of an event, which is a significant edit (E1)."""
    store.db.execute("UPDATE stories SET updated = max(updated, ?) WHERE id = ?", [stamp(now), story_id])
