"""Render a channel as an HTML page without scripts and without resources of other hosts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator import i18n
from aggregator.model.config import Channel
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import corrections, paths, stylesheet
from aggregator.publishing.coming import ComingEvent, badge, coming

MAX_COMING = 5
"""Maximum events and deadlines on the front page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Hold the stories announced on one day in the site's time zone."""

    date: date
    stories: tuple[Story, ...]


def render(publication: Publication) -> PublishedDocument:
    """Render `index.html` of a channel."""
    site, channel = publication.site, publication.channel
    zone = site.timezone

    def local_day(story: Story) -> date:
        return story.announced.astimezone(zone).date()

    def page_of(other: Channel) -> str:
        return paths.relative(channel, paths.path(other, "index.html"))

    body = (
        environment()
        .get_template("channel.html.j2")
        .render(
            site=site,
            channel=channel,
            channels=publication.channels,
            page_of=page_of,
            home_url=paths.relative(channel, "index.html"),
            editions_url=paths.relative(channel, paths.EDITIONS + "index.html")
            if publication.editions
            else None,
            sources_url=paths.relative(channel, "sources.opml"),
            stylesheet_url=paths.relative(channel, stylesheet.render().path),
            automatic=[other for other in publication.channels if other.automatic],
            url_of=lambda name: paths.url(site, channel, name),
            note=lambda story: corrections.note(story, site),
            when=lambda story: corrections.event_line(story, site),
            words=i18n.words(site.language),
            language=i18n.known(site.language),
            calendar_url=_calendar_url(publication),
            calendar_of=lambda story: paths.relative(channel, paths.story_calendar(story.id)),
            coming_up=i18n.heading("coming", site.language),
            coming=_coming(publication),
            badge=lambda event: badge(event, site.language),
            days=[
                Day(date=day, stories=tuple(stories))
                for day, stories in groupby(publication.stories, key=local_day)
            ],
            local=lambda moment: moment.astimezone(zone),
        )
    )
    return PublishedDocument(
        path=paths.path(channel, "index.html"), media_type=paths.HTML_TYPE, body=body.encode("utf-8")
    )


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


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment of pages."""
    found = Environment(
        loader=PackageLoader("aggregator.publishing"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals["stylesheet"] = stylesheet.render().path
    return found
