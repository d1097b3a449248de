"""Words and /regexes/ of feeds.yaml against what an item says: filters (G3), topics, and kinds of news."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from aggregator.model.config import TopicRule
from aggregator.model.documents import Kind

_KINDS: tuple[tuple[Kind, str], ...] = (
    (Kind.NEWSLETTER, r"newsletters?|rundbrief|news ?digest|bulletin"),
    (
        Kind.JOB,
        r"job|jobs|vacanc(y|ies)|open position|position available|we are hiring|hiring|phd position|postdoc position"
        r"|stellenangebot\w*|stellenausschreibung\w*|stellenanzeige|stelle|wissenschaftliche[rn]?"
        r" mitarbeiter\w*|job opening"
        r"|postdoc(toral)? (position|researcher|fellow)|ph\.?d\.? (student|candidate)|doktorand\w*|professur"
        r"|\(?(m/[fw]/[dx]|[fw]/m/[dx]|w/m/d|f/m/div|all genders)\)?",
    ),
    (Kind.RELEASE, r"released|release|\[release\]|v\d+\.\d+(\.\d+)?|version \d+(\.\d+)+"),
    (
        Kind.COURSE,
        r"course|courses|training course|training school|summer school|winter school|autumn school|spring school"
        r"|workshop|workshops|tutorial|webinar|hands-on|masterclass|kurs|kurse|schulung|fortbildung|online-?kurs"
        r"|(sommer|winter|herbst|frühjahrs)schule|weiterbildung|lehrgang|grundkurs|praktikumskurs",
    ),
    (
        Kind.CALL,
        r"call for \w+|open call|funding call|apply by|applications? open|ausschreibung|bewerbungsfrist"
        r"|aufruf|förderaufruf"
        r"|nominations?|nominierung\w*|travel grants?|fellowships?|stipendi\w+|deadline extended|fristverlängerung",
    ),
    (
        Kind.EVENT,
        r"conference|symposium|meeting|seminar|congress|hackathon|user day|open day|general assembly"
        r"|save the date"
        r"|kongress|town hall|user forum|lecture|\w*tagung|nutzertreffen|tag der offenen tür"
        r"|konferenz|tagung|jahrestreffen|treffen|veranstaltung|kolloquium|mitgliederversammlung|lunch talk",
    ),
    (Kind.PAPER, r"paper|preprint|publication|new article|published in|veröffentlichung|publikation"),
)


# Everyday words around the ones that count.
_PHRASES = re.compile(
    r"(?<!\w)(of course|in the course of|in due course|press release|pressemitteilung|good job|on-the-job|meeting room"
    r"|an erster stelle|an dieser stelle|zur stelle|white paper|position paper)(?!\w)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def pattern(word: str) -> re.Pattern[str]:
    """A word matches as a whole word; one in capitals (FAIR) only in capitals; /…/ is a regular expression."""
    if len(word) > 1 and word.startswith("/") and word.endswith("/"):
        return re.compile(word[1:-1], re.IGNORECASE)
    flags = 0 if word.isupper() and len(word) > 1 else re.IGNORECASE
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", flags)


def dropped_by(only: Sequence[str], drop: Sequence[str], said: str) -> str | None:
    """The filter that keeps an item out, in words, or None (G3). `drop` wins over `only`."""
    for word in drop:
        if pattern(word).search(said):
            return f"drop: {word}"
    if only and not any(pattern(word).search(said) for word in only):
        return "only: none of the words"
    return None


def topics(rules: Sequence[TopicRule], said: str) -> tuple[str, ...]:
    """The topics whose words `said` contains, in the order of the rules."""
    return tuple(rule.topic for rule in rules if any(pattern(word).search(said) for word in rule.words))


@lru_cache(maxsize=1)
def _kind_patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)) for kind, words in _KINDS)


def kind(title: str, categories: Sequence[str]) -> Kind:
    """What sort of news a title announces; its categories are asked when the title says nothing."""
    for said in (_PHRASES.sub(" ", title), " · ".join(categories)):
        for sort, words in _kind_patterns():
            if words.search(said):
                return sort
    return Kind.NEWS
