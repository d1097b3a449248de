"""Generate or damage documents from a seed, and check what the program makes of them.

`FUZZ_SIZE=n python -m tests.fuzz SEED...` replays seeds of that size. The corpus is `tests/data/feeds` and, if set,
the folder FUZZ_CORPUS.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from html import unescape
from itertools import pairwise
from pathlib import Path

from lxml import etree

from aggregator import health, story_view
from aggregator.dedupe import explain
from aggregator.digests import body
from aggregator.digests import run as digest
from aggregator.digests.edition import compose_edition
from aggregator.errors import UnreadableDocument
from aggregator.formats import feed
from aggregator.formats.parsers import PARSERS
from aggregator.items import normalise, sanitize
from aggregator.model.config import Channel, DigestPlan, Layout, Source
from aggregator.model.digests import Edition, PendingStories
from aggregator.model.documents import ParsedDocument
from aggregator.model.items import IdentityPolicy, Item
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import StoryItem
from aggregator.polling import fetch
from aggregator.publishing import edition_pages, publish, renderers, site
from tests import builders, generate_documents
from tests.builders import BERLIN, NOW
from tests.generate_documents import R
from tests.hostile_strings import POISON, faults, terminal_faults, xml_faults
from tests.injured_documents import CHANGES
from tests.web_server import Answer, Web
from tests.workplace import Workplace

OURS = Path(__file__).parent / "data" / "feeds"
FEED = "https://node.example/feed/"
NEWS = builders.layout_of({"item": "li.news", "link": "a", "title": "a", "date": "time", "summary": "p"})
"""Layout of generated pages."""
SLOW_SECONDS = 2.0
SLOW_SECONDS_PER_TAG = 0.000_2
SLOW_SECONDS_PER_MEGABYTE = 2.0
"""Maximum seconds of CPU of a step: a fixed part, and more for tags and size.

feedparser's loose parser takes 50 us for each tag, twice in a document that was repaired.
"""
MAX_SECONDS = 60.0
"""Maximum seconds for a document."""


@dataclass(frozen=True)
class Case:
    """Hold a document with the source and the headers that it comes with."""

    seed: int
    body: bytes
    kind: str = "feed"
    headers: dict[str, str] = field(default_factory=dict)
    layouts: tuple[Layout, ...] = ()
    made: str = ""

    @property
    def source(self) -> Source:
        """Return the source of the document."""
        return builders.source(kind=self.kind, page=self.layouts)


class BrokenRule(AssertionError):
    """A document breaks a rule."""


# --- generating documents ----------------------------------------------------------------------------------


def case(seed: int, size: int = 20_000) -> Case:
    """Generate the document of a seed, with about `size` characters in its largest field."""
    r = R(seed)
    base = _made_up(r, seed, size) if r.random() < 0.4 else _from_corpus(r, seed)
    made, others = [base.made], [body for _, body, _, _ in corpus()]
    for _ in range(r.choice((0, 1, 1, 2, 3, 6))):
        change = r.choice(CHANGES)
        base = replace(base, body=change(r, base.body, size, others))
        made.append(change.__name__[1:])
    headers = {"content-type": r.choice(_TYPES)} if r.random() < 0.3 else {}
    return replace(base, headers=headers, made=" + ".join(made))


_TYPES = (
    "application/rss+xml",
    "text/xml; charset=us-ascii",
    "text/html; charset=iso-8859-1",
    "application/xml; charset=utf-16",
    "application/json",
    "text/plain; charset=utf-7",
    "text/xml; charset=\udc80",
    "application/atom+xml; charset=x-user-defined",
    "",
    ";;;charset=",
)


@lru_cache(maxsize=1)
def corpus() -> tuple[tuple[str, bytes, str, tuple[Layout, ...]], ...]:
    """Read names, bodies, kinds and layouts of all recorded documents."""
    found = []
    folders = [OURS, *map(Path, filter(None, [os.environ.get("FUZZ_CORPUS")]))]
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".md" or ".expected." in path.name or path.stat().st_size > 300_000:
            continue
        beside = path.with_name(f"{path.stem}.expected.json")
        said = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
        pages = said.get("page", [])
        layouts = tuple(builders.layout_of(page) for page in (pages if isinstance(pages, list) else [pages]))
        found.append((path.name, path.read_bytes(), said.get("kind", "feed"), layouts))
    return tuple(found)


def _from_corpus(r: R, seed: int) -> Case:
    name, body, kind, layouts = r.choice(corpus())
    return Case(seed, body, kind, layouts=layouts, made=name)


def _made_up(r: R, seed: int, size: int) -> Case:
    if r.random() < 0.6:
        body, made = generate_documents.document(r, size)
        return Case(seed, body, made=made)
    kind = r.choice(sorted(generate_documents.KINDS))
    count = r.choice((1, 2, 5, 20))
    layouts = (NEWS,) if kind == "page" else ()
    return Case(
        seed, generate_documents.KINDS[kind](r, count, size), kind, layouts=layouts, made=f"{kind} of {count}"
    )


# --- checking -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """Hold the number of items of a document, None if it was refused, and the seconds by step."""

    items: int | None
    seconds: dict[str, float]

    @property
    def slowest(self) -> tuple[str, float]:
        """Return the slowest step and its seconds."""
        return max(self.seconds.items(), key=lambda pair: pair[1])


ALL = Channel(id="all", title="All")
DIGEST = DigestPlan(
    id="weekly", title="Weekly", channels=("all",), schedule="", timezone=BERLIN, language="en"
)


def check(given: Case) -> Checked:
    """Check all steps from parsing to rendering; raises BrokenRule.

    Any other exception is a bug as well.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        begun = time.thread_time()
        yield
        seconds[step] = time.thread_time() - begun

    with _at_most(MAX_SECONDS):
        try:
            with timed("read"):
                reading = PARSERS[given.kind](given.body, FEED, given.headers, given.source)
        except UnreadableDocument:
            return Checked(None, seconds or {"read": 0.0})
        with timed("normalise"):
            items, identity_policy = normalise.items_of(reading, given.source, IdentityPolicy(), (), NOW)
        _check_items(items)
        _check_again(given, reading, items, identity_policy)
        publication = _publication(items)
        with timed("feed"):
            document, as_rss, as_json = renderers.feeds(publication)
        with timed("page"):
            page = site.render(publication)
        edition = _edition(publication)
        with timed("message"):
            mail = body.compose_body(edition, publication.site)
        _check(not xml_faults(as_rss.body), "the RSS feed is not XML")
        _check(bool(json.loads(as_json.body)), "the JSON feed is empty")
        _check(document == renderers.feeds(publication)[0], "equal stories give different feeds")
        _check(page == site.render(publication), "equal stories give different pages")
        _check_feed(document, publication)
        _check_html(page.body.decode(), "page")
        _check_html(mail.html, "message")
        _check_html(edition_pages.page(edition, publication.site).body.decode(), "edition")
        problems = xml_faults(edition_pages.feed([edition], publication.site).body)
        _check(not problems, f"the feed of editions is not XML: {problems[:3]}")
        bad = terminal_faults(mail.text)
        _check(not bad, f"the message's text has {bad[:3]}")
    return Checked(len(items), seconds)


def _check(holds: object, problem: str) -> None:
    if not holds:
        raise BrokenRule(problem)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise BrokenRule(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _check_items(items: tuple[Item, ...]) -> None:
    _check(len({item.id for item in items}) == len(items), "two items have one id")
    for item in items:
        _check(re.fullmatch("[a-z2-7]{16}", item.id), "an id is malformed")
        _check(
            item.title and len(item.title) <= 500 and len(item.excerpt) <= 300,
            "title or excerpt are empty or too long",
        )
        _check(item.sort_time <= item.first_seen, "an item sorts after it was first seen")
        lines = (
            item.title,
            item.excerpt,
            *item.authors,
            *item.categories,
            item.rights or "",
            item.language or "",
            item.link or "",
            item.guid or "",
        )
        bad = terminal_faults("\n".join(lines)) + terminal_faults(item.text.replace("\t", " "))
        _check(not bad, f"an item has {bad[:3]}")
        _check(all(len(line.splitlines()) <= 1 for line in lines[:-4]), "a line has a line break")
        _check(
            len(item.html) > sanitize.MAX_CHARACTERS or sanitize.fragment(item.html, FEED) == item.html,
            f"sanitizing again changes HTML: {item.html[:300]!r}",
        )
        for link in (item.link, *(enclosure.url for enclosure in item.enclosures)):
            _check(
                link is None or re.match('https?://[^\\s<>"\\\\^`{|}\x7f-\uffff]+$', link),
                f"not a web link: {link!r}",
            )
        _check_html(item.html, "text")


def _check_again(
    given: Case, reading: ParsedDocument, items: tuple[Item, ...], identity_policy: IdentityPolicy
) -> None:
    """Check that a second reading is equal, and that known entries do not change the others."""
    again = PARSERS[given.kind](given.body, FEED, given.headers, given.source)
    _check(again == reading, "a second reading differs")
    if len(reading.entry_hashes) < 2 or len(set(reading.entry_hashes)) < len(reading.entry_hashes):
        return
    seen = frozenset(reading.entry_hashes[::2])
    rest = PARSERS[given.kind](given.body, FEED, given.headers, given.source, seen)
    if len(rest.entries) == len(reading.entries):
        return  # the parser does not skip entries
    kept = tuple(
        entry
        for entry, digest in zip(reading.entries, reading.entry_hashes, strict=True)
        if digest not in seen
    )
    _check(
        len(rest.entries) == len(kept),
        f"{len(rest.entries)} of {len(kept)} entries are read when others are known",
    )
    for one, other in zip(rest.entries, kept, strict=True):
        _check(one == other, f"an entry differs when others are known:\n{one}\n{other}")


def _publication(items: tuple[Item, ...]) -> Publication:
    publisher = builders.publisher(full_text=True, licence="CC0")
    stories = [
        builders.story(
            item.id,
            StoryItem(item=item, publisher=publisher),
            published=item.sort_time,
            updated=item.first_seen,
        )
        for item in items[:100]
    ]
    return Publication(site=builders.site(), channel=ALL, channels=(ALL,), stories=tuple(stories))


def _edition(publication: Publication) -> Edition:
    return compose_edition(DIGEST, PendingStories(new=publication.stories), NOW.date(), NOW)


def _check_feed(document: PublishedDocument, publication: Publication) -> None:
    problems = xml_faults(document.body)
    _check(not problems, f"the feed is not XML: {problems[:3]}")
    entries = etree.fromstring(document.body).findall("{http://www.w3.org/2005/Atom}entry")
    whole = len(document.body) < renderers.MAX_BYTES * 3 // 4
    _check(len(entries) == len(publication.stories) or not whole, "a story is not in the feed")
    # A reader finds the same number of entries, with their titles.
    read = feed.read(document.body, "https://news.example/atom.xml", {}, builders.source())
    pairs = list(zip(read.entries, publication.stories, strict=False))
    _check(len(pairs) == len(entries), "entries are lost when they are read back")
    _check(
        all(
            {entry.title, unescape(entry.title)} & {story.lead.title, _as_feedparser(story.lead.title)}
            for entry, story in pairs
        ),
        "titles differ when they are read back",
    )
    _check(len(document.body) <= renderers.MAX_BYTES or len(entries) == 1, "the feed is too large")


def _as_feedparser(title: str) -> str:
    """Return a title as feedparser reads it, which repairs UTF-8 that was decoded as Latin-1."""
    try:
        return title.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return title


def _check_html(page: str, what: str) -> None:
    if "<" in page:
        problems = faults(page)
        _check(not problems, f"the {what} has {problems[:3]}")


def failures(seeds: Iterator[int], until: float, size: int, save: Path) -> Iterator[str]:
    """Yield the problems of the documents of `seeds`, until `time.monotonic` reaches `until`."""
    for seed in seeds:
        if time.monotonic() > until:
            return
        given = case(seed, size)
        try:
            checked = check(given)
        except Exception as error:  # noqa: BLE001 - each is a bug
            words = f"{type(error).__name__}: {error}"[:500]
        else:
            step, slowest = checked.slowest
            tags, megabytes = given.body.count(b"<"), len(given.body) / 1_000_000
            if slowest <= SLOW_SECONDS + SLOW_SECONDS_PER_TAG * tags + SLOW_SECONDS_PER_MEGABYTE * megabytes:
                continue
            words = f"slow: {step} took {slowest:.1f} s for {len(given.body)} bytes"
        file = save / f"seed-{seed}"
        file.write_bytes(given.body)
        yield f"seed {seed} (size {size}; {given.made}): {words}"


# --- whole runs -------------------------------------------------------------------------------------

COUNT = 5
"""Entries of each document of a round."""
HARMLESS = {
    "title": "A harmless microscope in Heidelberg",
    "link": "https://else.example/1",
    "description": "d",
}


def rounds(place: Workplace, web: Web, seed: int, size: int) -> None:
    """Fetch, publish, mail, search and explain documents of every kind twice; raises BrokenRule.

    The jobs of the commands do this. Nothing may be quarantined, which would hide a bug.
    """
    r = R(seed)
    keys = {"page": ", page: {item: li.news, link: a, title: a, date: time, summary: p}"}
    sources = "".join(
        f"  - {{id: {kind}, name: The {kind}, url: '{web.url}/wp-json/{kind}', kind: {kind}, full_text: true,"
        f" licence: CC0{keys.get(kind, '')}}}\n"
        for kind in generate_documents.KINDS
    )
    sources += f"  - {{id: harmless, name: Harmless, url: '{web.url}/harmless'}}\n"
    plan = "{id: daily, title: Daily, schedule: '0 8 * * *', recipients: [ada@a.example]}"
    place.write(f"sources:\n{sources}digests:\n  - {plan}\n")
    web.answers["/robots.txt"] = Answer(status=404)
    web.feed("/harmless", builders.rss(HARMLESS))
    for day in range(2):
        for kind, make in generate_documents.KINDS.items():
            web.feed(f"/wp-json/{kind}", make(r, COUNT, size))  # URLs of this form are not normalised
        place.clock.now = NOW + timedelta(days=day)
        app = place.app()
        notices = [*fetch.run(app, force=True).notices, *digest.run(app).notices]
        notices += publish.run(app).notices
        _check_round(place, [notice for notice in notices if "bug of the program" in notice])


def _check_round(place: Workplace, broken: list[str]) -> None:
    config = place.app().config
    _check(not broken, f"something was quarantined: {broken[:3]}")
    report = health.read_report(config)
    _check(sum(source.items > 0 for source in report.sources) >= 4, "fewer than four sources have items")
    _check(not report.set_aside, f"something is quarantined: {report.set_aside[:3]}")
    for source in report.sources:
        _check("broke" not in (source.reason or ""), f"{source.id}: {source.reason}")
    feed_ = (place.public / "atom.xml").read_bytes()
    _check(HARMLESS["title"].encode() in feed_, "a harmless story is not published")
    for path in place.public.rglob("*.xml"):
        _check(not xml_faults(path.read_bytes()), f"{path.name} is not XML")
    messages = sorted((config.data / "outbox").iterdir())
    _check(HARMLESS["title"] in messages[0].read_text("utf-8"), "a harmless story is not mailed")
    _check(len(story_view.search(config, "harmless Heidelberg", 10)) >= 1, "a harmless story is not found")
    for text in POISON:
        story_view.search(config, text, 3)
    ids = re.findall(rb"story/([a-z2-7]{16})</id>", feed_)
    for id_ in ids[:10]:
        explain.story(config, id_.decode())
    for one, other in pairwise(ids[:10]):
        explain.pair(config, one.decode(), other.decode())


if __name__ == "__main__":
    size = int(os.environ.get("FUZZ_SIZE", "20000"))
    for word in sys.argv[1:]:
        given = case(int(word), size)
        print(f"{word}: {given.made}; {len(given.body)} bytes, {given.kind}, {given.headers}", flush=True)
        if os.environ.get("FUZZ_SAVE"):
            Path(os.environ["FUZZ_SAVE"]).write_bytes(given.body)
        print(check(given))
