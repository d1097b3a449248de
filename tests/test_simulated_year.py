"""Simulate a year of eight partners and an editor, with a subscriber that checks every run."""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from aggregator.dedupe import editor_commands
from aggregator.errors import WrongDecision
from aggregator.items.identity import title_key
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from aggregator.publishing import channels, publish
from tests.builders import rss
from tests.publishing.test_feed_validators import JUDGES, WORDS, judge
from tests.publishing.test_publish import state
from tests.subscriber import SITE, Changes, Subscriber, token
from tests.web_server import Answer, Web
from tests.workplace import HEAD, Clock, Workplace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORY = "tag:news.example,2026:story/"
SHOWN = 14  # entries in a partner's document
CHANNELS = """\
  - {id: half, title: Half, include: {sources: [s0, s2, s3]}}
  - {id: others, title: The others, exclude: {sources: [s0]}}
"""


class Killed(BaseException):
    """The process is killed."""


@dataclass(slots=True)
class Item:
    """Hold an item of a partner."""

    token: str
    title: str
    words: str
    link: str
    guid: str
    when: datetime | None
    places: int = 0
    """Number in a title that changes by itself; 0 for a title without one."""
    edits: int = 0

    def shown_title(self) -> str:
        """Return the title in the document."""
        return f"{self.title}: {self.places} places left" if self.places else self.title


@dataclass(slots=True)
class Partner:
    """Hold a partner's feed, newest first; pages of removed items answer 404."""

    id: str
    web: Web
    items: list[Item] = field(default_factory=list)
    path: str = "/feed"
    served: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Title and text of each item as last published."""

    def serve(self) -> list[tuple[Item, tuple[str, str]]]:
        """Publish the document; return changed items with their former title and text."""
        shown = {item.token: (item.shown_title(), item.words) for item in self.items[:SHOWN]}
        edited = [
            (item, was)
            for item in self.items[:SHOWN]
            if (was := self.served.get(item.token)) and was != shown[item.token]
        ]
        self.served |= shown
        body = rss(*map(_fields, self.items[:SHOWN]))
        self.web.feed(self.path, body, f'"{hash(body)}"')
        return edited


def _fields(item: Item) -> dict[str, str]:
    dated = {"pubDate": format_datetime(item.when)} if item.when else {}
    return {
        "title": item.shown_title(),
        "link": item.link,
        "guid": item.guid,
        "description": f"{item.token} {item.words}",
    } | dated


class Year:
    """Simulate partners, an editor and a clock, and record what they did."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        self.place, self.random = place, random.Random(seed)
        self.partners = {f"s{n}": Partner(f"s{n}", webs()) for n in range(8)}
        self.polled = [f"s{n}" for n in range(7)]  # the last one is added later
        self.title, self.topics, self.channels = "Imaging news", "", CHANNELS
        self.automatic = seed % 2 == 1
        self.subscriber = Subscriber(place.public, ["all", "half", "others"])
        self.count = 0
        self.did: Counter[str] = Counter()
        self.significant: set[str] = set()  # tokens edited since the subscriber last read
        self.unseen: set[str] = set()  # ids whose `updated` may have moved since they last stood in a feed
        self.undated = False  # whether this round has an undated item already
        self.title_changes: Counter[str] = Counter()  # by token, rounds in which a title changed by itself
        self.later: list[tuple[datetime, Callable[[], None]]] = []
        self.decided: set[str] = set()  # stories, likewise
        self.restless: set[str] = set()
        self.gone: set[str] = set()  # tokens of pages that are gone
        self.merged: list[tuple[str, list[str]]] = []  # a story, and the items that came into it
        self.hidden: list[str] = []
        self.ran_ahead = False
        self.tombstones: set[str] = set()
        self.latest = place.clock.now

    # --- partners --------------------------------------------------------------------------------

    def _words(self, count: int) -> str:
        syllables = "ba de fi go lu ma ne pi ro su ta ve wi xo zu kra ste plo gri".split()
        return " ".join(
            "".join(self.random.choice(syllables) for _ in range(self.random.randint(2, 4)))
            for _ in range(count)
        )

    def partner(self) -> Partner:
        """Choose a partner that is polled."""
        return self.partners[self.random.choice(self.polled)]

    def add(self, partner: Partner, when: datetime | None, **fields: Any) -> Item:
        """Add a new item at the top of a document.

        No two items have the same time: ties are ordered by ids, which depend on the ports of this run.
        """
        self.count += 1
        when = when - timedelta(seconds=self.count) if when else None
        mark = f"q{self.count:04}z"
        item = Item(
            token=mark,
            title=self._words(6).capitalize(),
            words=self._words(25),
            link=f"{partner.web.url}/news/{mark}",
            guid=f"{partner.id}-{mark}",
            when=when,
        )
        for name, value in fields.items():
            setattr(item, name, value)
        partner.items.insert(0, item)
        return item

    def add_item(self) -> None:
        """Add an item: current, late, back-dated, undated, changing by itself, or of two partners."""
        now, partner, kind = self.place.clock.now, self.partner(), self.random.random()
        if kind < 0.7:
            self.add(partner, now - self.random.random() * HOUR)
        elif kind < 0.78:
            self.add(partner, now - self.random.randint(2, 6) * DAY)
        elif kind < 0.84:
            self.add(partner, now - self.random.randint(40, 500) * DAY)
        elif kind < 0.9:
            self.add(partner, now if self.undated else None)
            self.undated = True
        elif kind < 0.93:
            self.add(partner, now - HOUR, places=9)
            self.did["turning"] += 1
        elif (
            (other := self._shown_by(self.partner()))
            and not other.places
            and other.link not in {item.link for item in partner.items}  # it would be an edit of its own item
        ):
            self.add(partner, now - HOUR, title=other.title, link=other.link)
            self.did["joined"] += 1

    def _shown_by(self, partner: Partner) -> Item | None:
        return self.random.choice(partner.items[:SHOWN]) if partner.items else None

    def edit(self) -> None:
        """Edit an item: significantly, or by a small correction."""
        item = self._shown_by(self.partner())
        if item is None or item.places or item.edits > 3:
            return
        item.edits += 1
        match self.random.randrange(4):
            case 0:
                item.title = self._words(6).capitalize()
            case 1:
                item.words = self._words(25)
            case 2:
                item.words += " bad"
            case 3:
                item.title = item.title.upper() if self.random.random() < 0.5 else f"{item.title}!"
        self.did["edit"] += 1

    def change_titles(self) -> None:
        """Lower the numbers in titles that change by themselves."""
        for id_ in self.polled:
            for item in self.partners[id_].items[:SHOWN]:
                item.places -= item.places > 1

    def remove(self) -> None:
        """Remove an entry from the middle of a document, with its page."""
        partner = self.partner()
        if len(partner.items) > 8:
            item = partner.items.pop(self.random.randint(1, 4))
            if any(item.link == other.link for p in self.partners.values() for other in p.items):
                partner.items.insert(2, item)  # other partners have it as well: the result is not predicted
                return
            self.gone.add(item.token)
            partner.web.answers[f"/news/{item.token}"] = Answer(status=404)
            self.did["removed"] += 1
            if self.random.random() < 0.4:
                self.later.append((self.place.clock.now + 4 * DAY, lambda: self._restore(partner, item)))

    def _restore(self, partner: Partner, item: Item) -> None:
        if len(partner.items) > 5:
            partner.items.insert(3, item)
            self.did["restored"] += 1

    # --- the editor ------------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Query the database."""
        with closing(sqlite3.connect(self.place.database)) as conn:
            return conn.execute(sql, values).fetchall()

    def visible(self) -> list[str]:
        """List ids of visible stories by their first tokens, so that no port decides the order."""
        return [
            row[0]
            for row in self.rows(
                "SELECT stories.id FROM stories JOIN items ON story_id = stories.id WHERE NOT hidden"
                " GROUP BY stories.id ORDER BY min(excerpt)"
            )
        ]

    def merge(self) -> None:
        """Merge two or three stories."""
        ids = self.random.sample(self.visible(), self.random.choice((2, 2, 3)))
        items = {
            id_: [row[0] for row in self.rows("SELECT id FROM items WHERE story_id = ?", id_)] for id_ in ids
        }
        kept, gone = editor_commands.merge(self.app, ids, "ada")
        self.decided |= {kept, *gone}
        self.merged.append((kept, [item for id_ in gone for item in items[id_]]))
        self.did["merge"] += 1

    def split(self) -> None:
        """Undo a merge, or split an item from a story of several."""
        announce = self.random.random() < 0.3
        if self.merged and self.random.random() < 0.7:
            _, items = self.merged.pop(self.random.randrange(len(self.merged)))
        else:
            several = self.rows(
                "SELECT id, max(excerpt) FROM items WHERE story_id IS NOT NULL GROUP BY story_id"
                " HAVING count(*) > 1 ORDER BY 2"
            )
            if not several:
                return
            items = [self.random.choice(several)[0]]
        try:
            home, part = editor_commands.split(self.app, items, "ada", announce=announce)
        except WrongDecision:
            return
        self.decided |= {home, part}
        self.did[f"split{' announced' * announce}"] += 1

    def hide(self) -> None:
        """Hide a story."""
        ids = [self.random.choice(self.visible())]
        self.hidden += editor_commands.hide(self.app, ids, "ada")
        self.decided |= set(ids)
        self.did["hide"] += 1

    def unhide(self) -> None:
        """Show a hidden story again."""
        if self.hidden:
            id_ = self.hidden.pop(self.random.randrange(len(self.hidden)))
            known = {row[0] for row in self.rows("SELECT id FROM stories")}
            if id_ in known and editor_commands.unhide(self.app, [id_], "ada"):
                self.decided.add(id_)
                self.did["unhide"] += 1

    # --- runs ------------------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Write feeds.yaml."""
        head = HEAD.replace("title: Imaging news", f"title: {self.title}")
        if self.automatic:
            head = head.replace("publish: {automatic: []}\n", "")
        sources = "".join(
            f"  - {{id: {id_}, name: Partner {id_}, url: '{self.partners[id_].web.url}/feed'}}\n"
            for id_ in self.polled
        )
        self.place.write(f"sources:\n{sources}channels:\n{self.channels}{self.topics}", head)
        self.app = self.place.app()

    def poll(self) -> FetchReport:
        """Publish all feeds, and visit all sources."""
        self.undated = False
        for id_ in self.polled:
            for item, was in self.partners[id_].serve():
                self._note(item, *was)
        return fetch.run(self.app, force=True)

    def _note(self, item: Item, title: str, words: str) -> None:
        """Record whether an edit is significant (E1, E2)."""
        renamed = title_key(title) != title_key(item.shown_title())
        rewritten = words.split()[:3] != item.words.split()[:3]
        self.title_changes[item.token] += bool(item.places)
        if self.title_changes[item.token] > 2:
            self.restless.add(item.token)
        elif renamed or rewritten:
            self.significant.add(item.token)

    def run(self) -> FetchReport:
        """Run a round, and let the subscriber read."""
        report = self.poll()
        self.read()
        return report

    def read(self) -> None:
        """Let the subscriber read, with what partners and editor changed."""
        stories = {
            token(excerpt): (story, lead)
            for excerpt, story, lead in self.rows(
                "SELECT excerpt, story_id, lead_id = items.id FROM items JOIN stories ON stories.id = story_id"
            )
        }
        tombstones = {row[0] for row in self.rows("SELECT story_id FROM tombstones")}
        by_machine = {
            row[0]
            for row in self.rows(
                "SELECT value FROM decisions, json_each(stories) WHERE who LIKE 'its publisher%'"
            )
        }
        for id_ in (tombstones ^ self.tombstones) - self.decided:
            if id_ not in by_machine:
                self.subscriber.problems.append(f"{id_} was removed or restored without a reason")
        self.decided |= tombstones ^ self.tombstones
        self.tombstones = tombstones
        self.latest = max(self.latest, self.place.clock.now)
        before = dict(self.subscriber.known)
        edited = {stories[mark][0] for mark in self.significant if mark in stories}
        self.unseen |= {STORY + id_ for id_ in edited | self.decided}
        self.subscriber.read(
            self.place.clock.now,
            Changes(
                edited=self.unseen,
                decided={STORY + id_ for id_ in self.decided},
                restless=self.restless,
                ran_ahead=self.ran_ahead,
            ),
        )
        self.unseen -= self.subscriber.shown
        for mark in self.significant:
            story, lead = stories.get(mark, ("", False))
            entry = self.subscriber.known.get(STORY + story)
            was = before.get(STORY + story)
            if not lead or was is None or was.token != mark:
                self.restless.add(
                    mark
                )  # an edit of an item that does not lead moves nothing, also when it leads later
            led = lead and was and was.token == mark and story not in self.decided
            unmoved = was and entry and was.updated == entry.updated < self.place.clock.now
            if led and unmoved and STORY + story in self.subscriber.shown:
                self.subscriber.problems.append(f"a significant edit of {entry} did not move `updated`")
        self.significant, self.decided, self.ran_ahead = set(), set(), False

    def check_second_round(self) -> None:
        """Check that a second round writes nothing, and that all documents are valid (PB13)."""
        self.run()  # time alone confirms removals
        before = state(self.place)
        report = fetch.run(self.app, force=True)
        publish.run(self.app)
        if report.documents_written or state(self.place) != before:
            changed = [path for path, it in state(self.place).items() if before.get(path) != it]
            self.subscriber.problems.append(f"{self.place.clock.now}: a second round wrote {changed}")
        for file in sorted(self.place.public.rglob("*")):
            path = file.relative_to(self.place.public).as_posix()
            if file.name not in JUDGES and not (path.startswith("archive/") and file.suffix == ".xml"):
                continue
            self.subscriber.problems += [
                f"{self.place.clock.now} {path}: {problem}"
                for problem in judge(path)(file.read_bytes(), SITE + path, self.latest + DAY)
                if not problem.startswith(WORDS)
            ]

    def check_one_item(self) -> None:
        """Check that an item writes only documents of its channels and its month (P1)."""
        self.run()
        self.add(self.partners["s5"], self.place.clock.now)
        tombstones = self.tombstones
        written = set(self.run().documents_written)
        others = {path for path in written if path.startswith(("channels/half/", "channels/source-s0/"))}
        months = {path for path in written if path.startswith("archive/") and path.endswith(".xml")}
        if self.tombstones == tombstones and (others or len(months) != 1 or "atom.xml" not in written):
            self.subscriber.problems.append(f"one story wrote {sorted(written)}")

    # --- single events -------------------------------------------------------------------------------------

    def kill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kill the process while it publishes."""
        replace, left = os.replace, [self.random.randint(0, 16)]

        def killing(draft: Any, target: Any) -> None:
            if not left[0]:
                raise Killed
            left[0] -= 1
            replace(draft, target)

        self.add(self.partners["s0"], self.place.clock.now)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(os, "replace", killing)
            self.poll()
        self.did["killed"] += 1

    def ahead(self) -> None:
        """Set the clock a day ahead for two rounds."""
        self.place.clock.now += DAY
        for _ in range(3):
            self.add_item()
        self.run()
        self.edit()
        self.run()
        self.place.clock.now -= DAY
        self.ran_ahead = True
        self.add(self.partners["s4"], self.place.clock.now)
        self.run()
        self.did["ahead"] += 1

    def move(self, id_: str) -> None:
        """Move a partner's feed permanently."""
        partner = self.partners[id_]
        partner.path = "/new/feed.xml"
        partner.web.answers["/feed"] = Answer(status=301, headers={"Location": partner.path})
        self.did["moved"] += 1

    def migrate(self, id_: str) -> None:
        """Give all items of a partner other guids and links, as a new system does (G2).

        Items edited at the same time are not recognised, and neither are titles that change by themselves, nor items
        without a date that the document shows only later.
        """
        self.run()
        for n, item in enumerate(self.partners[id_].items):
            if not item.places and (item.when or n < SHOWN):
                item.guid = f"urn:new:{item.guid}"
                item.link = item.link.replace("/news/", "/en/aktuelles/")
        self.did["renamed"] += 1

    def add_source(self) -> None:
        """Add a source with older items."""
        for n in (400, 90, 30, 9, 6, 4, 3, 2, 1):
            self.add(self.partners["s7"], self.place.clock.now - n * DAY)
        self.add(self.partners["s7"], None)
        self.polled.append("s7")


def begin(year: Year) -> None:
    """Add items of every partner, and run the first round."""
    for id_ in year.polled:
        for n in range(6):
            year.add(year.partners[id_], year.place.clock.now - (6 - n) * 7 * DAY)
    year.configure()
    year.run()


def simulate(year: Year, monkeypatch: pytest.MonkeyPatch, step: timedelta, days: int = 365) -> None:
    """Simulate `days` in steps, each with a round if something happened, else sometimes."""
    clock, r = year.place.clock, year.random
    begin(year)
    once: dict[int, Callable[[], None]] = {
        60: lambda: setattr(year, "title", "Imaging news of Europe"),
        80: lambda: year.move("s3"),
        90: lambda: setattr(year, "channels", CHANNELS + "  - {id: extra, title: Extra}\n"),
        100: lambda: setattr(year, "topics", "topics: {bade: [/ba/]}\n"),
        120: year.add_source,
        130: lambda: year.kill(monkeypatch),
        140: lambda: year.migrate("s2"),
        150: lambda: setattr(
            year, "channels", CHANNELS + "  - {id: extra, title: Extra, include: {sources: [s4]}}\n"
        ),
        200: lambda: year.polled.remove("s1"),
        210 + r.randrange(30): year.ahead,
        245: lambda: setattr(year, "channels", CHANNELS),
        260: lambda: year.kill(monkeypatch),
        280: year.check_one_item,
        300: lambda: year.migrate("s4"),
    }
    begun = clock.now
    actions = [
        (year.add_item, 0.8),
        (year.edit, 0.25),
        (year.change_titles, 0.3),
        (year.remove, 0.04),
        (year.merge, 0.05),
        (year.split, 0.06),
        (year.hide, 0.04),
        (year.unhide, 0.04),
    ]
    while (day := (clock.now - begun) / DAY) < days:
        clock.now += step
        chosen = [action for action, rate in actions for _ in range(int(rate * step / DAY + r.random()))]
        for action in chosen:
            action()
        for due in [one for one in year.later if one[0] <= clock.now]:
            year.later.remove(due)
            due[1]()
        if not 170 <= day < 177 and (chosen or r.random() < 0.3):
            year.run()
        for now in [it for it in once if it <= day]:
            once.pop(now)()
            year.configure()
            year.run()
        if r.random() < step / (90 * DAY):
            year.check_second_round()
    year.check_second_round()


def check_end(year: Year) -> None:
    """Check that nothing is lost, and that a reader that obeys tombstones has what is published."""
    assert year.subscriber.problems == []
    fed = {
        STORY + row[0]
        for row in year.rows(
            "SELECT stories.id FROM stories JOIN channel_stories ON story_id = stories.id"
            " WHERE stories.fed AND NOT hidden AND channel_id = 'all'"
        )
    }
    assert year.subscriber.held - fed == set()
    assert {id_ for id_ in fed if id_ not in year.subscriber.months} == set()
    print(len(fed), dict(year.did))


@pytest.mark.parametrize("seed", [4])
def test_year(place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The rules of docs/feeds.md hold all year (P1, P2, T3, E1, I4, I7, I8, PB8, PB9, PB13)."""
    monkeypatch.setattr(channels, "MAX_STORIES", 30)  # so that many stories leave it
    year = Year(place, webs, seed)
    simulate(year, monkeypatch, 12 * DAY)
    check_end(year)


def test_year_on_other_ports(
    tmp_path: Path, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids depend on the ports of a run, but nothing else does: only the seed decides."""
    years = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        years.append(Year(Workplace(tmp_path / name, Clock()), webs, 2))
        simulate(years[-1], monkeypatch, 8 * DAY, days=24)
    one, other = years
    assert set(one.visible()).isdisjoint(other.visible())
    assert one.random.getstate() == other.random.getstate()
    titles = "SELECT title FROM stories WHERE fed AND NOT hidden ORDER BY published"
    assert one.rows(titles) == other.rows(titles)


def test_tombstones(place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed names removed and merged stories in tombstones alone (PB9)."""
    monkeypatch.setattr(channels, "MAX_STORIES", 5)
    year = Year(place, webs, 1)
    begin(year)
    published = [id_ for id_ in year.visible() if STORY + id_ in year.subscriber.shown]
    left = next(id_ for id_ in year.visible() if STORY + id_ not in year.subscriber.shown)
    assert editor_commands.merge(year.app, [left, published[0]], "ada") == (left, [published[0]])
    editor_commands.hide(year.app, [published[1]], "ada")
    year.decided |= {left, *published[:2]}
    year.run()
    body = (place.public / "atom.xml").read_text("utf-8")
    for id_ in (left, *published[:2]):
        assert STORY + id_ in body and STORY + id_ not in year.subscriber.shown
    assert year.subscriber.problems == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_more_years(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Years with other seeds and rounds every six hours keep the same rules."""
    year = Year(place, webs, seed)
    simulate(year, monkeypatch, 6 * HOUR)
    check_end(year)
