"""Show the items of a source as a visit would take them now; record nothing."""

from __future__ import annotations

from dataclasses import replace

from aggregator import urls
from aggregator.config.values import web_url
from aggregator.discovery import discover, inspect_response, probe
from aggregator.discovery.probe import Probe
from aggregator.errors import NothingToShow, SandboxFailure, UnknownName
from aggregator.model.config import Source, TopicRule
from aggregator.model.discovery import SourcePreview
from aggregator.model.items import IdentityPolicy
from aggregator.model.polling import (
    Failure,
    ParseContext,
    ParsedVisit,
    Response,
    SourceRecord,
    StoredDocument,
)
from aggregator.polling.parse import parse_visit
from aggregator.polling.polite_client import SCRAPED
from aggregator.ports import App, Progress, Sandbox
from aggregator.store import documents, items, sources, visits
from aggregator.store.connection import has_database, opened
from aggregator.text import line

ARTICLES_NOTE = "only visits read the pages of articles (`article`): their dates and texts are missing here"


def preview_source(
    app: App, name: str, *, force: bool = False, progress: Progress | None = None
) -> SourcePreview:
    """Preview a source of feeds.yaml by its id, or whatever is at a URL.

    A stored document is parsed again without a request. If there is none, the server receives one request, unless it
    was visited recently. `force` requests the current document in any case (CL5), but never against Retry-After (V3).
    """
    if "://" in name:
        return _preview_url(app, parse_url(name), progress)
    return _preview_source(app, app.config.source(name), force, progress)


def parse_url(text: str) -> str:
    """Check a URL of the command line; raises UnknownName."""
    try:
        return web_url(text)
    except ValueError as error:
        raise UnknownName(str(error)) from error


def _preview_source(app: App, source: Source, force: bool, progress: Progress | None) -> SourcePreview:
    config = app.config
    stored: StoredDocument | None = None
    record: SourceRecord | None = None
    database = config.data / "aggregator.db"
    if has_database(database):
        with opened(database, create=False) as store:
            stored = documents.last_accepted_from(store, source.id, source.url)
            record = sources.records(store).get(source.id)
            hosts = visits.rate_limited_hosts(store, app.clock())
            limited_until = hosts.get(urls.host((record and record.validators.url) or source.url))
            stored = None if force else stored
            if stored is None and record:
                not_before = limited_until or record.not_before
                _refuse_early_request(app, source, replace(record, not_before=not_before), force)
    with app.sandbox(1) as sandbox:
        if stored:
            response: Response | Failure = Response(status=200, url=stored.url, headers={}, body=stored.body)
        else:
            response = _request(app, source, sandbox, progress)
        policy = record.identity_policy if record else IdentityPolicy()
        parsed = response if isinstance(response, Failure) else _parse(app, sandbox, source, policy, response)
    preview = _preview(parsed, source, source.id, kept=stored is not None)
    if not isinstance(parsed, ParsedVisit) or not has_database(database):
        return preview
    with opened(database, create=False) as store:
        standing = items.review_states(store, source.id, parsed.items)
    marked = (replace(item, standing=known) for item, known in zip(preview.items, standing, strict=True))
    return replace(preview, items=tuple(marked))


def _request(app: App, source: Source, sandbox: Sandbox, progress: Progress | None) -> Response | Failure:
    probe.refuse_public_url(app, source.url)
    client = Probe(probe.probe_settings(app), app.fetcher(), sandbox, progress=progress)
    return client.document(source, source.url, obey_robots=source.kind in SCRAPED)


def _refuse_early_request(app: App, source: Source, record: SourceRecord, force: bool) -> None:
    """Raise NothingToShow soon after a visit (CL5), and before the time of Retry-After (CL8)."""
    now, every = app.clock(), source.every or app.config.fetch.every
    if record.not_before and record.not_before > now:
        raise NothingToShow(
            f"{source.id}: its server asked for no requests until {record.not_before:%Y-%m-%d %H:%M} UTC"
        )
    if not force and record.last_attempt and now - record.last_attempt < every:
        raise NothingToShow(
            f"{source.id}: no document is stored, and its server was visited at {record.last_attempt:%H:%M} UTC"
            f" ({record.reason or 'without a document'}); --force visits it again"
        )


def _preview_url(app: App, url: str, progress: Progress | None) -> SourcePreview:
    probe.refuse_public_url(app, url)
    settings, source = probe.probe_settings(app), discover.unconfigured_source(url)
    with app.sandbox(1) as sandbox:
        client = Probe(settings, app.fetcher(), sandbox, progress=progress)
        response = client.document(source, url, obey_robots=True)
        if isinstance(response, Failure):
            raise NothingToShow(f"{url}: {line(response.reason, 300)}")
        try:
            inspection = sandbox(
                inspect_response.inspect,
                response,
                settings.topics,
                settings.zone,
                settings.now,
                seconds=settings.seconds,
            )
        except SandboxFailure as error:
            raise NothingToShow(f"{url}: {error}") from error
        if isinstance(inspection, Failure):
            raise NothingToShow(f"{url}: {line(inspection.reason, 300)}")
        best = next((tried.proposal for tried in inspection.proposals if tried.succeeded), None)
        if best is None:
            raise NothingToShow(
                f"{url}: no list of news was found on this page; `aggregator source discover` shows what it offers"
            )
        source = replace(source, kind=best.kind, page=best.page, timezone=settings.zone)
        parsed = _parse(app, sandbox, source, IdentityPolicy(), response)
        return _preview(parsed, source, url, kept=False)


def _parse(
    app: App, sandbox: Sandbox, source: Source, policy: IdentityPolicy, response: Response
) -> ParsedVisit | Failure:
    topics: tuple[TopicRule, ...] = app.config.topics
    request = ParseContext(source=source, identity_policy=policy)
    seconds = app.config.fetch.timeout.total_seconds()
    try:
        return sandbox(parse_visit, request, response, topics, app.clock(), seconds=seconds)
    except SandboxFailure as error:
        return Failure(reason=str(error))


def _preview(parsed: ParsedVisit | Failure, source: Source, name: str, *, kept: bool) -> SourcePreview:
    if isinstance(parsed, Failure):
        where = "the stored document of its last successful visit, parsed again: " if kept else ""
        more = "; --force requests the current one" if kept else ""
        raise NothingToShow(f"{name}: {where}{line(parsed.reason, 300)}{more}")
    return SourcePreview(
        url=parsed.url,
        kind=source.kind,
        kept=kept,
        items=inspect_response.preview_items(parsed.items),
        notes=(*parsed.notes, *([ARTICLES_NOTE] if any(layout.article for layout in source.page) else ())),
        title=parsed.profile.title,
    )
