"""Values of snapshots: stories and metadata of a month, files, report of the command."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from datetime import datetime
from pathlib import Path

from aggregator.model.config import Site
from aggregator.model.stories import Publisher, Story
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleChange:
    """The titles before and after a significant edit of the lead (E1).

    They are equal if only the text changed.
    """

    at: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStory:
    """A story, its significant edits, and the ids of published stories related to it."""

    story: Story
    corrections: tuple[TitleChange, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """A file of a snapshot: path in it, size in bytes, and SHA-256 in hexadecimal."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotMetadata:
    """The metadata of a snapshot: month, last change, counts and sources.

    `licences` counts items by source and licence; None is a source without a licence. `full_texts` are the sources
    whose whole texts are included.
    """

    site: Site
    month: str
    changed: datetime
    stories: int = 0
    removed: int = 0
    sources: tuple[Publisher, ...] = ()
    licences: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    full_texts: frozenset[str] = frozenset()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """Report of `snapshot`: the folder or .zip file, its files, and the numbers of stories.

    `left_out` are stories that break the program while they are rendered.
    """

    month: str
    path: Path
    version: str
    stories: int
    removed: int
    files: tuple[SnapshotFile, ...]
    left_out: tuple[str, ...] = ()
