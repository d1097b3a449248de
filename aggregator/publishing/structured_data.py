"""Describe a story for machines: JSON-LD in the vocabulary of schema.org."""

from __future__ import annotations

import json
from collections.abc import Mapping

from markupsafe import Markup

from aggregator.model.config import Site
from aggregator.model.events import Attendance, Event, EventStatus
from aggregator.model.stories import Story
from aggregator.publishing import paths

SCHEMA = "https://schema.org/"
STATUS = {
    EventStatus.CANCELLED: "EventCancelled",
    EventStatus.POSTPONED: "EventPostponed",
    EventStatus.RESCHEDULED: "EventRescheduled",
    EventStatus.MOVED_ONLINE: "EventMovedOnline",
}
ATTENDANCE = {
    Attendance.ON_SITE: "OfflineEventAttendanceMode",
    Attendance.ONLINE: "OnlineEventAttendanceMode",
    Attendance.BOTH: "MixedEventAttendanceMode",
}
ESCAPES = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""Characters that could end the script element or its line, as JSON escapes."""


def story_data(story: Story, site: Site) -> Markup:
    """Return the JSON-LD of a story, safe inside a script element."""
    data = {"@context": SCHEMA.rstrip("/"), **_described(story, site)}
    text = json.dumps(data, ensure_ascii=False)
    for char, escape in ESCAPES.items():  # `str.translate` takes 30 times as long beyond ASCII
        text = text.replace(char, escape)
    return Markup(text)  # noqa: S704 # escaped above


def _described(story: Story, site: Site) -> dict[str, object]:
    """Return an Event where the story announces one, else a NewsArticle, and its originals."""
    originals = list(dict.fromkeys(paths.href(each.item.link) for each in story.items if each.item.link))
    common = {
        "@id": site.url + paths.story_page(story.id),
        "url": site.url + paths.story_page(story.id),
        "inLanguage": story.lead.language or None,
        "isBasedOn": originals[0] if len(originals) == 1 else originals or None,
    }
    organization = {"@type": "Organization", "name": story.publisher.name, "url": story.publisher.site_link}
    event = story.event.event if story.event else None
    if event and not event.retrospective:
        return _given(
            {
                "@type": "Event",
                "name": story.lead.title,
                **common,
                **_event(event.local(site.timezone), site),
                "organizer": _given(organization),
            }
        )
    return _given(
        {
            "@type": "NewsArticle",
            "headline": story.lead.title,
            **common,
            "datePublished": story.published.isoformat(),
            "dateModified": story.updated.isoformat(),
            "author": _given(organization),
            "publisher": {"@type": "Organization", "name": site.title, "url": site.url},
            "keywords": list(story.topics) or None,
        }
    )


def _event(event: Event, site: Site) -> dict[str, object]:
    start, end = event.dates[0]
    online = {"@type": "VirtualLocation", "url": site.url}
    place = {"@type": "Place", "name": event.place, "address": event.place} if event.place else None
    location = {Attendance.ONLINE: online, Attendance.BOTH: [place, online] if place else online}
    return {
        "startDate": f"{start:%Y-%m}" if event.month_only else start.isoformat(),
        "endDate": None if event.month_only else end.isoformat(),
        "eventStatus": SCHEMA + STATUS.get(event.status, "EventScheduled"),
        "eventAttendanceMode": SCHEMA + ATTENDANCE[event.attendance] if event.attendance else None,
        "location": location.get(event.attendance, place) if event.attendance else place,
    }


def _given(data: Mapping[str, object]) -> dict[str, object]:
    """Return the properties that have a value."""
    return {key: value for key, value in data.items() if value is not None}
