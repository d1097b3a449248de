"""Update sources and channels in the database from feeds.yaml."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from datetime import datetime

from aggregator.formats import VERSION
from aggregator.model.config import Config, Source
from aggregator.publishing.channels import reselect_channels
from aggregator.store import archives, channels, quarantined, sources
from aggregator.store.connection import Store


def synchronise(store: Store, config: Config, now: datetime) -> None:
    """Store sources, the options that their documents are parsed with, and channels (V4, V5)."""
    keys = {source.id: parsing_hash(source, now) for source in config.sources}
    with store.transaction():
        quarantined.release_other_versions(store)
        unwritten = channels.unwritten(store)
        changes = sources.synchronise(store, config.sources, keys)
        channels.outdate_selections(store, _selecting(changes.renamed, config))
        archives.outdate_months_of_sources(store, changes.restricted)
        channels.set_unwritten_since(store, channels.unwritten(store).keys() - unwritten.keys(), now)
    reselect_channels(store, config.channels, config.digests, now)


def _selecting(source_ids: Set[str], config: Config) -> list[str]:
    """Return the ids of the channels that select some of these sources by name."""
    return [
        channel.id
        for channel in config.channels
        if not source_ids.isdisjoint((*channel.include.sources, *channel.exclude.sources))
    ]


def parsing_hash(source: Source, now: datetime) -> str:
    """Return a hash of the parser version and options of a source's documents (V4).

    A calendar is read again each month, because the next dates of its series change with time. Topics and filters are
    applied to stored items instead (`reclassification.classification_hash`).
    """
    options = (
        VERSION,
        source.kind,
        source.page,
        source.language,
        str(source.timezone),
        *((f"{now:%Y-%m}",) if source.kind == "ical" else ()),
    )
    return hashlib.sha256(repr(options).encode()).hexdigest()[:16]
