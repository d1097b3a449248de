"""Write a snapshot: the stories of a complete month with their provenance, for citation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from aggregator.database import check_same_authority, existing_store
from aggregator.errors import AggregatorError, NothingToShow
from aggregator.gateways.new_folder import NewFolder, checksums, new_folder, new_zip
from aggregator.model.config import Config
from aggregator.model.publishing import EPOCH, ArchiveMonth, SourceDirectory, Tombstone
from aggregator.model.reports import QuarantineStep
from aggregator.model.snapshots import SnapshotMetadata, SnapshotReport, SnapshotStory, TitleChange
from aggregator.model.stories import Story
from aggregator.publishing import archive, atom, calendar, opml, snapshot_metadata, snapshot_stories
from aggregator.quarantine import Quarantine
from aggregator.store import archives, pages, sources, stories
from aggregator.store.connection import Store
from aggregator.store.items import chunked

MAX_CORRECTIONS = 100
"""Maximum number of edits of a story in a snapshot; older ones are omitted."""


class MonthNotOver(AggregatorError):
    """A snapshot was requested of a month that has not ended (exit 2)."""

    exit_code = 2


def last_month(now: datetime) -> str:
    """Return the last complete month (`yyyy-mm`, UTC)."""
    return f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"


def write(config: Config, month: str, out: Path, now: datetime, *, packed: bool = False) -> SnapshotReport:
    """Write the snapshot of a month into the new folder `out`, or a .zip file if `packed`.

    Its bytes depend on the database, `site` of feeds.yaml and the version of the program. Raises MonthNotOver,
    NothingToShow, FilesError.
    """
    if month > last_month(now):
        raise MonthNotOver(
            f"{month} is not over yet: a snapshot is made of a complete month (UTC); the last one is {last_month(now)}"
        )
    with existing_store(config) as store, store.snapshot():
        check_same_authority(store, config)
        snapshot = _open_month(store, config, month)
        with new_zip(out) if packed else new_folder(out) as folder:
            metadata = snapshot.write(folder)
    return SnapshotReport(
        month=month,
        path=out,
        version=snapshot_metadata.version(metadata),
        stories=metadata.stories,
        removed=metadata.removed,
        files=tuple(folder.files[name] for name in sorted(folder.files)),
        left_out=tuple(sorted({*snapshot.set_aside, *(name for _, name in snapshot.quarantine.added)})),
    )


def _open_month(store: Store, config: Config, month: str) -> _Month:
    """Read the ids and tombstones of a month; raise NothingToShow without any."""
    quarantine = Quarantine(store)
    all_ids = archives.story_ids(store, month)
    ids = quarantine.not_quarantined(QuarantineStep.PUBLISHING, all_ids)
    tombstones = archives.tombstones(store, month)
    if not ids and not tombstones:
        months = [record.month for record in archives.records(store)]
        span = f"stories are from {months[0]} to {months[-1]}" if months else "there are none at all"
        raise NothingToShow(f"no stories were announced in {month}: {span}; name another month with --month")
    return _Month(
        store=store,
        config=config,
        month=month,
        ids=ids,
        set_aside=tuple(set(all_ids) - set(ids)),
        tombstones=tombstones,
        quarantine=quarantine,
    )


@dataclass(slots=True, kw_only=True)
class _Month:
    """Read the stories of a month in parts, write them, and count them for the metadata."""

    store: Store
    config: Config
    month: str
    ids: list[str]
    set_aside: tuple[str, ...]
    """Ids of stories that broke the program before and are not published."""
    tombstones: list[Tombstone]
    quarantine: Quarantine
    licences: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    full_texts: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    days: list[tuple[str, str]] = field(default_factory=list)
    """First day and id of each story with a calendar entry."""
    stories_written: int = 0

    def write(self, folder: NewFolder) -> SnapshotMetadata:
        """Write all files of the snapshot; return its metadata."""
        site = self.config.site
        self._write_stories(folder)
        with folder.writing(snapshot_metadata.EVENTS) as file:
            for chunk in calendar.render_month(
                site, self.month, snapshot_metadata.EVENTS, self._stories_by_day
            ):
                file.write(chunk)
        metadata = self._metadata()
        directory = SourceDirectory(site=site, sources=metadata.sources)
        folder.write(snapshot_metadata.SOURCES, opml.render(directory).body)
        folder.write(snapshot_metadata.PACKAGE, snapshot_metadata.datapackage(metadata, folder.files))
        folder.write(snapshot_metadata.ZENODO, snapshot_metadata.zenodo(metadata))
        folder.write(snapshot_metadata.README, snapshot_metadata.readme(metadata))
        folder.write(snapshot_metadata.CHECKSUMS, checksums(folder.files))
        return metadata

    def _write_stories(self, folder: NewFolder) -> None:
        """Write stories.jsonl and the archive document, both in the order of the archive."""
        site, month = self.config.site, self._archive_month()
        name = snapshot_metadata.archive_name(self.month)
        with folder.writing(snapshot_metadata.STORIES) as lines, folder.writing(name) as feed:
            feed.write(archive.head(month, archives.last_change(self.store, self.ids) or EPOCH))
            for ids in chunked(self.ids):
                for story, line, entry in self.quarantine.apply_without_failing(
                    QuarantineStep.PUBLISHING, ids, partial(self._render, month)
                ):
                    lines.write(line)
                    feed.write(entry)
                    self._count(story)
            for tombstone in self.tombstones:
                lines.write(snapshot_stories.removed_line(tombstone, site))
            feed.write(atom.END)

    def _archive_month(self) -> ArchiveMonth:
        earlier = [record.month for record in archives.records(self.store) if record.month < self.month]
        return ArchiveMonth(
            site=self.config.site,
            channel=next(channel for channel in self.config.channels if channel.id == "all"),
            month=self.month,
            previous=earlier[-1] if earlier else None,
            stories=(),
            tombstones=tuple(self.tombstones),
        )

    def _render(self, month: ArchiveMonth, ids: Sequence[str]) -> list[tuple[Story, bytes, bytes]]:
        """Return the stories with their lines of stories.jsonl and entries of the archive."""
        batch = stories.read(self.store, ids)
        entries = archive.entries(replace(month, stories=tuple(batch), fragments={}))
        published = pages.related_titles(self.store, (id_ for story in batch for id_, _ in story.related))
        return [
            (
                story,
                snapshot_stories.published_line(
                    self._snapshot_story(story, published.keys()), self.config.site
                ),
                entries[story.id],
            )
            for story in batch
        ]

    def _snapshot_story(self, story: Story, published: Container[str]) -> SnapshotStory:
        return SnapshotStory(
            story=story,
            corrections=self._corrections(story) if story.correction else (),
            related=tuple(id_ for id_, _ in story.related if id_ in published),
        )

    def _corrections(self, story: Story) -> tuple[TitleChange, ...]:
        """Return the significant edits of the lead since the announcement, oldest first (E1)."""
        edits = pages.edits(self.store, story.lead.id, story.announced, MAX_CORRECTIONS)
        after = [*(title for _, title, _ in edits[1:]), story.lead.title]
        return tuple(
            TitleChange(at=at, before=before, after=now)
            for (at, before, _), now in zip(edits, after, strict=True)
        )

    def _count(self, story: Story) -> None:
        """Count a written story for the metadata, and note the day of its calendar entry."""
        self.stories_written += 1
        self.topics.update(story.topics)
        self.licences.update((item.publisher.id, snapshot_stories.licence(item)) for item in story.items)
        if snapshot_stories.permitted_text(story, self.config.site):
            self.full_texts.add(story.publisher.id)
        if day := calendar.first_day(story):
            self.days.append((day, story.id))

    def _stories_by_day(self) -> Iterator[Story]:
        """Read the stories with calendar entries in the order of their first day."""
        for ids in chunked(id_ for _, id_ in sorted(self.days)):
            yield from stories.read(self.store, ids)

    def _metadata(self) -> SnapshotMetadata:
        last_change = archives.last_change(self.store, self.ids) or EPOCH
        publishers = sources.publishers_of(self.store, {id_ for id_, _ in self.licences})
        return SnapshotMetadata(
            site=self.config.site,
            month=self.month,
            changed=max([last_change, *(tombstone.at for tombstone in self.tombstones)]),
            stories=self.stories_written,
            removed=len(self.tombstones),
            sources=tuple(publishers[id_] for id_ in sorted(publishers)),
            licences=self.licences,
            full_texts=frozenset(self.full_texts),
            topics=tuple(sorted(self.topics)),
        )
