"""Previews of sources: the items that a visit would take, without a record."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from aggregator.discovery import preview
from aggregator.errors import NothingToShow
from aggregator.polling import fetch
from tests.builders import rss
from tests.command import call
from tests.conftest import HEAD, Answer, Clock, Web, Workplace
from tests.discovery.test_discover import LISTING, news, page, paths


def one(place: Workplace, web: Web, more: str = "", path: str = "/feed") -> Workplace:
    """Write a feeds.yaml with one source."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}{path}'{more}}}\n")
    return place


def test_a_stored_document_is_parsed_without_a_request(place: Workplace, web: Web) -> None:
    """The stored document is parsed with the present configuration, without a request."""
    web.feed("/feed", rss(news(1), news(2) | {"category": "OMERO"}), '"1"')
    fetch.run(one(place, web).app())
    one(place, web, ", drop: [News 1], topics: [data]")
    before = place.database.read_bytes()
    shown = preview.preview_source(place.app(), "node")
    assert (shown.kept, shown.kind, shown.url) == (True, "feed", f"{web.url}/feed")
    assert [(item.title, item.dropped) for item in shown.items] == [
        ("News 1", "drop: News 1"),
        ("News 2", None),
    ]
    assert shown.items[1].topics == ("data",)
    assert paths(web) == ["/feed"]
    assert place.database.read_bytes() == before


def test_selectors_are_tried_on_the_stored_page(place: Workplace, web: Web) -> None:
    """Changed selectors are applied to the stored page; the message says why they find nothing."""
    page(web, LISTING, "/news")
    fetch.run(one(place, web, ", kind: page, page: {item: .teaser}", "/news").app())
    one(place, web, ", kind: page, page: {item: .teaser, title: h3, date: time}", "/news")
    shown = preview.preview_source(place.app(), "node")
    assert [f"{item.date:%m-%d} {item.written}" for item in shown.items][:1] == ["09-01 1. 9. 2026"]
    one(place, web, ", kind: page, page: {item: .other}", "/news")
    with pytest.raises(
        NothingToShow, match=r"parsed again: the page has nothing that `item: \.other` selects"
    ):
        preview.preview_source(place.app(), "node")
    assert paths(web) == ["/robots.txt", "/news"]


def test_a_source_without_a_stored_document_is_visited_once(place: Workplace, web: Web) -> None:
    """A source without visits receives one request, after robots.txt for a page."""
    url = page(web, LISTING, "/news")
    one(place, web, ", enabled: false, kind: page, page: {item: .teaser, date: time}", "/news")
    shown = preview.preview_source(place.app(), "node")
    assert (shown.kept, shown.url, len(shown.items)) == (False, url, 4)
    assert paths(web) == ["/robots.txt", "/news"]
    assert not place.database.exists()


def test_a_source_visited_recently_is_not_visited_again(place: Workplace, web: Web, clock: Clock) -> None:
    """Without a stored document the interval holds for previews too, except with --force (CL5)."""
    web.answers["/feed"] = Answer(b"<html>Hello")
    fetch.run(one(place, web).app())
    with pytest.raises(NothingToShow, match="--force visits it again"):
        preview.preview_source(place.app(), "node")
    assert len(web.asked) == 1
    web.feed("/feed", rss(news(1)))
    assert preview.preview_source(place.app(), "node", force=True).items[0].title == "News 1"
    clock.now += timedelta(hours=2)
    assert len(preview.preview_source(place.app(), "node").items) == 1


def test_retry_after_holds_for_previews(place: Workplace, web: Web) -> None:
    """`--force` sends nothing before the time of Retry-After (CL8, V3)."""
    web.answers["/feed"] = Answer(status=429, headers={"Retry-After": "36000"})
    fetch.run(one(place, web).app())
    with pytest.raises(NothingToShow, match="asked for no requests until 2026-10-05 16:30 UTC"):
        preview.preview_source(place.app(), "node", force=True)
    assert len(web.asked) == 1


def test_a_document_of_a_former_address_is_not_shown(place: Workplace, web: Web) -> None:
    """A stored document of another URL is not shown for the present one."""
    web.feed("/feed", rss(news(1)), '"1"')
    web.feed("/new", rss(news(2)), '"1"')
    fetch.run(one(place, web).app())
    shown = preview.preview_source(one(place, web, path="/new").app(), "node", force=True)
    assert (shown.kept, shown.items[0].title) == (False, "News 2")


def test_an_url_is_requested_once(place: Workplace, web: Web) -> None:
    """The kind of a document is detected; on a page the best selectors are used."""
    place.write("")
    web.feed("/feed", rss(news(1)))
    assert [i.title for i in preview.preview_source(place.app(), f"{web.url}/feed").items] == ["News 1"]
    shown = preview.preview_source(place.app(), page(web, LISTING))
    assert (shown.kind, shown.items[0].title) == ("page", "Microscope number 1")
    assert paths(web) == ["/robots.txt", "/feed", "/robots.txt", "/news/"]


def test_a_page_without_a_list(place: Workplace, web: Web) -> None:
    """A page without a list gives one message that names `source discover`."""
    place.write("")
    with pytest.raises(NothingToShow, match="no list of news was found"):
        preview.preview_source(place.app(), page(web, "<p>Hello</p>"))


@pytest.mark.usefixtures("hasty")
def test_the_command(place: Workplace, web: Web) -> None:
    """`source preview` prints items with date, kind, topics and filters; `--json` one object."""
    workshop = news(2) | {"title": "Workshop on OMERO"}
    web.feed("/feed", rss(news(1), workshop, {"title": "Undated", "pubDate": "soon"}), '"1"')
    one(place, web, ", topics: [data], drop: [/news 1/]")
    result = call(place, "source", "preview", "node")
    assert (result.code, result.err) == (0, "")
    for words in (
        "requested just now): 3 items",
        "2026-09-02 10:00  course  Workshop on OMERO  [data]",
        "left out by `drop: /news 1/`",
        "no date (soon)  news  Undated",
    ):
        assert words in result.out
    output = json.loads(call(place, "source", "preview", "node", "--json").out)
    assert (output["kept"], output["items"][1]["kind"], output["items"][1]["topics"]) == (
        False,
        "course",
        ["data"],
    )


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("command", ["discover", "preview"])
def test_a_bomb_is_one_message(place: Workplace, web: Web, command: str) -> None:
    """A document that kills its parser gives one line and exit code 1."""
    place.write("", head=HEAD.replace("timeout: 60s", "timeout: 1s"))
    web.answers["/x"] = Answer(b"[" * 5_000_000)
    result = call(place, "source", command, f"{web.url}/x")
    assert (result.code, result.line.startswith(f"aggregator: {web.url}/x: ")) == (1, True)
