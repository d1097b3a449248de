"""Find the new, edited and removed stories that the next edition of a digest contains."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.dedupe.phases import MAX_LEADING_CHARACTERS
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import fold
from aggregator.items.diff import has_text_changed
from aggregator.items.identity import title_key
from aggregator.model.config import DigestPlan
from aggregator.model.digests import ClosingStory, PendingStories, StoryUpdate, UpdateKind
from aggregator.model.events import Event, EventKind, EventStatus
from aggregator.model.stories import Story
from aggregator.store import digest_events, editions, stories
from aggregator.store.connection import Store
from aggregator.store.editions import UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingIds:
    """Ids of stories that an edition may contain.

    `removed` has the time of each removal, `closing` the part of each deadline that is near.
    """

    new: list[str]
    edited: list[str]
    removed: dict[str, datetime]
    closing: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Return all ids, each once."""
        return list(dict.fromkeys([*self.new, *self.edited, *self.removed, *self.closing]))

    def only(self, ids: Collection[str]) -> PendingIds:
        """Return those of the ids that are in `ids`."""
        return PendingIds(
            new=[id_ for id_ in self.new if id_ in ids],
            edited=[id_ for id_ in self.edited if id_ in ids],
            removed={id_: at for id_, at in self.removed.items() if id_ in ids},
            closing={id_: part for id_, part in self.closing.items() if id_ in ids},
        )


def find_ids(store: Store, plan: DigestPlan, since: datetime, now: datetime) -> PendingIds:
    """Find the stories that an edition may contain; `since` is the digest's start (M2)."""
    record = editions.record(store, plan.id)
    oldest = record.oldest_pending if record else since
    return PendingIds(
        new=editions.pending(store, plan, since=oldest),
        edited=editions.edited(store, plan, since=oldest) if record else [],
        removed=editions.removed(store, plan, since=oldest) if record else {},
        closing=digest_events.near_deadlines(store, plan, now.astimezone(plan.timezone).date())
        if record
        else {},
    )


def read_pending(store: Store, plan: DigestPlan, pending_ids: PendingIds) -> PendingStories:
    """Read the stories of an edition, without those whose edit was reverted since the last one."""
    new = tuple(stories.read(store, pending_ids.new))
    edited = _one_of_each_event(list(_edited(store, plan, pending_ids.edited, new)))
    updates = (*edited, *_removed(store, plan, pending_ids.removed))
    shown = {update.story.id for update in updates}
    return PendingStories(
        new=new,
        updates=updates,
        closing=tuple(
            _closing(store, {id_: part for id_, part in pending_ids.closing.items() if id_ not in shown})
        ),
    )


def _closing(store: Store, parts: Mapping[str, str]) -> Iterator[ClosingStory]:
    """Yield the stories whose deadlines are near, with these."""
    for story in stories.read(store, list(parts)):
        for each in story.events:
            if each.part == parts[story.id]:
                yield ClosingStory(story=story, deadline=each.event)


def _edited(
    store: Store, plan: DigestPlan, ids: Sequence[str], new: Sequence[Story]
) -> Iterator[StoryUpdate]:
    """Yield stories that differ significantly from their last entry (E1).

    Not those whose event changed as another story of this edition or an earlier one reports (EX6).
    """
    edited = stories.read(store, ids, texts=True)
    last_entries = editions.last_entries(store, plan.id, [story.id for story in edited])
    reported = digest_events.last_events(store, plan.id, [s.event.entry_id for s in edited if s.event])
    reported |= {story.event.entry_id: story.event.event for story in new if story.event}
    for story in edited:
        last, lead = last_entries.get(story.id), story.lead
        former_event = _former_event(story, reported)
        if last is None or last.item_id != lead.id:  # the last entry was another item: nothing to compare
            if story.event is None or story.event.changed <= story.updated:
                yield StoryUpdate(story=story, update_kind=UpdateKind.CORRECTED, at=story.updated)
            elif former_event:
                kind, at = _event_update(story, former_event, UpdateKind.CORRECTED), story.event.changed
                yield StoryUpdate(story=story, update_kind=kind, at=at, former_event=former_event)
            continue
        former_text = lead.text if last.text is None else last.text
        title_changed = title_key(last.title) != title_key(lead.title)
        text_changed = has_text_changed(former_text, lead.text)
        kind = _update_kind(_beginning(last.title, former_text), _beginning(lead.title, lead.text))
        if not (title_changed or text_changed or former_event or kind is not UpdateKind.CORRECTED):
            continue
        if kind is not UpdateKind.CORRECTED and not former_event and _differs(story, last.event):
            continue  # its words now say of the event what another story has reported
        former_title: str | None = last.title if title_changed else lead.title
        if former_event and not (title_changed or text_changed):
            former_title = None
        yield StoryUpdate(
            story=story,
            update_kind=_event_update(story, former_event, kind),
            at=max(story.updated, story.event.changed) if story.event and former_event else story.updated,
            former_title=former_title,
            former_event=former_event,
        )


def _one_of_each_event(updates: Sequence[StoryUpdate]) -> Iterator[StoryUpdate]:
    """Yield updates without those whose event, but no word, changed as another one reports."""
    entries = {each.story.event.entry_id for each in updates if each.story.event and not each.former_event}
    entries |= {each.story.event.entry_id for each in updates if each.story.event and each.former_title}
    for each in updates:
        if each.story.event and each.former_event and each.former_title is None:
            if each.story.event.entry_id in entries:
                continue
            entries.add(each.story.event.entry_id)
        yield each


def _former_event(story: Story, reported: Mapping[str, Event]) -> Event | None:
    """Return what the digest reported last about the event of a story, if the event differs now."""
    last = reported.get(story.event.entry_id) if story.event else None
    return last if _differs(story, last) else None


def _differs(story: Story, last: Event | None) -> bool:
    """Return whether the event of a story has other facts; its kind is none of them."""
    return bool(story.event and last and story.event.event.announced[1:] != last.announced[1:])


def _event_update(story: Story, former: Event | None, kind: UpdateKind) -> UpdateKind:
    """Return how an event changed; `kind` is what the words of the story say."""
    if story.event is None or former is None:
        return kind
    event = story.event.event
    if event.status is EventStatus.CANCELLED and former.status is not EventStatus.CANCELLED:
        return UpdateKind.CANCELLED
    if event.kind is EventKind.DEADLINE and event.days(UTC)[1] > former.days(UTC)[1]:
        return UpdateKind.EXTENDED
    is_same_date = event.announced == replace(former, status=event.status).announced
    if is_same_date and EventStatus.TENTATIVE in (event.status, former.status):
        return kind
    return kind if kind is UpdateKind.CANCELLED else UpdateKind.MOVED


def _beginning(title: str, text: str) -> str:
    return f"{title} {text[:MAX_LEADING_CHARACTERS]}"


def _update_kind(before: str, after: str) -> UpdateKind:
    """Return what the text after an edit says that the text before did not."""
    added = phases(fold(after)) - phases(fold(before))
    if "cancelled" in added:
        return UpdateKind.CANCELLED
    return UpdateKind.MOVED if "moved" in added else UpdateKind.CORRECTED


def _removed(store: Store, plan: DigestPlan, removals: Mapping[str, datetime]) -> Iterator[StoryUpdate]:
    """Yield stories removed since their last entry, with the title of that entry (I8)."""
    last_entries = editions.last_entries(store, plan.id, removals)
    for story in stories.read(store, list(removals)):
        last = last_entries.get(story.id)
        yield StoryUpdate(
            story=story,
            update_kind=UpdateKind.WITHDRAWN,
            at=removals[story.id],
            former_title=last.title if last else None,
        )
