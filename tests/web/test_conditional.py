"""Preconditions and content negotiation for arbitrary header fields (RFC 9110)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import http_dates
from aggregator.web.conditional import is_not_modified, is_refused, prefers_gzip, prefers_page

MODIFIED = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
LAST_MODIFIED = format_datetime(MODIFIED, usegmt=True)
OPAQUE = st.text(st.characters(codec="latin-1", exclude_characters='"\x7f ', min_codepoint=0x21), max_size=8)
TAGS = OPAQUE.map(lambda opaque: f'"{opaque}"')
FIELD = st.one_of(st.none(), st.text(st.characters(codec="latin-1"), max_size=60))
WEIGHTS = st.integers(0, 1000).map(lambda n: n / 1000)


@given(FIELD, st.one_of(FIELD, st.just(LAST_MODIFIED)))
def test_malformed_fields_are_no_error(tags: str | None, since: str | None) -> None:
    """A malformed field raises no error and never leads to 304."""
    assert isinstance(prefers_gzip(tags), bool) and isinstance(prefers_page(tags), bool)
    assert not is_not_modified(tags, None, '"not value"', LAST_MODIFIED) or (tags or "").strip() == "*"
    if tags is not None:
        assert is_not_modified(tags, since, '"x"', LAST_MODIFIED) == is_not_modified(
            tags, None, '"x"', LAST_MODIFIED
        )


@given(TAGS, st.lists(TAGS, max_size=5), st.booleans(), st.randoms(use_true_random=False))
def test_an_etag_matches_anywhere_in_a_list(tag: str, others: list[str], weak: bool, random: object) -> None:
    """A list matches if it has the tag, weak or strong (RFC 9110 section 13.1.2)."""
    listed = [*others, f"W/{tag}" if weak else tag]
    random.shuffle(listed)  # type: ignore[attr-defined]
    assert is_not_modified(", ".join(listed), None, tag, LAST_MODIFIED)
    assert is_not_modified(",".join(others) or '""', None, tag, LAST_MODIFIED) == (tag in (others or ['""']))


@given(
    TAGS, st.lists(TAGS, max_size=5), st.booleans(), st.sampled_from([",", ", "]), st.permutations(range(6))
)
def test_a_condition_needs_a_strong_tag(
    tag: str, others: list[str], weak: bool, comma: str, order: list[int]
) -> None:
    """A condition needs the tag in its list, and not the weak one (RFC 9110 13.1.1)."""
    listed = [*(f"W/{other}" for other in others), f"W/{tag}" if weak else tag]
    listed = [listed[n] for n in order if n < len(listed)]
    assert is_refused(comma.join(listed), None, tag, LAST_MODIFIED) == weak


@given(FIELD, FIELD)
def test_malformed_conditions_are_no_error(tags: str | None, since: str | None) -> None:
    """A malformed date is no condition; a tag that cannot be read is none of this document."""
    assert is_refused(tags, since, '"not value"', LAST_MODIFIED) in (False, tags is not None)


@given(st.timedeltas(timedelta(days=-9000), timedelta(days=9000)), st.booleans())
def test_dates_are_compared_as_times(off: timedelta, asctime: bool) -> None:
    """All date formats are compared as times (RFC 9110 section 13.1.3)."""
    since = (MODIFIED + off).replace(microsecond=0)
    text = since.strftime("%a %b %e %H:%M:%S %Y") if asctime else format_datetime(since, usegmt=True)
    assert http_dates.parse(text) == since
    assert is_not_modified(None, text, '"x"', LAST_MODIFIED) == (since >= MODIFIED)


def test_rfc_850_dates_are_parsed() -> None:
    """A date with weekday and two-digit year is parsed (RFC 9110 section 5.6.7)."""
    assert http_dates.parse("Sunday, 06-Nov-94 08:49:37 GMT") == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@given(WEIGHTS, st.one_of(st.none(), WEIGHTS), st.permutations(range(3)))
def test_the_preferred_coding_is_sent(gzip: float, identity: float | None, order: list[int]) -> None:
    """gzip is sent if acceptable and not below identity (RFC 9110 section 12.5.3)."""
    parts = [f"GZip; q={gzip:.3f}", "br" if identity is None else f"identity;q={identity:.3f}", "zstd;q=0.2"]
    assert prefers_gzip(",".join(parts[n] for n in order)) == (gzip > 0 and gzip >= (identity or 0))


@pytest.mark.parametrize(
    ("value", "wanted"),
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
def test_accept_encoding_of_clients(value: str | None, wanted: bool) -> None:
    """Valid and invalid values that clients send (RFC 9110 section 12.5.3)."""
    assert prefers_gzip(value) is wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
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
def test_only_browsers_prefer_a_page(value: str | None, wanted: bool) -> None:
    """A browser names HTML and no feed type in `Accept` (PB15)."""
    assert prefers_page(value) is wanted
