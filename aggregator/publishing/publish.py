"""Render changed channels, archive documents and editions; write files whose bytes differ."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

from aggregator import publishing
from aggregator.database import locked_store
from aggregator.gateways import files
from aggregator.gateways.drafts import Drafts
from aggregator.model.config import Channel, Config
from aggregator.model.publishing import (
    EPOCH,
    ArchiveMonth,
    Fragments,
    Publication,
    PublishedDocument,
)
from aggregator.model.reports import PublishReport, QuarantineStep
from aggregator.model.value_classes import dataclass
from aggregator.ports import App
from aggregator.publishing import (
    paths,
    publish_editions,
    publish_events,
    publish_pages,
    websub,
    written_entries,
)
from aggregator.publishing.channels import newest_stories
from aggregator.publishing.fragments import FragmentCache
from aggregator.publishing.page_work import PageWork
from aggregator.publishing.synchronise import synchronise
from aggregator.quarantine import Quarantine
from aggregator.store import (
    archives,
    channels,
    edition_revisions,
    runs,
    sources,
    stories,
    story_events,
    websub_pings,
)
from aggregator.store.archives import ArchiveRecord
from aggregator.store.channels import ChannelRecord
from aggregator.store.connection import Store

MAX_TOMBSTONES = 50
"""Maximum tombstones in a feed; the archive has all of them."""
MAX_EVENTS = 500
"""Maximum stories in a calendar: those that end next, then the latest past ones."""
MAX_CHANNELS_TOGETHER = 1_000
"""Maximum channels whose files become visible together; memory holds their names until then."""
CHANNEL_FILES = ("index.html", "atom.xml", "rss.xml", "feed.json", paths.CALENDAR)


def run(app: App) -> PublishReport:
    """Render all documents, also those recorded as current; write only those that differ."""
    config = app.config
    started = time.perf_counter()
    with locked_store(config, job="publish", clock=app.clock) as store:
        now = app.clock()
        synchronise(store, config, now)
        run_id = runs.begin(store, "publish", now)
        report = render(store, config, now, everything=True)
        report = replace(report, notices=(*report.notices, *websub.ping_hub(app, store)))
        report = replace(report, seconds=round(time.perf_counter() - started, 3))
        runs.finish(store, run_id, "done", {"documents_written": report.documents_written}, app.clock())
    return report


@dataclass(slots=True)
class _Rendering:
    """The inputs of one rendering, and what it wrote so far."""

    store: Store
    config: Config
    now: datetime
    editions: bool
    quarantine: Quarantine
    drafts: Drafts
    everything: bool = False
    fragments: Fragments = field(default_factory=FragmentCache)
    publishers: str = ""
    """All publishers, of which an entry contains some."""
    change_count: int = 0
    """Number of changes of stories when the run began (`stories.changes`)."""
    calendars_hash: dict[str, str] = field(default_factory=dict)
    """By channel, a hash of its calendars and of all that they depend on."""
    record_calls: list[Callable[[], None]] = field(default_factory=list)
    """Calls that record in the database what was written."""
    written: list[str] = field(default_factory=list)
    unchanged: int = 0

    def write(self, document: PublishedDocument) -> None:
        """Write the draft of a document if its bytes differ from the file."""
        self._count(document.path, self.drafts.add(document))

    def write_parts(self, path: str, parts: Iterable[bytes]) -> bytes:
        """Write the draft of a document in parts if its bytes differ from the file; return its hash."""
        changed, document_hash = self.drafts.add_parts(path, parts)
        self._count(path, changed)
        return document_hash

    def _count(self, path: str, changed: bool) -> None:
        if changed:
            self.written.append(path)
        else:
            self.unchanged += 1

    def finish(self) -> None:
        """Make the drafts visible, and record that in one transaction (P1)."""
        if not self.record_calls:
            return
        self.drafts.rename_all()
        with self.store.transaction():
            for record in self.record_calls:
                record()
        self.record_calls.clear()

    def exists(self, path: str) -> bool:
        """Return whether a file exists; the operator may have deleted `public`."""
        return (self.config.public / path).exists()

    def render_hash(self) -> str:
        """Return hashes of what the bytes depend on besides the stories of a channel (P1)."""
        editions = "with editions" if self.editions else "no editions"
        return f"{self.config.file_hash} {publishing.program_hash()} {editions}"


def _begin_rendering(store: Store, config: Config, now: datetime, *, everything: bool = False) -> _Rendering:
    publishing.use_template_cache(config.data)
    return _Rendering(
        store=store,
        config=config,
        now=now,
        everything=everything,
        editions=edition_revisions.has_pages(store),
        quarantine=Quarantine(store),
        drafts=Drafts(config.public),
        publishers=repr(sources.publishers(store)),
        change_count=stories.changes(store),
    )


def render(store: Store, config: Config, now: datetime, *, everything: bool = False) -> PublishReport:
    """Write the documents that changed; the store must be synchronised with feeds.yaml."""
    publish_events.outdate_ended_events(store, config.site, now)
    rendering = _begin_rendering(store, config, now, everything=everything)
    records = channels.records(store)
    lost = _is_lost(rendering, records["all"])
    rendering.everything |= lost
    _write_archives(rendering)
    work = _write_pages(rendering)
    # `all` comes last, because its page links to the others.
    for channel in sorted(config.channels, key=lambda each: each.id == "all"):
        _write_channel(rendering, channel, records[channel.id])
        if len(rendering.record_calls) >= MAX_CHANNELS_TOGETHER:
            rendering.finish()
    publish_events.plan_next_event_end(store, config.site, now)
    rendering.finish()
    if lost and not rendering.exists("atom.xml"):  # it fails; all else was written again
        channels.record_unwritten(store, "all")
    _remove_old_channels(rendering)
    editions_report = publish_editions.write_editions(
        store, config, rendering.quarantine, everything=rendering.everything
    )
    return PublishReport(
        documents_written=(*rendering.written, *work.written, *editions_report.documents_written),
        unchanged=rendering.unchanged + work.unchanged + editions_report.unchanged,
        notices=rendering.quarantine.record(now),
    )


def _is_lost(rendering: _Rendering, main: ChannelRecord) -> bool:
    """Return whether the main feed was written and has no file: the operator deleted `public`."""
    return bool(main.written_revision) and not rendering.exists("atom.xml")


def _write_pages(rendering: _Rendering) -> PageWork:
    """Write pages and calendars of stories and the lists, before what links to them."""
    work = PageWork(
        store=rendering.store,
        config=rendering.config,
        quarantine=rendering.quarantine,
        render_hash=rendering.render_hash(),
        publishers=rendering.publishers,
        change_count=rendering.change_count,
        everything=rendering.everything,
    )
    publish_events.write_calendar_files(work)
    publish_pages.write_pages(work)
    return work


def freeze_ended_months(store: Store, config: Config, now: datetime) -> tuple[str, ...]:
    """Write the archive documents of ended months; return notices.

    It runs before a visit can change their stories (P2).
    """
    if not any(not record.closed and record.month < f"{now:%Y-%m}" for record in archives.records(store)):
        return ()
    rendering = _begin_rendering(store, config, now)
    _write_archives(rendering)
    return rendering.quarantine.record(now)


def _write_channel(rendering: _Rendering, channel: Channel, record: ChannelRecord) -> None:
    render_hash = rendering.render_hash()
    current = record.revision == record.written_revision and record.render_hash == render_hash
    if current and not rendering.everything and _has_files(rendering, channel):
        return
    documents = rendering.quarantine.try_document(
        QuarantineStep.CHANNEL, channel.id, lambda: _render_usable_documents(rendering, channel, record)
    )
    if documents is None:
        return
    from aggregator.publishing import renderers  # no run without changed channels needs it

    hashes: dict[str, str] = {}
    main = paths.path(channel, "atom.xml")
    # Its file appears last, because it stands for all files of the channel (`_has_files`, `_is_lost`).
    for document in sorted(documents, key=lambda each: each.path == main):
        rendering.write(document)
        hashes[rendering.config.site.url + document.path] = hashlib.sha256(document.body).hexdigest()
    split = {paths.path(channel, name) for name, _ in renderers.SPLITTERS.values()}
    bodies = [each.body for each in documents if each.path in split]
    entries_hash = written_entries.entries_hash(rendering.publishers, bodies)
    written = partial(
        channels.mark_written, rendering.store, record, render_hash, entries_hash, rendering.change_count
    )
    calendars = rendering.calendars_hash.get(channel.id, "")
    rendering.record_calls.append(partial(written, calendars_hash=calendars))
    if rendering.config.hub:
        feeds = {url: version for url, version in hashes.items() if _is_feed(url)}
        rendering.record_calls.append(partial(websub_pings.record_published, rendering.store, feeds))


def _has_files(rendering: _Rendering, channel: Channel) -> bool:
    """Return whether a channel has its files; an automatic channel without stories needs none."""
    if rendering.exists(paths.path(channel, "atom.xml")):
        return True
    return channel.automatic and not channels.newest_stories(
        rendering.store, channel.id, 1, in_feeds_only=False
    )


def _is_feed(url: str) -> bool:
    return url.endswith((".xml", ".json"))


def _render_usable_documents(
    rendering: _Rendering, channel: Channel, record: ChannelRecord
) -> list[PublishedDocument]:
    """Render the documents of a channel without stories that raise an exception."""
    windows = [
        newest_stories(rendering.store, channel.id, in_feeds_only=in_feeds_only)
        for in_feeds_only in (True, False)
    ]
    return rendering.quarantine.apply_without_failing(
        QuarantineStep.PUBLISHING,
        dict.fromkeys((*windows[0], *windows[1], *_calendar_story_ids(rendering, channel))),
        lambda usable: _render_documents(rendering, channel, record, frozenset(usable)),
    )


def _render_documents(
    rendering: _Rendering, channel: Channel, record: ChannelRecord, usable: frozenset[str]
) -> list[PublishedDocument]:
    from aggregator.publishing import renderers

    store, config = rendering.store, rendering.config
    with store.snapshot():
        windows = [newest_stories(store, channel.id, in_feeds_only=only) for only in (True, False)]
        in_feeds, shown = ({id_: window[id_] for id_ in window if id_ in usable} for window in windows)
        dated = [id_ for id_ in _calendar_story_ids(rendering, channel) if id_ in usable]
        entries = _unchanged_entries(rendering, channel, record)
        fed = written_entries.unchanged_stories(entries, in_feeds, renderers.FEEDS)
        paged = written_entries.unchanged_stories(entries, shown, renderers.PAGES)
        read = [id_ for id_ in in_feeds if id_ not in fed] + [id_ for id_ in shown if id_ not in paged]
        full = {story.id: story for story in stories.read(store, list(dict.fromkeys([*read, *dated])))}
        since = min(in_feeds.values(), default=EPOCH)
        tombstones = channels.tombstones(store, channel.id, since, MAX_TOMBSTONES)
        months = archives.records(store) if channel.id == "all" else []
        # A month that an editor's decision just created has no document yet.
        months = [record for record in months if record.written_revision]
    is_empty = not (full or fed or paged)
    if channel.automatic and is_empty and not rendering.exists(paths.path(channel, "atom.xml")):
        return []
    publication = Publication(
        site=config.site,
        channel=channel,
        channels=_linked_channels(rendering, channel),
        stories=tuple(fed.get(id_) or full[id_] for id_ in in_feeds),
        tombstones=tuple(tombstones),
        updated=record.updated,
        previous=months[-1].month if months else None,
        hub=config.hub,
        editions=rendering.editions,
        web_url=config.web.url,
        sign_up_url=config.sign_up_url,
        today=publish_events.today(config.site, rendering.now),
        events=tuple(full[id_] for id_ in dated) if _has_calendar(rendering, channel, dated) else None,
        fragments=rendering.fragments,
    )
    page = replace(publication, stories=tuple(paged.get(id_) or full[id_] for id_ in shown))
    calendars_hash = None if rendering.everything else record.calendars_hash
    calendars = publish_events.calendars(publication, config.public, rendering.render_hash(), calendars_hash)
    rendering.calendars_hash[channel.id] = calendars.entries_hash
    return [
        *renderers.feeds(publication),
        *(render(page) for render in renderers.PAGES.values()),
        *calendars.documents,
    ]


def _calendar_story_ids(rendering: _Rendering, channel: Channel) -> list[str]:
    """Return the ids of the stories in the calendar of a channel."""
    day = publish_events.today(rendering.config.site, rendering.now)
    return story_events.of_channel(
        rendering.store, channel.id, day - publish_events.PAST_EVENTS_SPAN, day, MAX_EVENTS
    )


def _has_calendar(rendering: _Rendering, channel: Channel, dated: list[str]) -> bool:
    """Return whether a channel has a calendar: it has events, or had some before (CA1)."""
    return channel.id == "all" or bool(dated) or rendering.exists(paths.path(channel, paths.CALENDAR))


def _unchanged_entries(
    rendering: _Rendering, channel: Channel, record: ChannelRecord
) -> written_entries.Entries:
    """Return the entries that a channel's files have of unchanged stories.

    None of them if the files, the publishers, the templates or feeds.yaml are others than when they were written.
    """
    from aggregator.publishing import renderers

    if rendering.everything or record.render_hash != rendering.render_hash():
        return {}
    return written_entries.unchanged_entries(
        rendering.store,
        renderers.written_files(rendering.config.public, channel),
        publishers=rendering.publishers,
        written=record.entries_hash,
        written_at=record.change_count,
    )


def _linked_channels(rendering: _Rendering, channel: Channel) -> tuple[Channel, ...]:
    """Return the channels that a page links to.

    Only the page of `all` links to automatic channels. Every story changes that page anyway, so that no other page
    depends on which sources have stories.
    """
    with_stories = channels.with_stories(rendering.store) if channel.id == "all" else set()
    return tuple(
        other for other in rendering.config.channels if not other.automatic or other.id in with_stories
    )


def _remove_old_channels(rendering: _Rendering) -> None:
    """Remove the files of channels that are no longer in feeds.yaml."""
    for id_ in channels.removed_ids(rendering.store, [channel.id for channel in rendering.config.channels]):
        paths = [f"channels/{id_}/{name}" for name in CHANNEL_FILES]
        files.remove_documents(rendering.config.public, paths)
        websub_pings.delete(rendering.store, [rendering.config.site.url + path for path in paths])
        channels.delete(rendering.store, id_)
        rendering.quarantine.release(QuarantineStep.CHANNEL, id_)


def _write_archives(rendering: _Rendering) -> None:
    """Write the documents of months that changed, or that ended since they were written (P2)."""
    channel = next(channel for channel in rendering.config.channels if channel.id == "all")
    for before, record in pairwise([None, *archives.records(rendering.store)]):
        assert record is not None
        if _is_stale(rendering, record):
            previous = before.month if before else None
            month = ArchiveMonth(
                site=rendering.config.site,
                channel=channel,
                month=record.month,
                previous=previous,
                stories=(),
                fragments=rendering.fragments,
            )
            rendering.quarantine.try_document(
                QuarantineStep.CHANNEL, record.month, partial(_write_month, rendering, record, month)
            )
    rendering.finish()  # before the channel that links to these documents


def _is_stale(rendering: _Rendering, record: ArchiveRecord) -> bool:
    expected = paths.frozen_hash(rendering.config.site) if record.closed else rendering.render_hash()
    current = record.revision == record.written_revision and record.render_hash == expected
    ended = not record.closed and record.month < f"{rendering.now:%Y-%m}"
    return (
        rendering.everything or ended or not current or not rendering.exists(paths.archive_path(record.month))
    )


def _write_month(rendering: _Rendering, record: ArchiveRecord, month: ArchiveMonth) -> None:
    from aggregator.publishing import archive_documents  # only for changed months

    store, quarantine = rendering.store, rendering.quarantine
    frozen_hash = paths.frozen_hash(rendering.config.site)
    document = rendering.config.public / paths.archive_path(month.month)
    with store.snapshot():
        month = replace(month, tombstones=tuple(archives.tombstones(store, month.month)))
        parts: Iterable[bytes] | None = None
        if record.closed and record.render_hash == frozen_hash:
            as_written = written_entries.has_hash(document, rendering.publishers, record.entries_hash)
            parts = archive_documents.amended_in_parts(
                store, quarantine, month, document, as_written=as_written
            )
        if parts is None:
            written_before = document if _is_up_to_date(rendering, record, document) else None
            parts = archive_documents.month_in_parts(
                store, quarantine, month, written_before, record.change_count
            )
        document_hash = rendering.write_parts(paths.archive_path(month.month), parts)
    closed = record.month < f"{rendering.now:%Y-%m}"
    render_hash = frozen_hash if closed else rendering.render_hash()
    entries_hash = written_entries.entries_hash_from(rendering.publishers, [document_hash])
    written = partial(archives.mark_written, store, record, render_hash, entries_hash, rendering.change_count)
    rendering.record_calls.append(partial(written, closed=closed))


def _is_up_to_date(rendering: _Rendering, record: ArchiveRecord, document: Path) -> bool:
    """Return whether the document of an open month has the entries of stories unchanged since.

    It has not if the document, the publishers, the templates or feeds.yaml are others than when it was written.
    """
    ended = record.month < f"{rendering.now:%Y-%m}"
    if rendering.everything or ended or record.render_hash != rendering.render_hash():
        return False
    return written_entries.has_hash(document, rendering.publishers, record.entries_hash)
