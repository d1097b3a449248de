"""Write the pages of editions, their list and their feed.

A page is written once, and again after a story of its edition was hidden.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

from aggregator import publishing
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.publishing import PublishedDocument
from aggregator.model.reports import PublishReport, QuarantineStep
from aggregator.publishing import paths
from aggregator.quarantine import Quarantine
from aggregator.store import edition_revisions, meta, websub_pings
from aggregator.store.connection import Store

EDITIONS_KEY = "editions_written"
"""Key of the hashes that the list and the feed were rendered with."""


def write_editions(
    store: Store, config: Config, quarantine: Quarantine, *, everything: bool = False
) -> PublishReport:
    """Write the documents of editions that changed, or all of them with `everything`.

    Changed templates or settings alone rewrite the list and the feed, but no pages of old editions (P1).
    """
    render_hash = f"{config.file_hash} {publishing.program_hash()}"
    lost = not (config.public / paths.EDITION_FEED).exists()
    due = edition_revisions.unwritten(store, everything=everything or lost)
    if not due and (lost or meta.get(store, EDITIONS_KEY) == render_hash):
        return PublishReport()
    written = []
    unchanged = 0
    hashes = {}
    documents, failed = _render_documents(store, config, quarantine, due)
    for document in documents:
        hashes[document.path] = hashlib.sha256(document.body).hexdigest()
        if files.write_document(config.public, document):
            written.append(document.path)
        else:
            unchanged += 1
    edition_revisions.mark_written(
        store, {id_: revision for id_, revision in due.items() if id_ not in failed}
    )
    if config.hub and paths.EDITION_FEED in hashes:
        websub_pings.record_published(
            store, {config.site.url + paths.EDITION_FEED: hashes[paths.EDITION_FEED]}
        )
    meta.put(store, EDITIONS_KEY, render_hash)
    return PublishReport(documents_written=tuple(written), unchanged=unchanged)


def _render_documents(
    store: Store, config: Config, quarantine: Quarantine, due: Iterable[str]
) -> tuple[list[PublishedDocument], set[str]]:
    """Render the pages of `due` editions, the list and the feed; return also failed ids."""
    from aggregator.publishing import edition_pages
    from aggregator.store import editions

    documents, failed = [], set()
    for id_ in due:
        document = quarantine.try_document(
            QuarantineStep.EDITION, id_, partial(_render_page, store, config, id_)
        )
        if document is None:
            failed.add(id_)
        else:
            documents.append(document)
    if summaries := editions.summaries(store):
        documents.append(edition_pages.index(summaries, config.site, config.web.url))
        newest = [summary.id for summary in summaries[: edition_pages.MAX_EDITIONS]]
        documents += quarantine.apply_without_failing(
            QuarantineStep.EDITION, newest, partial(_render_feed, store, config)
        )
    return documents, failed


def _render_page(store: Store, config: Config, id_: str) -> PublishedDocument:
    from aggregator.publishing import edition_pages
    from aggregator.store import editions

    return edition_pages.page(editions.read(store, id_), config.site, config.web.url)


def _render_feed(store: Store, config: Config, ids: Sequence[str]) -> list[PublishedDocument]:
    from aggregator.publishing import edition_pages
    from aggregator.store import editions

    newest = [editions.read(store, id_) for id_ in ids]
    return [edition_pages.feed(newest, config.site, config.hub)] if newest else []
