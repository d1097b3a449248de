"""Refresh hints of feeds (CL7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.formats import refresh_hints
from aggregator.model.documents import RefreshHints
from tests.builders import rss

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SY = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("", RefreshHints()),
        ("<ttl>90</ttl>", RefreshHints(update_interval=timedelta(minutes=90))),
        ("<ttl> 60 </ttl>", RefreshHints(update_interval=HOUR)),
        ("<ttl><![CDATA[ 60 ]]></ttl>", RefreshHints(update_interval=HOUR)),
        ("<ttl unit='minutes'>60</ttl>", RefreshHints(update_interval=HOUR)),
        ("<!-- <ttl>60</ttl> -->", RefreshHints()),
        (
            "<updatePeriod xmlns='http://purl.org/rss/1.0/modules/syndication/'>daily</updatePeriod>",
            RefreshHints(update_interval=DAY),
        ),
        ("<ttl>soon</ttl>", RefreshHints()),
        ("<ttl>-5</ttl>", RefreshHints()),
        ("<ttl>99999999999999999999</ttl>", RefreshHints()),
        (f"<sy:updatePeriod {SY}>daily</sy:updatePeriod>", RefreshHints(update_interval=DAY)),
        ("<sy:updatePeriod>daily</sy:updatePeriod>", RefreshHints(update_interval=DAY)),
        (
            "<sy:updatePeriod>\n hourly \n</sy:updatePeriod><sy:updateFrequency>\n 1 \n</sy:updateFrequency>",
            RefreshHints(update_interval=HOUR),
        ),
        (
            "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            RefreshHints(update_interval=6 * HOUR),
        ),
        (
            "<sy:updatePeriod>weekly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
            RefreshHints(update_interval=7 * DAY),
        ),
        ("<sy:updatePeriod>often</sy:updatePeriod>", RefreshHints()),
        ("<ttl>60</ttl><sy:updatePeriod>daily</sy:updatePeriod>", RefreshHints(update_interval=DAY)),
        (
            "<skipHours><hour>0</hour><hour>24</hour><hour>7</hour><hour>99</hour></skipHours>",
            RefreshHints(skip_hours=(0, 7)),
        ),
        (
            "<skipDays><day>Saturday</day><day>sunday</day><day>Someday</day></skipDays>",
            RefreshHints(skip_days=(5, 6)),
        ),
        (
            "<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(24)) + "</skipHours>",
            RefreshHints(),
        ),
    ],
)
def test_hints_in_the_head(head: str, said: RefreshHints) -> None:
    """The longest hint counts; invalid values, and hints that close all hours, do not."""
    assert refresh_hints.read(rss({"title": "One"}, head=head)) == said


def test_hints_may_follow_the_items() -> None:
    """The elements of a channel come in any order (RSS 2.0)."""
    body = rss({"title": "One"}, {"title": "Two"}).replace(b"</channel>", b"<ttl>60</ttl></channel>")
    assert refresh_hints.read(body) == RefreshHints(update_interval=HOUR)


def test_items_do_not_hint() -> None:
    """Text of an item is no hint."""
    assert refresh_hints.read(rss({"title": "One", "ttl": "600"})) == RefreshHints()
    assert refresh_hints.read(b"") == RefreshHints()
