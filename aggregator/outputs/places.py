"""Where documents live below `public`, and the permanent ids they carry."""

from __future__ import annotations

from aggregator.model import Channel, Site

ATOM_TYPE = "application/atom+xml; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
EDITIONS = "digests/"
"""The folder of the editions: their pages, `index.html` and `atom.xml`."""


def path(channel: Channel, name: str) -> str:
    """`name` at the top for the channel `all`, in a folder of its own for every other."""
    return name if channel.id == "all" else f"channels/{channel.id}/{name}"


def url(site: Site, channel: Channel, name: str) -> str:
    """The absolute URL a document of a channel is served at; a page goes by its folder."""
    return site.url + path(channel, name).removesuffix("index.html")


def beside(here: Channel, target: str) -> str:
    """The path from a channel's page to `target` below `public`: pages also work as plain files."""
    return target if here.id == "all" else f"../../{target}"


def story_tag(site: Site, story_id: str) -> str:
    """The permanent id of a story (RFC 4151, I4)."""
    return f"tag:{site.authority}:story/{story_id}"


def channel_tag(site: Site, channel: Channel) -> str:
    """The permanent id of a channel's feed."""
    return f"tag:{site.authority}:channel/{channel.id}"
