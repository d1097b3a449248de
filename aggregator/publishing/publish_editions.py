"""Editions -> their pages, list and feed: each page once, and again where a story of it was hidden since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

from aggregator import publishing
from aggregator.containment import Containment
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.publishing import PublishedDocument
from aggregator.model.reports import ContainedStep, PublishReport
from aggregator.publishing import paths
from aggregator.store import editions, runs, websub_state
from aggregator.store.connection import Store

WRITTEN = "editions_written"


def publish(
    store: Store, config: Config, contained: Containment, *, everything: bool = False
) -> PublishReport:
    """Bring `public/digests` in line with the store: what was told stays; with `everything` all pages anew (P1).

    Other templates or settings alone do not touch the pages of old editions; the list and the feed they do.
    """
    made_with = f"{config.file_hash} {publishing.template_hash()}"
    lost = not (config.public / paths.EDITION_FEED).exists()
    due = editions.unwritten(store, everything=everything or lost)
    if not due and (lost or runs.get(store, WRITTEN) == made_with):
        return PublishReport()
    written = []
    unchanged = 0
    public = {}
    made, failed = _documents(store, config, contained, due)
    for document in made:
        public[document.path] = hashlib.sha256(document.body).hexdigest()
        if files.write_document(config.public, document):
            written.append(document.path)
        else:
            unchanged += 1
    editions.written(store, {id_: revision for id_, revision in due.items() if id_ not in failed})
    if config.hub and paths.EDITION_FEED in public:
        websub_state.owe(store, {config.site.url + paths.EDITION_FEED: public[paths.EDITION_FEED]})
    runs.put(store, WRITTEN, made_with)
    return PublishReport(documents_written=tuple(written), unchanged=unchanged)


def _documents(
    store: Store, config: Config, contained: Containment, due: Iterable[str]
) -> tuple[list[PublishedDocument], set[str]]:
    """The pages of the editions `due`, their list and their feed; and the editions that cannot be rendered."""
    from aggregator.publishing import edition_pages as pages

    made, failed = [], set()
    for id_ in due:
        document = contained.whole(ContainedStep.EDITION, id_, partial(_page, store, config, id_))
        if document is None:
            failed.add(id_)
        else:
            made.append(document)
    if lines := editions.summaries(store):
        made.append(pages.index(lines, config.site))
        newest = [line.id for line in lines[: pages.NEWEST]]
        made += contained.without_broken(ContainedStep.EDITION, newest, partial(_feed, store, config))
    return made, failed


def _page(store: Store, config: Config, id_: str) -> PublishedDocument:
    from aggregator.publishing import edition_pages as pages

    return pages.page(editions.read(store, id_), config.site)


def _feed(store: Store, config: Config, ids: Sequence[str]) -> list[PublishedDocument]:
    from aggregator.publishing import edition_pages as pages

    newest = [editions.read(store, id_) for id_ in ids]
    return [pages.feed(newest, config.site, config.hub)] if newest else []
