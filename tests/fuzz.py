"""Documents made up or injured at random from a seed, and the judge of what becomes of them.

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
from aggregator.digests.edition import compose
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
from tests.conftest import Answer, Web, Workplace
from tests.generate_documents import R
from tests.hostile_strings import POISON, faults, terminal_faults, xml_faults
from tests.injured_databases import CHANGES

OURS = Path(__file__).parent / "data" / "feeds"
FEED = "https://node.example/feed/"
NEWS = builders.layout_of({"item": "li.news", "link": "a", "title": "a", "date": "time", "summary": "p"})
"""How pages that are made up are read."""
SLOW = 2.0
SLOW_PER_TAG = 0.000_2
SLOW_PER_MEGABYTE = 2.0
"""Seconds of CPU that no step of a document may take: so many, and more for its tags, of which feedparser's loose
parser takes 50 us each, twice in a document that was mended.
"""
STUCK = 60.0
"""Seconds after which a document is given up."""


@dataclass(frozen=True)
class Case:
    """A document and how it comes in."""

    seed: int
    body: bytes
    kind: str = "feed"
    headers: dict[str, str] = field(default_factory=dict)
    layouts: tuple[Layout, ...] = ()
    made: str = ""

    @property
    def source(self) -> Source:
        """Who is said to have written it."""
        return builders.source(kind=self.kind, page=self.layouts)


class Wrong(AssertionError):
    """A promise that a document broke."""


# --- making documents ----------------------------------------------------------------------------------


def case(seed: int, size: int = 20_000) -> Case:
    """The document of a seed; `size` is about how many characters its largest field may have."""
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
    """Names, bodies, kinds and layouts of all recorded documents."""
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


# --- judging -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """What became of a document: how many items, or None where it was refused, and what took how long."""

    items: int | None
    seconds: dict[str, float]

    @property
    def slowest(self) -> tuple[str, float]:
        """The step that took longest, and its seconds."""
        return max(self.seconds.items(), key=lambda pair: pair[1])


ALL = Channel(id="all", title="All")
DIGEST = DigestPlan(
    id="weekly", title="Weekly", channels=("all",), schedule="", timezone=BERLIN, language="en"
)


def judge(given: Case) -> Judged:
    """Take a document the whole way; raises Wrong for a broken promise. Any other exception is a bug as well."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        begun = time.thread_time()
        yield
        seconds[step] = time.thread_time() - begun

    with _given_up_after(STUCK):
        try:
            with timed("read"):
                reading = PARSERS[given.kind](given.body, FEED, given.headers, given.source)
        except UnreadableDocument:
            return Judged(None, seconds or {"read": 0.0})
        with timed("normalise"):
            items, identity_policy = normalise.items(reading, given.source, IdentityPolicy(), (), NOW)
        _judge_items(items)
        _judge_again(given, reading, items, identity_policy)
        publication = _publication(items)
        with timed("feed"):
            document, as_rss, as_json = renderers.feeds(publication)
        with timed("page"):
            page = site.render(publication)
        edition = _edition(publication)
        with timed("letter"):
            mail = body.compose(edition, publication.site)
        _must(not xml_faults(as_rss.body), "the RSS feed is no XML")
        _must(bool(json.loads(as_json.body)), "the JSON feed is empty")
        _must(document == renderers.feeds(publication)[0], "the same stories are another feed")
        _must(page == site.render(publication), "the same stories are another page")
        _judge_feed(document, publication)
        _judge_html(page.body.decode(), "page")
        _judge_html(mail.html, "letter")
        _judge_html(edition_pages.page(edition, publication.site).body.decode(), "edition")
        wrong = xml_faults(edition_pages.feed([edition], publication.site).body)
        _must(not wrong, f"the feed of editions is no XML: {wrong[:3]}")
        bad = terminal_faults(mail.text)
        _must(not bad, f"the letter's text has {bad[:3]}")
    return Judged(len(items), seconds)


def _must(holds: object, promise: str) -> None:
    if not holds:
        raise Wrong(promise)


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise Wrong(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _judge_items(items: tuple[Item, ...]) -> None:
    _must(len({item.id for item in items}) == len(items), "two items have one id")
    for item in items:
        _must(re.fullmatch("[a-z2-7]{16}", item.id), "an id is none")
        _must(
            item.title and len(item.title) <= 500 and len(item.excerpt) <= 300,
            "title or excerpt have no size",
        )
        _must(item.sort <= item.first_seen, "an item is older than it was seen")
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
        _must(not bad, f"an item has {bad[:3]}")
        _must(all(len(line.splitlines()) <= 1 for line in lines[:-4]), "a line is more than one")
        _must(
            sanitize.fragment(item.html, FEED) == item.html,
            f"cleaning clean HTML changes it: {item.html[:300]!r}",
        )
        for link in (item.link, *(enclosure.url for enclosure in item.enclosures)):
            _must(
                link is None or re.match('https?://[^\\s<>"\\\\^`{|}\x7f-\uffff]+$', link),
                f"no web link: {link!r}",
            )
        _judge_html(item.html, "text")


def _judge_again(
    given: Case, reading: ParsedDocument, items: tuple[Item, ...], identity_policy: IdentityPolicy
) -> None:
    """Read again the same comes out; and with entries known, the others are read as before."""
    again = PARSERS[given.kind](given.body, FEED, given.headers, given.source)
    _must(again == reading, "the same document is another reading")
    if len(reading.entry_hashes) < 2 or len(set(reading.entry_hashes)) < len(reading.entry_hashes):
        return
    seen = frozenset(reading.entry_hashes[::2])
    rest = PARSERS[given.kind](given.body, FEED, given.headers, given.source, seen)
    if len(rest.entries) == len(reading.entries):
        return  # it was read whole
    kept = tuple(
        entry
        for entry, digest in zip(reading.entries, reading.entry_hashes, strict=True)
        if digest not in seen
    )
    _must(
        len(rest.entries) == len(kept),
        f"{len(rest.entries)} of {len(kept)} entries are left when others are known",
    )
    for one, other in zip(rest.entries, kept, strict=True):
        _must(one == other, f"an entry is another when others are known:\n{one}\n{other}")


def _publication(items: tuple[Item, ...]) -> Publication:
    publisher = builders.publisher(full_text=True, licence="CC0")
    stories = [
        builders.story(
            item.id, StoryItem(item=item, publisher=publisher), published=item.sort, updated=item.first_seen
        )
        for item in items[:100]
    ]
    return Publication(site=builders.site(), channel=ALL, channels=(ALL,), stories=tuple(stories))


def _edition(publication: Publication) -> Edition:
    return compose(DIGEST, PendingStories(new=publication.stories), NOW.date(), NOW)


def _judge_feed(document: PublishedDocument, publication: Publication) -> None:
    wrong = xml_faults(document.body)
    _must(not wrong, f"the feed is no XML: {wrong[:3]}")
    entries = etree.fromstring(document.body).findall("{http://www.w3.org/2005/Atom}entry")
    whole = len(document.body) < renderers.MAX_BYTES * 3 // 4
    _must(len(entries) == len(publication.stories) or not whole, "a story is not in the feed")
    # Whoever reads it finds as many entries, with their titles.
    read = feed.read(document.body, "https://news.example/atom.xml", {}, builders.source())
    pairs = list(zip(read.entries, publication.stories, strict=False))
    _must(len(pairs) == len(entries), "entries are lost when they are read back")
    _must(
        all(story.lead.title in (entry.title, unescape(entry.title)) for entry, story in pairs),
        "titles are read back otherwise",
    )
    _must(len(document.body) <= renderers.MAX_BYTES or len(entries) == 1, "the feed is too large")


def _judge_html(page: str, what: str) -> None:
    if "<" in page:
        wrong = faults(page)
        _must(not wrong, f"the {what} has {wrong[:3]}")


def failures(seeds: Iterator[int], until: float, size: int, save: Path) -> Iterator[str]:
    """What goes wrong with the documents of `seeds` until the clock `time.monotonic` shows `until`, in words."""
    for seed in seeds:
        if time.monotonic() > until:
            return
        given = case(seed, size)
        try:
            judged = judge(given)
        except Exception as error:  # noqa: BLE001 - any is a find
            words = f"{type(error).__name__}: {error}"[:500]
        else:
            step, slowest = judged.slowest
            tags, megabytes = given.body.count(b"<"), len(given.body) / 1_000_000
            if slowest <= SLOW + SLOW_PER_TAG * tags + SLOW_PER_MEGABYTE * megabytes:
                continue
            words = f"slow: {step} took {slowest:.1f} s for {len(given.body)} bytes"
        file = save / f"seed-{seed}"
        file.write_bytes(given.body)
        yield f"seed {seed} (size {size}; {given.made}): {words}"


# --- the whole way -------------------------------------------------------------------------------------

COUNT = 5
"""Entries of each document of a round."""
HARMLESS = {
    "title": "A harmless microscope in Heidelberg",
    "link": "https://else.example/1",
    "description": "d",
}


def rounds(place: Workplace, web: Web, seed: int, size: int) -> None:
    """Take documents of every kind from fetching to explaining, twice; raises Wrong for what broke or was lost.

    All is done by the jobs that the commands call. Nothing may be set aside: that would hide a bug.
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
            web.feed(f"/wp-json/{kind}", make(r, COUNT, size))  # an address that stays as it is
        place.clock.now = NOW + timedelta(days=day)
        app = place.app()
        notices = [*fetch.run(app, force=True).notices, *digest.run(app).notices]
        notices += publish.run(app).notices
        _judge_round(place, [notice for notice in notices if "bug of the program" in notice])


def _judge_round(place: Workplace, broken: list[str]) -> None:
    config = place.app().config
    _must(not broken, f"something was set aside: {broken[:3]}")
    report = health.report(config)
    _must(sum(source.items > 0 for source in report.sources) >= 4, "nearly nothing was read")
    _must(not report.set_aside, f"something is set aside: {report.set_aside[:3]}")
    for source in report.sources:
        _must("broke" not in (source.reason or ""), f"{source.id}: {source.reason}")
    feed_ = (place.public / "atom.xml").read_bytes()
    _must(HARMLESS["title"].encode() in feed_, "a harmless story is not published")
    for path in place.public.rglob("*.xml"):
        _must(not xml_faults(path.read_bytes()), f"{path.name} is no XML")
    letters = sorted((config.data / "outbox").iterdir())
    _must(HARMLESS["title"] in letters[0].read_text("utf-8"), "a harmless story is not mailed")
    _must(len(story_view.search(config, "harmless Heidelberg", 10)) >= 1, "a harmless story is not found")
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
        print(judge(given))
