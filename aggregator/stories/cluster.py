"""Items -> stories, by exact evidence (I3-I6). (Near evidence comes later and only adds to `same`.)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain

from aggregator.model import Cluster, Member, Placement
from aggregator.stories.identity import short_hash, title_key

_MONTHS = set(
    "january february march april may june july august september october november december"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
    " januar februar märz mai juni juli oktober dezember jän mär okt dez".split()
)
_ROMAN = re.compile(r"[ivx]+")
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*\w*|\w+")
_TURNS = {
    "cancelled": re.compile(r"\b(cancell?ed|abgesagt|entfällt)\b"),
    "moved": re.compile(r"\b(postponed|rescheduled|new date|verschoben|neuer termin)\b"),
    "extended": re.compile(r"\b(extended|extension|verlängert|fristverlängerung)\b"),
}


def rank(member: Member) -> tuple[bool, int, datetime, str]:
    """I6: origin before aggregator, then priority, then earliest, then id; the smallest leads."""
    return (member.aggregator, -member.priority, member.sort, member.item_id)


def place(unplaced: Iterable[Member], clusters: Sequence[Cluster]) -> tuple[Placement, ...]:
    """Where each unplaced item goes. The order in which they arrived plays no part (I5)."""
    stories: dict[str, list[Member]] = {c.story_id: list(c.members) for c in clusters}
    by_link: dict[str, list[str]] = {}
    for cluster in clusters:
        for link in set(chain.from_iterable(member.links for member in cluster.members)):
            by_link.setdefault(link, []).append(cluster.story_id)
    placements = []
    for member in sorted(unplaced, key=rank):
        near = sorted({id_ for link in member.links for id_ in by_link.get(link, ())})
        placement = _placed(member, [(id_, stories[id_]) for id_ in near])
        stories.setdefault(placement.story_id, []).append(member)
        for link in member.links:
            listed = by_link.setdefault(link, [])
            if placement.story_id not in listed:
                listed.append(placement.story_id)
        placements.append(placement)
    return tuple(placements)


def _placed(member: Member, near: Sequence[tuple[str, list[Member]]]) -> Placement:
    home: tuple[str, str] | None = None
    related: list[tuple[str, str]] = []
    for story_id, members in near:
        shared = member.links & members[0].links
        hindrance = _hindrance(member, members)
        if shared and hindrance is None and home is None:
            home = story_id, f"same link as the lead, {min(shared)}"
            continue
        link = min(member.links & frozenset(chain.from_iterable(m.links for m in members)))
        reason = hindrance or ("it joined another" if shared else "not the link of its lead")
        related.append((story_id, f"same link, {link}, but {reason}"))
    story_id, why = home or (short_hash(f"story\n{member.item_id}"), "first to tell it")
    return Placement(member=member, story_id=story_id, why=why, founds=home is None, related=tuple(related))


def _hindrance(member: Member, members: Sequence[Member]) -> str | None:
    """Why a member may not join, in words: a veto, or another item of the same source already there."""
    for other in members:
        if other.source_id == member.source_id:
            return "it is another item of the same source"
        if veto := veto_between(member.title, other.title):
            return veto
    return None


def veto_between(one: str, other: str) -> str | None:
    """Why two titles cannot tell the same news although all else agrees, or None.

    Equal templates with other numbers, months or Roman numerals are other news; so is a turn ("cancelled",
    "extended") that only one of them takes.
    """
    a, b = one.casefold(), other.casefold()
    if title_key(a) == title_key(b) and _TOKEN.findall(a) == _TOKEN.findall(b):
        return None
    (turns_a, turns_b) = (frozenset(t for t, words in _TURNS.items() if words.search(x)) for x in (a, b))
    if turns_a != turns_b:
        return f"only one says “{min(turns_a ^ turns_b)}”"
    (frame_a, values_a), (frame_b, values_b) = _template(a), _template(b)
    if frame_a == frame_b and values_a != values_b:
        pair = next((x, y) for x, y in zip(values_a, values_b, strict=True) if x != y)
        return f"one says “{pair[0]}”, the other “{pair[1]}”"
    return None


def _template(title: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A title's frame with gaps for numbers, months and Roman numerals, and what stands in the gaps."""
    frame, values = [], []
    for word in _TOKEN.findall(title):
        if any(c.isdigit() for c in word) or word in _MONTHS or _ROMAN.fullmatch(word):
            frame.append("#")
            values.append(word)
        else:
            frame.append(word)
    return tuple(frame), tuple(values)
