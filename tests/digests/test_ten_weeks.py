"""Simulate ten weeks of a community: each subscriber gets each story once (M1, M2, M5, E1).

Feeds, database and editorial decisions are real. The messages in the outbox are checked against the stories that the
database had when an edition was composed.
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

from aggregator.dedupe import editor_commands
from aggregator.digests import run as digest
from aggregator.errors import WrongDecision
from aggregator.polling import fetch
from aggregator.store import editions
from tests.builders import rss
from tests.web_server import Web
from tests.workplace import Clock, Workplace

BEGIN = datetime(2026, 9, 21, 5, tzinfo=UTC)
DAYS, QUIET = 70, 10
"""Nothing changes in the last ten days, so that editions have everything at the end."""
YOUNG = timedelta(days=14)
"""Older stories enter no other channel: no digest takes them (`editions.MAX_PENDING_AGE`)."""
DOWN = range(35, 42)
LATE = 20
"""Day on which the source `late` is added, with a backlog."""
DIGESTS = """\
channels:
  - {id: some, title: Some, include: {sources: [a, b]}}
digests:
  - {id: weekly, title: Woche, channels: [all], schedule: "mon 08:00", language: de, recipients: [ada@a.example]}
  - {id: daily, title: Day, channels: [some], schedule: "daily 08:00", timezone: America/New_York,
     recipients: [grace@b.example]}
"""
CORRECTED = ("CORRECTED OR CANCELLED", "BERICHTIGT ODER ABGESAGT")
REMOVED = ("WITHDRAWN", "ZURÜCKGEZOGEN")


@dataclass
class FeedEntry:
    """Hold one entry of a source's feed."""

    source: str
    link: str
    title: str
    body: str
    dated: datetime | None
    since: datetime
    titles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """Hold one story of a message; `about` is new, corrected or removed."""

    about: str
    title: str
    link: str | None
    before: str | None


@dataclass(frozen=True)
class State:
    """Hold the stories of the database when an edition was composed."""

    story_of: dict[str, str]
    links: dict[str, set[str]]
    lead: dict[str, tuple[str, str]]
    hidden: dict[str, str]
    fed: dict[str, bool]
    announced: dict[str, datetime]


class World:
    """Simulate feeds that change and editors that decide."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        self.place, self.clock = place, place.clock
        self.random = random.Random(seed)
        self.webs = {id_: webs() for id_ in ("a", "b", "c", "late")}
        self.entries: list[FeedEntry] = []
        self.numbers = iter(range(10_000))
        self.announced: Counter[str] = Counter()
        self.merged: set[str] = set()
        self.not_announced: set[str] = set()
        self.removed: Counter[str] = Counter()
        self.states: dict[str, State] = {}
        self.configure("a", "b", "c")

    def configure(self, *ids: str) -> None:
        """Write feeds.yaml with these sources."""
        sources = "".join(
            f"  - {{id: {id_}, name: The {id_}, url: '{self.webs[id_].url}/feed'}}\n" for id_ in ids
        )
        self.place.write(f"sources:\n{sources}{DIGESTS}")
        self.app = self.place.app()

    def words(self, count: int) -> str:
        """Make words that no other entry has."""
        syllables = [x + y for x in "bdfgklmnprstvz" for y in "aeiou"]
        return " ".join("".join(self.random.choices(syllables, k=4)) for _ in range(count)).capitalize()

    # --- changes -----------------------------------------------------------------------------------

    def publish(self, source: str, dated: datetime | None, twin: FeedEntry | None = None) -> FeedEntry:
        """Add an entry at the top of a feed; with `twin` it has the link and title of another."""
        n = next(self.numbers)
        link = twin.link if twin else f"https://{source}.example/{n}"
        title = twin.title if twin else self.words(4)
        made = FeedEntry(source, link, title, self.words(30), dated, self.clock.now)
        made.titles.append(title)
        self.entries.append(made)
        return made

    def change(self, now: datetime) -> None:
        """Make the changes of a day; new entries are dated today, earlier or not at all."""
        chance, any_of = self.random.random, self.random.choice
        for _ in range(self.random.randint(0, 2)):
            dated = any_of([now, now, now - timedelta(days=3), now - timedelta(days=400), None])
            self.publish(any_of("abc"), dated)
        own = [one for one in self.entries if one.link.startswith(f"https://{one.source}.")]
        # An item joins a story only if it is the same as its lead, which a merge may replace (I5).
        young = [one for one in own if one.since > now - YOUNG and one.link not in self.merged]
        if young and chance() < 0.2:
            one = any_of(young)
            other = any_of([id_ for id_ in "abc" if id_ != one.source])
            if not self.has_twin(one):
                self.publish(other, now, twin=one)
        if chance() < 0.3:
            self.correct(any_of(own))
        if chance() < 0.1:
            self.revert(own)
        if chance() < 0.35:
            self.decide()

    def correct(self, one: FeedEntry) -> None:
        """Change the title of an entry, or cancel it; at most three times."""
        if len(one.titles) > 3 or self.has_twin(one):
            return
        cancelled = not one.title.startswith("Cancelled") and self.random.random() < 0.3
        one.title = f"Cancelled: {one.title}" if cancelled else self.words(4)
        one.titles.append(one.title)

    def revert(self, own: list[FeedEntry]) -> None:
        """Revert the last correction of an entry."""
        corrected = [one for one in own if len(one.titles) > 1 and one.title != one.titles[0]]
        corrected = [one for one in corrected if not self.has_twin(one)]  # only one would be cancelled (EX7)
        if corrected:
            one = self.random.choice(corrected)
            one.title = one.titles[0]
            one.titles.append(one.title)

    def has_twin(self, one: FeedEntry) -> bool:
        """Return whether another entry has the link of this one."""
        return any(two.link == one.link and two is not one for two in self.entries)

    def decide(self) -> None:
        """Merge, split, hide or show stories as an editor; impossible decisions are refused."""
        state, app, now = self.state(), self.app, self.clock.now
        known = sorted(state.lead, key=state.lead.__getitem__)  # ids depend on the ports of this test
        shown = [id_ for id_ in known if state.fed[id_] and id_ not in state.hidden]
        choice = self.random.choice(
            ["merge", "merge", "split", "split", "hide", "remove", "remove", "unhide"]
        )
        with suppress(WrongDecision, IndexError):
            if choice == "merge":
                # A twin finds the lead that it copies.
                unpolled = {one.link for one in self.entries if one.since > self.polled}
                young = [id_ for id_ in shown if state.announced[id_] > now - YOUNG]
                young = [id_ for id_ in young if not state.links[id_] & unpolled]
                ids = self.random.sample(young, min(2, len(young)))
                self.merged.update(*(state.links[id_] for id_ in ids))
                editor_commands.merge(app, ids, "ada")
            elif choice == "split":
                story = self.random.choice([id_ for id_ in shown if len(state.links[id_]) > 1])
                self.split(story, state)
            elif choice == "unhide":
                story = self.random.choice([id_ for id_ in known if id_ in state.hidden])
                editor_commands.unhide(app, [story], "ada")
            else:
                story = self.random.choice(shown)
                editor_commands.hide(app, [story], "ada", withdrawn=choice == "remove")
                if choice == "remove":
                    titles = {t for one in self.entries if one.link in state.links[story] for t in one.titles}
                    self.removed.update(titles)

    def split(self, story: str, state: State) -> None:
        """Split all items of one link from a story, announced again or not."""
        link = self.random.choice(sorted(state.links[story]))
        items = [
            row[0] for row in self.rows("SELECT id FROM items WHERE story_id = ? AND link = ?", story, link)
        ]
        announce = self.random.random() < 0.5
        editor_commands.split(self.app, items, "ada", announce=announce)
        self.merged |= state.links[story]
        self.announced[link] += announce
        if not announce:
            self.not_announced.add(link)

    # --- runs --------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Publish all feeds, and visit them."""
        for id_, web in self.webs.items():
            items = [
                {
                    "title": one.title,
                    "link": one.link,
                    "guid": f"{one.source} {one.link}",
                    "description": one.body,
                }
                | ({"pubDate": format_datetime(one.dated)} if one.dated else {})
                for one in reversed(self.entries)
                if one.source == id_
            ]
            web.feed("/feed", rss(*items))
        fetch.run(self.app, force=True)
        self.polled = self.clock.now

    def mail(self) -> None:
        """Run the digests that are due, and keep the state of the database for the checks."""
        composed = digest.run(self.app).composed  # which changes nothing that `state` reads
        state = self.state() if composed else None
        for edition in composed:
            assert state and edition not in self.states, f"{edition} was composed twice"
            self.states[edition] = state

    def state(self) -> State:
        """Read the stories of the database."""
        items = self.rows("SELECT link, story_id FROM items WHERE story_id IS NOT NULL")
        links: dict[str, set[str]] = defaultdict(set)
        for link, story in items:
            links[story].add(link)
        lead = "SELECT stories.id, items.link, items.title FROM stories JOIN items ON items.id = lead_id"
        hidden = "SELECT id, reason FROM stories JOIN tombstones ON story_id = id WHERE hidden"
        return State(
            story_of=dict(items),
            links=dict(links),
            lead={id_: (link, title) for id_, link, title in self.rows(lead)},
            hidden=dict.fromkeys((row[0] for row in self.rows("SELECT id FROM stories WHERE hidden")), "")
            | dict(self.rows(hidden)),
            fed={id_: bool(fed) for id_, fed in self.rows("SELECT id, fed FROM stories")},
            announced={
                id_: datetime.fromisoformat(at) for id_, at in self.rows("SELECT id, announced FROM stories")
            },
        )

    def rows(self, sql: str, *values: str | int) -> list[tuple[str, ...]]:
        """Query the database."""
        conn = sqlite3.connect(self.place.database)
        try:
            return conn.execute(sql, values).fetchall()
        finally:
            conn.close()

    def simulate(self) -> None:
        """Simulate all days."""
        self.clock.now = BEGIN  # not the end of the seed before
        self.polled = BEGIN - timedelta(days=1)
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
                self.change(self.clock.now)
            if day in DOWN:
                continue
            for hour in (0, 3, 9):  # 5, 8 and 14 o'clock UTC: before and behind both digests' hours
                self.clock.now = BEGIN + timedelta(days=day, hours=hour)
                if hour != 3 or self.random.random() < 0.3:
                    self.poll()
                self.mail()


# --- checks ----------------------------------------------------------------------------------------


def messages(place: Workplace) -> dict[str, list[Entry]]:
    """Read the stories of each edition, in the order of editions."""
    found = {}
    for file in (place.folder / "var" / "outbox").glob("*.eml"):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        edition = str(mail["Message-ID"]).strip("<>").partition(".")[0]
        text = str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]
        found[edition] = read(text)
    return dict(sorted(found.items(), key=lambda pair: pair[0][-10:]))


def read(text: str) -> list[Entry]:
    """Parse the stories of a message's text."""
    entries, about = [], "new"
    for part in re.split(r"\n\n+", text.partition("\n-- \n")[0]):
        if re.search(r"^=+$", part, re.MULTILINE):
            heading = part.strip().split("\n")[0]
            about = "corrected" if heading in CORRECTED else "removed" if heading in REMOVED else "new"
        elif part.startswith("* "):
            lines = part.strip("\n").split("\n")
            before = re.search("[“„](.+?)[”“]", " ".join(line.strip() for line in lines[1:]))
            link = lines[-1].strip() if lines[-1].startswith("  https://") else None
            entries.append(Entry(about, lines[0].removeprefix("* "), link, before[1] if before else None))
    return entries


def check(world: World, name: str) -> Counter[str]:
    """Check all messages of a digest against the states; count its entries by kind."""
    seen: Counter[str] = Counter()
    new: dict[str, list[str]] = defaultdict(list)
    last_title: dict[str, str] = {}
    removals: Counter[str] = Counter()
    for edition, entries in messages(world.place).items():
        if not edition.startswith(name):
            continue
        state = world.states[edition]
        for entry in entries:
            seen[entry.about] += 1
            if entry.about == "removed":
                assert entry.link is None, f"{edition} links a removed story"
                removals[entry.title] += 1
                reasons = [
                    state.hidden[id_]
                    for id_ in state.hidden
                    if any(
                        one.link in state.links[id_] and entry.title in one.titles for one in world.entries
                    )
                ]
                assert any(reason.startswith("withdrawn") for reason in reasons), f"{edition}: {entry}"
                continue
            assert entry.link, entry
            story = state.story_of[entry.link]
            assert story not in state.hidden, f"{edition} has {entry.title!r}, which is hidden"
            assert state.lead[story] == (entry.link, entry.title), f"{edition} has another title: {entry}"
            if entry.about == "new":
                for link in state.links[story]:
                    new[link].append(edition)
            else:
                # A story that was split off may have been in an edition as the lead of the story that it was in.
                had = new.keys() | (last_title.keys() & world.merged)
                assert state.links[story] & had, f"{edition} corrects what it never had: {entry}"
                assert last_title.get(entry.link) != entry.title, f"{edition} corrects nothing: {entry}"
                if entry.before:
                    assert entry.before == last_title[entry.link], f"{edition}: {entry}"
                    seen["before"] += 1
            last_title[entry.link] = entry.title
    for link, had_it in new.items():
        assert len(had_it) <= 1 + world.announced[link], f"{link} is new in {had_it}"
    assert removals <= world.removed
    _nothing_is_missing(world, name, new, last_title)
    state = world.state()
    for story in (id_ for id_, reason in state.hidden.items() if reason.startswith("withdrawn")):
        titles = {last_title[link] for link in state.links[story] if link in last_title}
        assert not titles or titles & removals.keys(), f"{name} never reported that {titles} is removed"
    return seen


def _nothing_is_missing(
    world: World, name: str, new: dict[str, list[str]], last_title: dict[str, str]
) -> None:
    state = world.state()
    channel = {"weekly": "all", "daily": "some"}[name]
    since = world.rows("SELECT since FROM digests WHERE id = ?", name)[0][0]
    due = world.rows(
        "SELECT id FROM stories JOIN channel_stories ON story_id = id WHERE stories.fed AND NOT hidden"
        " AND channel_id = ? AND stories.announced >= ?"
        # A story that was hidden for a month is no longer new.
        " AND (returned IS NULL OR julianday(returned) - julianday(stories.announced) <= ?)",
        channel,
        since,
        editions.MAX_PENDING_AGE.days,
    )
    for (story,) in due:
        if (
            state.links[story] <= world.not_announced
        ):  # part of a story that was known when it was merged (I7)
            continue
        assert state.links[story] & new.keys(), f"{name} never had {state.lead[story]}"
        link, title = state.lead[story]
        if link in last_title and link not in world.merged:
            assert last_title[link] == title, (
                f"{name} never reported that {last_title[link]!r} is {title!r} now"
            )


def check_periods(world: World) -> None:
    """Check that weekly editions are of Mondays, also after a change to winter time (M5)."""
    for edition in messages(world.place):
        name, _, day = edition.partition("-")
        assert name == "daily" or date.fromisoformat(day).weekday() == 0


def check_pages(world: World) -> None:
    """Check that the page of each edition has its stories, except those hidden since."""
    state = world.state()
    for edition, entries in messages(world.place).items():
        page = (world.place.public / "digests" / f"{edition}.html").read_text("utf-8")
        assert "@a.example" not in page and "@b.example" not in page
        for entry in entries:
            if entry.link:
                hidden = state.story_of[entry.link] in state.hidden
                assert (f">{entry.title}<" in page) is not hidden, f"{edition}: {entry}, hidden: {hidden}"
                assert (f'"{entry.link}"' in page) is not hidden


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 40), marks=pytest.mark.soak)], ids=str)
def test_ten_weeks(tmp_path: Path, clock: Clock, webs: Callable[[], Web], seed: int | range) -> None:
    """Each subscriber gets each story and each correction once (M1, M2, M5, E1, I7, I8)."""
    seen: Counter[str] = Counter()
    for one in [seed] if isinstance(seed, int) else seed:
        folder = tmp_path / str(one)
        folder.mkdir()
        world = World(Workplace(folder, clock), webs, one)
        world.simulate()
        seen += check(world, "weekly") + check(world, "daily")
        check_periods(world)
        check_pages(world)
    assert min(seen[about] for about in ("new", "corrected", "removed", "before")) > 0, seen
