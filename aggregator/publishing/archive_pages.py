"""Render the page of a month, the list of all months, and the parts of the site map."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby, islice
from typing import Any
from xml.sax.saxutils import escape

from markupsafe import Markup

from aggregator.i18n import formatting
from aggregator.model.config import Site
from aggregator.model.pages import ListedStory, MonthRecord
from aggregator.model.publishing import PublishedDocument, UnchangedStory
from aggregator.publishing import charts, page_template, paths

MAX_CHART_MONTHS = 240
"""Maximum months in the chart: the last 20 years."""
MAX_URLS = 50_000
"""Maximum URLs in a part of the site map, as sitemaps.org demands."""
XML_TYPE = "application/xml; charset=utf-8"
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
ENTRIES_IN_PART = 1_000
"""Number of URLs that are written together."""
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<{{}} xmlns="{NAMESPACE}">\n'


def month_page(
    month: str,
    stories: Iterable[ListedStory | UnchangedStory],
    site: Site,
    *,
    count: int,
    neighbours: tuple[str | None, str | None],
    feed: bool,
    web_url: str | None,
) -> Iterator[bytes]:
    """Render `archive/<yyyy-mm>.html` of `count` stories in parts.

    `neighbours` are the months before and after it, if any.
    """

    def local_day(story: ListedStory | UnchangedStory) -> date:
        return story.announced.astimezone(site.timezone).date()

    template = page_template.environment().get_template("month_row.html.j2")
    rows: Any = template.make_module(
        page_template.context(site, paths.month_page(month), site.language, web_url)
    )

    def row(story: ListedStory | UnchangedStory) -> Markup:
        if isinstance(story, UnchangedStory):
            return Markup(story.entries["page"].decode("utf-8"))  # noqa: S704 # rendered with autoescape
        element: Markup = rows.row(story)
        return element

    return page_template.parts(
        "month.html.j2",
        site,
        paths.month_page(month),
        web_url=web_url,
        month=month,
        title=month_name(month, site),
        count=count,
        days=((day, map(row, group)) for day, group in groupby(stories, key=local_day)),
        earlier=neighbours[0],
        later=neighbours[1],
        month_name=lambda each: month_name(each, site),
        feed=feed,
    )


ROW = b'<li><a href="../stories/'
"""The first bytes of the row of a story."""
_ROW = re.compile(re.escape(ROW) + rb'([^"./]+)\.html"[^>]*>.*?</li>', re.DOTALL)


def split_page(body: bytes) -> dict[str, bytes]:
    """Return the rows of the stories on the page of a month; text contains no `<` in HTML."""
    return {match[1].decode(): match[0] for match in _ROW.finditer(body)}


def index(months: Sequence[MonthRecord], site: Site, *, web_url: str | None) -> PublishedDocument:
    """Render `archive/index.html` of months, oldest first, with a bar chart of their stories."""
    newest_first = [record for record in reversed(months) if record.stories]
    numbers = {record.month: record.stories for record in newest_first}
    charted = charts.months_between(newest_first[-1].month, newest_first[0].month) if newest_first else []
    charted = charted[-MAX_CHART_MONTHS:]
    return page_template.render(
        "archive.html.j2",
        site,
        paths.ARCHIVE_INDEX,
        web_url=web_url,
        chart=charts.bar_chart([numbers.get(month, 0) for month in charted]),
        first=month_name(charted[0], site) if charted else "",
        last=month_name(charted[-1], site) if charted else "",
        years=[
            (year, list(group)) for year, group in groupby(newest_first, key=lambda record: record.month[:4])
        ],
        name_of=lambda record: formatting.month_name(int(record.month[5:]), site.language),
        month_page=paths.month_page,
        total=sum(numbers.values()),
    )


def month_name(month: str, site: Site) -> str:
    """Return the name and year of a month (`yyyy-mm`)."""
    return formatting.month(date(int(month[:4]), int(month[5:]), 1), site.language)


def sitemap_parts(
    month: str, stories: Iterable[tuple[str, str]], count: int, site: Site
) -> list[tuple[str, Iterator[bytes]]]:
    """Render the parts of the site map with the `count` stories of a month; most have one part.

    `stories` are ids and times of the last change. Return the path of each part and its bytes in smaller parts, which
    have to be read one after another.
    """
    entries = (_entry("url", site.url + paths.story_page(id_), changed) for id_, changed in stories)
    return [
        (part_path(month, n), _document_parts(islice(entries, MAX_URLS)))
        for n in range(-(-count // MAX_URLS))
    ]


def part_path(month: str, part: int) -> str:
    """Return the path of a part of the site map."""
    return f"sitemaps/{month}{f'-{part + 1}' if part else ''}.xml"


def sitemap(months: Sequence[MonthRecord], site: Site) -> list[PublishedDocument]:
    """Render `sitemap.xml`, the index of the parts, and the part with the lists."""
    lists = ["", "events/", "archive/", "topics/", "partners/", "about.html", "bot.html"]
    pages = [*lists, *(paths.month_page(record.month) for record in months if record.stories)]
    names = [
        part_path(record.month, n)
        for record in months
        for n in range(-(-record.stories // MAX_URLS))
        if record.stories > 0
    ]
    return [
        _document("sitemaps/pages.xml", "urlset", [_entry("url", site.url + page) for page in pages]),
        _document(
            paths.SITEMAP,
            "sitemapindex",
            [_entry("sitemap", site.url + name) for name in ("sitemaps/pages.xml", *names)],
        ),
    ]


def _entry(element: str, url: str, changed: str | None = None) -> str:
    lastmod = f"<lastmod>{changed}</lastmod>" if changed else ""
    return f"<{element}><loc>{escape(url)}</loc>{lastmod}</{element}>\n"


def _document(path: str, root: str, entries: Sequence[str]) -> PublishedDocument:
    body = f"{_HEAD.format(root)}{''.join(entries)}</{root}>\n"
    return PublishedDocument(path=path, media_type=XML_TYPE, body=body.encode("utf-8"))


def _document_parts(entries: Iterator[str]) -> Iterator[bytes]:
    yield _HEAD.format("urlset").encode("utf-8")
    while part := "".join(islice(entries, ENTRIES_IN_PART)):
        yield part.encode("utf-8")
    yield b"</urlset>\n"
