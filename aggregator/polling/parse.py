"""Parse documents in the sandbox: few imports, only values go in and out."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.errors import UnreadableDocument
from aggregator.model.config import Source, TopicRule
from aggregator.model.documents import ArticleDetails, Entry, ParsedDocument, SkippedEntry
from aggregator.model.items import IdentityPolicy, Item
from aggregator.model.polling import (
    Failure,
    ParseContext,
    ParsedVisit,
    Response,
    SourceProfile,
    Validators,
)

_FORMATS = {
    "page": "HTML",
    "ical": "iCalendar",
    "wordpress": "WordPress REST API",
    "zenodo": "Zenodo REST API",
}
"""Formats of the kinds of sources that have only one."""


def parse_visit(
    context: ParseContext,
    response: Response,
    rules: Sequence[TopicRule],
    now: datetime,
    articles: Mapping[str, ArticleDetails | None] | None = None,
    unread: Container[str] = (),
) -> ParsedVisit | Failure:
    """Parse a document and normalise its entries; the caller adds body, hash and validators.

    `articles` are the details of article pages by link; entries whose link is in `unread` are omitted.
    """
    from aggregator.formats import hub_links, microformats, older_pages
    from aggregator.formats.parsers import PARSERS
    from aggregator.items import normalise

    source = context.source
    try:
        document = PARSERS[source.kind](
            response.body, response.url, response.headers, source, context.known_hashes
        )
        document = replace(document, entries=tuple(filter(_has_content, document.entries)))
        entries = len(document.entries) + len(document.skipped)
        if source.kind == "page" and (reason := _loss_reason(entries, context)):
            return Failure(reason=reason, status=response.status, entries=entries)
        if source.kind == "ical":
            from aggregator.formats import ical

            document = ical.with_occurrences(document, response.body, response.headers, source, now)
        document = _with_articles(document, context, articles or {}, unread)
        document = microformats.with_events(document, source.timezone)
        items, identity_policy = normalise.items_of(document, source, context.identity_policy, rules, now)
        notes = (*document.notes, *normalise.limit_notes(document))
        older = older_pages.older_url(response.body, response.url, source)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except MemoryError:
        raise  # reported by the sandbox, which set the limit
    except Exception as error:  # noqa: BLE001 - L2: a document that breaks a parser must not stop the run
        return Failure(
            reason=f"the document broke the parser ({type(error).__name__}: {str(error)[:200]})",
            status=response.status,
        )
    parsed = _parsed(document, response, items, identity_policy, source.kind)
    unfinished = len(document.entries) + len(document.skipped) < entries
    return replace(
        parsed,
        entries=entries,
        older=older,
        unfinished=unfinished,
        notes=notes,
        hub_links=hub_links.of_response(document, response, source),
    )


def _has_content(entry: Entry) -> bool:
    """Check whether an entry has a title, text, link, file or event; others say nothing."""
    return bool(
        entry.title or entry.content or entry.summary or entry.link or entry.enclosures or entry.event
    )


def _loss_reason(entries: int, context: ParseContext) -> str | None:
    """Return why a page with much fewer entries needs review; None if their number is accepted."""
    from aggregator.formats import page

    if entries == context.entries_accepted:
        return None
    return page.loss_reason(entries, context.entries_before)


def _parsed(
    document: ParsedDocument,
    response: Response,
    items: tuple[Item, ...],
    identity_policy: IdentityPolicy,
    kind: str,
) -> ParsedVisit:
    """Return the values of a document, without those that a visit adds."""
    from aggregator.items import identity, normalise

    return ParsedVisit(
        items=items,
        present=identity.skipped_aliases(document.skipped, identity_policy),
        entry_hashes=document.entry_hashes,
        validators=Validators(),
        url=response.url,
        status=response.status,
        body=b"",
        body_hash="",
        profile=SourceProfile(
            title=document.title,
            feed_id=document.feed_id,
            site_link=document.site_link,
            language=document.language,
            rights=normalise.rights(document.rights),
        ),
        identity_policy=identity_policy,
        hints=document.hints,
        format=document.format or _FORMATS.get(kind),
    )


def _with_articles(
    document: ParsedDocument,
    context: ParseContext,
    articles: Mapping[str, ArticleDetails | None],
    unread: Container[str],
) -> ParsedDocument:
    """Add article details to a document; entries with articles read before count as present."""
    known = {entry.position: entry for entry in document.entries if _was_read(entry, context)}
    entries = (
        _completed(entry, articles.get(entry.link or ""))
        for entry in document.entries
        if entry.link not in unread and entry.position not in known
    )
    skipped = (SkippedEntry(guid=entry.guid, link=entry.link) for entry in known.values())
    return replace(document, entries=tuple(entries), skipped=(*document.skipped, *skipped))


def _was_read(entry: Entry, context: ParseContext) -> bool:
    """Check whether the article of an entry was read at an earlier visit."""
    from aggregator.items import identity, sanitize

    if not context.articles_read or not entry.link:
        return False
    title = sanitize.title(entry.title, is_html=entry.title_is_html)
    return identity.article_key(entry.link, title) in context.articles_read


def _completed(entry: Entry, details: ArticleDetails | None) -> Entry:
    """Return an entry with the details of its article; what is absent there stays as listed."""
    if details is None:
        return entry
    from aggregator import dates

    own_date = entry.published if dates.find(entry.published) else None
    return replace(
        entry,
        published=own_date or details.published or entry.published,
        updated=entry.updated or details.updated,
        summary=entry.summary or details.summary,
        content=details.html or entry.content,
        text_is_html=bool(details.html) or entry.text_is_html,
        authors=entry.authors or details.authors,
        categories=entry.categories or details.categories,
        language=entry.language or details.language,
        kind=details.kind if entry.kind.value == "news" else entry.kind,
        event=entry.event or details.event,
        base=(entry.link or entry.base) if details.html else entry.base,
    )


def article_links(context: ParseContext, response: Response) -> tuple[str, ...]:
    """Return the links of unread articles in order; raises UnreadableDocument."""
    from aggregator.formats.parsers import PARSERS

    document = PARSERS[context.source.kind](response.body, response.url, response.headers, context.source)
    new = (entry.link for entry in document.entries if entry.link and not _was_read(entry, context))
    return tuple(dict.fromkeys(new))


def article_details(source: Source, response: Response) -> ArticleDetails | None:
    """Return the details that an article page states; None if it cannot be read."""
    from aggregator.formats.article import article

    try:
        return article(response.body, response.url, response.headers, source)
    except UnreadableDocument:
        return None


def robots_allow(robots_text: str | None, url: str, agent: str) -> bool:
    """Check whether a robots.txt allows `agent` to read `url`."""
    from aggregator.formats import robots

    return robots.allows(robots_text, url, agent)
