"""Find what could be polled at the site of a page: feeds, APIs, or selectors for the page.

Nothing is requested here: the caller finds out whether a guessed URL exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from urllib.parse import quote

from aggregator import urls
from aggregator.formats import html_tree, selector_inference
from aggregator.formats.html_tree import Node
from aggregator.model.discovery import Proposal
from aggregator.text import line, quoted

DECLARED, LINKED, PAGE, LIKELY, POSSIBLE, ELSEWHERE = 1.0, 0.8, 0.6, 0.7, 0.4, 0.2
"""Scores of proposals: declared, linked, tried selectors, by convention, on other sites."""

_FEEDS = {
    "application/rss+xml": "feed",
    "application/atom+xml": "feed",
    "application/rdf+xml": "feed",
    "application/feed+json": "feed",
    "application/xml": "feed",
    "text/xml": "feed",
    "text/calendar": "ical",
}
_COMMENTS = re.compile(r"comments?\b|kommentar|commentaires|comentarios", re.IGNORECASE)
_LOOKS_LIKE_A_FEED = re.compile(
    r"/(?:feed|rss|atom)/?$|/(?:feed|rss|atom|index)\.(?:xml|rss|atom|json|rdf)$|\.(?:rss|atom|rdf)$"
    r"|[?&](?:format=(?:feed|rss|atom)|feed=(?:rss2?|atom)|type=(?:rss|atom)|vrtx=feed)|^https?://feeds\.",
    re.IGNORECASE,
)
_LOOKS_LIKE_A_CALENDAR = re.compile(r"^webcal:|\.ics(?:$|\?)|[?&](?:ical|outlook-ical)=1", re.IGNORECASE)

# Software of sites: name, marks in the HTML, usual URL of the feed, score.
_SOFTWARE: tuple[tuple[str, str, str, float], ...] = (
    ("WordPress", r'content=["\']?WordPress|/wp-content/|/wp-json/', "feed/", LIKELY),
    ("Joomla", r'content=["\']?Joomla', "?format=feed&type=rss", LIKELY),
    ("Squarespace", r"This is Squarespace|static1\.squarespace\.com", "?format=rss", LIKELY),
    ("Wix", r'content=["\']?Wix\.com', "/blog-feed.xml", LIKELY),
    ("Hugo", r'content=["\']?Hugo', "index.xml", LIKELY),
    ("Jekyll", r'content=["\']?Jekyll', "/feed.xml", LIKELY),
    ("Ghost", r'content=["\']?Ghost', "/rss/", LIKELY),
    ("Discourse", r'content=["\']?Discourse', "/latest.rss", LIKELY),
    ("Blogger", r'content=["\']?blogger', "/feeds/posts/default", LIKELY),
    ("Drupal", r'content=["\']?Drupal|data-drupal-|drupalSettings', "/rss.xml", POSSIBLE),
    ("TYPO3", r'content=["\']?TYPO3|typo3temp/|typo3conf/', "?type=9818", POSSIBLE),
    ("Plone", r'content=["\']?Plone', "RSS", POSSIBLE),
    ("Vortex", r"vrtx-|/vrtx/", "?vrtx=feed", POSSIBLE),
    ("MediaWiki", r'content=["\']?MediaWiki', "/index.php?title=Special:RecentChanges&feed=atom", POSSIBLE),
    ("Sphinx with ABlog", r"ablog", "blog/atom.xml", POSSIBLE),
)


def proposals(body: bytes, url: str, headers: Mapping[str, str]) -> tuple[Proposal, ...]:
    """List what the page at `url` offers, best first; may raise UnreadableDocument."""
    root = html_tree.tree(body, headers)
    base = html_tree.base(root, url)
    text = body[:300_000].decode("utf-8", "replace")
    results = [
        *_declared(root, base, url),
        *_linked(root, base),
        *_of_known_hosts(url, text),
        *_of_software(root, base, url, text),
        *_inferred(body, url, headers),
        *_linked_accounts(root, base),
    ]
    if any(proposal.score >= DECLARED and proposal.kind == "feed" for proposal in results):
        # A site that declares feeds has no others to inferred.
        results = [proposal for proposal in results if not (proposal.guessed and proposal.kind == "feed")]
    best: dict[tuple[str, str, object], Proposal] = {}
    for proposal in results:
        key = (proposal.kind, html_tree.url_key(proposal.url), proposal.page)
        if key not in best or best[key].score < proposal.score:
            best[key] = proposal
    return tuple(sorted(best.values(), key=lambda p: -p.score))


def sitemap(body: bytes, url: str, headers: Mapping[str, str]) -> str | None:
    """Return the URL of the sitemap that a page links to, for a person to read."""
    root = html_tree.tree(body, headers)
    for node in islice(root.iter("link", "a"), 3_000):
        link = urls.join(html_tree.base(root, url), node.get("href"))
        if link and ("sitemap" in (node.get("rel") or "").split() or re.search(r"sitemap[\w-]*\.xml", link)):
            return link
    return None


# --- what the page says --------------------------------------------------------------------------------


def _declared(root: Node, base: str, url: str) -> Iterator[Proposal]:
    """Yield feeds of <link rel=alternate>, those of this page first and of comments last."""
    for node in islice(root.iter("link"), 300):
        kind = _FEEDS.get((node.get("type") or "").lower().partition(";")[0].strip())
        link = _link(base, node.get("href"))
        rels = (node.get("rel") or "").lower().split()
        if not kind or not link or "alternate" not in rels:
            continue
        title = line(node.get("title"), 200)
        comments = _COMMENTS.search(f"{title or ''} {link}") is not None
        score = DECLARED - (0.6 if comments else 0) - (0.15 if kind == "ical" else 0)
        if html_tree.url_key(link).startswith(html_tree.url_key(url) + "/") or not re.search(
            r"/(?:tag|author|category)/", link
        ):
            score += 0.05
        why = "the page declares it" + (", for comments" if comments else "")
        yield Proposal(kind=kind, url=link, title=title, score=score, why=why)


def _link(base: str, written: str | None) -> str | None:
    """Resolve a link that can be proposed: one without `user:password@`."""
    shown = written is None or written == urls.without_userinfo(written)
    return urls.join(base, written) if shown else None


def _linked(root: Node, base: str) -> Iterator[Proposal]:
    """Yield links whose URLs look like those of feeds or calendars."""
    for node in islice(root.iter("a"), 3_000):
        written = (node.get("href") or "").strip()
        calendar = _LOOKS_LIKE_A_CALENDAR.search(written) is not None
        link = _link(base, re.sub(r"^webcal:", "https:", written))
        if link and (calendar or _LOOKS_LIKE_A_FEED.search(link)):
            score = LINKED - (0.1 if calendar else 0) - (0.4 if _COMMENTS.search(link) else 0)
            title = line(html_tree.text_of(node), 200)
            yield Proposal(
                kind="ical" if calendar else "feed",
                url=link,
                title=title,
                score=score,
                why="the page links to it",
            )


def _inferred(body: bytes, url: str, headers: Mapping[str, str]) -> Iterator[Proposal]:
    """Yield the page itself, with selectors that were tried on it."""
    for inferred in selector_inference.infer_layouts(body, url, headers)[:3]:
        yield Proposal(
            kind="page",
            url=url,
            score=round(PAGE * inferred.score, 3),
            why=f"the page repeats `{inferred.layout.item}` {len(inferred.entries)} times",
            page=(inferred.layout,),
            entries=inferred.entries,
        )


# --- what is known of its kind -------------------------------------------------------------------------


def _of_known_hosts(url: str, text: str) -> Iterator[Proposal]:
    """Yield feeds whose URLs follow from the URL of the page on well-known hosts."""
    place = html_tree.url_key(url).partition("?")[0]
    host, _, path = place.partition("/")
    steps = path.split("/") if path else []
    root = f"https://{host}/"

    def feed(address: str, name: str, score: float = LIKELY) -> Proposal:
        return Proposal(kind="feed", url=address, score=score, why=f"{name} has feeds at such addresses")

    if host in ("youtube.com", "m.youtube.com"):
        inside = re.search(
            r'"(?:channelId|externalId)":"(UC[\w-]{22})"|itemprop="(?:channelId|identifier)" content="(UC[\w-]{22})"',
            text,
        )
        named = steps[1] if steps[:1] == ["channel"] and len(steps) > 1 else None
        if channel := named or (inside and (inside[1] or inside[2])):
            yield feed(f"https://www.youtube.com/feeds/videos.xml?channel_id={channel}", "YouTube", DECLARED)
    elif host == "github.com" and len(steps) >= 2:
        repository = f"{root}{steps[0]}/{steps[1]}"
        yield feed(f"{repository}/releases.atom", "GitHub")
        yield feed(f"{repository}/commits.atom", "GitHub", POSSIBLE)
    elif host.startswith("zenodo.") and steps[:1] == ["communities"] and len(steps) > 1:
        address = f"{root}api/records?communities={quote(steps[1])}&sort=newest&size=25"
        yield Proposal(
            kind="zenodo", url=address, score=DECLARED, why=f"the records of the community {steps[1]}"
        )
    elif re.fullmatch(r"@[\w.-]+", steps[0] if steps else ""):
        if "mastodon" in text.lower():
            yield feed(f"{root}{steps[0]}.rss", "Mastodon", DECLARED)
    elif len(steps) >= 3 and steps[0] in ("c", "t") and steps[-1].isdigit():
        yield feed(f"{root}{path}.rss", "Discourse", LIKELY if "discourse" in text.lower() else POSSIBLE)


def _of_software(root: Node, base: str, url: str, text: str) -> Iterator[Proposal]:
    """Yield the usual feed URLs of the software that generated the page."""
    for name, marks, where, score in _SOFTWARE:
        if not re.search(marks, text, re.IGNORECASE):
            continue
        if name == "WordPress":
            yield from _of_wordpress(root, base, url)
            continue
        start = url.partition("#")[0].partition("?")[0]
        if not where.startswith(("?", "/")) and not start.endswith("/"):
            start += "/"
        address = start + where if where.startswith("?") else urls.join(start, where) or url
        yield Proposal(
            kind="feed",
            url=address,
            score=score,
            guessed=True,
            why=f"made with {name}, which usually has its feed there",
        )


def _of_wordpress(root: Node, base: str, url: str) -> Iterator[Proposal]:
    """Yield the feed and REST API of a WordPress site; a declared API also shows its home URL."""
    api = next((n.get("href") for n in root.iter("link") if n.get("rel") == "https://api.w.org/"), None)
    api = _link(base, api)
    home = re.split(r"wp-json/|\?rest_route=|index\.php", api)[0] if api else f"{urls.origin(url)}/"
    pretty = api is None or "rest_route" not in api
    feed = f"{home}feed/" if pretty else f"{home}?feed=rss2"
    yield Proposal(
        kind="feed", url=feed, score=LIKELY, guessed=True, why="made with WordPress, which has its feed there"
    )
    if api:
        why = "made with WordPress: its REST API, should the feed be switched off"
        yield Proposal(kind="wordpress", url=home, score=POSSIBLE, why=why)


def _linked_accounts(root: Node, base: str) -> Iterator[Proposal]:
    """Yield feeds of accounts on other sites that the page links to as its own."""
    for node in islice(root.iter("a", "link"), 3_000):
        link = urls.join(base, node.get("href")) or ""
        host, _, path = html_tree.url_key(link).partition("/")
        if host.startswith("zenodo.") and (match := re.match(r"communities/([\w-]+)", path)):
            address = f"https://{host}/api/records?communities={match[1]}&sort=newest&size=25"
            yield Proposal(
                kind="zenodo", url=address, score=ELSEWHERE, why=f"linked: the Zenodo community {match[1]}"
            )
        elif host == "youtube.com" and (match := re.match(r"channel/(UC[\w-]{22})", path)):
            address = f"https://www.youtube.com/feeds/videos.xml?channel_id={match[1]}"
            yield Proposal(kind="feed", url=address, score=ELSEWHERE, why="linked: a channel of YouTube")
        elif "me" in (node.get("rel") or "").split() and re.fullmatch(r"@[\w.-]+", path):
            yield Proposal(
                kind="feed",
                url=f"https://{host}/{path}.rss",
                score=ELSEWHERE,
                why="linked: a Mastodon account",
            )


# --- as feeds.yaml has it ------------------------------------------------------------------------------


def as_yaml(proposal: Proposal, id_: str, name: str) -> str:
    """Write a proposal as a source of feeds.yaml."""
    lines = [f"  - id: {id_}", f"    name: {quoted(name)}", f"    url: {quoted(proposal.url)}"]
    if proposal.kind != "feed":
        lines.append(f"    kind: {proposal.kind}")
    for layout in proposal.page:
        selectors = {"item": (layout.item,), "link": layout.link, "title": layout.title, "date": layout.date}
        selectors |= {"summary": layout.summary, "next": layout.next}
        lines.append("    page:")
        lines += [
            f"      {key}: {quoted(values[0]) if len(values) == 1 else '[' + ', '.join(map(quoted, values)) + ']'}"
            for key, values in selectors.items()
            if values and not (key == "link" and values == ("a",))
        ]
    return "\n".join(lines) + "\n"
