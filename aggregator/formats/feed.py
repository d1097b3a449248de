"""Parse RSS, Atom and RDF into entries. Only this module imports feedparser."""

from __future__ import annotations

import io
import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

import feedparser

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import bot_wall, entry_splitter, feed_repair, jsonfeed, refresh_hints, social
from aggregator.model.config import Source
from aggregator.model.documents import Enclosure, Entry, ParsedDocument, SkippedEntry
from aggregator.text import block, line

MAX_ENTRIES = 2_000

_resolve = feedparser.mixin._urljoin


def _resolve_or_keep(base: str, written: str) -> str:
    """Resolve a URL with feedparser; return it as written if urllib cannot parse it.

    feedparser would make it empty; `urls.join` resolves more, and against another base.
    """
    return str(_resolve(base, written) or written)


feedparser.mixin._urljoin = _resolve_or_keep
# What feedparser 6.0.14 was seen to let through on injured documents.
_PARSER_ERRORS = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    AssertionError,
)


def read(
    body: bytes, url: str, headers: Mapping[str, str], source: Source, seen: Container[bytes] = ()
) -> ParsedDocument:
    """Parse a feed document, or a JSON Feed; `url` is the final URL, the base of links."""
    if jsonfeed.is_json(body):
        return jsonfeed.read(body, url, headers, source)
    feed_repair.refuse_entities(body)
    if wide := feed_repair.decode_wide(body):
        body, headers = wide, {}
    whole = feed_repair.without_leading_blanks(body)
    notes = () if whole is body else ("malformed but read: blanks before <?xml",)
    body = feed_repair.without_slow_parts(feed_repair.repair_references(whole))
    found = entry_splitter.split_entries(body)
    if oversized := {piece.hash for piece in found if piece.oversized}:
        notes = (
            *notes,
            f"left out, because they are nested or loaded beyond measure: {len(oversized)} entries",
        )
        body = entry_splitter.remove_entries(body, found, oversized)
        found = entry_splitter.split_entries(body)
    if len(found) > MAX_ENTRIES:
        notes = (*notes, f"{len(found)} entries, only the first {MAX_ENTRIES} were taken")
        body = body[: found[MAX_ENTRIES].start] + body[found[-1].end :]
        found = ()
    fresh = [n for n, piece in enumerate(found) if piece.hash not in seen]
    if len(fresh) < len(found):
        parsed = _parse(entry_splitter.remove_entries(body, found, seen), url, headers)
        if len(parsed.entries) == len(fresh) <= MAX_ENTRIES:
            # By hash: an entry that is in the document twice (pinned) is one entry.
            skipped = {
                piece.hash: SkippedEntry(guid=line(piece.guid), link=urls.join(url, piece.link))
                for piece in found
                if piece.hash in seen
            }
            return _document(parsed, body, url, fresh, notes, tuple(skipped.values()), found)
    parsed = _parse(body, url, headers)
    notes = (*notes, *_notes(parsed))
    if (
        parsed.get("bozo")
        and (repaired := feed_repair.repair(body, any_entries=bool(parsed.entries))) != body
    ):
        parsed = _parse(repaired, url, headers)
    if not parsed.get("version") and not parsed.entries:
        raise UnreadableDocument(_refusal(body, headers))
    if len(parsed.entries) > MAX_ENTRIES:
        notes = (*notes, f"{len(parsed.entries)} entries, only the first {MAX_ENTRIES} were taken")
    # Where feedparser finds other entries than expat, the document is not one to be cut.
    found = found if len(found) == len(parsed.entries) <= MAX_ENTRIES else ()
    return _document(parsed, body, url, range(MAX_ENTRIES), notes, (), found)


def _document(
    parsed: Any,
    body: bytes,
    url: str,
    positions: Sequence[int],
    notes: tuple[str, ...],
    skipped: tuple[SkippedEntry, ...],
    found: Sequence[entry_splitter.EntrySlice],
) -> ParsedDocument:
    feed = parsed.feed
    trusted = str(parsed.get("version", "")).startswith("atom")
    return ParsedDocument(
        entries=tuple(
            _entry(position, entry, url, guid=found[position].guid if found else None, trusted=trusted)
            for position, entry in zip(positions, parsed.entries, strict=False)
        ),
        skipped=skipped,
        entry_hashes=tuple(piece.hash for piece in found),
        title=_plain_title(feed),
        feed_id=line(feed.get("id")),
        site_link=_alternate(feed, url),
        language=line(feed.get("language"), 40),
        rights=line(feed.get("rights"), 1_000),
        updated=_as_written(feed, "updated"),
        hints=refresh_hints.read(body),
        notes=notes,
    )


def _parse(body: bytes, url: str, headers: Mapping[str, str]) -> Any:
    # bytes or str would be opened as a file or fetched; the sanitiser costs 13 times nh3 and lets
    # javascript: through; without a base URL an entry's xml:base leaks into later entries.
    response_headers = {"content-location": url}
    if kind := headers.get("content-type"):
        response_headers["content-type"] = kind
    try:
        return feedparser.parse(
            io.BytesIO(body),
            response_headers=response_headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except _PARSER_ERRORS as error:
        plain = feed_repair.ENCODING_DECLARATION.sub(r"\1", body.decode("latin-1")).encode("latin-1")
        if (
            kind or plain != body
        ):  # a charset that does not exist: what is plain ASCII can be read all the same
            return _parse(plain, url, {})
        raise UnreadableDocument(f"feedparser stumbles over it ({type(error).__name__}: {error})") from error


def _refusal(body: bytes, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "no content type")
    if not body.strip():
        return "the answer is empty"
    if owner := bot_wall.detect(200, headers, body):
        return f"a bot wall stands before it ({owner})"
    if re.search(rb"<html|<!doctype html", body[:2000], re.IGNORECASE):
        return f"the answer is a web page, not a feed ({kind})"
    return f"the answer is not a feed ({kind})"


def _notes(parsed: Any) -> tuple[str, ...]:
    problem = parsed.get("bozo_exception")
    # NonXMLContentType and CharacterEncodingOverride are no loss; they subclass ThingsNobodyCaresAboutButMe.
    if problem is None or isinstance(problem, feedparser.ThingsNobodyCaresAboutButMe):
        return ()
    return (f"malformed but read: {line(str(problem), 200)}",)


def _entry(position: int, entry: Any, url: str, *, guid: str | None, trusted: bool) -> Entry:
    """Make an entry of what feedparser parsed.

    `guid` is as written, if known: feedparser resolves it as a URL, which changes with the URL of the feed. `trusted`:
    Atom states what is text and what is HTML; RSS does not.
    """
    base = _base(entry, url)
    summary, content, is_html = _texts(entry, trusted=trusted)
    title = entry.get("title_detail", {})
    return Entry(
        position=position,
        guid=line(guid) or line(entry.get("id")),
        link=_link(entry, base),
        title=block(entry.get("title"), 20_000) or "",
        # feedparser calls RSS titles text/plain, but publishers escape HTML into them all the time.
        title_is_html=title.get("type") != "text/plain" or (not trusted and _marked_up(title.get("value"))),
        summary=summary,
        content=content,
        text_is_html=is_html,
        published=_as_written(entry, "published") or _as_written(entry, "created"),
        updated=_as_written(entry, "updated"),
        authors=_authors(entry),
        categories=_categories(entry, summary, is_html=is_html),
        enclosures=_enclosures(entry, base),
        language=line(title.get("language"), 40),
        rights=line(entry.get("rights"), 500),
        base=base,
    )


def _marked_up(text: str | None) -> bool:
    return re.search(r"</?[a-zA-Z!][^<>]*>|&[#a-zA-Z]", text or "") is not None


def _base(entry: Any, url: str) -> str:
    for detail in [*entry.get("content", ()), entry.get("summary_detail", {}), entry.get("title_detail", {})]:
        if base := detail.get("base"):
            return urls.join(url, str(base)) or url
    return url


def _link(entry: Any, base: str) -> str | None:
    """Return the alternate link, or a permalink guid if a feed has no link of its own."""
    written = entry.get("feedburner_origlink") or entry.get("link")
    if not written and entry.get("guidislink"):
        written = entry.get("id")
    return urls.join(base, written)


def _texts(entry: Any, *, trusted: bool) -> tuple[str | None, str | None, bool]:
    """Return summary, content, and whether they are HTML."""
    if "yt_videoid" in entry:  # YouTube: media:description, which feedparser calls HTML
        return block(entry.get("summary")), None, False
    contents = [c for c in entry.get("content", ()) if c.get("value")]
    if not trusted and entry.get("summary"):
        # In RSS only media:description is called text/plain: what a picture shows is not what its post says.
        contents = [c for c in contents if c.get("type") != "text/plain"]
    best = next((c for c in contents if "html" in c.get("type", "")), contents[0] if contents else None)
    detail = entry.get("summary_detail", {})
    kinds = {d.get("type", "text/html") for d in (best or {}, detail) if d.get("value")}
    summary = block(social.without_counters(entry.get("summary")))
    content = block(best["value"]) if best else None
    is_html = kinds != {"text/plain"} or (not trusted and any(map(_marked_up, (summary, content))))
    return summary, content, is_html


def _as_written(thing: Any, key: str) -> str | None:
    # `entry.updated` falls back to `published` with a warning; only what is really there counts.
    return line(thing[key], 200) if key in thing.keys() else None  # noqa: SIM118


def _authors(entry: Any) -> tuple[str, ...]:
    # RSS: "desk@imaging.institute (Ada Desk)"; feedparser finds the address only under domains it knows.
    if match := re.fullmatch(
        r"\s*[^\s()@]+@[^\s()@]+\s*\(([^()]*)\)\s*", str(entry.get("author") or "")[:500]
    ):
        return tuple(filter(None, [line(match[1], 200)]))
    names = [line(a.get("name") or a.get("email"), 200) for a in entry.get("authors", ())]
    if not any(names):
        names = [line(entry.get("author"), 200)]
    return tuple(dict.fromkeys(name for name in names if name))[:50]


def _categories(entry: Any, text: str | None, *, is_html: bool) -> tuple[str, ...]:
    """List each category once; a hashtag as written in a post precedes its lower-case category."""
    names = [line(tag.get("label") or tag.get("term"), 200) for tag in entry.get("tags", ())]
    if "yt_videoid" in entry or is_html:
        names = [*social.hashtags(text, is_html=is_html), *names]
    found: dict[str, str] = {}
    for name in filter(None, names):
        found.setdefault(name.casefold(), name)
    return tuple(found.values())[:100]


def _enclosures(entry: Any, base: str) -> tuple[Enclosure, ...]:
    found = []
    for enclosure in entry.get("enclosures", ())[:20]:
        if link := urls.join(base, enclosure.get("href")):
            length = str(enclosure.get("length") or "")
            found.append(
                Enclosure(
                    url=link,
                    type=line(enclosure.get("type"), 100),
                    length=int(length) if re.fullmatch(r"\d{1,15}", length) else None,
                )
            )
    return tuple(found)


def _alternate(feed: Any, url: str) -> str | None:
    written = feed.get("link")
    return urls.join(url, written)


def _plain_title(feed: Any) -> str | None:
    return line(re.sub(r"<[^<>]*>", "", feed.get("title") or ""), 300)
