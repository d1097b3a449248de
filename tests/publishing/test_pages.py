"""Pages of stories, months, topics and partners, and what browsers and crawlers expect."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from lxml import html

from aggregator import text, urls
from aggregator.dedupe import editor_commands
from aggregator.gateways import files
from aggregator.items import sanitize
from aggregator.model.events import StoryEvent
from aggregator.model.pages import (
    Directory,
    GoneStoryPage,
    ListedStory,
    MonthRecord,
    RelatedStory,
    StoryPage,
    TextChange,
)
from aggregator.model.publishing import PublishedDocument, UnchangedStory
from aggregator.model.stories import StoryItem
from aggregator.polling import fetch
from aggregator.publishing import (
    archive_pages,
    directory_pages,
    page_template,
    program_hash_cache,
    publish,
    publish_pages,
    story_page,
    text_changes,
)
from aggregator.store import items, pages
from aggregator.store.connection import Store
from aggregator.store.idle_check import count_if_nothing_due
from tests.builders import NOW, item, publisher, rss, story
from tests.builders import site as site_values
from tests.hostile_strings import VECTORS, Shape, faults, shape
from tests.publishing.events import event
from tests.publishing.pages import PAGES
from tests.web_server import Web
from tests.workplace import Clock, Workplace

DAY = timedelta(days=1)
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def news(n: int, **fields: str) -> dict[str, str]:
    """Return an item of a feed that shares no words with those of other numbers."""
    names = ("Oslo", "Turin", "Brno", "Ghent", "Porto", "Vienna", "Lisbon")
    defaults = {
        "title": f"Microscope {'abcdefg'[n] * 6} opens in {names[n]}",
        "link": f"https://node.example/{n}",
        "guid": f"guid-{n}",
        "description": f"The {names[n]} facility {'hijklmn'[n] * 7} has a new instrument {'opqrstu'[n] * 5}.",
        "pubDate": f"Mon, 05 Oct 2026 0{n % 6}:00:00 +0000",
    }
    return defaults | fields


class Site:
    """Serve one partner, and read the pages that are made of what it writes."""

    def __init__(self, place: Workplace, web: Web, rest: str = "") -> None:
        self.place, self.web = place, web
        place.write(
            f"sources:\n  - {{id: node, name: The node, url: '{web.url}/feed', topics: [data]}}\n{rest}"
        )

    def poll(self, *items: dict[str, str]) -> tuple[str, ...]:
        """Serve items, visit the partner, and return what was written."""
        if items:
            self.web.feed("/feed", rss(*items))
        return tuple(fetch.run(self.place.app(), force=True).documents_written)

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Query or change the database."""
        conn = sqlite3.connect(self.place.database)
        with conn:
            found = conn.execute(sql, values).fetchall()
        conn.close()
        return found

    def id_of(self, title: str) -> str:
        """Return the id of the story with a title."""
        ((id_,),) = self.rows("SELECT id FROM stories WHERE title = ?", title)
        return str(id_)

    def page(self, path: str) -> html.HtmlElement:
        """Parse a published page."""
        return html.document_fromstring((self.place.public / path).read_bytes())

    def story(self, id_: str) -> html.HtmlElement:
        """Parse the page of a story."""
        return self.page(f"stories/{id_}.html")


@pytest.fixture
def site(place: Workplace, web: Web) -> Site:
    """Provide a site with one story."""
    made = Site(place, web)
    made.poll(news(1))
    return made


def words(element: html.HtmlElement) -> str:
    """Return the text of an element in one line."""
    return " ".join(element.text_content().split())


def test_a_story_leads_to_the_original_first(site: Site) -> None:
    """The first link of the article is the permanent address, the next the partner's page."""
    page = site.story(site.id_of(news(1)["title"]))
    (button,) = page.xpath("//article//a[contains(@class, 'button')]")
    assert (button.get("href"), words(button)) == ("https://node.example/1", "Read at The node")
    assert words(page.find(".//h1")) == news(1)["title"]
    assert page.xpath("//link[@rel='canonical']/@href") == ["https://node.example/1"]
    (listed,) = page.xpath("//section[@aria-labelledby='publishers']//li")
    assert words(listed).startswith("The node 5 October 2026")


def test_the_markup_for_machines(site: Site) -> None:
    """JSON-LD and h-entry name the story, its address, times and original."""
    id_ = site.id_of(news(1)["title"])
    page = site.story(id_)
    data = json.loads(page.xpath("//script[@type='application/ld+json']")[0].text)
    assert (data["@type"], data["headline"]) == ("NewsArticle", news(1)["title"])
    assert data["isBasedOn"] == "https://node.example/1"
    assert data["url"] == f"https://news.example/stories/{id_}.html"
    (entry,) = page.find_class("h-entry")
    for name in ("p-name", "p-author", "u-url", "dt-published", "u-syndication"):
        assert entry.find_class(name), name


def test_an_event_has_its_facts_and_calendar(place: Workplace, web: Web) -> None:
    """The page of an event says when it is and links to its calendar; machines find an Event."""
    site = Site(place, web)
    site.poll(news(1, title="Course on imaging in Turin, 20-22 October 2026", description="Register now."))
    page = site.story(site.id_of("Course on imaging in Turin, 20-22 October 2026"))
    assert words(page.xpath("//p[@class='when']")[0]).startswith("20–22 October 2026")
    (calendar,) = page.xpath("//section[@class='facts']//a/@href")
    assert (site.place.public / "stories" / calendar).is_file()
    data = json.loads(page.xpath("//script")[0].text)
    assert (data["@type"], data["startDate"], data["endDate"]) == ("Event", "2026-10-20", "2026-10-22")
    assert data["isBasedOn"] == "https://node.example/1"


def test_a_correction_shows_before_and_after(site: Site, clock: Clock) -> None:
    """The page of a story quotes titles and passages before and after a significant edit."""
    id_ = site.id_of(news(1)["title"])
    clock.now += DAY
    words_after = news(1)["description"].replace("new instrument", "second confocal instrument of its own")
    site.poll(news(1, title="Microscope moves to Madrid", description=words_after))
    (change,) = site.story(id_).find_class("correction")
    assert next(words(each) for each in change.iter("del")) == news(1)["title"]
    assert next(words(each) for each in change.iter("ins")) == "Microscope moves to Madrid"
    assert words(change).startswith("6 October 2026")


def test_a_licensed_text_is_shown_whole(place: Workplace, webs: Callable[[], Web]) -> None:
    """With a licence the page has the text, without images, and is canonical itself (P3)."""
    web = webs()
    web.feed(
        "/feed",
        rss(
            news(
                1,
                description="<h2>Part</h2><p>All <b>of</b> it.</p><img src='https://evil.example/x.png'>",
            )
        ),
    )
    place.write(
        f"sources:\n  - {{id: node, name: N, url: '{web.url}/feed', full_text: true, licence: CC BY 4.0}}\n"
    )
    fetch.run(place.app())
    (path,) = (place.public / "stories").glob("*.html")
    page = html.document_fromstring(path.read_bytes())
    (content,) = page.find_class("e-content")
    assert [words(each) for each in content.iter("p")] == ["Part", "All of it."]
    assert not content.xpath(".//img | .//h2")
    assert page.xpath("//link[@rel='canonical']/@href") == [f"https://news.example/stories/{path.name}"]
    assert "Licence: CC BY 4.0" in words(page)


def test_a_hidden_story_says_so_until_it_is_shown(site: Site, clock: Clock) -> None:
    """The page of a hidden story has none of its words and is not indexed."""
    id_ = site.id_of(news(1)["title"])
    clock.now += DAY
    editor_commands.hide(site.place.app(), [id_], "ada")
    site.poll()
    page = site.story(id_)
    assert words(page.find(".//h1")) == "No longer published"
    assert page.xpath("//meta[@name='robots']/@content") == ["noindex"]
    assert "Microscope" not in words(page)
    assert id_ not in (site.place.public / "sitemap.xml").read_text()
    assert not (site.place.public / "archive/2026-10.html").exists()  # it was the only story of its month
    editor_commands.unhide(site.place.app(), [id_], "ada")
    site.poll()
    assert words(site.story(id_).find(".//h1")) == news(1)["title"]


def test_a_merged_story_leads_on(site: Site, clock: Clock) -> None:
    """The page of a story that was merged leads to the other one, unless that is hidden."""
    clock.now += DAY
    site.poll(news(1), news(2))
    one, two = (site.id_of(news(n)["title"]) for n in (1, 2))
    kept, (gone,) = editor_commands.merge(site.place.app(), [one, two], "ada")
    site.poll()
    page = site.story(gone)
    assert page.xpath("//main//a/@href")[0] == f"{kept}.html"
    assert page.xpath("//meta[@name='robots']/@content") == ["noindex"]
    title = words(site.story(kept).find(".//h1"))
    for hidden in (True, False):
        hide_or_unhide = editor_commands.hide if hidden else editor_commands.unhide
        hide_or_unhide(site.place.app(), [kept], "ada")
        site.poll()
        page = site.story(gone)
        assert (title in words(page)) is not hidden
        assert (f"{kept}.html" in page.xpath("//main//a/@href")) is not hidden
    assert len(site.story(kept).xpath("//section[@aria-labelledby='publishers']//li")) == 2


def test_lists_have_numbers_charts_and_feeds(site: Site) -> None:
    """Topics and partners are listed with numbers, a chart and feeds; months with a chart."""
    file = site.place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("automatic: []", "automatic: [sources, topics]"))
    site.poll(news(1), news(2))
    for path, name in (("topics/index.html", "data"), ("partners/index.html", "The node")):
        (listed,) = site.page(path).xpath("//ul[@class='directory']/li")
        assert words(listed.find("h2")) == name
        assert "2 stories · Last story: 5 October 2026" in words(listed)
        assert words(listed.find("figure")).startswith("Stories a week, last 52 weeks: 2 in all")
        for feed in listed.xpath(".//a[text()='Atom']/@href"):
            assert (site.place.public / "topics" / feed).resolve().is_file()
    archive = site.page("archive/index.html")
    assert archive.xpath("//svg/path/@d") != [""]
    assert words(archive.xpath("//ul[@class='months']/li")[0]) == "October 2"
    month = site.page("archive/2026-10.html")
    assert [words(a) for a in month.xpath("//ul[@class='rows']//a")] == [
        news(2)["title"],
        news(1)["title"],
    ]


def test_the_site_map_names_every_page_of_a_story(site: Site) -> None:
    """The index has a part for each month, whose URLs are published pages."""
    index = ET.parse(site.place.public / "sitemap.xml").getroot()
    parts = [loc.text or "" for loc in index.iter(f"{SITEMAP}loc")]
    assert [part.rpartition("/")[2] for part in parts] == ["pages.xml", "2026-10.xml"]
    for part in parts:
        root = ET.parse(site.place.public / part.removeprefix("https://news.example/")).getroot()
        for loc in root.iter(f"{SITEMAP}loc"):
            path = (loc.text or "").removeprefix("https://news.example/")
            assert (site.place.public / path).exists(), path


def test_files_for_browsers_and_crawlers(place: Workplace, web: Web) -> None:
    """robots.txt names the site map; a search is described only where it is served."""
    site = Site(place, web)
    site.poll(news(1))
    robots = (place.public / "robots.txt").read_text()
    assert "Sitemap: https://news.example/sitemap.xml" in robots
    assert "Disallow: /search" in robots
    manifest = json.loads((place.public / "site.webmanifest").read_text())
    assert all((place.public / icon["src"]).is_file() for icon in manifest["icons"])
    assert (place.public / "favicon.ico").is_file()
    assert not (place.public / "opensearch.xml").exists()
    with (place.folder / "feeds.yaml").open("a") as file:
        file.write("web: {url: 'https://app.example/'}\n")
    site.poll()
    assert "https://app.example/search?q={searchTerms}" in (place.public / "opensearch.xml").read_text()
    front = site.page("index.html")
    assert front.xpath("//link[@rel='search']/@href") == ["opensearch.xml"]
    assert front.xpath("//nav/a[.='Search']/@href") == ["https://app.example/search"]


def test_pages_link_the_form_only_where_it_is_served(place: Workplace, web: Web) -> None:
    """The form needs the web app and a digest; without either its address is not found (SU1)."""
    site = Site(place, web, "web: {url: 'https://app.example/'}\n")
    site.poll(news(1))

    def links() -> list[str]:
        pages = (site.page("index.html"), site.page("about.html"))
        return [href for page in pages for href in page.xpath("//a[.='By e-mail']/@href")]

    assert links() == []
    with (place.folder / "feeds.yaml").open("a") as file:
        file.write("digests:\n  - {id: weekly, title: Weekly, schedule: 'mon 08:00'}\n")
    site.poll()
    assert links() == ["https://app.example/subscribe"] * 2


def test_pages_of_owners_link_the_address_of_the_site(site: Site) -> None:
    """Where a page asks people to write, it links the mail address."""
    for path in ("about.html", "bot.html"):
        assert site.page(path).xpath("//main//a[@href='mailto:editors@news.example']"), path


def test_pages_of_server_owners_and_readers(site: Site) -> None:
    """bot.html has the User-Agent; links of 404.html are absolute, as it is shown anywhere."""
    assert "aggregator/" in words(site.page("bot.html").find(".//code"))
    assert "editors@news.example" in words(site.page("about.html")) or "@" in words(site.page("about.html"))
    links = site.page("404.html").xpath("//@href")
    assert all(href.startswith(("/", "mailto:", "#")) for href in links)


def test_pages_are_in_the_language_of_the_site(place: Workplace, web: Web) -> None:
    """A German site has German pages; an item in another language is marked with it."""
    web.feed("/feed", rss(news(1)))
    source = f"sources:\n  - {{id: node, name: N, url: '{web.url}/feed', language: ar}}\n"
    file = place.write(source)
    file.write_text(file.read_text().replace("site: {", "site: {language: de, ", 1))
    fetch.run(place.app())
    (path,) = (place.public / "stories").glob("*.html")
    page = html.document_fromstring(path.read_bytes())
    assert (page.get("lang"), page.get("dir")) == ("de", "ltr")
    assert "Veröffentlicht von" in words(page)
    assert (page.find(".//h1").get("lang"), page.find(".//h1").get("dir")) == ("ar", "rtl")


def test_a_channel_has_its_own_language(place: Workplace, web: Web) -> None:
    """`language` of a channel is that of its page."""
    site = Site(place, web, "channels:\n  - {id: deutsch, title: Deutsch, language: de}\n")
    site.poll(news(1))
    page = site.page("channels/deutsch/index.html")
    assert page.get("lang") == "de" and "Abonnieren: Atom-Feed" in words(page)
    assert site.page("index.html").get("lang") == "en"


# --- what is written when --------------------------------------------------------------------------------


def test_only_pages_of_changed_stories_are_written(site: Site) -> None:
    """A new story writes its own page, and an unchanged visit writes nothing."""
    written = site.poll(news(1), news(2))
    stories = [path for path in written if path.startswith("stories/")]
    assert stories == [f"stories/{site.id_of(news(2)['title'])}.html"]
    assert site.poll() == ()
    before = {path: path.stat().st_mtime_ns for path in site.place.public.rglob("*")}
    publish.run(site.place.app())
    assert {path: path.stat().st_mtime_ns for path in site.place.public.rglob("*")} == before


@pytest.mark.parametrize("most", [50_000, 2])
def test_the_page_of_a_month_reads_changed_stories_only(
    site: Site, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Unchanged rows come from the written page (PB13)."""
    monkeypatch.setattr(archive_pages, "MAX_URLS", most)
    listed, read = pages.listed, set()

    def noting(store: Store, ids: Sequence[str]) -> dict[str, ListedStory]:
        read.update(ids)
        return listed(store, ids)

    monkeypatch.setattr(pages, "listed", noting)
    site.poll(news(1), news(2))
    assert read == {site.id_of(news(2)["title"])}
    site.poll(news(1, title="Microscopes of Turin are renamed"), news(2))
    assert read == {site.id_of(news(2)["title"]), site.id_of("Microscopes of Turin are renamed")}
    site.poll(news(1, title="Microscopes of Turin are renamed"), news(2), news(3), news(4))
    assert publish.run(site.place.app()).documents_written == ()


@pytest.mark.parametrize("name", ["archive/2026-10.html", "sitemaps/2026-10.xml"])
def test_a_changed_page_of_a_month_is_no_source_of_rows(site: Site, name: str) -> None:
    """A month with a file that somebody changed is rendered in full at the next story (P1)."""
    file = site.place.public / name
    file.write_bytes(
        file.read_bytes().replace(b"Microscope b", b"Forged").replace(b"<lastmod>2", b"<lastmod>1")
    )
    site.poll(news(1), news(2))
    assert not re.search(rb"Forged|<lastmod>1", file.read_bytes())
    assert publish.run(site.place.app()).documents_written == ()


def test_the_rows_of_a_written_month_are_those_that_were_rendered() -> None:
    """Splitting a page returns each row, whatever its title imitates (P1)."""
    titles = ('</li><li><a href="../stories/s2.html">', "<url><loc>https://x/stories/s2.html</loc>", "a\nb")
    listed = [
        ListedStory(id=f"s{n}", title=title, language="de", link=None, publisher=title, announced=NOW)
        for n, title in enumerate(titles)
    ]
    here = site_values()

    def written(stories: Sequence[ListedStory | UnchangedStory]) -> bytes:
        page = archive_pages.month_page(
            "2026-10", stories, here, count=3, neighbours=(None, None), feed=True, web_url=None
        )
        return b"".join(page)

    page = written(listed)
    rows = archive_pages.split_page(page)
    assert [*rows] == [each.id for each in listed]
    kept = [UnchangedStory(id=id_, announced=NOW, entries={"page": rows[id_]}) for id_ in rows]
    assert written(kept) == page
    assert written([]) != page


def test_a_changed_template_is_applied_in_portions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of settings each round writes a few pages, newest first."""
    site.poll(*(news(n) for n in range(1, 6)))
    monkeypatch.setattr(publish_pages, "MAX_UNCHANGED_PAGES", 2)
    file = site.place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("The node", "The other node"))
    rounds = [[path for path in site.poll() if path.startswith("stories/")] for _ in range(4)]
    assert [len(each) for each in rounds] == [2, 2, 1, 0]
    assert count_if_nothing_due(file, site.place.app().clock()) is not None
    order = [f"stories/{id_}.html" for (id_,) in site.rows("SELECT id FROM stories ORDER BY number DESC")]
    assert {*rounds[0]} == {*order[:2]}


def test_pages_of_a_first_round_are_not_written_again(
    place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that no earlier template made need no second rendering."""
    monkeypatch.setattr(publish_pages, "MAX_UNCHANGED_PAGES", 1)
    site = Site(place, web)
    site.poll(*(news(n) for n in range(1, 4)))
    assert site.rows("SELECT value FROM meta WHERE key = 'story_pages_before'") == [("",)]


def test_the_next_round_goes_on_with_what_is_left(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed stories beyond the limit of a round are written by the next one (V6)."""
    monkeypatch.setattr(publish_pages, "MAX_CHANGED_PAGES", 2)
    written = site.poll(*(news(n) for n in range(1, 7)))
    assert len([path for path in written if path.startswith("stories/")]) == 2
    site.rows("UPDATE sources SET next_visit = '2027-01-01T00:00:00Z', not_before = NULL")
    assert count_if_nothing_due(site.place.folder / "feeds.yaml", clock.now) is None
    for _ in range(2):
        fetch.run(site.place.app())
    assert len([*(site.place.public / "stories").glob("*.html")]) == 6


def test_a_killed_round_keeps_the_pages_that_it_wrote(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round after a kill writes only pages that the killed one did not record (P1)."""
    rename_all = files.Drafts.rename_all

    def die(drafts: files.Drafts) -> None:
        if len([*(site.place.public / "stories").glob("*.html")]) == 3:  # the first one and two new ones
            raise KeyboardInterrupt
        rename_all(drafts)

    site.poll(news(1))
    with monkeypatch.context() as patch:
        patch.setattr(items, "CHUNK_VALUES", 2)
        patch.setattr(files.Drafts, "rename_all", die)
        with pytest.raises(KeyboardInterrupt):
            site.poll(*(news(n) for n in range(1, 6)))
    written = fetch.run(site.place.app()).documents_written
    assert len([path for path in written if path.startswith("stories/")]) == 2
    assert len([*(site.place.public / "stories").glob("*.html")]) == 5


def test_a_crash_is_repaired(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that a killed run did not write are written by the next one (P1)."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files.Drafts, "rename_all", die)
        with pytest.raises(KeyboardInterrupt):
            site.poll(news(1), news(2))
    id_ = site.id_of(news(2)["title"])
    assert not (site.place.public / f"stories/{id_}.html").exists()
    fetch.run(site.place.app())
    assert words(site.story(id_).find(".//h1")) == news(2)["title"]


def test_a_change_while_pages_are_written_is_not_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor who hides a story during a run gets its page with the next one."""
    id_ = site.id_of(news(1)["title"])
    usual = files.Drafts.rename_all

    def hiding(drafts: files.Drafts) -> None:
        usual(drafts)
        monkeypatch.undo()
        editor_commands.hide(site.place.app(), [id_], "ada")

    site.rows("UPDATE stories SET change = change + 1")
    monkeypatch.setattr(files.Drafts, "rename_all", hiding)
    site.poll()
    site.poll()
    assert words(site.story(id_).find(".//h1")) == "No longer published"


def test_publish_restores_lost_pages(site: Site) -> None:
    """`publish` writes pages whose files are gone, whatever they are (P1)."""
    public = site.place.public
    before = {path: path.read_bytes() for path in public.rglob("*") if path.is_file()}
    lost = [path for path in before if PAGES.fullmatch(str(path.relative_to(public)))]
    assert len(lost) > 20
    for path in lost:
        path.unlink()
    publish.run(site.place.app())
    assert {path: path.read_bytes() for path in public.rglob("*") if path.is_file()} == before


def test_every_text_document_has_a_compressed_copy(site: Site) -> None:
    """Each page, feed and text file has a `.gz` of the same content; images have none (P4)."""
    for path in site.place.public.rglob("*"):
        packed = Path(f"{path}.gz")
        if path.suffix in (".png", ".ico"):
            assert not packed.exists()
        elif path.is_file() and path.suffix != ".gz":
            assert gzip.decompress(packed.read_bytes()) == path.read_bytes()


def test_the_front_page_stays_small(place: Workplace, web: Web) -> None:
    """With many long stories the front page shows as many as fit into 60 KB, compressed 15 KB."""
    site = Site(place, web)
    lines = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. " * 5
    titles = [f"{number:x} {number * 7919:x} {number * 104729:o} {lines[:60]}" for number in range(1, 120)]
    site.poll(
        *(
            news(1, title=t, link=f"https://node.example/{t[:9]}", guid=t, description=t + lines)
            for t in titles
        )
    )
    body = (place.public / "index.html").read_bytes()
    assert 30_000 < len(body) <= 60_000
    assert len((place.public / "index.html.gz").read_bytes()) <= 15_000


# --- foreign texts ---------------------------------------------------------------------------------------


def hostile_pages(line: str, link: str) -> dict[str, str]:
    """Render every kind of page with `line` and `link` in every text and URL of a partner."""
    by = {"name": line, "site_link": link, "rights": line, "licence": line, "full_text": True}
    safe = sanitize.fragment(f"<p>{line}</p>", "https://node.example/")
    lead = item(title=line, excerpt=f"{line} and more", link=link, language="de", html=safe)
    other = item("b" * 16, title=line + "2", link=link, language="de")
    started = event(place=line)
    made = replace(
        story("s" * 16, StoryItem(item=lead, publisher=publisher(**by)), topics=(line,)),
        items=tuple(StoryItem(item=each, publisher=publisher(**by)) for each in (lead, other)),
        events=(
            StoryEvent(part="", entry_id="s" * 16, entry_part="", event=started, sequence=0, changed=NOW),
        ),
    )
    related = RelatedStory(id="r" * 16, title=line, language="de")
    edit = TextChange(at=NOW, titles=(line, line + "2"), texts=(line, line + "2"))
    content = StoryPage(story=made, corrections=(edit,), related=(related,), topics=((line, None),))
    listed = ListedStory(id="s" * 16, title=line, language="de", link=link, publisher=line, announced=NOW)
    numbers = Directory(channel_id="c", stories=1, weeks=(0, 1), newest=listed)
    rows = [
        directory_pages.DirectoryEntry(name=line, stories=1, numbers=numbers, publisher=publisher(**by)),
    ]
    here = site_values(title="Imaging news")
    month = archive_pages.month_page(
        "2026-10",
        [listed],
        here,
        count=1,
        neighbours=("2026-09", None),
        feed=True,
        web_url="https://app.example/",
    )
    documents = [
        story_page.render(content, here, web_url="https://app.example/"),
        story_page.render_gone(GoneStoryPage(id="g" * 16, merged_into=related), here, web_url=None),
        PublishedDocument(path="archive/2026-10.html", media_type="text/html", body=b"".join(month)),
        directory_pages.topics(rows, here, web_url="https://app.example/"),
        directory_pages.partners(rows, here, web_url="https://app.example/"),
    ]
    return {document.path: document.body.decode("utf-8") for document in documents}


STORY = f"stories/{'s' * 16}.html"


@pytest.fixture(scope="module")
def harmless() -> dict[str, Shape]:
    """Return the structure of each page with harmless texts."""
    pages = hostile_pages("harmless", "https://node.example/harmless")
    return {path: shape(page) for path, page in pages.items()}


@pytest.mark.parametrize("vector", VECTORS)
def test_no_text_or_url_changes_a_page(vector: str, harmless: dict[str, Shape]) -> None:
    """No text of a partner adds elements or scripts to a page, or ends its JSON-LD (PB5)."""
    line = text.line(vector) or "-"
    link = urls.join("https://node.example/", vector) or "https://node.example/"
    pages = hostile_pages(line, link)
    for path, page in pages.items():
        assert faults(page) == [], path
        if path != STORY:  # its licensed text may contain elements
            assert shape(page) == harmless[path], path
    shown = html.document_fromstring(pages[STORY])
    assert json.loads(shown.xpath("//script")[0].text)["name"] == line


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if set('<"') & set(vector)])
def test_the_test_of_pages_detects_unescaped_markup(vector: str, harmless: dict[str, Shape]) -> None:
    """Unescaped markup is detected as a problem or a changed structure."""
    raw = hostile_pages("harmless", "https://node.example/")[STORY].replace("harmless", vector)
    with suppress(ValueError):  # the JSON-LD is broken
        assert faults(raw) or shape(raw) != harmless[STORY]


def test_passages_are_short_and_show_the_difference() -> None:
    """A quoted passage begins before the first difference and has at most 120 characters."""
    before = "The course takes place in Lisbon. " * 20 + "It begins at nine." + " Bring a coat." * 20
    after = before.replace("at nine", "at ten")
    one, other = text_changes.passages(before, after)
    assert "nine" in one and "ten" in other
    assert max(len(one), len(other)) <= text_changes.MAX_QUOTED_CHARACTERS + 4
    assert text_changes.passages("a", "a") == ("", "")
    assert text_changes.passages("", "a b") == ("…", "a b")


def test_a_passage_ends_with_a_whole_word() -> None:
    """A passage that is cut at its maximum length ends before the word that would exceed it."""
    after = "The winter school moves to another city. " * 4
    shown = text_changes.passages("Soon.", after)[1]
    assert shown.endswith(" …") and set(shown.split()) <= {*after.split(), "…"}
    assert text_changes.passages("a", "b" * 200)[1] == "b" * text_changes.MAX_QUOTED_CHARACTERS + " …"


def test_long_months_have_parts_in_the_site_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of the site map has more URLs than allowed, and the index names each part."""
    monkeypatch.setattr(archive_pages, "MAX_URLS", 2)
    stories = ((id_ * 16, "2026-10-05T08:00:00Z") for id_ in "abcde")
    parts = archive_pages.sitemap_parts("2026-10", stories, 5, site_values())
    bodies = {path: b"".join(body) for path, body in parts}
    assert [body.count(b"<url>") for body in bodies.values()] == [2, 2, 1]
    record = MonthRecord(
        month="2026-10",
        stories=5,
        revision=1,
        written_revision=1,
        render_hash="",
        entries_hash="",
        change_count=0,
    )
    index = archive_pages.sitemap([record], site_values())[-1].body.decode()
    assert all(path in index for path in bodies)


def test_compiled_templates_are_kept_for_the_next_run(
    place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process compiles no template; changed, damaged and open files are compiled again."""
    site = Site(place, web)
    made: list[str] = []
    usual = Environment.compile

    def compile_(environment: Environment, source: str, name: str, *rest: Any, **more: Any) -> Any:
        made.append(name)
        return usual(environment, source, name, *rest, **more)

    monkeypatch.setattr(Environment, "compile", compile_)

    def compiled() -> list[str]:
        made.clear()
        page_template.environment.cache_clear()
        publish.run(place.app())
        return [*made]

    site.poll(news(1))
    assert compiled()
    assert compiled() == []
    folder = place.database.parent / "compiled-templates"
    files_ = sorted(file for file in folder.iterdir() if file.name != program_hash_cache.NAME)
    assert {file.stat().st_mode & 0o777 for file in files_} == {0o600}
    files_[0].write_bytes(files_[0].read_bytes()[:-9])
    files_[1].chmod(0o666)
    assert len(compiled()) == 2
    monkeypatch.setattr("jinja2.__version__", "0")
    assert len(compiled()) == len(files_)
