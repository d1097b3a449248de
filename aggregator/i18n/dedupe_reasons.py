"""Translate reasons of deduplication for the editors' pages (dedupe_reasons.json).

Reasons are stored in English. A phrase has placeholders in braces, whose name begins with what it stands for. Phrases
of earlier versions (former_dedupe_reasons.json) are replaced by those of this one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from aggregator import calendar_names
from aggregator.i18n.phrases import FOLDER, text_language

MAX_CHARACTERS = 2_000
"""Maximum length of a reason that is translated; words of items make a longer one."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NEXT = re.compile(r"; (?![^“]*”)")
"""Separates reasons; words that were quoted stay together."""
_DAY = re.compile(r"(\d{1,2}) (\w+)")


class _Phrase(NamedTuple):
    """A pattern of English reasons, and the phrase that replaces them."""

    pattern: re.Pattern[str]
    words: str


FORMER = "former"
"""Stands for a language: the English phrases of earlier versions."""
FORMER_FILE = FOLDER / "former_dedupe_reasons.json"


def translated(reason: str, language: str) -> str:
    """Return a reason in a language; it stays in English if a part of it has no phrase."""
    language, reason = text_language(language), _current(reason)
    return _whole(reason, _phrases(language), language) if _is_known(reason, language) else reason


def is_known(reason: str, language: str) -> bool:
    """Return whether each part of a reason has a phrase in a language."""
    return _is_known(_current(reason), language)


def _current(reason: str) -> str:
    """Return a stored reason in the phrases of this version."""
    return reason if len(reason) > MAX_CHARACTERS else _whole(reason, _phrases(FORMER), FORMER)


def _is_known(reason: str, language: str) -> bool:
    if len(reason) > MAX_CHARACTERS:
        return False
    for phrase in _phrases(language):
        if found := phrase.pattern.fullmatch(reason):
            parts = [value for name, value in found.groupdict().items() if _is_phrase(name)]
            return all(_is_known(part, language) for part in parts)
    parts = _NEXT.split(reason)
    return len(parts) > 1 and all(_is_known(part, language) for part in parts)


@cache
def _phrases(language: str) -> tuple[_Phrase, ...]:
    """Return the phrases of a language, in the order in which they are tried."""
    if language == "en":
        return ()
    file = FORMER_FILE if language == FORMER else FOLDER / language / "dedupe_reasons.json"
    written: Mapping[str, str] = json.loads(file.read_bytes())
    return tuple(_Phrase(_pattern(phrase), words) for phrase, words in written.items())


def _pattern(phrase: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(phrase)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?P<{name}>{_values(name)})" for name in parts[1::2]]
    return re.compile("".join(parts))


def _values(name: str) -> str:
    """Return a pattern of the values of a placeholder."""
    if name.startswith("number"):
        return r"[-+\d.,e]+"
    if name.startswith("reason"):
        return "(?:[^“”]|“[^”]*”)+"  # words that were quoted stay together
    return rf"(?:(?!{_NEXT.pattern}).)+"  # only a reason contains further ones


def _whole(reason: str, phrases: tuple[_Phrase, ...], language: str) -> str:
    for phrase in phrases:
        if found := phrase.pattern.fullmatch(reason):
            values = {
                name: _value(name, value, phrases, language) for name, value in found.groupdict().items()
            }
            return phrase.words.format(**values)
    parts = _NEXT.split(reason)
    return "; ".join(_whole(part, phrases, language) for part in parts) if len(parts) > 1 else reason


def _value(name: str, value: str, phrases: tuple[_Phrase, ...], language: str) -> str:
    if _is_phrase(name):
        return _whole(value, phrases, language)
    if language == FORMER:
        return value
    if name.startswith("days"):
        return _days(value, language)
    return value.replace(".", ",") if name.startswith("number") else value


def _is_phrase(name: str) -> bool:
    return name.startswith(("report", "reason"))


def _days(days: str, language: str) -> str:
    """Return English days such as "3 May, 5 June", or months alone, in a language."""
    months = dict(zip(calendar_names.months("en"), calendar_names.months(language), strict=True))
    numbered = _DAY.sub(lambda match: f"{match[1]}. {match[2]}", days)
    return re.sub(r"\w+", lambda match: months.get(match[0], match[0]), numbered)
