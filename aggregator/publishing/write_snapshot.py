"""Write a snapshot: the stories of a complete month with their provenance, to be cited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from aggregator.containment import Containment
from aggregator.errors import AggregatorError, NothingToShow
from aggregator.gateways.new_folder import NewFolder, checksums, new_folder, new_zip
from aggregator.locked_store import refuse_lost, same_authority
from aggregator.model.config import Config
from aggregator.model.publishing import EPOCH, ArchiveMonth, SourceDirectory, Tombstone
from aggregator.model.reports import ContainedStep
from aggregator.model.snapshots import SnapshotContents, SnapshotReport, SnapshotStory, TitleChange
from aggregator.model.stories import Story
from aggregator.publishing import archive, atom, calendar, opml, snapshot_metadata, snapshot_stories
from aggregator.store import archives, pages, sources, stories
from aggregator.store.connection import Store, opened
from aggregator.store.items import chunked

MAX_CORRECTIONS = 100
"""Maximum edits of a story that a snapshot lists, the newest ones."""


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
    refuse_lost(config)
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        refuse_lost(config, store)
        same_authority(store, config)
        reading = _read(store, config, month)
        with new_zip(out) if packed else new_folder(out) as folder:
            contents = reading.write(folder)
    return SnapshotReport(
        month=month,
        path=out,
        version=snapshot_metadata.version(contents),
        stories=contents.stories,
        removed=contents.removed,
        files=tuple(folder.files[name] for name in sorted(folder.files)),
        left_out=tuple(sorted({*reading.aside, *(name for _, name in reading.contained.broken)})),
    )


def _read(store: Store, config: Config, month: str) -> _Month:
    contained = Containment(store)
    every = archives.story_ids(store, month)
    ids = contained.sound(ContainedStep.PUBLISHING, every)
    tombstones = archives.tombstones(store, month)
    if not ids and not tombstones:
        known = [record.month for record in archives.records(store)]
        span = f"stories are from {known[0]} to {known[-1]}" if known else "there are none at all"
        raise NothingToShow(f"no stories were announced in {month}: {span}; name another month with --month")
    return _Month(
        store=store,
        config=config,
        month=month,
        ids=ids,
        aside=tuple(set(every) - set(ids)),
        tombstones=tombstones,
        contained=contained,
    )


@dataclass(slots=True, kw_only=True)
class _Month:
    """Read the stories of a month in parts, write them, and count what metadata states."""

    store: Store
    config: Config
    month: str
    ids: list[str]
    aside: tuple[str, ...]
    """Stories that broke the program before, and are published nowhere."""
    tombstones: list[Tombstone]
    contained: Containment
    licences: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    full_texts: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    days: list[tuple[str, str]] = field(default_factory=list)
    """First day and id of each story with a calendar entry."""
    written: int = 0

    def write(self, folder: NewFolder) -> SnapshotContents:
        """Write all files of the snapshot; return what its metadata states."""
        site = self.config.site
        self._write_stories(folder)
        with folder.writing(snapshot_metadata.EVENTS) as file:
            for part in calendar.render_month(
                site, self.month, snapshot_metadata.EVENTS, self._stories_by_day
            ):
                file.write(part)
        contents = self._contents()
        directory = SourceDirectory(site=site, sources=contents.sources)
        folder.write(snapshot_metadata.SOURCES, opml.render(directory).body)
        folder.write(snapshot_metadata.PACKAGE, snapshot_metadata.datapackage(contents, folder.files))
        folder.write(snapshot_metadata.ZENODO, snapshot_metadata.zenodo(contents))
        folder.write(snapshot_metadata.README, snapshot_metadata.readme(contents))
        folder.write(snapshot_metadata.CHECKSUMS, checksums(folder.files))
        return contents

    def _write_stories(self, folder: NewFolder) -> None:
        """Write stories.jsonl and the archive document, both in the order of the archive."""
        site, month = self.config.site, self._archive_month()
        name = snapshot_metadata.archive_name(self.month)
        with folder.writing(snapshot_metadata.STORIES) as lines, folder.writing(name) as feed:
            head = archive.compose(month, (), archives.last_change(self.store, self.ids) or EPOCH)
            feed.write(head.body.removesuffix(atom.END))
            for part in chunked(self.ids):
                for story, line, entry in self.contained.without_broken(
                    ContainedStep.PUBLISHING, part, partial(self._rendered, month)
                ):
                    lines.write(line)
                    feed.write(entry)
                    self._count(story)
            for tombstone in self.tombstones:
                lines.write(snapshot_stories.removed(tombstone, site))
            feed.write(atom.END)

    def _archive_month(self) -> ArchiveMonth:
        before = [record.month for record in archives.records(self.store) if record.month < self.month]
        return ArchiveMonth(
            site=self.config.site,
            channel=next(channel for channel in self.config.channels if channel.id == "all"),
            month=self.month,
            previous=before[-1] if before else None,
            stories=(),
            tombstones=tuple(self.tombstones),
        )

    def _rendered(self, month: ArchiveMonth, ids: Sequence[str]) -> list[tuple[Story, bytes, bytes]]:
        """Return the stories with their lines and entries."""
        found = stories.read(self.store, ids)
        entries = archive.entries(replace(month, stories=tuple(found), fragments={}))
        shown = pages.related(self.store, (other for story in found for other, _ in story.related))
        return [
            (
                story,
                snapshot_stories.published(self._content(story, shown.keys()), self.config.site),
                entries[story.id],
            )
            for story in found
        ]

    def _content(self, story: Story, shown: Container[str]) -> SnapshotStory:
        return SnapshotStory(
            story=story,
            corrections=self._corrections(story) if story.correction else (),
            related=tuple(other for other, _ in story.related if other in shown),
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
        self.written += 1
        self.topics.update(story.topics)
        self.licences.update((each.publisher.id, snapshot_stories.licence(each)) for each in story.items)
        if snapshot_stories.permitted_text(story, self.config.site):
            self.full_texts.add(story.publisher.id)
        if day := calendar.first_day(story):
            self.days.append((day, story.id))

    def _stories_by_day(self) -> Iterator[Story]:
        """Read the stories with calendar entries in the order of their first day."""
        for part in chunked(id_ for _, id_ in sorted(self.days)):
            yield from stories.read(self.store, part)

    def _contents(self) -> SnapshotContents:
        changed = archives.last_change(self.store, self.ids) or EPOCH
        named = sources.publishers_of(self.store, {id_ for id_, _ in self.licences})
        return SnapshotContents(
            site=self.config.site,
            month=self.month,
            changed=max([changed, *(tombstone.at for tombstone in self.tombstones)]),
            stories=self.written,
            removed=len(self.tombstones),
            sources=tuple(named[id_] for id_ in sorted(named)),
            licences=self.licences,
            full_texts=frozenset(self.full_texts),
            topics=tuple(sorted(self.topics)),
        )
