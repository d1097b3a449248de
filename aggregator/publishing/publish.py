"""Channels -> documents -> files: rendered where something changed, written where bytes differ (P1, PB13)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import pairwise

from aggregator import publishing
from aggregator.containment import Containment
from aggregator.gateways import files
from aggregator.locked_store import locked_store
from aggregator.model.config import Channel, Config
from aggregator.model.publishing import EPOCH, ArchiveMonth, Publication, PublishedDocument, SourceDirectory
from aggregator.model.reports import ContainedStep, PublishReport
from aggregator.model.stories import Publisher
from aggregator.ports import App
from aggregator.publishing import paths, websub
from aggregator.publishing import publish_editions as pages
from aggregator.publishing.synchronise import synchronise
from aggregator.store import archives, channels, editions, runs, sources, stories, websub_state
from aggregator.store.archives import ArchiveRecord
from aggregator.store.channels import ChannelRecord
from aggregator.store.connection import Store

WINDOW = 100  # stories in a feed and on a page
STONES = 50  # tombstones in a feed; the archive has all of them
DIRECTORY = "directory_written"
FILES = ("index.html", "atom.xml", "rss.xml", "feed.json")


def run(app: App) -> PublishReport:
    """Render every channel again, whatever the records say; files whose bytes are right are not touched."""
    config = app.config
    begun = time.perf_counter()
    with locked_store(config, job="publish", clock=app.clock) as store:
        now = app.clock()
        synchronise(store, config, now)
        run_id = runs.begin(store, "publish", now)
        report = render(store, config, now, everything=True)
        report = replace(report, notices=(*report.notices, *websub.ping_hub(app, store)))
        report = replace(report, seconds=round(time.perf_counter() - begun, 3))
        runs.finish(store, run_id, "done", {"documents_written": report.documents_written}, app.clock())
    return report


@dataclass(slots=True)
class _Press:
    """What one publishing works with and gathers."""

    store: Store
    config: Config
    now: datetime
    editions: bool
    contained: Containment
    everything: bool = False
    written: list[str] = field(default_factory=list)
    unchanged: int = 0

    def put(self, document: PublishedDocument) -> None:
        """Write a document where its bytes differ from what is there."""
        if files.write_document(self.config.public, document):
            self.written.append(document.path)
        else:
            self.unchanged += 1

    def there(self, path: str) -> bool:
        """Whether a document is there at all: somebody may have lost `public`."""
        return (self.config.public / path).exists()

    def made_with(self) -> str:
        """What decides about bytes besides a channel's own stories (P1)."""
        told = "with editions" if self.editions else "no editions"
        return f"{self.config.file_hash} {publishing.template_hash()} {told}"


def _press(store: Store, config: Config, now: datetime, *, everything: bool = False) -> _Press:
    told = editions.any_entries(store)
    contained = Containment(store)
    return _Press(
        store=store, config=config, now=now, everything=everything, editions=told, contained=contained
    )


def render(store: Store, config: Config, now: datetime, *, everything: bool = False) -> PublishReport:
    """Bring `public` in line with the store, which knows feeds.yaml already (`working.prepare`)."""
    press = _press(store, config, now, everything=everything)
    records = channels.records(store)
    _archives(press)
    for channel in config.channels:
        _channel(press, channel, records[channel.id])
    _directory(press)
    _sweep(press)
    told = pages.publish(store, config, press.contained, everything=everything)
    return PublishReport(
        documents_written=(*press.written, *told.documents_written),
        unchanged=press.unchanged + told.unchanged,
        notices=press.contained.record(now),
    )


def close_months(store: Store, config: Config, now: datetime) -> tuple[str, ...]:
    """Write the archive documents of months that ended, before anything in them can change (P2); what is to be said."""
    if not any(not record.closed and record.month < f"{now:%Y-%m}" for record in archives.records(store)):
        return ()
    press = _press(store, config, now)
    _archives(press)
    return press.contained.record(now)


# --- channels ------------------------------------------------------------------------------------------


def _channel(press: _Press, channel: Channel, record: ChannelRecord) -> None:
    made_with = press.made_with()
    current = record.revision == record.written_revision and record.written_with == made_with
    if current and not press.everything and _shown(press, channel):
        return
    documents = press.contained.whole(
        ContainedStep.CHANNEL, channel.id, lambda: _documents(press, channel, record)
    )
    if documents is None:
        return
    public: dict[str, str] = {}
    for document in documents:
        press.put(document)
        public[press.config.site.url + document.path] = hashlib.sha256(document.body).hexdigest()
    with press.store.transaction():
        channels.written(press.store, record, made_with)
        if press.config.hub:
            websub_state.owe(press.store, {url: version for url, version in public.items() if _is_feed(url)})


def _shown(press: _Press, channel: Channel) -> bool:
    """Whether the files of a channel are there; that of a source or topic has none before its first story."""
    if press.there(paths.path(channel, "atom.xml")):
        return True
    return channel.automatic and not channels.window(press.store, channel.id, 1, fed_only=False)


def _is_feed(url: str) -> bool:
    return url.endswith((".xml", ".json"))


def _documents(press: _Press, channel: Channel, record: ChannelRecord) -> list[PublishedDocument]:
    """The documents of a channel, with all its stories that can be rendered."""
    windows = (channels.window(press.store, channel.id, WINDOW, fed_only=fed) for fed in (True, False))
    return press.contained.without_broken(
        ContainedStep.PUBLISHING,
        dict.fromkeys(id_ for window in windows for id_ in window),
        lambda sound: _rendered(press, channel, record, frozenset(sound)),
    )


def _rendered(
    press: _Press, channel: Channel, record: ChannelRecord, sound: frozenset[str]
) -> list[PublishedDocument]:
    from aggregator.publishing import renderers

    store, config = press.store, press.config
    with store.snapshot():
        fed, shown = (
            [id_ for id_ in channels.window(store, channel.id, WINDOW, fed_only=fed_only) if id_ in sound]
            for fed_only in (True, False)
        )
        read = {story.id: story for story in stories.read(store, list(dict.fromkeys([*fed, *shown])))}
        since = min((read[id_].announced for id_ in fed), default=EPOCH)
        stones = channels.tombstones(store, channel.id, since, STONES)
        months = archives.records(store) if channel.id == "all" else []
        # One that an editor opened a moment ago has no document yet.
        months = [record for record in months if record.written_revision]
    if channel.automatic and not read and not press.there(paths.path(channel, "atom.xml")):
        return []
    publication = Publication(
        site=config.site,
        channel=channel,
        channels=_listed(press, channel),
        stories=tuple(read[id_] for id_ in fed),
        tombstones=tuple(stones),
        updated=record.updated,
        previous=months[-1].month if months else None,
        hub=config.hub,
        editions=press.editions,
    )
    page = replace(publication, stories=tuple(read[id_] for id_ in shown))
    return renderers.feeds(publication) + [render(page) for render in renderers.PAGES.values()]


def _listed(press: _Press, channel: Channel) -> tuple[Channel, ...]:
    """The channels that a page leads to: those of sources and topics from the page of everything only.

    Any story changes that one, so that no other page depends on which sources told something by now.
    """
    told = channels.told(press.store) if channel.id == "all" else set()
    return tuple(other for other in press.config.channels if not other.automatic or other.id in told)


def _sweep(press: _Press) -> None:
    """The files of channels that left feeds.yaml go: nobody would ever bring them up to date again."""
    for id_ in channels.gone(press.store, [channel.id for channel in press.config.channels]):
        paths = [f"channels/{id_}/{name}" for name in FILES]
        files.remove_documents(press.config.public, paths)
        websub_state.forget(press.store, [press.config.site.url + path for path in paths])
        channels.forget(press.store, id_)
        press.contained.forget(ContainedStep.CHANNEL, id_)


# --- the archive ---------------------------------------------------------------------------------------


def _archives(press: _Press) -> None:
    """Documents of months that changed, and of those that ended since they were written (P2)."""
    channel = next(channel for channel in press.config.channels if channel.id == "all")
    for before, record in pairwise([None, *archives.records(press.store)]):
        assert record is not None
        if _is_stale(press, record):
            previous = before.month if before else None
            month = ArchiveMonth(
                site=press.config.site, channel=channel, month=record.month, previous=previous, stories=()
            )
            press.contained.whole(
                ContainedStep.CHANNEL, record.month, partial(_write_month, press, record, month)
            )


def _is_stale(press: _Press, record: ArchiveRecord) -> bool:
    wanted = paths.anchored(press.config.site) if record.closed else press.made_with()
    current = record.revision == record.written_revision and record.written_with == wanted
    ended = not record.closed and record.month < f"{press.now:%Y-%m}"
    return press.everything or ended or not current or not press.there(paths.archive_path(record.month))


def _write_month(press: _Press, record: ArchiveRecord, month: ArchiveMonth) -> None:
    from aggregator.publishing import archive

    anchored = paths.anchored(press.config.site)
    with press.store.snapshot():
        month = replace(month, tombstones=tuple(archives.withdrawn(press.store, month.month)))
        document = _amended(press, month) if record.closed and record.written_with == anchored else None
        if document is None:
            document = press.contained.without_broken(
                ContainedStep.PUBLISHING,
                archives.told(press.store, month.month),
                lambda ids: archive.render(replace(month, stories=tuple(stories.read(press.store, ids)))),
            )
    press.put(document)
    closed = record.month < f"{press.now:%Y-%m}"
    archives.written(press.store, record, anchored if closed else press.made_with(), closed=closed)


def _amended(press: _Press, month: ArchiveMonth) -> PublishedDocument | None:
    """A frozen document with its withdrawals, None if it is lost and must be rendered again."""
    from aggregator.publishing import archive

    path = paths.archive_path(month.month)
    try:
        body = (press.config.public / path).read_bytes()
        told = archive.told(body)
        back = [id_ for id_ in archives.told(press.store, month.month) if id_ not in told]
        back = press.contained.sound(ContainedStep.PUBLISHING, back)
        body = archive.amend(body, replace(month, stories=tuple(stories.read(press.store, back))))
    except (OSError, ValueError):
        return None
    return PublishedDocument(path=path, media_type=paths.ATOM_TYPE, body=body)


# --- what belongs to no channel ------------------------------------------------------------------------


def _directory(press: _Press) -> None:
    """`sources.opml`, and the style sheet of every feed."""
    publishers = tuple(sources.publishers(press.store, configured=True).values())
    described = hashlib.sha256(repr((press.config.site, publishers, press.made_with())).encode()).hexdigest()
    if described == runs.get(press.store, DIRECTORY) and press.there("feed.css") and not press.everything:
        return
    document = press.contained.whole(
        ContainedStep.CHANNEL, "sources.opml", lambda: _opml(press.config, publishers)
    )
    if document is None:
        return
    press.put(document)
    press.put(_stylesheet())
    runs.put(press.store, DIRECTORY, described)


def _opml(config: Config, publishers: tuple[Publisher, ...]) -> PublishedDocument:
    from aggregator.publishing import opml

    topics = {source.id: source.topics for source in config.sources}
    return opml.render(SourceDirectory(site=config.site, sources=publishers, topics=topics))


def _stylesheet() -> PublishedDocument:
    from aggregator.publishing import feed_stylesheet

    return feed_stylesheet.render()
