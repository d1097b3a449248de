"""Render the page of a partner with the report on its feed, and its badge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from markupsafe import Markup, escape

from aggregator import feed_findings
from aggregator.i18n import formatting, phrases
from aggregator.model.config import Channel, Site
from aggregator.model.findings import Level, PartnerReport
from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import charts, day_strips, page_template, paths
from aggregator.text import line

STRIP_DAYS, DAYS_LISTED = 90, 7
"""Days in the strip of visits, and in the table below it."""
CHART_WEEKS = 52
"""Number of weeks whose stories are counted."""
BADGE_HEIGHT, BADGE_PADDING, CHARACTER_WIDTH = 28, 10, 6.6
"""Sizes of a badge in pixels; the text has a fixed width, so that it fits in every font."""
MAX_BADGE_CHARACTERS = 60
"""Maximum length of the name of the site on a badge."""


def documents(
    report: PartnerReport, site: Site, *, channel: Channel | None, web_url: str | None
) -> list[PublishedDocument]:
    """Render `partners/<id>.html` and `partners/<id>.svg`."""
    return [page(report, site, channel=channel, web_url=web_url), badge(report, site)]


def page(
    report: PartnerReport, site: Site, *, channel: Channel | None, web_url: str | None
) -> PublishedDocument:
    """Render the page; its bytes change with a finding or the result of a day."""
    facts = report.facts
    findings = [(finding, feed_findings.in_words(finding, site.language)) for finding in report.findings]
    return page_template.render(
        "partner.html.j2",
        site,
        paths.partner_page(facts.source_id),
        web_url=web_url,
        facts=facts,
        address=feed_findings.public_address(facts.url),
        website=paths.href(report.site_link) if report.site_link else None,
        channel=channel,
        stories=report.stories,
        chart=charts.bar_chart(report.weeks),
        strip=_strip(report),
        strip_width=STRIP_DAYS * day_strips.DAY_WIDTH - 1,
        days=STRIP_DAYS,
        last_days=[
            (visit_day.day, day_strips.tone(visit_day.visits), _failures(visit_day.failures, site))
            for visit_day in report.last_days
        ],
        problems=[pair for pair in findings if pair[0].level in feed_findings.FAULTS],
        advice=[pair for pair in findings if pair[0].level is Level.ADVICE],
        badge=paths.partner_badge(facts.source_id).partition("/")[2],
        badge_text=_badge_text(report, site),
        snippet=_snippet(report, site),
    )


def _strip(report: PartnerReport) -> day_strips.Strip | None:
    if report.facts.as_of is None:
        return None
    return day_strips.day_strip(report.days, report.facts.as_of - timedelta(days=STRIP_DAYS - 1), STRIP_DAYS)


def _failures(codes: Sequence[str], site: Site) -> list[str]:
    words = phrases.findings(site.language)
    return [words[code]["sentence"] for code in codes]


# --- badge ----------------------------------------------------------------------------------------------


def badge(report: PartnerReport, site: Site) -> PublishedDocument:
    """Render the badge: an image that needs no other file, with a title for screen readers."""
    left_text, right_text = _badge_parts(report, site)
    title = escape(_badge_text(report, site))
    widths = [round(len(text) * CHARACTER_WIDTH) + 2 * BADGE_PADDING for text in (left_text, right_text)]
    total, baseline = sum(widths), 18
    texts = "".join(
        f'<text x="{x + BADGE_PADDING}" y="{baseline}" fill="{colour}" textLength="{width - 2 * BADGE_PADDING}"'
        f' lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
        for text, x, width, colour in (
            (left_text, 0, widths[0], "#ffffff"),
            (right_text, widths[0], widths[1], "#1d2226"),
        )
    )
    body = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{BADGE_HEIGHT}"'
        f' viewBox="0 0 {total} {BADGE_HEIGHT}" role="img" aria-labelledby="t"><title id="t">{title}</title>'
        f'<rect width="{total}" height="{BADGE_HEIGHT}" rx="4" fill="#e8f0f1"/>'
        f'<path d="M4 0h{widths[0] - 4}v{BADGE_HEIGHT}h-{widths[0] - 4}a4 4 0 0 1-4-4v-{BADGE_HEIGHT - 8}'
        f'a4 4 0 0 1 4-4z" fill="#00566b"/><g font-family="system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif"'
        f' font-size="12">{texts}</g></svg>\n'
    )
    return PublishedDocument(
        path=paths.partner_badge(report.facts.source_id), media_type=paths.SVG_TYPE, body=body.encode()
    )


def _badge_parts(report: PartnerReport, site: Site) -> tuple[str, str]:
    """Return the texts on the left and right side of a badge."""
    title = line(site.title, MAX_BADGE_CHARACTERS) or ""
    listed_on: str = phrases.pages(site.language)["badge_listed"]
    return listed_on.format(title=title), formatting.plural("badge_stories", sum(report.weeks), site.language)


def _badge_text(report: PartnerReport, site: Site) -> str:
    return ": ".join(_badge_parts(report, site))


def _snippet(report: PartnerReport, site: Site) -> str:
    """Return the HTML with which a partner shows its badge; its alternative text has no number."""
    id_ = report.facts.source_id
    return str(
        Markup('<a href="{}"><img src="{}" alt="{}" height="{}"></a>').format(
            site.url + paths.partner_page(id_),
            site.url + paths.partner_badge(id_),
            _badge_parts(report, site)[0],
            BADGE_HEIGHT,
        )
    )
