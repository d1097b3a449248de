"""A channel as a page for people: no script, nothing loaded from elsewhere, readable on a phone and in the dark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.model.config import Channel
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import corrections, paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The stories announced on one local day."""

    date: date
    stories: tuple[Story, ...]


def render(publication: Publication) -> PublishedDocument:
    """`index.html` of a channel."""
    site, channel = publication.site, publication.channel
    zone = site.timezone

    def local_day(story: Story) -> date:
        return story.announced.astimezone(zone).date()

    def home_of(other: Channel) -> str:
        return paths.beside(channel, paths.path(other, "index.html"))

    body = (
        environment()
        .get_template("channel.html.j2")
        .render(
            site=site,
            channel=channel,
            channels=publication.channels,
            home_of=home_of,
            start=paths.beside(channel, "index.html"),
            editions_url=paths.beside(channel, paths.EDITIONS + "index.html")
            if publication.editions
            else None,
            sources_url=paths.beside(channel, "sources.opml"),
            made=[other for other in publication.channels if other.automatic],
            address_of=lambda name: paths.url(site, channel, name),
            note=lambda story: corrections.note(story, site),
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


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of the pages."""
    return Environment(
        loader=PackageLoader("aggregator.publishing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
