"""RSS, Atom and RDF -> entries: feedparser lives and dies here. A JSON Feed under a feed URL is recognised."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

import feedparser

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import bot_wall, entry_splitter, jsonfeed, refresh_hints, social
from aggregator.model.config import Source
from aggregator.model.documents import Enclosure, Entry, ParsedDocument, SkippedEntry
from aggregator.text import block, line

MAX_ENTRIES = 2_000

# feedparser replaces a DTD but lets one-line entity declarations through: 595 bytes became 2 MB of text.
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_ASIDE = re.compile(rb"<!--.*?(?:-->|$)|<\?.*?(?:\?>|$)", re.DOTALL)
_FIRST_ELEMENT = re.compile(rb"<[A-Za-z]")
# Encodings in which the guard above could not read what the parser reads.
_EBCDIC = b"\x4c\x6f\xa7\x94"  # "<?xm" there
_ODD_ENCODING = re.compile(
    rb"<\?xml[^>]*encoding\s*=\s*[\"'](utf-?7|cp037|cp500|cp1140|ebcdic)", re.IGNORECASE
)
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(r"^(<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][^\"']*[\"']")
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]{1,12}|[0-9]{1,12});)+")
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_CDATA_OR_BARE_AMPERSAND = re.compile(
    rb"(<!\[CDATA\[.*?(?:\]\]>|$))|&(?!#[0-9]+;|#[xX][0-9a-fA-F]+;|[A-Za-z][A-Za-z0-9]*;)", re.DOTALL
)
_LONG_NAME = re.compile(
    rb"(<(?:\w+:)?(?:author|creator|contributor|publisher|managingEditor|webMaster|owner|name|email)\b[^<>]{0,300}>"
    rb"(?:<!\[CDATA\[)?[^<]{2000})[^<\]]+"
)
_resolve = feedparser.mixin._urljoin


def _resolve_or_keep(base: str, written: str) -> str:
    """Return an address resolved by feedparser; as it is written where urllib cannot read it, or its base.

    feedparser would make it empty; `urls.join` reads more, and resolves against a base that can be read.
    """
    return str(_resolve(base, written) or written)


feedparser.mixin._urljoin = _resolve_or_keep
# What feedparser 6.0.14 was seen to let through on injured documents.
_STUMBLES = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    AssertionError,
)
_UNDECLARED_PREFIX = re.compile(rb"<(/?)([A-Za-z][\w.-]*):(rss|channel|item|feed|entry)\b")


def read(
    body: bytes, url: str, headers: Mapping[str, str], source: Source, seen: Container[bytes] = ()
) -> ParsedDocument:
    """Read a feed document; `url` is the final URL, the base of relative links."""
    if jsonfeed.looks_like_one(body):
        return jsonfeed.read(body, url, headers, source)
    _refuse_entities(body)
    if wide := _utf_8_of_wide(body):
        body, headers = wide, {}
    whole = _without_leading_blanks(body)
    notes = () if whole is body else ("malformed but read: blanks before <?xml",)
    body = _without_traps(_possible_references(whole))
    found = entry_splitter.split_entries(body)
    if monsters := {piece.hash for piece in found if piece.monstrous}:
        notes = (
            *notes,
            f"left out, because they are nested or loaded beyond measure: {len(monsters)} entries",
        )
        body = entry_splitter.remove_entries(body, found, monsters)
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
            return _reading(parsed, body, url, fresh, notes, tuple(skipped.values()), found)
    parsed = _parse(body, url, headers)
    notes = (*notes, *_notes(parsed))
    if parsed.get("bozo") and (mended := _mended(body, any_entries=bool(parsed.entries))) != body:
        parsed = _parse(mended, url, headers)
    if not parsed.get("version") and not parsed.entries:
        raise UnreadableDocument(_what_it_is(body, headers))
    if len(parsed.entries) > MAX_ENTRIES:
        notes = (*notes, f"{len(parsed.entries)} entries, only the first {MAX_ENTRIES} were taken")
    # Where feedparser finds other entries than expat, the document is not one to be cut.
    found = found if len(found) == len(parsed.entries) <= MAX_ENTRIES else ()
    return _reading(parsed, body, url, range(MAX_ENTRIES), notes, (), found)


def _reading(
    parsed: Any,
    body: bytes,
    url: str,
    positions: Sequence[int],
    notes: tuple[str, ...],
    skipped: tuple[SkippedEntry, ...],
    found: Sequence[entry_splitter.Piece],
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


def _without_leading_blanks(body: bytes) -> bytes:
    """A blank line before <?xml makes a document malformed; without it, it is none."""
    stripped = body.lstrip(b" \t\r\n")
    return stripped if stripped.startswith(b"<") else body


def _utf_8_of_wide(body: bytes) -> bytes | None:
    """UTF-16 and UTF-32 with a byte order mark, which is enough for XML, but not for feedparser."""
    for mark, encoding in _WIDE:
        if body.startswith(mark):
            text = body.decode(encoding, "replace")
            return _DECLARED.sub(r"\1", text).encode() if text.lstrip().startswith("<") else None
    return None


def _without_traps(body: bytes) -> bytes:
    """What costs feedparser time by the square, made short: blanks before the root, names without end."""
    first = _FIRST_ELEMENT.search(body)
    if first and first.start() > 5_000:
        body = re.sub(rb"[ \t\r\n]+", b" ", body[: first.start()]) + body[first.start() :]
    return _LONG_NAME.sub(rb"\1", body)


def _refuse_entities(body: bytes) -> None:
    plain = body.replace(b"\0", b"")  # UTF-16 as well
    if _ENTITY.search(plain):
        prologue = _ASIDE.sub(b"", plain)
        first = _FIRST_ELEMENT.search(prologue)
        if _ENTITY.search(prologue[: first.start()] if first else prologue):
            raise UnreadableDocument(
                "it declares its own entities (<!ENTITY), which is how XML bombs are made"
            )
    if _ODD_ENCODING.search(plain[:10_000]) or body.startswith(_EBCDIC):
        raise UnreadableDocument("its encoding would hide whether it declares its own entities (<!ENTITY)")


def _possible_references(body: bytes) -> bytes:
    """Character references that no character has, made whole or taken out: feedparser stumbles over them.

    Two halves of a surrogate pair become the character they mean.
    """

    def character(run: re.Match[bytes]) -> bytes:
        numbers = [int(h, 16) if h else int(d) for h, d in _REFERENCE.findall(run[0])]
        if all(n < 0xD800 or 0xE000 <= n < 0x110000 for n in numbers):
            return run[0]
        text = "".join(chr(n) if n < 0x110000 else "\ufffd" for n in numbers)
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return "".join(f"&#{ord(c)};" for c in whole).encode()

    return _REFERENCES.sub(character, body) if b"&#" in body else body


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
    except _STUMBLES as error:
        plain = _DECLARED.sub(r"\1", body.decode("latin-1")).encode("latin-1")
        if (
            kind or plain != body
        ):  # a charset that does not exist: what is plain ASCII can be read all the same
            return _parse(plain, url, {})
        raise UnreadableDocument(f"feedparser stumbles over it ({type(error).__name__}: {error})") from error


def _mended(body: bytes, *, any_entries: bool) -> bytes:
    """A malformed document with its commonest faults mended: bare ampersands, which the loose parser would take
    for entities ("&lang=en"), and, where nothing was found at all, an undeclared prefix (`<rss:item>`).
    """
    body = _CDATA_OR_BARE_AMPERSAND.sub(lambda match: match[1] or b"&amp;", body)
    if any_entries:
        return body
    prefixes = {match[2] for match in _UNDECLARED_PREFIX.finditer(body)}
    undeclared = [p for p in prefixes if b"xmlns:" + p + b"=" not in body]
    for prefix in undeclared[:2]:
        body = re.sub(rb"<(/?)" + re.escape(prefix) + rb":", rb"<\1", body)
        start = body.find(b"<rss")
        body = body[max(start, 0) :]
        body = re.sub(rb"^<rss[^>]*>", b'<rss version="2.0">', body)
    return body


def _what_it_is(body: bytes, headers: Mapping[str, str]) -> str:
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
    """`guid`: as written, where it is known; feedparser makes a URL of it, which changes with the feed's address.
    `trusted`: Atom says what is text and what is HTML; RSS says it at random.
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
    """The alternate link; a permalink guid where a feed has no link of its own."""
    written = entry.get("feedburner_origlink") or entry.get("link")
    if not written and entry.get("guidislink"):
        written = entry.get("id")
    return urls.join(base, written)


def _texts(entry: Any, *, trusted: bool) -> tuple[str | None, str | None, bool]:
    """(summary, content, whether they are HTML)."""
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
    """Each once; a hashtag as it is written in a post goes before its category in small letters."""
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
