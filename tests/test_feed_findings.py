"""The list of findings: its words in all languages, and conditions that need times."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from aggregator import feed_findings
from aggregator.i18n import phrases
from aggregator.model.findings import EntryFacts, FeedFacts, Finding, Level
from aggregator.model.polling import Failure, SourceState
from aggregator.polling.visit_exceptions import value_or_failure

AS_OF = date(2026, 10, 5)


def facts(**fields: Any) -> FeedFacts:
    """Return the facts about a feed without faults."""
    defaults: dict[str, Any] = {
        "source_id": "node",
        "name": "A Node",
        "kind": "feed",
        "url": "https://node.example/feed",
        "state": SourceState.OK,
        "as_of": AS_OF,
        "last_success": AS_OF,
        "validators": True,
        "format": "RSS 2.0",
        "content_type": "application/rss+xml",
        "language": "en",
        "licence": "CC BY 4.0",
        "entries": EntryFacts(total=10, with_text=10),
    }
    return FeedFacts(**defaults | fields)


def codes(feed: FeedFacts) -> list[str]:
    """Return the codes of the findings."""
    return [finding.code for finding in feed_findings.find_findings(feed)]


def test_every_finding_has_words_in_all_languages() -> None:
    """English and German have the same codes, and sentences with the same values."""
    english, german = (phrases.findings(language) for language in ("en", "de"))
    assert set(english) == set(german) == set(feed_findings.CODES)
    for code in feed_findings.CODES:
        for part in ("sentence", "fix"):
            assert _values(english[code][part]) == _values(german[code][part]), code


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_faultless_feed_has_no_findings() -> None:
    """The feed of `facts` is faultless."""
    assert codes(facts()) == []


@pytest.mark.parametrize(
    ("lifetime", "left", "reported"),
    [(90, 15, False), (90, 14, True), (397, 13, True), (397, 15, False), (6, 3, False), (6, 1, True)],
)
def test_a_certificate_is_reported_before_it_ends(lifetime: int, left: int, reported: bool) -> None:
    """Two weeks before the end, later where the whole lifetime is short."""
    end = datetime.combine(AS_OF, datetime.min.time(), UTC) + timedelta(days=left)
    feed = facts(certificate_from=end - timedelta(days=lifetime), certificate_until=end)
    assert (codes(feed) == ["certificate_ends"]) == reported


@pytest.mark.parametrize(
    ("kind", "format_", "sent", "wrong"),
    [
        ("feed", "RSS 2.0", "application/rss+xml; charset=utf-8", False),
        ("feed", "Atom 1.0", "Application/XML", False),
        ("feed", "Atom 1.0", "text/html", True),
        ("feed", "JSON Feed 1.1", "application/feed+json", False),
        ("jsonfeed", "JSON Feed 1.1", "text/plain", True),
        ("ical", "iCalendar", "text/calendar;charset=utf-8", False),
        ("ical", "iCalendar", "application/octet-stream", True),
        ("page", "HTML", "text/html", False),
        ("feed", "RSS 2.0", "", False),
        ("feed", None, "text/html", False),
    ],
)
def test_media_types(kind: str, format_: str | None, sent: str, wrong: bool) -> None:
    """The media type is compared with those of the format; a missing one is no fault."""
    feed = facts(kind=kind, format=format_, content_type=sent)
    assert ("content_type" in codes(feed)) == wrong


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/feed", "https://a.example/feed"),
        ("https://a.example/feed?key=s#x", "https://a.example/feed?…"),
        ("https://eve:s@a.example:8443/f", "https://a.example:8443/f"),
        ("https://[half", ""),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, shown: str) -> None:
    """User, password, query and fragment are not shown."""
    assert feed_findings.public_address(url) == shown


def test_what_servers_say_is_one_short_line() -> None:
    """A quotation has neither line breaks, nor invisible characters, nor more than its limit."""
    found = Finding(code="malformed", level=Level.PROBLEM, values={"detail": "a\n\u202eb" + "x" * 1_000})
    sentence = feed_findings.in_words(found, "en").sentence
    assert "\n" not in sentence
    assert "\u202e" not in sentence
    assert len(sentence) < 300


def test_advice_for_a_calendar() -> None:
    """The advice for a calendar that is polled as a feed names the kind of calendars."""
    kind = feed_findings.failure_kind("the response is not a feed (text/calendar)")
    assert kind.code == "not_a_feed"
    assert "`kind: ical`" in kind.advice


def test_an_exception_in_a_visit_is_reported_as_a_fault_of_the_program() -> None:
    """An exception in a step of a visit is our fault, not an unreadable document."""

    def step() -> None:
        raise KeyError("by design")

    failure = value_or_failure(step)
    assert isinstance(failure, Failure)
    assert feed_findings.failure_kind(failure.reason).code == "our_fault"
