"""`source letter`: the facts of the visit log as a letter that a publisher likes to read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.discovery import appeal
from aggregator.errors import UnknownName
from aggregator.polling import fetch
from tests.builders import rss
from tests.command import call
from tests.conftest import Answer, Clock, Web, Workplace
from tests.discovery.test_discover import news
from tests.discovery.test_live_check import WALL
from tests.discovery.test_preview import one

HOUR = timedelta(hours=1)
LANGUAGES = pytest.mark.parametrize("language", ["en", "de"])


def written(place: Workplace, id_: str = "node") -> str:
    """The letter on one line, so that a test need not know where its lines break."""
    letter = appeal.run(place.app(), id_)
    return " ".join(letter.split()) if letter else ""


def visited(place: Workplace, web: Web, answer: Answer, language: str, times: int = 1) -> Workplace:
    """A source in this language that answered so, on so many visits."""
    web.answers["/feed"] = answer
    one(place, web, f", language: {language}, every: 1h")
    for _ in range(times):
        fetch.run(place.app(), force=True)
        place.clock.now += 2 * HOUR
    return place


def holds(letter: str, *words: str) -> None:
    """Whether all of this stands in the letter."""
    for word in words:
        assert word in letter, letter


@LANGUAGES
def test_a_bot_wall(place: Workplace, web: Web, language: str) -> None:
    """The wall's name, the status, since when and how often; and our User-Agent, to be let in."""
    letter = written(visited(place, web, WALL, language, times=3))
    holds(
        letter,
        "(Cloudflare, HTTP 403 ×3)",
        "User-Agent: aggregator/",
        "editors@news.example",
        f"{web.url}/feed",
    )
    if language == "de":
        holds(
            letter, "Betreff: Ihr Feed", "[seit 05.10.2026 06:30 UTC (3 Besuche)]", "Mit freundlichen Grüßen"
        )
    else:
        holds(letter, "Subject: Your feed", "[since 2026-10-05 06:30 UTC (3 visits)]", "Kind regards")


@LANGUAGES
def test_no_validators(place: Workplace, web: Web, language: str) -> None:
    """A feed without ETag and Last-Modified: what that costs, and what it keeps readers from."""
    many = [news(n) | {"description": "Words. " * 400} for n in range(1, 10)]
    letter = written(visited(place, web, Answer(rss(*many)), language))
    holds(letter, "ETag", "Last-Modified", "27 kB")
    holds(letter, "wir geben Ihre" if language == "de" else "we pass on")
    holds(letter, "einmal am Tag" if language == "de" else "only once a day")


@LANGUAGES
def test_a_malformed_document(place: Workplace, web: Web, language: str) -> None:
    """A document that is no well-formed XML: with what the parser says, and where a validator is."""
    body = rss(news(1)).replace(b"<description>d", b"<description>d & d")
    letter = written(visited(place, web, Answer(body, headers={"ETag": '"1"'}), language))
    holds(letter, "not well-formed", "https://validator.w3.org/feed/")
    holds(letter, "nicht wohlgeformt" if language == "de" else "not every reader can")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), ["not found any more (HTTP 404)", "A permanent redirect (301)"]),
        (Answer(status=500), ["answers with an error (HTTP 500)"]),
        (Answer(status=429), ["we ask too often (HTTP 429)"]),
        (Answer(status=401), ["asks for a password (HTTP 401)"]),
        (
            Answer(b"<html>Hello", headers={"Content-Type": "text/html"}),
            ["the answer is a web page, not a feed (text/html)", "application/rss+xml"],
        ),
        (
            Answer(status=302, headers={"Location": "/feed"}),
            ["The redirects of the address lead nowhere: it redirects in a circle"],
        ),
    ],
)
def test_other_troubles(place: Workplace, web: Web, answer: Answer, words: list[str]) -> None:
    """Whatever a server answers instead of the document stands in the letter with what would help."""
    holds(written(visited(place, web, answer, "en")), *words)


def test_a_permanent_redirect(place: Workplace, web: Web) -> None:
    """A permanent redirect: where to, and that it should stay."""
    visited(place, web, Answer(rss(news(1)), headers={"ETag": '"1"'}), "en")
    web.feed("/new", rss(news(1)), '"2"')
    visited(place, web, Answer(status=301, headers={"Location": "/new"}), "en")
    holds(written(place), f"redirects permanently to {web.url}/new", "leave the redirect in place")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "its certificate is not valid: certificate has expired",
            "cannot be verified: certificate has expired.",
        ),
        ("it redirects from https to http, which is refused", "redirects from https to http"),
        ("no complete answer within 20 s", "No whole answer reaches us: no complete answer within 20 s"),
    ],
)
def test_troubles_below_http(place: Workplace, web: Web, reason: str, words: str) -> None:
    """Certificates, downgrades and broken connections, as the visit log has them."""
    from dataclasses import replace

    from aggregator.model.polling import Failure

    app = one(place, web).app()
    fetch.run(replace(app, fetcher=lambda: lambda _request: Failure(reason=reason)))
    holds(written(place), words)


def test_only_what_has_not_ended_is_told(place: Workplace, web: Web) -> None:
    """Troubles before the last good visit are over and forgotten; what came since stands side by side."""
    visited(place, web, Answer(status=500), "en", times=2)
    visited(place, web, Answer(rss(news(1)), headers={"ETag": '"1"'}), "en")
    assert appeal.run(place.app(), "node") is None
    visited(place, web, Answer(status=404), "en", times=2)
    visited(place, web, Answer(status=503), "en")
    letter = written(place)
    holds(letter, "HTTP 404 ×2", "HTTP 503", "We last read it without trouble on 2026-10-05 10:30 UTC")
    assert "HTTP 500" not in letter


@pytest.mark.parametrize("more", ["", ", enabled: false"])
def test_nothing_to_complain_about(place: Workplace, web: Web, more: str) -> None:
    """Of a source that is well, and of one that nobody visits, there is no letter; this is said, and is no error."""
    web.feed("/feed", rss(news(1)), '"1"')
    fetch.run(one(place, web).app())
    one(place, web, more)
    said = call(place, "source", "letter", "node")
    assert (said.code, said.out, said.err) == (0, "node: there is nothing to complain about\n", "")


def test_our_own_selectors_are_no_fault_of_theirs(place: Workplace, web: Web) -> None:
    """That a page has another layout than we think is nothing to write about; nor are a page's validators."""
    web.answers["/news"] = Answer(b"<html><body><p>Hello</p></body></html>")
    fetch.run(one(place, web, ", kind: page, page: {item: .other}", "/news").app())
    assert appeal.run(place.app(), "node") is None


def test_the_language_of_the_document(place: Workplace, web: Web) -> None:
    """Where feeds.yaml names no language, the document's own is used, else the site's."""
    web.answers["/feed"] = Answer(rss(news(1), head="<language>de-DE</language>"))
    fetch.run(one(place, web).app())
    holds(written(place), "Betreff:")


def test_the_command(place: Workplace, web: Web, clock: Clock) -> None:
    """`source letter` prints lines that mail can carry, asks nobody, and knows which sources there are."""
    visited(place, web, WALL, "de")
    before = len(web.asked)
    said = call(place, "source", "letter", "node")
    assert (said.code, said.err, len(web.asked)) == (0, "", before)
    assert max(len(line) for line in said.out.splitlines() if "http" not in line) <= 76
    with pytest.raises(UnknownName, match='did you mean "node"'):
        appeal.run(place.app(), "nod")
