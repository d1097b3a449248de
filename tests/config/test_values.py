"""The small languages of feeds.yaml: what each expression means, and what is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.cssselect import CSSSelector
from lxml.html import document_fromstring

from aggregator.config import values

law = settings(max_examples=60)

MEANINGS: list[tuple[Callable[[Any], object], object, object]] = [
    (values.duration, "20s", timedelta(seconds=20)),
    (values.duration, "90m", timedelta(minutes=90)),
    (values.duration, "1h", timedelta(hours=1)),
    (values.duration, "7d", timedelta(days=7)),
    (values.duration, " 2 w ", timedelta(weeks=2)),
    (values.size, "10MB", 10_000_000),
    (values.size, "512KiB", 524_288),
    (values.size, "1 mib", 1_048_576),
    (values.size, "9KB", 9_000),
    (values.size, 4096, 4096),
    (values.web_url, " https://a.example/feed/?x=1 ", "https://a.example/feed/?x=1"),
    (values.web_url, "http://[::1]:8080/", "http://[::1]:8080/"),
    (values.web_url, "https://bücher.example/ü", "https://bücher.example/ü"),
    (values.base_url, "https://a.example", "https://a.example/"),
    (values.base_url, "https://a.example/news/", "https://a.example/news/"),
    (values.zone, "Europe/Berlin", ZoneInfo("Europe/Berlin")),
    (values.address, "news@B.example", "news@b.example"),
    (values.address, "news@example.org", "news@example.org"),
    (values.mailbox, "news@b.example", "news@b.example"),
    (values.mailbox, "Ünews <news@b.example>", "Ünews <news@b.example>"),
    (values.mailbox, '"Bio, news" <news@b.example>', '"Bio, news" <news@b.example>'),
    (values.authority, "news.example.org,2026", "news.example.org,2026"),
    (values.authority, "me@example.org,2026-10-05", "me@example.org,2026-10-05"),
    (values.schedule, "mon 08:00", "0 8 * * 1"),
    (values.schedule, "Mon,thu  8:05", "5 8 * * 1,4"),
    (values.schedule, "sunday 23:59", "59 23 * * 0"),
    (values.schedule, "daily 07:30", "30 7 * * *"),
    (values.schedule, "0 8 1 * *", "0 8 1 * *"),
    (values.secret, "env:SMTP_PASSWORD", "env:SMTP_PASSWORD"),
    (values.secret, "file:secrets/smtp", "file:secrets/smtp"),
    (values.word, "image analysis", "image analysis"),
    (values.word, "/ome.?zarr/", "/ome.?zarr/"),
    (values.word, "/", "/"),
    (values.selector, "article.news > h3", "article.news > h3"),
    (values.selector, "time@datetime", "time@datetime"),
    (values.selector, "@href", "@href"),
    (values.private_place, "127.0.0.1", "127.0.0.1/32"),
    (values.private_place, "10.1.2.3/8", "10.0.0.0/8"),
    (values.private_place, "fd00::/8", "fd00::/8"),
    (values.private_place, "Feeds.Intern:8080", "feeds.intern:8080"),
    (values.private_place, "[::1]:8080", "[::1]:8080"),
]

# By language and words of the message, what is refused.
REFUSED: dict[tuple[Callable[[Any], object], str], list[object]] = {
    (values.duration, "such as 1h"): [
        "",
        "h",
        "1.5h",
        "-1h",
        "1h30m",
        "1H",
        "1 hour",
        "9999999s",
        3600,
        None,
        True,
    ],
    (values.size, "such as 10MB"): ["", "MB", "-1", "1.5MB", "1GB", None, True],
    (values.web_url, "must begin with https://"): [
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "data:,x",
    ],
    (values.web_url, "names no host"): ["https://", "https:///x", "https://a.example:0/"],
    (values.web_url, "characters a URL cannot have"): [
        "https://a b/",
        "https://a\n/",
        'https://a"',
        "https://<a>/",
    ],
    (values.web_url, "is not a URL"): ["https://[::1/", "https://a:99999/", "https://a:x/"],
    (values.web_url, "has a #fragment"): ["https://a.example/#news"],
    (values.web_url, "credentials do not belong"): ["https://u:hunter2@a.example/", "https://u@a.example/"],
    (values.base_url, "a.example"): ["a.example", "https://a.example/?lang=en"],
    (values.zone, "write an IANA name"): ["", "Berlin", "europe/berlin", "../UTC", None, 5],
    (values.address, "is not a mail address"): ["", "news", "a b@c.example", "a@localhost", "a@b.example\n"],
    (values.address, "is not a mail address:"): ["a@b.example, c@d.example", "News <a@b.example>"],
    (values.mailbox, "mail address"): ["", "News", "News <>", "News a@b.example", "Bio, news <a@b.example>"],
    (values.mailbox, "a mail address"): ["News <a@b.example", "News <a@b.example>, More <c@d.example>"],
    (values.mailbox, "line breaks"): ["News\nBcc: x <a@b.example>", "News <a@b.example>\r\n"],
    (values.authority, "RFC 4151"): ["", "a.org", ",2026", "a.org,26", "a.org, 2026", "https://a.org,2026"],
    (values.schedule, "is not a weekday"): [
        "mittwoch 08:00",
        "weekly 08:00",
        "mon,,tue 08:00",
        "monkey 08:00",
    ],
    (values.schedule, "is not a schedule"): ["", "mon", "08:00", "mon 8", "mon 25:00", "mon 08:60", "@daily"],
    (values.schedule, "five cron fields"): [
        "*/0 * * * *",
        "0 0 30 2 *",
        "61 * * * *",
        "* * * *",
        "* * * * * *",
    ],
    (values.secret, "write env:NAME or file:PATH"): ["", "hunter2", "env:", "ENV:NAME", "$NAME"],
    (values.word, "would match everything"): ["", "  ", "//"],
    (values.word, "is not a regular expression"): ["/(/", "/(\n/", "/a{99999999999}/"],
    (values.selector, "is not a CSS selector"): ["a[", "a,", ".", "a::before", "svg|a", ""],
    (values.private_place, "is neither a host"): ["", "a b", "http://a", "10.0.0.0/99", "host:", "*"],
}


@pytest.mark.parametrize(("language", "written", "meant"), MEANINGS)
def test_means(language: Callable[[Any], object], written: object, meant: object) -> None:
    """What is written in one of the small languages means exactly one thing."""
    assert language(written) == meant


@pytest.mark.parametrize(
    ("language", "words", "written"), [(*key, text) for key, texts in REFUSED.items() for text in texts]
)
def test_refuses(language: Callable[[Any], object], words: str, written: object) -> None:
    """What a small language does not know is refused with one sentence on one line that says what is right."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        language(written)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://u:hunter2@a.example/", "https://u:hunter2@a:99999/", "ftp://u:hunter2@a/"]
)
def test_url_with_credentials_is_not_repeated(url: str) -> None:
    """However wrong a URL is, its password does not stand in the message: secrets appear in no log."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        values.web_url(url)
    assert "hunter2" not in str(refused.value)


def test_secret_is_not_repeated() -> None:
    """A secret written where a reference belongs does not stand in the message."""
    with pytest.raises(ValueError, match="do not belong") as refused:
        values.secret("hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("selector", [text for function, text, _ in MEANINGS if function is values.selector])
def test_accepted_selector_selects(selector: str) -> None:
    """An accepted selector can be evaluated on a page, once its @attribute is cut off."""
    page = document_fromstring("<article class=news><h3>T</h3><time datetime=2026>t</time></article>")
    assert isinstance(CSSSelector(selector.partition("@")[0] or "*", translator="html")(page), list)


@law
@given(st.integers(0, 999_999), st.sampled_from(["seconds s", "minutes m", "hours h", "days d", "weeks w"]))
def test_durations_count_their_unit(count: int, unit: str) -> None:
    """A number and a unit letter is that many of the unit, for every number that may be written."""
    word, letter = unit.split()
    assert values.duration(f"{count}{letter}") == timedelta(**{word: count})


@law
@given(st.integers(0, 10**12 - 1), st.sampled_from([("", 1), ("B", 1), ("KB", 1000), ("MiB", 2**20)]))
def test_sizes_count_their_unit(count: int, unit: tuple[str, int]) -> None:
    """A number and a unit is that many bytes, in any case of letters."""
    assert values.size(f"{count}{unit[0]}") == values.size(f"{count} {unit[0].lower()}") == count * unit[1]


WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@law
@given(st.sets(st.sampled_from(WEEK), min_size=1), st.times())
def test_schedules_fire_when_they_say(days: set[str], at: Any) -> None:
    """A schedule of weekdays and a time fires on exactly those weekdays at exactly that time."""
    moments = CronSim(values.schedule(f"{','.join(days)} {at:%H:%M}"), datetime(2026, 1, 1, tzinfo=UTC))
    fired = [next(moments) for _ in range(2 * len(days))]
    assert {WEEK[moment.weekday()] for moment in fired} == days
    assert {(moment.hour, moment.minute) for moment in fired} == {(at.hour, at.minute)}


@law
@given(st.sampled_from(sorted(available_timezones())))
def test_zones_keep_their_name(name: str) -> None:
    """Every zone of the IANA database may be written and is that zone."""
    assert values.zone(name).key == name


IDEMPOTENT = [values.web_url, values.base_url, values.address, values.schedule, values.private_place]


@pytest.mark.parametrize(
    ("language", "written"), [(function, text) for function, text, _ in MEANINGS if function in IDEMPOTENT]
)
def test_normal_form_is_its_own(language: Callable[[Any], object], written: object) -> None:
    """The normal form of an expression is an expression of the same language, and its own normal form."""
    assert language(language(written)) == language(written)


LANGUAGES = sorted({function for function, _, _ in MEANINGS}, key=lambda function: function.__name__)
near_misses = st.one_of(
    st.text(), st.from_regex(r"[a-z@/.:\[\]<>(){}*+?,0-9 -]{0,20}", fullmatch=True), st.just("/(?P<a/")
)


@pytest.mark.parametrize("language", LANGUAGES)
@law
@given(written=near_misses)
def test_any_text_is_understood_or_refused(language: Callable[[Any], object], written: str) -> None:
    """Whatever text stands in the file, a small language gives a value or a ValueError, never another error."""
    try:
        assert language(written) is not None
    except ValueError as refusal:
        assert str(refusal)
