"""Where documents live below `public`, and the permanent ids they carry."""

from __future__ import annotations

import hashlib

from aggregator.model.config import Channel, Site
from aggregator.model.stories import Story, StoryItem

ATOM_TYPE = "application/atom+xml; charset=utf-8"
RSS_TYPE = "application/rss+xml; charset=utf-8"
JSON_TYPE = "application/feed+json; charset=utf-8"
CSS_TYPE = "text/css; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
EDITIONS = "digests/"
"""The folder of the editions: their pages, `index.html` and their feed."""
EDITION_FEED = EDITIONS + "atom.xml"


def path(channel: Channel, name: str) -> str:
    """`name` at the top for the channel `all`, in a folder of its own for every other."""
    return name if channel.id == "all" else f"channels/{channel.id}/{name}"


def url(site: Site, channel: Channel, name: str) -> str:
    """The absolute URL a document of a channel is served at; a page goes by its folder."""
    return site.url + path(channel, name).removesuffix("index.html")


def beside(here: Channel, target: str) -> str:
    """The path from a channel's page to `target` below `public`: pages also work as plain files."""
    return target if here.id == "all" else f"../../{target}"


def archive_path(month: str) -> str:
    """Where the archive document of a month (`yyyy-mm`) is."""
    return f"archive/{month}.xml"


ARCHIVE_FORMAT = 1
"""Archive documents of another format are rendered again although they are frozen."""


def anchored(site: Site) -> str:
    """What a frozen archive document depends on: ids and addresses."""
    return hashlib.sha256(f"{ARCHIVE_FORMAT}\n{site.url}\n{site.authority}".encode()).hexdigest()


def story_tag(site: Site, story_id: str) -> str:
    """The permanent id of a story (RFC 4151, I4)."""
    return f"tag:{site.authority}:story/{story_id}"


def channel_tag(site: Site, channel: Channel) -> str:
    """The permanent id of a channel's feed."""
    return f"tag:{site.authority}:channel/{channel.id}"


def alternate(site: Site, channel: Channel, story: Story) -> str:
    """Where a story is read: at its publisher's, or where that has no page for it, on ours."""
    return href(story.lead.link or f"{url(site, channel, 'index.html')}#story-{story.id}")


def beyond(story_item: StoryItem) -> str:
    """Where another partner tells the same story; one that only passed on the link is known by its site."""
    return href(story_item.item.link or story_item.publisher.site_link or story_item.publisher.url)


def href(link: str) -> str:
    """A link as RFC 3986 has it: brackets (`?a[]=1` of TYPO3) only belong around the address of a host."""
    scheme, slashes, rest = link.partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host}{slash}{path.replace('[', '%5B').replace(']', '%5D')}"
