"""Ten weeks of a community, with everything that happens to news: each reader is told each story once (M1, M2, M5, E1).

Real feeds, a real database, real decisions of editors; judged from the letters in the outbox folder alone, beside what
the database says of which items were one story when a letter was composed.
"""

from __future__ import annotations

import email
import email.policy
import random
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from aggregator.dedupe import editor_decisions
from aggregator.digests import run as digest
from aggregator.errors import WrongDecision
from aggregator.polling import fetch
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace

BEGIN = datetime(2026, 9, 21, 5, tzinfo=UTC)
DAYS, QUIET = 70, 10
"""Nothing happens in the last ten days, so that everything has been told at the end."""
YOUNG = timedelta(days=14)
"""What is older gets into no other channel: a digest takes that for no news any more (`editions.REACH`)."""
DOWN = range(35, 42)
LATE = 20
"""The day on which the source `late` is added, with a backlog."""
DIGESTS = """\
channels:
  - {id: some, title: Some, include: {sources: [a, b]}}
digests:
  - {id: weekly, title: Woche, channels: [all], schedule: "mon 08:00", language: de, recipients: [ada@a.example]}
  - {id: daily, title: Day, channels: [some], schedule: "daily 08:00", timezone: America/New_York,
     recipients: [grace@b.example]}
"""
RETOLD = ("CORRECTED OR CANCELLED", "BERICHTIGT ODER ABGESAGT")
GONE = ("WITHDRAWN", "ZURÜCKGEZOGEN")


@dataclass
class News:
    """One entry of a source's feed."""

    source: str
    link: str
    title: str
    body: str
    dated: datetime | None
    since: datetime
    titles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One story in a letter; `about` is how it is told: new, retold or gone."""

    about: str
    title: str
    link: str | None
    before: str | None


@dataclass(frozen=True)
class State:
    """The database when an edition was composed: the story of each link, and what is to be said of each story."""

    story_of: dict[str, str]
    links: dict[str, set[str]]
    lead: dict[str, tuple[str, str]]
    hidden: dict[str, str]
    fed: dict[str, bool]
    announced: dict[str, datetime]


class World:
    """The community: feeds that change, editors who decide, and the judges."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        self.place, self.clock = place, place.clock
        self.random = random.Random(seed)
        self.webs = {id_: webs() for id_ in ("a", "b", "c", "late")}
        self.news: list[News] = []
        self.numbers = iter(range(10_000))
        self.announced: Counter[str] = Counter()
        self.merged: set[str] = set()
        self.withdrawn: Counter[str] = Counter()
        self.states: dict[str, State] = {}
        self.configure("a", "b", "c")

    def configure(self, *ids: str) -> None:
        """These sources are polled."""
        sources = "".join(
            f"  - {{id: {id_}, name: The {id_}, url: '{self.webs[id_].url}/feed'}}\n" for id_ in ids
        )
        self.place.write(f"sources:\n{sources}{DIGESTS}")
        self.app = self.place.app()

    def words(self, count: int) -> str:
        """Words that no other news has."""
        syllables = [x + y for x in "bdfgklmnprstvz" for y in "aeiou"]
        return " ".join("".join(self.random.choices(syllables, k=4)) for _ in range(count)).capitalize()

    # --- what happens -----------------------------------------------------------------------------------

    def publish(self, source: str, dated: datetime | None, twin: News | None = None) -> News:
        """An entry appears at the top of a feed; a twin passes on another's link and title."""
        n = next(self.numbers)
        link = twin.link if twin else f"https://{source}.example/{n}"
        title = twin.title if twin else self.words(4)
        made = News(source, link, title, self.words(30), dated, self.clock.now)
        made.titles.append(title)
        self.news.append(made)
        return made

    def a_day(self, now: datetime) -> None:
        """What a day brings; dates are of today, of long ago, or missing."""
        chance, any_of = self.random.random, self.random.choice
        for _ in range(self.random.randint(0, 2)):
            dated = any_of([now, now, now - timedelta(days=3), now - timedelta(days=400), None])
            self.publish(any_of("abc"), dated)
        own = [one for one in self.news if one.link.startswith(f"https://{one.source}.")]
        # (To join a story an item must tell the same as its lead, which may be another after a merge: I5.)
        young = [one for one in own if one.since > now - YOUNG and one.link not in self.merged]
        if young and chance() < 0.2:
            one = any_of(young)
            other = any_of([id_ for id_ in "abc" if id_ != one.source])
            if not any(two.link == one.link and two is not one for two in self.news):
                self.publish(other, now, twin=one)
        if chance() < 0.3:
            self.correct(any_of(own))
        if chance() < 0.1:
            self.take_back(own)
        if chance() < 0.35:
            self.decide()

    def correct(self, one: News) -> None:
        """A partner gives a story another title, or says that it is off; at most three times."""
        if len(one.titles) > 3 or sum(two.link == one.link for two in self.news) > 1:
            return
        off = not one.title.startswith("Cancelled") and self.random.random() < 0.3
        one.title = f"Cancelled: {one.title}" if off else self.words(4)
        one.titles.append(one.title)

    def take_back(self, own: list[News]) -> None:
        """A partner takes the last correction back."""
        corrected = [one for one in own if len(one.titles) > 1 and one.title != one.titles[0]]
        if corrected:
            one = self.random.choice(corrected)
            one.title = one.titles[0]
            one.titles.append(one.title)

    def decide(self) -> None:
        """An editor merges, splits, hides or shows stories again; what may not be is refused."""
        state, app, now = self.state(), self.app, self.clock.now
        known = sorted(state.lead, key=state.lead.__getitem__)  # ids depend on the ports of this very test
        shown = [id_ for id_ in known if state.fed[id_] and id_ not in state.hidden]
        choice = self.random.choice(
            ["merge", "merge", "split", "split", "hide", "withdraw", "withdraw", "unhide"]
        )
        with suppress(WrongDecision, IndexError):
            if choice == "merge":
                unpolled = {
                    one.link for one in self.news if one.since == now
                }  # a twin finds the lead it meant
                young = [id_ for id_ in shown if state.announced[id_] > now - YOUNG]
                ids = self.random.sample([id_ for id_ in young if not state.links[id_] & unpolled], 2)
                self.merged |= state.links[ids[0]] | state.links[ids[1]]
                editor_decisions.merge(app, ids, "ada")
            elif choice == "split":
                story = self.random.choice([id_ for id_ in shown if len(state.links[id_]) > 1])
                self.split(story, state)
            elif choice == "unhide":
                editor_decisions.set_hidden(
                    app,
                    [self.random.choice([id_ for id_ in known if id_ in state.hidden])],
                    "ada",
                    hidden=False,
                )
            else:
                story = self.random.choice(shown)
                editor_decisions.set_hidden(app, [story], "ada", hidden=True, withdrawn=choice == "withdraw")
                if choice == "withdraw":
                    titles = {t for one in self.news if one.link in state.links[story] for t in one.titles}
                    self.withdrawn.update(titles)

    def split(self, story: str, state: State) -> None:
        """All items of one link leave a story, to be told anew or not."""
        link = self.random.choice(sorted(state.links[story]))
        items = [
            row[0] for row in self.rows("SELECT id FROM items WHERE story_id = ? AND link = ?", story, link)
        ]
        announce = self.random.random() < 0.5
        editor_decisions.split(self.app, items, "ada", announce=announce)
        self.merged |= state.links[story]
        self.announced[link] += announce

    # --- what runs --------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Feeds as they are now, all visited."""
        for id_, web in self.webs.items():
            items = [
                {
                    "title": one.title,
                    "link": one.link,
                    "guid": f"{one.source} {one.link}",
                    "description": one.body,
                }
                | ({"pubDate": format_datetime(one.dated)} if one.dated else {})
                for one in reversed(self.news)
                if one.source == id_
            ]
            web.feed("/feed", rss(*items))
        fetch.run(self.app, force=True)

    def mail(self) -> None:
        """Digests that are due; what the database said then is kept for the judges."""
        state = self.state()
        for edition in digest.run(self.app).composed:
            assert edition not in self.states, f"M5: {edition} was composed twice"
            self.states[edition] = state

    def state(self) -> State:
        """What is one story now."""
        told = self.rows("SELECT link, story_id FROM items WHERE story_id IS NOT NULL")
        links: dict[str, set[str]] = defaultdict(set)
        for link, story in told:
            links[story].add(link)
        lead = "SELECT stories.id, items.link, items.title FROM stories JOIN items ON items.id = lead_id"
        hidden = "SELECT id, reason FROM stories JOIN tombstones ON story_id = id WHERE hidden"
        return State(
            story_of=dict(told),
            links=dict(links),
            lead={id_: (link, title) for id_, link, title in self.rows(lead)},
            hidden=dict.fromkeys((row[0] for row in self.rows("SELECT id FROM stories WHERE hidden")), "")
            | dict(self.rows(hidden)),
            fed={id_: bool(fed) for id_, fed in self.rows("SELECT id, fed FROM stories")},
            announced={
                id_: datetime.fromisoformat(at) for id_, at in self.rows("SELECT id, announced FROM stories")
            },
        )

    def rows(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        """What the database says."""
        conn = sqlite3.connect(self.place.database)
        try:
            return conn.execute(sql, values).fetchall()
        finally:
            conn.close()

    def live(self) -> None:
        """Ten weeks."""
        for n in (1, 2, 5, 9, 60):
            self.publish("a", BEGIN - timedelta(days=n))
        for day in range(DAYS):
            self.clock.now = BEGIN + timedelta(days=day)
            if day == LATE:
                for n in (1, 3, 6, 8, 30, 300):
                    self.publish("late", self.clock.now - timedelta(days=n))
                self.publish("late", None)
                self.configure("a", "b", "c", "late")
            if 0 < day < DAYS - QUIET:
                self.a_day(self.clock.now)
            if day in DOWN:
                continue
            for hour in (0, 3, 9):  # 5, 8 and 14 o'clock UTC: before and behind both digests' hours
                self.clock.now = BEGIN + timedelta(days=day, hours=hour)
                if hour != 3 or self.random.random() < 0.3:
                    self.poll()
                self.mail()


# --- the judges ----------------------------------------------------------------------------------------


def letters(place: Workplace) -> dict[str, list[Entry]]:
    """What each edition tells, in the order they were composed."""
    found = {}
    for file in (place.folder / "var" / "outbox").glob("*.eml"):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        edition = str(mail["Message-ID"]).strip("<>").partition(".")[0]
        text = str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]
        found[edition] = read(text)
    return dict(sorted(found.items(), key=lambda pair: pair[0][-10:]))


def read(text: str) -> list[Entry]:
    """The stories of a letter's text."""
    told, about = [], "new"
    for part in re.split(r"\n\n+", text.partition("\n-- \n")[0]):
        if re.search(r"^=+$", part, re.MULTILINE):
            heading = part.strip().split("\n")[0]
            about = "retold" if heading in RETOLD else "gone" if heading in GONE else "new"
        elif part.startswith("* "):
            lines = part.strip("\n").split("\n")
            before = re.search("[“„](.+?)[”“]", " ".join(line.strip() for line in lines[1:]))
            link = lines[-1].strip() if lines[-1].startswith("  https://") else None
            told.append(Entry(about, lines[0].removeprefix("* "), link, before[1] if before else None))
    return told


def judge(world: World, name: str) -> Counter[str]:
    """Everything that one reader got, against what was so when it was composed; how much of each was seen."""
    seen: Counter[str] = Counter()
    new: dict[str, list[str]] = defaultdict(list)
    last_title: dict[str, str] = {}
    withdrawals: Counter[str] = Counter()
    for edition, told in letters(world.place).items():
        if not edition.startswith(name):
            continue
        state = world.states[edition]
        for entry in told:
            seen[entry.about] += 1
            if entry.about == "gone":
                assert entry.link is None, f"{edition} links what was withdrawn"
                withdrawals[entry.title] += 1
                reasons = [
                    state.hidden[id_]
                    for id_ in state.hidden
                    if any(one.link in state.links[id_] and entry.title in one.titles for one in world.news)
                ]
                assert any(reason.startswith("withdrawn") for reason in reasons), f"{edition}: {entry}"
                continue
            assert entry.link, entry
            story = state.story_of[entry.link]
            assert story not in state.hidden, f"{edition} tells {entry.title!r}, which is hidden"
            assert state.lead[story] == (entry.link, entry.title), f"{edition} tells other words: {entry}"
            if entry.about == "new":
                for link in state.links[story]:
                    new[link].append(edition)
            else:
                assert state.links[story] & new.keys(), f"{edition} corrects what it never told: {entry}"
                assert last_title.get(entry.link) != entry.title, f"{edition} corrects nothing: {entry}"
                if entry.before:
                    assert entry.before == last_title[entry.link], f"{edition}: {entry}"
                    seen["before"] += 1
            last_title[entry.link] = entry.title
    for link, editions in new.items():
        assert len(editions) <= 1 + world.announced[link], f"{link} is new in {editions}"
    assert withdrawals <= world.withdrawn
    _nothing_is_missing(world, name, new, last_title)
    state = world.state()
    for story in (id_ for id_, reason in state.hidden.items() if reason.startswith("withdrawn")):
        titles = {last_title[link] for link in state.links[story] if link in last_title}
        assert not titles or titles & withdrawals.keys(), f"{name} never told that {titles} is withdrawn"
    return seen


def _nothing_is_missing(
    world: World, name: str, new: dict[str, list[str]], last_title: dict[str, str]
) -> None:
    state = world.state()
    channel = {"weekly": "all", "daily": "some"}[name]
    since = world.rows("SELECT since FROM digests WHERE id = ?", name)[0][0]
    owed = world.rows(
        "SELECT id FROM stories JOIN channel_stories ON story_id = id WHERE stories.fed AND NOT hidden"
        " AND channel_id = ? AND stories.announced >= ?",
        channel,
        since,
    )
    for (story,) in owed:
        assert state.links[story] & new.keys(), f"{name} never told {state.lead[story]}"
        link, title = state.lead[story]
        if link in last_title and link not in world.merged:
            assert last_title[link] == title, f"{name} never told that {last_title[link]!r} is {title!r} now"


def judge_periods(world: World) -> None:
    """M5: Mondays, and every date once; around the change of clocks, too."""
    for edition in letters(world.place):
        name, _, day = edition.partition("-")
        assert name == "daily" or date.fromisoformat(day).weekday() == 0


def judge_pages(world: World) -> None:
    """Each edition has its page, which tells what the letter told but for what is hidden by now."""
    state = world.state()
    for edition, told in letters(world.place).items():
        page = (world.place.public / "digests" / f"{edition}.html").read_text("utf-8")
        assert "@a.example" not in page and "@b.example" not in page
        for entry in told:
            if entry.link:
                hidden = state.story_of[entry.link] in state.hidden
                assert (f">{entry.title}<" in page) is not hidden, f"{edition}: {entry}, hidden: {hidden}"
                assert (f'"{entry.link}"' in page) is not hidden


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 40), marks=pytest.mark.soak)], ids=str)
def test_ten_weeks(tmp_path: Path, clock: Clock, webs: Callable[[], Web], seed: int | range) -> None:
    """M1, M2, M5, E1, I7, I8: whatever happens to stories, each reader gets each once, and each correction once."""
    seen: Counter[str] = Counter()
    for one in [seed] if isinstance(seed, int) else seed:
        folder = tmp_path / str(one)
        folder.mkdir()
        world = World(Workplace(folder, clock), webs, one)
        world.live()
        seen += judge(world, "weekly") + judge(world, "daily")
        judge_periods(world)
        judge_pages(world)
    assert min(seen[about] for about in ("new", "retold", "gone", "before")) > 0, seen
