"""Render a channel as JSON Feed 1.1."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from aggregator.model.config import Site
from aggregator.model.documents import Enclosure
from aggregator.model.events import StoryEvent
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import atom, corrections, fragments, paths
from aggregator.publishing.fragments import fragment

VERSION = "https://jsonfeed.org/version/1.1"


def render(publication: Publication) -> PublishedDocument:
    """Render `feed.json` of a channel."""
    site, channel = publication.site, publication.channel
    path = paths.path(channel, "feed.json")
    feed: dict[str, Any] = {
        "version": VERSION,
        "title": channel.title,
        "home_page_url": paths.url(site, channel, "index.html"),
        "feed_url": site.url + path,
        "authors": [{"name": site.title, "url": site.url}],
        "language": site.language,
    }
    if publication.hub:
        feed["hubs"] = [{"type": "WebSub", "url": publication.hub}]
    feed["items"] = []
    items = [
        fragment(publication.fragments, "json", story, channel, partial(_rendered, publication=publication))
        for story in publication.stories
    ]
    body = _text(feed) + b"\n"
    if items:
        body = b"".join([body.removesuffix(_END), b"[\n", b",\n".join(items), b"\n ]\n}\n"])
    return PublishedDocument(path=path, media_type=paths.JSON_TYPE, body=body)


_END = b"[]\n}\n"


_ID_OF_STORY = re.compile(rb'\s*"id": "tag:[^"]*:story/([^"]+)"')


def split(body: bytes) -> dict[str, bytes]:
    """Return the rendered items of a document by story."""
    found = fragments.split(body, b"\n  {\n", b"\n ]\n}\n", _ID_OF_STORY)
    return {id_: item.removeprefix(b"\n").removesuffix(b",") for id_, item in found.items()}


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8")


def _rendered(story: Story, publication: Publication) -> bytes:
    """Render an item as it stands in the list of a feed, indented by two spaces."""
    return b"  " + _text(_item(story, publication)).replace(b"\n", b"\n  ")


def _item(story: Story, publication: Publication) -> dict[str, Any]:
    site, lead, publisher = publication.site, story.lead, story.publisher
    summary = corrections.summary(story, site)
    item: dict[str, Any] = {
        "id": paths.story_tag(site, story.id),
        "url": paths.alternate(site, publication.channel, story),
        "title": lead.title,
    }
    if text := atom.full_text(story, site):
        item |= {"content_html": text, "summary": summary}
    else:
        item["content_text"] = summary
    item |= {
        "date_published": story.published.isoformat(),
        "date_modified": story.updated.isoformat(),
        "authors": [{"name": name} for name in lead.authors or (publisher.name,)],
        "tags": list(dict.fromkeys((*story.topics, story.kind.value, *lead.categories))),
    }
    if lead.language:
        item["language"] = lead.language
    if lead.enclosures:
        item["attachments"] = [_attachment(enclosure) for enclosure in lead.enclosures]
    item["_aggregator"] = _extension(story, site)
    return item


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    media_type = atom.file_attributes(enclosure).get("type", "application/octet-stream")
    attachment: dict[str, Any] = {"url": paths.href(enclosure.url), "mime_type": media_type}
    if enclosure.length is not None:
        attachment["size_in_bytes"] = enclosure.length
    return attachment


def _extension(story: Story, site: Site) -> dict[str, Any]:
    """Return what JSON Feed has no fields for: source, related links, rights, event (CA8)."""
    extension: dict[str, Any] = {"source": {"title": story.publisher.name, "url": story.publisher.url}}
    if also := atom.related(story):
        extension["related"] = [{"url": href, "title": title} for href, title in also]
    if rights := story.publisher.licence or story.lead.rights:
        extension["rights"] = rights
    if story.event:
        extension["event"] = _event(story.event, site)
    return extension


def _event(story_event: StoryEvent, site: Site) -> dict[str, Any]:
    event = story_event.event.local(site.timezone)
    start, end = event.dates[0]
    facts = {
        "kind": event.kind,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "all_day": event.all_day,
        "zone": event.zone,
        "place": event.place,
        "attendance": event.attendance,
        "status": event.status,
        "calendar": site.url + paths.story_calendar(story_event.entry_id),
    }
    if event.retrospective or event.month_only:
        del facts["calendar"]
    return {key: value for key, value in facts.items() if value is not None}
