"""Items -> stories, by exact evidence (I3-I6). (Near evidence comes later and only adds to `same`.)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain

from aggregator.model import Cluster, Member, Placement
from aggregator.stories.identity import short_hash, title_key

_MONTHS = (
    "january february march april may june july august september october november december"
    " januar februar märz mai juni juli oktober dezember"
).split()
_ROMAN = re.compile(r"[ivx]{2,6}|[ivx]")
_TURNS = re.compile(
    r"\b(cancell?ed|postponed|extended|extension|new date|rescheduled|abgesagt|verschoben|verlängert|neuer termin)\b"
)


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
    related: list[tuple[str, str]] = []
    for story_id, members in near:
        lead = members[0]
        shared = member.links & lead.links
        hindrance = _hindrance(member, members)
        if shared and hindrance is None:
            why = f"same link as the lead, {min(shared)}"
            return Placement(member=member, story_id=story_id, why=why, founds=False, related=tuple(related))
        link = min(member.links & frozenset(chain.from_iterable(m.links for m in members)))
        related.append((story_id, f"same link, {link}, but " + (hindrance or "not the link of its lead")))
    return Placement(
        member=member,
        story_id=short_hash(f"story\n{member.item_id}"),
        why="first to tell it",
        founds=True,
        related=tuple(related),
    )


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
    a, b = title_key(one), title_key(other)
    if a == b:
        return None
    turns = {match[0] for match in _TURNS.finditer(a)} ^ {match[0] for match in _TURNS.finditer(b)}
    if turns and bool(_TURNS.search(a)) != bool(_TURNS.search(b)):
        return f"only one says “{min(turns)}”"
    (frame_a, values_a), (frame_b, values_b) = _template(a), _template(b)
    if frame_a == frame_b and values_a != values_b:
        pair = next((x, y) for x, y in zip(values_a, values_b, strict=True) if x != y)
        return f"one says “{pair[0]}”, the other “{pair[1]}”"
    return None


def _template(key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A title's frame with gaps for numbers, months and Roman numerals, and what stands in the gaps."""
    frame, values = [], []
    for word in key.split():
        if any(c.isdigit() for c in word) or word in _MONTHS or _ROMAN.fullmatch(word):
            frame.append("#")
            values.append(word)
        else:
            frame.append(word)
    return tuple(frame), tuple(values)
