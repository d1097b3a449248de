"""Name the paths and URLs of published documents, and the permanent ids in them."""

from __future__ import annotations

import hashlib

from aggregator.model.config import Channel, Site
from aggregator.model.stories import Story, StoryItem

ATOM_TYPE = "application/atom+xml; charset=utf-8"
RSS_TYPE = "application/rss+xml; charset=utf-8"
JSON_TYPE = "application/feed+json; charset=utf-8"
CSS_TYPE = "text/css; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
SVG_TYPE = "image/svg+xml; charset=utf-8"
CALENDAR_TYPE = "text/calendar; charset=utf-8"
CALENDAR = "events.ics"
"""The calendar of a channel."""
DEADLINES = "deadlines.ics"
"""The calendar of all deadlines."""
EVENTS = "events/index.html"
"""The page of upcoming events and deadlines."""
EDITIONS = "digests/"
"""The folder of the pages of editions, of their list and of their feed."""
EDITION_FEED = EDITIONS + "atom.xml"
ARCHIVE_INDEX = "archive/index.html"
"""The list of all months."""
TOPICS, PARTNERS = "topics/index.html", "partners/index.html"
SITEMAP = "sitemap.xml"
"""The lists of topics and of partners."""
STORIES = "stories/"
"""The folder of the pages and calendar files of stories."""


def path(channel: Channel, name: str) -> str:
    """Return the path of a channel's document; only `all` has no folder of its own."""
    return name if channel.id == "all" else f"channels/{channel.id}/{name}"


def url(site: Site, channel: Channel, name: str) -> str:
    """Return the absolute URL of a channel's document; the URL of a page is that of its folder."""
    return site.url + path(channel, name).removesuffix("index.html")


def relative(channel: Channel, target: str) -> str:
    """Return the relative path from a channel's page to `target` below `public`.

    With relative links pages also work as local files.
    """
    return target if channel.id == "all" else f"../../{target}"


def story_calendar(story_id: str) -> str:
    """Return the path of the calendar file of one story."""
    return f"{STORIES}{story_id}.ics"


def story_page(story_id: str) -> str:
    """Return the path of the page of one story."""
    return f"{STORIES}{story_id}.html"


def month_page(month: str) -> str:
    """Return the path of the page of a month (`yyyy-mm`)."""
    return f"archive/{month}.html"


def partner_page(source_id: str) -> str:
    """Return the path of the page of a partner; the list of partners is `index.html`."""
    return f"partners/{_partner(source_id)}.html"


def partner_badge(source_id: str) -> str:
    """Return the path of the badge of a partner."""
    return f"partners/{_partner(source_id)}.svg"


def _partner(source_id: str) -> str:
    return "_index" if source_id == "index" else source_id  # no id begins with an underscore


def webcal(url: str) -> str:
    """Return the URL by which a calendar app subscribes to a calendar."""
    return "webcal:" + url.partition(":")[2]


def archive_path(month: str) -> str:
    """Return the path of the archive document of a month (`yyyy-mm`)."""
    return f"archive/{month}.xml"


ARCHIVE_FORMAT = 1
"""Version of archive documents; frozen documents of another version are rendered again."""


def frozen_hash(site: Site) -> str:
    """Return a hash of format, site URL and authority, on which frozen documents depend."""
    return hashlib.sha256(f"{ARCHIVE_FORMAT}\n{site.url}\n{site.authority}".encode()).hexdigest()


def story_tag(site: Site, story_id: str) -> str:
    """Return the permanent id of a story, a `tag:` URI (RFC 4151)."""
    return f"tag:{site.authority}:story/{story_id}"


def channel_tag(site: Site, channel: Channel) -> str:
    """Return the permanent id of a channel's feed, a `tag:` URI (RFC 4151)."""
    return f"tag:{site.authority}:channel/{channel.id}"


def alternate(site: Site, channel: Channel, story: Story) -> str:
    """Return the URL of a story at its publisher, or on this site if the item has no link."""
    return href(story.lead.link or f"{url(site, channel, 'index.html')}#story-{story.id}")


def further_source(story_item: StoryItem) -> str:
    """Return the URL of a further item of a story, or the site of its publisher without one."""
    return href(story_item.item.link or story_item.publisher.site_link or story_item.publisher.url)


def href(link: str) -> str:
    """Encode brackets after the host, as in `?a[]=1` of TYPO3 (RFC 3986 section 3.2.2)."""
    scheme, slashes, rest = link.partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host}{slash}{path.replace('[', '%5B').replace(']', '%5D')}"
