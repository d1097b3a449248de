"""Editions -> their pages, list and feed: each page once, and again where a story of it was hidden since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from aggregator import outputs
from aggregator.gateways import files
from aggregator.model import Config, Document, PublishReport
from aggregator.outputs import places
from aggregator.store import editions, pings, runs
from aggregator.store.connection import Store

WRITTEN = "editions_written"


def publish(store: Store, config: Config, *, everything: bool = False) -> PublishReport:
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
    for document in _documents(store, config, due):
        public[document.path] = hashlib.sha256(document.body).hexdigest()
        if files.write_document(config.public, document):
            written.append(document.path)
        else:
            unchanged += 1
    editions.written(store, due)
    if config.hub and places.EDITION_FEED in public:
        pings.owe(store, {config.site.url + places.EDITION_FEED: public[places.EDITION_FEED]})
    runs.put(store, WRITTEN, made_with)
    return PublishReport(documents_written=tuple(written), unchanged=unchanged)


def _documents(store: Store, config: Config, due: dict[str, int]) -> Iterator[Document]:
    from aggregator.outputs import editions as pages

    for id_ in due:
        yield pages.page(editions.read(store, id_), config.site)
    if lines := editions.lines(store):
        newest = [editions.read(store, line.id) for line in lines[: pages.NEWEST]]
        yield pages.index(lines, config.site)
        yield pages.feed(newest, config.site, config.hub)
