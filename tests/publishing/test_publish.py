"""From stories to files: which files are written when, and what they contain."""

from __future__ import annotations

import gzip
import os
import posixpath
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree, html

from aggregator.dedupe import editor_commands
from aggregator.errors import ConfigError, FilesError
from aggregator.gateways import files
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.reports import FetchReport, PublishReport
from aggregator.model.stories import Story
from aggregator.polling import fetch
from aggregator.publishing import atom, channels, publish, renderers, site, stylesheet
from aggregator.store import idle_check
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace
from tests.digests.scenario import news
from tests.publishing.pages import without_pages

A = "{http://www.w3.org/2005/Atom}"
DAY = timedelta(days=1)
OLD = 1_700_000_000


def write(place: Workplace, webs: dict[str, Web], more: str = "", **options: str) -> None:
    """Write feeds.yaml with a source for each server, options of single sources, and the rest."""
    sources = "".join(
        f"  - {{id: {id_}, name: The {id_}, url: '{web.url}/feed'{options.get(id_, '')}}}\n"
        for id_, web in webs.items()
    )
    place.write(f"sources:\n{sources}{more}")


def poll(place: Workplace) -> FetchReport:
    """Visit every source, assign stories and publish."""
    return fetch.run(place.app(), force=True)


def render(place: Workplace) -> PublishReport:
    """Run `aggregator publish`."""
    return publish.run(place.app())


def titles(place: Workplace, path: str = "atom.xml") -> list[str]:
    """Return the titles in a feed, in order."""
    root = etree.fromstring((place.public / path).read_bytes())
    return [str(entry.findtext(f"{A}title")) for entry in root.findall(f"{A}entry")]


def shown(place: Workplace, path: str = "index.html") -> list[str]:
    """Return the titles on a page, in order."""
    tree = html.document_fromstring((place.public / path).read_bytes())
    return [str(heading.text_content()) for heading in tree.iter("h3")]


def aged(place: Workplace) -> dict[str, tuple[bytes, int]]:
    """Set old mtimes on all files; return bytes and mtimes."""
    for file in place.public.rglob("*"):
        os.utime(file, (OLD, OLD))
    return state(place)


def state(place: Workplace) -> dict[str, tuple[bytes, int]]:
    """Return bytes and mtime of every published file."""
    return {
        str(file.relative_to(place.public)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in sorted(place.public.rglob("*"))
        if file.is_file()
    }


def documents(place: Workplace) -> set[str]:
    """Return the paths of all published files but those with `.gz`."""
    return {path for path in state(place) if not path.endswith(".gz")}


def channel_revisions(place: Workplace) -> dict[str, int]:
    """Return the revision of each channel."""
    conn = sqlite3.connect(place.database)
    found = dict(conn.execute("SELECT id, revision FROM channels"))
    conn.close()
    return found


def change(place: Workplace, sql: str) -> None:
    """Change the database."""
    conn = sqlite3.connect(place.database)
    with conn:
        conn.execute(sql)
    conn.close()


TWO = """\
channels:
  - {id: of-a, title: Of A, include: {sources: [a]}}
  - {id: of-b, title: Of B, include: {sources: [b]}}
"""
FORMATS = ("atom.xml", "rss.xml", "feed.json", "index.html")
ALL = {*FORMATS, "archive/2026-10.xml"}
OF_A, OF_B = ({f"channels/of-{x}/{name}" for name in FORMATS} for x in "ab")
CALENDARS = ("events.ics", "deadlines.ics", "events/index.html", "events/choices.css")
STYLES = {"feed.css", stylesheet.render().path}
DOCUMENTS = {*ALL, *OF_A, *OF_B, *CALENDARS, "sources.opml", *STYLES}


@pytest.fixture
def ab(place: Workplace, webs: Callable[[], Web]) -> dict[str, Web]:
    """Provide two sources with one story each and a channel for either, polled and published."""
    both = {"a": webs(), "b": webs()}
    both["a"].feed("/feed", rss(news(1)), '"1"')
    both["b"].feed("/feed", rss(news(2)), '"1"')
    write(place, both, TWO)
    poll(place)
    return both


# --- what is written (P1, PB13) ------------------------------------------------------------------------


def test_every_channel_has_its_documents(place: Workplace, ab: dict[str, Web]) -> None:
    """Each channel has feeds and a page, and each file a `.gz` of the same content (P4)."""
    found = state(place)
    assert {path for path in without_pages(found) if not path.endswith(".gz")} == DOCUMENTS
    assert {path for path in without_pages(found) if path.endswith(".gz")} == {
        f"{path}.gz" for path in DOCUMENTS
    }
    for path in DOCUMENTS:
        assert gzip.decompress(found[f"{path}.gz"][0]) == found[path][0]
    assert (
        titles(place, "channels/of-a/atom.xml")
        == shown(place, "channels/of-a/index.html")
        == ["News number 1"]
    )
    assert titles(place, "channels/of-b/atom.xml") == ["News number 2"]


def test_links_lead_to_published_files(place: Workplace, ab: dict[str, Web]) -> None:
    """Self links, relative links and URLs of the site exist as files (PB1, PB15)."""
    checked = 0
    for path in documents(place):
        body = (place.public / path).read_bytes()
        if path.endswith("atom.xml"):
            link = etree.fromstring(body).find(f"{A}link[@rel='self']")
            assert link is not None and link.get("href") == f"https://news.example/{path}"
        if not path.endswith(".html"):
            continue
        for href in html.document_fromstring(body).xpath("//@href"):
            if href.startswith("#") or urlsplit(href).scheme == "mailto":
                continue
            target = posixpath.join(posixpath.dirname(path), href.partition("?")[0])
            if href.startswith("/"):  # of 404.html, which is shown at any address
                target = href[1:]
            elif urlsplit(href).scheme:
                if not href.startswith("https://news.example/"):
                    continue
                target = href.removeprefix("https://news.example/")
            assert (place.public / target).is_file(), f"{path}: {href}"
            checked += 1
    assert checked > 15


def test_the_front_page_is_visible_after_what_it_links_to(
    place: Workplace, ab: dict[str, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever files become visible, all channels that the front page links to exist (P1)."""
    shutil.rmtree(place.public)
    monkeypatch.setattr(publish, "MAX_CHANNELS_TOGETHER", 1)
    finish, seen = publish._Rendering.finish, []

    def noting(rendering: Any) -> None:
        finish(rendering)
        page = place.public / "index.html"
        if page.exists():
            links = html.fromstring(page.read_bytes()).xpath("//a/@href")
            seen.append([link for link in links if "channels/" in link])
            assert all((place.public / link).exists() for link in seen[-1])

    monkeypatch.setattr(publish._Rendering, "finish", noting)
    publish.run(place.app())
    assert seen[-1]


def test_only_channels_with_changes_are_written(place: Workplace, ab: dict[str, Web]) -> None:
    """A new story of one source rewrites only the channels of the story (P1)."""
    before = aged(place)
    ab["a"].feed("/feed", rss(news(3), news(1)), '"2"')
    report = poll(place)
    changed = ALL | OF_A
    assert without_pages(report.documents_written) == changed
    after = state(place)
    different = {path for path in after if after[path] != before.get(path)}
    assert without_pages(different) == changed | {f"{path}.gz" for path in changed}


def test_a_channel_reads_changed_stories_only(
    place: Workplace, ab: dict[str, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of unchanged stories come from the written files; the result is the same (PB13)."""
    read: set[str] = set()
    feeds = renderers.feeds

    def noting(publication: Publication) -> list[PublishedDocument]:
        read.update(story.lead.title for story in publication.stories if isinstance(story, Story))
        return feeds(publication)

    monkeypatch.setattr(renderers, "feeds", noting)
    for n, title in ((3, "Three"), (4, "Three, corrected")):
        ab["a"].feed("/feed", rss(news(3, title=title), news(1)), f'"{n}"')
        poll(place)
        assert read == {title}
        assert title in shown(place) and title in titles(place)
        read.clear()
    assert render(place).documents_written == ()


def test_feed_entries_beyond_the_end_of_a_page_are_kept(
    place: Workplace, ab: dict[str, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A story that a cut front page lacks is rendered again for no feed (PB13)."""
    monkeypatch.setattr(site, "MAX_BYTES", 4_000)
    older = [news(n, title=f"Story number {n}") for n in range(1, 9)]
    ab["a"].feed("/feed", rss(*older), '"many"')
    poll(place)
    assert len(shown(place)) < len(older) == len(titles(place))
    rendered: list[str] = []
    atom_entry = atom._rendered

    def noting(story: Story, content: atom.FeedDocument) -> bytes:
        rendered.append(story.lead.title)
        return atom_entry(story, content)

    monkeypatch.setattr(atom, "_rendered", noting)
    ab["a"].feed("/feed", rss(news(9, title="The last one"), *older), '"more"')
    poll(place)
    assert rendered == ["The last one"]


def test_page_entries_beyond_the_end_of_a_feed_are_kept(
    place: Workplace, ab: dict[str, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A story that a cut feed lacks is rendered again for no page (PB13)."""
    monkeypatch.setattr(renderers, "MAX_BYTES", 6_000)
    older = [news(n, title=f"Story number {n}") for n in range(1, 9)]
    ab["a"].feed("/feed", rss(*older), '"many"')
    poll(place)
    assert len(titles(place)) < len(older) <= len(shown(place))
    rendered: list[str] = []
    article = site._Articles._rendered

    def noting(articles: site._Articles, story: Story) -> bytes:
        rendered.append(story.lead.title)
        return article(articles, story)

    monkeypatch.setattr(site._Articles, "_rendered", noting)
    ab["a"].feed("/feed", rss(news(9, title="The last one"), *older), '"more"')
    poll(place)
    assert {*rendered} == {"The last one"}
    assert render(place).documents_written == ()


@pytest.mark.parametrize("name", FORMATS)
def test_a_changed_file_is_no_source_of_entries(place: Workplace, ab: dict[str, Web], name: str) -> None:
    """A channel with a file that somebody changed is rendered in full at the next story (P1)."""
    file = place.public / "channels/of-a" / name
    file.write_bytes(file.read_bytes().replace(b"ews number 1", b"Forged"))
    ab["a"].feed("/feed", rss(news(3), news(1)), '"2"')
    poll(place)
    assert b"Forged" not in file.read_bytes()
    assert render(place).documents_written == ()


def test_changed_metadata_of_a_source_is_published(place: Workplace, ab: dict[str, Web]) -> None:
    """Exactly the channels with stories of the source change (P1)."""
    aged(place)
    moved = rss(news(1)).replace(b"<link>https://node.example/</link>", b"<link>https://new.example/</link>")
    ab["a"].feed("/feed", moved, '"2"')
    report = poll(place)
    written = {path for path in report.documents_written if path.endswith("atom.xml")}
    assert (report.updated_items, written) == (0, {"atom.xml", "channels/of-a/atom.xml"})
    root = etree.fromstring((place.public / "channels/of-a/atom.xml").read_bytes())
    (link,) = root.findall(f".//{A}source/{A}link[@rel='alternate']")
    assert link.get("href") == "https://new.example/"


def test_unchanged_metadata_renders_nothing(place: Workplace, ab: dict[str, Web]) -> None:
    """Another document with the same metadata of its source renders nothing (P1)."""
    before = channel_revisions(place)
    ab["a"].feed(
        "/feed", rss(news(1), head="<lastBuildDate>Mon, 05 Oct 2026 06:00:00 GMT</lastBuildDate>"), '"2"'
    )
    poll(place)
    assert channel_revisions(place) == before


def test_an_unchanged_visit_writes_no_file(place: Workplace, ab: dict[str, Web], clock: Clock) -> None:
    """A 304, the same items and `publish` keep all bytes and mtimes (PB13)."""
    before = aged(place)
    clock.now += DAY
    assert poll(place).documents_written == ()
    ab["a"].feed(
        "/feed", rss(news(1), head="<lastBuildDate>Tue, 06 Oct 2026 06:00:00 GMT</lastBuildDate>"), '"2"'
    )
    ab["b"].feed("/feed", rss(news(2), head="<ttl>60</ttl>"), '"2"')
    report = poll(place)
    assert (report.changed, report.documents_written) == (2, ())
    assert (render(place).documents_written, render(place).unchanged) == (
        (),
        len(documents(place)) - 2,
    )
    assert state(place) == before


def test_a_comment_in_feeds_yaml_writes_no_file(place: Workplace, ab: dict[str, Web]) -> None:
    """A changed configuration renders everything and writes only different files (PB13)."""
    before = aged(place)
    write(place, ab, TWO + "# a remark\n")
    assert fetch.run(place.app()).documents_written == ()
    assert state(place) == before
    write(place, ab, TWO.replace("Of A", "Renamed"))
    written = set(fetch.run(place.app()).documents_written)
    pages = {path for path in DOCUMENTS if path.endswith("index.html")}
    assert written == pages - {"events/index.html"} | OF_A


def test_a_significant_edit_moves_updated_and_nothing_else(
    place: Workplace, ab: dict[str, Web], clock: Clock
) -> None:
    """`updated` moves with the edit; `published` and the place in the feed stay (PB4)."""
    clock.now += DAY
    ab["a"].feed("/feed", rss(news(3, NOW + DAY), news(1)), '"2"')
    poll(place)
    clock.now += DAY
    ab["a"].feed("/feed", rss(news(3, NOW + DAY), news(1, title="News number one, corrected")), '"3"')
    poll(place)
    assert titles(place)[0] == "News number 3"
    root = etree.fromstring((place.public / "atom.xml").read_bytes())
    (entry,) = [e for e in root.iter(f"{A}entry") if e.findtext(f"{A}title") == "News number one, corrected"]
    assert entry.findtext(f"{A}updated")[:19] == "2026-10-07T06:30:00"
    assert entry.findtext(f"{A}published") == "2026-10-05T06:30:00+00:00"
    assert root.findtext(f"{A}updated") == "2026-10-07T06:30:00.999999+00:00"


def test_stories_of_one_moment_keep_their_order(place: Workplace, ab: dict[str, Web], clock: Clock) -> None:
    """The document order at first sight breaks ties, and edits do not change it (T4)."""
    clock.now += DAY
    ab["a"].feed("/feed", rss(news(3, None), news(1)), '"2"')
    ab["b"].feed("/feed", rss(news(2), news(4, None)), '"2"')
    poll(place)
    before = titles(place)
    assert before[:2] == ["News number 3", "News number 4"]
    clock.now += DAY
    more = (news(n, NOW) for n in (5, 6, 7))
    ab["a"].feed("/feed", rss(*more, news(3, None, description="Other words."), news(1)), '"3"')
    assert poll(place).updated_items == 1
    assert titles(place)[3:] == before


def test_a_counter_in_a_title_is_ignored(place: Workplace, ab: dict[str, Web], clock: Clock) -> None:
    """After two edits a counter moves neither `updated` nor revisions nor files (E2)."""
    for left in (9, 8, 7):
        ab["a"].feed("/feed", rss(news(1, title=f"A course: {left} places left")), f'"{left}"')
        clock.now += DAY
        assert poll(place).updated_items == 1
    before = aged(place)
    for left in (6, 5, 4):
        ab["a"].feed("/feed", rss(news(1, title=f"A course: {left} places left")), f'"{left}"')
        clock.now += DAY
        assert (poll(place).updated_items, state(place)) == (0, before)
    conn = sqlite3.connect(place.database)
    assert conn.execute("SELECT count(*) FROM revisions").fetchone() == (3,)
    conn.close()


# --- crashes (P1) --------------------------------------------------------------------------------------


def test_a_crash_before_writing_is_repaired_by_the_next_run(place: Workplace, ab: dict[str, Web]) -> None:
    """An unwritten revision is written by a run without other work (P1)."""
    want = {path: body for path, (body, _) in state(place).items()}
    (place.public / "channels" / "of-a" / "atom.xml").unlink()
    change(place, "UPDATE channels SET written_revision = 0 WHERE id = 'of-a'")
    report = fetch.run(place.app())
    assert (report.visited, report.documents_written) == (0, ("channels/of-a/atom.xml",))
    assert {path: body for path, (body, _) in state(place).items()} == want


@pytest.mark.parametrize(
    ("method", "calls"), [("add_parts", 0), ("add", 0), ("add", 1), ("rename_all", 0), ("rename_all", 1)]
)
def test_an_interrupted_run_is_finished_by_the_next(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, method: str, calls: int
) -> None:
    """Wherever writing stops, the next run writes all files without a request (P1)."""
    both = {"a": webs(), "b": webs()}
    both["a"].feed("/feed", rss(news(1)), '"1"')
    both["b"].feed("/feed", rss(news(2)), '"1"')
    write(place, both, TWO)
    usual, left = getattr(files.Drafts, method), [calls]

    def dying(drafts: files.Drafts, *document: PublishedDocument) -> object:
        if not left[0]:
            raise FilesError("the disk is full")
        left[0] -= 1
        return usual(drafts, *document)

    with monkeypatch.context() as patch:
        patch.setattr(files.Drafts, method, dying)
        with pytest.raises(FilesError):
            poll(place)
    assert (
        idle_check.count_if_nothing_due(place.folder / "feeds.yaml", NOW) is None
    )  # the next cron run looks properly
    asked = len(both["a"].asked)
    report = fetch.run(place.app())
    assert len(both["a"].asked) == asked
    written = without_pages(report.documents_written)
    visible_before = {"archive/2026-10.xml"} if calls or method == "add" else set()
    assert written == DOCUMENTS - visible_before
    assert without_pages(documents(place)) == DOCUMENTS
    assert sum(path.startswith("stories/") for path in documents(place)) == 2
    assert sorted(titles(place)) == ["News number 1", "News number 2"]


def test_a_blocked_path_is_reported_and_repaired(place: Workplace, web: Web) -> None:
    """The error names the path, and the next run publishes once it is free (P1)."""
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"node": web})
    place.public.touch()
    with pytest.raises(FilesError, match="cannot be written"):
        poll(place)
    place.public.unlink()
    assert without_pages(fetch.run(place.app()).documents_written) == {
        *ALL,
        *CALENDARS,
        "sources.opml",
        *STYLES,
    }
    assert titles(place) == ["News number 1"]


def test_publish_restores_files(place: Workplace, ab: dict[str, Web]) -> None:
    """`aggregator publish` repairs wrong files and touches no others (PB13)."""
    want = aged(place)
    (place.public / "channels" / "of-b" / "index.html").unlink()
    (place.public / "sources.opml").write_bytes(b"tampered")
    (place.public / "atom.xml.gz").unlink()
    report = render(place)
    assert set(report.documents_written) == {"channels/of-b/index.html", "sources.opml", "atom.xml"}
    assert report.unchanged == len(documents(place)) - 3 - 2
    assert {path: body for path, (body, _) in state(place).items()} == {
        p: body for p, (body, _) in want.items()
    }


# --- channels ------------------------------------------------------------------------------------------


def test_a_changed_selection_applies_to_stored_stories(place: Workplace, ab: dict[str, Web]) -> None:
    """Include and exclude apply to stored stories, without requests (P1)."""
    before = aged(place)
    asked = [len(web.asked) for web in ab.values()]
    write(place, ab, TWO.replace("Of A, include: {sources: [a]}", "Of A, include: {sources: [b]}"))
    fetch.run(place.app())
    assert (
        titles(place, "channels/of-a/atom.xml")
        == shown(place, "channels/of-a/index.html")
        == ["News number 2"]
    )
    write(place, ab, TWO.replace("include: {sources: [a]}", "exclude: {sources: [a]}"))
    render(place)
    assert titles(place, "channels/of-a/atom.xml") == ["News number 2"]
    write(place, ab, TWO.replace("include: {sources: [a]}", "include: {kinds: [job]}"))
    render(place)
    assert titles(place, "channels/of-a/atom.xml") == shown(place, "channels/of-a/index.html") == []
    assert [len(web.asked) for web in ab.values()] == asked
    for path in ("atom.xml", "channels/of-b/atom.xml", "channels/of-b/index.html", "sources.opml"):
        assert state(place)[path] == before[path]


def test_a_tombstone_leaves_channels_that_its_story_left(place: Workplace, ab: dict[str, Web]) -> None:
    """A story that comes back leaves no tombstone in channels that it left meanwhile (PB9)."""
    (story_id,) = (
        row[0]
        for row in sqlite3.connect(place.database).execute(
            "SELECT id FROM stories WHERE title = 'News number 1'"
        )
    )
    write(place, ab, TWO.replace("sources: [a]", "sources: [a, b]"))
    editor_commands.hide(place.app(), [story_id], "ada")
    poll(place)
    assert b"deleted-entry" in (place.public / "channels/of-a/atom.xml").read_bytes()
    write(place, ab, TWO.replace("sources: [a]", "sources: [b]"))
    poll(place)
    editor_commands.unhide(place.app(), [story_id], "ada")
    poll(place)
    assert b"deleted-entry" not in (place.public / "channels/of-a/atom.xml").read_bytes()
    before = state(place)
    render(place)
    assert state(place) == before


def test_a_new_channel_has_old_stories(place: Workplace, ab: dict[str, Web]) -> None:
    """A new channel selects among all stories and is in each navigation (P1)."""
    write(place, ab, TWO + "  - {id: mixed, title: Mixed, include: {sources: [a, b]}}\n")
    report = fetch.run(place.app())
    assert {"channels/mixed/atom.xml", "channels/mixed/index.html"} <= set(report.documents_written)
    assert sorted(titles(place, "channels/mixed/atom.xml")) == ["News number 1", "News number 2"]
    assert "channels/mixed/index.html" in (place.public / "index.html").read_text()


def test_a_shared_story_is_in_the_channels_of_both_sources(
    place: Workplace, ab: dict[str, Web], clock: Clock
) -> None:
    """A second publisher adds the story to its channel and is credited everywhere (PB3)."""
    clock.now += DAY
    again = news(9, clock.now, link=news(1)["link"], title=news(1)["title"])
    ab["b"].feed("/feed", rss(news(2), again), '"2"')
    report = poll(place)
    assert report.joined_stories == 1
    assert sorted(titles(place, "channels/of-b/atom.xml")) == ["News number 1", "News number 2"]
    for path in ("atom.xml", "channels/of-a/atom.xml", "channels/of-b/atom.xml"):
        root = etree.fromstring((place.public / path).read_bytes())
        related = [link for link in root.iter(f"{A}link") if link.get("rel") == "related"]
        assert [link.get("title") for link in related] == ["Also published by The b"]


def test_the_list_has_the_polled_sources(place: Workplace, ab: dict[str, Web]) -> None:
    """The OPML list has the enabled sources in the order of feeds.yaml (PB15)."""

    def listed() -> list[str]:
        return etree.parse(place.public / "sources.opml").xpath("//outline/@text")  # type: ignore[return-value]

    assert listed() == ["The a", "The b"]
    write(place, {"b": ab["b"], "a": ab["a"]}, TWO, a=", enabled: false")
    fetch.run(place.app())
    assert listed() == ["The b"]
    write(place, {"b": ab["b"], "a": ab["a"]}, TWO)
    fetch.run(place.app())
    assert listed() == ["The b", "The a"]


# --- what is fed when (T3, T4) -------------------------------------------------------------------------


def test_a_first_run_publishes_the_whole_backlog(place: Workplace, web: Web) -> None:
    """Without an existing feed the whole backlog enters it, newest first (T4)."""
    web.feed("/feed", rss(news(1), news(2, NOW - 400 * DAY), news(3, NOW - 8 * DAY), news(4, None)))
    write(place, {"node": web})
    poll(place)
    assert sorted(titles(place)) == [f"News number {n}" for n in (1, 2, 3, 4)]
    assert titles(place)[2:] == ["News number 3", "News number 2"]
    assert shown(place) == titles(place)


def test_a_later_backlog_feeds_its_last_week(
    place: Workplace, ab: dict[str, Web], webs: Callable[[], Web]
) -> None:
    """Older and undated items of a later source are on the page only (T4)."""
    later = webs()
    old = [news(n, NOW - n * DAY, link=f"https://c.example/{n}") for n in (3, 6, 8, 90)]
    later.feed("/feed", rss(*old, news(99, None, link="https://c.example/99")))
    write(place, {**ab, "c": later}, TWO)
    poll(place)
    assert sorted(titles(place)) == ["News number 1", "News number 2", "News number 3", "News number 6"]
    assert titles(place)[2:] == ["News number 3", "News number 6"]
    assert sorted(set(shown(place)) - set(titles(place))) == [
        "News number 8",
        "News number 90",
        "News number 99",
    ]


def test_later_visits_of_a_new_source_are_no_backlog(
    place: Workplace, ab: dict[str, Web], webs: Callable[[], Web], clock: Clock
) -> None:
    """Only the first accepted visit is a backlog (T4)."""
    later = webs()
    later.feed("/feed", rss(news(90, NOW - 90 * DAY)), '"1"')
    write(place, {**ab, "c": later}, TWO)
    poll(place)
    clock.now += DAY
    later.feed("/feed", rss(news(91, NOW - 60 * DAY), news(92, None), news(90, NOW - 90 * DAY)), '"2"')
    poll(place)
    assert sorted(titles(place)[:2]) == ["News number 91", "News number 92"]
    assert "News number 90" not in titles(place)


def test_a_late_or_back_dated_story_is_in_the_feed(place: Workplace, web: Web, clock: Clock) -> None:
    """The window goes by the announced time, not by `published` (T3)."""
    web.feed("/feed", rss(*(news(n, NOW - timedelta(minutes=n)) for n in range(channels.MAX_STORIES))))
    write(place, {"node": web})
    poll(place)
    clock.now += DAY
    web.feed(
        "/feed", rss(news(500, NOW - 300 * DAY), *(news(n, NOW - timedelta(minutes=n)) for n in range(50)))
    )
    poll(place)
    assert titles(place)[0] == shown(place)[0] == "News number 500"
    assert len(titles(place)) == channels.MAX_STORIES
    assert f"News number {channels.MAX_STORIES - 1}" not in titles(place)
    entry = etree.fromstring((place.public / "atom.xml").read_bytes()).find(f"{A}entry")
    assert entry is not None
    assert entry.findtext(f"{A}published") == "2025-12-09T06:30:00+00:00"
    assert entry.findtext(f"{A}updated")[:19] == "2025-12-09T06:30:00"


# --- what may be republished (P3) ----------------------------------------------------------------------

LONG = "Beginning. " + "Many words. " * 100 + "The very end."


def published(place: Workplace) -> bytes:
    """Return the content of all published files, decompressed."""
    return b"".join(body for path, (body, _) in state(place).items() if not path.endswith(".gz"))


def test_by_default_no_document_has_more_than_300_characters(place: Workplace, web: Web) -> None:
    """Feeds and pages have title, excerpt and link by default (P3)."""
    web.feed("/feed", rss(news(1, description=LONG)))
    write(place, {"node": web})
    poll(place)
    summary = etree.fromstring((place.public / "atom.xml").read_bytes()).findtext(f"{A}entry/{A}summary")
    assert summary is not None
    assert summary.startswith("Beginning.") and len(summary) <= 300
    assert b"The very end" not in published(place)


def test_full_text_is_published_only_for_permitted_sources(place: Workplace, webs: Callable[[], Web]) -> None:
    """A licence permits the full text of its own source only (P3)."""
    both = {"a": webs(), "b": webs()}
    both["a"].feed("/feed", rss(news(1, description=LONG)))
    both["b"].feed("/feed", rss(news(2, description=LONG)))
    write(place, both, a=", full_text: true, permission: by mail of 1 October")
    poll(place)
    root = etree.fromstring((place.public / "atom.xml").read_bytes())
    whole = {e.findtext(f"{A}title"): e.findtext(f"{A}content") for e in root.iter(f"{A}entry")}
    assert whole["News number 2"] is None
    assert str(whole["News number 1"]).endswith("The very end.</p>") or "The very end." in str(
        whole["News number 1"]
    )
    assert b"The very end" not in (place.public / "index.html").read_bytes()


@pytest.mark.parametrize("first", ["fetch", "publish"])
def test_a_removed_permission_removes_the_text(place: Workplace, web: Web, first: str) -> None:
    """Without `full_text` the text leaves the feed at the next command (P3)."""
    web.feed("/feed", rss(news(1, description=LONG)), '"1"')
    write(place, {"node": web}, node=", full_text: true, licence: CC BY 4.0")
    poll(place)
    assert b"The very end" in published(place)
    write(place, {"node": web})
    if first == "publish":
        render(place)
    fetch.run(place.app())
    assert b"The very end" not in published(place)
    assert b"CC BY 4.0" not in published(place)


@pytest.mark.parametrize("name", ["title: Imaging news", "title: Of A", "name: The node"])
def test_control_characters_in_names_do_not_stop_publishing(place: Workplace, web: Web, name: str) -> None:
    """A control character in a configured name is reported or removed (PB5)."""
    web.feed("/feed", rss(news(1)))
    write(place, {"node": web}, "channels:\n  - {id: of-a, title: Of A}\n")
    file = place.folder / "feeds.yaml"
    key = name.partition(":")[0]
    file.write_text(file.read_text().replace(name, f'{key}: "Bell \\x07"'))
    try:
        poll(place)
    except ConfigError as error:
        assert f"{key}:" in str(error)
    else:
        assert titles(place) == ["News number 1"]


def test_malformed_items_do_not_stop_publishing(place: Workplace, web: Web) -> None:
    """Control characters, nested markup and broken links keep the feed well-formed (PB5)."""
    fields: dict[str, Any] = {
        "title": "Bell &#7; and &#x1; and &#xFFFE; <script>alert(1)</script>",
        "description": "<p>Vertical &#11; tab, form &#12; feed, &#0; nil, <b onclick='x()'>bold</b></p>",
        "category": "a &#8; b",
        "link": "javascript:alert(1)",
    }
    web.feed("/feed", rss(news(1, **fields), news(2)))
    write(place, {"node": web}, node=", full_text: true, licence: CC0")
    poll(place)
    assert len(titles(place)) == len(shown(place)) == 2
    assert b"javascript:" not in published(place)
    assert b"onclick" not in published(place)


def test_an_edit_of_an_item_that_leads_later_is_a_correction(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """An edit that no entry showed is a correction once its item leads (E1, I6)."""
    both = {"a": webs(), "b": webs()}
    link = "https://node.example/news/shared"
    both["a"].feed("/feed", rss(news(1, NOW - 2 * DAY, link=link)), '"1"')
    both["b"].feed("/feed", rss(news(1, NOW - DAY, link=link, guid="b")), '"1"')
    write(place, both)
    poll(place)
    assert titles(place) == ["News number 1"]
    clock.now += DAY
    edited = "News number 1, with the names of all speakers"
    both["b"].feed("/feed", rss(news(1, NOW - DAY, link=link, guid="b", title=edited)), '"2"')
    poll(place)
    assert titles(place) == ["News number 1"]
    clock.now += DAY
    both["c"] = webs()
    both["c"].feed("/feed", rss(news(1, NOW, link=link, guid="c")), '"1"')
    write(place, both, b=", priority: 9")
    poll(place)  # the item of a further source joins, and the lead is chosen again
    (entry,) = etree.fromstring((place.public / "atom.xml").read_bytes()).iter(f"{A}entry")
    assert entry.findtext(f"{A}title") == edited
    assert entry.findtext(f"{A}updated")[:19] == f"{clock.now:%Y-%m-%dT%H:%M:%S}"
    assert "Corrected on" in entry.findtext(f"{A}summary")
