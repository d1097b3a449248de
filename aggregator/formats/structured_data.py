"""Read the metadata of a page: JSON-LD (schema.org), OpenGraph, Dublin Core and similar."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from itertools import islice
from typing import Any

from aggregator import urls
from aggregator.formats import html_tree, json_ld_events
from aggregator.formats.json_text import as_list, as_object
from aggregator.model.documents import ArticleDetails, ItemKind
from aggregator.text import block, line

MAX_SCRIPT_CHARACTERS = 1_000_000
MAX_OBJECTS = 500
MAX_NODES = 20_000

_KINDS = {
    **dict.fromkeys(
        ("newsarticle", "article", "blogposting", "report", "socialmediaposting", "techarticle"),
        ItemKind.NEWS,
    ),
    "scholarlyarticle": ItemKind.PAPER,
    "jobposting": ItemKind.JOB,
    "course": ItemKind.COURSE,
    "courseinstance": ItemKind.COURSE,
    "educationevent": ItemKind.EVENT,
}
_DATE_NAMES = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date",
    "dcterms.date",
    "citation_publication_date",
    "pubdate",
    "publishdate",
    "publish-date",
    "date",
)


def json_ld_objects(root: html_tree.Node, base: str, zone: tzinfo) -> tuple[ArticleDetails, ...]:
    """List the articles, events and similar objects in the JSON-LD of the page.

    Times of events without a zone are in `zone`.
    """
    objects = []
    for script in root.iter("script"):
        if (script.get("type") or "").lower().partition(";")[0].strip() == "application/ld+json":
            objects += [_details(thing, base, zone) for thing in _known_objects(_decode(script.text))]
    return tuple(islice((thing for thing in objects if thing.title or thing.link), MAX_OBJECTS))


def _decode(text: str | None) -> Any:
    """Decode the JSON of a script, which may be in comments or CDATA; None if it is invalid."""
    bare = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*.{0,50}?\*/)|(?:-->|//\s*\]\]>)\s*$", "", text or "")
    try:
        return json.loads(bare[:MAX_SCRIPT_CHARACTERS], strict=False)
    except (ValueError, RecursionError):
        return None


def _known_objects(data: Any) -> Iterator[dict[str, Any]]:
    """Yield objects of known types, outermost first; objects inside one belong to it."""
    waiting = deque([data])
    for _ in range(MAX_NODES):
        if not waiting:
            return
        here = waiting.popleft()
        if isinstance(here, dict):
            if _kind(here):
                yield here
            else:
                waiting += here.values()
        elif isinstance(here, list):
            waiting += here


def _kind(thing: dict[str, Any]) -> ItemKind | None:
    types = thing.get("@type")
    for written in types if isinstance(types, list) else [types]:
        if isinstance(written, str):
            name = written.rpartition("/")[2].lower()
            kind = _KINDS.get(name) or (ItemKind.EVENT if name.endswith(("event", "festival")) else None)
            if kind:
                return kind
    return None


def _details(thing: dict[str, Any], base: str, zone: tzinfo) -> ArticleDetails:
    about = thing.get("mainEntityOfPage")
    identifier = thing.get("@id")
    links = (
        thing.get("url"),
        about.get("@id") if isinstance(about, dict) else about,
        identifier if isinstance(identifier, str) and "#" not in identifier else None,
    )
    facts = _facts(thing)
    description = line(_text(thing.get("description")), 5_000)
    return ArticleDetails(
        link=next((link for written in links if (link := urls.join(base, written))), None),
        title=line(_text(thing.get("headline")) or _text(thing.get("name")), 5_000),
        published=line(
            thing.get("datePublished") or thing.get("datePosted") or thing.get("dateCreated"), 200
        ),
        updated=line(thing.get("dateModified"), 200),
        summary=" · ".join(filter(None, (facts, description))) or None,
        authors=tuple(_names(thing.get("author") or thing.get("creator"))),
        categories=_words(thing.get("keywords"), thing.get("articleSection")),
        language=line(thing.get("inLanguage"), 40),
        kind=_kind(thing) or ItemKind.NEWS,
        event=json_ld_events.event_of(thing, zone)
        if _kind(thing) in (ItemKind.EVENT, ItemKind.COURSE)
        else None,
    )


def _text(value: Any) -> str | None:
    """Return a text, also of `{"@value": …}`; the first of several."""
    first = value[0] if isinstance(value, list) and value else value
    return block(as_object(first).get("@value") if isinstance(first, dict) else first, 20_000)


def _facts(thing: dict[str, Any]) -> str | None:
    """Write when and where an event takes place."""
    place = thing.get("location")
    place = place[0] if isinstance(place, list) and place else place
    address = as_object(place).get("address") if isinstance(place, dict) else None
    where = [
        line(place if isinstance(place, str) else as_object(place).get("name"), 300),
        line(address if isinstance(address, str) else as_object(address).get("addressLocality"), 300),
    ]
    start, end = line(thing.get("startDate"), 100), line(thing.get("endDate"), 100)
    facts = (
        f"When: {start}{f' – {end}' if end and end != start else ''}" if start else None,
        "Where: " + ", ".join(dict.fromkeys(filter(None, where))) if any(where) else None,
    )
    return " · ".join(filter(None, facts)) or None


def _names(value: Any) -> Iterator[str]:
    for person in (value if isinstance(value, list) else [value])[:20]:
        name = line(person if isinstance(person, str) else _text(as_object(person).get("name")), 200)
        if name and not name.startswith(("http://", "https://")):
            yield name


def _words(*values: Any) -> tuple[str, ...]:
    words: list[Any] = []
    for value in values:
        words += value.split(",") if isinstance(value, str) else as_list(value)
    return tuple(dict.fromkeys(filter(None, (line(word, 200) for word in words[:50]))))


def meta_details(root: html_tree.Node, base: str) -> ArticleDetails:
    """Read the <meta> elements: OpenGraph, Dublin Core, citation_* and unstandardised dates."""
    metas: dict[str, str] = {}
    for meta in islice(root.iter("meta"), 500):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().lower()
        if name and (content := line(meta.get("content"), 5_000)):
            metas.setdefault(name, content)
    canonical = next(
        (link.get("href") for link in root.iter("link") if "canonical" in (link.get("rel") or "")), None
    )
    author = metas.get("article:author") or metas.get("author")
    return ArticleDetails(
        link=urls.join(base, canonical) or urls.join(base, metas.get("og:url")),
        title=metas.get("og:title") or metas.get("twitter:title"),
        published=next((metas[name] for name in _DATE_NAMES if name in metas), None),
        updated=metas.get("article:modified_time") or metas.get("og:updated_time"),
        summary=metas.get("og:description") or metas.get("description"),
        authors=tuple(_names(author)),
        language=line(root.get("lang") or metas.get("og:locale"), 40),
    )


def fill_missing(first: ArticleDetails, second: ArticleDetails) -> ArticleDetails:
    """Fill the missing details of `first` from `second`."""
    missing = {
        name: getattr(second, name)
        for name in second.__slots__
        if name != "kind" and not getattr(first, name) and getattr(second, name)
    }
    return replace(first, **missing)
