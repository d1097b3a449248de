"""Classify items by words and /regexes/: filters of feeds.yaml (G3), topics and kinds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from aggregator.items import required_literals
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached
from aggregator.model.config import Source, TopicRule
from aggregator.model.documents import ItemKind

_KINDS: tuple[tuple[ItemKind, str], ...] = (
    (ItemKind.NEWSLETTER, r"newsletters?|rundbrief|news ?digest|bulletin"),
    (
        ItemKind.JOB,
        r"job|jobs|vacanc(y|ies)|open position|position available|we are hiring|hiring|phd position|postdoc position"
        r"|stellenangebot\w*|stellenausschreibung\w*|stellenanzeige|stelle|wissenschaftliche[rn]?"
        r" mitarbeiter\w*|job opening"
        r"|postdoc(toral)? (position|researcher|fellow)|ph\.?d\.? (student|candidate)|doktorand\w*|professur"
        r"|\(?(m/[fw]/[dx]|[fw]/m/[dx]|w/m/d|f/m/div|all genders)\)?",
    ),
    (ItemKind.RELEASE, r"released|release|\[release\]|v\d+\.\d+(\.\d+)?|version \d+(\.\d+)+"),
    (
        ItemKind.COURSE,
        r"course|courses|training course|training school|summer school|winter school|autumn school|spring school"
        r"|workshop|workshops|tutorial|webinar|hands-on|masterclass|kurs|kurse|schulung|fortbildung|online-?kurs"
        r"|(sommer|winter|herbst|frühjahrs)schule|weiterbildung|lehrgang|grundkurs|praktikumskurs"
        r"|^trainings? (in|on|for)|training (courses?|schools?|weeks?|days?|workshops?|programmes?|events?)"
        r"|bootcamp|tutorials|\w+kurs|\w+kurse|\w+schulung(en)?|schulungen|fortbildungen|weiterbildungen|lehrgänge"
        r"|formation (en|à|aux?|continue)|formations|école d['’](été|hiver|automne)|écoles? thématiques?"
        r"|cours (de|en)|ateliers?"
        r"|corso (di|in|su|avanzato|online)|corsi|scuola (estiva|invernale|di formazione)|formazione"
        r"|cursos?|escuela de (verano|invierno)|taller(es)?|formación|capacitación|formação|escola de (verão|inverno)"
        r"|kurssi\w*|koulutus|koulutuksen|kesäkoulu|talvikoulu|työpaja\w*|kurser|kursen|\w*utbildning"
        r"|sommarskola|vinterskola"
        r"|workshoppar|kurset|sommerskole|vinterskole|etterutdanning|efteruddannelse|cursus(sen)?"
        r"|opleiding(en)?|zomerschool"
        r"|winterschool|bijscholing|szkoleni[ea]|kurs(y|u|ów)|letnia szkoła|szkoła letnia|warsztat\w*|kurz\w?|školení"
        r"|letní škola|zimní škola|\w*tanfolyam\w*|képzés\w*|továbbképzés\w*|nyári egyetem|műhely"
        r"|tečaj\w*|usposabljanj\w"
        r"|delavnic\w|poletna šola|курс(ове)?|обучени[ея]|лятна школа|семинар-обучение",
    ),
    (
        ItemKind.CALL,
        r"call for \w+|open call|funding call|apply by|applications? open|ausschreibung|bewerbungsfrist"
        r"|aufruf|förderaufruf"
        r"|nominations?|nominierung\w*|travel grants?|fellowships?|stipendi\w+|deadline extended|fristverlängerung",
    ),
    (
        ItemKind.EVENT,
        r"conference|symposium|meeting|seminar|congress|hackathon|user day|open day|general assembly"
        r"|save the date"
        r"|kongress|town hall|user forum|lecture|\w*tagung|nutzertreffen|tag der offenen tür"
        r"|konferenz|tagung|jahrestreffen|treffen|veranstaltung|kolloquium|mitgliederversammlung|lunch talk",
    ),
    (ItemKind.PAPER, r"paper|preprint|publication|new article|published in|veröffentlichung|publikation"),
)


# Phrases in which the words above mean something else.
_PHRASES = re.compile(
    r"(?<!\w)(of course|in the course of|in due course|press release|pressemitteilung|good job|on-the-job|meeting room"
    r"|an erster stelle|an dieser stelle|zur stelle|white paper|position paper)(?!\w)"
)


@lru_cache(maxsize=1024)
def pattern(word: str) -> re.Pattern[str]:
    """Compile a word of feeds.yaml, which matches as a whole word.

    A word in capitals (FAIR) matches only in capitals; /…/ is a regular expression.
    """
    return re.compile(*_expression(word))


def _expression(word: str) -> tuple[str, int]:
    """Return the expression of a word and its flags."""
    if len(word) > 1 and word.startswith("/") and word.endswith("/"):
        return word[1:-1], re.IGNORECASE
    flags = 0 if word.isupper() and len(word) > 1 else re.IGNORECASE
    return rf"(?<!\w){re.escape(word)}(?!\w)", flags


@lru_cache(maxsize=1024)
def _literals(word: str) -> tuple[str, ...]:
    """Return literals of which each text with a word has one, in lower case; empty if unknown."""
    return tuple(required_literals.required_literals(*_expression(word)))


def _has_word(word: str, text: str, low: str) -> bool:
    """Return whether a word of feeds.yaml occurs in a text; `low` is the text in lower case."""
    literals = _literals(word)
    if literals and not any(map(low.__contains__, literals)):
        return False
    return pattern(word).search(text) is not None


def dropped_by(only: Sequence[str], drop: Sequence[str], text: str) -> str | None:
    """Return the filter that drops an item, in words, or None; `drop` precedes `only` (G3)."""
    low = required_literals.lower(text) if only or drop else ""
    for word in drop:
        if _has_word(word, text, low):
            return f"drop: {word}"
    if only and not any(_has_word(word, text, low) for word in only):
        return "only: none of the words"
    return None


def words_of(title: str, categories: Sequence[str], text: str) -> str:
    """Return the words of an item that filters and topics are looked for in."""
    return "\n".join((title, *categories, text))


def topics(rules: Sequence[TopicRule], text: str) -> tuple[str, ...]:
    """Return the topics whose words occur in `text`, in the order of the rules."""
    low = required_literals.lower(text) if rules else ""
    return tuple(rule.topic for rule in rules if any(_has_word(word, text, low) for word in rule.words))


def topics_and_filters(
    rules: Sequence[TopicRule], items: Sequence[tuple[Source | None, str]]
) -> tuple[tuple[tuple[str, ...], str | None], ...]:
    """Return topics of the rules, and the filter that drops it, for each item.

    An item is given as its source, None for one that left feeds.yaml, and its words.
    """
    return tuple(
        (topics(rules, words), dropped_by(source.only, source.drop, words) if source else None)
        for source, words in items
    )


@lru_cache(maxsize=1)
def _kind_patterns() -> tuple[tuple[ItemKind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(rf"(?<!\w)(?:{words})(?!\w)")) for kind, words in _KINDS)


def kind(title: str, categories: Sequence[str]) -> ItemKind:
    """Return the kind that the words of a title show, else the one that the categories show."""
    by_title = _kind_in(_PHRASES.sub(" ", required_literals.lower(title)))
    return by_title or _of_categories(" · ".join(categories)) or ItemKind.NEWS


@cached(1_024, MAX_WORD_CHARACTERS)
def _of_categories(categories: str) -> ItemKind | None:
    return _kind_in(required_literals.lower(categories))


def _kind_in(low: str) -> ItemKind | None:
    return next((kind for kind, words in _kind_patterns() if words.search(low)), None)
