"""Bring sources and channels of the database in line with feeds.yaml."""

from __future__ import annotations

import hashlib
from datetime import datetime

from aggregator.formats import VERSION
from aggregator.model.config import Config, Source
from aggregator.publishing.channels import reselect_channels
from aggregator.store import channels, set_aside, sources
from aggregator.store.connection import Store


def synchronise(store: Store, config: Config, now: datetime) -> None:
    """feeds.yaml into the store: sources (V5), with what their documents are to be read (V4), and channels."""
    keys = {source.id: reading_key(source, config) for source in config.sources}
    with store.transaction():
        set_aside.retry(store)
        behind = channels.unwritten(store)
        sources.sync(store, config.sources, keys)
        channels.unwritten_from(store, channels.unwritten(store).keys() - behind.keys(), now)
    reselect_channels(store, config.channels, now)


def reading_key(source: Source, config: Config) -> str:
    """What a kept body's reading depends on: parser version and the options that shape items (V4)."""
    options = (
        VERSION,
        source.kind,
        source.page,
        source.only,
        source.drop,
        source.topics,
        source.language,
        str(source.timezone),
        config.topics,
    )
    return hashlib.sha256(repr(options).encode()).hexdigest()[:16]
