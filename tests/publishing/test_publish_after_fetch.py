"""After a `fetch` that leaves nothing to do, `publish` writes nothing (PB13)."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from aggregator.dedupe import editor_commands
from aggregator.errors import WrongDecision
from aggregator.polling import fetch
from aggregator.publishing import (
    channels,
    publish,
    publish_events,
    publish_pages,
    publish_partners,
    renderers,
)
from aggregator.store import idle_check
from tests.builders import NOW, rss
from tests.publishing.test_publish import state
from tests.web_server import Answer, Web
from tests.workplace import HEAD, Workplace

DAY = timedelta(days=1)
PLACES = "Oslo Turin Brno Ghent Porto Vienna Lisbon Dresden Graz Lund".split()
WORDS = {
    "en": "the new microscope of our facility and the images from it are open to all users".split(),
    "de": "das neue Mikroskop der Einrichtung und die Bilder von ihm sind offen für alle".split(),
    "fr": "le nouveau microscope de la plateforme et les images sont ouvertes pour tous".split(),
}
CHANNELS = """\
channels:
  - {id: courses, title: Courses, include: {kinds: [course, event]}}
  - {id: german, title: Deutsch, include: {languages: [de]}}
  - {id: others, title: The others, exclude: {sources: [s0]}}
topics: {data: [metadata]}
"""
AUTOMATIC = HEAD.replace("publish: {automatic: []}\n", "")
GERMAN = AUTOMATIC.replace("title: Imaging news,", "title: Imaging news, language: de,")


@dataclass
class Partner:
    """Hold what a partner publishes, and what feeds.yaml says about it."""

    id: str
    web: Web
    name: str
    options: str = ""
    polled: bool = True
    title: str = "A Node"
    profile: dict[str, str] = field(default_factory=dict)
    items: list[dict[str, str]] = field(default_factory=list)
    fault: Answer | None = None

    def serve(self) -> None:
        """Publish the document, or fail."""
        head = "".join(f"<{name}>{value}</{name}>" for name, value in self.profile.items())
        document = rss(*self.items[:12], title=self.title, head=head)
        if "link" in self.profile:  # instead of the usual one
            document = document.replace(b"<link>https://node.example/</link>", b"", 1)
        self.web.feed("/feed", document)
        if self.fault:
            self.web.answers["/feed"] = self.fault

    def line(self) -> str:
        """Return the source in feeds.yaml."""
        return f"  - {{id: {self.id}, name: {self.name}, url: '{self.web.url}/feed'{self.options}}}\n"


class Community:
    """Serve partners, and change at random what they, editors and feeds.yaml say."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int = 0, partners: int = 3) -> None:
        self.place, self.random = place, random.Random(seed)
        self.partners = [Partner(f"s{n}", webs(), f"Partner {n}") for n in range(partners)]
        self.head, self.rest = AUTOMATIC, CHANNELS
        self.count = 0
        self.actions: dict[Callable[[], None], int] = {
            self.add: 4,
            self.edit: 4,
            self.introduce: 2,
            self.remove: 1,
            self.fail: 1,
            self.decide: 2,
            self.configure: 1,
            self.wait: 2,
        }

    def rows(self, sql: str) -> list[Any]:
        """Query the database."""
        with closing(sqlite3.connect(self.place.database)) as conn:
            return conn.execute(sql).fetchall()

    def fetch(self) -> None:
        """Publish all documents, and visit all sources."""
        for partner in self.partners:
            partner.serve()
        polled = "".join(partner.line() for partner in self.partners if partner.polled)
        self.place.write(f"sources:\n{polled}{self.rest}", self.head)
        fetch.run(self.place.app(), force=True)

    def rewritten(self) -> list[str]:
        """Return the documents that `publish` writes, and the pages that differ if all are lost."""
        before = state(self.place)
        publish.run(self.place.app())
        after = state(self.place)
        changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        shutil.rmtree(self.place.public / "stories", ignore_errors=True)
        publish.run(self.place.app())
        again = {path: content for path, (content, _) in state(self.place).items()}
        pages = {path: content for path, (content, _) in after.items() if path.endswith(".html")}
        return changed + [path for path, content in pages.items() if again.get(path) != content]

    # --- partners ------------------------------------------------------------------------------------------

    def _partner(self) -> Partner:
        return self.random.choice(self.partners)

    def _sentence(self) -> str:
        words = self.random.sample(WORDS[self.random.choice([*WORDS])], 12)
        made = "".join(self.random.choice("bdfglm") + self.random.choice("aeiou") for _ in range(4))
        return f"{made.capitalize()} {' '.join(words)} in {self.random.choice(PLACES)} {made}{self.count}"

    def _dated(self) -> str:
        day = self.place.clock.now + self.random.randint(-2, 40) * DAY
        until = day - 5 * DAY
        forms = (
            f"Workshop on light sheet microscopy, {day.day} {day:%B %Y}, 10:00-16:00, Oslo",
            f"Course in Turin, {day.day} {day:%B %Y}. Deadline: {until.day} {until:%B %Y}",
            f"Webinar am {day.day}.{day.month}.{day.year} um 14 Uhr, online",
        )
        return self.random.choice(forms)

    def add(self) -> None:
        """Add news or an event, or an item of another partner."""
        chance, partner = self.random.random, self._partner()
        self.count += 1
        when = self.place.clock.now - (chance() < 0.2) * self.random.randint(3, 90) * DAY
        item = {
            "title": self._dated() if chance() < 0.4 else self._sentence()[:70],
            "link": f"{partner.web.url}/news/{self.count}",
            "guid": f"{partner.id}-{self.count}",
            "description": self._sentence(),
        }
        if chance() < 0.8:
            item["pubDate"] = format_datetime(when)
        if chance() < 0.1:
            del item["link"]
        if chance() < 0.25 and (others := self._partner().items[:12]):
            item = self.random.choice(others) | {"guid": item["guid"]}
        partner.items.insert(0, item)

    def edit(self) -> None:
        """Edit an item."""
        items = [item for partner in self.partners for item in partner.items[:12]]
        item = self.random.choice(items)
        item |= self.random.choice(
            [
                {"title": self._sentence()[:70]},
                {"description": self._sentence()},
                {"description": item["description"] + " so"},
                {"title": self._dated()},
                {"category": self.random.choice(["metadata", "Job", "FAIR"])},
                {"title": f"Cancelled: {item['title']}"},
                {"pubDate": format_datetime(self.place.clock.now - self.random.randint(0, 9) * DAY)},
                {"author": self.random.choice(["Ada", "Grace"])},
            ]
        )

    def introduce(self) -> None:
        """Change what a document says about its partner."""
        partner = self._partner()
        partner.title = f"Node {self.random.randrange(99)}"
        partner.profile |= self.random.choice(
            [
                {"language": self.random.choice([*WORDS])},
                {"copyright": f"CC BY {self.random.randrange(5)}"},
                {"link": f"https://{self.random.choice(PLACES).lower()}.example/"},
            ]
        )

    def remove(self) -> None:
        """Remove an entry from the middle of a document; its page answers 404."""
        partner = self._partner()
        if len(partner.items) > 4:
            partner.items.pop(self.random.randint(1, 3))

    def fail(self) -> None:
        """Make a partner's server answer with an error, or properly again."""
        partner = self._partner()
        faults = [
            Answer(status=500),
            Answer(status=410),
            Answer(b"<html>Hello"),
            Answer(b"", 301, {"Location": "/new"}),
        ]
        partner.fault = None if partner.fault else self.random.choice(faults)

    # --- editors, feeds.yaml and time ----------------------------------------------------------------------

    def decide(self) -> None:
        """Merge, hide, show or split stories."""
        app, ids = self.place.app(), [row[0] for row in self.rows("SELECT id FROM stories ORDER BY number")]
        chosen = self.random.sample(ids, 2)
        several = self.rows(
            "SELECT max(id) FROM items WHERE story_id IS NOT NULL GROUP BY story_id HAVING count(*) > 1"
        )
        with suppress(WrongDecision):
            match self.random.randrange(4):
                case 0:
                    editor_commands.merge(app, chosen, "ada")
                case 1:
                    editor_commands.hide(app, chosen[:1], "ada")
                case 2:
                    editor_commands.unhide(app, chosen, "ada")
                case 3 if several:
                    editor_commands.split(app, [*self.random.choice(several)], "ada", announce=False)

    def configure(self) -> None:
        """Change feeds.yaml."""
        partner = self._partner()
        match self.random.randrange(6):
            case 0:
                partner.name = f"Institute {self.random.randrange(99)}"
            case 1:
                partner.options = ", licence: CC-BY-4.0, full_text: true"
            case 2:
                self.head = AUTOMATIC if self.head == GERMAN else GERMAN
            case 3:
                self.rest = CHANNELS.replace("[de]", self.random.choice(["[de]", "[fr]"]))
            case 4:
                partner.polled = partner.id == "s0" or not partner.polled
            case 5:
                self.rest = CHANNELS.replace("[metadata]", self.random.choice(["[metadata]", "[images]"]))

    def wait(self) -> None:
        """Let hours or days pass."""
        self.place.clock.now += self.random.choice([timedelta(hours=7), DAY, DAY, 7 * DAY, 40 * DAY])


@pytest.mark.parametrize("seed", [4, *(pytest.param(n, marks=pytest.mark.soak) for n in range(100, 130))])
def test_publish_has_nothing_to_write(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever changed, `publish` writes nothing after `fetch`."""
    monkeypatch.setattr(channels, "MAX_STORIES", 6)
    monkeypatch.setattr(publish, "MAX_TOMBSTONES", 2)
    monkeypatch.setattr(publish, "MAX_EVENTS", 4)
    monkeypatch.setattr(renderers, "MAX_BYTES", 9_000)
    community = Community(place, webs, seed)
    for _ in range(10):
        community.add()
    community.fetch()
    for _ in range(14):
        actions = community.random.choices([*community.actions], [*community.actions.values()], k=2)
        for action in actions:
            action()
        community.fetch()
        assert community.rewritten() == [], [action.__name__ for action in actions]


# --- single causes -------------------------------------------------------------------------------------------


def item(n: int, **fields: str) -> dict[str, str]:
    """Return an item that shares no words with those of other numbers."""
    name, made = PLACES[n], "abcdefghij"[n] * 7
    return {
        "title": f"Microscope {made} opens in {name}",
        "link": f"https://node.example/{n}",
        "guid": f"node-{n}",
        "description": f"The {name} facility {made} has a new instrument.",
        "pubDate": format_datetime(NOW - timedelta(hours=n)),
    } | fields


@pytest.fixture
def community(place: Workplace, webs: Callable[[], Web]) -> Community:
    """Return partners whose first items are published."""
    made = Community(place, webs, partners=2)
    for n, partner in enumerate(made.partners):
        partner.items.append(item(n))
    made.fetch()
    return made


@pytest.mark.parametrize("element", ["copyright", "link"])
def test_what_a_feed_says_about_its_partner(community: Community, element: str) -> None:
    """Feeds, the archive, pages and the list of partners follow a feed's rights and website."""
    community.partners[0].profile[element] = "https://new.example/"
    community.fetch()
    public = community.place.public
    (page,) = [
        path
        for path in public.glob("stories/*.html")
        if item(0)["title"] in path.read_text("utf-8").split("<h1")[1]
    ]
    shown = [public / "atom.xml", public / "archive" / "2026-10.xml"]
    shown += [public / "partners" / "index.html", page] if element == "link" else []
    assert all("https://new.example/" in file.read_text("utf-8") for file in shown)
    assert community.rewritten() == []


COURSE = item(
    2,
    title="Course: Advanced PET data analysis, Turin, 20-22 October 2026",
    description="Three days of PET data analysis with lectures and practical work in Turin.",
)
REMINDER = item(
    3,
    title="Reminder: Advanced PET data analysis course, Turin, 20-22 October 2026",
    description="Some places are left. Bring your own data, and register with the secretary.",
)
RELATED = "SELECT count(*) FROM related"


def test_a_calendar_has_the_entry_of_another_story(community: Community) -> None:
    """A calendar follows a story outside of its channel whose entry it has."""
    first, second = community.partners
    first.items.append(COURSE)
    community.fetch()
    community.wait()
    second.items.append(REMINDER)
    community.fetch()
    assert community.rows("SELECT count(*) FROM story_events WHERE entry_id <> story_id") != [(0,)]
    first.items[-1] = COURSE | {"description": COURSE["description"] + " Lunch is included."}
    community.fetch()
    calendar = (community.place.public / "channels/source-s1/events.ics").read_text("utf-8")
    assert "Lunch is included" in calendar.replace("\r\n ", "").replace("\n ", "")
    assert community.rewritten() == []


def test_a_page_names_a_story_of_another_language(community: Community) -> None:
    """The page of a related story follows the language of a story that it names."""
    first, second = community.partners
    first.items.append(COURSE)
    second.items.append(REMINDER)
    community.fetch()
    assert community.rows(RELATED) != [(0,)]
    first.items[-1] = COURSE | {
        "description": "Drei Tage mit der Auswertung von Bildern und Daten für alle in Turin."
    }
    community.fetch()
    assert community.rewritten() == []


def test_the_page_of_a_merged_story_follows_settings(community: Community) -> None:
    """What remains of a merged story is in the language of the site, also after this changed."""
    ids = [row[0] for row in community.rows("SELECT id FROM stories ORDER BY number")]
    _, (gone,) = editor_commands.merge(community.place.app(), ids, "ada")
    community.fetch()
    community.head = GERMAN
    community.fetch()
    assert '<html lang="de"' in (community.place.public / f"stories/{gone}.html").read_text("utf-8")
    assert community.rewritten() == []


def test_documents_beyond_the_limits_of_a_round(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron runs go on until no months, partners and calendars are left."""
    monkeypatch.setattr(publish_pages, "MAX_UNCHANGED_MONTHS", 1)
    monkeypatch.setattr(publish_partners, "MAX_REPORTS", 1)
    monkeypatch.setattr(publish_events, "MAX_FILES", 1)
    monkeypatch.setattr(publish_events, "CHUNK_VALUES", 1)
    months = [format_datetime(NOW - n * 31 * DAY) for n in range(5)]
    community.partners[0].items += [COURSE, *(item(3 + n, pubDate=day) for n, day in enumerate(months))]
    community.fetch()
    community.head = GERMAN
    community.fetch()
    rounds = 0
    while idle_check.count_if_nothing_due(community.place.folder / "feeds.yaml", NOW) is None:
        fetch.run(community.place.app())
        rounds += 1
    assert 1 < rounds < 9
    assert community.rewritten() == []
