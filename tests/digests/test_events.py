"""Events in digests: what is coming, deadlines that close, dates that change (CA7)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from aggregator.dedupe import event_decisions
from aggregator.dedupe.event_decisions import EventChange
from aggregator.model.events import EventStatus
from tests.builders import NOW, rss
from tests.digests.scenario import DAY, plan, poll, rows, run, write
from tests.publishing.events import parsed
from tests.web_server import Answer, Web
from tests.workplace import Clock, Workplace

MONTHS = "January February March April May June July August September October November December".split()
WEEKS = 10


def monday(week: int) -> datetime:
    """Return half past ten on a Monday in Berlin, behind the hour of digests."""
    return NOW + week * 7 * DAY + timedelta(hours=2)


def written(day: date) -> str:
    """Write a date as partners do."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


@dataclass
class Announced:
    """An event or deadline of a partner's feed."""

    name: str
    day: date
    is_deadline: bool = False
    prefix: str = ""
    days: list[date] = field(default_factory=list)
    cancelled: str = ""

    def item(self, when: str) -> dict[str, str]:
        """Return it as an RSS item."""
        if self.is_deadline:
            title, text = (
                f"Call for {self.name} projects",
                f"Apply for time on it. Deadline: {written(self.day)}.",
            )
        else:
            title = f"{self.prefix}Course on {self.name}, {written(self.day)}"
            text = f"You learn all about {self.name} from experts."
        key = self.name.replace(" ", "-")
        return {
            "title": title,
            "guid": key,
            "link": f"https://a.example/{key}",
            "description": text,
            "pubDate": when,
        }


class Partner:
    """Serve a feed of events, and run polls and digests on days of a simulated time."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], *plans: str) -> None:
        self.place, self.clock = place, place.clock
        self.webs = {"a": webs(), "b": webs()}
        write(place, self.webs, *plans)
        self.items: dict[str, list[dict[str, str]]] = {"a": [], "b": []}

    def poll(self) -> None:
        """Publish both feeds, and visit them."""
        for id_, web in self.webs.items():
            web.feed("/feed", rss(*reversed(self.items[id_])))
        poll(self.place)

    def add(self, announced: Announced, source: str = "a") -> None:
        """Publish an item, or its new form."""
        item = announced.item(format_datetime(self.clock.now))
        known = [n for n, other in enumerate(self.items[source]) if other["guid"] == item["guid"]]
        if known:
            self.items[source][known[0]] = item | {"pubDate": self.items[source][known[0]]["pubDate"]}
        else:
            self.items[source].append(item)

    def entries(self) -> list[tuple[str, ...]]:
        """Return edition, reason, section, update and title of all entries."""
        return rows(
            self.place,
            "SELECT edition_id, reason, section, coalesce(update_kind, ''), title FROM edition_entries"
            " ORDER BY edition_id, position",
        )

    def text(self) -> str:
        """Return the text of the last edition."""
        return str(rows(self.place, "SELECT text FROM editions ORDER BY composed DESC LIMIT 1")[0][0])


@pytest.fixture
def partner(place: Workplace, webs: Callable[[], Web], clock: Clock) -> Iterator[Partner]:
    """Return a partner with a weekly digest, after its first, empty edition."""
    made = Partner(place, webs, plan())
    made.poll()
    run(place)
    clock.now += DAY
    yield made


def course(**fields: object) -> Announced:
    """Announce a course."""
    return Announced(**{"name": "cryogenic tomography", "day": date(2026, 11, 3)} | fields)  # type: ignore[arg-type]


def call(**fields: object) -> Announced:
    """Announce a deadline."""
    return Announced(  # type: ignore[arg-type]
        **{"name": "lattice lightsheet", "day": date(2026, 11, 5), "is_deadline": True} | fields
    )


def test_what_is_coming_stands_in_a_section(partner: Partner, clock: Clock) -> None:
    """A new upcoming event is in "Coming up", the nearest first; a past one is not (CA7)."""
    partner.add(course())
    partner.add(Announced("spectral unmixing", date(2026, 10, 20)))
    partner.add(Announced("image deposition", date(2026, 10, 9)))
    partner.poll()
    clock.now = monday(1)
    run(partner.place)
    assert [(section, title.partition(",")[0]) for _, _, section, _, title in partner.entries()] == [
        ("coming", "Course on spectral unmixing"),
        ("coming", "Course on cryogenic tomography"),
        ("events", "Course on image deposition"),
    ]
    assert "COMING UP" in partner.text()
    assert "\n  3 November 2026\n" in partner.text()


def test_a_deadline_is_repeated_once(partner: Partner, clock: Clock) -> None:
    """A deadline is new once and closing once, within its last seven days (M1, CA7)."""
    partner.add(call())
    partner.poll()
    for week in range(1, 8):
        clock.now = monday(week)
        run(partner.place)
    assert [entry[:3] for entry in partner.entries()] == [
        ("weekly-2026-10-12", "new", "calls"),
        ("weekly-2026-11-02", "closing", "closing"),
    ]
    assert "CLOSING SOON" in partner.text()
    assert "one deadline closing soon" in partner.text()
    assert "Deadline: 5 November 2026" in partner.text()


def test_a_near_deadline_is_not_repeated(partner: Partner, clock: Clock) -> None:
    """A deadline that was new within its last seven days is not repeated (CA7)."""
    partner.add(call(day=date(2026, 10, 19)))
    partner.poll()
    for week in (1, 2):
        clock.now = monday(week)
        run(partner.place)
    assert [entry[:2] for entry in partner.entries()] == [("weekly-2026-10-12", "new")]


def test_an_extended_deadline_is_reported_and_repeated(partner: Partner, clock: Clock) -> None:
    """A later deadline goes with the next edition, and closes on its own day."""
    partner.add(call())
    partner.poll()
    for week in range(1, 10):
        clock.now = monday(week)
        if week == 5:
            partner.add(call(day=date(2026, 11, 26)))
            partner.poll()
        run(partner.place)
    assert [entry[:4] for entry in partner.entries()] == [
        ("weekly-2026-10-12", "new", "calls", ""),
        ("weekly-2026-11-02", "closing", "closing", ""),
        ("weekly-2026-11-09", "updated", "updates", "extended"),
        ("weekly-2026-11-23", "closing", "closing", ""),
    ]


def test_a_date_that_changes_alone_is_reported(partner: Partner, clock: Clock) -> None:
    """An event that an editor moves or cancels goes with the next edition (E1, EX9)."""
    partner.add(course())
    partner.poll()
    clock.now = monday(1)
    run(partner.place)
    ((story_id,),) = rows(partner.place, "SELECT id FROM stories")
    app = partner.place.app()
    for week, change, line in (
        (2, EventChange(start="2026-11-10"), "10 November 2026 (previously 3 November 2026)"),
        (3, EventChange(status=EventStatus.CANCELLED), "Cancelled: 10 November 2026"),
    ):
        clock.now = monday(week) - DAY
        event_decisions.set_event(app, story_id, change, "ada")
        clock.now += DAY
        run(partner.place)
        assert line in partner.text()
        run(partner.place)
    assert [entry[1::2] for entry in partner.entries()] == [
        ("new", ""),
        ("updated", "moved"),
        ("updated", "cancelled"),
    ]


def test_a_confirmation_is_no_new_date(partner: Partner, clock: Clock) -> None:
    """An event that becomes tentative, or is confirmed, is corrected and not moved (E1)."""
    partner.add(course())
    partner.poll()
    clock.now = monday(1)
    run(partner.place)
    ((story_id,),) = rows(partner.place, "SELECT id FROM stories")
    for week, status, line in (
        (2, EventStatus.TENTATIVE, "Not yet confirmed: 3 November 2026"),
        (3, EventStatus.SCHEDULED, "3 November 2026"),
    ):
        clock.now = monday(week)
        event_decisions.set_event(partner.place.app(), story_id, EventChange(status=status), "ada")
        run(partner.place)
        assert line in partner.text()
    assert [entry[1::2] for entry in partner.entries()] == [
        ("new", ""),
        ("updated", "corrected"),
        ("updated", "corrected"),
    ]


def test_a_confirmed_series_is_no_new_date(place: Workplace, web: Web, clock: Clock) -> None:
    """A series is confirmed weeks later, with later dates, and not reported as moved (E1)."""
    series = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Clinic on image analysis\nDTSTART;VALUE=DATE:20261014\n"
        "RRULE:FREQ=WEEKLY\nCREATED:{created:%Y%m%dT%H%M%SZ}\nSTATUS:{status}\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    source = f"  - {{id: c, name: The c, kind: ical, url: '{web.url}/c.ics'}}\n"
    write(place, {}, plan(), more=source)
    poll(place)
    run(place)
    created = monday(1) - DAY
    for week, status in ((1, "TENTATIVE"), (6, "CONFIRMED")):
        clock.now = monday(week)
        web.answers["/c.ics"] = Answer(series.format(created=created, status=status).encode())
        poll(place)
        run(place)
    changes = rows(place, "SELECT reason, update_kind FROM edition_entries ORDER BY edition_id")
    assert changes == [("new", None), ("updated", "corrected")]


@pytest.mark.parametrize("source", ["a", "b"])
def test_a_cancellation_is_reported_once(partner: Partner, clock: Clock, source: str) -> None:
    """The story that cancels another one's event is its only report (EX6)."""
    partner.add(course())
    partner.poll()
    clock.now = monday(1)
    run(partner.place)
    notice = {"title": "Course on cryogenic tomography cancelled", "link": "https://b.example/c", "guid": "c"}
    partner.items[source].append(notice | {"description": "We regret that it does not take place."})
    clock.now += DAY
    partner.poll()
    clock.now = monday(2)
    run(partner.place)
    clock.now += DAY
    partner.add(course(prefix="Cancelled: "))
    partner.poll()
    clock.now = monday(3)
    run(partner.place)
    assert [(entry[1], entry[2], entry[4].partition(",")[0]) for entry in partner.entries()] == [
        ("new", "coming", "Course on cryogenic tomography"),
        ("new", "updates", "Course on cryogenic tomography cancelled"),
    ]


def test_german(place: Workplace, webs: Callable[[], Web], clock: Clock) -> None:
    """A German digest has German headings and dates."""
    partner = Partner(place, webs, plan(more=", language: de"))
    partner.poll()
    run(place)
    clock.now += DAY
    partner.add(course())
    partner.add(call())
    partner.poll()
    for week in (1, 4):
        clock.now = monday(week)
        run(place)
    texts = [row[0] for row in rows(place, "SELECT text FROM editions ORDER BY composed")]
    assert "DEMNÄCHST" in texts[0] and "\n  3. November 2026\n" in texts[0]
    assert "BALD ENDENDE FRISTEN" in texts[1] and "Frist: 5. November 2026" in texts[1]


# --- ten weeks -----------------------------------------------------------------------------------------


class World(Partner):
    """Simulate partners that announce, move and cancel events."""

    def __init__(self, place: Workplace, webs: Callable[[], Web], seed: int) -> None:
        super().__init__(place, webs, plan(), plan("daily", "daily 08:00"))
        self.random = random.Random(seed)
        self.announced: list[Announced] = []
        syllables = [x + y for x in "bdfgklmnprstvz" for y in "aeiou"]
        self.names = iter(["".join(self.random.choices(syllables, k=5)) for _ in range(1000)])

    def name(self) -> str:
        """Return two words that no other event has."""
        return f"{next(self.names)} {next(self.names)}"

    def change(self) -> None:
        """Announce, move or cancel something."""
        today, chance = self.clock.now.date(), self.random.random()
        day = today + timedelta(days=self.random.randint(12, 45))
        coming = [
            each
            for each in self.announced
            if each.day > today + timedelta(days=2) and not each.cancelled and not each.is_deadline
        ]
        if chance < 0.45 or not coming:
            made = Announced(self.name(), day, is_deadline=self.random.random() < 0.5)
            made.days.append(day)
            self.announced.append(made)
            self.add(made)
            return
        changed = self.random.choice(coming)
        if chance < 0.7 and len(changed.days) < 3:  # a title whose numbers change again is a counter (E2)
            changed.day = day if day != changed.day else day + timedelta(days=1)
            changed.days.append(changed.day)
            self.add(changed)
        elif chance < 0.85:
            changed.cancelled, changed.prefix = "edit", "Cancelled: "
            self.add(changed)
        else:
            changed.cancelled = "story"
            source = self.random.choice("ab")
            key = changed.name.replace(" ", "-")
            self.items[source].append(
                {
                    "title": f"Course on {changed.name} cancelled",
                    "guid": f"c-{key}",
                    "link": f"https://{source}.example/c-{key}",
                    "description": "We regret that it does not take place.",
                    "pubDate": format_datetime(self.clock.now),
                }
            )

    def simulate(self) -> None:
        """Simulate all days; nothing changes in the last week."""
        for n in range(7 * WEEKS):
            self.clock.now = NOW + n * DAY
            if n == 0 or (n < 7 * (WEEKS - 1) and self.random.random() < 0.5):
                self.change()
                self.poll()
            self.clock.now += timedelta(hours=2)  # behind the hour of digests, in winter too
            run(self.place)


def editions_of(world: World, digest: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the entries of a digest about each event, by its name."""
    found: dict[str, list[tuple[str, ...]]] = {each.name: [] for each in world.announced}
    for entry in world.entries():
        if entry[0].startswith(digest):
            (name,) = [each.name for each in world.announced if each.name in entry[4]]
            found[name].append(entry)
    return found


def check_deadline(announced: Announced, entries: list[tuple[str, ...]], days: list[date]) -> str:
    """Check that a deadline is new once, and closing once if a whole edition fits."""
    assert [entry[1] for entry in entries].count("new") == 1, entries
    first = date.fromisoformat(entries[0][0][-10:])
    near = [day for day in days if announced.day - timedelta(days=7) <= day <= announced.day]
    expected = bool(near) and first < announced.day - timedelta(days=7)
    assert [entry[0][-10:] for entry in entries if entry[1] == "closing"] == (
        [near[0].isoformat()] if expected else []
    ), (announced, entries)
    return "closing" if expected else "near"


def check_event(announced: Announced, entries: list[tuple[str, ...]]) -> Counter[str]:
    """Check that an event is new once, and that each edition reports a change at most once."""
    own = [entry for entry in entries if not entry[4].endswith("cancelled")]
    assert [entry[1] for entry in own].count("new") == 1, entries
    cancellations = [
        entry
        for entry in entries
        if entry[3] == "cancelled" or entry[4].endswith("cancelled") or entry[4].startswith("Cancelled")
    ]
    assert len(cancellations) == bool(announced.cancelled), (announced, entries)
    moves = [entry for entry in own if entry[3] == "moved"]
    assert len(moves) <= len(announced.days) - 1, (announced, entries)
    return Counter({announced.cancelled or "new": 1, "moved": len(moves)})


def check_calendar(world: World) -> None:
    """Check that each event has one entry with its last date, status and number."""
    for name in ("events.ics", "deadlines.ics"):
        entries = parsed((world.place.public / name).read_bytes()).events
        wanted = [each for each in world.announced if each.is_deadline is (name == "deadlines.ics")]
        assert len(entries) == len(wanted)
        for each in wanted:
            (entry,) = [entry for entry in entries if each.name in (entry.summary or "")]
            assert entry.dtstart == each.day
            assert entry.status == ("CANCELLED" if each.cancelled else "CONFIRMED")
            assert entry.sequence == len(each.days) - 1 + bool(each.cancelled)


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 25), marks=pytest.mark.soak)], ids=str)
def test_ten_weeks_of_events(
    tmp_path: Path, clock: Clock, webs: Callable[[], Web], seed: int | range
) -> None:
    """A deadline is sent as new and as closing, a change once (M1, CA2, CA7, EX6)."""
    seen: Counter[str] = Counter()
    for one in [seed] if isinstance(seed, int) else seed:
        folder = tmp_path / str(one)
        folder.mkdir()
        clock.now = NOW
        world = World(Workplace(folder, clock), webs, one)
        world.simulate()
        check_calendar(world)
        for digest, step in (("weekly", 7), ("daily", 1)):
            days = [NOW.date() + timedelta(days=n) for n in range(0, 7 * WEEKS, step)]
            found = editions_of(world, digest)
            for each in world.announced:
                if each.is_deadline:
                    seen[check_deadline(each, found[each.name], days)] += 1
                elif not (each.cancelled and len(found[each.name]) == 1):  # cancelled before it was sent
                    seen += check_event(each, found[each.name])
    assert min(seen[what] for what in ("closing", "moved", "edit", "story", "new")) > 0, seen
