"""Validators that cannot be sent back are dropped, so that a source stays reachable."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from aggregator.model.polling import MAX_VALIDATOR_BYTES, Validators
from aggregator.polling import fetch
from tests.builders import rss
from tests.command import news
from tests.conftest import Answer, Clock, Web, Workplace

UNSENDABLE = {
    "NBSP first": '\xa0"a"',
    "NEL first": '\x85"a"',
    "NBSP last": '"a"\xa0',
    "control": '"a\x01b"',
    "escape": '"\x1b[2J"',
    "delete": '"a\x7f"',
    "line break": '"a"\r\nX-Injected: 1',
    "bare return": '"a"\rX-Injected: 1',
    "NUL": '"\0"',
    "beyond Latin-1": '"größe✓"',
    "blanks around": ' "a" ',
    "any document": "*",
    "too long": '"' + "x" * MAX_VALIDATOR_BYTES + '"',
}
SENDABLE = ['W/"a b\t"', '"gr\xc3\xb6\xc3\x9fe"', "", "bare", '"a\xa0b"', '"' + "x" * 8_192 + '"']


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=list(UNSENDABLE))
def test_a_validator_that_cannot_be_sent_is_dropped(value: str) -> None:
    """A validator that cannot be sent back is dropped on arrival and when read."""
    assert not Validators(etag=value, last_modified=value, url="http://a.example/").is_usable


@pytest.mark.parametrize("value", SENDABLE)
def test_a_validator_is_kept_byte_for_byte(value: str) -> None:
    """Any other validator is kept as it came (CL2)."""
    kept = Validators(etag=value, last_modified=value, url="http://a.example/")
    assert (kept.etag, kept.last_modified) == (value, value)


@pytest.mark.parametrize(
    "written", ['\xa0"a"', '\x85"a"', '"a"\x85', '"a\x01b"', '"a\xa0b"', '"' + "x" * 20_000 + '"']
)
def test_a_server_with_odd_validators_is_still_visited(
    place: Workplace, web: Web, clock: Clock, written: str
) -> None:
    """Every visit succeeds and sends back the validator that came, or none."""
    headers = {"ETag": written, "Last-Modified": written}
    web.answers["/feed"] = lambda _asked: Answer(rss(news(1), news(2)), headers=headers)
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n")
    for _ in range(3):
        (report,) = fetch.run(place.app()).sources
        assert report.outcome != "failed", report.reason
        clock.now += timedelta(days=2)
    for asked in web.asked[1:]:
        assert asked.headers.get("if-none-match", written) == written
        assert asked.headers.get("if-modified-since", written) == written


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_304_takes_no_validator_away(place: Workplace, web: Web, clock: Clock, header: str) -> None:
    """A validator of a 304 that cannot be sent replaces none (CL1, CL3)."""
    web.answers["/feed"] = Answer(rss(news(1)), headers={header: '"1"'})
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    web.answers["/feed"] = Answer(status=304, headers={header: '"\x01"'})
    for _ in range(2):
        clock.now += timedelta(days=2)
        assert fetch.run(place.app()).sources[0].outcome == "unchanged"
    condition = "if-none-match" if header == "ETag" else "if-modified-since"
    assert [asked.headers.get(condition) for asked in web.asked] == [None, '"1"', '"1"']


@pytest.mark.parametrize("stored", UNSENDABLE.values(), ids=list(UNSENDABLE))
def test_a_stored_validator_stops_no_source(place: Workplace, web: Web, clock: Clock, stored: str) -> None:
    """A wrong validator from an older database is not sent by the next visit."""
    web.answers["/feed"] = Answer(rss(news(1)), headers={"ETag": '"1"'})
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    with sqlite3.connect(place.database) as store:
        changed = store.execute("UPDATE sources SET etag = ?, last_modified = ?", (stored, stored)).rowcount
        assert changed == 1
    store.close()
    clock.now += timedelta(days=2)
    (report,) = fetch.run(place.app()).sources
    assert report.outcome == "unchanged", report.reason
    assert not {"if-none-match", "if-modified-since", "x-injected"} & set(web.asked[1].headers)


def test_names_beyond_latin_in_our_own_headers(place: Workplace, web: Web) -> None:
    """The User-Agent has only characters that a header may have (CL12)."""
    web.answers["/feed"] = Answer(rss(news(1)))
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n")
    file = place.folder / "feeds.yaml"
    file.write_text(
        file.read_text("utf-8").replace("https://news.example/", "https://новости.example/ä/"), "utf-8"
    )
    (report,) = fetch.run(place.app()).sources
    assert report.outcome == "changed", report.reason
    assert web.asked[0].headers["user-agent"].isascii()
