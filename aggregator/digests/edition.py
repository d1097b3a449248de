"""What a digest has to tell -> its edition: sections, order, and the words that are kept for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from aggregator import i18n
from aggregator.model.config import DigestPlan
from aggregator.model.digests import (
    Edition,
    EditionEntry,
    EntryReason,
    PendingStories,
    StoryUpdate,
    UpdateKind,
)
from aggregator.model.documents import Kind
from aggregator.model.stories import Story

_KINDS = {
    "news": (Kind.NEWS,),
    "events": (Kind.EVENT, Kind.COURSE),
    "calls": (Kind.CALL, Kind.JOB),
    "works": (Kind.PAPER, Kind.RELEASE),
    "letters": (Kind.NEWSLETTER,),
}
_LAST = ("turned", "gone")


def compose(
    plan: DigestPlan, untold: PendingStories, period: date, now: datetime, topics: Sequence[str] = ()
) -> Edition:
    """The edition of a period; `topics` in the order in which they are headings, where the digest is by topic."""
    language = i18n.known(plan.language)
    by_topic = plan.sections == "topics"
    headings = [*(i18n.TOPIC + topic for topic in topics), "other", "events"] if by_topic else [*_KINDS]
    told = [
        *(_new(story, plan, _section(story, topics, by_topic=by_topic)) for story in untold.new),
        *(_again(retold, plan) for retold in untold.retold),
    ]
    order = {name: n for n, name in enumerate([*headings, *_LAST])}
    # The day it is sent: a first edition, or one after downtime, closes a period that began earlier.
    today = now.astimezone(plan.timezone).date()
    return Edition(
        id=f"{plan.id}-{period.isoformat()}",
        digest_id=plan.id,
        title=plan.title,
        subject=f"{plan.title}, {i18n.day(today, language)}",
        language=language,
        period=period,
        composed=now,
        told=tuple(sorted(told, key=lambda one: (order[one.section], _place(one)))),
    )


def _section(story: Story, topics: Sequence[str], *, by_topic: bool) -> str:
    """Events stand together, whatever they are about; other news once, under its first topic."""
    kind = next(name for name, kinds in _KINDS.items() if story.kind in kinds)
    if not by_topic or kind == "events":
        return kind
    return next((i18n.TOPIC + topic for topic in topics if topic in story.topics), "other")


def _place(told: EditionEntry) -> int:
    """Events go by their date, the latest first; everything else as it was announced."""
    return -told.day.toordinal() if told.section == "events" else 0


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
        also=tuple(story_item.publisher.name for story_item in story.also),
        excerpt="" if lead.excerpt == lead.title else lead.excerpt,
    )


def _again(retold: StoryUpdate, plan: DigestPlan) -> EditionEntry:
    told = replace(
        _new(retold.story, plan, "turned"),
        reason=retold.reason,
        turn=retold.turn,
        turned=_local(retold.at, plan),
        before=retold.before,
    )
    if retold.turn is not UpdateKind.WITHDRAWN:
        return told
    # What was taken back is named, no more.
    return replace(
        told, section="gone", title=retold.before or told.title, link=None, also=(), excerpt="", before=None
    )


def _local(moment: datetime, plan: DigestPlan) -> date:
    return moment.astimezone(plan.timezone).date()
