"""What header fields ask for: laws of RFC 9110, on anything a client may write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.web.conditional import http_date, not_modified, prefers_gzip, prefers_page

MODIFIED = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
TOLD = format_datetime(MODIFIED, usegmt=True)
OPAQUE = st.text(st.characters(codec="latin-1", exclude_characters='"\x7f ', min_codepoint=0x21), max_size=8)
TAGS = OPAQUE.map(lambda opaque: f'"{opaque}"')
FIELD = st.one_of(st.none(), st.text(st.characters(codec="latin-1"), max_size=60))
WEIGHTS = st.integers(0, 1000).map(lambda n: n / 1000)


@given(FIELD, st.one_of(FIELD, st.just(TOLD)))
def test_anything_may_be_said(tags: str | None, since: str | None) -> None:
    """Rubbish is no error, and never means that a client has what it does not have."""
    assert isinstance(prefers_gzip(tags), bool) and isinstance(prefers_page(tags), bool)
    assert not not_modified(tags, None, '"not said"', TOLD) or (tags or "").strip() == "*"
    if tags is not None:
        assert not_modified(tags, since, '"x"', TOLD) == not_modified(tags, None, '"x"', TOLD)


@given(TAGS, st.lists(TAGS, max_size=5), st.booleans(), st.randoms(use_true_random=False))
def test_a_tag_is_found_in_any_list(tag: str, others: list[str], weak: bool, random: object) -> None:
    """RFC 9110 13.1.2: a list matches when one of it is the tag, weak or not, wherever it stands."""
    listed = [*others, f"W/{tag}" if weak else tag]
    random.shuffle(listed)  # type: ignore[attr-defined]
    assert not_modified(", ".join(listed), None, tag, TOLD)
    assert not_modified(",".join(others) or '""', None, tag, TOLD) == (tag in (others or ['""']))


@given(st.timedeltas(timedelta(days=-9000), timedelta(days=9000)), st.booleans())
def test_dates_compare_as_times(off: timedelta, asctime: bool) -> None:
    """RFC 9110 13.1.3: what was not changed since is known, in whichever form the date is written."""
    since = (MODIFIED + off).replace(microsecond=0)
    text = since.strftime("%a %b %e %H:%M:%S %Y") if asctime else format_datetime(since, usegmt=True)
    assert http_date(text) == since
    assert not_modified(None, text, '"x"', TOLD) == (since >= MODIFIED)


def test_the_oldest_form_of_a_date_is_read() -> None:
    """RFC 9110 5.6.7: weekday in full, two digits for the year."""
    assert http_date("Sunday, 06-Nov-94 08:49:37 GMT") == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@given(WEIGHTS, st.one_of(st.none(), WEIGHTS), st.permutations(range(3)))
def test_the_heavier_coding_is_sent(gzip: float, identity: float | None, order: list[int]) -> None:
    """RFC 9110 12.5.3: gzip if it is taken at all and plain bytes are not liked better, in any order and case."""
    parts = [f"GZip; q={gzip:.3f}", "br" if identity is None else f"identity;q={identity:.3f}", "zstd;q=0.2"]
    assert prefers_gzip(",".join(parts[n] for n in order)) == (gzip > 0 and gzip >= (identity or 0))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;Q=0.001", True),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("identity;q=0, gzip", True),
        ("identity;q=0", False),  # neither is taken: plain bytes all the same
        ("identity;q=0, *", True),
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=2", False),
        ("gzip;q=x", False),
        ("gzipped", False),
        (" gzip ; q=1.0 , br", True),
        (",,gzip,", True),
    ],
)
def test_what_clients_write(said: str | None, wanted: bool) -> None:
    """Cases of RFC 9110 12.5.3, and of those who do not keep to it."""
    assert prefers_gzip(said) is wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            True,
        ),  # Chromium, Firefox
        ("Text/HTML", True),
        ("application/xml, text/xml;q=0.9", False),
        ("application/atom+xml, application/rss+xml;q=0.9, application/xml;q=0.8, text/html;q=0.5", False),
        ("text/html, APPLICATION/RSS+XML;q=0.1", False),
        ("text/html;q=0.9, application/feed+json", True),
    ],
)
def test_only_a_browser_is_shown_feeds(said: str | None, wanted: bool) -> None:
    """PB15: who names HTML and neither Atom nor RSS; feed readers do not, or name what they read."""
    assert prefers_page(said) is wanted
