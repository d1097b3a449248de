"""Relate stories about one event: its announcement, programme, change and report (EX7).

Near evidence does not relate them. It never compares two items of one source, which lists them separately, and a
cancellation often has neither the date nor the words of the announcement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from aggregator.dedupe import vetoes
from aggregator.dedupe.features import Features, extract
from aggregator.model.events import AS_ANNOUNCED, EventKind, EventStatus
from aggregator.model.value_classes import dataclass
from aggregator.publishing import event_status
from aggregator.store import editorial, story_events
from aggregator.store.connection import Store
from aggregator.store.story_events import EventWords, UpcomingEntry

MAX_ENTRIES = 500
"""Maximum upcoming events that a story is compared with."""
TOWN_WEIGHT = 1.0
"""Weight of a town in a title, as of a rare word."""
MIN_SHARED_WEIGHT = 1.0
"""Minimum weight of the words and towns of a title that another story shares."""
MIN_SHARE_OF_DATED, MIN_SHARE_OF_CHANGED = 0.5, 0.4
"""Minimum share of an event's title for a story of its day; the second with a change."""
MIN_SHARE_OF_UNDATED, MIN_SHARE_OF_OWN = 0.6, 0.45
"""Minimum share for a change that does not name the day; the second within one source."""
MIN_SHARE = min(MIN_SHARE_OF_DATED, MIN_SHARE_OF_CHANGED, MIN_SHARE_OF_UNDATED, MIN_SHARE_OF_OWN)
MIN_LEAD = 0.15
"""Minimum distance between the best share and the next one, without the day."""
_UTC = ZoneInfo("UTC")
_VETOES = (
    vetoes.other_part,
    vetoes.other_version,
    vetoes.other_number,
    vetoes.other_year,
    vetoes.other_slot,
    vetoes.other_person,
    vetoes.other_technique,
)


def relate(store: Store, story_ids: Iterable[str]) -> set[str]:
    """Relate new stories to those about the same event; return the changed ones.

    Runs in the caller's transaction.
    """
    announcers = [
        each for words in story_events.event_words(store, story_ids) if (each := _Announcer.of(words))
    ]
    if not announcers:
        return set()
    days = {day for each in announcers for day in each.days}
    entries = [
        _Known(entry=each, title=extract(each.title, "", each.publisher, each.language))
        for each in story_events.upcoming_entries(store, min(each.since for each in announcers), MAX_ENTRIES)
        if (each.is_deadline, each.first_day) in days or any(announcer.status for announcer in announcers)
    ]
    pairs = [
        (
            announcer.story_id,
            known.entry.story_id,
            f"both are about the event of {known.entry.first_day:%Y-%m-%d}",
        )
        for announcer in announcers
        for known in announcer.matches(entries)
    ]
    new = [
        pair
        for pair in pairs
        if pair[1] not in story_events.related_stories(store, [pair[0]]).get(pair[0], ())
    ]
    editorial.add_relations(store, new)
    return {story_id for pair in new for story_id in pair[:2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An upcoming event and the features of its title."""

    entry: UpcomingEntry
    title: Features

    @property
    def features(self) -> Features:
        """Return the features of title and text, which only few events need."""
        return extract(self.entry.title, self.entry.text, self.entry.publisher, self.entry.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announcer:
    """A new story about an event: the first days that it names, and the change, if any."""

    story_id: str
    publisher: str
    features: Features
    since: date
    days: frozenset[tuple[bool, date]]
    status: EventStatus | None

    @classmethod
    def of(cls, words: EventWords) -> _Announcer | None:
        """Read what a story says about events; None if it says nothing."""
        stated = {event.status for event in words.events} - AS_ANNOUNCED
        status = next(iter(stated), None) or event_status.status_in(words.title, words.text)
        if not words.events and not status:
            return None
        return cls(
            story_id=words.story_id,
            publisher=words.publisher,
            features=extract(words.title, words.text, words.publisher, words.language),
            since=words.announced.date(),
            days=frozenset((event.kind is EventKind.DEADLINE, event.days(_UTC)[0]) for event in words.events),
            status=status,
        )

    def matches(self, entries: Sequence[_Known]) -> list[_Known]:
        """Return the events of the days that this story names, or the one that it changes."""
        shares = {n: self._share(each) for n, each in enumerate(entries) if self._may_be(each)}
        shares = {
            n: share for n, share in shares.items() if share >= MIN_SHARE and not self._is_vetoed(entries[n])
        }
        needed = MIN_SHARE_OF_CHANGED if self.status else MIN_SHARE_OF_DATED
        dated = [n for n, share in shares.items() if share >= needed and self._names_day_of(entries[n])]
        if dated or not self.status:
            return [entries[n] for n in dated]
        return self._clearly_best([(share, entries[n]) for n, share in shares.items()])

    def _clearly_best(self, shares: Sequence[tuple[float, _Known]]) -> list[_Known]:
        """Return the event that shares most; none if the next one shares nearly as much."""
        if not shares:
            return []
        share, best = max(shares, key=lambda pair: (pair[0], pair[1].entry.story_id))
        rival = max(
            (other for other, known in shares if known.entry.story_id != best.entry.story_id), default=0.0
        )
        is_own = best.entry.publisher == self.publisher
        needed = MIN_SHARE_OF_OWN if is_own else MIN_SHARE_OF_UNDATED
        return [best] if share >= needed and share - rival >= MIN_LEAD else []

    def _names_day_of(self, known: _Known) -> bool:
        return (known.entry.is_deadline, known.entry.first_day) in self.days

    def _may_be(self, known: _Known) -> bool:
        if known.entry.story_id == self.story_id or known.entry.last_day < self.since:
            return False
        towns = self.features.title_towns, known.title.title_towns
        return not all(towns) or bool(towns[0] & towns[1])

    def _is_vetoed(self, known: _Known) -> bool:
        return any(veto(self.features, known.features) for veto in _VETOES)

    def _share(self, known: _Known) -> float:
        """Return the share of weight of an event's title that this story has in its title or text."""
        title = {**known.title.title, **dict.fromkeys(known.title.title_towns, TOWN_WEIGHT)}
        here = self.features.words.keys() | self.features.towns
        shared = sum(weight for word, weight in title.items() if word in here)
        return shared / sum(title.values()) if shared >= MIN_SHARED_WEIGHT else 0.0
