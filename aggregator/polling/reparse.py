"""Parse stored documents again after a change of parser or options, without a request (V4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial

from aggregator.model.config import Source
from aggregator.model.items import ChangeKind
from aggregator.model.polling import Failure, ParseContext, Response
from aggregator.polling import store_document
from aggregator.polling.round import Round
from aggregator.polling.sandboxed_parse import SandboxedParser
from aggregator.polling.visit_exceptions import value_or_failure
from aggregator.ports import Sandbox
from aggregator.store import documents


def reparse(work: Round, outdated: Iterable[tuple[str, str]], sandbox: Sandbox) -> None:
    """Parse documents of (source id, new key) again; those with articles at the next visit."""
    by_id = {source.id: source for source in work.config.sources}
    for source_id, key in outdated:
        source = by_id[source_id]
        if any(layout.article for layout in source.page):
            documents.mark_unfinished(work.store, source_id, key)
            continue
        failure = value_or_failure(partial(_reparse, work, source, sandbox))
        if failure:
            with work.store.transaction():
                documents.mark_unreadable(work.store, source_id, key)
            work.notices.append(f"{source_id}: its stored document cannot be read any more: {failure.reason}")


def _reparse(work: Round, source: Source, sandbox: Sandbox) -> Failure | None:
    """Parse one document again and store its items; return why that failed, or None."""
    record = work.records[source.id]
    with work.store.snapshot():
        stored = documents.last_accepted(work.store, source.id)
    parser = SandboxedParser(sandbox=sandbox, rules=work.config.topics, now=work.now)
    parsed = parser.document(
        ParseContext(source=source, identity_policy=record.identity_policy),
        Response(status=200, url=stored.url, headers={}, body=stored.body),
        record.validators,
        body_hash=hashlib.sha256(stored.body).hexdigest(),
        seconds=work.config.fetch.timeout.total_seconds(),
    )
    if isinstance(parsed, Failure):
        return parsed
    with work.transaction():
        changes = store_document.count_changes(store_document.store_reparsed(work, source, parsed))
    work.counts["new_items"] += changes[ChangeKind.NEW]
    work.counts["updated_items"] += changes[ChangeKind.EDITED] + changes[ChangeKind.SIGNIFICANT]
    return None
