"""Add sources to the text of feeds.yaml, which is otherwise unchanged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.errors import AggregatorError
from aggregator.model.config import Config
from aggregator.text import quoted


class SourceListError(AggregatorError):
    """The file is no list of sources, or sources cannot be added to feeds.yaml."""


MAX_BYTES = 10_000_000
"""Maximum size of a list of sources."""
MAX_NEW_SOURCES = 5_000
"""Maximum number of sources that one list adds."""


_OTHER_VALUE = re.compile(r"[0-9].*|true|false|null")
"""Ids that YAML may read as a number, a truth value or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source of a list; `kind` is None for a feed."""

    name: str
    url: str
    kind: str | None = None
    language: str | None = None
    topics: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


def add_sources(text: str, new: Sequence[NewSource], config: Config) -> tuple[str, list[str]]:
    """Return `text` with the sources of `new` added, and their ids."""
    if len(new) > MAX_NEW_SOURCES:
        raise SourceListError(f"has {len(new)} new sources: at most {MAX_NEW_SOURCES} can be added at once")
    ids = {source.id for source in config.sources}
    lines, new_ids = [], []
    for source in new:
        id_ = free_id(source.name, ids)
        ids.add(id_)
        new_ids.append(id_)
        lines += [
            f"  - id: {quoted(id_) if _OTHER_VALUE.fullmatch(id_) else id_}",
            *(f"    {key}: {value}" for key, value in _keys(source).items()),
        ]
    if not lines:
        return text, []
    match = re.search(r"^sources:([ \t]*\[\])?[ \t]*(#[^\n]*|\r?)\n", text, re.MULTILINE)
    if match is None:
        raise SourceListError("feeds.yaml has no plain `sources:` line to add to")
    newline = "\r\n" if match[0].endswith("\r\n") else "\n"
    after_key = text[match.end() :]
    # The list ends before the next line that begins in the first column and is no comment or list item.
    following = re.search(r"^(?![ \t#\r\n-])", after_key, re.MULTILINE)
    end = match.end() + (following.start() if following else len(after_key))
    block = text[match.end() : end]
    if re.search(r"^- ", block, re.MULTILINE):
        lines = [line.removeprefix("  ") for line in lines]
    old_sources = block.rstrip("\r\n")
    blank_lines = block[len(old_sources) :].removeprefix(newline)
    head = match[0].replace(match[1] or "", "", 1)
    body = newline.join([*([old_sources] if old_sources else []), *lines, ""])
    return text[: match.start()] + head + body + blank_lines + text[end:], new_ids


def free_id(title: str, taken: set[str]) -> str:
    """Return an id derived from a title that is not in `taken`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "source"
    candidate, n = stem, 2
    while candidate in taken:
        candidate, n = f"{stem}-{n}", n + 1
    return candidate


def _keys(source: NewSource) -> dict[str, str]:
    keys = {"name": quoted(source.name), "url": quoted(source.url)}
    if source.kind:
        keys["kind"] = source.kind
    if source.language:
        keys["language"] = quoted(source.language)  # `no` would be false
    for key, words in (("topics", source.topics), ("only", source.only), ("drop", source.drop)):
        if words:
            keys[key] = f"[{', '.join(map(quoted, words))}]"
    return keys
