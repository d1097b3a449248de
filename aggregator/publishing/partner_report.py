"""Compose the report on a source, and hash what its page shows."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from aggregator import feed_findings
from aggregator.model.findings import PartnerReport
from aggregator.publishing import partner_page
from aggregator.store import feed_facts, partner_reports, sources
from aggregator.store.connection import Store


def compose(store: Store, source_id: str, as_of: date | None) -> PartnerReport:
    """Compose the report on a source for the day of a visit, None before the first visit."""
    facts = feed_facts.read(store, source_id, as_of)
    publisher = sources.publishers_of(store, [source_id])[source_id]
    return PartnerReport(
        facts=facts,
        findings=feed_findings.find_findings(
            facts, partner_reports.known_findings(store, source_id).get(source_id)
        ),
        days=feed_facts.days(store, source_id, as_of - timedelta(days=partner_page.STRIP_DAYS - 1), as_of)
        if as_of
        else {},
        last_days=feed_facts.last_days(store, source_id, as_of, partner_page.DAYS_LISTED) if as_of else (),
        stories=feed_facts.story_count(store, source_id),
        weeks=feed_facts.stories_by_week(
            store, source_id, feed_facts.week_of(as_of), partner_page.CHART_WEEKS
        )
        if as_of
        else (),
        site_link=publisher.site_link,
    )


def content_hash(report: PartnerReport) -> str:
    """Return a hash of what a page shows, in which days without faults do not count."""
    facts, findings = report.facts, report.findings
    is_faulty = facts.failures or any(finding.code == "certificate_ends" for finding in findings)
    period = facts.as_of if is_faulty or facts.as_of is None else feed_facts.week_of(facts.as_of)
    inputs = (
        period,
        [(finding.code, finding.values) for finding in findings],
        (facts.format, facts.certificate_until, facts.state, report.site_link, report.stories, report.weeks),
    )
    return hashlib.sha256(repr(inputs).encode()).hexdigest()
