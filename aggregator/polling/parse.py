"""Reading documents, as it is done in isolation: little is imported, and only values go in and out."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.errors import UnreadableDocument
from aggregator.model.config import Source, TopicRule
from aggregator.model.documents import ArticleDetails, Entry, ParsedDocument, SkippedEntry
from aggregator.model.polling import Failure, ParsedVisit, Request, Response, SourceProfile, Validators


def parse_visit(
    request: Request,
    response: Response,
    rules: Sequence[TopicRule],
    now: datetime,
    articles: Mapping[str, ArticleDetails | None] | None = None,
    unread: Container[str] = (),
) -> ParsedVisit | Failure:
    """Parse and normalise a document. The harvest has no body and no validators: they need not travel.

    `articles` are what the pages of single articles say, by link; entries whose link is in `unread` are left out.
    """
    from aggregator.formats import older_pages, page
    from aggregator.formats.parsers import PARSERS
    from aggregator.items import identity, normalise

    source = request.source
    try:
        reading = PARSERS[source.kind](response.body, response.url, response.headers, source, request.seen)
        entries = len(reading.entries) + len(reading.skipped)
        lost = page.loss_reason(entries, request.before) if source.kind == "page" else None
        if lost:
            return Failure(reason=lost, status=response.status)
        reading = _with_articles(reading, request, articles or {}, unread)
        items, identity_policy = normalise.items(reading, source, request.identity_policy, rules, now)
        notes = (*reading.notes, *normalise.limit_notes(reading))
        before_these = older_pages.older_url(response.body, response.url, source)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except MemoryError:
        raise  # told by whoever set the limit
    except Exception as error:  # noqa: BLE001 - L2: a document that breaks a parser must not stop the run
        return Failure(
            reason=f"the document broke the parser ({type(error).__name__}: {str(error)[:200]})",
            status=response.status,
        )
    return ParsedVisit(
        items=items,
        present=identity.skipped_aliases(reading.skipped, identity_policy),
        entry_hashes=reading.entry_hashes,
        validators=Validators(),
        url=response.url,
        status=response.status,
        body=b"",
        body_hash="",
        profile=SourceProfile(
            title=reading.title,
            feed_id=reading.feed_id,
            site_link=reading.site_link,
            language=reading.language,
            rights=normalise.rights(reading.rights),
        ),
        identity_policy=identity_policy,
        hints=reading.hints,
        entries=entries,
        older=before_these,
        unfinished=len(reading.entries) + len(reading.skipped) < entries,
        notes=notes,
    )


def _with_articles(
    reading: ParsedDocument,
    request: Request,
    articles: Mapping[str, ArticleDetails | None],
    unread: Container[str],
) -> ParsedDocument:
    """The reading with what articles say; entries whose article was read before count as present."""
    known = {entry.position: entry for entry in reading.entries if _was_read(entry, request)}
    entries = (
        _completed(entry, articles.get(entry.link or ""))
        for entry in reading.entries
        if entry.link not in unread and entry.position not in known
    )
    skipped = (SkippedEntry(guid=entry.guid, link=entry.link) for entry in known.values())
    return replace(reading, entries=tuple(entries), skipped=(*reading.skipped, *skipped))


def _was_read(entry: Entry, request: Request) -> bool:
    from aggregator.items import identity, sanitize

    if not request.known_articles or not entry.link:
        return False
    title = sanitize.title(entry.title, is_html=entry.title_is_html)
    return identity.article_key(entry.link, title) in request.known_articles


def _completed(entry: Entry, said: ArticleDetails | None) -> Entry:
    """An entry with what its own page says; the listing's words stand where that says nothing."""
    if said is None:
        return entry
    from aggregator import dates

    own_date = entry.published if dates.find(entry.published) else None
    return replace(
        entry,
        published=own_date or said.published or entry.published,
        updated=entry.updated or said.updated,
        summary=entry.summary or said.summary,
        content=said.html or entry.content,
        text_is_html=bool(said.html) or entry.text_is_html,
        authors=entry.authors or said.authors,
        categories=entry.categories or said.categories,
        language=entry.language or said.language,
        kind=said.kind if entry.kind.value == "news" else entry.kind,
        base=(entry.link or entry.base) if said.html else entry.base,
    )


def article_links(request: Request, response: Response) -> tuple[str, ...]:
    """Where the entries of a page lead to, those first that nobody has read yet; raises UnreadableDocument."""
    from aggregator.formats.parsers import PARSERS

    reading = PARSERS[request.source.kind](response.body, response.url, response.headers, request.source)
    new = (entry.link for entry in reading.entries if entry.link and not _was_read(entry, request))
    return tuple(dict.fromkeys(new))


def article_details(source: Source, response: Response) -> ArticleDetails | None:
    """What the page of an article says; None where it cannot be read."""
    from aggregator.formats.article import article

    try:
        return article(response.body, response.url, response.headers, source)
    except UnreadableDocument:
        return None


def robots_allow(robots_text: str | None, url: str, agent: str) -> bool:
    """Whether a robots.txt lets `agent` read `url`."""
    from aggregator.formats import robots

    return robots.allows(robots_text, url, agent)
