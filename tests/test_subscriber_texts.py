"""The texts of subscribers' pages: what they agree to has a version (DP1)."""

from __future__ import annotations

import hashlib

from aggregator import subscriber_texts
from aggregator.model.subscribers import FORM_VERSION

CONSENTS = {"2026-11-30": "f54c6ff3e2b2319d"}
"""Hashes of the texts of consent in all languages, by version.

Versions stay, since consents name them.
"""


def test_a_changed_consent_has_another_version() -> None:
    """A text of consent that changes gets a new version: raise FORM_VERSION, and add it here."""
    texts = [subscriber_texts.page_words(language)["consent"] for language in subscriber_texts.LANGUAGES]
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] == CONSENTS[FORM_VERSION]
