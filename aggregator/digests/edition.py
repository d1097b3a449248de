"""Compose an edition from pending stories: sections, order and the text of each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from aggregator.i18n import edition_texts, formatting, phrases
from aggregator.model.config import DigestPlan
from aggregator.model.digests import (
    ClosingStory,
    Edition,
    EditionEntry,
    EntryReason,
    PendingStories,
    StoryUpdate,
    UpdateKind,
)
from aggregator.model.documents import ItemKind
from aggregator.model.events import AS_ANNOUNCED, EventKind
from aggregator.model.stories import Story

_KINDS_BY_SECTION = {
    "news": (ItemKind.NEWS,),
    "events": (ItemKind.EVENT, ItemKind.COURSE),
    "calls": (ItemKind.CALL, ItemKind.JOB),
    "works": (ItemKind.PAPER, ItemKind.RELEASE),
    "newsletters": (ItemKind.NEWSLETTER,),
}
_FIRST = ("closing", "coming")
_LAST = ("updates", "withdrawn")


def compose_edition(
    plan: DigestPlan, pending: PendingStories, period: date, now: datetime, topics: Sequence[str] = ()
) -> Edition:
    """Compose the edition of a period; `topics` are the order of headings in a digest by topic."""
    language = phrases.text_language(plan.language)
    by_topic = plan.sections == "topics"
    headings = (
        [*(edition_texts.TOPIC + topic for topic in topics), "other", "events"]
        if by_topic
        else [*_KINDS_BY_SECTION]
    )
    # The subject has the date of composition, because after downtime the period began earlier.
    today = now.astimezone(plan.timezone).date()
    entries = [
        *(_closing(each, plan) for each in pending.closing),
        *(_new(story, plan, _section(story, plan, topics, today)) for story in pending.new),
        *(_update(update, plan) for update in pending.updates),
    ]
    order = {name: n for n, name in enumerate([*_FIRST, *headings, *_LAST])}
    return Edition(
        id=f"{plan.id}-{period.isoformat()}",
        digest_id=plan.id,
        title=plan.title,
        subject=f"{plan.title}, {formatting.day(today, language)}",
        language=language,
        period=period,
        composed=now,
        entries=tuple(sorted(entries, key=lambda entry: (order[entry.section], _rank(entry, plan)))),
    )


def _section(story: Story, plan: DigestPlan, topics: Sequence[str], today: date) -> str:
    """Return the section of a story: by its event, its kind, or its first topic."""
    if section := _section_of_event(story, plan, today):
        return section
    kind = next(name for name, kinds in _KINDS_BY_SECTION.items() if story.kind in kinds)
    if plan.sections != "topics" or kind == "events":
        return kind
    return next((edition_texts.TOPIC + topic for topic in topics if topic in story.topics), "other")


def _section_of_event(story: Story, plan: DigestPlan, today: date) -> str | None:
    """Return the section of a story about an event: it changes a known one, or is coming (CA7)."""
    if story.event is None or story.event.event.retrospective:
        return None
    event = story.event.event
    if story.event.entry_id != story.id and event.status not in AS_ANNOUNCED:
        return "updates"
    is_coming = event.kind is not EventKind.DEADLINE and event.takes_place
    return "coming" if is_coming and event.days(plan.timezone)[1] >= today else None


def _rank(entry: EditionEntry, plan: DigestPlan) -> int:
    """Sort what is coming by date, the nearest first; other events by date, the latest first."""
    if entry.section in _FIRST and entry.event:
        return entry.event.days(plan.timezone)[0].toordinal()
    return -entry.day.toordinal() if entry.section == "events" else 0


def _closing(closing: ClosingStory, plan: DigestPlan) -> EditionEntry:
    entry = _new(closing.story, plan, "closing")
    return replace(entry, reason=EntryReason.CLOSING, event=closing.deadline, excerpt="")


def _new(story: Story, plan: DigestPlan, section: str) -> EditionEntry:
    lead = story.lead
    return EditionEntry(
        story_id=story.id,
        item_id=lead.id,
        reason=EntryReason.NEW,
        section=section,
        title=lead.title,
        publisher=story.publisher.name,
        day=_local(story.published, plan),
        link=lead.link,
        language=lead.language,
        also=tuple(story_item.publisher.name for story_item in story.further_items),
        excerpt="" if lead.excerpt == lead.title else lead.excerpt,
        event=story.event.event if story.event else None,
    )


def _update(update: StoryUpdate, plan: DigestPlan) -> EditionEntry:
    entry = replace(
        _new(update.story, plan, "updates"),
        reason=update.reason,
        update_kind=update.update_kind,
        updated_on=_local(update.at, plan),
        former_title=update.former_title,
        former_event=update.former_event,
    )
    if update.update_kind is not UpdateKind.WITHDRAWN:
        return entry
    # A removed story is named only: no link, no text.
    return replace(
        entry,
        section="withdrawn",
        title=update.former_title or entry.title,
        link=None,
        also=(),
        excerpt="",
        former_title=None,
        event=None,
    )


def _local(moment: datetime, plan: DigestPlan) -> date:
    return moment.astimezone(plan.timezone).date()
