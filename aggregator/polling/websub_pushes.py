"""Parse pushes of WebSub hubs, plan visits, and record missing pushes (WS6 to WS8)."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from functools import partial

from aggregator.model.items import ChangeKind
from aggregator.model.polling import (
    Failure,
    ParseContext,
    ParsedVisit,
    Response,
    SourceRecord,
    Validators,
    VisitResult,
)
from aggregator.model.websub import Push
from aggregator.polling import store_document
from aggregator.polling.due import url_of
from aggregator.polling.round import Round
from aggregator.polling.sandboxed_parse import SandboxedParser
from aggregator.polling.visit_exceptions import value_or_failure
from aggregator.polling.websub_requests import plan_visit
from aggregator.ports import Sandbox
from aggregator.store import documents, sources, websub_subscriptions

MAX_PUSHES = 200
"""Maximum number of pushes parsed in a round; the next round continues."""

logger = logging.getLogger("aggregator.fetch")


def read_pushes(work: Round) -> None:
    """Store the new items of unread pushes, then plan the requested visits."""
    work.records = sources.records(work.store)
    push = websub_subscriptions.next_unread(work.store)
    if push is not None:
        with work.app.sandbox(1) as sandbox:
            for _ in range(MAX_PUSHES):
                if push is None or work.app.stopping():
                    break
                _read_push(work, push, sandbox)
                push = websub_subscriptions.next_unread(work.store)
    with work.transaction():
        for subscription_id, source_id in websub_subscriptions.visits_to_plan(work.store).items():
            plan_visit(work, subscription_id, source_id, work.records.get(source_id))


def _read_push(work: Round, push: Push, sandbox: Sandbox) -> None:
    """Store the new items of one push; request a visit if it is malformed or has edits."""
    work.begin_run()
    work.counts["pushes"] += 1
    parsed = _parse(work, push, sandbox)
    stored = value_or_failure(partial(_store, work, push, parsed))
    if isinstance(
        stored, Failure
    ):  # it broke the program: mark it, so that the next round does not read it again
        with work.transaction():
            websub_subscriptions.mark_read(work.store, push, work.now)
            websub_subscriptions.request_visit(work.store, push.subscription_id)
    failure = next((result for result in (parsed, stored) if isinstance(result, Failure)), None)
    reason = f", but cannot be read: {failure.reason}" if failure else ""
    logger.info(
        "its hub pushed a document%s", reason, extra={"source": push.source_id, "run": work.begin_run()}
    )


def _parse(work: Round, push: Push, sandbox: Sandbox) -> ParsedVisit | Failure | None:
    """Parse a push as a document; None if its source is not subscribed any more."""
    record = work.records.get(push.source_id)
    if record is None or not push.wanted or record.last_success is None:
        return None
    source = work.config.source(push.source_id)
    known_hashes = documents.entry_hashes(work.store, [source.id]).get(source.id, frozenset())
    context = ParseContext(source=source, identity_policy=record.identity_policy, known_hashes=known_hashes)
    response = Response(
        status=200,
        url=record.validators.url or url_of(source, record),
        headers={"content-type": push.media_type} if push.media_type else {},
        body=push.body,
    )
    parser = SandboxedParser(sandbox=sandbox, rules=work.config.topics, now=work.now)
    seconds = work.config.fetch.timeout.total_seconds()
    parse = partial(parser.document, context, response, Validators(), body_hash="", seconds=seconds)
    return _well_formed(value_or_failure(parse))


def _well_formed(parsed: ParsedVisit | Failure) -> ParsedVisit | Failure:
    """Return a parsed push; a failure if it is malformed: its last entry may be cut off."""
    notes = parsed.notes if isinstance(parsed, ParsedVisit) else ()
    return next((Failure(reason=note) for note in notes if note.startswith("malformed")), parsed)


def _store(work: Round, push: Push, parsed: ParsedVisit | Failure | None) -> None:
    """Store the new items of a push and that it was read, in one transaction."""
    with work.transaction():
        websub_subscriptions.mark_read(work.store, push, work.now)
        if isinstance(parsed, Failure):
            websub_subscriptions.request_visit(work.store, push.subscription_id)
        if not isinstance(parsed, ParsedVisit):
            return
        source, record = work.config.source(push.source_id), work.records[push.source_id]
        changes = store_document.store_pushed(work, source, record, parsed)
        counts: Counter[ChangeKind] = store_document.count_changes(changes)
        work.counts["new_items"] += counts[ChangeKind.NEW]
        if counts[ChangeKind.EDITED] or counts[ChangeKind.SIGNIFICANT]:
            websub_subscriptions.request_visit(work.store, push.subscription_id)


def pushes_suffice_until(work: Round, record: SourceRecord, visit: VisitResult, new: int) -> datetime | None:
    """Record a visit; return until when pushes replace frequent visits, None for never (WS8).

    New items that were not pushed are a miss: then the source is visited as usual.
    """
    lease = record.lease
    if lease is None or isinstance(visit.result, Failure):
        return None
    websub_subscriptions.record_visit(work.store, record.id)
    if lease.until <= work.now:
        return None
    since_lease = record.last_success is not None and record.last_success >= lease.since
    explained = lease.visit_due or websub_subscriptions.has_unread(work.store, record.id)
    if new and since_lease and not explained:
        websub_subscriptions.record_miss(work.store, record.id)
        return None
    return None if lease.unproven else lease.until
