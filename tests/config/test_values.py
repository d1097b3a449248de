"""Values of feeds.yaml are parsed as documented, or refused with a sentence."""

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

VALID: list[tuple[Callable[[Any], object], object, object]] = [
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
    (values.web_url, "https://my_site.a--b.example./", "https://my_site.a--b.example./"),
    (values.host_name, " smtp.a.example ", "smtp.a.example"),
    (values.host_name, "localhost", "localhost"),
    (values.host_name, "smtp.bücher.example", "smtp.bücher.example"),
    (values.host_name, "::1", "::1"),
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
    (values.private_host, "127.0.0.1", "127.0.0.1/32"),
    (values.private_host, "10.1.2.3/8", "10.0.0.0/8"),
    (values.private_host, "fd00::/8", "fd00::/8"),
    (values.private_host, "Feeds.Intern:8080", "feeds.intern:8080"),
    (values.private_host, "[::1]:8080", "[::1]:8080"),
]

# Invalid texts by parser and part of the message.
INVALID: dict[tuple[Callable[[Any], object], str], list[object]] = {
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
    (values.web_url, "host or port is missing"): [
        "https://",
        "https:///x",
        "https://a.example:0/",
    ],
    (values.web_url, "is no host: its parts"): [
        "https://a..example/",
        "https://.example/",
        "https://-a.example/",
        "https://a-.example/",
        "https://www.a-.example:8080/feed",
        "https://a.-example/",
        "https://-ü.example/",
        "https://a,example/",
        "https://a%20b.example/",
        f"https://{'a' * 64}.example/",
        f"https://{'ü' * 60}.example/",
        f"https://{'a.' * 130}example/",
        "https://☃.example/",
    ],
    (values.host_name, "is not a host: its parts"): [
        "",
        "-a.example",
        "a-.example",
        "mail server",
        "a@b.example",
    ],
    (values.host_name, "a port as `port`"): ["smtp.a.example:587", "https://smtp.a.example/", "[::1]"],
    (values.web_url, "characters a URL cannot have"): [
        "https://a b/",
        "https://a\n/",
        'https://a"',
        "https://<a>/",
        "https://a.example\\x",
    ],
    (values.web_url, "is not a URL"): ["https://[::1/", "https://a:99999/", "https://a:x/"],
    (values.web_url, "has a #fragment"): ["https://a.example/#news"],
    (values.web_url, "credentials do not belong"): ["https://u:hunter2@a.example/", "https://u@a.example/"],
    (values.base_url, "a.example"): ["a.example", "https://a.example/?lang=en"],
    (values.zone, "write an IANA name"): [
        "",
        "Berlin",
        "europe/berlin",
        "../UTC",
        "localtime",
        "Factory",
        None,
        5,
    ],
    (values.address, "is not a mail address"): ["", "news", "a b@c.example", "a@localhost", "a@b.example\n"],
    (values.address, "is not a mail address:"): ["a@b.example, c@d.example", "News <a@b.example>"],
    (values.mailbox, "mail address"): ["", "News", "News <>", "News a@b.example", "Bio, news <a@b.example>"],
    (values.mailbox, "a mail address"): ["News <a@b.example", "News <a@b.example>, More <c@d.example>"],
    (values.mailbox, "line breaks"): ["News\nBcc: x <a@b.example>", "News <a@b.example>\r\n"],
    (values.authority, "RFC 4151"): [
        "",
        "a.org",
        ",2026",
        "a.org,26",
        "a.org, 2026",
        "https://a.org,2026",
        "a.org,2026-13",
        "a.org,2026-02-30",
    ],
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
    (values.private_host, "is neither a host"): [
        "-a.example",
        "a-.example:8080",
        "a..example",
        "",
        "a b",
        "http://a",
        "10.0.0.0/99",
        "host:",
        "host:0",
        "host:65536",
        "*",
        "300.1.1.1",
        "10.1.1:80",
        "[::1::]:80",
    ],
}


@pytest.mark.parametrize(("parse", "text", "value"), VALID)
def test_valid_texts(parse: Callable[[Any], object], text: object, value: object) -> None:
    """A valid text has exactly one value."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "words", "text"), [(*key, text) for key, texts in INVALID.items() for text in texts]
)
def test_invalid_texts(parse: Callable[[Any], object], words: str, text: object) -> None:
    """An invalid text is refused with one sentence that says what is valid."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://u:hunter2@a.example/", "https://u:hunter2@a:99999/", "ftp://u:hunter2@a/"]
)
def test_url_with_credentials_is_not_repeated(url: str) -> None:
    """The message about a wrong URL does not repeat its password."""
    with pytest.raises(ValueError, match=r"\w") as refused:
        values.web_url(url)
    assert "hunter2" not in str(refused.value)


def test_secret_is_not_repeated() -> None:
    """The message about a secret in place of a reference does not repeat the secret."""
    with pytest.raises(ValueError, match="do not belong") as refused:
        values.secret("hunter2")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("selector", [text for function, text, _ in VALID if function is values.selector])
def test_accepted_selector_selects(selector: str) -> None:
    """An accepted selector can be evaluated on a page, without its @attribute."""
    page = document_fromstring("<article class=news><h3>T</h3><time datetime=2026>t</time></article>")
    assert isinstance(CSSSelector(selector.partition("@")[0] or "*", translator="html")(page), list)


@law
@given(st.integers(0, 999_999), st.sampled_from(["seconds s", "minutes m", "hours h", "days d", "weeks w"]))
def test_durations_are_multiples_of_their_unit(count: int, unit: str) -> None:
    """A number and the abbreviation of a unit is that many units, for every number."""
    word, abbreviation = unit.split()
    assert values.duration(f"{count}{abbreviation}") == timedelta(**{word: count})


@law
@given(st.integers(0, 10**12 - 1), st.sampled_from([("", 1), ("B", 1), ("KB", 1000), ("MiB", 2**20)]))
def test_sizes_are_multiples_of_their_unit(count: int, unit: tuple[str, int]) -> None:
    """A number and a unit of size is that many bytes, in upper or lower case."""
    assert values.size(f"{count}{unit[0]}") == values.size(f"{count} {unit[0].lower()}") == count * unit[1]


WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@law
@given(st.sets(st.sampled_from(WEEK), min_size=1), st.times())
def test_schedules_fire_on_their_days_and_times(days: set[str], at: Any) -> None:
    """A schedule of weekdays and a time fires on exactly those days at that time."""
    moments = CronSim(values.schedule(f"{','.join(days)} {at:%H:%M}"), datetime(2026, 1, 1, tzinfo=UTC))
    fired = [next(moments) for _ in range(2 * len(days))]
    assert {WEEK[moment.weekday()] for moment in fired} == days
    assert {(moment.hour, moment.minute) for moment in fired} == {(at.hour, at.minute)}


@law
@given(st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})))
def test_zones_keep_their_name(name: str) -> None:
    """Every zone of the IANA database is accepted under its own name."""
    assert values.zone(name).key == name


IDEMPOTENT = [values.web_url, values.base_url, values.address, values.schedule, values.private_host]


@pytest.mark.parametrize(
    ("parse", "text"), [(function, text) for function, text, _ in VALID if function in IDEMPOTENT]
)
def test_parsed_forms_are_parsed_as_themselves(parse: Callable[[Any], object], text: object) -> None:
    """The parsed form of a text is itself valid and parsed as itself."""
    assert parse(parse(text)) == parse(text)


PARSERS = sorted({function for function, _, _ in VALID}, key=lambda function: function.__name__)
near_misses = st.one_of(
    st.text(), st.from_regex(r"[a-z@/.:\[\]<>(){}*+?,0-9 -]{0,20}", fullmatch=True), st.just("/(?P<a/")
)


@pytest.mark.parametrize("parse", PARSERS)
@law
@given(text=near_misses)
def test_any_text_has_a_value_or_is_refused(parse: Callable[[Any], object], text: str) -> None:
    """Any text has a value or raises ValueError, never another error."""
    try:
        assert parse(text) is not None
    except ValueError as refusal:
        assert str(refusal)
