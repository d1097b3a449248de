"""Read the phrases of pages and messages; each language has a folder of JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages that have a folder, by their own names."""


def text_language(language: str) -> str:
    """Return the language used for `language`: its primary subtag, or English."""
    primary = language.partition("-")[0]
    return primary if primary in LANGUAGES else "en"


@cache
def pages(language: str) -> Mapping[str, Any]:
    """Return the phrases of all pages; those of errors by status."""
    words = _read("pages", language)
    return {**words, "errors": {int(status): tuple(texts) for status, texts in words["errors"].items()}}


def events(language: str) -> Mapping[str, str]:
    """Return the phrases about events, in feeds, calendars and digests and on pages."""
    return _read("events", language)


def digests(language: str) -> Mapping[str, str]:
    """Return the phrases of editions, in messages and on pages."""
    return _read("digests", language)


def headings(language: str) -> Mapping[str, str]:
    """Return the heading of each section of an edition."""
    return _read("headings", language)


def findings(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sentence and the fix of each finding of a feed, by code."""
    return _read("findings", language)


def subscriber_pages(language: str) -> Mapping[str, str]:
    """Return the phrases of the pages of subscribers; `consent` has a version (DP1)."""
    return _read("subscriber_pages", language)


def messages(language: str) -> Mapping[str, str]:
    """Return the phrases of messages to one person, and of the end of each edition."""
    return _read("messages", language)


def editor_pages(language: str) -> Mapping[str, str]:
    """Return the phrases of the editors' pages."""
    return _read("editor_pages", language)


@cache
def _read(name: str, language: str) -> dict[str, Any]:
    phrases: dict[str, Any] = json.loads((FOLDER / text_language(language) / f"{name}.json").read_bytes())
    return phrases
