"""Read the texts of the editors' pages, in English and German (editor_words.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aggregator import i18n


@cache
def page_words(language: str) -> Mapping[str, str]:
    """Return the phrases of the editors' pages in a language."""
    phrases = json.loads(Path(__file__).with_name("editor_words.json").read_bytes())
    words: Mapping[str, str] = phrases[i18n.text_language(language)]
    return words
