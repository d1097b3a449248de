"""Plan visits: what the store knows of each source, read before its first request (V1)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from aggregator import urls
from aggregator.gateways import ssrf
from aggregator.model.config import Source
from aggregator.model.polling import (
    Attempt,
    MissingItem,
    ParseContext,
    PostingStats,
    Request,
    Robots,
    SourceRecord,
    Validators,
    VisitPlan,
)
from aggregator.model.value_classes import dataclass
from aggregator.polling import schedule
from aggregator.polling.contact import may_visit_public
from aggregator.polling.due import answering_host_of, hosts_of, url_of
from aggregator.polling.missing_items import CHECK_INTERVAL
from aggregator.polling.polite_client import SCRAPED
from aggregator.polling.round import Round
from aggregator.store import documents, items, missing_items, robots, sources, visits

logger = logging.getLogger("aggregator.fetch")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFacts:
    """What the plans of a round share: every robots.txt, and due page checks by source.

    Of some sources, the entries of their documents and their activity.
    """

    robots: Mapping[str, Robots]
    missing_items: Mapping[str, tuple[MissingItem, ...]]
    entry_hashes: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    activity: Mapping[str, sources.SourceActivity] = field(default_factory=dict)


def read_shared_facts(work: Round, chosen: Sequence[Source]) -> SharedFacts:
    """Read what the plans for `chosen` share."""
    checks = _page_checks(work, chosen)
    needed = bool(checks) or any(source.kind in SCRAPED for source in chosen)
    return SharedFacts(robots=robots.read_all(work.store) if needed else {}, missing_items=checks)


def with_facts_of_sources(work: Round, known: SharedFacts, ids: Sequence[str]) -> SharedFacts:
    """Read what the plans for some sources need besides."""
    return replace(
        known,
        entry_hashes=documents.entry_hashes(work.store, ids),
        activity=sources.activity(work.store, ids),
    )


def plan_attempt(work: Round, source: Source, known: SharedFacts, now: datetime) -> Attempt:
    """Return a planned visit with all that is known of its source, in the caller's snapshot."""
    with work.store.translating_errors():
        return _attempt(work, _plan(work, source, known), known.activity[source.id].posting_stats, now)


def unplanned_attempt(work: Round, source: Source, now: datetime) -> Attempt:
    """Return the attempt of a visit that is not made, because its plan failed; it is recorded."""
    request = Request(source=source, validators=work.records[source.id].validators)
    plan = VisitPlan(request=request, context=ParseContext(source=source))
    return _attempt(work, plan, PostingStats(), now)


def _attempt(work: Round, plan: VisitPlan, posting_stats: PostingStats, now: datetime) -> Attempt:
    source, rules = plan.source, work.config.fetch
    record = work.records[source.id]
    return Attempt(
        plan=plan,
        min_interval=schedule.minimum_interval(source, rules, record.validators)
        if record.last_success
        else source.every or rules.every,
        next_visit=schedule.provisional_visit(record, source, rules, posting_stats, now),
        forced=record.next_visit is not None and record.next_visit > work.now,
    )


def _plan(work: Round, source: Source, known: SharedFacts) -> VisitPlan:
    store, record = work.store, work.records[source.id]
    checks = known.missing_items.get(source.id, ())
    pages = [url_of(source, record), *(missing_item.link for missing_item in checks)] if known.robots else []
    origins = {urls.origin(page) for page in pages}
    gap = record.coverage_gap
    return VisitPlan(
        request=Request(
            source=source, url=url_of(source, record), validators=_validators(work, source, record)
        ),
        context=ParseContext(
            source=source,
            identity_policy=record.identity_policy,
            known_hashes=known.entry_hashes.get(source.id, frozenset()),
            entries_before=record.entries,
            entries_accepted=schedule.accepted_entries(record, work.now),
            articles_read=_articles_read(work, source),
        ),
        body_hash=record.body_hash,
        robots=tuple(known.robots[origin] for origin in origins if origin in known.robots),
        unfinished=documents.last_accepted(store, source.id) if record.unfinished else None,
        coverage_gap=gap and replace(gap, known=items.aliases(store, source.id)),
        missing_items=checks,
    )


def _validators(work: Round, source: Source, record: SourceRecord) -> Validators:
    """Return the validators to send; none once after days of 304 only (CL17)."""
    if not schedule.wants_full_document(record, source, work.now):
        return record.validators
    logger.info("only 304 for days: requested the whole document once", extra={"source": source.id})
    return Validators()


def _articles_read(work: Round, source: Source) -> frozenset[str]:
    """Return the keys of articles already read, because each is read once (V2)."""
    if not any(layout.article for layout in source.page):
        return frozenset()
    from aggregator.items.identity import article_key

    return frozenset(article_key(link, title) for link, title in items.links(work.store, source.id))


def _page_checks(work: Round, chosen: Iterable[Source]) -> dict[str, tuple[MissingItem, ...]]:
    """Return the missing items to check at the visits of `chosen`, by source (I8).

    No host is visited by two workers at once (CL11), no rate-limited host (CL8), no public one too early (V7).
    """
    due = missing_items.due(work.store, work.now - CHECK_INTERVAL)
    if not due:
        return {}
    limited = visits.rate_limited_hosts(work.store, work.now)
    visitor_of: dict[str, str] = {}
    for source in chosen:
        record = work.records[source.id]
        for host in hosts_of(source, record):
            visitor_of.setdefault(host, answering_host_of(source, record))

    def may_request(source: Source, link: str) -> bool:
        visitor, host = answering_host_of(source, work.records[source.id]), urls.host(link)
        allowed = may_visit_public(work.app) or ssrf.is_private(link, work.config.fetch.allow_private)
        return allowed and host not in limited and visitor_of.setdefault(host, visitor) == visitor

    return {
        source.id: tuple(item for item in due.get(source.id, ()) if may_request(source, item.link))
        for source in chosen
    }
