"""Find the new, edited and removed stories that the next edition of a digest contains."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.dedupe.status import MAX_LEADING_CHARACTERS
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import fold
from aggregator.items.diff import text_differs
from aggregator.items.identity import title_key
from aggregator.model.config import DigestPlan
from aggregator.model.digests import PendingStories, StoryUpdate, UpdateKind
from aggregator.store import editions, stories
from aggregator.store.connection import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Ids of stories that an edition may contain; `withdrawn` has the time of each removal."""

    new: list[str]
    edited: list[str]
    withdrawn: dict[str, datetime]

    @property
    def ids(self) -> list[str]:
        """Return all ids, each once."""
        return list(dict.fromkeys([*self.new, *self.edited, *self.withdrawn]))

    def only(self, ids: Collection[str]) -> Candidates:
        """Return the candidates whose id is in `ids`."""
        return Candidates(
            new=[id_ for id_ in self.new if id_ in ids],
            edited=[id_ for id_ in self.edited if id_ in ids],
            withdrawn={id_: at for id_, at in self.withdrawn.items() if id_ in ids},
        )


def candidates(store: Store, plan: DigestPlan, since: datetime) -> Candidates:
    """Find the stories that an edition may contain; `since` is the start of the digest (M2)."""
    record = editions.record(store, plan.id)
    floor = max(since, record.last_composed - editions.REACH) if record else since
    return Candidates(
        new=editions.pending(store, plan, floor=floor),
        edited=editions.edited(store, plan, floor=floor) if record else [],
        withdrawn=editions.withdrawn(store, plan, floor=floor) if record else {},
    )


def read(store: Store, plan: DigestPlan, wanted: Candidates) -> PendingStories:
    """Read candidates, without stories whose edit was reverted since the last edition."""
    return PendingStories(
        new=tuple(stories.read(store, wanted.new)),
        updates=(*_edited(store, plan, wanted.edited), *_withdrawn(store, plan, wanted.withdrawn)),
    )


def _edited(store: Store, plan: DigestPlan, ids: Sequence[str]) -> Iterator[StoryUpdate]:
    """Yield stories that differ significantly from their last entry (E1)."""
    edited = stories.read(store, ids, texts=True)
    last_entries = editions.last_entries(store, plan.id, [story.id for story in edited])
    for story in edited:
        last, lead = last_entries.get(story.id), story.lead
        if last is None or last.item_id != lead.id:  # the last entry was another item: nothing to compare
            yield StoryUpdate(story=story, update_kind=UpdateKind.CORRECTED, at=story.updated)
            continue
        former_text = lead.text if last.text is None else last.text
        title_changed = title_key(last.title) != title_key(lead.title)
        kind = _update_kind(_beginning(last.title, former_text), _beginning(lead.title, lead.text))
        if title_changed or kind is not UpdateKind.CORRECTED or text_differs(former_text, lead.text):
            yield StoryUpdate(
                story=story,
                update_kind=kind,
                at=story.updated,
                former_title=last.title if title_changed else lead.title,
            )


def _beginning(title: str, text: str) -> str:
    return f"{title} {text[:MAX_LEADING_CHARACTERS]}"


def _update_kind(before: str, after: str) -> UpdateKind:
    """Return what the text after an edit says that the text before did not."""
    added = phases(fold(after)) - phases(fold(before))
    if "cancelled" in added:
        return UpdateKind.CANCELLED
    return UpdateKind.MOVED if "moved" in added else UpdateKind.CORRECTED


def _withdrawn(store: Store, plan: DigestPlan, removals: Mapping[str, datetime]) -> Iterator[StoryUpdate]:
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
