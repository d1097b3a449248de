"""A feed reader that forgets nothing: it reads what is public after each run, and says which promise was broken."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lxml import etree

from aggregator.items.identity import title_key
from tests.feed_validators import chain
from tests.feed_validators.atom import AT, A

SITE = "https://news.example/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened since the subscriber last read, as whoever made it happen knows."""

    edited: Collection[str] = ()
    """Ids whose `updated` may differ from what a feed last said: edited significantly, or decided, since then."""
    decided: Collection[str] = ()
    """Ids of stories that an editor merged, split, hid or showed, or their publisher withdrew or told again."""
    restless: Collection[str] = ()
    """Tokens of items whose titles turn by themselves."""
    ran_ahead: bool = False
    """Whether a clock was put back: what it announced is announced again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one document says of a story; `token` is the word that only one item has."""

    id: str
    title: str
    published: datetime
    updated: datetime
    token: str


@dataclass(slots=True)
class Subscriber:
    """`read` after each run; `problems` are the promises broken, in words."""

    public: Path
    channels: list[str]
    problems: list[str] = field(default_factory=list)
    known: dict[str, Entry] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    """Stories that are entries of some feed now; a tombstone, or its comment, names others."""
    held: set[str] = field(default_factory=set)
    """Stories in a copy that is kept of `atom.xml` alone, tombstones obeyed."""
    months: dict[str, str] = field(default_factory=dict)
    """In which archive document each story stood."""
    _told: dict[str, set[str]] = field(default_factory=dict)
    _order: dict[str, list[str]] = field(default_factory=dict)
    _updated: dict[str, datetime] = field(default_factory=dict)
    _frozen: dict[str, bytes] = field(default_factory=dict)

    def read(self, now: datetime, changes: Changes) -> None:
        """Everything that is public now."""
        self.shown = set()
        for channel in self.channels:
            folder = "" if channel == "all" else f"channels/{channel}/"
            if (self.public / folder / "atom.xml").exists():
                self._channel(channel, folder, changes)
        self._chain(changes)
        self._over(f"{now:%Y-%m}", changes)

    def _no(self, *words: object) -> None:
        self.problems.append(" ".join(map(str, words)))

    # --- feeds -----------------------------------------------------------------------------------------

    def _channel(self, channel: str, folder: str, changes: Changes) -> None:
        root = etree.fromstring((self.public / folder / "atom.xml").read_bytes())
        entries = _entries(root)
        ids = [entry.id for entry in entries]
        self.shown.update(ids)
        self._same_everywhere(folder, entries)
        self._later(f"{folder}atom.xml", root)
        if len(ids) != len(set(ids)):
            self._no(channel, "has an id twice")
        for entry in entries:
            self._entry(channel, entry, changes)
        stones = {str(stone.get("ref")) for stone in root.iterfind(f"{AT}deleted-entry")}
        if both := stones & set(ids):
            self._no(channel, "has entries and their tombstones", both)
        if channel == "all":
            self.held = (self.held | set(ids)) - stones
        self._in_order(channel, ids, changes)

    def _same_everywhere(self, folder: str, entries: list[Entry]) -> None:
        """The three formats say the same ids in the same order, with the same times."""
        said = [(entry.id, entry.published, entry.updated.replace(microsecond=0)) for entry in entries]
        feed = json.loads((self.public / folder / "feed.json").read_bytes())
        in_json = [
            (
                item["id"],
                datetime.fromisoformat(item["date_published"]),
                datetime.fromisoformat(item.get("date_modified", item["date_published"])),
            )
            for item in feed["items"]
        ]
        rss = etree.fromstring((self.public / folder / "rss.xml").read_bytes())
        if said != in_json or [entry.id for entry in entries] != [e.text for e in rss.iter("guid")]:
            self._no(folder, "differs between its formats")

    def _entry(self, where: str, entry: Entry, changes: Changes) -> None:
        before = self.known.get(entry.id)
        self.known[entry.id] = entry
        others = self._told.setdefault(entry.token, set()) - {entry.id}
        self._told[entry.token].add(entry.id)
        if before is None:
            if others and not {entry.id, *others} & set(changes.decided):
                self._no(where, "tells", entry, "anew, known as", others)
            return
        if entry.published != before.published:
            self._no(where, "moves `published` of", before, "to", entry.published)
        if entry.updated < before.updated:
            self._no(where, "takes `updated` of", before, "back to", entry.updated)
        if entry.updated > before.updated and entry.id not in {*changes.edited, *changes.decided}:
            self._no(where, "moves `updated` of", before, "though nothing happened:", entry)
        if (
            entry.updated == before.updated
            and entry.token == before.token
            and entry.token not in changes.restless
            and title_key(entry.title) != title_key(before.title)
        ):
            self._no(where, "edits", before, "without saying so:", entry)

    def _later(self, path: str, root: etree._Element) -> None:
        updated = datetime.fromisoformat(str(root.findtext(f"{A}updated")))
        if updated < self._updated.get(path, updated):
            self._no(path, "was updated at", updated, "before", self._updated[path])
        self._updated[path] = updated

    def _in_order(self, channel: str, ids: list[str], changes: Changes) -> None:
        """Nothing changes places, and what left the window comes back to where it stood, if at all."""
        order = self._order.setdefault(channel, [])
        if changes.ran_ahead:
            order.clear()
        order[:] = [id_ for id_ in order if id_ not in changes.decided]
        place = {id_: n for n, id_ in enumerate(order)}
        stood = [place[id_] for id_ in ids if id_ in place]
        if stood != sorted(stood):
            ordered = [id_ for id_ in ids if id_ in place]
            now_at, before_at = next(
                (one, other)
                for one, other in zip(ordered, sorted(ordered, key=order.index), strict=True)
                if one != other
            )
            self._no(channel, "tells", self.known[now_at], "where it told", self.known[before_at])
            order[:] = ids
            return
        after = 0
        for (
            id_
        ) in ids:  # what is new stands right before or behind who was its neighbour when it was first seen
            if id_ in place:
                after = order.index(id_) + 1
            else:
                order.insert(after, id_)
                after += 1

    # --- the archive -------------------------------------------------------------------------------------

    def _fetch(self, url: str) -> bytes:
        return (self.public / url.removeprefix(SITE)).read_bytes()

    def _chain(self, changes: Changes) -> None:
        """RFC 5005: every story that was ever told is there, or its tombstone where it stood."""
        broken, ids = chain.walk(f"{SITE}atom.xml", self._fetch)
        for words in broken:
            if "another at the same time" not in words:  # small edits, which a frozen month does not have
                self._no(words)
        stones: dict[str, str] = {}
        documents = sorted((self.public / "archive").glob("*.xml"))
        for file in documents:
            root = etree.fromstring(file.read_bytes())
            self._later(file.name, root)
            for entry in root.iterfind(f"{A}entry"):
                id_ = str(entry.findtext(f"{A}id"))
                if self.months.setdefault(id_, file.stem) != file.stem and id_ not in changes.decided:
                    self._no(id_, "went from the archive of", self.months[id_], "to", file.stem)
                self.months[id_] = file.stem
            for stone in root.iterfind(f"{AT}deleted-entry"):
                stones[str(stone.get("ref"))] = file.stem
        for id_ in self.known.keys() | self.months.keys():
            if id_ not in ids and stones.get(id_) is None:
                self._no(id_, "is lost: neither entry nor tombstone is in the chain", self.known.get(id_))
            if id_ in stones and stones[id_] != self.months.get(id_, stones[id_]):
                self._no(id_, "has its tombstone in", stones[id_], "but stood in", self.months[id_])

    def _over(self, month: str, changes: Changes) -> None:
        """Documents of months that are over keep every byte, but for withdrawals."""
        for file in sorted((self.public / "archive").glob("*.xml")):
            if file.stem >= month:
                continue
            body = file.read_bytes()
            before = self._frozen.setdefault(file.stem, body)
            if body == before:
                continue
            self._frozen[file.stem] = body
            old, new = _parts(before), _parts(body)
            moved = {id_ for id_ in old.keys() | new.keys() if old.get(id_) != new.get(id_)}
            if not moved <= set(changes.decided):
                strange = sorted(moved - set(changes.decided))
                self._no("the frozen", file.name, "was changed:", [(old.get(i), new.get(i)) for i in strange])


def _entries(root: etree._Element) -> list[Entry]:
    return [
        Entry(
            id=str(entry.findtext(f"{A}id")),
            title=str(entry.findtext(f"{A}title")),
            published=datetime.fromisoformat(str(entry.findtext(f"{A}published"))),
            updated=datetime.fromisoformat(str(entry.findtext(f"{A}updated"))),
            token=token(str(entry.findtext(f"{A}summary"))),
        )
        for entry in root.iterfind(f"{A}entry")
    ]


def token(words: str) -> str:
    """The word that only one item has."""
    found = re.search(r"\bq\d{4}z\b", words)
    return found[0] if found else ""


def _parts(body: bytes) -> dict[str, bytes]:
    """Entries and tombstones of a document by id; what a story became may be said anew, where it was merged again."""
    root = etree.fromstring(body)
    stones = {
        str(stone.get("ref")): str(stone.get("when")).encode()
        for stone in root.iterfind(f"{AT}deleted-entry")
    }
    entries = {}
    for entry in root.iterfind(f"{A}entry"):
        entry.tail = None
        entries[str(entry.findtext(f"{A}id"))] = etree.tostring(entry, method="c14n", exclusive=True)
    return stones | entries
