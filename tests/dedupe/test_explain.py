"""`story explain` names what failed in plain words; pairs that one veto stops reach editors."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from aggregator import health
from aggregator.dedupe import editor_commands, features, reason_words
from aggregator.store.connection import opened
from tests.builders import rss
from tests.command import call
from tests.conftest import Web, Workplace

pytestmark = pytest.mark.usefixtures("hasty")

TEXT = "The MAdMiC facilities in Dresden introduce multiplexed lifetimes for 350,000 EUR."
SEMINAR = "Seminar on image analysis"
HERE = "MAdMiC introduces multiplexed lifetimes"


class Partners:
    """Serve news of partners, visit them, and read what the commands say."""

    def __init__(self, place: Workplace, web: Web) -> None:
        self.place, self.web = place, web
        self.served: dict[str, list[dict[str, str]]] = {}

    def news(self, source: str, title: str, text: str = TEXT, link: str | None = None) -> None:
        """Serve one more item of a partner, published now."""
        items = self.served.setdefault(source, [])
        date = f"{self.place.clock.now:%a, %d %b %Y %H:%M:%S} +0000"
        link = link or f"https://{source}.example/{len(items)}"
        items.insert(0, {"title": title, "link": link, "description": text, "pubDate": date})
        self.web.feed(f"/{source}", rss(*items))

    def fetch(self) -> dict[str, str]:
        """Visit all partners; return the story of each item by its source and title."""
        lines = (f"  - {{id: {s}, name: {s.title()}, url: '{self.web.url}/{s}'}}\n" for s in self.served)
        self.place.write("sources:\n" + "".join(lines))
        assert call(self.place, "fetch", "--force").code == 0
        return self.column("story_id")

    def column(self, name: str) -> dict[str, str]:
        """Return a column of all items, by source and title."""
        with opened(self.place.database) as store:
            rows = store.db.execute(f"SELECT source_id, title, {name} FROM items")
            return {f"{row[0]}: {row[1]}": row[2] for row in rows}

    def candidates(self) -> list[set[str]]:
        """Return the titles of the merge candidates."""
        listed = health.read_report(self.place.app().config).merge_candidates
        return [{pair.title, pair.other_title} for pair in listed]

    def explain(self, *names: str) -> str:
        """Return what `story explain` prints."""
        done = call(self.place, "story", "explain", *names)
        assert done.code == 0, done.err
        return done.out


@pytest.fixture
def partners(place: Workplace, web: Web) -> Partners:
    """Return partners that serve nothing yet."""
    return Partners(place, web)


# --- explaining ----------------------------------------------------------------------------------------


def test_reasons_have_words_as_they_were_written(partners: Partners) -> None:
    """Shared words, days and phases are shown in words, not as stems, numbers or names of code."""
    partners.news("one", "Schulung: lifetimes", "MAdMiC, 3. Mai 2027.")
    partners.news("two", "Training: lifetimes, recording", "MAdMiC, 3 May 2027.")
    said = partners.explain(*partners.fetch().values())
    for words in (
        "lifetimes",
        "3 May",
        "only one reports what happened there",
    ):
        assert words in said
    assert "lifetim," not in said
    assert "05-03" not in said


def test_both_words_of_a_translation_are_shown() -> None:
    """One concept is shown as both items write it, unless the words begin alike."""
    german = features.extract("Schulung zur Harmonisierung", "", "", "de")
    english = features.extract("Training on harmonisation", "", "", "en")
    assert reason_words.words(["training"], german, english) == "Schulung = Training"
    assert reason_words.words(["harmoni", "none"], german, english) == "Harmonisierung, none"


@pytest.mark.parametrize(
    ("one", "two", "why"),
    [
        (
            ("Open day", "Come and see."),
            ("New website", "Have a look."),
            "the evidence is too weak for one story: ",
        ),
        (
            (SEMINAR, "On 3 May."),
            (SEMINAR, "On 3 May."),
            "what both have in common is in many other items as well",
        ),
        ((HERE, TEXT), (f"Correction: {HERE}", TEXT), "only one reports a correction"),
    ],
    ids=["score", "specific", "veto"],
)
def test_the_condition_that_failed_is_named(
    partners: Partners, one: tuple[str, str], two: tuple[str, str], why: str
) -> None:
    """Two items that are not one story are explained by the condition that they do not meet."""
    partners.news("one", *one)
    partners.news("two", *two)
    names = partners.fetch().values()
    said = partners.explain(*names)
    assert why in said
    assert "They are in two stories." in said
    as_json = json.loads(call(partners.place, "story", "explain", *names, "--json").out)
    assert why in f"{as_json['failed']} {as_json['vetoes']}"


def test_exactly_the_named_items_are_compared(partners: Partners) -> None:
    """Named items are compared, also inside one story, and so are merged stories."""
    partners.news("one", HERE)
    partners.news("two", HERE)
    partners.news("three", "Open day in Vienna", "Come and see.")
    before = partners.fetch()
    items = partners.column("id")
    merged, other = before[f"one: {HERE}"], before["three: Open day in Vienna"]
    editor_commands.merge(partners.place.app(), [merged, other], "ada")
    for names in (
        (items[f"two: {HERE}"], items["three: Open day in Vienna"]),
        (merged, other),
        (other, merged),
    ):
        done = json.loads(call(partners.place, "story", "explain", *names, "--json").out)
        sides = [done["a"]["title"], done["b"]["title"]]
        assert sorted(sides) == sorted([HERE, "Open day in Vienna"])
        assert done["one_story"] is True
        assert done["editor"] == "must-link"
    inside = json.loads(
        call(partners.place, "story", "explain", items[f"one: {HERE}"], items[f"two: {HERE}"], "--json").out
    )
    assert {inside["a"]["source"], inside["b"]["source"]} == {"one", "two"}
    assert inside["strength"] == "same"
    explained = call(partners.place, "story", "explain", merged, other).out
    assert explained.endswith(
        "They are in one story.\nAn editor decided that they are one story, which counts more than the evidence.\n"
    )


# --- merge candidates ----------------------------------------------------------------------------------


def test_a_pair_that_one_veto_stops_is_listed(partners: Partners) -> None:
    """Two items that agree in everything but one number reach the editors, with the reason."""
    partners.news("one", f"{HERE} with 12 channels")
    partners.news("two", f"{HERE} with 14 channels")
    assert len(set(partners.fetch().values())) == 2
    assert partners.candidates() == [{f"{HERE} with 12 channels", f"{HERE} with 14 channels"}]
    assert "but numbers: 1" in call(partners.place, "status").out


@pytest.mark.parametrize("word", ["Cancelled: ", "Deadline extended: ", "Looking back: "])
def test_stages_of_an_event_are_no_candidates(partners: Partners, word: str) -> None:
    """Editors are not asked about a cancellation and its announcement (EX7)."""
    partners.news("one", HERE)
    partners.news("two", f"{word}{HERE}")
    assert len(set(partners.fetch().values())) == 2
    assert partners.candidates() == []


@pytest.mark.parametrize("partner_has_series", [False, True])
def test_a_weekly_series_does_not_fill_the_list(partners: Partners, partner_has_series: bool) -> None:
    """Items of a series differ from each other by a veto: at most the first is listed."""
    for week in range(1, 9):
        partners.news("one", f"{HERE}, week {week}")
        if partner_has_series or week == 1:
            partners.news("two", f"{HERE}, week {week + 20}")
        partners.fetch()
        partners.place.clock.now += timedelta(days=7)
    assert len(partners.candidates()) <= 1
