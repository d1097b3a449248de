"""In ten weeks with all kinds of changes, each reader gets each story once (M1, M2, M5, E1).

Feeds, database and decisions of editors are real. The checks compare the messages in the outbox folder with the
database at the time of their composition.
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
"""Days of the test, and quiet days at its end, after which all stories must be published."""
YOUNG = timedelta(days=14)
"""Maximum age of entries that move to another channel; a digest ignores older ones."""
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
UPDATED = ("CORRECTED OR CANCELLED", "BERICHTIGT ODER ABGESAGT")
WITHDRAWN = ("WITHDRAWN", "ZURÜCKGEZOGEN")


@dataclass
class Published:
    """One entry of the feed of a source."""

    source: str
    link: str
    title: str
    body: str
    dated: datetime | None
    since: datetime
    titles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MessageEntry:
    """One story in a message; `about` is new, updated or withdrawn."""

    about: str
    title: str
    link: str | None
    former_title: str | None


@dataclass(frozen=True)
class State:
    """The database when an edition was composed, by link and by story."""

    story_of: dict[str, str]
    links: dict[str, set[str]]
    lead: dict[str, tuple[str, str]]
    hidden: dict[str, str]
    fed: dict[str, bool]
    announced: dict[str, datetime]


class World:
    """A community of changing feeds and deciding editors, and what the checks need to know."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        self.place, self.clock = place, place.clock
        self.random = random.Random(seed)
        self.webs = {id_: webs() for id_ in ("a", "b", "c", "late")}
        self.published: list[Published] = []
        self.numbers = iter(range(10_000))
        self.announced: Counter[str] = Counter()
        self.merged: set[str] = set()
        self.withdrawn: Counter[str] = Counter()
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
        """Return words that no other entry has."""
        syllables = [x + y for x in "bdfgklmnprstvz" for y in "aeiou"]
        return " ".join("".join(self.random.choices(syllables, k=4)) for _ in range(count)).capitalize()

    # --- changes ----------------------------------------------------------------------------------------

    def publish(self, source: str, dated: datetime | None, twin: Published | None = None) -> Published:
        """Add an entry to the top of a feed; a twin repeats the link and title of another."""
        n = next(self.numbers)
        link = twin.link if twin else f"https://{source}.example/{n}"
        title = twin.title if twin else self.words(4)
        made = Published(source, link, title, self.words(30), dated, self.clock.now)
        made.titles.append(title)
        self.published.append(made)
        return made

    def run_day(self, now: datetime) -> None:
        """Change feeds and decide at random; dates are of today, of long ago, or absent."""
        chance, any_of = self.random.random, self.random.choice
        for _ in range(self.random.randint(0, 2)):
            dated = any_of([now, now, now - timedelta(days=3), now - timedelta(days=400), None])
            self.publish(any_of("abc"), dated)
        own = [each for each in self.published if each.link.startswith(f"https://{each.source}.")]
        # An item joins a story only if it is the same as the lead, which may change in a merge (I5).
        young = [each for each in own if each.since > now - YOUNG and each.link not in self.merged]
        if young and chance() < 0.2:
            first = any_of(young)
            source = any_of([id_ for id_ in "abc" if id_ != first.source])
            if not any(each.link == first.link and each is not first for each in self.published):
                self.publish(source, now, twin=first)
        if chance() < 0.3:
            self.correct(any_of(own))
        if chance() < 0.1:
            self.revert(own)
        if chance() < 0.35:
            self.decide()

    def correct(self, entry: Published) -> None:
        """Change the title of an entry, or cancel it; at most three times."""
        if len(entry.titles) > 3 or sum(each.link == entry.link for each in self.published) > 1:
            return
        off = not entry.title.startswith("Cancelled") and self.random.random() < 0.3
        entry.title = f"Cancelled: {entry.title}" if off else self.words(4)
        entry.titles.append(entry.title)

    def revert(self, own: list[Published]) -> None:
        """Revert the last correction of an entry."""
        corrected = [entry for entry in own if len(entry.titles) > 1 and entry.title != entry.titles[0]]
        if corrected:
            entry = self.random.choice(corrected)
            entry.title = entry.titles[0]
            entry.titles.append(entry.title)

    def decide(self) -> None:
        """Merge, split, hide or show stories as an editor; refusals are ignored."""
        state, app, now = self.state(), self.app, self.clock.now
        known = sorted(state.lead, key=state.lead.__getitem__)  # ids depend on the ports of this test
        shown = [id_ for id_ in known if state.fed[id_] and id_ not in state.hidden]
        choice = self.random.choice(
            ["merge", "merge", "split", "split", "hide", "withdraw", "withdraw", "unhide"]
        )
        with suppress(WrongDecision, IndexError):
            if choice == "merge":
                unpolled = {
                    each.link for each in self.published if each.since == now
                }  # a twin then joins the story it repeats
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
                    titles = {
                        title
                        for each in self.published
                        if each.link in state.links[story]
                        for title in each.titles
                    }
                    self.withdrawn.update(titles)

    def split(self, story: str, state: State) -> None:
        """Split all items of one link off a story, announced or not."""
        link = self.random.choice(sorted(state.links[story]))
        items = [
            row[0] for row in self.rows("SELECT id FROM items WHERE story_id = ? AND link = ?", story, link)
        ]
        announce = self.random.random() < 0.5
        editor_decisions.split(self.app, items, "ada", announce=announce)
        self.merged |= state.links[story]
        self.announced[link] += announce

    # --- jobs -------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Serve all feeds in their present state, and visit them."""
        for id_, web in self.webs.items():
            items = [
                {
                    "title": entry.title,
                    "link": entry.link,
                    "guid": f"{entry.source} {entry.link}",
                    "description": entry.body,
                }
                | ({"pubDate": format_datetime(entry.dated)} if entry.dated else {})
                for entry in reversed(self.published)
                if entry.source == id_
            ]
            web.feed("/feed", rss(*items))
        fetch.run(self.app, force=True)

    def mail(self) -> None:
        """Run the digest job, and keep the database state of each edition for the checks."""
        state = self.state()
        for edition in digest.run(self.app).composed:
            assert edition not in self.states, f"{edition} was composed twice"
            self.states[edition] = state

    def state(self) -> State:
        """Read which links are one story at present."""
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

    def rows(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        """Return the rows of a query."""
        conn = sqlite3.connect(self.place.database)
        try:
            return conn.execute(sql, values).fetchall()
        finally:
            conn.close()

    def run_ten_weeks(self) -> None:
        """Run ten weeks."""
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
                self.run_day(self.clock.now)
            if day in DOWN:
                continue
            for hour in (0, 3, 9):  # 05:00, 08:00 and 14:00 UTC: before and after the times of both digests
                self.clock.now = BEGIN + timedelta(days=day, hours=hour)
                if hour != 3 or self.random.random() < 0.3:
                    self.poll()
                self.mail()


# --- checks --------------------------------------------------------------------------------------------


def entries_by_edition(place: Workplace) -> dict[str, list[MessageEntry]]:
    """Return the entries of each edition, in order of composition."""
    found = {}
    for file in (place.folder / "var" / "outbox").glob("*.eml"):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        edition = str(mail["Message-ID"]).strip("<>").partition(".")[0]
        text = str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]
        found[edition] = parse(text)
    return dict(sorted(found.items(), key=lambda pair: pair[0][-10:]))


def parse(text: str) -> list[MessageEntry]:
    """Parse the stories of the text of a message."""
    entries, about = [], "new"
    for part in re.split(r"\n\n+", text.partition("\n-- \n")[0]):
        if re.search(r"^=+$", part, re.MULTILINE):
            heading = part.strip().split("\n")[0]
            about = "updated" if heading in UPDATED else "withdrawn" if heading in WITHDRAWN else "new"
        elif part.startswith("* "):
            lines = part.strip("\n").split("\n")
            former_title = re.search("[“„](.+?)[”“]", " ".join(line.strip() for line in lines[1:]))
            link = lines[-1].strip() if lines[-1].startswith("  https://") else None
            entries.append(
                MessageEntry(
                    about, lines[0].removeprefix("* "), link, former_title[1] if former_title else None
                )
            )
    return entries


def check(world: World, name: str) -> Counter[str]:
    """Check all editions of a digest against the database at their time; count the entries."""
    seen: Counter[str] = Counter()
    new: dict[str, list[str]] = defaultdict(list)
    last_title: dict[str, str] = {}
    withdrawals: Counter[str] = Counter()
    for edition, entries in entries_by_edition(world.place).items():
        if not edition.startswith(name):
            continue
        state = world.states[edition]
        for entry in entries:
            seen[entry.about] += 1
            if entry.about == "withdrawn":
                assert entry.link is None, f"{edition} links a withdrawn story"
                withdrawals[entry.title] += 1
                reasons = [
                    state.hidden[id_]
                    for id_ in state.hidden
                    if any(
                        each.link in state.links[id_] and entry.title in each.titles
                        for each in world.published
                    )
                ]
                assert any(reason.startswith("withdrawn") for reason in reasons), f"{edition}: {entry}"
                continue
            assert entry.link, entry
            story = state.story_of[entry.link]
            assert story not in state.hidden, f"{edition} has {entry.title!r}, which is hidden"
            assert state.lead[story] == (entry.link, entry.title), (
                f"{edition} has another title or link: {entry}"
            )
            if entry.about == "new":
                for link in state.links[story]:
                    new[link].append(edition)
            else:
                assert state.links[story] & new.keys(), f"{edition} corrects an unpublished story: {entry}"
                assert last_title.get(entry.link) != entry.title, f"{edition} corrects nothing: {entry}"
                if entry.former_title:
                    assert entry.former_title == last_title[entry.link], f"{edition}: {entry}"
                    seen["former title"] += 1
            last_title[entry.link] = entry.title
    for link, editions in new.items():
        assert len(editions) <= 1 + world.announced[link], f"{link} is new in {editions}"
    assert withdrawals <= world.withdrawn
    _check_nothing_is_missing(world, name, new, last_title)
    state = world.state()
    for story in (id_ for id_, reason in state.hidden.items() if reason.startswith("withdrawn")):
        titles = {last_title[link] for link in state.links[story] if link in last_title}
        assert not titles or titles & withdrawals.keys(), f"{name} did not report the removal of {titles}"
    return seen


def _check_nothing_is_missing(
    world: World, name: str, new: dict[str, list[str]], last_title: dict[str, str]
) -> None:
    state = world.state()
    channel = {"weekly": "all", "daily": "some"}[name]
    since = world.rows("SELECT since FROM digests WHERE id = ?", name)[0][0]
    due = world.rows(
        "SELECT id FROM stories JOIN channel_stories ON story_id = id WHERE stories.fed AND NOT hidden"
        " AND channel_id = ? AND stories.announced >= ?",
        channel,
        since,
    )
    for (story,) in due:
        assert state.links[story] & new.keys(), f"{name} did not publish {state.lead[story]}"
        link, title = state.lead[story]
        if link in last_title and link not in world.merged:
            assert last_title[link] == title, f"{name} did not correct {last_title[link]!r} to {title!r}"


def check_periods(world: World) -> None:
    """Check that the weekly digest has Mondays only (M5)."""
    for edition in entries_by_edition(world.place):
        name, _, day = edition.partition("-")
        assert name == "daily" or date.fromisoformat(day).weekday() == 0


def check_pages(world: World) -> None:
    """Check that each page has the entries of its message except those hidden since."""
    state = world.state()
    for edition, entries in entries_by_edition(world.place).items():
        page = (world.place.public / "digests" / f"{edition}.html").read_text("utf-8")
        assert "@a.example" not in page and "@b.example" not in page
        for entry in entries:
            if entry.link:
                hidden = state.story_of[entry.link] in state.hidden
                assert (f">{entry.title}<" in page) is not hidden, f"{edition}: {entry}, hidden: {hidden}"
                assert (f'"{entry.link}"' in page) is not hidden


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 40), marks=pytest.mark.soak)], ids=str)
def test_ten_weeks(tmp_path: Path, clock: Clock, webs: Callable[[], Web], seed: int | range) -> None:
    """Whatever happens to stories, each reader gets each story and each correction once."""
    seen: Counter[str] = Counter()
    for each in [seed] if isinstance(seed, int) else seed:
        folder = tmp_path / str(each)
        folder.mkdir()
        world = World(Workplace(folder, clock), webs, each)
        world.run_ten_weeks()
        seen += check(world, "weekly") + check(world, "daily")
        check_periods(world)
        check_pages(world)
    assert min(seen[about] for about in ("new", "updated", "withdrawn", "former title")) > 0, seen
