"""Turn entries into items: clean text, plausible times, aliases, topics, kind, language."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from aggregator import calendar_names, dates
from aggregator.counts import count_of
from aggregator.items import classify, identity, item_events, language, sanitize
from aggregator.model.config import Source, TopicRule
from aggregator.model.documents import Entry, ItemKind, ParsedDocument
from aggregator.model.events import Event
from aggregator.model.items import IdentityPolicy, Item
from aggregator.text import visible

_T = TypeVar("_T")


def items_of(
    document: ParsedDocument,
    source: Source,
    identity_policy: IdentityPolicy,
    rules: Sequence[TopicRule],
    now: datetime,
) -> tuple[tuple[Item, ...], IdentityPolicy]:
    """Return the items of a document seen at `now`, and the identity policy that applied (I1)."""
    homes = (source.url, document.site_link)
    entries = identity.distinct(document.entries)
    identity_policy = identity.decide_policy([*entries, *document.skipped], identity_policy, homes)
    usual = _primary_subtag(source.language or document.language)
    updated = dates.plausible(dates.parse(document.updated, source.timezone, usual), now)
    both = Counter(identity.link_and_title(e.link, _title(e), homes) for e in entries if e.link)
    shared = frozenset(value for value, count in both.items() if value and count > 1)
    found: dict[str, Item] = {}
    for entry in entries:
        item = _item_of(entry, source, identity_policy, homes, shared, rules, now, updated, document)
        found.setdefault(item.id, item)
    return tuple(found.values()), identity_policy


def limit_notes(document: ParsedDocument) -> tuple[str, ...]:
    """Return a notice for each limit that shortened texts of a document."""
    texts = [text for entry in document.entries for text in (entry.content, entry.summary) if text]
    long = sum(len(text) > sanitize.MAX_CHARACTERS for text in texts)
    deep = sum(sanitize.is_deep(text[: sanitize.MAX_CHARACTERS]) for text in texts)
    notes = []
    if long:
        notes.append(
            f"{count_of(long, 'text was', 'texts were')} cut at {sanitize.MAX_CHARACTERS} characters"
        )
    if deep:
        notes.append(
            f"{count_of(deep, 'text is', 'texts are')} nested too deeply; only their words were kept"
        )
    return tuple(notes)


def _item_of(
    entry: Entry,
    source: Source,
    identity_policy: IdentityPolicy,
    homes: tuple[str | None, ...],
    shared: frozenset[str],
    rules: Sequence[TopicRule],
    now: datetime,
    source_updated: datetime | None,
    document: ParsedDocument,
) -> Item:
    html, text, excerpt = _texts(entry)
    title = _title(entry) or visible(sanitize.headline(text)) or "(untitled)"
    aliases = identity.aliases(entry, title, text, identity_policy, homes, shared)
    words = classify.words_of(title, entry.categories, text)
    stated = _primary_subtag(source.language or entry.language or document.language)
    moments = {
        raw: dates.plausible(dates.parse(raw, source.timezone, stated), now)
        for raw in (entry.published, entry.updated)
    }
    raw = next((raw for raw, moment in moments.items() if moment), entry.published or entry.updated)
    written_in = _language(entry, source, document, f"{title}\n{text}")
    named = classify.kind(title, entry.categories)
    published = moments.get(raw) or now
    dates_in = _language_of_dates(stated, written_in)
    events = item_events.events_of(
        entry.event, title, text, _kind(entry, named), dates_in, published, source.timezone
    )
    dated = item_events.kind_of(named, title, events, dates_in, published, source.timezone)
    item = Item(
        id=identity.item_id(source.url, aliases[0]),
        source_id=source.id,
        aliases=aliases,
        guid=entry.guid,
        link=entry.link,
        title=title,
        html=html,
        text=text,
        excerpt=excerpt,
        claimed=moments.get(raw),
        claimed_raw=raw,
        first_seen=now,
        position=entry.position,
        authors=_distinct(entry.authors, str),
        categories=_distinct(entry.categories, str.casefold),
        topics=tuple(dict.fromkeys((*source.topics, *classify.topics(rules, words)))),
        enclosures=_distinct(entry.enclosures, lambda enclosure: enclosure.url),
        kind=_kind(entry, dated),
        language=written_in,
        rights=rights(entry.rights or document.rights),
        source_updated=source_updated,
        dropped=classify.dropped_by(source.only, source.drop, words),
        events=events,
    )
    return replace(item, content_hash=_hash(item, events[0] if entry.event else None))


def _kind(entry: Entry, named: ItemKind) -> ItemKind:
    """Return the kind that words and dates show, else the kind that the format states."""
    return entry.kind if named is ItemKind.NEWS else named


def _distinct(values: Iterable[_T], key: Callable[[_T], str]) -> tuple[_T, ...]:
    """Return the first of the values of each key."""
    found: dict[str, _T] = {}
    for value in values:
        found.setdefault(key(value), value)
    return tuple(found.values())


def _title(entry: Entry) -> str:
    return sanitize.title(entry.title, is_html=entry.title_is_html)


def _texts(entry: Entry) -> tuple[str, str, str]:
    """Return clean HTML, plain text and excerpt, made of the summary where that is shorter."""
    written = entry.content or entry.summary or ""
    html = sanitize.fragment(written, entry.base) if entry.text_is_html else sanitize.paragraphs(written)
    text = sanitize.plain(html)
    short = text
    if entry.content and entry.summary and entry.text_is_html and len(entry.summary) < len(written):
        short = sanitize.plain(sanitize.fragment(entry.summary, entry.base)) or text
    # WordPress adds this sentence, or "[…]", to each excerpt.
    end = max(len(short) - 600, 0)
    tail = short[end:]
    if "The post " in tail:
        tail = re.sub(r"The post [^\n]{1,300}? (first appeared|appeared first) on [^\n]{1,200}\.$", "", tail)
    tail = tail.rstrip()
    if tail.endswith("]"):
        tail = re.sub(r" ?\[(…|\.\.\.)\]$", "…", tail)
    return html, text, sanitize.excerpt(short[:end] + tail)


def rights(written: str | None) -> str | None:
    """Return rights as plain text; a linked picture becomes the address that it links to."""
    if not written or "<" not in written:
        return written
    target = re.search(r"""href=["\']?(https?://[^"\'\s>]+)""", written)
    return sanitize.title(written, is_html=True) or (target[1] if target else None)


def _language(entry: Entry, source: Source, document: ParsedDocument, text: str) -> str | None:
    """Return the language that an entry states, else that of its text, else its feed's.

    The language of feeds.yaml replaces statements, since feeds state one language and publish in two. A feed's is more
    exact than detection where texts are detected as a similar language, such as Serbian as Croatian.
    """
    stated = None if source.language else _primary_subtag(entry.language)
    usual = _primary_subtag(source.language or entry.language or document.language)
    detected = stated or language.detect(text) or usual
    return usual if usual and detected == language.LISTED_AS.get(usual) else detected


def _language_of_dates(stated: str | None, written_in: str | None) -> str | None:
    """Return the language in which months of a text are read: a stated one beyond detection.

    Such a text may be taken for one in a related language, where the same name is another month.
    """
    is_undetected = stated in calendar_names.DATE_LANGUAGES and stated not in calendar_names.LANGUAGES
    return stated if is_undetected else language.LISTED_AS.get(written_in or "", written_in)


def _primary_subtag(tag: str | None) -> str | None:
    """Return the primary subtag of a valid language tag (RFC 5646)."""
    match = re.match(r"[A-Za-z]{2,3}(?=$|[-_])", tag or "")
    return match[0].lower() if match else None


def _hash(item: Item, stated: Event | None) -> str:
    """Hash everything that an entry says and that is shown; a new date alone is no edit.

    `stated` is the event that the entry states beside its text. Events that are found in the text follow from it.
    Topics and filters come from feeds.yaml, and an edit of that is no edit of the entry.
    """
    content: tuple[object, ...] = (
        item.title,
        item.html,
        item.excerpt,
        item.link,
        item.authors,
        item.categories,
        item.enclosures,
        item.kind,
        item.language,
        item.rights,
    )
    if stated is not None:
        content = (*content, stated)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:32]
