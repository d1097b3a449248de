"""Editions -> their pages, list and feed: each page once, and again where a story of it was hidden since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

from aggregator import outputs
from aggregator.gateways import files
from aggregator.jobs.contain import Containment
from aggregator.model import Config, Document, PublishReport, Step
from aggregator.outputs import places
from aggregator.store import editions, pings, runs
from aggregator.store.connection import Store

WRITTEN = "editions_written"


def publish(
    store: Store, config: Config, contained: Containment, *, everything: bool = False
) -> PublishReport:
    """Bring `public/digests` in line with the store: what was told stays; with `everything` all pages anew (P1).

    Other templates or settings alone do not touch the pages of old editions; the list and the feed they do.
    """
    made_with = f"{config.digest_of_file} {outputs.made_with()}"
    lost = not (config.public / places.EDITION_FEED).exists()
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
    if config.hub and places.EDITION_FEED in public:
        pings.owe(store, {config.site.url + places.EDITION_FEED: public[places.EDITION_FEED]})
    runs.put(store, WRITTEN, made_with)
    return PublishReport(documents_written=tuple(written), unchanged=unchanged)


def _documents(
    store: Store, config: Config, contained: Containment, due: Iterable[str]
) -> tuple[list[Document], set[str]]:
    """The pages of the editions `due`, their list and their feed; and the editions that cannot be rendered."""
    from aggregator.outputs import editions as pages

    made, failed = [], set()
    for id_ in due:
        document = contained.whole(Step.EDITION, id_, partial(_page, store, config, id_))
        if document is None:
            failed.add(id_)
        else:
            made.append(document)
    if lines := editions.lines(store):
        made.append(pages.index(lines, config.site))
        newest = [line.id for line in lines[: pages.NEWEST]]
        made += contained.without_broken(Step.EDITION, newest, partial(_feed, store, config))
    return made, failed


def _page(store: Store, config: Config, id_: str) -> Document:
    from aggregator.outputs import editions as pages

    return pages.page(editions.read(store, id_), config.site)


def _feed(store: Store, config: Config, ids: Sequence[str]) -> list[Document]:
    from aggregator.outputs import editions as pages

    newest = [editions.read(store, id_) for id_ in ids]
    return [pages.feed(newest, config.site, config.hub)] if newest else []
