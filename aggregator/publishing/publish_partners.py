"""Write the pages and badges of partners whose report has changed.

The report on a source is composed again when its document, its state or its server changed. It is also composed on
each day with a failed or slow visit, and after the first visit of a week. It states the facts of the day of that visit,
so that its bytes stay the same without a change (PB13, PB17).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aggregator.gateways import files
from aggregator.model.publishing import PublishedDocument
from aggregator.model.reports import QuarantineStep
from aggregator.publishing import paths
from aggregator.store import partner_reports
from aggregator.store.partner_reports import PageState

if TYPE_CHECKING:
    from aggregator.model.findings import PartnerReport
    from aggregator.publishing.page_work import PageWork

MAX_REPORTS = 1_000
"""Maximum number of reports composed in one round; the next round continues."""
WRITTEN_TOGETHER = 100
"""Number of pages that are in memory together."""


def write_partner_pages(work: PageWork) -> None:
    """Write the pages that are out of date; remove those of sources that are not polled."""
    limit = None if work.everything else MAX_REPORTS
    states = partner_reports.pages(work.store, work.render_hash, limit)
    source_ids = [*states]
    for start in range(0, len(source_ids), WRITTEN_TOGETHER):
        _write(work, {id_: states[id_] for id_ in source_ids[start : start + WRITTEN_TOGETHER]})
    work.is_unfinished |= len(source_ids) == limit
    _remove_orphaned(work)


def _write(work: PageWork, states: Mapping[str, PageState]) -> None:
    """Write some pages."""
    pages: dict[str, PartnerPage] = {}
    for source_id, state in states.items():
        page = work.quarantine.try_document(
            QuarantineStep.CHANNEL, paths.partner_page(source_id), partial(_render, work, source_id, state)
        )
        if page is not None:
            pages[source_id] = page
    if pages:
        work.write([document for page in pages.values() for document in page.documents])
        _record(work, pages)


class PartnerPage(NamedTuple):
    """A report with its documents; there are none if the page on disk shows the same."""

    state: PageState
    report: PartnerReport
    documents: list[PublishedDocument]


def _render(work: PageWork, source_id: str, state: PageState) -> PartnerPage:
    """Compose the report on a source, and render its documents unless they show the same."""
    from aggregator.publishing import partner_page, partner_report

    with work.store.snapshot():
        report = partner_report.compose(work.store, source_id, state.as_of if state.unchanged else state.day)
        content_hash = state.content_hash if state.unchanged else partner_report.content_hash(report)
        shows_same = content_hash == state.content_hash
        if shows_same and not work.everything:
            return PartnerPage(state, report, [])
        if shows_same and not state.unchanged:
            report = partner_report.compose(work.store, source_id, state.as_of)
    channels = {channel.id: channel for channel in work.config.channels}
    channel = channels.get(f"source-{source_id}") if report.stories else None
    documents = partner_page.documents(report, work.config.site, channel=channel, web_url=work.web_url)
    new_state = state._replace(content_hash=content_hash, as_of=report.facts.as_of)
    return PartnerPage(new_state, report, documents)


def _record(work: PageWork, pages: Mapping[str, PartnerPage]) -> None:
    """Record findings, and that the pages are on disk (P1)."""
    with work.store.transaction():
        for source_id, page in pages.items():
            if page.documents and page.state.as_of:
                codes = [finding.code for finding in page.report.findings]
                partner_reports.store_findings(work.store, source_id, codes, page.state.as_of)
            partner_reports.record_page(work.store, source_id, page.state, work.render_hash)


def _remove_orphaned(work: PageWork) -> None:
    """Remove the pages of sources that are no longer polled, or have a new id."""
    if source_ids := partner_reports.orphaned_pages(work.store):
        orphaned = [path(id_) for id_ in source_ids for path in (paths.partner_page, paths.partner_badge)]
        files.remove_documents(work.config.public, orphaned)
        with work.store.transaction():
            partner_reports.delete_pages(work.store, source_ids)
