"""Read all published documents after each run, and report broken rules."""

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
    """Hold what changed since the subscriber last read, as the test knows it."""

    edited: Collection[str] = ()
    """Ids whose `updated` may have changed: edited significantly, or decided."""
    decided: Collection[str] = ()
    """Ids of stories that an editor changed, or their publisher removed or restored."""
    restless: Collection[str] = ()
    """Tokens of items whose titles change by themselves."""
    ran_ahead: bool = False
    """Whether a clock was set back: stories are announced again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold an entry of a document; `token` is the word that only one item has."""

    id: str
    title: str
    published: datetime
    updated: datetime
    token: str


@dataclass(slots=True)
class Subscriber:
    """Collect `problems`, one sentence for each broken rule, by `read` after each run."""

    public: Path
    channels: list[str]
    problems: list[str] = field(default_factory=list)
    known: dict[str, Entry] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    """Stories that are entries of a feed now; tombtombstones name others."""
    held: set[str] = field(default_factory=set)
    """Stories of a reader that has only `atom.xml` and obeys tombtombstones."""
    months: dict[str, str] = field(default_factory=dict)
    """The archive document of each story."""
    _ids_of_token: dict[str, set[str]] = field(default_factory=dict)
    _order: dict[str, list[str]] = field(default_factory=dict)
    _updated: dict[str, datetime] = field(default_factory=dict)
    _frozen: dict[str, bytes] = field(default_factory=dict)

    def read(self, now: datetime, changes: Changes) -> None:
        """Read everything that is published now."""
        self.shown = set()
        for channel in self.channels:
            folder = "" if channel == "all" else f"channels/{channel}/"
            if (self.public / folder / "atom.xml").exists():
                self._channel(channel, folder, changes)
        self._chain(changes)
        self._over(f"{now:%Y-%m}", changes)

    def _report(self, *words: object) -> None:
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
            self._report(channel, "has an id twice")
        for entry in entries:
            self._entry(channel, entry, changes)
        tombstones = {str(tombstone.get("ref")) for tombstone in root.iterfind(f"{AT}deleted-entry")}
        if both := tombstones & set(ids):
            self._report(channel, "has entries and their tombtombstones", both)
        if channel == "all":
            self.held = (self.held | set(ids)) - tombstones
        self._in_order(channel, ids, changes)

    def _same_everywhere(self, folder: str, entries: list[Entry]) -> None:
        """Check that three formats have the same ids and times in the same order."""
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
            self._report(folder, "differs between its formats")

    def _entry(self, where: str, entry: Entry, changes: Changes) -> None:
        before = self.known.get(entry.id)
        self.known[entry.id] = entry
        others = self._ids_of_token.setdefault(entry.token, set()) - {entry.id}
        self._ids_of_token[entry.token].add(entry.id)
        if before is None:
            if others and not {entry.id, *others} & set(changes.decided):
                self._report(where, "publishes", entry, "again, known as", others)
            return
        if entry.published != before.published:
            self._report(where, "moves `published` of", before, "to", entry.published)
        if entry.updated < before.updated:
            self._report(where, "takes `updated` of", before, "back to", entry.updated)
        if entry.updated > before.updated and entry.id not in {*changes.edited, *changes.decided}:
            self._report(where, "moves `updated` of", before, "though nothing happened:", entry)
        if (
            entry.updated == before.updated
            and entry.token == before.token
            and entry.token not in changes.restless
            and title_key(entry.title) != title_key(before.title)
        ):
            self._report(where, "edits", before, "without moving `updated`:", entry)

    def _later(self, path: str, root: etree._Element) -> None:
        updated = datetime.fromisoformat(str(root.findtext(f"{A}updated")))
        if updated < self._updated.get(path, updated):
            self._report(path, "was updated at", updated, "before", self._updated[path])
        self._updated[path] = updated

    def _in_order(self, channel: str, ids: list[str], changes: Changes) -> None:
        """Check that no entry changes its position, also after it left the window and came back."""
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
            self._report(channel, "has", self.known[now_at], "in the place of", self.known[before_at])
            order[:] = ids
            return
        after = 0
        for id_ in ids:  # a new entry keeps the neighbours of its first appearance
            if id_ in place:
                after = order.index(id_) + 1
            else:
                order.insert(after, id_)
                after += 1

    # --- the archive -------------------------------------------------------------------------------------

    def _fetch(self, url: str) -> bytes:
        return (self.public / url.removeprefix(SITE)).read_bytes()

    def _chain(self, changes: Changes) -> None:
        """Check that the archive has every story ever published, or its tombstone (RFC 5005)."""
        broken, ids = chain.walk(f"{SITE}atom.xml", self._fetch)
        for words in broken:
            if "another at the same time" not in words:  # a frozen month does not have small edits
                self._report(words)
        tombstones: dict[str, str] = {}
        documents = sorted((self.public / "archive").glob("*.xml"))
        for file in documents:
            root = etree.fromstring(file.read_bytes())
            self._later(file.name, root)
            for entry in root.iterfind(f"{A}entry"):
                id_ = str(entry.findtext(f"{A}id"))
                if self.months.setdefault(id_, file.stem) != file.stem and id_ not in changes.decided:
                    self._report(id_, "moved from the archive of", self.months[id_], "to", file.stem)
                self.months[id_] = file.stem
            for tombstone in root.iterfind(f"{AT}deleted-entry"):
                tombstones[str(tombstone.get("ref"))] = file.stem
        for id_ in self.known.keys() | self.months.keys():
            if id_ not in ids and tombstones.get(id_) is None:
                self._report(id_, "is lost: neither entry nor tombstone is in the chain", self.known.get(id_))
            if id_ in tombstones and tombstones[id_] != self.months.get(id_, tombstones[id_]):
                self._report(id_, "has its tombstone in", tombstones[id_], "but stood in", self.months[id_])

    def _over(self, month: str, changes: Changes) -> None:
        """Check that documents of past months keep every byte except for removed items."""
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
                others = sorted(moved - set(changes.decided))
                self._report(
                    "the frozen", file.name, "was changed:", [(old.get(i), new.get(i)) for i in others]
                )


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
    """Return the word that only one item has."""
    found = re.search(r"\bq\d{4}z\b", words)
    return found[0] if found else ""


def _parts(body: bytes) -> dict[str, bytes]:
    """Read entries and tombtombstones of a document by id, without what a story was merged into."""
    root = etree.fromstring(body)
    tombstones = {
        str(tombstone.get("ref")): str(tombstone.get("when")).encode()
        for tombstone in root.iterfind(f"{AT}deleted-entry")
    }
    entries = {}
    for entry in root.iterfind(f"{A}entry"):
        entry.tail = None
        entries[str(entry.findtext(f"{A}id"))] = etree.tostring(entry, method="c14n", exclusive=True)
    return tombstones | entries
