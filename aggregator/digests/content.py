"""What a digest has to tell now: new stories, corrected ones, and those that were taken back (M1, E1, I8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import fold
from aggregator.digests import schedule
from aggregator.digests.edition import compose
from aggregator.items.diff import text_differs
from aggregator.items.identity import title_key
from aggregator.model.config import Config, DigestPlan
from aggregator.model.digests import Edition, PendingStories, StoryUpdate, UpdateKind
from aggregator.store import editions, stories
from aggregator.store.connection import Store

BEGINNING = 100
"""Characters of a text in which it says what it is about: that something is cancelled, not a policy of cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The ids of stories that a digest may tell: new ones, edited ones, and withdrawn ones with the moment."""

    new: list[str]
    revised: list[str]
    withdrawn: dict[str, datetime]

    @property
    def ids(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([*self.new, *self.revised, *self.withdrawn]))

    def only(self, ids: Collection[str]) -> Candidates:
        """Those of `ids`."""
        return Candidates(
            new=[id_ for id_ in self.new if id_ in ids],
            revised=[id_ for id_ in self.revised if id_ in ids],
            withdrawn={id_: at for id_, at in self.withdrawn.items() if id_ in ids},
        )


def candidates(store: Store, plan: DigestPlan, since: datetime) -> Candidates:
    """Find the stories that a digest may tell; `since` is when it began to tell (M2)."""
    record = editions.record(store, plan.id)
    floor = max(since, record.last_composed - editions.REACH) if record else since
    return Candidates(
        new=editions.pending(store, plan, floor=floor),
        revised=editions.revised(store, plan, floor=floor) if record else [],
        withdrawn=editions.withdrawn(store, plan, floor=floor) if record else {},
    )


def edition(
    store: Store, config: Config, plan: DigestPlan, now: datetime, given: Candidates
) -> tuple[Edition, PendingStories]:
    """The edition of the stories `given` that is due at `now`, and what it is made of."""
    untold = PendingStories(
        new=tuple(stories.read(store, given.new)),
        retold=(*_corrected(store, plan, given.revised), *_withdrawn(store, plan, given.withdrawn)),
    )
    period = schedule.last_period(plan.schedule, plan.timezone, now) or now.astimezone(plan.timezone).date()
    topics = [rule.topic for rule in config.topics]
    topics += [topic for source in config.sources for topic in source.topics]
    return compose(plan, untold, period, now, list(dict.fromkeys(topics))), untold


def _corrected(store: Store, plan: DigestPlan, revised: Sequence[str]) -> Iterator[StoryUpdate]:
    """Stories that are told in significantly other words by now (E1); an edit that was taken back is none."""
    edited = stories.read(store, revised, texts=True)
    words = editions.last_texts(store, plan.id, [story.id for story in edited])
    for story in edited:
        last, lead = words.get(story.id), story.lead
        if last is None or last.item_id != lead.id:  # told by another partner then: nothing to compare with
            yield StoryUpdate(story=story, turn=UpdateKind.CORRECTED, at=story.updated)
            continue
        text = lead.text if last.text is None else last.text
        renamed = title_key(last.title) != title_key(lead.title)
        if renamed or text_differs(text, lead.text):
            turn = _turn(f"{last.title} {text[:BEGINNING]}", f"{lead.title} {lead.text[:BEGINNING]}")
            before = last.title if renamed else lead.title
            yield StoryUpdate(story=story, turn=turn, at=story.updated, before=before)


def _turn(before: str, now: str) -> UpdateKind:
    """What a story's words say now that they did not say before."""
    said = phases(fold(now)) - phases(fold(before))
    return (
        UpdateKind.CANCELLED
        if "cancelled" in said
        else UpdateKind.MOVED
        if "moved" in said
        else UpdateKind.CORRECTED
    )


def _withdrawn(store: Store, plan: DigestPlan, found: Mapping[str, datetime]) -> Iterator[StoryUpdate]:
    """Stories that were taken back since they were told (I8), under the title they were told by."""
    words = editions.last_texts(store, plan.id, found)
    for story in stories.read(store, list(found)):
        last = words.get(story.id)
        before = last.title if last else None
        yield StoryUpdate(story=story, turn=UpdateKind.WITHDRAWN, at=found[story.id], before=before)
