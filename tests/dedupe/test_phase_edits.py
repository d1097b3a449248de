"""Phases of one event are stories of their own; an edited phase corrects its item only."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest

from aggregator import health
from aggregator.dedupe import phase_edits
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
        """Serve one more RSS item, or the same with another title or text; `first` is the earliest."""
        slug = fields.pop("slug", "workshop")
        item = {"title": title, "link": f"https://{source}.example/{slug}", "description": text}
        item |= {"pubDate": f"Mon, 05 Oct 2026 0{4 if source == 'first' else 5}:00:00 +0000"} | fields
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

    def edition(self) -> str:
        """Compose the digest of the next day; return the text of its page, empty without one."""
        self.place.clock.now += timedelta(days=1)
        done = call(self.place, "digest", "run", "--json")
        assert done.code == 0, done.err
        composed = json.loads(done.out)["composed"]
        pages = (self.place.public / "digests" / f"{edition}.html" for edition in composed)
        return "".join(unescape(re.sub(r"<[^>]*>", " ", page.read_text())) for page in pages)

    def merge(self, *, by_editor: bool = False) -> None:
        """Make one story of two, as an editor does, or as an older version of the program did."""
        with opened(self.place.database) as store:
            ids = [row["id"] for row in store.db.execute("SELECT id FROM stories")]
            assert call(self.place, "story", "merge", *ids).code == 0
            if not by_editor:
                store.db.execute("DELETE FROM link_constraints")


@pytest.fixture
def partners(place: Workplace, web: Web) -> Partners:
    """Return partners that serve nothing yet."""
    return Partners(place, web)


# --- phases of one event -------------------------------------------------------------------------------

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
    """Calendar entry, announcement, cancellation and so on are seven stories (EX7)."""
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
    """An entry of a calendar and a news item of one title and link are two stories (EX7)."""
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


# --- edits of a phase ---------------------------------------------------------------------------------

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
def test_an_edited_phase_is_of_its_own_item_in_every_language(partners: Partners, status: str) -> None:
    """A lead that becomes cancelled leaves: the others keep story, id and title (I5, E1)."""
    subjects = [f"Workshop {town.upper()}{n} in {town}" for n, town in enumerate(TOWNS)]
    for n, title in enumerate(subjects):
        partners.news("first", title, slug=f"w{n}")
        partners.news("second", title, slug=f"w{n}")
    before = partners.fetch()
    assert sorted(before.values()) == sorted(subjects)
    for n, (title, word) in enumerate(zip(subjects, WORDS[status].split("|"), strict=True)):
        partners.news("first", f"{word}: {title}", slug=f"w{n}")
    after = partners.fetch()
    assert {id_: title for id_, title in after.items() if id_ in before} == before
    edited = {f"{word}: {title}" for title, word in zip(subjects, WORDS[status].split("|"), strict=True)}
    assert set(after.values()) == {*subjects, *edited}
    assert partners.fetch() == after


CANCELLATIONS = {
    "STATUS": (EVENT, "STATUS:CANCELLED"),
    "title": (f"Abgesagt: {EVENT}", "STATUS:CONFIRMED"),
    "title and STATUS": (f"Annulé : {EVENT}", "STATUS:CANCELLED"),
    "text": (EVENT, "X-ALT-DESC;FMTTYPE=text/html:<p>The workshop is cancelled.</p>"),
}


@pytest.mark.parametrize("how", CANCELLATIONS)
@pytest.mark.parametrize("carried", [False, True], ids=["before", "after"])
def test_a_cancelled_calendar_entry_leaves_what_others_reported(
    partners: Partners, how: str, carried: bool
) -> None:
    """A cancelled lead leaves a story of an older database, and is reported once (E1, M1)."""
    partners.calendar(EVENT)
    partners.news("node", f"{EVENT} at our Node")
    partners.fetch()
    partners.merge()
    with opened(partners.place.database) as store:
        (story,) = (row["id"] for row in store.db.execute("SELECT id FROM stories"))
    before = partners.fetch()
    assert len(before) == 1
    if carried:
        assert EVENT in partners.edition()
    partners.calendar(*CANCELLATIONS[how])
    after = partners.fetch()
    assert after[next(iter(before))] == f"{EVENT} at our Node"
    (cancelled,) = (title for id_, title in after.items() if id_ not in before)
    edition = partners.edition()
    assert cancelled in edition
    assert ("Cancelled" in edition) or not carried
    assert (f"{EVENT} at our Node" in edition) is not carried
    assert partners.edition() == ""
    assert partners.fetch() == after
    explained = call(partners.place, "story", "explain", story)
    assert explained.code == 0, explained.err


CANCELLED = f"Cancelled: {EVENT}"


def _announced(partners: Partners, *sources: str) -> str:
    """Let partners announce the event in one story, and return its id."""
    for source in sources:
        partners.news(source, EVENT)
    ((id_, _),) = partners.fetch().items()
    return id_


def test_partners_that_cancel_together_correct_their_story(partners: Partners) -> None:
    """If all items of a story are edited in one round, the story itself is corrected (E1)."""
    story = _announced(partners, "first", "second")
    partners.news("first", CANCELLED)
    partners.news("second", f"Abgesagt: {EVENT}")
    assert partners.fetch() == {story: CANCELLED}
    assert "Corrected on" in (partners.place.public / "atom.xml").read_text()


def test_a_second_partner_joins_the_cancellation_of_the_first(partners: Partners) -> None:
    """A later partner joins the cancellation; the last one corrects its own story (I5)."""
    story = _announced(partners, "first", "second", "third")
    partners.news("first", CANCELLED)
    after = partners.fetch()
    assert sorted(after.values()) == [CANCELLED, EVENT]
    partners.news("second", CANCELLED)
    assert partners.fetch() == after
    partners.news("third", CANCELLED)
    assert list(partners.fetch().values()) == [CANCELLED, CANCELLED]
    assert after.keys() == partners.entries().keys()
    assert story in after
    assert len(health.read_report(partners.place.app().config).merge_candidates) == 1


def test_a_later_partner_that_cancels_leaves_as_well(partners: Partners) -> None:
    """The cancellation of an item that does not lead is published, too (EX7)."""
    story = _announced(partners, "first", "second")
    partners.news("second", CANCELLED)
    after = partners.fetch()
    assert after[story] == EVENT
    assert sorted(after.values()) == [CANCELLED, EVENT]


def test_an_edit_that_takes_a_phase_back_leaves_too(partners: Partners) -> None:
    """An item that is no longer cancelled does not rename the cancellation of others."""
    for source in ("first", "second"):
        partners.news(source, CANCELLED)
    ((story, _),) = partners.fetch().items()
    partners.news("first", EVENT)
    after = partners.fetch()
    assert after[story] == CANCELLED
    assert sorted(after.values()) == [CANCELLED, EVENT]


def test_a_short_cancellation_in_a_text_is_a_correction(partners: Partners) -> None:
    """A text that says "cancelled" now is a correction in feed and digest (E1)."""
    story = _announced(partners, "first")
    partners.edition()
    partners.news("first", EVENT, f"Cancelled! {TEXT}")
    assert partners.fetch() == {story: EVENT}
    assert "Corrected on" in (partners.place.public / "atom.xml").read_text()
    assert "Cancelled! " in partners.edition()


def test_what_an_editor_merged_stays_one_story(partners: Partners) -> None:
    """An editor's merge holds, also when an item of it is cancelled (I7)."""
    partners.calendar(EVENT)
    partners.news("node", f"{EVENT} at our Node")
    partners.fetch()
    partners.merge(by_editor=True)
    partners.calendar(CANCELLED)
    assert list(partners.fetch().values()) == [CANCELLED]


def test_a_policy_at_the_end_of_a_text_is_no_cancellation(partners: Partners) -> None:
    """Words of a phase far down in a text change no phase, and neither does any other edit."""
    story = _announced(partners, "first", "second")
    partners.news(
        "first", f"{EVENT} 2027", f"{TEXT} {'Bring your own samples. ' * 8} A cancelled seat costs 50 EUR."
    )
    assert partners.fetch() == {story: f"{EVENT} 2027"}


def test_a_killed_round_applies_the_edit_in_the_next(
    partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phase that was stored before a crash is applied to the stories by the next round (P1)."""
    story = _announced(partners, "first", "second")
    partners.news("first", CANCELLED)
    with monkeypatch.context() as patch:
        patch.setattr(phase_edits, "apply", None)
        with pytest.raises(TypeError):
            partners.fetch()
    after = partners.fetch()
    assert after[story] == EVENT
    assert sorted(after.values()) == [CANCELLED, EVENT]
