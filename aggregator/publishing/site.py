"""Render a channel as an HTML page without scripts and without resources of other hosts."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any

from markupsafe import Markup

from aggregator.i18n import edition_texts, formatting, phrases
from aggregator.model.config import Channel
from aggregator.model.publishing import Publication, PublishedDocument, UnchangedStory
from aggregator.model.stories import Story
from aggregator.model.value_classes import dataclass
from aggregator.publishing import corrections, fragments, page_template, paths
from aggregator.publishing.page_template import environment
from aggregator.publishing.upcoming_events import UpcomingEvent, badge, upcoming

MAX_UPCOMING = 5
"""Maximum events and deadlines on the front page."""
MAX_PARTNERS = 60
"""Maximum partners named on the front page."""
MAX_BYTES, MAX_COMPRESSED_BYTES = 60_000, 15_000
"""Maximum size of the front page, plain and compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoriesOfDay:
    """The rendered stories announced on one day in the site's time zone."""

    date: date
    articles: tuple[Markup, ...]


def render(publication: Publication) -> PublishedDocument:
    """Render `index.html` of a channel; that of `all` with fewer stories if it is too large."""
    document = _rendered(publication)
    while publication.channel.id == "all" and _is_too_large(document) and len(publication.stories) > 1:
        publication = replace(publication, stories=publication.stories[: len(publication.stories) * 4 // 5])
        document = _rendered(publication)
    return document


def _is_too_large(document: PublishedDocument) -> bool:
    size = len(document.body)
    return size > MAX_BYTES or (
        size > MAX_COMPRESSED_BYTES and len(_compressed(document)) > MAX_COMPRESSED_BYTES
    )


def _compressed(document: PublishedDocument) -> bytes:
    return gzip.compress(document.body, 6, mtime=0)


def _rendered(publication: Publication) -> PublishedDocument:
    site, channel = publication.site, publication.channel
    zone = site.timezone
    path = paths.path(channel, "index.html")
    language = phrases.text_language(channel.language or site.language)
    shared = page_template.context(site, path, language, publication.web_url)

    def local_day(story: Story | UnchangedStory) -> date:
        return story.announced.astimezone(zone).date()

    articles = _Articles(publication, language, shared)
    body = (
        environment()
        .get_template("channel.html.j2")
        .render(
            **shared,
            channel=channel,
            declared=[other for other in publication.channels if not other.automatic],
            partners=_partners(publication),
            page_of=lambda other: paths.relative(channel, paths.path(other, "index.html")),
            editions_url=paths.relative(channel, paths.EDITIONS + "index.html")
            if publication.editions
            else None,
            url_of=lambda name: paths.url(site, channel, name),
            sign_up_url=publication.sign_up_url,
            calendar_url=_calendar_url(publication),
            coming_up=edition_texts.heading("coming", language),
            coming=_upcoming(publication),
            badge=lambda event: badge(event, language),
            days=[
                StoriesOfDay(date=day, articles=tuple(map(articles.article, stories)))
                for day, stories in groupby(publication.stories, key=local_day)
            ],
        )
    )
    return PublishedDocument(path=path, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))


class _Articles:
    """Render the elements of stories, which all pages of a language and folder depth share."""

    def __init__(self, publication: Publication, language: str, shared: Mapping[str, object]) -> None:
        zone = publication.site.timezone
        self._publication = publication
        self._language = language
        self._root = str(shared["root"])
        template = environment().get_template("article.html.j2")
        self._macro: Any = template.make_module(
            {
                **shared,
                "short_day": lambda moment: formatting.short_day(moment.astimezone(zone).date(), language),
            }
        )

    def article(self, story: Story | UnchangedStory) -> Markup:
        """Return the element of a story."""
        if isinstance(story, UnchangedStory):
            entry = story.entries["page"]
        else:
            key = ("page", story.id, self._language, self._root)
            entry = fragments.get_or_render(self._publication.fragments, key, partial(self._rendered, story))
        return Markup(entry.decode("utf-8"))  # noqa: S704 # rendered with autoescape

    def _rendered(self, story: Story) -> bytes:
        site, channel, language = self._publication.site, self._publication.channel, self._language
        element: str = self._macro.article(
            story,
            announced=story.announced.astimezone(site.timezone).date(),
            published=story.published.astimezone(site.timezone).date(),
            note=corrections.correction_note(story, site, language),
            when=corrections.event_line(story, site, language),
            foreign=page_template.lang_attribute(story.lead.language, language),
            direction=page_template.dir_attribute(story.lead.language),
            calendar=paths.relative(channel, paths.story_calendar(story.id)),
        )
        return element.rstrip().encode("utf-8")


_ARTICLE = re.compile(rb'<article id="story-([^"]+)".*?</article>', re.DOTALL)


def split(body: bytes) -> dict[str, bytes]:
    """Return the elements of the stories on a page; text contains no `<` in HTML."""
    return {match[1].decode(): match[0] for match in _ARTICLE.finditer(body)}


def _partners(publication: Publication) -> list[Channel]:
    """Return the channels of partners with stories, for the front page."""
    found = [other for other in publication.channels if other.automatic and other.id.startswith("source-")]
    return sorted(found, key=lambda other: other.title.casefold())[:MAX_PARTNERS]


def _calendar_url(publication: Publication) -> str | None:
    """Return the link to the page of events, or to the calendar of a channel."""
    if publication.events is None:
        return None
    return paths.EVENTS if publication.channel.id == "all" else paths.CALENDAR


def _upcoming(publication: Publication) -> list[UpcomingEvent]:
    """Return the next events for the front page, without those that do not take place."""
    if publication.channel.id != "all":
        return []
    return [each for each in upcoming(publication) if each.event.takes_place][:MAX_UPCOMING]
