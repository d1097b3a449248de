"""Render a channel as an HTML page without scripts and without resources of other hosts."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

from aggregator import i18n
from aggregator.model.config import Channel
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import corrections, page_template, paths
from aggregator.publishing.coming import ComingEvent, badge, coming
from aggregator.publishing.page_template import environment

MAX_COMING = 5
"""Maximum events and deadlines on the front page."""
MAX_PARTNERS = 60
"""Maximum partners named on the front page."""
MAX_BYTES, MAX_COMPRESSED_BYTES = 60_000, 15_000
"""Maximum size of the front page, plain and compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Hold the stories announced on one day in the site's time zone."""

    date: date
    stories: tuple[Story, ...]


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
    language = i18n.known(channel.language or site.language)
    shared = page_template.context(site, path, language, publication.web_url)

    def local_day(story: Story) -> date:
        return story.announced.astimezone(zone).date()

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
            note=lambda story: corrections.note(story, site, language),
            when=lambda story: corrections.event_line(story, site, language),
            foreign=lambda code: page_template.foreign(code, language),
            direction=page_template.direction,
            short_day=lambda moment: i18n.short_day(moment.astimezone(zone).date(), language),
            calendar_url=_calendar_url(publication),
            calendar_of=lambda story: paths.relative(channel, paths.story_calendar(story.id)),
            coming_up=i18n.heading("coming", language),
            coming=_coming(publication),
            badge=lambda event: badge(event, language),
            days=[
                Day(date=day, stories=tuple(stories))
                for day, stories in groupby(publication.stories, key=local_day)
            ],
            local=lambda moment: moment.astimezone(zone),
        )
    )
    return PublishedDocument(path=path, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))


def _partners(publication: Publication) -> list[Channel]:
    """Return the channels of partners with stories, for the front page."""
    found = [other for other in publication.channels if other.automatic and other.id.startswith("source-")]
    return sorted(found, key=lambda other: other.title.casefold())[:MAX_PARTNERS]


def _calendar_url(publication: Publication) -> str | None:
    """Return the link to the page of events, or to the calendar of a channel."""
    if publication.events is None:
        return None
    return paths.EVENTS if publication.channel.id == "all" else paths.CALENDAR


def _coming(publication: Publication) -> list[ComingEvent]:
    """Return the next events for the front page, without those that do not take place."""
    if publication.channel.id != "all":
        return []
    return [each for each in coming(publication) if each.event.takes_place][:MAX_COMING]
