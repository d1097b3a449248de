"""The page of events, and what is coming up on the front page (CA7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from lxml import html

from aggregator.i18n import event_texts
from aggregator.model.events import Event, EventStatus
from aggregator.model.stories import Story
from aggregator.publishing import events_page
from aggregator.publishing import site as front_page
from tests.builders import publisher, site
from tests.publishing.events import announcing, deadline, event, publication

NOVEMBER = {"start": date(2026, 11, 30), "end": date(2026, 12, 4)}


def page(*stories: Story, **fields: Any) -> html.HtmlElement:
    """Return the parsed page of events."""
    return html.document_fromstring(events_page.render(publication(*stories, **fields))[0].body)


def front(*stories: Story, **fields: Any) -> html.HtmlElement:
    """Return the parsed front page."""
    return html.document_fromstring(front_page.render(publication(*stories, **fields)).body)


def listed(tree: html.HtmlElement) -> dict[str, list[str]]:
    """Return the titles of each section."""
    return {
        section.findtext("h2"): [heading.text_content() for heading in section.iter("h3")]
        for section in tree.iter("section")
    }


def test_deadlines_first_then_what_is_coming_by_month() -> None:
    """Upcoming events stand under their month, deadlines before them, past ones nowhere."""
    tree = page(
        announcing("b", event(**NOVEMBER), title="School"),
        announcing("a", event(), deadline(), title="Course"),
        announcing("c", deadline(date(2026, 10, 6)), title="Call"),
        announcing("d", event(start=date(2026, 9, 28), end=date(2026, 10, 4)), title="Past"),
        announcing("e", event(start=date(2026, 9, 28), end=date(2026, 10, 5)), title="Running"),
    )
    assert listed(tree) == {
        "Deadlines": ["Call", "Course"],
        "October 2026": ["Running", "Course"],
        "November 2026": ["School"],
    }


def test_the_page_works_without_a_script() -> None:
    """Each filter is a link to a fragment whose CSS rule shows only its events (CA7)."""
    tree = page(announcing("a", event(), deadline()))
    assert not tree.xpath("//script | //form | //*[@onclick]")
    fragments = [href.removeprefix("#") for href in tree.xpath("//*[contains(@class, 'filter')]//a/@href")]
    assert fragments == ["events", "kind-course", "kind-deadline", "by-node"]
    assert all(tree.xpath(f"//*[@id='{name}']") for name in fragments)
    style = events_page.render(publication(announcing("a", event(), deadline())))[1].body.decode()
    assert tree.xpath("//link[starts-with(@href, 'choices.css?')]")
    for name in fragments[1:]:
        assert f"#{name}:target ~ section article:not(.{name})" in style
    assert [article.get("class").split()[1:3] for article in tree.iter("article")] == [
        ["kind-deadline", "by-node"],
        ["kind-course", "by-node"],
    ]


def test_links_to_calendars() -> None:
    """The page offers each calendar by https and webcal, and each event as a file (CA6)."""
    links = page(announcing("a", event())).xpath("//main//a/@href")
    for name in ("events.ics", "deadlines.ics"):
        assert {f"https://news.example/{name}", f"webcal://news.example/{name}"} <= set(links)
    assert "../stories/a.ics" in links


def test_a_cancelled_event_is_marked() -> None:
    """A cancelled event stays on the page as cancelled, and is not coming up on the front page."""
    made = announcing("a", event(status=EventStatus.CANCELLED))
    (article,) = page(made).iter("article")
    assert "off" in article.get("class").split()
    assert "Cancelled: 20–22 October 2026, Turin, Italy" in article.text_content()
    assert not front(made).xpath("//*[@class='coming']")


def test_five_events_are_coming_up() -> None:
    """The front page has the five next events and deadlines of `all`; other channels have none."""
    stories = [
        announcing(f"s{n}", event(start=date(2026, 10, 20 - n), end=date(2026, 10, 22))) for n in range(7)
    ]
    tree = front(*stories, announcing("call", deadline(date(2026, 10, 16)), title="Call"))
    leaves = [leaf.text_content() for leaf in tree.xpath("//*[@class='coming']//*[@class='leaf']/b")]
    assert leaves == ["14–22", "15–22", "16", "16–22", "17–22"]
    assert tree.xpath("//a[@href='events/index.html']")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_is_in_the_language_of_the_site(language: str) -> None:
    """Headings, dates and links are in English or German."""
    tree = page(announcing("a", event(), deadline()), language=language)
    words = {"en": "Deadline: 12 October 2026", "de": "Frist: 12. Oktober 2026"}
    assert tree.get("lang") == language
    assert words[language] in tree.text_content()
    assert (
        list(listed(tree))
        == {"en": ["Deadlines", "October 2026"], "de": ["Fristen", "Oktober 2026"]}[language]
    )


@pytest.mark.parametrize(
    "extreme",
    [
        event(start=date(9999, 12, 31), end=date(9999, 12, 31), place='"><script>'),
        event(occurrences=(date(2026, 10, 20), date(9999, 12, 31))),
        event(month_only=True),
    ],
)
def test_extreme_events_are_harmless(extreme: Event) -> None:
    """The last day of the calendar, a series and markup in a place give a page with one article."""
    tree = page(announcing("a", extreme, title="</style><script>alert(1)</script>"))
    assert len(list(tree.iter("article"))) == 1
    assert not list(tree.iter("script"))


def test_an_id_of_a_source_is_no_css() -> None:
    """A class is made of characters that CSS allows, whatever a source is called."""
    made = announcing("a", event())
    lead = type(made.items[0])(item=made.items[0].item, publisher=publisher("a b}*{c"))
    story = type(made)(**{name: getattr(made, name) for name in made.__slots__} | {"items": (lead,)})
    assert b"#by-a-b---c:target" in events_page.render(publication(story))[1].body


@pytest.mark.parametrize("start", [date(1900, 10, 20), date(2024, 10, 20)])
def test_a_series_is_announced_with_its_next_dates(start: date) -> None:
    """The line of a series names no date of long ago, and only what changed as changed."""
    series = event(start=start, end=start, occurrences=(date(2026, 10, 20), date(2027, 10, 20)))
    moved = replace(series, place="Rome, Italy", occurrences=(date(2027, 10, 20),))
    line = event_texts.event_line(series, None, "en", site().timezone)
    assert line == "20 October 2026, Turin, Italy and 1 further date"
    line = event_texts.event_line(moved, series, "en", site().timezone)
    assert line == "20 October 2027, Rome, Italy (previously Turin, Italy)"
