"""Publish stories that need review, and act as an editor with a cookie and a mailbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from aggregator.digests import run as digest
from aggregator.model.stories import MergeCandidate
from aggregator.store import editorial
from aggregator.store.connection import opened
from tests.builders import NOW, rss
from tests.digests.scenario import DAY, news, poll, rows, run, text_of
from tests.subscribers.visitor import DIGESTS, Page, Visitor, mailbox, visiting
from tests.web_server import Web
from tests.workplace import HEAD, Workplace

EVA = "eva@editors.example"
COURSE = {
    "title": "Course on image analysis with deep learning in Jena",
    "link": "https://hub.example/course",
    "description": "Three days of practice on segmentation for doctoral students. Register until 9 October 2026.",
}
KURS = {
    "title": "Segmentation school for doctoral students",
    "link": "https://society.example/kurs",
    "description": "The University of Jena invites doctoral students. Register until 9 October 2026.",
}
SETTINGS = 'web: {url: "https://news.example/"}\neditors: [Eva@editors.example, max@editors.example]\n'


def configure(place: Workplace, web: Web, settings: str = SETTINGS, head: str = HEAD) -> None:
    """Write feeds.yaml with two sources, two digests and two editors."""
    place.write(
        f"{settings}sources:\n"
        f"  - {{id: hub, name: European Imaging Hub, url: '{web.url}/hub'}}\n"
        f"  - {{id: society, name: German Imaging Society, url: '{web.url}/society'}}\n"
        f"digests:\n{DIGESTS}",
        head,
    )


def publish(place: Workplace, web: Web) -> tuple[str, str]:
    """Publish two stories that may be one, others and a flood; return the ids of the two."""
    web.feed("/hub", rss(news(1), COURSE | _dated(1)))
    web.feed("/society", rss(news(2, link="https://society.example/2", guid="s2"), KURS | _dated(2)))
    poll(place)
    id_by_title = dict(rows(place, "SELECT title, id FROM stories"))
    one, other = id_by_title[COURSE["title"]], id_by_title[KURS["title"]]
    with opened(place.database) as store, store.transaction():
        pair = MergeCandidate(story_id=other, score=7.0, why="both titles have: course, Jena, image analysis")
        editorial.add_candidate(store, one, [pair], place.clock.now)
        editorial.add_relations(store, [(one, other, pair.why)])
    place.clock.now += timedelta(hours=2)
    old = [
        news(n, NOW - 400 * DAY, link=f"https://society.example/{n}", guid=f"s{n}") for n in range(100, 130)
    ]
    web.feed("/society", rss(news(2, link="https://society.example/2", guid="s2"), KURS | _dated(2), *old))
    poll(place)
    return one, other


def _dated(n: int) -> dict[str, str]:
    return {"guid": f"course-{n}", "pubDate": f"Mon, 05 Oct 2026 05:0{n}:00 +0000"}


@dataclass
class Editor:
    """Send requests with the cookie of a session, as a browser does."""

    visitor: Visitor
    place: Workplace
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Page:
        """Request a page below `/editor`."""
        return self.visitor.get(f"/editor{path}", **self._with_cookie(headers))

    def post(self, path: str, *fields: tuple[str, str], **headers: str) -> Page:
        """Send a form to a page below `/editor`."""
        return self.visitor.post(f"/editor{path}", *fields, **self._with_cookie(headers))

    def _with_cookie(self, headers: dict[str, str]) -> dict[str, str]:
        cookie = {"cookie": self.cookie} if self.cookie else {}
        return {**cookie, **self.headers, **headers}

    def sign_in(self, address: str = EVA) -> Page:
        """Request a sign-in link, open it from the mailbox and press the button."""
        assert self.post("/sign-in", ("address", address)).status == 200
        page = self.post(self.link(address))
        self.cookie = page.headers.get("set-cookie", "").partition(";")[0]
        return page

    def link(self, address: str = EVA) -> str:
        """Return the path below `/editor` of the last sign-in link to an address."""
        digest.run(self.place.app())
        editors = {editor.lower(): editor for editor in self.place.app().config.editors}
        message = mailbox(self.place, editors.get(address.lower(), address))[-1]
        match = re.search(r"https://news\.example/editor(/sign-in/\S+)", text_of(message))
        assert match, text_of(message)
        return match[1]


@contextmanager
def editing(place: Workplace) -> Iterator[Editor]:
    """Serve the editors' pages of a workplace."""
    with visiting(place) as visitor:
        yield Editor(visitor, place)


__all__ = ["DAY", "EVA", "Editor", "configure", "editing", "publish", "rows", "run"]
