"""`source letter`: what the store knows of a source that makes trouble, as a letter to its publisher."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from aggregator.discovery import appeal_text
from aggregator.errors import SandboxFailure
from aggregator.model.config import Source
from aggregator.model.discovery import Appeal, PastVisit, Trouble
from aggregator.model.polling import ParseContext, ParsedVisit, Response, SourceRecord, Validators
from aggregator.polling import politeness
from aggregator.polling.parse import parse_visit
from aggregator.ports import App
from aggregator.store import source_history, sources
from aggregator.store import visits as visit_log
from aggregator.store.connection import opened

MALFORMED = "malformed but read: "


def run(app: App, id_: str) -> str | None:
    """The letter, or None where there is nothing to complain about. Nobody is asked, nothing is recorded."""
    from aggregator.gateways.http import user_agent

    config = app.config
    source = config.source(id_)
    with opened(config.data / "aggregator.db", create=False) as store:
        record = sources.records(store).get(id_)
        if record is None:
            return None  # disabled, or never seen
        publisher = sources.publishers(store)[id_]
        visits = source_history.visits(store, id_)
        kept = source_history.document(store, id_, source.url)
        politeness_report = {one.source_id: one for one in politeness.replay(visit_log.log(store))}
    troubles = (
        *_of_visits(visits),
        *_of_server(source, record, visits),
        *_of_document(app, source, record, kept),
    )
    if not troubles:
        return None
    return appeal_text.letter(
        Appeal(
            name=source.name,
            url=source.url,
            language=source.language or publisher.language or config.site.language,
            site=config.site,
            user_agent=user_agent(config.site),
            per_day=politeness_report[id_].per_day if id_ in politeness_report else 0.0,
            last_success=record.last_success,
            troubles=troubles,
        )
    )


def _of_visits(visits: Sequence[PastVisit]) -> Iterator[Trouble]:
    """What the visits since the last good one failed of; for each sort of trouble since when and how often."""
    streak: list[PastVisit] = []
    for visit in reversed(visits):
        if visit.outcome != "failed":
            break
        streak.insert(0, visit)
    whats = [(visit, appeal_text.word(visit.reason or "")) for visit in streak]
    for what in dict.fromkeys(what for _, what in whats):
        mine = [visit for visit, its in whats if its == what]
        if what:
            yield Trouble(what=what, detail=_detail(what, mine), since=mine[0].started, times=len(mine))


def _detail(what: str, visits: Sequence[PastVisit]) -> str:
    """The name of the wall, the status codes with how often they came, or the last reason as it was."""
    reason = visits[-1].reason or ""
    codes = Counter(visit.status for visit in visits if visit.status and visit.status >= 400)
    status = ", ".join(f"HTTP {code}" + (f" ×{n}" if n > 1 else "") for code, n in sorted(codes.items()))
    if what == "wall":
        owner = re.search(r"bot wall stands before it \(([^)]*)\)", reason)
        return ", ".join(filter(None, (owner[1] if owner else "", status)))
    if status and what in ("password", "forbidden", "missing", "too-many", "error"):
        return status
    return reason.removeprefix("its certificate is not valid: ").removeprefix("no secure connection (TLS): ")


def _of_server(source: Source, record: SourceRecord, visits: Sequence[PastVisit]) -> Iterator[Trouble]:
    """What is unfortunate although the document is read."""
    if record.failures or record.last_success is None:
        return
    if record.move is not None:
        yield Trouble(
            what="moved", detail=record.move.url, since=record.move.since, times=max(record.move.visits, 1)
        )
    # Pages are made anew for every visitor; of feeds and calendars it can be expected.
    if source.kind != "page" and Validators(url=record.validators.url) == record.validators:
        read = [visit.bytes_read for visit in visits if visit.outcome != "failed" and visit.bytes_read]
        size = f"{max(1, round(sum(read) / len(read) / 1000)):,} kB" if read else "?"
        yield Trouble(what="validators", detail=size, since=_first(visits), times=len(read))


def _first(visits: Sequence[PastVisit]) -> datetime | None:
    return visits[0].started if visits else None


def _of_document(
    app: App, source: Source, record: SourceRecord, kept: tuple[str, bytes] | None
) -> Iterator[Trouble]:
    """What a reader of the kept document stumbles over."""
    if kept is None or record.failures:
        return
    answer = Response(status=200, url=kept[0], headers={}, body=kept[1])
    seconds = app.config.fetch.timeout.total_seconds()
    context = ParseContext(source=source, identity_policy=record.identity_policy)
    rules, now = app.config.topics, app.clock()
    with app.sandbox(1) as sandbox:
        try:
            read = sandbox(parse_visit, context, answer, rules, now, seconds=seconds)
        except SandboxFailure:
            return
    for note in read.notes if isinstance(read, ParsedVisit) else ():
        if note.startswith(MALFORMED):
            yield Trouble(what="malformed", detail=note.removeprefix(MALFORMED), since=record.last_success)
