"""A source looked over before it is polled: its items as they would be taken, and nothing recorded."""

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
    """A folder with one source."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}{path}'{more}}}\n")
    return place


def test_a_kept_document_is_read_without_a_request(place: Workplace, web: Web) -> None:
    """For a source that was visited, the kept document is read with the options of now; nobody is asked."""
    web.feed("/feed", rss(news(1), news(2) | {"category": "OMERO"}), '"1"')
    fetch.run(one(place, web).app())
    one(place, web, ", drop: [News 1], topics: [data]")
    before = place.database.read_bytes()
    seen = preview.run(place.app(), "node")
    assert (seen.kept, seen.kind, seen.url) == (True, "feed", f"{web.url}/feed")
    assert [(item.title, item.dropped) for item in seen.items] == [
        ("News 1", "drop: News 1"),
        ("News 2", None),
    ]
    assert seen.items[1].topics == ("data",)
    assert paths(web) == ["/feed"]
    assert place.database.read_bytes() == before


def test_selectors_are_tuned_on_the_kept_page(place: Workplace, web: Web) -> None:
    """An operator who changes selectors sees at once what they yield, and why they yield nothing."""
    page(web, LISTING, "/news")
    fetch.run(one(place, web, ", kind: page, page: {item: .teaser}", "/news").app())
    one(place, web, ", kind: page, page: {item: .teaser, title: h3, date: time}", "/news")
    seen = preview.run(place.app(), "node")
    assert [f"{item.date:%m-%d} {item.written}" for item in seen.items][:1] == ["09-01 1. 9. 2026"]
    one(place, web, ", kind: page, page: {item: .other}", "/news")
    with pytest.raises(NothingToShow, match=r"read anew: the page has nothing that `item: \.other` selects"):
        preview.run(place.app(), "node")
    assert paths(web) == ["/robots.txt", "/news"]


def test_a_source_without_a_kept_document_is_asked_once(place: Workplace, web: Web) -> None:
    """A source nobody visited yet is asked, robots.txt first for a page; a disabled one, too."""
    url = page(web, LISTING, "/news")
    one(place, web, ", enabled: false, kind: page, page: {item: .teaser, date: time}", "/news")
    seen = preview.run(place.app(), "node")
    assert (seen.kept, seen.url, len(seen.items)) == (False, url, 4)
    assert paths(web) == ["/robots.txt", "/news"]
    assert not place.database.exists()


def test_a_source_asked_lately_is_not_asked_again(place: Workplace, web: Web, clock: Clock) -> None:
    """CL5: without a kept document the rhythm holds also for people, unless they insist."""
    web.answers["/feed"] = Answer(b"<html>Hello")
    fetch.run(one(place, web).app())
    with pytest.raises(NothingToShow, match="--force asks it again"):
        preview.run(place.app(), "node")
    assert len(web.asked) == 1
    web.feed("/feed", rss(news(1)))
    assert preview.run(place.app(), "node", force=True).items[0].title == "News 1"
    clock.now += timedelta(hours=2)
    assert len(preview.run(place.app(), "node").items) == 1


def test_a_server_that_wants_silence_has_it(place: Workplace, web: Web) -> None:
    """CL8, V3: not even `--force` asks before a Retry-After is over."""
    web.answers["/feed"] = Answer(status=429, headers={"Retry-After": "36000"})
    fetch.run(one(place, web).app())
    with pytest.raises(NothingToShow, match="asked for silence until 2026-10-05 16:30 UTC"):
        preview.run(place.app(), "node", force=True)
    assert len(web.asked) == 1


def test_a_document_of_a_former_address_is_not_shown(place: Workplace, web: Web) -> None:
    """What is kept of another URL says nothing about the one that feeds.yaml has now."""
    web.feed("/feed", rss(news(1)), '"1"')
    web.feed("/new", rss(news(2)), '"1"')
    fetch.run(one(place, web).app())
    seen = preview.run(one(place, web, path="/new").app(), "node", force=True)
    assert (seen.kept, seen.items[0].title) == (False, "News 2")


def test_an_address_is_fetched_once(place: Workplace, web: Web) -> None:
    """The kind of what is at an address is found out; of a page the best selectors are taken."""
    place.write("")
    web.feed("/feed", rss(news(1)))
    assert [i.title for i in preview.run(place.app(), f"{web.url}/feed").items] == ["News 1"]
    seen = preview.run(place.app(), page(web, LISTING))
    assert (seen.kind, seen.items[0].title) == ("page", "Microscope number 1")
    assert paths(web) == ["/robots.txt", "/feed", "/robots.txt", "/news/"]


def test_a_page_without_a_list(place: Workplace, web: Web) -> None:
    """A page on which nothing repeats is one message, which says what shows more."""
    place.write("")
    with pytest.raises(NothingToShow, match="no list of news was found"):
        preview.run(place.app(), page(web, "<p>Hello</p>"))


@pytest.mark.usefixtures("hasty")
def test_the_command(place: Workplace, web: Web) -> None:
    """`source preview` prints items with date, kind, topics and what is left out; `--json` is one object."""
    workshop = news(2) | {"title": "Workshop on OMERO"}
    web.feed("/feed", rss(news(1), workshop, {"title": "Undated", "pubDate": "soon"}), '"1"')
    one(place, web, ", topics: [data], drop: [/news 1/]")
    said = call(place, "source", "preview", "node")
    assert (said.code, said.err) == (0, "")
    for words in (
        "requested just now): 3 items",
        "2026-09-02 10:00  course  Workshop on OMERO  [data]",
        "left out by `drop: /news 1/`",
        "no date (soon)  news  Undated",
    ):
        assert words in said.out
    told = json.loads(call(place, "source", "preview", "node", "--json").out)
    assert (told["kept"], told["items"][1]["kind"], told["items"][1]["topics"]) == (False, "course", ["data"])


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("command", ["discover", "preview"])
def test_a_bomb_is_one_message(place: Workplace, web: Web, command: str) -> None:
    """What takes its reader down ends in one line and 1."""
    place.write("", head=HEAD.replace("timeout: 60s", "timeout: 1s"))
    web.answers["/x"] = Answer(b"[" * 5_000_000)
    said = call(place, "source", command, f"{web.url}/x")
    assert (said.code, said.line.startswith(f"aggregator: {web.url}/x: ")) == (1, True)
