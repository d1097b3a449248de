"""Write the pages of stories, months, topics and partners, and files for crawlers.

The page of a story is written in the round in which the story changed. After a change of templates or settings, all
pages of stories are written again, newest first and a bounded number in each round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aggregator.gateways import files
from aggregator.model.config import Channel, Config
from aggregator.model.pages import ListedStory, MonthRecord, StoryPage, TextChange
from aggregator.model.publishing import PublishedDocument, SourceDirectory, UnchangedStory
from aggregator.model.reports import QuarantineStep
from aggregator.model.stories import Publisher, Story
from aggregator.publishing import paths, publish_partners, written_entries
from aggregator.publishing.page_work import PageWork
from aggregator.store import archives, meta, pages, sources, stories
from aggregator.store.connection import Store
from aggregator.store.idle_check import DOCUMENTS_LEFT_KEY, PAGES_BEFORE_KEY
from aggregator.store.items import chunked

if TYPE_CHECKING:
    from aggregator.publishing import directory_pages

MAX_CHANGED_PAGES = 20_000
"""Maximum pages of changed stories that one round writes; the next round continues."""
MAX_UNCHANGED_PAGES = 500
"""Maximum pages of unchanged stories that a round writes after a change of templates."""
MAX_UNCHANGED_MONTHS = 6
"""Maximum pages of unchanged months that a round writes after a change of templates."""
MAX_RELATED, MAX_CORRECTIONS = 10, 10
"""Maximum related stories and corrections on a page."""
STORY_PAGES_KEY = "story_pages_with"
"""Key of the hash of what pages of stories are rendered with besides the story (P1)."""
LISTS_KEY = "lists_with"
"""Key of what the lists were rendered with, and of the last change of a story."""
DIRECTORY_KEY = "directory_written"
"""Key of the hash of what `sources.opml` and the stylesheets were rendered from."""
FIXED_PAGES_KEY = "fixed_pages_with"
"""Key of what the pages that depend on settings alone were rendered with."""


def write_pages(work: PageWork) -> None:
    """Write what is out of date; the archive documents of months must have been written."""
    _write_directory(work)  # the pages link to the stylesheets
    _queue_all_if_settings_changed(work)
    _write_changed_stories(work)
    _rewrite_unchanged_stories(work)
    _write_changed_months(work)
    _write_lists(work)
    publish_partners.write_partner_pages(work)
    _write_fixed_pages(work)
    _record_whether_finished(work)


def _record_whether_finished(work: PageWork) -> None:
    """Record whether documents are left to the next round, so that it is not idle (V6)."""
    left = "1" if work.is_unfinished else ""
    if (meta.get(work.store, DOCUMENTS_LEFT_KEY) or "") != left:
        meta.put(work.store, DOCUMENTS_LEFT_KEY, left)


def _write_changed_stories(work: PageWork) -> None:
    """Write the pages of stories that changed, newest first."""
    if work.everything:
        _queue_missing_pages(work)
    while versions := pages.outdated(work.store, MAX_CHANGED_PAGES):
        for ids in chunked(versions):
            _write_pages_of_stories(work, ids)
            with work.store.transaction():
                pages.mark_written(work.store, {id_: versions[id_] for id_ in ids})
        if not work.everything:
            return


def _queue_missing_pages(work: PageWork) -> None:
    """Count pages without a file as out of date; the operator may have deleted `public`."""
    present = files.file_names(work.config.public / paths.STORIES, ".html")
    with work.store.transaction():
        pages.queue(work.store, sorted(pages.all_ids(work.store) - present))


def _queue_all_if_settings_changed(work: PageWork) -> None:
    """Plan to write all pages again, if templates or settings changed."""
    if meta.get(work.store, STORY_PAGES_KEY) != work.story_pages_hash:
        with work.store.transaction():
            meta.put(work.store, STORY_PAGES_KEY, work.story_pages_hash)
            meta.put(work.store, PAGES_BEFORE_KEY, str(pages.number_after_newest(work.store) or ""))
            pages.queue_merged(work.store)


def _rewrite_unchanged_stories(work: PageWork) -> None:
    """Write further pages with the current templates and settings, newest first."""
    number = int(meta.get(work.store, PAGES_BEFORE_KEY) or 0)
    while number:
        ids, number = pages.ids_before(work.store, number, MAX_UNCHANGED_PAGES)
        _write_pages_of_stories(work, ids)
        meta.put(work.store, PAGES_BEFORE_KEY, str(number or ""))
        if not work.everything:
            return


def _write_pages_of_stories(work: PageWork, ids: Sequence[str]) -> None:
    """Write the pages of some stories; remove those of stories that were never published."""
    from aggregator.publishing import story_page

    site = work.config.site
    with work.store.snapshot():
        gone = pages.gone_pages(work.store, ids)
        shown = pages.published(work.store, [id_ for id_ in ids if id_ not in gone])
        read = work.quarantine.apply_without_failing(
            QuarantineStep.PUBLISHING, [id_ for id_ in ids if id_ in shown], partial(_read_story_pages, work)
        )
    documents = [story_page.render_gone(each, site, web_url=work.web_url) for each in gone.values()]
    for page in read:
        work.quarantine.try_one(
            QuarantineStep.PUBLISHING,
            page.story.id,
            lambda page=page: documents.append(story_page.render(page, site, web_url=work.web_url)),  # type: ignore[misc]
        )
    work.write(documents)
    lost = [paths.story_page(id_) for id_ in ids if id_ not in gone and id_ not in shown]
    if lost:
        files.remove_documents(work.config.public, lost)


def _read_story_pages(work: PageWork, ids: Sequence[str]) -> list[StoryPage]:
    """Read what the pages of stories show."""
    found = stories.read(work.store, ids)
    titles = pages.related_titles(work.store, (other for story in found for other, _ in story.related))
    channels = {channel.id for channel in work.config.channels}

    def topics(story: Story) -> tuple[tuple[str, str | None], ...]:
        named = ((topic, f"topic-{topic}") for topic in story.topics)
        return tuple((topic, id_ if id_ in channels else None) for topic, id_ in named)

    return [
        StoryPage(
            story=story,
            corrections=_corrections(work.store, story) if story.correction else (),
            related=tuple(titles[other] for other, _ in story.related if other in titles)[:MAX_RELATED],
            topics=topics(story),
        )
        for story in found
    ]


def _corrections(store: Store, story: Story) -> tuple[TextChange, ...]:
    """Return the significant edits of a story's lead since its announcement, newest first (E1)."""
    from aggregator.publishing import text_changes

    lead = story.lead
    edits = pages.edits(store, lead.id, story.announced, MAX_CORRECTIONS)
    after = [*((title, text) for _, title, text in edits[1:]), (lead.title, pages.text(store, lead.id))]
    found = [
        TextChange(
            at=at,
            titles=(title, title_after),
            texts=text_changes.passages(text, text_after) if text and text_after else None,
        )
        for (at, title, text), (title_after, text_after) in zip(edits, after, strict=True)
    ]
    return tuple(reversed(found))


def _write_changed_months(work: PageWork) -> None:
    """Write the pages of months that changed, and a few that only need the current templates."""
    records = pages.months(work.store)
    named = [None, *(record.month for record in records if record.stories), None]
    feeds = {record.month for record in archives.records(work.store) if record.written_revision}
    again = 0
    for record in reversed(records):
        neighbours = _neighbours(named, record.month)
        feed = record.month in feeds
        render_hash = f"{work.render_hash} {neighbours} {feed}"
        lost = bool(record.stories) and not (work.config.public / paths.month_page(record.month)).exists()
        if record.revision == record.written_revision and not lost and not work.everything:
            if record.render_hash == render_hash:
                continue
            if again == MAX_UNCHANGED_MONTHS:
                work.is_unfinished = True
                continue
            again += 1
        work.quarantine.try_document(
            QuarantineStep.CHANNEL,
            paths.month_page(record.month),
            partial(_write_month, work, record, neighbours, feed=feed, render_hash=render_hash),
        )


def _neighbours(named: Sequence[str | None], month: str) -> tuple[str | None, str | None]:
    """Return the months before and after a month that have stories."""
    if month not in named:
        return None, None
    position = named.index(month)
    return named[position - 1], named[position + 1]


def _write_month(
    work: PageWork,
    record: MonthRecord,
    neighbours: tuple[str | None, str | None],
    *,
    feed: bool,
    render_hash: str,
) -> None:
    from aggregator.publishing import archive_pages

    store, site, public = work.store, work.config.site, work.config.public
    month, page, entries_hash = record.month, paths.month_page(record.month), ""
    with store.snapshot():
        if count := pages.count_of_month(store, month):
            listed = _stories_of_month(work, record)
            parts = archive_pages.month_page(
                month, listed, site, count=count, neighbours=neighbours, feed=feed, web_url=work.web_url
            )
            changes = pages.changes_of_month(store, month)
            sitemap = archive_pages.sitemap_parts(month, changes, count, site)
            entries_hash = written_entries.entries_hash_from(
                work.publishers, work.write_parts([(page, parts), *sitemap])[:1]
            )
        else:
            files.remove_documents(public, [archive_pages.part_path(month, 0)])
            files.remove_documents(public, [page])
    with store.transaction():
        pages.mark_month_written(store, record, render_hash, entries_hash, work.change_count)


def _stories_of_month(work: PageWork, record: MonthRecord) -> Iterator[ListedStory | UnchangedStory]:
    """Yield the stories of a month, newest first, unchanged ones with their written row."""
    from aggregator.publishing import archive_pages

    page = work.config.public / paths.month_page(record.month)
    # Rows do not depend on the neighbours of the month.
    same_inputs = record.render_hash.startswith(f"{work.render_hash} ") and not work.everything
    is_current = same_inputs and written_entries.has_hash(page, work.publishers, record.entries_hash)
    with written_entries.opened_in_order(
        page if is_current else None, archive_pages.ROW, archive_pages.split_page
    ) as rows:
        for stories_ in pages.of_month(work.store, record.month):
            kept = rows.take(id_ for id_, story in stories_.items() if story.change <= record.change_count)
            read = pages.listed(work.store, [id_ for id_ in stories_ if id_ not in kept])
            for id_, story in stories_.items():
                if id_ in kept:
                    yield UnchangedStory(id=id_, announced=story.announced, entries={"page": kept[id_]})
                else:
                    yield read[id_]


def _write_lists(work: PageWork) -> None:
    """Write the lists of months, topics and partners and the site map if a story changed."""
    render_hash = f"{work.render_hash} {stories.changes(work.store)}"
    exists = (work.config.public / paths.SITEMAP).exists()
    if meta.get(work.store, LISTS_KEY) == render_hash and exists and not work.everything:
        return
    from aggregator.publishing import archive_pages, directory_pages  # only for pages to write

    site, web_url = work.config.site, work.web_url
    with work.store.snapshot():
        months = pages.months(work.store)
        topics, partners = _listed_topics(work), _listed_partners(work)
    documents = work.quarantine.try_document(
        QuarantineStep.CHANNEL,
        paths.SITEMAP,
        lambda: [
            archive_pages.index(months, site, web_url=web_url),
            directory_pages.topics(topics, site, web_url=web_url),
            directory_pages.partners(partners, site, web_url=web_url),
            *archive_pages.sitemap(months, site),
        ],
    )
    if documents is not None:
        work.write(documents)
        meta.put(work.store, LISTS_KEY, render_hash)


def _listed_topics(work: PageWork) -> list[directory_pages.DirectoryEntry]:
    """Return the topics with stories, those with most first.

    Where topics have no channels, all are returned, without numbers.
    """
    from aggregator.publishing.directory_pages import CHART_WEEKS, DirectoryEntry

    channels = {channel.id: channel for channel in work.config.channels}
    rules = [rule.topic for rule in work.config.topics]
    week = pages.newest_week(work.store)
    listed = []
    for name in dict.fromkeys(
        [*rules, *(topic for source in work.config.sources for topic in source.topics)]
    ):
        channel = channels.get(f"topic-{name}")
        numbers = pages.directory(work.store, channel.id, week, CHART_WEEKS) if channel else None
        if numbers is None or numbers.stories:
            stories = numbers.stories if numbers else None
            listed.append(DirectoryEntry(name=name, stories=stories, channel=channel, numbers=numbers))
    return sorted(listed, key=lambda each: (-(each.stories or 0), each.name))


def _listed_partners(work: PageWork) -> list[directory_pages.DirectoryEntry]:
    """Return the polled partners in alphabetical order."""
    from aggregator.publishing import directory_pages

    channels: Mapping[str, Channel] = {channel.id: channel for channel in work.config.channels}
    week = pages.newest_week(work.store)
    counts = pages.stories_of_sources(work.store)
    listed = []
    for publisher in sources.publishers(work.store, configured=True).values():
        channel = channels.get(f"source-{publisher.id}")
        numbers = (
            pages.directory(work.store, channel.id, week, directory_pages.CHART_WEEKS) if channel else None
        )
        listed.append(
            directory_pages.DirectoryEntry(
                name=publisher.name,
                stories=numbers.stories if numbers else counts.get(publisher.id, 0),
                channel=channel if numbers and numbers.stories else None,
                numbers=numbers,
                publisher=publisher,
            )
        )
    return sorted(listed, key=lambda each: each.name.casefold())


def _write_fixed_pages(work: PageWork) -> None:
    """Write the pages that depend on settings and templates alone."""
    exists = (work.config.public / "robots.txt").exists()
    if meta.get(work.store, FIXED_PAGES_KEY) == work.render_hash and exists and not work.everything:
        return
    from aggregator.gateways.http import BOT_PAGE, user_agent
    from aggregator.publishing import about_pages

    documents = work.quarantine.try_document(
        QuarantineStep.CHANNEL,
        "about.html",
        lambda: about_pages.documents(work.config, user_agent(work.config.site, BOT_PAGE)),
    )
    if documents is None:
        return
    work.write(documents)
    work.write(about_pages.icons(), compress=False)
    if not work.web_url:
        files.remove_documents(work.config.public, ["opensearch.xml"])
    meta.put(work.store, FIXED_PAGES_KEY, work.render_hash)


def _write_directory(work: PageWork) -> None:
    """Write `sources.opml` and the stylesheets if the sources or settings changed."""
    publishers = tuple(sources.publishers(work.store, configured=True).values())
    current = hashlib.sha256(repr((work.config.site, publishers, work.render_hash)).encode()).hexdigest()
    if (
        current == meta.get(work.store, DIRECTORY_KEY)
        and all((work.config.public / document.path).exists() for document in _stylesheets())
        and not work.everything
    ):
        return
    document = work.quarantine.try_document(
        QuarantineStep.CHANNEL, "sources.opml", lambda: _opml(work.config, publishers)
    )
    if document is None:
        return
    work.write([document, *_stylesheets()])
    meta.put(work.store, DIRECTORY_KEY, current)


def _opml(config: Config, publishers: tuple[Publisher, ...]) -> PublishedDocument:
    from aggregator.publishing import opml

    topics = {source.id: source.topics for source in config.sources}
    return opml.render(SourceDirectory(site=config.site, sources=publishers, topics=topics))


def _stylesheets() -> tuple[PublishedDocument, ...]:
    from aggregator.publishing import feed_stylesheet, stylesheet

    return feed_stylesheet.render(), stylesheet.render()
