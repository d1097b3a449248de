"""Each language has all phrases of pages and messages, and the consent has a version (DP1)."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from aggregator.i18n import phrases
from aggregator.model.subscribers import FORM_VERSION

CONSENTS = {"2026-11-30": "f54c6ff3e2b2319d"}
"""Hashes of the texts of consent in all languages, by version.

Versions stay, since consents name them.
"""
FILES = sorted(file.name for file in (phrases.FOLDER / "en").glob("*.json"))


def placeholders(value: Any, key: str = "") -> dict[str, list[str]]:
    """Return the placeholders of each phrase, by its path of keys."""
    if isinstance(value, dict):
        parts = {name: placeholders(each, f"{key}/{name}") for name, each in value.items()}
    elif isinstance(value, list):
        parts = {str(n): placeholders(each, f"{key}/{n}") for n, each in enumerate(value)}
    else:
        return {key: sorted(set(re.findall(r"{(\w+)[^}]*}", str(value))))}
    return {path: found for part in parts.values() for path, found in part.items()}


def test_a_changed_consent_has_another_version() -> None:
    """A text of consent that changes gets a new version: raise FORM_VERSION, and add it here."""
    texts = [phrases.subscriber_pages(language)["consent"] for language in phrases.LANGUAGES]
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] == CONSENTS[FORM_VERSION]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("language", phrases.LANGUAGES)
def test_every_language_has_all_phrases(language: str, file: str) -> None:
    """A translation has the keys of English in its order, and the same placeholders."""
    english, other = (json.loads((phrases.FOLDER / each / file).read_bytes()) for each in ("en", language))
    assert list(placeholders(other).items()) == list(placeholders(english).items())


def test_an_unknown_language_is_english() -> None:
    """Only the primary subtag counts; what has no folder is shown in English."""
    assert [phrases.text_language(tag) for tag in ("de-AT", "en", "fr", "", "../de")] == ["de", *["en"] * 4]
