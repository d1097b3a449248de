"""Values of declared types survive as JSON, and everything else is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.discovery import inspect_response
from aggregator.gateways import typedjson
from aggregator.model.config import Layout
from aggregator.model.discovery import Proposal
from aggregator.model.documents import ArticleDetails, Enclosure, ItemKind, RefreshHints
from aggregator.model.events import Event, EventKind
from aggregator.model.items import Alias, IdentityPolicy, Item
from aggregator.model.polling import Failure, ParsedVisit, SourceProfile, Validators
from aggregator.polling import parse

NOW = datetime(2026, 11, 29, 12, 30, 15, 250, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"))
MOMENTS = st.datetimes(timezones=st.just(UTC))
ITEMS = st.builds(
    Item,
    id=TEXTS,
    source_id=TEXTS,
    aliases=st.lists(st.builds(Alias, kind=TEXTS, value=TEXTS)).map(tuple),
    guid=st.none() | TEXTS,
    link=st.none() | TEXTS,
    title=TEXTS,
    html=TEXTS,
    text=TEXTS,
    excerpt=TEXTS,
    claimed=st.none() | MOMENTS,
    claimed_raw=st.none() | TEXTS,
    first_seen=MOMENTS,
    position=st.integers(0, typedjson.MAX_INTEGER),
    enclosures=st.lists(st.builds(Enclosure, url=TEXTS, length=st.none() | st.integers(0, 9))).map(tuple),
    kind=st.sampled_from(ItemKind),
)


def parsed_visit(*items: Item) -> ParsedVisit:
    """Return a parsed visit with a value in each field."""
    return ParsedVisit(
        items=items,
        present=(Alias(kind="guid", value="1"),),
        entry_hashes=(bytes(range(12)), b"\xff" * 12),
        validators=Validators(),
        url="https://a.example/",
        status=200,
        body=b"",
        body_hash="",
        profile=SourceProfile(title="A"),
        identity_policy=IdentityPolicy(guid=False),
        hints=RefreshHints(update_interval=timedelta(hours=1, microseconds=7), skip_hours=(1, 2)),
        notes=("one",),
    )


@given(st.lists(ITEMS, max_size=3))
def test_a_parsed_visit_survives(items: list[Item]) -> None:
    """A parsed visit is the same after encoding and decoding."""
    value = parsed_visit(*items)
    kind = typedjson.returned_by(parse.parse_visit)
    assert typedjson.decode(typedjson.encode(value, kind), kind) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, None),
        (None, ArticleDetails | None),
        (ArticleDetails(kind=ItemKind.JOB), ArticleDetails | None),
        (Failure(reason="no", wait=timedelta(days=-1)), ParsedVisit | Failure),
        (Proposal(kind="page", url="u", score=1.0, why="w", page=(Layout(item="a"),)), Proposal),
        (frozenset({"a", "b"}), frozenset[str]),
        ({"a": NOW}, Mapping[str, datetime]),
        ((), tuple[str, ...]),
    ],
)
def test_other_values_survive(value: object, kind: Any) -> None:
    """Unions, optional values, mappings and sets are the same after decoding."""
    back = typedjson.decode(typedjson.encode(value, kind), kind)
    assert (back, type(back)) == (value, type(value))


def test_every_function_of_the_sandbox_declares_its_result() -> None:
    """Every function that the sandbox calls declares a type that can be checked."""
    for function in (
        parse.parse_visit,
        parse.article_links,
        parse.article_details,
        parse.robots_allow,
        inspect_response.inspect,
    ):
        with pytest.raises(ValueError):
            typedjson.decode(b'{"x": 1}', typedjson.returned_by(function))


def test_characters_that_are_no_text_are_replaced() -> None:
    """A lone surrogate is replaced and does not make the document fail."""
    assert typedjson.decode(typedjson.encode("a\ud800b", str), str) == "a?b"


def test_moments_are_utc() -> None:
    """A moment of another zone is decoded as the same moment in UTC."""
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    back = typedjson.decode(typedjson.encode(berlin, datetime), datetime)
    assert back == NOW and back.tzinfo is UTC


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", str),
        (b"nul", None),
        (b"0", None),
        (b"7", str),
        (b'"\\ud800"', str),
        (b"true", int),
        (b"1.0", int),
        (b"9223372036854775808", int),
        (b"1", bool),
        (b"NaN", float),
        (b"1e999", float),
        (b'"zz"', bytes),
        (b'"2026-11-29T12:00:00"', datetime),
        (b'"2026-11-29T12:00:00+01:00"', datetime),
        (b'"yesterday"', datetime),
        (b"1.5", timedelta),
        (b'"opera"', ItemKind),
        (b"[]", ItemKind),
        (b'"abc"', tuple[str, ...]),
        (b"[1]", tuple[str, ...]),
        (b"[[]]", frozenset[str]),
        (b"[]", Mapping[str, str]),
        (b'{"a": 1}', Mapping[str, str]),
        (b'["guid"]', Alias),
        (b'["guid", "1", "more"]', Alias),
        (b'{"kind": "guid", "value": "1"}', Alias),
        (b'["guid", null]', Alias),
        (b"[true, []]", ParsedVisit | Failure),
        (b"[0.0, []]", ParsedVisit | Failure),
        (b"[[], []]", ParsedVisit | Failure),
        (b"null", ParsedVisit | Failure),
    ],
)
def test_other_types_are_refused(data: bytes, kind: Any) -> None:
    """Anything but a value of the declared type raises ValueError."""
    with pytest.raises(ValueError):
        typedjson.decode(data, kind)


def _places(plain: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    deeper = plain if isinstance(plain, list) else []
    return [path, *(place for n, one in enumerate(deeper) for place in _places(one, (*path, n)))]


def _replaced(plain: Any, path: tuple[int, ...], value: Any) -> Any:
    if not path:
        return value
    return [_replaced(one, path[1:], value) if n == path[0] else one for n, one in enumerate(plain)]


@pytest.mark.parametrize("value", [{}, [0.5], 0.5, {"a": []}])
def test_no_field_takes_another_type(value: object) -> None:
    """A value of another type anywhere in a parsed visit is refused."""
    item = Item(
        **dict.fromkeys(("id", "source_id", "title", "html", "text", "excerpt"), "x"),
        **dict.fromkeys(("guid", "link", "claimed_raw"), "x"),
        aliases=(Alias(kind="guid", value="1"),),
        claimed=NOW,
        first_seen=NOW,
        position=1,
        authors=("a",),
        enclosures=(Enclosure(url="u"),),
    )
    kind = typedjson.returned_by(parse.parse_visit)
    plain = json.loads(typedjson.encode(parsed_visit(item), kind))
    for place in _places(plain):
        with pytest.raises(ValueError):
            typedjson.decode(json.dumps(_replaced(plain, place, value)).encode(), kind)


@given(
    start=st.dates() | MOMENTS,
    zone=st.none() | TEXTS,
    occurrences=st.lists(st.dates() | MOMENTS).map(tuple),
)
def test_dates_and_moments_of_events_survive(start: Any, zone: Any, occurrences: Any) -> None:
    """An event keeps dates as dates and moments as moments (EX1)."""
    event = Event(kind=EventKind.COURSE, start=start, end=start, zone=zone, occurrences=occurrences)
    details = ArticleDetails(event=event)
    decoded = typedjson.decode(typedjson.encode(details, ArticleDetails), ArticleDetails)
    assert decoded == details
    assert type(decoded.event.start) is type(start)
