"""Begin and end visits, keep the visit log, and plan the next visits of sources and hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from aggregator.model.polling import (
    Attempt,
    Failure,
    NextVisit,
    ParsedVisit,
    SourceRecord,
    Unchanged,
    VisitRecord,
    VisitResult,
)
from aggregator.model.servers import MIN_SLOW_SECONDS
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.sources import hints_as_json


def begin(store: Store, run_id: int, attempts: Iterable[Attempt], now: datetime) -> dict[str, int]:
    """Commit attempts before the first request; return visit ids by source (V1)."""
    visits = {}
    with store.transaction():
        for attempt in attempts:
            source_id, request = attempt.plan.source.id, attempt.plan.request
            cursor = store.db.execute(
                "INSERT INTO visits (run_id, source_id, started, url, forced, floor, conditional)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    run_id,
                    source_id,
                    stamp(now),
                    request.target,
                    attempt.forced,
                    attempt.min_interval.total_seconds(),
                    request.validators.is_usable,
                ],
            )
            visits[source_id] = int(cursor.lastrowid or 0)
            store.db.execute(
                "UPDATE sources SET last_attempt = ?, next_visit = ? WHERE id = ?",
                [stamp(now), stamp(attempt.next_visit), source_id],
            )
    return visits


def delete_unsent(store: Store, visit_id: int, record: SourceRecord) -> None:
    """Delete a visit whose request was never sent, so that the source is due again at once."""
    with store.transaction():
        store.db.execute("DELETE FROM visits WHERE id = ?", [visit_id])
        store.db.execute(
            "UPDATE sources SET last_attempt = ?, next_visit = ? WHERE id = ?",
            [stamp(record.last_attempt), stamp(record.next_visit), record.id],
        )


def end(
    store: Store,
    visit_id: int,
    visit: VisitResult,
    plan: NextVisit,
    *,
    now: datetime,
    new_items: int = 0,
    updated_items: int = 0,
) -> None:
    """Store the result of a visit, inside the transaction that stores its items (V1)."""
    _log(store, visit_id, visit, plan, new_items=new_items, updated_items=updated_items)
    result = visit.result
    if isinstance(result, Failure):
        store.db.execute(f"UPDATE sources SET {_PLAN} WHERE id = ?", [*_plan(plan), visit.source_id])
        _record_page_size(store, visit.source_id, result, now)
        return
    server, day = visit.server, now.date().isoformat()
    store.db.execute(
        f"UPDATE sources SET {_PLAN}, last_success = ?, etag = ?, last_modified = ?, validators_url = ?,"
        " last_whole = CASE WHEN ? THEN ? ELSE last_whole END, content_type = coalesce(?, content_type),"
        " repeated_on = CASE WHEN ? THEN ? ELSE repeated_on END, slow_on = CASE WHEN ? THEN ? ELSE slow_on END,"
        " shrunk_to = NULL, shrunk_since = NULL,"
        " certificate_from = ?, certificate_until = ? WHERE id = ?",
        [
            *_plan(plan),
            stamp(now),
            result.validators.etag,
            result.validators.last_modified,
            result.validators.url,
            result.status == 200,
            stamp(now),
            server.content_type,
            visit.conditional is True and isinstance(result, Unchanged) and result.status == 200,
            day,
            visit.seconds > MIN_SLOW_SECONDS * max(visit.requests, 1),
            day,
            stamp(server.certificate_from),
            stamp(server.certificate_until),
            visit.source_id,
        ],
    )


def _record_page_size(store: Store, source_id: str, failure: Failure, now: datetime) -> None:
    """Record since when a page has had the number of items that is left (G4)."""
    if failure.entries is not None:
        store.db.execute(
            "UPDATE sources SET shrunk_since = CASE WHEN shrunk_to = ?1 THEN shrunk_since ELSE ?2 END,"
            " shrunk_to = ?1 WHERE id = ?3",
            [failure.entries, stamp(now), source_id],
        )


def _log(
    store: Store, visit_id: int, visit: VisitResult, plan: NextVisit, *, new_items: int, updated_items: int
) -> None:
    """Complete the row of the visit log."""
    result = visit.result
    read = len(result.body) if isinstance(result, ParsedVisit) else getattr(result, "bytes_read", 0)
    store.db.execute(
        "UPDATE visits SET seconds = ?, outcome = ?, status = ?, conditional = coalesce(?, conditional),"
        " bytes = ?, reason = ?, new_items = ?, updated_items = ?, requests = ?, validated = ?, floor = ?,"
        " until = ?, url = coalesce(?, url) WHERE id = ?",
        [
            round(visit.seconds, 3),
            visit.outcome,
            result.status,
            visit.conditional,
            read,
            plan.reason,
            new_items,
            updated_items,
            visit.requests,
            not isinstance(result, Failure) and result.validators.is_usable,
            plan.min_interval.total_seconds(),
            stamp(plan.limit_host_until or plan.not_before),
            visit.url,
            visit_id,
        ],
    )


_PLAN = (
    "state = ?, reason = ?, failures = ?, next_visit = ?, not_before = ?, failed_status = ?, gone_since = ?,"
    " hints = ?, moved_to = ?, moved_since = ?, moved_visits = ?, moved_learned = ?"
)
"""SQL that sets the new state of a source, and when it is visited next."""


def _plan(plan: NextVisit) -> list[object]:
    """Return the values of _PLAN."""
    move = plan.move
    return [
        plan.state,
        plan.reason,
        plan.failures,
        stamp(plan.due),
        stamp(plan.not_before),
        plan.failed_status,
        stamp(plan.gone_since),
        hints_as_json(plan.hints),
        move.url if move else None,
        stamp(move.since) if move else None,
        move.visits if move else 0,
        move.learned if move else False,
    ]


def rate_limited_hosts(store: Store, now: datetime) -> dict[str, datetime]:
    """Return the hosts that are rate limited, and until when (CL8)."""
    rows = store.db.execute("SELECT host, held_until FROM hosts WHERE held_until > ?", [stamp(now)])
    return {row["host"]: datetime.fromisoformat(row["held_until"]) for row in rows}


def limit_host(store: Store, host: str, until: datetime, reason: str) -> None:
    """Send nothing to `host` before `until`, with `--force` neither (CL8, V3)."""
    store.db.execute(
        "INSERT INTO hosts (host, held_until, reason) VALUES (?, ?, ?) ON CONFLICT (host) DO UPDATE"
        " SET held_until = max(held_until, excluded.held_until), reason = excluded.reason",
        [host, stamp(until), reason],
    )


def limit_sources(store: Store, times: Mapping[str, datetime]) -> None:
    """Send nothing for sources of rate-limited hosts before the given times (CL8)."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET not_before = max(coalesce(not_before, ''), ?) WHERE id = ?",
            [[stamp(at), id_] for id_, at in times.items()],
        )


def plan_later(store: Store, times: Mapping[str, datetime]) -> None:
    """Plan due sources for the given later times (CL10)."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET next_visit = ? WHERE id = ?", [[stamp(at), id_] for id_, at in times.items()]
        )


def plan_after_clock_change(
    store: Store, plans: Mapping[str, datetime], longest: datetime, now: datetime
) -> None:
    """Replace times that a clock ahead of its time has planned by those of `plans`.

    Such a source waits one whole interval from now, because the real time of its last visit is unknown (CL5). No
    server can have asked for a pause beyond `longest`.
    """
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE sources SET last_attempt = min(last_attempt, ?), next_visit = ? WHERE id = ?",
            [[stamp(now), stamp(at), id_] for id_, at in plans.items()],
        )
        # The intervals after these visits cannot be measured (CL20).
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


def log(store: Store) -> Iterator[VisitRecord]:
    """Yield every visit of the configured sources in the order in which they began (CL20)."""
    rows = store.db.execute(
        "SELECT visits.* FROM visits JOIN sources ON sources.id = visits.source_id"
        " WHERE sources.configured = 1 AND visits.url IS NOT NULL"  # rows of early versions lack columns
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
            min_interval=timedelta(seconds=row["floor"]),
            validated=bool(row["validated"]),
            until=moment(row["until"]),
            bytes_read=row["bytes"] or 0,
            requests=row["requests"],
        )
