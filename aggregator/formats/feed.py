"""Parse RSS, Atom and RDF into entries."""

from __future__ import annotations

import io
import re
from collections.abc import Container, Mapping, Sequence
from datetime import tzinfo
from typing import Any

import feedparser

from aggregator import urls
from aggregator.counts import count_of
from aggregator.errors import UnreadableDocument
from aggregator.formats import (
    bot_wall,
    encodings,
    entry_splitter,
    feed_events,
    feed_names,
    feed_repair,
    feedparser_changes,
    fragment_links,
    hub_links,
    jsonfeed,
    refresh_hints,
    social,
    strict_feedparser,
)
from aggregator.formats.entry_splitter import EntrySlice
from aggregator.model.config import Source
from aggregator.model.documents import BREAKS_OFF, MALFORMED, Enclosure, Entry, ParsedDocument, SkippedEntry
from aggregator.text import block, line

MAX_ENTRIES = 2_000
_FORMATS = {
    "rss": "RSS",
    "rss090": "RSS 0.90",
    "rss091n": "RSS 0.91",
    "rss091u": "RSS 0.91",
    "rss092": "RSS 0.92",
    "rss093": "RSS 0.93",
    "rss094": "RSS 0.94",
    "rss10": "RSS 1.0",
    "rss20": "RSS 2.0",
    "atom": "Atom",
    "atom03": "Atom 0.3",
    "atom10": "Atom 1.0",
    "cdf": "CDF",
}
"""Names of the versions that feedparser reports."""

_READABLE = re.compile(r"^text/|(?:xml|html)\s*(?:;|$)|^[^/]*$")
"""Types of texts; content of another media type is binary (RFC 4287 section 4.1.3.3)."""

feedparser_changes.make()
_DAY = re.compile(r"\s*\d{4}-\d\d-\d\d")
_OTHER_DATES = (
    "dc_issued",
    "dcterms_available",
    "prism_publicationdate",
    "dc_created",
    "dcterms_date",
    "dc_modified",
    "prism_modificationdate",
)
"""Dates of an entry that has no other; feedparser does not know them."""
# Exceptions that feedparser 6.0.14 raised for damaged documents in tests.
_PARSER_ERRORS = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    AssertionError,
)


_BRIDGE_ERROR = re.compile(r"Bridge returned error [0-9]+!")
"""The title of an entry by which RSS-Bridge reports an error, in place of all others."""


def read(
    body: bytes, url: str, headers: Mapping[str, str], source: Source, seen: Container[bytes] = ()
) -> ParsedDocument:
    """Parse a feed document, or a JSON Feed; `url` is the final URL, the base of links."""
    if jsonfeed.is_json(body):
        return jsonfeed.read(body, url, headers, source)
    feed_repair.refuse_entities(body)
    if utf_8 := feed_repair.decode_wide(body):
        body, headers = utf_8, {}
    body, headers = encodings.without_wide_encoding(body, headers)
    decodable = encodings.repaired_utf_8(body, headers)
    trimmed = feed_repair.without_leading_blanks(decodable)
    notes = () if trimmed is decodable else (f"{MALFORMED}blanks before <?xml",)
    if decodable is not body:
        notes = (*notes, f"{MALFORMED}bytes that are not UTF-8")
    repaired = feed_repair.repair_references(trimmed)
    if repaired != trimmed:
        notes = (*notes, f"{MALFORMED}references to characters that do not exist")
    body = feed_repair.without_slow_parts(repaired)
    body, slices, limits = _limit_entries(body)
    notes = (*notes, *limits)
    zone = source.timezone
    document = _parse_unseen(body, url, headers, slices, seen, notes, zone)
    return document or _parse_all(body, url, headers, slices, notes, zone)


def _limit_entries(body: bytes) -> tuple[bytes, tuple[EntrySlice, ...], tuple[str, ...]]:
    """Split the body; remove oversized entries and those beyond the maximum, with notes."""
    slices, notes = entry_splitter.split_entries(body), []
    if oversized := {entry.hash for entry in slices if entry.oversized}:
        entries = count_of(len(oversized), "entry", "entries")
        notes.append(f"left out, because too deeply nested or too large: {entries}")
        body = entry_splitter.remove_entries(body, slices, oversized)
        slices = entry_splitter.split_entries(body)
    if len(slices) > MAX_ENTRIES:
        notes.append(f"{len(slices)} entries, only the first {MAX_ENTRIES} were taken")
        body = body[: slices[MAX_ENTRIES].start] + body[slices[-1].end :]
        slices = ()
    return body, slices, tuple(notes)


def _parse_unseen(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    slices: tuple[EntrySlice, ...],
    seen: Container[bytes],
    notes: tuple[str, ...],
    zone: tzinfo,
) -> ParsedDocument | None:
    """Parse only unseen entries; None if all are unseen or feedparser finds others."""
    unseen = [position for position, entry in enumerate(slices) if entry.hash not in seen]
    if len(unseen) == len(slices):
        return None
    parsed = _parse(entry_splitter.remove_entries(body, slices, seen), url, headers)
    if not len(parsed.entries) == len(unseen) <= MAX_ENTRIES:
        return None
    # By hash: an entry that is in the document twice (pinned) is one entry.
    skipped = {
        entry.hash: SkippedEntry(guid=line(entry.guid), link=urls.join(url, entry.link))
        for entry in slices
        if entry.hash in seen
    }
    return _document(parsed, body, url, unseen, notes, tuple(skipped.values()), slices, zone)


def _parse_all(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    slices: tuple[EntrySlice, ...],
    notes: tuple[str, ...],
    zone: tzinfo,
) -> ParsedDocument:
    parsed = _parse(body, url, headers)
    notes = (*notes, *_notes(parsed, body))
    if parsed.get("bozo"):
        repaired = feed_repair.repair(body, any_entries=bool(parsed.entries))
        parsed = _parse(repaired, url, headers) if repaired != body else parsed
    if not parsed.get("version") and not parsed.entries:
        raise UnreadableDocument(_refusal_reason(body, headers))
    titles = [str(entry.get("title")) for entry in parsed.entries]
    if titles and all(map(_BRIDGE_ERROR.match, titles)):
        raise UnreadableDocument(f"RSS-Bridge reports an error: {titles[0]}")
    if len(parsed.entries) > MAX_ENTRIES:
        notes = (*notes, f"{len(parsed.entries)} entries, only the first {MAX_ENTRIES} were taken")
    # A document in which feedparser finds other entries than expat cannot be split.
    slices = slices if len(slices) == len(parsed.entries) <= MAX_ENTRIES else ()
    return _document(parsed, body, url, range(MAX_ENTRIES), notes, (), slices, zone)


def _document(
    parsed: Any,
    body: bytes,
    url: str,
    positions: Sequence[int],
    notes: tuple[str, ...],
    skipped: tuple[SkippedEntry, ...],
    slices: Sequence[EntrySlice],
    zone: tzinfo,
) -> ParsedDocument:
    feed = parsed.feed
    hub, topic = hub_links.in_feed(feed.get("links"), url)
    trusted = str(parsed.get("version", "")).startswith("atom")
    authors = feed_names.authors(feed) if trusted else ()
    return ParsedDocument(
        entries=tuple(
            _entry(
                position,
                entry,
                url,
                zone,
                guid=slices[position].guid if slices else None,
                trusted=trusted,
                feed_authors=authors,
            )
            for position, entry in zip(positions, parsed.entries, strict=False)
        ),
        skipped=skipped,
        entry_hashes=tuple(entry.hash for entry in slices),
        title=_plain_title(feed),
        feed_id=line(feed.get("id")),
        site_link=_alternate(feed, url),
        language=line(feed.get("language"), 40),
        rights=_rights(feed),
        updated=_as_written(feed, "updated"),
        hints=refresh_hints.read(body),
        notes=notes,
        hub=hub,
        topic=topic,
        format=_FORMATS.get(str(parsed.get("version", ""))),
    )


def _parse(body: bytes, url: str, headers: Mapping[str, str]) -> Any:
    # feedparser opens bytes or str as a file or URL; its sanitiser takes 13 times as long as nh3 and leaves
    # javascript: URLs; without a base URL an entry's xml:base applies to later entries.
    response_headers = {"content-location": url}
    if kind := headers.get("content-type"):
        response_headers["content-type"] = kind
    try:
        return strict_feedparser.parse(body, response_headers) or feedparser.parse(
            io.BytesIO(feed_repair.without_cut_entry(body)),  # expat has refused it, or its encoding
            response_headers=response_headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except _PARSER_ERRORS as error:
        plain = feed_repair.ENCODING_DECLARATION.sub(r"\1", body.decode("latin-1")).encode("latin-1")
        if kind or plain != body:  # the charset does not exist, but ASCII can be parsed without it
            return _parse(plain, url, {})
        raise UnreadableDocument(f"feedparser failed on it ({type(error).__name__}: {error})") from error


def _refusal_reason(body: bytes, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "no content type")
    if not body.strip():
        return "the response is empty"
    if owner := bot_wall.detect(200, headers, body):
        return f"a bot wall stands before it ({owner})"
    if re.search(rb"<html|<!doctype html", body[:2000], re.IGNORECASE):
        return f"the response is a web page, not a feed ({kind})"
    return f"the response is not a feed ({kind})"


def _notes(parsed: Any, body: bytes) -> tuple[str, ...]:
    problem = parsed.get("bozo_exception")
    # NonXMLContentType and CharacterEncodingOverride lose nothing; they subclass ThingsNobodyCaresAboutButMe.
    if problem is None or isinstance(problem, feedparser.ThingsNobodyCaresAboutButMe):
        return ()
    problem = re.sub(r"^<unknown>:(\d+):\d+: ", r"line \1: ", str(problem))  # expat's name of a document
    notes = (f"{MALFORMED}{line(problem, 200)}",)
    return (*notes, BREAKS_OFF) if feed_repair.ends_within_entry(body) else notes


def _entry(
    position: int,
    entry: Any,
    url: str,
    zone: tzinfo,
    *,
    guid: str | None,
    trusted: bool,
    feed_authors: tuple[str, ...],
) -> Entry:
    """Make an entry of what feedparser parsed.

    `guid` is as written, if known: feedparser resolves it as a URL, which changes with the URL of the feed. `trusted`:
    Atom states what is text and what is HTML; RSS does not. `feed_authors`, or those of the feed that the entry is
    from, are authors of an entry that has none (RFC 4287 section 4.2.1).
    """
    base = _base(entry, url)
    enclosures = _enclosures(entry, base)
    entry = _with_text(dict(entry))  # all other names are feedparser's own; a dict is ten times as fast
    summary, content, is_html = _summary_and_content(entry, trusted=trusted)
    title = entry.get("title_detail", {})
    link = _link(entry, base, url)
    if base == url:
        summary, content = fragment_links.to_page(summary, link), fragment_links.to_page(content, link)
    return Entry(
        position=position,
        guid=line(guid) or line(entry.get("id")),
        link=link,
        title=block(entry.get("title"), 20_000) or "",
        # feedparser reports RSS titles as text/plain, but many contain escaped HTML.
        title_is_html=title.get("type", "text/plain") != "text/plain"
        or (not trusted and _is_markup(entry.get("title"))),
        summary=summary,
        content=content,
        text_is_html=is_html,
        published=_published(entry),
        updated=_as_written(entry, "updated"),
        authors=feed_names.authors(entry)
        or (feed_names.authors(entry.get("source") or {}) if trusted else ())
        or feed_authors,
        categories=feed_names.categories(entry, summary, is_html=is_html, trusted=trusted),
        enclosures=enclosures,
        language=line(entry.get("language") or title.get("language"), 40),
        rights=_rights(entry) or _rights(entry.get("source") or {}),
        base=base,
        event=feed_events.event_of(entry, str(entry.get("title") or ""), zone),
    )


def _is_markup(text: str | None) -> bool:
    return re.search(r"</?[a-zA-Z!][^<>]*>|&[#a-zA-Z]", text or "") is not None


def _base(entry: Any, url: str) -> str:
    for detail in [*entry.get("content", ()), entry.get("summary_detail", {}), entry.get("title_detail", {})]:
        if base := detail.get("base"):
            return urls.join(url, str(base)) or url
    return url


def _link(entry: Any, base: str, url: str) -> str | None:
    """Return the first web address among the links of an entry that is not the feed's own."""
    sources = (content.get("src") for content in entry.get("content", ()))
    written = (entry.get("feedburner_origlink"), *_own_links(entry), *sources)
    links = (urls.join(base, each) for each in written)
    return next((link for link in links if link and link != url), None)


def _own_links(thing: Any) -> list[str | None]:
    """Return the alternate links of a feed or entry, HTML first, then an identifier that is one.

    feedparser takes the last link, `entry_splitter` this first one: the links of entries that are not parsed again must
    be those that they had. Only an absolute URL is an identifier and a link: "17" and "urn:uuid:…" are no address at
    the server of the feed.
    """
    links = [link for link in thing.get("links", ()) if link.get("rel") == "alternate"]
    links.sort(key=lambda link: ("is_text" not in link, "html" not in link.get("type", "").lower()))
    identifier = urls.web_link(thing.get("id")) if thing.get("guid_is_link") else None
    return [*(link.get("href") for link in links), identifier]


def _with_text(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry, with a secondary text as its summary if it has no other text."""
    name = next((name for name in feedparser_changes.SECONDARY_TEXTS if entry.get(name)), None)
    if (
        name is None
        or entry.get("summary")
        or any(content.get("value") for content in entry.get("content", ()))
    ):
        return entry
    return {**entry, "summary": entry[name], "summary_detail": entry.get(f"{name}_detail", {})}


def _summary_and_content(entry: Any, *, trusted: bool) -> tuple[str | None, str | None, bool]:
    """Return summary, content, and whether they are HTML."""
    if "yt_videoid" in entry:  # YouTube: media:description is text, feedparser reports HTML
        return block(entry.get("summary")), None, False
    contents = [c for c in entry.get("content", ()) if c.get("value") and _READABLE.search(c.get("type", ""))]
    if not trusted and entry.get("summary"):
        # In RSS only a second description is text/plain, such as that of Dublin Core.
        contents = [c for c in contents if c.get("type") != "text/plain"]
    best = next((c for c in contents if "html" in c.get("type", "")), contents[0] if contents else None)
    detail = entry.get("summary_detail", {})
    kinds = {d.get("type", "text/html") for d in (best or {}, detail) if d.get("value")}
    summary = block(social.without_counters(entry.get("summary")))
    content = block(best["value"]) if best else None
    is_html = kinds != {"text/plain"} or (not trusted and any(map(_is_markup, (summary, content))))
    return summary, content, is_html


def _as_written(thing: Any, key: str) -> str | None:
    # `entry.updated` falls back to `published` with a warning; only an element that exists counts.
    return line(thing[key], 200) if key in thing.keys() else None  # noqa: SIM118


def _published(entry: Any) -> str | None:
    published = _as_written(entry, "published") or _as_written(entry, "created")
    if published or _as_written(entry, "updated"):
        return published
    return next(filter(_DAY.match, (_as_written(entry, name) or "" for name in _OTHER_DATES)), None)


def _rights(thing: Any) -> str | None:
    """Return the rights that a feed or entry states, and the address of its licence (RFC 4946)."""
    links = (each.get("href") for each in thing.get("links", ()) if each.get("rel") == "license")
    licence = urls.web_link(next(filter(None, links), None))
    rights = line(thing.get("rights"), 1_000)
    return (
        rights
        if rights and (licence is None or licence in rights)
        else line(f"{rights or ''} {licence or ''}")
    )


def _enclosures(entry: Any, base: str) -> tuple[Enclosure, ...]:
    enclosures = []
    for enclosure in entry.get("enclosures", ())[:20]:
        link = urls.join(base, enclosure.get("href"))
        if link and link != base:  # which an empty reference leads to
            length = str(enclosure.get("length") or "").strip()
            enclosures.append(
                Enclosure(
                    url=link,
                    type=line(enclosure.get("type"), 100),
                    length=int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None,
                )
            )
    return tuple(enclosures)


def _alternate(feed: Any, url: str) -> str | None:
    return next(filter(None, (urls.join(url, link) for link in _own_links(feed))), None)


def _plain_title(feed: Any) -> str | None:
    return line(feed_names.as_text(feed.get("title") or ""), 300)
