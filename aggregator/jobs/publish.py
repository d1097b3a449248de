"""Channels -> documents -> files: rendered where something changed, written where bytes differ (P1, PB13)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

from aggregator import outputs
from aggregator.gateways import files
from aggregator.jobs import editions
from aggregator.jobs.place import select_again
from aggregator.jobs.working import prepare, working
from aggregator.model import Channel, Config, Directory, Document, Publication, PublishReport, Teller
from aggregator.outputs import places
from aggregator.seams import House
from aggregator.store import channels, runs, sources, stories
from aggregator.store.connection import Store

WINDOW = 100  # stories in a feed and on a page
DIRECTORY = "directory_written"


def run(house: House) -> PublishReport:
    """Render every channel again, whatever the records say; files whose bytes are right are not touched."""
    config = house.config
    begun = time.perf_counter()
    with working(config) as store:
        prepare(store, config)
        run_id = runs.begin(store, "publish", house.clock())
        report = render(store, config, everything=True)
        report = replace(report, seconds=round(time.perf_counter() - begun, 3))
        runs.finish(store, run_id, "done", {"documents_written": report.documents_written}, house.clock())
    return report


def render(store: Store, config: Config, *, everything: bool = False) -> PublishReport:
    """Bring `public` in line with the store."""
    made_with = f"{config.digest_of_file} {outputs.made_with()}"
    records = select_again(store, config.channels)
    written: list[str] = []
    unchanged = 0
    for channel in config.channels:
        record = records[channel.id]
        current = record.revision == record.written_revision and record.written_with == made_with
        current = current and (config.public / places.path(channel, "atom.xml")).exists()
        if current and not everything:
            continue
        for document in _documents(store, config, channel):
            if files.write_document(config.public, document):
                written.append(document.path)
            else:
                unchanged += 1
        channels.written(store, record, made_with)
    tellers = tuple(sources.tellers(store, configured=True).values())
    described = hashlib.sha256(repr((config.site, tellers)).encode()).hexdigest()
    if described != runs.get(store, DIRECTORY) or everything:
        document = _directory(config, tellers)
        if files.write_document(config.public, document):
            written.append(document.path)
        else:
            unchanged += 1
        runs.put(store, DIRECTORY, described)
    told = editions.publish(store, config, everything=everything)
    return PublishReport(
        documents_written=(*written, *told.documents_written), unchanged=unchanged + told.unchanged
    )


def _directory(config: Config, tellers: tuple[Teller, ...]) -> Document:
    from aggregator.outputs import opml

    return opml.render(Directory(site=config.site, sources=tellers))


def _documents(store: Store, config: Config, channel: Channel) -> list[Document]:
    from aggregator.outputs import renderers

    with store.snapshot():
        fed = channels.window(store, channel.id, WINDOW, fed_only=True)
        shown = channels.window(store, channel.id, WINDOW, fed_only=False)
        read = {story.id: story for story in stories.read(store, list(dict.fromkeys([*fed, *shown])))}

    def publication(ids: list[str]) -> Publication:
        return Publication(
            site=config.site,
            channel=channel,
            channels=config.channels,
            stories=tuple(read[id_] for id_ in ids),
        )

    feeds = [render(publication(fed)) for render in renderers.FEEDS.values()]
    pages = [render(publication(shown)) for render in renderers.PAGES.values()]
    return feeds + pages
