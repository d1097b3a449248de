"""`check --live`: a round of visits, and for every source whether it is well, what is wrong and how to mend it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import locked_store, urls
from aggregator.discovery import discover, probe
from aggregator.discovery.probe import Probe, ProbeRules
from aggregator.health import advice
from aggregator.model.config import Source
from aggregator.model.discovery import Discovery, Proposal, SourceCheck, TriedProposal
from aggregator.model.polling import Failure, Move, Robots, SourceRecord, SourceState
from aggregator.model.reports import FetchReport, SourceHealth
from aggregator.model.stories import Publisher
from aggregator.polling import fetch
from aggregator.polling.client import ROBOTS_LAST
from aggregator.polling.schedule import FAILING_AFTER, LONGEST_WAIT, PUSHED_BACK
from aggregator.ports import App, Fetcher, Progress, Sandbox
from aggregator.store import robots as robots_txt
from aggregator.store import source_history, sources, visits
from aggregator.store.connection import Store
from aggregator.text import line

said = logging.getLogger("aggregator.check")

PATIENCE = 30.0
"""Seconds to wait for another run before the sites of broken sources are looked at."""
MOST_REQUESTS = 2
"""Requests made beyond that for the page that is looked at."""
TROUBLES = frozenset({SourceState.FAILING, SourceState.GONE})
WAITING = frozenset({SourceState.RATE_LIMITED, SourceState.NEEDS_REVIEW})

# A look at the partner's site may help; whoever is shut out by a wall or robots.txt does not try another door.
_WORTH_A_LOOK = re.compile(
    r"\(404\)|\(410\)|web page, not|is not a feed|is not a calendar|layout has probably changed"
    r"|none has a title and a link|unknown \(DNS\)"
)
_SHUT_OUT = re.compile(r"bot wall|robots\.txt")
_OUR_OWN = re.compile(r"not found|layout|web page, not|not a feed|DNS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A site to look at for one source."""

    source: Source
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLooks:
    """All sites of one host to look at, in order; `visited`: the host was asked by the round just now."""

    looks: tuple[Look, ...]
    terms: ProbeRules
    robots: tuple[Robots, ...]
    visited: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at a site found for a source; `silence` is what the site's host asked for instead (CL8)."""

    source_id: str
    mend: str
    proposal: str | None = None
    silence: timedelta | None = None


def run(app: App, progress: Progress | None = None) -> tuple[SourceCheck, ...]:
    """Visit what is due, look at the sites of what is broken, and say how every source does.

    What was visited a short time ago is told from the store (CL5); a site is looked at no more often than sources
    are visited.
    """
    locked_store.check_authority(app.config)
    report = fetch.run(app, publish=False, progress=progress)
    with locked_store.locked_store(app.config, patience=PATIENCE) as store:
        polled_health = {one.id: one for one in sources.health(store)}
        records, publishers = sources.records(store), sources.publishers(store)
        polled = [source for source in app.config.sources if source.id in polled_health]
        now = app.clock()
        looks = _looks(store, app, polled, records, publishers, now)
        _make(store, app, looks, report, now)
        found = {source.id: source_history.last_look(store, source.id) for source in polled}
    notes = {told.id: told.reason for told in report.sources if told.outcome != "failed"}
    diagnoses = []
    for source in polled:
        told = _diagnosis(source, polled_health[source.id], records[source.id], notes.get(source.id))
        seen = found[source.id]
        if seen and seen[1] and _is_worth_a_look(records[source.id]):
            told = replace(told, mend=seen[1], proposal=seen[2])
        diagnoses.append(told)
    return tuple(diagnoses)


def is_failing(told: SourceCheck) -> bool:
    """Whether a source brings nothing for now."""
    return told.state in TROUBLES


# --- what is known without a look ----------------------------------------------------------------------


def _diagnosis(source: Source, health: SourceHealth, record: SourceRecord, note: str | None) -> SourceCheck:
    if record.failures:
        state = health.state if health.state in TROUBLES | WAITING else SourceState.FAILING
        return SourceCheck(id=source.id, state=state, reason=health.reason, mend=_advice(health, record))
    if record.move is not None:
        return _moved(source, record.move)
    if health.state is SourceState.OK and note:
        return SourceCheck(id=source.id, state=SourceState.OK, reason=note)
    return SourceCheck(id=source.id, state=health.state, reason=health.reason, mend=advice(health))


def _advice(health: SourceHealth, record: SourceRecord) -> str | None:
    """What `status` advises, and where the publisher can do something, who writes the letter."""
    words = advice(health)
    ours = not health.reason or (_OUR_OWN.search(health.reason) and not _SHUT_OUT.search(health.reason))
    if ours or (record.failed_status is None and health.failures < FAILING_AFTER):
        return words  # a server that did not answer once or twice owes nobody an explanation
    return f"{words} (`aggregator source letter {health.id}` writes to them)"


def _moved(source: Source, move: Move) -> SourceCheck:
    moved = Proposal(kind=source.kind, url=move.url, score=1.0, why="moved", page=source.page)
    return SourceCheck(
        id=source.id,
        state=SourceState.MOVED,
        reason=f"it redirects permanently to {move.url}, since {move.since:%Y-%m-%d}",
        mend=f"put {move.url} into feeds.yaml as the source's `url`",
        proposal=discover.as_yaml(moved, source.id, source.name),
    )


# --- looks at sites ------------------------------------------------------------------------------------


def _is_worth_a_look(record: SourceRecord) -> bool:
    reason = record.reason or ""
    return bool(record.failures and _WORTH_A_LOOK.search(reason) and not _SHUT_OUT.search(reason))


def _looks(
    store: Store,
    app: App,
    polled: Sequence[Source],
    records: Mapping[str, SourceRecord],
    publishers: Mapping[str, Publisher],
    now: datetime,
) -> list[Look]:
    """The sites to look at now: of broken sources, not of late, and of no host that wants silence."""
    held = visits.held_hosts(store, now)
    found = []
    for source in polled:
        record = records[source.id]
        url = _where(source, record, publishers[source.id].site_link)
        if url is None or not _is_worth_a_look(record):
            continue
        before = source_history.last_look(store, source.id)
        recent_activity = before and now - before[0] < (source.every or app.config.fetch.every)
        if recent_activity or urls.host(url) in held or (record.not_before and record.not_before > now):
            continue
        found.append(Look(source=source, url=url))
    return found


def _where(source: Source, record: SourceRecord, site_link: str | None) -> str | None:
    """Where a source could be found again: at its own address where a page answers there, else on its site."""
    reason = record.reason or ""
    if (source.kind == "page" and "(4" not in reason) or "web page, not" in reason:
        url: str = source.url
    else:
        url = site_link or f"{urls.origin(source.url)}/"
    return None if "DNS" in reason and urls.host(url) == urls.host(source.url) else url


def _make(store: Store, app: App, looks: Sequence[Look], report: FetchReport, now: datetime) -> None:
    """Look at the sites, host by host in the executor; each look is committed before it is made."""
    if not looks:
        return
    by_id = {source.id: source for source in app.config.sources}
    visited = {urls.host(by_id[told.id].url) for told in report.sources}
    terms, robots = probe.probe_rules(app), _fresh_robots(store, now)
    hosts: dict[str, list[Look]] = {}
    for one in looks:
        hosts.setdefault(urls.host(one.url), []).append(one)
        source_history.begin_look(store, one.source.id, now)
    fetcher = app.fetcher()
    with app.sandbox(1) as sandbox, app.make_executor(app.config.fetch.concurrency) as pool:
        running: list[Future[tuple[Found, ...]]] = []
        for host, of_host in hosts.items():
            mine = tuple(one for one in robots if urls.host(one.origin) == host)
            work = HostLooks(looks=tuple(of_host), terms=terms, robots=mine, visited=tuple(sorted(visited)))
            running.append(pool.submit(look_at_host, work, fetcher, sandbox))
        for future in as_completed(running):
            if (problem := future.exception()) is not None:
                said.warning("a look at a site broke off: %s", type(problem).__name__)
                continue  # L2: a dead worker takes nobody else's look with it
            for found in future.result():
                source_history.keep_look(store, found.source_id, now, found.mend, found.proposal)
                if found.silence:
                    url = next(one.url for one in looks if one.source.id == found.source_id)
                    with store.transaction():
                        visits.hold_host(store, urls.host(url), now + found.silence, found.mend)


def _fresh_robots(store: Store, now: datetime) -> tuple[Robots, ...]:
    """Every robots.txt that the round read or found kept for less than a day."""
    kept = robots_txt.read_all(store).values()
    return tuple(one for one in kept if one.text is not None and now - one.read <= ROBOTS_LAST)


def look_at_host(work: HostLooks, fetcher: Fetcher, sandbox: Sandbox) -> tuple[Found, ...]:
    """Look at the sites of one host, one after the other; a worker's function."""
    asker = Probe(work.terms, fetcher, sandbox, known=work.robots, visited=work.visited)
    return tuple(_found(one, discover.look(asker, one.source, one.url, MOST_REQUESTS)) for one in work.looks)


def _found(one: Look, seen: Discovery | Failure) -> Found:
    """What a look means for its source."""
    source = one.source
    if isinstance(seen, Failure):
        silence = min(seen.wait or PUSHED_BACK, LONGEST_WAIT) if seen.holds_host else None
        mend = f"{one.url} cannot be looked at either: {line(seen.reason, 200)}"
        return Found(source_id=source.id, mend=mend, silence=silence)
    well = [offer for offer in seen.offers if offer.well]
    addresses = [o for o in well if not o.proposal.page and o.proposal.url != source.url]
    if addresses:
        return _offered(source, addresses[0], f"feed found elsewhere: {addresses[0].proposal.url}")
    pages = [offer for offer in well if offer.proposal.page]
    if pages and source.kind == "page":
        return _offered(source, pages[0], f"these selectors would fit now: {_selectors(pages[0])}")
    if pages:
        words = f"no feed was found; these selectors would fit its page {seen.url}: {_selectors(pages[0])}"
        return _offered(source, pages[0], words)
    hint = f"; its sitemap is {seen.sitemap}" if seen.sitemap else ""
    return Found(
        source_id=source.id, mend=f"{seen.url} offers nothing that could be polled{hint}: ask the partner"
    )


def _offered(source: Source, offer: TriedProposal, mend: str) -> Found:
    yaml = discover.as_yaml(offer.proposal, source.id, source.name)
    return Found(source_id=source.id, mend=mend, proposal=yaml)


def _selectors(offer: TriedProposal) -> str:
    layout = offer.proposal.page[0]
    said = {"item": (layout.item,), "link": layout.link, "title": layout.title, "date": layout.date}
    return ", ".join(f"{key}: {', '.join(chosen)}" for key, chosen in said.items() if chosen)
