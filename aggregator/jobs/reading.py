"""Reading documents, as it is done in isolation: little is imported, and only values go in and out."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.errors import UnreadableDocument
from aggregator.model import (
    Details,
    Entry,
    Failure,
    Harvest,
    Profile,
    Reading,
    Request,
    Response,
    Skipped,
    Source,
    TopicRule,
    Validators,
)


def harvest(
    request: Request,
    response: Response,
    rules: Sequence[TopicRule],
    now: datetime,
    articles: Mapping[str, Details | None] | None = None,
    unread: Container[str] = (),
) -> Harvest | Failure:
    """Parse and normalise a document. The harvest has no body and no validators: they need not travel.

    `articles` are what the pages of single articles say, by link; entries whose link is in `unread` are left out.
    """
    from aggregator.sources import older, page
    from aggregator.sources.parsers import PARSERS
    from aggregator.stories import identity, normalise

    source = request.source
    try:
        reading = PARSERS[source.kind](response.body, response.url, response.headers, source, request.seen)
        entries = len(reading.entries) + len(reading.skipped)
        lost = page.dropped(entries, request.before) if source.kind == "page" else None
        if lost:
            return Failure(reason=lost, status=response.status)
        reading = _with_articles(reading, request, articles or {}, unread)
        items, verdict = normalise.items(reading, source, request.verdict, rules, now)
        notes = (*reading.notes, *normalise.capped(reading))
        before_these = older.url(response.body, response.url, source)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except MemoryError:
        raise  # told by whoever set the limit
    except Exception as error:  # noqa: BLE001 - L2: a document that breaks a parser must not stop the run
        return Failure(
            reason=f"the document broke the parser ({type(error).__name__}: {str(error)[:200]})",
            status=response.status,
        )
    return Harvest(
        items=items,
        present=identity.present(reading.skipped, verdict),
        digests=reading.digests,
        validators=Validators(),
        url=response.url,
        status=response.status,
        body=b"",
        body_hash="",
        profile=Profile(
            title=reading.title,
            feed_id=reading.feed_id,
            site_link=reading.site_link,
            language=reading.language,
            rights=normalise.rights(reading.rights),
        ),
        verdict=verdict,
        hints=reading.hints,
        entries=entries,
        older=before_these,
        unfinished=len(reading.entries) + len(reading.skipped) < entries,
        notes=notes,
    )


def _with_articles(
    reading: Reading, request: Request, articles: Mapping[str, Details | None], unread: Container[str]
) -> Reading:
    """The reading with what articles say; entries whose article was read before count as present."""
    known = {entry.position: entry for entry in reading.entries if _was_read(entry, request)}
    entries = (
        _completed(entry, articles.get(entry.link or ""))
        for entry in reading.entries
        if entry.link not in unread and entry.position not in known
    )
    skipped = (Skipped(guid=entry.guid, link=entry.link) for entry in known.values())
    return replace(reading, entries=tuple(entries), skipped=(*reading.skipped, *skipped))


def _was_read(entry: Entry, request: Request) -> bool:
    from aggregator.stories import clean, identity

    if not request.known_articles or not entry.link:
        return False
    title = clean.title(entry.title, is_html=entry.title_is_html)
    return identity.told_as(entry.link, title) in request.known_articles


def _completed(entry: Entry, said: Details | None) -> Entry:
    """An entry with what its own page says; the listing's words stand where that says nothing."""
    if said is None:
        return entry
    from aggregator import dates

    own_date = entry.published if dates.found_in(entry.published) else None
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


def links(request: Request, response: Response) -> tuple[str, ...]:
    """Where the entries of a page lead to, those first that nobody has read yet; raises UnreadableDocument."""
    from aggregator.sources.parsers import PARSERS

    reading = PARSERS[request.source.kind](response.body, response.url, response.headers, request.source)
    new = (entry.link for entry in reading.entries if entry.link and not _was_read(entry, request))
    return tuple(dict.fromkeys(new))


def details(source: Source, response: Response) -> Details | None:
    """What the page of an article says; None where it cannot be read."""
    from aggregator.sources.article import article

    try:
        return article(response.body, response.url, response.headers, source)
    except UnreadableDocument:
        return None


def may_read(robots_text: str | None, url: str, agent: str) -> bool:
    """Whether a robots.txt lets `agent` read `url`."""
    from aggregator.sources import robots

    return robots.allows(robots_text, url, agent)
