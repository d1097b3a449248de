"""Decide which events an item announces: what its entry states, then its text (EX2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo

from aggregator.events import words
from aggregator.events.find import find_events
from aggregator.events.tokens import folded
from aggregator.model.documents import ItemKind
from aggregator.model.events import AS_ANNOUNCED, Event, EventKind, in_utc


def events_of(
    stated: Event | None,
    title: str,
    text: str,
    kind: ItemKind,
    language: str | None,
    published: datetime,
    zone: tzinfo,
) -> tuple[Event, ...]:
    """Return the events of an item with moments in UTC, the principal one first.

    Beside a stated event, and in job offers, the text adds only deadlines: other dates there are when a job begins.
    The dates of papers are those of their publication.
    """
    found = () if kind is ItemKind.PAPER else find_events(title, text, language, published, zone)
    deadlines = tuple(event for event in found if event.kind is EventKind.DEADLINE)
    if stated is not None:
        others = deadlines if stated.kind is not EventKind.DEADLINE else ()
        found = (_with_words(stated, found), *others)
    elif kind is ItemKind.JOB:
        found = deadlines
    return tuple(map(in_utc, found))


def kind_of(
    named: ItemKind,
    title: str,
    events: tuple[Event, ...],
    language: str | None,
    published: datetime,
    zone: tzinfo,
) -> ItemKind:
    """Return the kind of an item: by its words, else by the upcoming event in its title."""
    principal = next(iter(events), None)
    if named is not ItemKind.NEWS or principal is None or principal.kind is EventKind.DEADLINE:
        return named
    low = folded(title)
    is_named = words.pattern("course").search(low) or words.pattern("event").search(low)
    if principal.retrospective or not (is_named or find_events(title, "", language, published, zone)):
        return named
    return ItemKind.COURSE if principal.kind is EventKind.COURSE else ItemKind.EVENT


def _with_words(stated: Event, found: tuple[Event, ...]) -> Event:
    """Add to a stated event the place and status that the text gives."""
    same = next((event for event in found if event.kind is not EventKind.DEADLINE), None)
    if same is None:
        return stated
    is_changed = same.status not in AS_ANNOUNCED
    status = same.status if is_changed and stated.status in AS_ANNOUNCED else stated.status
    return replace(stated, status=status, place=stated.place or same.place)
