"""The items of a source as they would be taken now; nothing is recorded."""

from __future__ import annotations

from dataclasses import replace

from aggregator import urls
from aggregator.config.values import web_url
from aggregator.discovery import discover, inspect_response, probe
from aggregator.discovery.probe import Probe
from aggregator.errors import NothingToShow, SandboxFailure, UnknownName
from aggregator.model.config import Source, TopicRule
from aggregator.model.discovery import Preview
from aggregator.model.items import IdentityPolicy
from aggregator.model.polling import Failure, ParseContext, ParsedVisit, Response, SourceRecord
from aggregator.polling.client import SCRAPED
from aggregator.polling.parse import parse_visit
from aggregator.ports import App, Progress, Sandbox
from aggregator.store import items, source_history, sources, visits
from aggregator.store.connection import opened
from aggregator.text import line

ARTICLES = "what the articles' own pages say (`article`) comes with visits only"


def run(app: App, name: str, *, force: bool = False, progress: Progress | None = None) -> Preview:
    """The items of a source of feeds.yaml, or of whatever is at an address.

    A source's kept document is read again without a request. Where there is none, its server is asked once, if it
    was not asked a short time ago. `force` asks for the document of now in any case (CL5), but never against a
    server's word (V3).
    """
    if "://" in name:
        return _of_address(app, address(name), progress)
    return _of_source(app, app.config.source(name), force, progress)


def address(written: str) -> str:
    """A web address of the command line; raises UnknownName."""
    try:
        return web_url(written)
    except ValueError as error:
        raise UnknownName(str(error)) from error


def _of_source(app: App, source: Source, force: bool, progress: Progress | None) -> Preview:
    config = app.config
    kept: tuple[str, bytes] | None = None
    record: SourceRecord | None = None
    database = config.data / "aggregator.db"
    if database.exists():
        with opened(database, create=False) as store:
            kept = source_history.document(store, source.id, source.url)
            record = sources.records(store).get(source.id)
            hosts = visits.held_hosts(store, app.clock())
            held = hosts.get(urls.host((record and record.validators.url) or source.url))
            kept = None if force else kept
            if kept is None and record:
                _refuse_haste(app, source, replace(record, not_before=held or record.not_before), force)
    with app.sandbox(1) as sandbox:
        if kept:
            answer: Response | Failure = Response(status=200, url=kept[0], headers={}, body=kept[1])
        else:
            probe.refuse(app, source.url)
            asker = Probe(probe.probe_rules(app), app.fetcher(), sandbox, progress=progress)
            answer = asker.document(source, source.url, ask_robots=source.kind in SCRAPED)
        identity_policy = record.identity_policy if record else IdentityPolicy()
        read = answer if isinstance(answer, Failure) else _read(app, sandbox, source, identity_policy, answer)
    shown = _shown(read, source, source.id, kept=kept is not None)
    if not isinstance(read, ParsedVisit) or not database.exists():
        return shown
    with opened(database, create=False) as store:
        standing = items.standing(store, source.id, read.items)
    marked = (replace(one, standing=stands) for one, stands in zip(shown.items, standing, strict=True))
    return replace(shown, items=tuple(marked))


def _refuse_haste(app: App, source: Source, record: SourceRecord, force: bool) -> None:
    """CL5, CL8: no request where one was made a short time ago or the server wants silence."""
    now, every = app.clock(), source.every or app.config.fetch.every
    if record.not_before and record.not_before > now:
        raise NothingToShow(
            f"{source.id}: its server asked for silence until {record.not_before:%Y-%m-%d %H:%M} UTC"
        )
    if not force and record.last_attempt and now - record.last_attempt < every:
        raise NothingToShow(
            f"{source.id}: no document of it is kept, and its server was asked at {record.last_attempt:%H:%M} UTC"
            f" ({record.reason or 'nothing came'}); --force asks it again"
        )


def _of_address(app: App, url: str, progress: Progress | None) -> Preview:
    probe.refuse(app, url)
    terms, nobody = probe.probe_rules(app), discover.stranger(url)
    with app.sandbox(1) as sandbox:
        asker = Probe(terms, app.fetcher(), sandbox, progress=progress)
        answer = asker.document(nobody, url, ask_robots=True)
        if isinstance(answer, Failure):
            raise NothingToShow(f"{url}: {line(answer.reason, 300)}")
        try:
            survey = sandbox(
                inspect_response.inspect, answer, terms.rules, terms.zone, terms.now, seconds=terms.seconds
            )
        except SandboxFailure as error:
            raise NothingToShow(f"{url}: {error}") from error
        if isinstance(survey, Failure):
            raise NothingToShow(f"{url}: {line(survey.reason, 300)}")
        best = next((offer for offer in survey.offers if offer.well), None)
        if best is None:
            raise NothingToShow(
                f"{url}: no list of news was found on this page; `aggregator source discover` shows what it offers"
            )
        source = replace(nobody, kind=best.proposal.kind, page=best.proposal.page, timezone=terms.zone)
        return _shown(_read(app, sandbox, source, IdentityPolicy(), answer), source, url, kept=False)


def _read(
    app: App, sandbox: Sandbox, source: Source, identity_policy: IdentityPolicy, answer: Response
) -> ParsedVisit | Failure:
    rules: tuple[TopicRule, ...] = app.config.topics
    seconds = app.config.fetch.timeout.total_seconds()
    try:
        return sandbox(
            parse_visit,
            ParseContext(source=source, identity_policy=identity_policy),
            answer,
            rules,
            app.clock(),
            seconds=seconds,
        )
    except SandboxFailure as error:
        return Failure(reason=str(error))


def _shown(read: ParsedVisit | Failure, source: Source, name: str, *, kept: bool) -> Preview:
    if isinstance(read, Failure):
        where = "the document of its last good visit, read anew: " if kept else ""
        more = "; --force asks its server for the one of now" if kept else ""
        raise NothingToShow(f"{name}: {where}{line(read.reason, 300)}{more}")
    return Preview(
        url=read.url,
        kind=source.kind,
        kept=kept,
        items=inspect_response.preview_items(read.items),
        notes=(*read.notes, *([ARTICLES] if any(layout.article for layout in source.page) else ())),
        title=read.profile.title,
    )
