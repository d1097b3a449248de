"""A year of eight partners and an editor, read after every run by a subscriber who forgets nothing."""

from __future__ import annotations

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

from aggregator.dedupe import editor_decisions
from aggregator.errors import WrongDecision
from aggregator.gateways import files
from aggregator.items.identity import title_key
from aggregator.model.publishing import PublishedDocument
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from aggregator.publishing import publish
from tests.builders import rss
from tests.conftest import HEAD, Answer, Clock, Web, Workplace
from tests.publishing.test_feed_validators import JUDGES, WORDS, judge
from tests.publishing.test_publish import state
from tests.subscriber import SITE, Changes, Subscriber, token

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORY = "tag:news.example,2026:story/"
SHOWN = 14  # entries in a partner's document
CHANNELS = """\
  - {id: half, title: Half, include: {sources: [s0, s2, s3]}}
  - {id: others, title: The others, exclude: {sources: [s0]}}
"""


class Killed(BaseException):
    """The machine dies."""


@dataclass(slots=True)
class Item:
    """What a partner tells."""

    token: str
    title: str
    words: str
    link: str
    guid: str
    when: datetime | None
    turns: int = 0
    """Places that are left in a title that turns by itself; 0 for one that does not."""
    edits: int = 0

    def shown_title(self) -> str:
        """As it stands in the document."""
        return f"{self.title}: {self.turns} places left" if self.turns else self.title


@dataclass(slots=True)
class Partner:
    """A partner with a feed, newest first, and pages that are gone as soon as nobody tells them any more."""

    id: str
    web: Web
    items: list[Item] = field(default_factory=list)
    path: str = "/feed"
    served: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What was last published of each item: title and words."""

    def serve(self) -> list[tuple[Item, tuple[str, str]]]:
        """Publish the document; the items in it that are not what they were, with what they were."""
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
    """The world: partners, an editor, a clock; and what they know of what they did."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        self.place, self.random = place, random.Random(seed)
        self.partners = {f"s{n}": Partner(f"s{n}", webs()) for n in range(8)}
        self.partners_there = [f"s{n}" for n in range(7)]  # the last one is added late
        self.title, self.topics, self.channels = "Imaging news", "", CHANNELS
        self.automatic = seed % 2 == 1
        self.subscriber = Subscriber(place.public, ["all", "half", "others"])
        self.count = 0
        self.did: Counter[str] = Counter()
        self.significant: set[str] = set()  # tokens edited since the subscriber last read
        self.unseen: set[str] = set()  # ids whose `updated` may have moved since they last stood in a feed
        self.undated = False  # whether this round tells an undated item already
        self.turned: Counter[str] = Counter()  # how often which title was seen to turn
        self.later: list[tuple[datetime, Callable[[], None]]] = []
        self.decided: set[str] = set()  # stories, likewise
        self.restless: set[str] = set()
        self.gone: set[str] = set()  # tokens of pages that are gone
        self.merged: list[tuple[str, list[str]]] = []  # a story, and the items that came into it
        self.hidden: list[str] = []
        self.ran_ahead = False
        self.stones: set[str] = set()
        self.latest = place.clock.now

    # --- what partners do --------------------------------------------------------------------------------

    def _words(self, count: int) -> str:
        syllables = "ba de fi go lu ma ne pi ro su ta ve wi xo zu kra ste plo gri".split()
        return " ".join(
            "".join(self.random.choice(syllables) for _ in range(self.random.randint(2, 4)))
            for _ in range(count)
        )

    def partner(self) -> Partner:
        """Any partner that is polled."""
        return self.partners[self.random.choice(self.partners_there)]

    def tell(self, partner: Partner, when: datetime | None, **fields: Any) -> Item:
        """A new item, at the top of its document.

        No two items have the same time: ties go by ids, which follow from the ports of this run.
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

    def news(self) -> None:
        """Somebody tells something: of now, late, dated back, undated, or what another told already."""
        now, partner, kind = self.place.clock.now, self.partner(), self.random.random()
        if kind < 0.7:
            self.tell(partner, now - self.random.random() * HOUR)
        elif kind < 0.78:
            self.tell(partner, now - self.random.randint(2, 6) * DAY)
        elif kind < 0.84:
            self.tell(partner, now - self.random.randint(40, 500) * DAY)
        elif kind < 0.9:
            self.tell(partner, now if self.undated else None)
            self.undated = True
        elif kind < 0.93:
            self.tell(partner, now - HOUR, turns=9)
            self.did["turning"] += 1
        elif (other := self._shown_by(self.partner())) and not other.turns and other not in partner.items:
            self.tell(partner, now - HOUR, title=other.title, link=other.link)
            self.did["joined"] += 1

    def _shown_by(self, partner: Partner) -> Item | None:
        return self.random.choice(partner.items[:SHOWN]) if partner.items else None

    def edit(self) -> None:
        """Somebody corrects something, or mends a typing error."""
        item = self._shown_by(self.partner())
        if item is None or item.turns or item.edits > 3:
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

    def turn(self) -> None:
        """Places are taken: titles turn by themselves."""
        for id_ in self.partners_there:
            for item in self.partners[id_].items[:SHOWN]:
                item.turns -= item.turns > 1

    def withdraw(self) -> None:
        """Somebody takes an entry out of the middle of a document; its page is gone."""
        partner = self.partner()
        if len(partner.items) > 8:
            item = partner.items.pop(self.random.randint(1, 4))
            if any(item.link == other.link for p in self.partners.values() for other in p.items):
                partner.items.insert(2, item)  # others tell it as well: too hard to foresee
                return
            self.gone.add(item.token)
            partner.web.answers[f"/news/{item.token}"] = Answer(status=404)
            self.did["taken back"] += 1
            if self.random.random() < 0.4:
                self.later.append((self.place.clock.now + 4 * DAY, lambda: self._again(partner, item)))

    def _again(self, partner: Partner, item: Item) -> None:
        if len(partner.items) > 5:
            partner.items.insert(3, item)
            self.did["told again"] += 1

    # --- what the editor does ------------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database says."""
        with closing(sqlite3.connect(self.place.database)) as conn:
            return conn.execute(sql, values).fetchall()

    def live(self) -> list[str]:
        """Stories that are shown, in the order of their first tokens: no id, and no port, decides what is chosen."""
        return [
            row[0]
            for row in self.rows(
                "SELECT stories.id FROM stories JOIN items ON story_id = stories.id WHERE NOT hidden"
                " GROUP BY stories.id ORDER BY min(excerpt)"
            )
        ]

    def merge(self) -> None:
        """Two or three stories are one."""
        ids = self.random.sample(self.live(), self.random.choice((2, 2, 3)))
        items = {
            id_: [row[0] for row in self.rows("SELECT id FROM items WHERE story_id = ?", id_)] for id_ in ids
        }
        kept, gone = editor_decisions.merge(self.app, ids, "ada")
        self.decided |= {kept, *gone}
        self.merged.append((kept, [item for id_ in gone for item in items[id_]]))
        self.did["merge"] += 1

    def part(self) -> None:
        """A merge is undone, or somebody leaves a story that several tell."""
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
            home, part = editor_decisions.split(self.app, items, "ada", announce=announce)
        except WrongDecision:
            return
        self.decided |= {home, part}
        self.did[f"split{' announced' * announce}"] += 1

    def hide(self) -> None:
        """A story is taken away."""
        ids = [self.random.choice(self.live())]
        self.hidden += editor_decisions.set_hidden(self.app, ids, "ada", hidden=True)
        self.decided |= set(ids)
        self.did["hide"] += 1

    def unhide(self) -> None:
        """It is shown again."""
        if self.hidden:
            id_ = self.hidden.pop(self.random.randrange(len(self.hidden)))
            known = {row[0] for row in self.rows("SELECT id FROM stories")}
            if id_ in known and editor_decisions.set_hidden(self.app, [id_], "ada", hidden=False):
                self.decided.add(id_)
                self.did["unhide"] += 1

    # --- runs ------------------------------------------------------------------------------------------------

    def configure(self) -> None:
        """feeds.yaml."""
        head = HEAD.replace("title: Imaging news", f"title: {self.title}")
        if self.automatic:
            head = head.replace("publish: {automatic: []}\n", "")
        sources = "".join(
            f"  - {{id: {id_}, name: Partner {id_}, url: '{self.partners[id_].web.url}/feed'}}\n"
            for id_ in self.partners_there
        )
        self.place.write(f"sources:\n{sources}channels:\n{self.channels}{self.topics}", head)
        self.app = self.place.app()

    def poll(self) -> FetchReport:
        """Partners publish what they have, and everybody is visited."""
        self.undated = False
        for id_ in self.partners_there:
            for item, was in self.partners[id_].serve():
                self._note(item, *was)
        return fetch.run(self.app, force=True)

    def _note(self, item: Item, title: str, words: str) -> None:
        """What an edit that is seen for the first time means (E1, E2)."""
        renamed = title_key(title) != title_key(item.shown_title())
        rewritten = words.split()[:3] != item.words.split()[:3]
        self.turned[item.token] += bool(item.turns)
        if self.turned[item.token] > 2:
            self.restless.add(item.token)
        elif renamed or rewritten:
            self.significant.add(item.token)

    def run(self) -> FetchReport:
        """A round, and the subscriber reads."""
        report = self.poll()
        self.read()
        return report

    def read(self) -> None:
        """The subscriber reads, and knows what the world knows."""
        told = {
            token(excerpt): (story, lead)
            for excerpt, story, lead in self.rows(
                "SELECT excerpt, story_id, lead_id = items.id FROM items JOIN stories ON stories.id = story_id"
            )
        }
        stones = {row[0] for row in self.rows("SELECT story_id FROM tombstones")}
        by_machine = {
            row[0]
            for row in self.rows(
                "SELECT value FROM decisions, json_each(stories) WHERE who LIKE 'its publisher%'"
            )
        }
        for id_ in (stones ^ self.stones) - self.decided:
            if id_ not in by_machine:
                self.subscriber.problems.append(f"{id_} was withdrawn or came back by nobody")
        self.decided |= stones ^ self.stones
        self.stones = stones
        self.latest = max(self.latest, self.place.clock.now)
        before = dict(self.subscriber.known)
        edited = {told[mark][0] for mark in self.significant if mark in told}
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
            story, lead = told.get(mark, ("", False))
            entry = self.subscriber.known.get(STORY + story)
            was = before.get(STORY + story)
            if not lead or was is None or was.token != mark:
                self.restless.add(
                    mark
                )  # an edit of who does not lead moves nothing, also when it leads later on
            led = lead and was and was.token == mark and story not in self.decided
            unmoved = was and entry and was.updated == entry.updated < self.place.clock.now
            if led and unmoved and STORY + story in self.subscriber.shown:
                self.subscriber.problems.append(f"a significant edit of {entry} moved nothing")
        self.significant, self.decided, self.ran_ahead = set(), set(), False

    def settled(self) -> None:
        """PB13: a second round finds nothing, and touches nothing; the judges find nothing either."""
        self.run()  # time alone confirms withdrawals
        before = state(self.place)
        report = fetch.run(self.app, force=True)
        publish.run(self.app)
        if report.documents_written or state(self.place) != before:
            changed = [path for path, it in state(self.place).items() if before.get(path) != it]
            self.subscriber.problems.append(f"{self.place.clock.now}: nothing happened, and yet {changed}")
        for file in sorted(self.place.public.rglob("*")):
            path = file.relative_to(self.place.public).as_posix()
            if file.name not in JUDGES and not (path.startswith("archive/") and file.suffix == ".xml"):
                continue
            self.subscriber.problems += [
                f"{self.place.clock.now} {path}: {problem}"
                for problem in judge(path)(file.read_bytes(), SITE + path, self.latest + DAY)
                if not problem.startswith(WORDS)
            ]

    def one_story(self) -> None:
        """P1: what one partner tells writes the documents of its channels, the month's, and no others."""
        self.run()
        self.tell(self.partners["s5"], self.place.clock.now)
        stones = self.stones
        written = set(self.run().documents_written)
        strange = {path for path in written if path.startswith(("channels/half/", "channels/source-s0/"))}
        months = {path for path in written if path.startswith("archive/")}
        if self.stones == stones and (strange or len(months) != 1 or "atom.xml" not in written):
            self.subscriber.problems.append(f"one story wrote {sorted(written)}")

    # --- what happens once -------------------------------------------------------------------------------------

    def killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The machine dies in the middle of publishing, and comes back."""
        usual, left = files.write_document, [self.random.randint(0, 8)]

        def dying(public: Path, document: PublishedDocument) -> bool:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return usual(public, document)

        self.tell(self.partners["s0"], self.place.clock.now)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(files, "write_document", dying)
            self.poll()
        self.did["killed"] += 1

    def ahead(self) -> None:
        """The clock is a day ahead for two rounds."""
        self.place.clock.now += DAY
        for _ in range(3):
            self.news()
        self.run()
        self.edit()
        self.run()
        self.place.clock.now -= DAY
        self.ran_ahead = True
        self.tell(self.partners["s4"], self.place.clock.now)
        self.run()
        self.did["ahead"] += 1

    def moves(self, id_: str) -> None:
        """A partner's feed is somewhere else now, for ever."""
        partner = self.partners[id_]
        partner.path = "/new/feed.xml"
        partner.web.answers["/feed"] = Answer(status=301, headers={"Location": partner.path})
        self.did["moved"] += 1

    def renamed(self, id_: str) -> None:
        """A partner has another system: other guids and links, the same news (G2).

        Who edits at the same time is beyond recognition, and so is a title that turns.
        """
        self.run()
        for item in self.partners[id_].items:
            if not item.turns:
                item.guid = f"urn:new:{item.guid}"
                item.link = item.link.replace("/news/", "/en/aktuelles/")
        self.did["renamed"] += 1

    def late_source(self) -> None:
        """A source is added that has told things for long."""
        for n in (400, 90, 30, 9, 6, 4, 3, 2, 1):
            self.tell(self.partners["s7"], self.place.clock.now - n * DAY)
        self.tell(self.partners["s7"], None)
        self.partners_there.append("s7")


def begin(year: Year) -> None:
    """Every partner tells something, and the subscriber reads it."""
    for id_ in year.partners_there:
        for n in range(6):
            year.tell(year.partners[id_], year.place.clock.now - (6 - n) * 7 * DAY)
    year.configure()
    year.run()


def play(year: Year, monkeypatch: pytest.MonkeyPatch, step: timedelta, days: int = 365) -> None:
    """`days` in steps after which everybody is visited, mostly if something happened."""
    clock, r = year.place.clock, year.random
    begin(year)
    once: dict[int, Callable[[], None]] = {
        60: lambda: setattr(year, "title", "Imaging news of Europe"),
        80: lambda: year.moves("s3"),
        90: lambda: setattr(year, "channels", CHANNELS + "  - {id: extra, title: Extra}\n"),
        100: lambda: setattr(year, "topics", "topics: {bade: [/ba/]}\n"),
        120: year.late_source,
        130: lambda: year.killed(monkeypatch),
        140: lambda: year.renamed("s2"),
        150: lambda: setattr(
            year, "channels", CHANNELS + "  - {id: extra, title: Extra, include: {sources: [s4]}}\n"
        ),
        200: lambda: year.partners_there.remove("s1"),
        210 + r.randrange(30): year.ahead,
        245: lambda: setattr(year, "channels", CHANNELS),
        260: lambda: year.killed(monkeypatch),
        280: year.one_story,
        300: lambda: year.renamed("s4"),
    }
    begun = clock.now
    acts = [
        (year.news, 0.8),
        (year.edit, 0.25),
        (year.turn, 0.3),
        (year.withdraw, 0.04),
        (year.merge, 0.05),
        (year.part, 0.06),
        (year.hide, 0.04),
        (year.unhide, 0.04),
    ]
    while (day := (clock.now - begun) / DAY) < days:
        clock.now += step
        happened = [act for act, often in acts for _ in range(int(often * step / DAY + r.random()))]
        for act in happened:
            act()
        for due in [one for one in year.later if one[0] <= clock.now]:
            year.later.remove(due)
            due[1]()
        if not 170 <= day < 177 and (happened or r.random() < 0.3):
            year.run()
        for now in [it for it in once if it <= day]:
            once.pop(now)()
            year.configure()
            year.run()
        if r.random() < step / (45 * DAY):
            year.settled()
    year.settled()


def judged(year: Year) -> None:
    """At the end nothing is lost, and whoever obeys tombstones has exactly what is told."""
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


@pytest.mark.parametrize("seed", [1])
def test_a_year_as_a_subscriber_sees_it(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """P1, P2, T1, T3, E1, I4, I7, I8, PB4, PB8, PB9, PB13: what docs/feeds.md promises holds all year."""
    monkeypatch.setattr(publish, "WINDOW", 30)  # so that many stories leave it
    year = Year(place, webs, seed)
    play(year, monkeypatch, 8 * DAY)
    judged(year)


def test_a_year_does_not_depend_on_ports(
    tmp_path: Path, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids follow from addresses, and these from the run: chance alone decides what happens in a year."""
    years = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        years.append(Year(Workplace(tmp_path / name, Clock()), webs, 2))
        play(years[-1], monkeypatch, 8 * DAY, days=70)
    one, other = years
    assert set(one.live()).isdisjoint(other.live())
    assert one.random.getstate() == other.random.getstate()
    titles = "SELECT title FROM stories WHERE fed AND NOT hidden ORDER BY published"
    assert one.rows(titles) == other.rows(titles)


def test_a_story_that_a_tombstone_names_is_not_shown(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PB9: a feed names stories that it does not tell: one that is gone, and what became of another."""
    monkeypatch.setattr(publish, "WINDOW", 5)
    year = Year(place, webs, 1)
    begin(year)
    told = [id_ for id_ in year.live() if STORY + id_ in year.subscriber.shown]
    left = next(id_ for id_ in year.live() if STORY + id_ not in year.subscriber.shown)
    assert editor_decisions.merge(year.app, [left, told[0]], "ada") == (left, [told[0]])
    editor_decisions.set_hidden(year.app, [told[1]], "ada", hidden=True)
    year.decided |= {left, *told[:2]}
    year.run()
    body = (place.public / "atom.xml").read_text("utf-8")
    for id_ in (left, *told[:2]):
        assert STORY + id_ in body and STORY + id_ not in year.subscriber.shown
    assert year.subscriber.problems == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_more_years(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The same with other chances, and rounds every six hours."""
    year = Year(place, webs, seed)
    play(year, monkeypatch, 6 * HOUR)
    judged(year)
