"""The table of sources: synchronise with feeds.yaml, read records, publishers, health."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from aggregator.model.config import Source
from aggregator.model.documents import HubLinks, RefreshHints
from aggregator.model.items import IdentityPolicy
from aggregator.model.moves import Move
from aggregator.model.polling import (
    CoverageGap,
    Lease,
    PostingStats,
    SourceRecord,
    SourceState,
    Validators,
)
from aggregator.model.reports import SourceHealth
from aggregator.model.stories import Publisher
from aggregator.store import meta
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import chunked, placeholders

RANKS_KEY = "source_ranks"
"""Key in `meta` of the ranks of sources by which the leads of stories were chosen, as JSON."""
FORMERLY = "formerly:"
"""Prefix, with the id, of a URL that the source had before; keeps the column unique."""


RENAMING = "renaming:"
"""Prefix, with the former id, of the id of a source while sources exchange their ids."""


class SourceChanges(NamedTuple):
    """Ids of sources that feeds.yaml changed; `renamed` has their former and new ones.

    `restricted` are those whose whole texts may not be published any more (P3).
    """

    renamed: set[str]
    restricted: set[str]


def synchronise(store: Store, sources: Sequence[Source], parsing_hashes: Mapping[str, str]) -> SourceChanges:
    """Bring the table in line with feeds.yaml, inside a transaction of the caller (V5).

    A source whose id changed is recognised by its URL and keeps its past. One that left the file is no longer visited.
    One whose URL changed loses its validators (CL3).
    """
    urls = {row["id"]: row["url"] for row in store.db.execute("SELECT id, url FROM sources")}
    renamed = _rename(store, sources, urls)
    followed = _followed(store, sources)
    changed = [source.id for source in sources if source.id in urls and urls[source.id] != source.url]
    _forget_documents(store, [id_ for id_ in changed if id_ not in followed])
    _confirm_moves(store, followed)
    _retire(store, sources, urls)
    restricted = {row[0] for row in store.db.execute("SELECT id FROM sources WHERE full_text")}
    restricted &= {source.id for source in sources if not source.full_text}
    _write(store, sources, parsing_hashes)
    return SourceChanges(renamed, restricted)


def _rename(store: Store, sources: Sequence[Source], urls: dict[str, str]) -> set[str]:
    """Rename sources that have a new id and an old URL; `urls` by id is kept up to date.

    Ids may be exchanged, and taken over by new sources. Return all former and new ids.
    """
    by_url = {url: id_ for id_, url in urls.items()}
    known = {source.id: by_url[source.url] for source in sources if source.url in by_url}
    new_ids = {former: id_ for id_, former in known.items() if former != id_}
    while kept := [former for former, id_ in new_ids.items() if id_ in urls and id_ not in new_ids]:
        for former in kept:  # another source has that id and keeps it
            del new_ids[former]
    if not new_ids:  # preparing the statement, which changes ids in all tables, takes a twentieth of a run
        return set()
    rename = "UPDATE sources SET id = ? WHERE id = ?"
    store.db.conn.executemany(rename, [(RENAMING + former, former) for former in new_ids])
    store.db.conn.executemany(rename, [(id_, RENAMING + former) for former, id_ in new_ids.items()])
    urls.update({new_ids[former]: url for former, url in [(each, urls.pop(each)) for each in new_ids]})
    return {*new_ids, *new_ids.values()}


def _forget_documents(store: Store, ids: Iterable[str]) -> None:
    """Reset what belongs to the former URL of sources; the next visit is their first one."""
    store.db.conn.executemany(
        "UPDATE sources SET url = 'formerly:' || id || ':' || url, etag = NULL, last_modified = NULL,"
        " validators_url = NULL, body_hash = NULL, next_visit = NULL, last_success = NULL, last_whole = NULL,"
        " hints = '{}', gone_since = NULL, moved_to = NULL, failures = 0, state = 'new', reason = NULL,"
        " entries = 0, unfinished = 0, gap_url = NULL, not_before = NULL, hub = NULL, topic = NULL,"
        " format = NULL, malformed = NULL, content_type = NULL, certificate_from = NULL, certificate_until = NULL,"
        " shrunk_to = NULL, shrunk_since = NULL, repeated_on = NULL, slow_on = NULL"
        " WHERE id = ?",
        [[id_] for id_ in ids],
    )


def _confirm_moves(store: Store, ids: Iterable[str]) -> None:
    """Keep the past of sources whose learned URL is in feeds.yaml now (CL14)."""
    store.db.conn.executemany(
        "UPDATE sources SET url = 'formerly:' || id || ':' || url, moved_to = NULL, state = 'ok', reason = NULL"
        " WHERE id = ?",
        [[id_] for id_ in ids],
    )


def _retire(store: Store, sources: Sequence[Source], urls: Mapping[str, str]) -> None:
    """Stop visiting sources that left feeds.yaml; free URLs that other sources have now."""
    wanted, taken = {source.id for source in sources}, {source.url for source in sources}
    store.db.conn.executemany(
        "UPDATE sources SET configured = 0, url = CASE WHEN ? THEN 'formerly:' || id || ':' || url ELSE url END"
        " WHERE id = ?",
        [[url in taken, id_] for id_, url in urls.items() if id_ not in wanted],
    )


_CONFIGURED = (
    *(
        "id",
        "url",
        "name",
        "kind",
        "configured",
        "position",
        "priority",
        "aggregator",
        "licence",
        "full_text",
    ),
    "reading_key",
)
"""Columns that feeds.yaml determines."""


def _write(store: Store, sources: Sequence[Source], parsing_hashes: Mapping[str, str]) -> None:
    """Insert or update the configured columns of sources where they differ."""
    wanted = [
        (
            source.id,
            source.url,
            source.name,
            source.kind,
            source.enabled,
            position,
            source.priority,
            source.aggregator,
            source.licence,
            source.full_text,
            parsing_hashes[source.id],
        )
        for position, source in enumerate(sources)
    ]
    columns = ", ".join(_CONFIGURED)
    stored = {tuple(row) for row in store.db.execute(f"SELECT {columns} FROM sources")}
    changes = ", ".join(f"{column} = excluded.{column}" for column in _CONFIGURED[1:])
    store.db.conn.executemany(
        f"INSERT INTO sources ({columns}) VALUES ({placeholders(_CONFIGURED)})"
        f" ON CONFLICT (id) DO UPDATE SET {changes}",
        [row for row in wanted if row not in stored],
    )


def _followed(store: Store, sources: Sequence[Source]) -> set[str]:
    """Return the ids of sources whose new URL is the learned target of their redirect (CL14)."""
    learned = {
        row["id"]: row["moved_to"]
        for row in store.db.execute("SELECT id, moved_to FROM sources WHERE moved_learned AND moved_to <> ''")
    }
    return {source.id for source in sources if learned.get(source.id) == source.url}


def records(store: Store) -> dict[str, SourceRecord]:
    """Return the record of every configured source by id."""
    rows = store.db.execute("SELECT * FROM sources WHERE configured = 1")
    leases = _leases(store)
    return {row["id"]: _record(row, leases.get(row["id"])) for row in rows}


def _leases(store: Store) -> dict[str, Lease]:
    """Return the leases of subscriptions by source (WS4)."""
    rows = store.db.execute(
        "SELECT source_id, leased, lease_until, unproven, visit FROM websub_subscriptions"
        " WHERE wanted = 1 AND lease_until IS NOT NULL"
    )
    return {
        row["source_id"]: Lease(
            since=sure_moment(row["leased"]),
            until=sure_moment(row["lease_until"]),
            unproven=row["unproven"],
            visit_due=row["visit"] != "",
        )
        for row in rows
    }


def has_hubs(store: Store) -> bool:
    """Return whether a source names a WebSub hub, or is subscribed to one (WS1)."""
    row = store.db.execute(
        "SELECT EXISTS (SELECT 1 FROM sources WHERE hub IS NOT NULL AND configured = 1)"
        " OR EXISTS (SELECT 1 FROM websub_subscriptions)"
    ).fetchone()
    return bool(row[0])


def outdated_ranks(store: Store, sources: Sequence[Source]) -> list[str]:
    """Return the ids of sources with another rank than stored leads were chosen by (I6)."""
    before, now = json.loads(meta.get(store, RANKS_KEY) or "{}"), _ranks(sources)
    return sorted(id_ for id_ in before.keys() | now.keys() if before.get(id_) != now.get(id_))


def record_ranks(store: Store, sources: Sequence[Source]) -> None:
    """Record the ranks of sources by which the leads of all stories were chosen."""
    meta.put(store, RANKS_KEY, json.dumps(_ranks(sources), sort_keys=True))


def _ranks(sources: Sequence[Source]) -> dict[str, list[int]]:
    """Return `aggregator` and `priority` of each source that has one of them."""
    ranks = {source.id: [int(source.aggregator), source.priority] for source in sources}
    return {id_: rank for id_, rank in ranks.items() if any(rank)}


def save_hub_links(store: Store, source_id: str, links: HubLinks | None) -> None:
    """Store which hub and topic the document of a source names (WS1)."""
    store.db.execute(
        "UPDATE sources SET hub = ?, topic = ? WHERE id = ?",
        [links.hub if links else None, links.topic if links else None, source_id],
    )


def _record(row: Mapping[str, Any], lease: Lease | None) -> SourceRecord:
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
        last_full=moment(row["last_whole"]),
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
        shrunk_to=row["shrunk_to"],
        shrunk_since=moment(row["shrunk_since"]),
        unfinished=bool(row["unfinished"]),
        coverage_gap=CoverageGap(url=row["gap_url"], since=moment(row["gap_since"]))
        if row["gap_url"]
        else None,
        hub_links=HubLinks(hub=row["hub"], topic=row["topic"]) if row["hub"] else None,
        lease=lease,
    )


def _hints(stored: str) -> RefreshHints:
    values = json.loads(stored)
    return RefreshHints(
        fresh_for=timedelta(seconds=values["fresh_for"]) if "fresh_for" in values else None,
        update_interval=timedelta(seconds=values["pace"]) if "pace" in values else None,
        skip_hours=tuple(values.get("skip_hours", ())),
        skip_days=tuple(values.get("skip_days", ())),
    )


def hints_as_json(hints: RefreshHints) -> str:
    """Return hints as they are stored; those that are absent are omitted."""
    values = {
        "fresh_for": hints.fresh_for.total_seconds() if hints.fresh_for is not None else None,
        "pace": hints.update_interval.total_seconds() if hints.update_interval is not None else None,
        "skip_hours": hints.skip_hours,
        "skip_days": hints.skip_days,
    }
    return json.dumps({key: value for key, value in values.items() if value not in (None, ())})


class SourceActivity(NamedTuple):
    """How often a source publishes, by its last items, and how many wait for an editor (G2)."""

    postings: int = 0
    oldest: str | None = None
    newest: str | None = None
    held_items: int = 0

    @property
    def posting_stats(self) -> PostingStats:
        """Return number and times of the last items."""
        return PostingStats(count=self.postings, oldest=moment(self.oldest), newest=moment(self.newest))


MAX_POSTINGS = 20
"""Maximum number of a source's last items that its interval goes by."""
_LAST_POSTINGS = (
    f"SELECT sort FROM items WHERE source_id = sources.id ORDER BY sort DESC LIMIT {MAX_POSTINGS}"
)
_ACTIVITY = (
    f"SELECT id, (SELECT count(*) FROM ({_LAST_POSTINGS})), (SELECT min(sort) FROM ({_LAST_POSTINGS})),"
    " (SELECT max(sort) FROM items WHERE source_id = sources.id),"
    " (SELECT count(*) FROM items WHERE held = 'waiting' AND source_id = sources.id) FROM sources WHERE id IN"
)


def activity(store: Store, ids: Iterable[str]) -> dict[str, SourceActivity]:
    """Return the activity of sources by id."""
    found = {}
    for part in chunked(ids):
        for id_, *values in store.db.execute(f"{_ACTIVITY} ({placeholders(part)})", part):
            found[id_] = SourceActivity(*values)
    return found


def save_coverage_gap(store: Store, source_id: str, gap: CoverageGap) -> None:
    """Store a coverage gap, which the next visit fills from older documents (G1)."""
    store.db.execute(
        "UPDATE sources SET gap_url = ?, gap_since = ? WHERE id = ?", [gap.url, stamp(gap.since), source_id]
    )


def delete_coverage_gap(store: Store, source_id: str) -> None:
    """Delete the coverage gap of a source (G1)."""
    store.db.execute("UPDATE sources SET gap_url = NULL, gap_since = NULL WHERE id = ?", [source_id])


def end_review(store: Store, source_id: str, *, accept_short: bool) -> None:
    """End the review of a source; `accept_short`: accept the next document, however short (G2)."""
    store.db.execute(
        "UPDATE sources SET entries = CASE WHEN ? THEN 0 ELSE entries END,"
        " state = CASE state WHEN 'needs_review' THEN 'ok' ELSE state END,"
        " reason = CASE state WHEN 'needs_review' THEN NULL ELSE reason END WHERE id = ?",
        [accept_short, source_id],
    )


def begin_review(store: Store, source_id: str) -> None:
    """Let a source without faults wait for an editor again; its next visit names the reason."""
    store.db.execute(
        "UPDATE sources SET state = 'needs_review', reason = 'entries wait for an editor'"
        " WHERE id = ? AND state = 'ok'",
        [source_id],
    )


_PUBLISHER = "id, name, kind, url, site_link, feed_id, language, rights, licence, full_text"
"""Columns of which `publisher` reads its values."""


def publishers(store: Store, *, configured: bool = False) -> dict[str, Publisher]:
    """Return every source by id in the order of feeds.yaml, also those that left the file (V5)."""
    rows = store.db.execute(
        f"SELECT {_PUBLISHER} FROM sources WHERE configured >= ? ORDER BY position, id", [configured]
    )
    return {row["id"]: publisher(row) for row in rows}


def publishers_of(store: Store, ids: Iterable[str]) -> dict[str, Publisher]:
    """Return the sources `ids` by id."""
    publishers_by_id = {}
    for part in chunked(ids):
        for row in store.db.execute(
            f"SELECT {_PUBLISHER} FROM sources WHERE id IN ({placeholders(part)})", part
        ):
            publishers_by_id[row["id"]] = publisher(row)
    return publishers_by_id


def publisher(row: Mapping[str, Any]) -> Publisher:
    """Return a row of the table as it is published beside items."""
    url = row["url"]
    return Publisher(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        url=url.split(":", 2)[2] if url.startswith(FORMERLY) else url,
        site_link=row["site_link"],
        feed_id=row["feed_id"],
        language=row["language"],
        rights=row["rights"],
        licence=row["licence"],
        full_text=bool(row["full_text"]),
    )


def health(store: Store) -> list[SourceHealth]:
    """Return state and counts of configured sources in the order of feeds.yaml."""
    rows = store.db.execute(
        "SELECT sources.*, coalesce(items, 0) AS items, coalesce(stories, 0) AS stories,"
        " lease_until, last_push, push.reason AS hub_error"
        " FROM sources LEFT JOIN source_counts ON source_counts.source_id = sources.id"
        " LEFT JOIN websub_subscriptions AS push ON push.source_id = sources.id AND push.wanted = 1"
        " WHERE sources.configured = 1 ORDER BY sources.position"
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
            subscribed_until=moment(row["lease_until"]),
            last_push=moment(row["last_push"]),
            hub_error=row["hub_error"],
        )
        for row in rows
    ]
