"""Stages of one event are stories of their own, and an edited status corrects its own item only."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from aggregator.store import editorial
from aggregator.store.connection import opened
from tests.builders import rss
from tests.command import call
from tests.conftest import Web, Workplace

pytestmark = pytest.mark.usefixtures("hasty")

EVENT = "Light-sheet microscopy workshop Dresden"
TEXT = "The MAdMiC workshop takes place in Dresden from 4 to 6 May 2027; the fee is 350 EUR."
DIGEST = "digests:\n  - {id: daily, title: Daily, schedule: daily 08:00, recipients: [ada@a.example]}\n"


class Partners:
    """Serve items of partners, visit them, and read what is published."""

    def __init__(self, place: Workplace, web: Web) -> None:
        self.place, self.web = place, web
        self.served: dict[str, list[dict[str, str]]] = {}

    def news(self, source: str, title: str, text: str = TEXT, **fields: str) -> None:
        """Serve one more RSS item, or the same with another title or text."""
        slug = fields.pop("slug", "workshop")
        item = {"title": title, "link": f"https://{source}.example/{slug}", "description": text}
        item |= {"pubDate": "Mon, 05 Oct 2026 05:00:00 +0000"} | fields
        others = [each for each in self.served.get(source, []) if each["link"] != item["link"]]
        self.served[source] = [*others, item]
        self.web.feed(f"/{source}", rss(*self.served[source]))

    def calendar(self, title: str, *lines: str, source: str = "ical") -> None:
        """Serve a calendar with one entry."""
        self.served[source] = []
        event = (
            f"UID:workshop@{source}.example",
            "DTSTAMP:20261005T050000Z",
            "CREATED:20261005T050000Z",
            f"SUMMARY:{title}",
            "DTSTART;VALUE=DATE:20270504",
            "DTEND;VALUE=DATE:20270507",
            "LOCATION:Dresden",
            f"DESCRIPTION:{TEXT}",
            *lines,
        )
        whole = ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *event, "END:VEVENT", "END:VCALENDAR", "")
        self.web.feed(f"/{source}", "\r\n".join(whole).encode())

    def fetch(self) -> dict[str, str]:
        """Visit all partners an hour later; return the entries of atom.xml as titles by id."""
        lines = (
            f"  - {{id: {source}, name: {source.title()} Partner, url: '{self.web.url}/{source}'"
            + (", kind: ical, priority: 5}" if "ical" in source else "}")
            for source in self.served
        )
        self.place.write("sources:\n" + "\n".join(lines) + "\n" + DIGEST)
        self.place.clock.now += timedelta(hours=1)
        done = call(self.place, "fetch", "--force")
        assert done.code == 0, done.err
        return self.entries()

    def entries(self) -> dict[str, str]:
        """Return the entries of atom.xml as titles by id."""
        feed = (self.place.public / "atom.xml").read_text()
        found = re.findall(r"<entry.*?<id>(.*?)</id>.*?<title[^>]*>(.*?)</title>", feed, re.DOTALL)
        return {id_: unescape(title) for id_, title in found}

    def merge(self) -> None:
        """Make one story of two, as an older version of the program did."""
        with opened(self.place.database) as store, store.transaction():
            kept, gone = (row["id"] for row in store.db.execute("SELECT id FROM stories ORDER BY title DESC"))
            editorial.absorb(store, kept, gone, "merged by an older version", self.place.clock.now)
            store.db.execute("DELETE FROM channel_stories WHERE story_id = ?", [gone])


@pytest.fixture
def partners(place: Workplace, web: Web) -> Partners:
    """Return partners that serve nothing yet."""
    return Partners(place, web)


# --- stages of one event -------------------------------------------------------------------------------

STAGES = {
    "calendar": EVENT,
    "open": f"Registration open: {EVENT}",
    "programme": f"{EVENT}: programme online",
    "cancelled": f"Cancelled: {EVENT}",
    "postponed": f"Postponed: {EVENT}",
    "extended": f"Deadline extended: {EVENT}",
    "report": f"Looking back: {EVENT}",
}


def test_stages_of_one_event_are_related_stories(partners: Partners) -> None:
    """Calendar entry, announcement, programme, cancellation and so on are seven stories (EX7)."""
    for source, title in STAGES.items():
        if source == "calendar":
            partners.calendar(title)
        else:
            partners.news(source, title)
    partners.news("partner", STAGES["open"])
    assert sorted(partners.fetch().values()) == sorted(STAGES.values())
    with opened(partners.place.database) as store:
        related = store.db.execute("SELECT DISTINCT story_id FROM related").fetchall()
    assert len(related) == len(STAGES)


@pytest.mark.parametrize("link", ["https://ical.example/workshop", "https://node.example/workshop"])
def test_a_calendar_entry_is_not_the_news_of_the_same_title(partners: Partners, link: str) -> None:
    """An entry of a calendar and a news item are two stories, even under one title and link (EX7)."""
    partners.calendar(EVENT, f"URL:{link}")
    partners.news("node", EVENT)
    assert list(partners.fetch().values()) == [EVENT, EVENT]


def test_two_calendars_with_one_event_are_one_story(partners: Partners) -> None:
    """Two partners with the event in their calendars, or in their news, report one story each."""
    partners.calendar(EVENT)
    partners.calendar(EVENT, source="ical2")
    partners.news("node", EVENT)
    partners.news("partner", EVENT)
    assert list(partners.fetch().values()) == [EVENT, EVENT]


# --- edits of a status ---------------------------------------------------------------------------------

WORDS = {
    "cancelled": "Cancelled|Abgesagt|Annulé|Annullato|Cancelado|Anulado|Peruttu|Inställt|Avlyst|Aflyst|Geannuleerd"
    "|Odwołane|Zrušeno|Elmarad",
    "moved": "Postponed|Verschoben|Reporté|Rinviato|Aplazado|Adiado|Siirretty|Uppskjutet|Utsatt|Udskudt|Uitgesteld"
    "|Przełożone|Odloženo|Elhalasztva",
    "extended": "Deadline extended|Frist verlängert|Délai prolongé|Scadenza prorogata|Plazo ampliado|Prazo prorrogado"
    "|Hakuaikaa jatkettu|Förlängd deadline|Frist forlenget|Frist forlænget|Deadline verlengd|Termin przedłużony"
    "|Termín prodloužen|Meghosszabbítva",
}
TOWNS = "Dresden Turin Lyon Porto Madrid Turku Uppsala Bergen Aarhus Delft Poznan Brno Szeged Vienna".split()


@pytest.mark.parametrize("status", WORDS)
def test_an_edited_status_is_of_its_own_item_in_every_language(partners: Partners, status: str) -> None:
    """A lead that becomes cancelled leaves: the others keep story, id and title (I5, E1)."""
    subjects = [f"Workshop {town.upper()}{n} in {town}" for n, town in enumerate(TOWNS)]
    for n, title in enumerate(subjects):
        partners.news("first", title, slug=f"w{n}", pubDate="Mon, 05 Oct 2026 04:00:00 +0000")
        partners.news("second", title, slug=f"w{n}")
    before = partners.fetch()
    assert sorted(before.values()) == sorted(subjects)
    for n, (title, word) in enumerate(zip(subjects, WORDS[status].split("|"), strict=True)):
        partners.news("first", f"{word}: {title}", slug=f"w{n}", pubDate="Mon, 05 Oct 2026 04:00:00 +0000")
    after = partners.fetch()
    assert {id_: title for id_, title in after.items() if id_ in before} == before
    edited = {f"{word}: {title}" for title, word in zip(subjects, WORDS[status].split("|"), strict=True)}
    assert set(after.values()) == {*subjects, *edited}
    assert partners.fetch() == after
