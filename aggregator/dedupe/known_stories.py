"""Find the stories that an item is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice, product

from aggregator.items import canonical_urls, url_variants
from aggregator.items.caches import MAX_ADDRESS_CHARACTERS, cached
from aggregator.model.stories import Cluster, LinkConstraint, Member

MAX_SHARING_ITEMS = 30
"""Maximum number of items that share a work, a page they point to or a loose address.

A key that more items share is no evidence and leads to no candidates.
"""
MAX_STORIES_COMPARED = 40
"""Maximum number of stories that one item is compared with."""
PAGES = ("link", "origin", "pointer")
LinkConstraints = Mapping[frozenset[str], LinkConstraint]
"""What editors decided about pairs of item ids."""
Key = tuple[str, str]
"""A kind (one of `PAGES`, work or loose) and a value by which exact evidence is found."""


class KnownStories:
    """Stories with their members, extended while items are assigned.

    `candidate_ids` lists for an item those that the store found to be similar, the best first.
    """

    def __init__(
        self,
        clusters: Iterable[Cluster],
        index: AddressIndex,
        candidate_ids: Mapping[str, Collection[str]],
        constraints: LinkConstraints,
    ) -> None:
        self.members: dict[str, list[Member]] = {}
        self._story_of: dict[str, str] = {}
        self._index = index
        self._candidate_ids = candidate_ids
        self._constraints: dict[str, dict[str, LinkConstraint]] = {}
        for pair, constraint in constraints.items():
            for item_id in pair:
                self._constraints.setdefault(item_id, {}).update(dict.fromkeys(pair - {item_id}, constraint))
        for cluster in clusters:
            for member in cluster.members:
                self.add(member, cluster.story_id)

    def add(self, member: Member, story_id: str) -> None:
        """Add an item to a story."""
        self.members.setdefault(story_id, []).append(member)
        self._story_of[member.item_id] = story_id
        self._index.add(member, story_id)

    def to_compare(self, member: Member) -> list[str]:
        """Return the ids of the stories that an item is compared with, the likeliest ones."""
        linked = sorted(self.constrained(member, LinkConstraint.MUST_LINK))
        ids = (*linked, *self._candidate_ids.get(member.item_id, ()))
        chosen: dict[str, None] = {}
        for story_id in chain(filter(None, map(self._story_of.get, ids)), self._index.stories(member)):
            chosen[story_id] = None
            if len(chosen) == MAX_STORIES_COMPARED:
                break
        return sorted(chosen)

    def constrained(self, member: Member, constraint: LinkConstraint) -> Iterator[str]:
        """Yield the ids of items that an editor linked, or forbade to link, with an item."""
        constraints = self._constraints.get(member.item_id, {})
        return (item_id for item_id, kind in constraints.items() if kind is constraint)

    def is_constrained(self, member: Member, story_id: str, constraint: LinkConstraint) -> bool:
        """Return whether an editor made this decision about an item and any member of a story."""
        return any(self._story_of.get(id_) == story_id for id_ in self.constrained(member, constraint))


class AddressIndex:
    """An index from addresses and works to stories, without keys that many items share.

    An equal link is exempt: each source has at most one item of a link.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self._keys = {member.item_id: _keys(member) for member in members}
        counted = Counter(chain.from_iterable(self._keys.values()))
        self._common = {
            key for key, count in counted.items() if count > MAX_SHARING_ITEMS and key[0] != "link"
        }
        self._stories: dict[Key, dict[str, None]] = {}

    def add(self, member: Member, story_id: str) -> None:
        """Index a story under the keys of one of `members`."""
        for key in self._keys[member.item_id]:
            if key not in self._common:
                self._stories.setdefault(key, {})[story_id] = None

    def stories(self, member: Member) -> Iterator[str]:
        """Yield the ids of stories that share a key with an item, of each key the newest first."""
        keys = self._keys.get(member.item_id) or _keys(member)
        pages = [value for kind, value in keys if kind in PAGES]
        works = [("work", work) for work in works_of(member)]
        for key in chain(works, product(PAGES, pages), (key for key in keys if key[0] == "loose")):
            yield from islice(reversed(self._stories.get(key, {})), MAX_SHARING_ITEMS)


def pages_of(member: Member) -> list[str]:
    """Return the addresses that an item has or points to."""
    return [page for _, pages in _pages(member) for page in pages]


def works_of(member: Member) -> list[str]:
    """Return the works that an item is, with the neighbours of Zenodo records."""
    works = sorted(member.works)
    for work in member.works:
        if work.startswith("zenodo:"):
            number = int(work.removeprefix("zenodo:"))
            works += [f"zenodo:{number - 1}", f"zenodo:{number + 1}"]
    return works


def loose_addresses(member: Member) -> tuple[str, ...]:
    """Return the loose keys of an item's link if links identify the entries of its source."""
    return url_keys(member.link) if member.link and member.links else ()


def _keys(member: Member) -> tuple[Key, ...]:
    pages = ((kind, page) for kind, found in _pages(member) for page in sorted(found))
    works = (("work", work) for work in sorted(member.works))
    return (*pages, *works, *(("loose", key) for key in loose_addresses(member)))


@cached(8_192, MAX_ADDRESS_CHARACTERS)
def url_keys(link: str) -> tuple[str, ...]:
    """Return the keys that an address shares with its other forms, to find candidates."""
    keys = {canonical_urls.loose_url_key(link), url_variants.loose_variant_key(link)}
    return tuple(sorted(key for key in keys if key))


def _pages(member: Member) -> Iterable[tuple[str, frozenset[str]]]:
    return zip(PAGES, (member.links, member.origins, member.pointers), strict=True)
