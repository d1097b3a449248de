"""Sources between visits: the match with feeds.yaml, what is due, what each visit left."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aggregator.model.config import Source
from aggregator.model.documents import ENTRY_HASH_BYTES, RefreshHints
from aggregator.model.items import IdentityPolicy
from aggregator.model.polling import (
    Failure,
    Gap,
    KeptDocument,
    Move,
    NextVisit,
    ParsedVisit,
    PostingStats,
    Request,
    Robots,
    SourceProfile,
    SourceRecord,
    SourceState,
    Validators,
    VisitRecord,
    VisitResult,
)
from aggregator.model.reports import SourceHealth
from aggregator.model.stories import Publisher
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import chunked, marks

SHOWN = 500
"""Newest items of a source whose stories may stand in a window."""


def sync(store: Store, sources: Sequence[Source], reading_keys: Mapping[str, str]) -> None:
    """Bring the table in line with feeds.yaml (V5), inside a transaction of the caller.

    A source whose id changed is recognised by its URL and keeps its past; one that left the file is no longer
    visited; one whose URL changed loses its validators (CL3).
    """
    known = {row["id"]: row["url"] for row in store.db.table("sources").rows}
    by_url = {url: id_ for id_, url in known.items()}
    wanted = {source.id for source in sources}
    for source in sources:
        former = by_url.get(source.url)
        if former and former != source.id and former not in wanted and source.id not in known:
            store.db.execute("UPDATE sources SET id = ? WHERE id = ?", [source.id, former])
            known[source.id] = known.pop(former)
    moved = [source.id for source in sources if source.id in known and known[source.id] != source.url]
    followed = _followed(store, sources)
    gone = [id_ for id_ in known if id_ not in wanted]
    store.db.conn.executemany(
        "UPDATE sources SET url = 'formerly:' || id || ':' || url, etag = NULL, last_modified = NULL,"
        " validators_url = NULL, body_hash = NULL, next_visit = NULL, last_success = NULL, last_whole = NULL,"
        " hints = '{}', gone_since = NULL, moved_to = NULL, failures = 0, state = 'new', reason = NULL,"
        " entries = 0, unfinished = 0, gap_url = NULL, not_before = NULL"
        " WHERE id = ?",
        [[id_] for id_ in moved if id_ not in followed],
    )
    store.db.conn.executemany(  # the address that was learned stands in the file now: the same document as before
        "UPDATE sources SET url = 'formerly:' || id || ':' || url, moved_to = NULL, state = 'well', reason = NULL"
        " WHERE id = ?",
        [[id_] for id_ in followed],
    )
    taken = {source.url for source in sources}
    store.db.conn.executemany(
        "UPDATE sources SET configured = 0, url = CASE WHEN ? THEN 'formerly:' || id || ':' || url ELSE url END"
        " WHERE id = ?",
        [[known[id_] in taken, id_] for id_ in gone],
    )
    store.db.conn.executemany(
        "INSERT INTO sources (id, url, name, kind, configured, position, priority, aggregator, licence, full_text,"
        " reading_key) VALUES (:id, :url, :name, :kind, :configured, :position, :priority, :aggregator, :licence,"
        " :full_text, :reading_key)"
        " ON CONFLICT (id) DO UPDATE SET url = excluded.url, name = excluded.name, kind = excluded.kind,"
        " configured = excluded.configured, position = excluded.position, priority = excluded.priority,"
        " aggregator = excluded.aggregator, licence = excluded.licence, full_text = excluded.full_text,"
        " reading_key = excluded.reading_key",
        [
            {
                "id": source.id,
                "url": source.url,
                "name": source.name,
                "kind": source.kind,
                "configured": source.enabled,
                "position": position,
                "priority": source.priority,
                "aggregator": source.aggregator,
                "licence": source.licence,
                "full_text": source.full_text,
                "reading_key": reading_keys[source.id],
            }
            for position, source in enumerate(sources)
        ],
    )


def _followed(store: Store, sources: Sequence[Source]) -> set[str]:
    """Sources whose new URL is the one they were known to have moved to (CL14)."""
    learned = {
        row["id"]: row["moved_to"]
        for row in store.db.table("sources").rows_where("moved_learned AND moved_to <> ''")
    }
    return {source.id for source in sources if learned.get(source.id) == source.url}


def records(store: Store) -> dict[str, SourceRecord]:
    """What is remembered of every configured source, by id."""
    return {row["id"]: _record(row) for row in store.db.table("sources").rows_where("configured = 1")}


def _record(row: Mapping[str, Any]) -> SourceRecord:
    return SourceRecord(
        id=row["id"],
        state=SourceState(row["state"]),
        validators=Validators(
            etag=row["etag"], last_modified=row["last_modified"], url=row["validators_url"]
        ),
        body_hash=row["body_hash"],
        identity_policy=IdentityPolicy(guid=bool(row["guid_ok"]), link=bool(row["link_ok"])),
        last_attempt=moment(row["last_attempt"]),
        last_success=moment(row["last_success"]),
        next_visit=moment(row["next_visit"]),
        not_before=moment(row["not_before"]),
        failures=row["failures"],
        reason=row["reason"],
        failed_status=row["failed_status"],
        gone_since=moment(row["gone_since"]),
        last_whole=moment(row["last_whole"]),
        hints=_hints(row["hints"]),
        move=Move(
            url=row["moved_to"],
            since=sure_moment(row["moved_since"]),
            visits=row["moved_visits"],
            learned=bool(row["moved_learned"]),
        )
        if row["moved_to"]
        else None,
        entries=row["entries"],
        unfinished=bool(row["unfinished"]),
        gap=Gap(url=row["gap_url"], since=moment(row["gap_since"])) if row["gap_url"] else None,
    )


def _hints(kept: str) -> RefreshHints:
    said = json.loads(kept)
    return RefreshHints(
        fresh_for=timedelta(seconds=said["fresh_for"]) if "fresh_for" in said else None,
        update_interval=timedelta(seconds=said["pace"]) if "pace" in said else None,
        skip_hours=tuple(said.get("skip_hours", ())),
        skip_days=tuple(said.get("skip_days", ())),
    )


def _kept_hints(hints: RefreshHints) -> str:
    said = {
        "fresh_for": hints.fresh_for.total_seconds() if hints.fresh_for is not None else None,
        "pace": hints.update_interval.total_seconds() if hints.update_interval is not None else None,
        "skip_hours": hints.skip_hours,
        "skip_days": hints.skip_days,
    }
    return json.dumps({key: value for key, value in said.items() if value not in (None, ())})


def posting_stats(store: Store, source_id: str, count: int = 20) -> PostingStats:
    """How often a source has news, by its last `count` items."""
    row = store.db.execute(
        "SELECT count(*), min(sort), max(sort) FROM"
        " (SELECT sort FROM items WHERE source_id = ? ORDER BY sort DESC LIMIT ?)",
        [source_id, count],
    ).fetchone()
    return PostingStats(count=row[0], oldest=moment(row[1]), newest=moment(row[2]))


def held_hosts(store: Store, now: datetime) -> dict[str, datetime]:
    """Hosts that asked to be left alone, and until when (CL8)."""
    rows = store.db.execute("SELECT host, held_until FROM hosts WHERE held_until > ?", [stamp(now)])
    return {row["host"]: datetime.fromisoformat(row["held_until"]) for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A visit that is about to be made: when the next is allowed whatever comes of it (V1)."""

    request: Request
    next_visit: datetime
    floor: timedelta
    forced: bool


def begin_visits(store: Store, run_id: int, attempts: Iterable[Attempt], now: datetime) -> dict[str, int]:
    """V1: commit the attempt and the next allowed time before the host's first request; visit ids by source."""
    visits = {}
    with store.transaction():
        for attempt in attempts:
            source_id = attempt.request.source.id
            validators = attempt.request.validators
            cursor = store.db.execute(
                "INSERT INTO visits (run_id, source_id, started, url, forced, floor, conditional)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    run_id,
                    source_id,
                    stamp(now),
                    attempt.request.target,
                    attempt.forced,
                    attempt.floor.total_seconds(),
                    validators.usable,
                ],
            )
            visits[source_id] = int(cursor.lastrowid or 0)
            store.db.execute(
                "UPDATE sources SET last_attempt = ?, next_visit = ? WHERE id = ?",
                [stamp(now), stamp(attempt.next_visit), source_id],
            )
    return visits


def put_off(store: Store, times: Mapping[str, datetime]) -> None:
    """Sources that were due, planned for later (CL10)."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET next_visit = ? WHERE id = ?", [[stamp(at), id_] for id_, at in times.items()]
        )


def hold(store: Store, times: Mapping[str, datetime]) -> None:
    """Sources whose host asked for silence until then: they need not be looked at before (CL8)."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET not_before = max(coalesce(not_before, ''), ?) WHERE id = ?",
            [[stamp(at), id_] for id_, at in times.items()],
        )


def robots(store: Store) -> dict[str, Robots]:
    """Every robots.txt that was read, by origin (CL19)."""
    return {
        row["origin"]: Robots(origin=row["origin"], read=sure_moment(row["read"]), text=row["text"])
        for row in store.db.table("robots").rows
    }


def keep_robots(store: Store, read: Robots) -> None:
    """Remember a robots.txt, in the caller's transaction."""
    store.db.execute(
        "INSERT OR REPLACE INTO robots (origin, read, text) VALUES (?, ?, ?)",
        [read.origin, stamp(read.read), read.text],
    )


def clock_went_back(store: Store, plans: Mapping[str, datetime], longest: datetime, now: datetime) -> None:
    """Plan anew what a clock that ran ahead had planned: the sources of `plans`, for the times given.

    Such a source waits one whole rhythm from now, because nobody knows how long ago its last visit really was
    (CL5). No server can have asked for silence beyond `longest`.
    """
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET last_attempt = min(last_attempt, ?), next_visit = ? WHERE id = ?",
            [[stamp(now), stamp(at), id_] for id_, at in plans.items()],
        )
        # The pauses after these visits cannot be measured (CL20).
        store.db.execute("UPDATE visits SET floor = 0 WHERE started > ?", [stamp(now)])
        for table, column, latest in (
            ("sources", "not_before", longest),
            ("hosts", "held_until", longest),
            ("sources", "last_whole", now),
            ("sources", "gone_since", now),
            ("sources", "moved_since", now),
        ):
            store.db.execute(
                f"UPDATE {table} SET {column} = ? WHERE {column} > ?", [stamp(latest), stamp(latest)]
            )


def unbegin(store: Store, visit_id: int, record: SourceRecord) -> None:
    """Take back an attempt that was never made, so that the source is due again at once."""
    with store.transaction():
        store.db.execute("DELETE FROM visits WHERE id = ?", [visit_id])
        store.db.execute(
            "UPDATE sources SET last_attempt = ?, next_visit = ? WHERE id = ?",
            [stamp(record.last_attempt), stamp(record.next_visit), record.id],
        )


def end_visit(
    store: Store,
    visit_id: int,
    outcome: VisitResult,
    plan: NextVisit,
    *,
    now: datetime,
    new_items: int = 0,
    updated_items: int = 0,
) -> None:
    """The outcome of a visit, inside the transaction that keeps its items."""
    result = outcome.result
    word = {ParsedVisit: "changed", Failure: "failed"}.get(type(result), "unchanged")
    read = len(result.body) if isinstance(result, ParsedVisit) else getattr(result, "bytes_read", 0)
    store.db.execute(
        "UPDATE visits SET seconds = ?, outcome = ?, status = ?, conditional = coalesce(?, conditional),"
        " bytes = ?, reason = ?,"
        " new_items = ?, updated_items = ?, requests = ?, validated = ?, floor = ?, until = ?,"
        " url = coalesce(?, url) WHERE id = ?",
        [
            round(outcome.seconds, 3),
            word,
            result.status,
            outcome.conditional,
            read,
            plan.reason,
            new_items,
            updated_items,
            outcome.requests,
            not isinstance(result, Failure) and result.validators.usable,
            plan.floor.total_seconds(),
            stamp(plan.hold_host_until or plan.not_before),
            outcome.url,
            visit_id,
        ],
    )
    move = plan.move
    store.db.execute(
        "UPDATE sources SET state = ?, reason = ?, failures = ?, next_visit = ?, not_before = ?,"
        " failed_status = ?, gone_since = ?, hints = ?, moved_to = ?, moved_since = ?, moved_visits = ?,"
        " moved_learned = ?, last_whole = CASE WHEN ? THEN ? ELSE last_whole END WHERE id = ?",
        [
            plan.state,
            plan.reason,
            plan.failures,
            stamp(plan.due),
            stamp(plan.not_before),
            plan.failed_status,
            stamp(plan.gone_since),
            _kept_hints(plan.hints),
            move.url if move else None,
            stamp(move.since) if move else None,
            move.visits if move else 0,
            move.learned if move else False,
            not isinstance(result, Failure) and result.status == 200,
            stamp(now),
            outcome.source_id,
        ],
    )
    if isinstance(result, Failure):
        return
    store.db.execute(
        "UPDATE sources SET last_success = ?, etag = ?, last_modified = ?, validators_url = ? WHERE id = ?",
        [
            stamp(now),
            result.validators.etag,
            result.validators.last_modified,
            result.validators.url,
            outcome.source_id,
        ],
    )


def hold_host(store: Store, host: str, until: datetime, reason: str) -> None:
    """No source of `host` is visited before `until`, forced or not (CL8, V3)."""
    store.db.execute(
        "INSERT INTO hosts (host, held_until, reason) VALUES (?, ?, ?) ON CONFLICT (host) DO UPDATE"
        " SET held_until = max(held_until, excluded.held_until), reason = excluded.reason",
        [host, stamp(until), reason],
    )


def accept(
    store: Store, source_id: str, harvest: ParsedVisit, reading_key: str, listed: Sequence[str]
) -> None:
    """What an accepted parse leaves beside its items (V4): body, profile, the verdict of I1, and whom it `listed`."""
    profile = harvest.profile
    _show_profile(store, source_id, profile)
    store.db.execute(
        "UPDATE sources SET body_hash = ?, read_with = ?, title = ?, feed_id = ?, site_link = ?, language = ?,"
        " rights = ?, guid_ok = min(guid_ok, ?), link_ok = min(link_ok, ?), unfinished = ?,"
        " entries = CASE WHEN ? = 226 THEN entries ELSE ? END WHERE id = ?",
        [
            harvest.body_hash,
            reading_key,
            profile.title,
            profile.feed_id,
            profile.site_link,
            profile.language,
            profile.rights,
            harvest.identity_policy.guid,
            harvest.identity_policy.link,
            harvest.unfinished,
            harvest.status,
            harvest.entries,
            source_id,
        ],
    )
    digests = b"".join(harvest.entry_hashes)
    if harvest.status == 226:  # CL18: a delta; what it leaves out is still there
        store.db.execute(
            "UPDATE documents SET entry_hashes = CAST(entry_hashes || ? AS BLOB), items = ? WHERE source_id = ?",
            [digests, " ".join(listed), source_id],
        )
        return
    store.db.execute(
        "INSERT OR REPLACE INTO documents (source_id, url, body, entry_hashes, items) VALUES (?, ?, ?, ?, ?)",
        [source_id, harvest.url, zlib.compress(harvest.body, 1), digests, " ".join(listed)],
    )


def _show_profile(store: Store, source_id: str, profile: SourceProfile) -> None:
    """P1: what the source says of itself stands beside its stories; if it changed, their channels have changed, too.

    Those of its newest stories: the others are in no window, and in a large archive a profile that changes at every
    visit costs no more.
    """
    said = [profile.title, profile.feed_id, profile.site_link, profile.language, profile.rights]
    changed = store.db.execute(
        "SELECT 1 FROM sources WHERE id = ? AND (title, feed_id, site_link, language, rights) IS NOT (?, ?, ?, ?, ?)",
        [source_id, *said],
    ).fetchone()
    if changed:
        store.db.execute(
            "UPDATE channels SET revision = revision + 1 WHERE id IN (SELECT channel_stories.channel_id FROM"
            " (SELECT story_id FROM items INDEXED BY items_of_source WHERE source_id = ? AND story_id IS NOT NULL"
            " ORDER BY sort DESC LIMIT ?) AS newest"
            " JOIN channel_stories ON channel_stories.story_id = newest.story_id)",
            [source_id, SHOWN],
        )


def note_gap(store: Store, source_id: str, gap: Gap | None) -> None:
    """Remember that entries may have been missed, and where older ones are said to be; or that this is settled."""
    store.db.execute(
        "UPDATE sources SET gap_url = ?, gap_since = ? WHERE id = ?",
        [gap.url if gap else None, stamp(gap.since) if gap else None, source_id],
    )


def settle(store: Store, source_id: str, *, believe: bool) -> None:
    """An editor decided on what was held; `believe`: the next document, however short it is."""
    store.db.execute(
        "UPDATE sources SET entries = CASE WHEN ? THEN 0 ELSE entries END,"
        " state = CASE state WHEN 'held' THEN 'well' ELSE state END,"
        " reason = CASE state WHEN 'held' THEN NULL ELSE reason END WHERE id = ?",
        [believe, source_id],
    )


def seen(store: Store, source_id: str) -> frozenset[bytes]:
    """Digests of the entries of the last accepted document."""
    row = store.db.execute("SELECT entry_hashes FROM documents WHERE source_id = ?", [source_id]).fetchone()
    held = row[0] if row else b""
    return frozenset(held[at : at + ENTRY_HASH_BYTES] for at in range(0, len(held), ENTRY_HASH_BYTES))


def listed(store: Store, source_id: str) -> tuple[str, ...]:
    """The items of the last accepted document, in its order (I8)."""
    row = store.db.execute("SELECT items FROM documents WHERE source_id = ?", [source_id]).fetchone()
    return tuple(row[0].split()) if row else ()


def to_reread(store: Store) -> list[tuple[str, str]]:
    """Sources whose kept body was read with another parser version or other options (V4): (id, new key)."""
    rows = store.db.execute(
        "SELECT id, reading_key FROM sources JOIN documents ON documents.source_id = sources.id"
        " WHERE configured = 1 AND read_with <> reading_key ORDER BY position"
    )
    return [(row["id"], row["reading_key"]) for row in rows]


def mark_reread_failed(store: Store, source_id: str, reading_key: str) -> None:
    """The kept body cannot be read with the new options: ask the server for a whole document next time."""
    store.db.execute(
        "UPDATE sources SET read_with = ?, etag = NULL, last_modified = NULL, validators_url = NULL,"
        " body_hash = NULL WHERE id = ?",
        [reading_key, source_id],
    )
    # There are no validators any more, which is what the log of visits has to say, too (CL20).
    store.db.execute(
        "UPDATE visits SET validated = 0 WHERE id = (SELECT max(id) FROM visits WHERE source_id = ?"
        " AND outcome IN ('changed', 'unchanged'))",
        [source_id],
    )


def mark_reread(store: Store, source_id: str, reading_key: str) -> None:
    """The kept body is to be read at the next visit, because that may ask for articles (V2)."""
    store.db.execute(
        "UPDATE sources SET read_with = ?, unfinished = 1 WHERE id = ?", [reading_key, source_id]
    )


def kept(store: Store, source_id: str) -> KeptDocument:
    """The last accepted body and the final URL it came from."""
    row = store.db.execute("SELECT url, body FROM documents WHERE source_id = ?", [source_id]).fetchone()
    return KeptDocument(url=row["url"], body=zlib.decompress(row["body"]))


def publishers(store: Store, *, configured: bool = False) -> dict[str, Publisher]:
    """Every source that ever told something, by id, in the order of feeds.yaml; those that left it too (V5)."""
    rows = store.db.table("sources").rows_where("configured >= ?", [configured], order_by="position, id")
    return {row["id"]: publisher(row) for row in rows}


def publishers_of(store: Store, ids: Iterable[str]) -> dict[str, Publisher]:
    """The sources `ids`: of a few stories, not all of hundreds."""
    found = {}
    for part in chunked(ids):
        for row in store.db.execute(f"SELECT * FROM sources WHERE id IN ({marks(part)})", part):
            found[row["id"]] = publisher(row)
    return found


def publisher(row: Mapping[str, Any]) -> Publisher:
    """A source as shown beside its items."""
    url = row["url"]
    return Publisher(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        url=url.split(":", 2)[2] if url.startswith("formerly:") else url,
        site_link=row["site_link"],
        feed_id=row["feed_id"],
        language=row["language"],
        rights=row["rights"],
        licence=row["licence"],
        full_text=bool(row["full_text"]),
    )


def health(store: Store) -> list[SourceHealth]:
    """Every configured source with its state and counts, in the order of feeds.yaml; without advice."""
    rows = store.db.execute(
        "SELECT sources.*, count(items.number) AS items, count(DISTINCT items.story_id) AS stories"
        " FROM sources LEFT JOIN items ON items.source_id = sources.id"
        " WHERE sources.configured = 1 GROUP BY sources.id ORDER BY sources.position"
    )
    return [
        SourceHealth(
            id=row["id"],
            name=row["name"],
            state=SourceState(row["state"]),
            last_success=moment(row["last_success"]),
            last_attempt=moment(row["last_attempt"]),
            next_visit=moment(max(row["next_visit"] or "", row["not_before"] or "") or None),
            failures=row["failures"],
            reason=row["reason"],
            advice=None,
            items=row["items"],
            stories=row["stories"],
        )
        for row in rows
    ]


def visit_log(store: Store) -> Iterator[VisitRecord]:
    """Every visit of the configured sources, in the order they were made (CL20)."""
    rows = store.db.execute(
        "SELECT visits.* FROM visits JOIN sources ON sources.id = visits.source_id"
        " WHERE sources.configured = 1 AND visits.url IS NOT NULL"  # older ones know too little
        " ORDER BY visits.id"
    )
    for row in rows:
        yield VisitRecord(
            source_id=row["source_id"],
            url=row["url"],
            started=sure_moment(row["started"]),
            outcome=row["outcome"],
            status=row["status"],
            conditional=bool(row["conditional"]),
            forced=bool(row["forced"]),
            floor=timedelta(seconds=row["floor"]),
            validated=bool(row["validated"]),
            until=moment(row["until"]),
            bytes_read=row["bytes"] or 0,
            requests=row["requests"],
        )
