"""Render the lists of topics and of partners, each with its numbers and feeds."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.model.config import Channel, Site
from aggregator.model.pages import Directory
from aggregator.model.publishing import PublishedDocument
from aggregator.model.stories import Publisher
from aggregator.model.value_classes import dataclass
from aggregator.publishing import charts, page_template, paths

CHART_WEEKS = 52
"""Weeks in a sparkline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """A topic or partner on its list.

    Without an automatic channel of its own it has no feeds and no sparkline, and a topic no number of stories.
    """

    name: str
    stories: int | None
    channel: Channel | None = None
    numbers: Directory | None = None
    publisher: Publisher | None = None

    @property
    def chart(self) -> charts.Chart:
        """Return the sparkline of the last weeks."""
        return charts.bar_chart(self.numbers.weeks if self.numbers else ())

    @property
    def page(self) -> str | None:
        """Return the path of the partner's page."""
        return paths.partner_page(self.publisher.id) if self.publisher else None

    @property
    def website(self) -> str | None:
        """Return the address of the partner's site."""
        link = self.publisher.site_link if self.publisher else None
        return paths.href(link) if link else None


def topics(listed: Sequence[DirectoryEntry], site: Site, *, web_url: str | None) -> PublishedDocument:
    """Render `topics/index.html`, the topics with most stories first."""
    return _render(paths.TOPICS, "topics", listed, site, web_url=web_url)


def partners(listed: Sequence[DirectoryEntry], site: Site, *, web_url: str | None) -> PublishedDocument:
    """Render `partners/index.html`, in alphabetical order."""
    return _render(paths.PARTNERS, "partners", listed, site, web_url=web_url)


def _render(
    path: str, name: str, listed: Sequence[DirectoryEntry], site: Site, *, web_url: str | None
) -> PublishedDocument:
    return page_template.render("directory.html.j2", site, path, web_url=web_url, name=name, listed=listed)
