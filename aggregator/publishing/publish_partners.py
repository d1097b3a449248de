"""Write the pages and badges of partners whose report has changed.

The report on a source is made again when its document, its state or its server changed, on each day with a failed or
slow visit, and after the first visit of a week. It is as of the day of that visit, so that without a change its bytes
stay the same (PB13, PB17).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aggregator import feed_findings
from aggregator.gateways import files
from aggregator.model.findings import PartnerReport
from aggregator.model.publishing import PublishedDocument
from aggregator.model.reports import ContainedStep
from aggregator.publishing import paths
from aggregator.store import feed_facts, sources
from aggregator.store.connection import Store
from aggregator.store.feed_facts import PageState

if TYPE_CHECKING:
    from aggregator.publishing.publish_pages import PageWork

MAX_REPORTS = 100
"""Maximum reports that one round makes; the next round goes on."""


def publish(work: PageWork) -> None:
    """Write the pages that are out of date; remove those of sources that are not polled."""
    limit = None if work.everything else MAX_REPORTS
    states = feed_facts.pages(work.store, work.rendered_with, limit)
    written: dict[str, Written] = {}
    for source_id, state in states.items():
        made = work.contained.whole(
            ContainedStep.CHANNEL, paths.partner_page(source_id), partial(_made, work, source_id, state)
        )
        if made is not None:
            written[source_id] = made
    if written:
        work.write([document for made in written.values() for document in made.documents])
        _record(work, written)
    _remove_orphaned(work)


class Written(NamedTuple):
    """A page that was made again; without documents it would show the same."""

    state: PageState
    report: PartnerReport
    documents: list[PublishedDocument]


def _made(work: PageWork, source_id: str, state: PageState) -> Written:
    """Make the report on a source, and the documents of its partner if they show something else."""
    from aggregator.publishing import partner_page

    with work.store.snapshot():
        found = report(work.store, source_id, state.as_of if state.unchanged else state.day)
        shown = state.shown if state.unchanged else _hash(found)
        same = shown == state.shown
        if same and not work.everything:
            return Written(state, found, [])
        if same and not state.unchanged:
            found = report(work.store, source_id, state.as_of)
    channels = {each.id: each for each in work.config.channels}
    channel = channels.get(f"source-{source_id}") if found.stories else None
    documents = partner_page.documents(found, work.config.site, channel=channel, web_url=work.web_url)
    return Written(state._replace(shown=shown, as_of=found.facts.as_of), found, documents)


def _hash(found: PartnerReport) -> str:
    """Return a hash of what a page shows, without days on which all was well."""
    facts, findings = found.facts, found.findings
    faulty = facts.failures or any(finding.code == "certificate_ends" for finding in findings)
    when = facts.as_of if faulty or facts.as_of is None else feed_facts.week_of(facts.as_of)
    inputs = (
        when,
        [(finding.code, finding.values) for finding in findings],
        (facts.format, facts.certificate_until, facts.state, found.site_link, found.stories, found.weeks),
    )
    return hashlib.sha256(repr(inputs).encode()).hexdigest()


def report(store: Store, source_id: str, as_of: date | None) -> PartnerReport:
    """Return the report on a source as of the day of a visit, None before the first one."""
    from aggregator.publishing import partner_page

    facts = feed_facts.read(store, source_id, as_of)
    publisher = sources.publishers_of(store, [source_id])[source_id]
    return PartnerReport(
        facts=facts,
        findings=feed_findings.find(facts, feed_facts.found_since(store, source_id).get(source_id)),
        days=feed_facts.days(store, source_id, as_of - timedelta(days=partner_page.DAYS - 1), as_of)
        if as_of
        else {},
        last_days=feed_facts.last_days(store, source_id, as_of, partner_page.DAYS_LISTED) if as_of else (),
        stories=feed_facts.story_count(store, source_id),
        weeks=feed_facts.stories_by_week(store, source_id, feed_facts.week_of(as_of), partner_page.WEEKS)
        if as_of
        else (),
        site_link=publisher.site_link,
    )


def _record(work: PageWork, written: Mapping[str, Written]) -> None:
    """Record what was found, and that the pages are on disk (P1)."""
    with work.store.transaction():
        for id_, made in written.items():
            if made.documents and made.state.as_of:
                codes = [finding.code for finding in made.report.findings]
                feed_facts.keep_found(work.store, id_, codes, made.state.as_of)
            feed_facts.page_written(work.store, id_, made.state, work.rendered_with)


def _remove_orphaned(work: PageWork) -> None:
    """Remove the pages of sources that are no longer polled, or have a new id."""
    if orphaned := feed_facts.orphaned_pages(work.store):
        found = [path(id_) for id_ in orphaned for path in (paths.partner_page, paths.partner_badge)]
        files.remove_documents(work.config.public, found)
        with work.store.transaction():
            feed_facts.forget_pages(work.store, orphaned)
