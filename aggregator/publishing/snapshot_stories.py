"""Render the stories of a snapshot as JSON Lines, and describe their fields (Table Schema)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from aggregator.model.config import Site
from aggregator.model.events import StoryEvent
from aggregator.model.publishing import Tombstone
from aggregator.model.snapshots import SnapshotStory
from aggregator.model.stories import Story, StoryItem
from aggregator.publishing import atom, paths

_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}
"""Characters that some programs read as line ends, although JSON allows them in strings."""

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("id", "string", "Permanent tag: URI of the story (RFC 4151), the same as in the feeds."),
    ("status", "string", "`published`, or `removed` or `merged`: such a line has no texts."),
    ("announced", "datetime", "When this site first published the story; the month goes by it."),
    ("published", "datetime", "When the first publisher published it, as stated there."),
    ("updated", "datetime", "Last significant edit."),
    ("title", "string", "Title of the leading item."),
    ("summary", "string", "At most 300 characters of the text of the leading item."),
    ("content", "string", "Whole text as HTML, only where licence or permission allow to republish it."),
    ("link", "string", "Page of the leading item at its publisher."),
    ("page", "string", "Page of the story at this site."),
    ("language", "string", "Language of the leading item (BCP 47), null if unknown."),
    ("kind", "string", "news, event, course, job, call, paper, newsletter or release."),
    ("topics", "array", "Topics that this site gave to the story."),
    ("authors", "array", "Authors as the leading item names them."),
    ("categories", "array", "Categories of the leading item, as its publisher wrote them."),
    ("items", "array", "Every report of the story, the leading one first: source, link, dates and licence."),
    ("events", "array", "Dates of what the story announces: start, end, zone, place and status."),
    ("corrections", "array", "Significant edits after the announcement, with the titles before and after."),
    ("related", "array", "Ids of published stories about the same subject that are not the same."),
    ("removed", "datetime", "When the story was removed or merged."),
    ("became", "string", "Id of the story into which it was merged."),
)
"""Name, type and meaning of the fields of stories.jsonl."""

STATUSES = ("published", "removed", "merged")
REQUIRED = ("id", "status")


def schema() -> dict[str, Any]:
    """Return the Table Schema of stories.jsonl."""
    constraints: dict[str, dict[str, Any]] = {name: {"required": True} for name in REQUIRED}
    constraints["status"]["enum"] = [*STATUSES]
    constraints["id"]["unique"] = True
    fields = [
        {"name": name, "type": type_, "description": meaning}
        | ({"constraints": constraints[name]} if name in constraints else {})
        for name, type_, meaning in FIELDS
    ]
    return {"fields": fields, "primaryKey": ["id"], "missingValues": [""]}


def published_line(snapshot_story: SnapshotStory, site: Site) -> bytes:
    """Return the line of a published story."""
    story = snapshot_story.story
    lead = story.lead
    return _line(
        {
            "id": paths.story_tag(site, story.id),
            "status": "published",
            "announced": _moment(story.announced),
            "published": _moment(story.published),
            "updated": _moment(story.updated),
            "title": lead.title,
            "summary": lead.excerpt,
            "content": permitted_text(story, site),
            "link": paths.href(lead.link) if lead.link else None,
            "page": site.url + paths.story_page(story.id),
            "language": lead.language,
            "kind": story.kind.value,
            "topics": [*story.topics],
            "authors": [name for name in lead.authors if "@" not in name],
            "categories": [*lead.categories],
            "items": [_item(story_item) for story_item in story.items],
            "events": [_event(event, site) for event in story.events],
            "corrections": [
                {"at": _moment(change.at), "title_before": change.before, "title_after": change.after}
                for change in snapshot_story.corrections
            ],
            "related": [paths.story_tag(site, other_id) for other_id in snapshot_story.related],
        }
    )


def removed_line(tombstone: Tombstone, site: Site) -> bytes:
    """Return the line of a removed or merged story, without texts."""
    return _line(
        {
            "id": paths.story_tag(site, tombstone.story_id),
            "status": "merged" if tombstone.merged_into else "removed",
            "removed": _moment(tombstone.at),
            "became": paths.story_tag(site, tombstone.merged_into) if tombstone.merged_into else None,
        }
    )


def permitted_text(story: Story, site: Site) -> str | None:
    """Return the HTML of the leading item if feeds contain it as well, else None (P3)."""
    return story.lead.html if atom.full_text(story, site) else None


def licence(story_item: StoryItem) -> str | None:
    """Return the licence of an item: as configured, else as the item or its feed states it."""
    publisher = story_item.publisher
    return publisher.licence or story_item.item.rights or publisher.rights


def _item(story_item: StoryItem) -> dict[str, Any]:
    item, publisher = story_item.item, story_item.publisher
    return {
        "source": publisher.id,
        "publisher": publisher.name,
        "feed": paths.href(publisher.url),
        "title": item.title,
        "link": paths.href(item.link) if item.link else None,
        "published": _moment(item.claimed) if item.claimed else None,
        "first_seen": _moment(item.first_seen),
        "language": item.language,
        "licence": licence(story_item),
    }


def _event(story_event: StoryEvent, site: Site) -> dict[str, Any]:
    event = story_event.whole.local(site.timezone)
    return {
        "kind": event.kind.value,
        "start": _date(event.start),
        "end": _date(event.end),
        "all_day": event.all_day,
        "zone": event.zone,
        "place": event.place,
        "attendance": event.attendance.value if event.attendance else None,
        "status": event.status.value,
        "day_known": not event.month_only,
        "past": event.retrospective,
        "occurrences": [_date(occurrence) for occurrence in event.occurrences],
    }


def _date(moment: date | datetime) -> str:
    return moment.isoformat()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(value: dict[str, Any]) -> bytes:
    """Return a line that has all fields, as a table requires; absent values are null."""
    row = {name: value.get(name) for name, _, _ in FIELDS}
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_LINE_ENDS).encode() + b"\n"
