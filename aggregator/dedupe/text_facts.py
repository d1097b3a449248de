"""Extract what survives translation: dates, years, amounts, numbers, versions, references."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache
from typing import Any

from aggregator.dedupe import text_dates
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.model.value_classes import dataclass

MAX_AMOUNT_DIGITS = 20
"""Maximum number of digits of an amount: a longer number is none, and no float."""
CHARACTERS_AROUND_DIGITS = 26
"""Characters before and after a number in which a text is searched for facts."""
_UNITS = {
    1_000_000: "million millions millionen mio mill m miljoonaa miljoonan miljoonalla miljoonasta miljoen miljoner"
    " millioner millones milioni milhoes mln mil. milion miliony milionow milionu milionum millio millios",
    1_000_000_000: "billion bn b milliarden milliards miliardi mrd mld md mia miljard miljarder milliarder miljardia"
    " miljardin miliard miliardy miliardow miliarda miliardu milliard milliardos",
    1_000: "thousand tausend k tusen tys. tis. tysiecy tisic ezer",
}
_UNIT = {word: size for size, words in _UNITS.items() for word in words.split()}
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNIT), key=len, reverse=True))
_CURRENCIES = {
    "eur": "€ euro euros euroa euron eurolla eur eura evrov evra eurow",
    "usd": "$ usd dollar dollars",
    "gbp": "£ gbp pound pounds pfund livres sterling libras sterline ponden funtow liber",
    "chf": "chf franken francs",
    "crown": "sek nok dkk kr kronor kroner krona krone czk kc koruna koruny korun crowns",
    "pln": "pln zl zloty zlotych złoty złotych zł",
    "huf": "huf ft forint forints",
}
"""Names of currencies, folded; ł stays. Five currencies are crowns."""
_CURRENCY_OF = {word: currency for currency, words in _CURRENCIES.items() for word in words.split()}
_CURRENCY_NAMES = "|".join(sorted((word for word in _CURRENCY_OF if word.isalpha()), key=len, reverse=True))
_CURRENCY = rf"(?:[€$£]|(?:u\.?s\.?[ -]dollars?|{_CURRENCY_NAMES})(?!\w))"
_LETTERS = re.compile(r"[a-z]+")
_AMOUNT = re.compile(
    rf"(?:({_CURRENCY})\s?)?(?<![\w.])(\d+(?:[.,\s'’]\d{{3}})*(?:[.,]\d+)?)\s?({_UNIT_NAMES})?(?!\w)"
    rf"(?:\.?\s?(?:d[ei] |d['’])?({_CURRENCY}))?"
)
_REFERENCE = re.compile(
    r"(?<!\w)(?:cve[- ]?(\d{4}-\d{3,})"
    r"|(?:ref(?:erence|\.|erenz|erenznummer|erencia|erentie)?|riferimento|kennziffer|kenn-?nr\.?|job[- ]?id|requisition"
    r"|stellen-?id)"
    r"[\s:.#]*(?:number|code|id|no\.?|nr\.?)?[\s:.#]*((?:[a-z]{1,6}[-/]){0,2}[a-z]{0,6}[-/ ]?\d[\w/-]*(?:\.\d+)*))"
)
_CODE = re.compile(
    r"(?<![\w-])((?:s-biad|s-bsst|s-bioimg|empiar-|idr|emd-|pxd|mtbls|gse|prj(?:na|eb|db)|e-mtab-|phs|egas)[0-9]{3,12}"
    r"|[a-z][a-z0-9]*(?:-[a-z0-9]+){0,3}-[0-9]+(?:-[a-z]+){0,3}(?:-[0-9]+)+)(?![\w-])"
)
"""Accession numbers of archives, as identifiers.org lists them, and codes as of calls."""
_REFERENCE_WORDS = frozenset(
    "cve ref reference referenz referenznummer referencia referentie riferimento kennziffer kenn job jobid requisition"
    " stellen".split()
)
_MONEY_WORDS = frozenset(_LETTERS.findall(" ".join([*_UNIT, *_CURRENCY_OF])))
_SIZES = frozenset(word for word in _UNIT if len(word) > 4)
_MONEY_SIGN = re.compile("[€$£]")
_DOI = re.compile(r"(?<![\w.])(10\.\d{4,9}/[^\s\"'<>,;]+[^\s\"'<>,;.)\]])")
# Deliverables and tasks of a project are numbered the same way, with a character before the number.
_VERSION = re.compile(
    r"(?<![\w.,])[a-z]?(\d+(?:\.\d+)+(?:[-.]?(?:a|b|rc|alpha|beta|dev|m|rev|post)\.?\d*)?)(?![\d]|\.\d|\w)"
)
_HOURS, _MINUTES = "(?:[01]?[0-9]|2[0-4])", "[0-5][0-9]"
_HOUR = rf"{_HOURS}(?:[:.]{_MINUTES})?"
# "3 am" is also German: "Kurs 3 am Institut".
_TIME = re.compile(
    rf"(?<![\w.,:])(?:(?:{_HOUR} ?[-–] ?)?{_HOUR}(?: ?(?:uhr|h|hrs|pm|[ap]\.m\.)|am|(?<=[:.]\d\d) am)(?!\w)"
    rf"|{_HOURS}(?::{_MINUTES}(?::{_MINUTES})?|h{_MINUTES})(?!\d|:\d))"
)
"""A time of day, which says as little about a meeting as its weekday."""
_NUMBERED = re.compile(r"(?<![\w.,-])(\d{1,9})(st|nd|rd|th|er|e|x|t|d|%)?(?![\w,.]*\d)(?!\w)")
_GROUPED = re.compile(r"(?<![\w.,'’-])[1-9]\d{0,2}(?:[.,'’ ]\d{3})+(?![\w'’-]|[.,]\d)")
"""A number whose thousands are separated: 61,000, in most languages 61.000 or 61 000."""
_MEASURED = re.compile(
    r"(?<![\w.,-])(\d+)[.,](\d+)(?=\s?(?:%|percent|prozent|[tgmk]?ev|[gmk]?hz|k?v|t|teslas?|[nuμmck]?m|[μm]?g|kg|m?l"
    r"|[kmgtp]i?b|°c?|fte|vze)(?!\w))"
)
"""A decimal number before a unit, which is no version."""
_LIFE = re.compile(r"(?<!\w)((?:18|19|20)\d\d) ?[-–—] ?((?:19|20)\d\d)(?!\w)")
MIN_RARE_DIGITS = 3
"""Minimum length of a whole number that few items share."""
MIN_YEARS_OF_LIFE = 25
"""Minimum length of a period that is a life, not that of a project."""
# "V" at the beginning is Czech for "in", and "X" may be a name.
_ROMAN = re.compile(
    r"(?<!\w)(X{0,2}(?:IX|IV|V?I{1,3})|(?<=\w )V|V(?=\.)|X{1,2}V|(?<=\w )X|X(?=\.)|XX)(?!\w|['’.]\w)"
)
_NUMBER_ONE = re.compile(r"(?<=\w )I(?=\s*(?:$|[:,;)|–-]))")
_PART_WORDS = frozenset(
    "part teil parte partie folge episode modul module lecture lesson chapter kapitel unit block group gruppe session"
    " track volume vol".split()
)
# A working group is no part of what it publishes.
_PART = re.compile(
    rf"(?<!\w)(?<!working )(?:{'|'.join(sorted(_PART_WORDS))}|vol\.)\s+"
    r"(\d{1,3}|[a-z]{1,4}(?![\w-])|[a-z]{3,12}(?!\w))"
)
_ROMAN_VALUE = {"I": 1, "V": 5, "X": 10}
_ROMAN_DIGIT = re.compile("[IVX]")
_NONE: frozenset[Any] = frozenset()
"""One empty set for all items, since each other one takes 216 bytes."""
_DIGITS = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """What one text states.

    `dates` are as MM-DD, `amounts` numbers of money in `currencies`, or of millions.
    """

    dates: frozenset[str] = frozenset()
    months: frozenset[int] = frozenset()
    years: frozenset[str] = frozenset()
    amounts: frozenset[int] = frozenset()
    currencies: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    dois: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    def __or__(self, other: TextFacts) -> TextFacts:
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        return TextFacts(
            dates=self.dates | other.dates or _NONE,
            months=self.months | other.months or _NONE,
            years=self.years | other.years or _NONE,
            amounts=self.amounts | other.amounts or _NONE,
            currencies=self.currencies | other.currencies or _NONE,
            numbers=self.numbers | other.numbers or _NONE,
            versions=self.versions | other.versions or _NONE,
            references=self.references | other.references or _NONE,
            dois=self.dois | other.dois or _NONE,
            parts=self.parts | other.parts or _NONE,
        )


NOTHING = TextFacts()


def in_two_currencies(a: TextFacts, b: TextFacts) -> bool:
    """Return whether the amounts of two texts are in different currencies."""
    return bool(a.currencies and b.currencies and a.currencies.isdisjoint(b.currencies))


def is_rare_number(number: str) -> bool:
    """Return whether few items have a number: a decimal one, or one of at least three digits."""
    return "." in number or sum(map(str.isdigit, number)) >= MIN_RARE_DIGITS


def title_facts(title: str, folded: str, language: str | None = None) -> TextFacts:
    """Extract the facts of a title, Roman numerals and parts of a series included."""
    folded, words = _with_digits(folded)
    numbers = _number_words(words) | _roman_numerals(title)
    parts = frozenset() if words.isdisjoint(_PART_WORDS) else _parts(folded)
    counted = TextFacts(numbers=numbers, parts=parts) if numbers or parts else NOTHING
    if _DIGIT.search(folded):
        return counted | _facts_with_digits(folded, words, language)
    if text_dates.names_month(words):
        return counted | TextFacts(months=text_dates.find_months(folded))
    return counted


def body_facts(folded: str, language: str | None = None) -> TextFacts:
    """Extract the facts of a folded text; months and years count only near numbers."""
    folded, words = _with_digits(folded)
    numbers = _number_words(words)
    counted = TextFacts(numbers=numbers) if numbers else NOTHING
    if not _DIGIT.search(folded):
        return counted
    return counted | _facts_with_digits(_around_digits(folded), words, language)


def _with_digits(folded: str) -> tuple[str, frozenset[str]]:
    """Return a text with "2 million" for "two million", and its words."""
    words = frozenset(_LETTERS.findall(folded))
    if words.isdisjoint(_SIZES) or words.isdisjoint(vocabulary().numbers):
        return folded, words
    folded = _worded_amount().sub(lambda match: str(vocabulary().numbers[match[1]]), folded)
    return folded, frozenset(_LETTERS.findall(folded))


@cache
def _worded_amount() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({'|'.join(vocabulary().numbers)})(?= (?:{'|'.join(sorted(_SIZES))})(?!\w))")


def _around_digits(text: str) -> str:
    """Return the parts of a text that can contain facts; the rest need not be searched."""
    parts, end = [], 0
    for match in _DIGITS.finditer(text):
        start = max(match.start() - CHARACTERS_AROUND_DIGITS, 0)
        if start > end:
            parts.append(" | ")
            end = start
        parts.append(text[end : match.end() + CHARACTERS_AROUND_DIGITS])
        end = match.end() + CHARACTERS_AROUND_DIGITS
    return "".join(parts)


def _facts_with_digits(folded: str, words: Set[str], language: str | None) -> TextFacts:
    """Extract all facts of a text, or of parts of a text with these `words`.

    Each kind is searched in what the kinds before it leave, since only its form marks a number as one.
    """
    dois = frozenset(_DOI.findall(folded)) if "10." in folded else frozenset()
    references, rest = _take(_REFERENCE, folded) if words & _REFERENCE_WORDS else (frozenset(), folded)
    codes, rest = _take(_CODE, rest)
    rest = _DOI.sub(" ", rest) if dois else rest
    dated = text_dates.find_dates(rest, words, language)
    amounts, currencies, rest = _take_amounts(_TIME.sub(" ", dated.rest), words)
    measured = frozenset(f"{whole}.{part}" for whole, part in _MEASURED.findall(rest))
    rest = _GROUPED.sub(_without_separators, _MEASURED.sub(" ", rest) if measured else rest)
    versions, rest = _take(_VERSION, rest) if "." in rest else (frozenset(), rest)
    months = text_dates.find_months(rest) if text_dates.names_month(words) else frozenset()
    years, rest = text_dates.take_years(_LIFE.sub(_without_life, rest))
    numbers = frozenset(_number(digits, tail) for digits, tail in _NUMBERED.findall(rest))
    return TextFacts(
        dates=dated.dates or _NONE,
        months=dated.months | months or _NONE,
        years=dated.years | years or _NONE,
        amounts=amounts or _NONE,
        currencies=currencies or _NONE,
        numbers=numbers | measured or _NONE,
        versions=frozenset(map(_without_zero, versions)) or _NONE,
        references=references | codes or _NONE,
        dois=dois or _NONE,
    )


def _take(pattern: re.Pattern[str], text: str) -> tuple[frozenset[str], str]:
    found = frozenset("".join(m.groups("")).strip(" .").replace(" ", "") for m in pattern.finditer(text))
    return found, pattern.sub(" ", text) if found else text


def _take_amounts(text: str, words: Set[str]) -> tuple[frozenset[int], frozenset[str], str]:
    """Return the amounts of a text, their currencies, and the text without them."""
    if not words & _MONEY_WORDS and not _MONEY_SIGN.search(text):
        return frozenset(), frozenset(), text
    amounts: set[int] = set()
    currencies: set[str] = set()

    def add(match: re.Match[str]) -> str:
        before, digits, unit, after = match.groups()
        if len(digits) > MAX_AMOUNT_DIGITS or not (
            before or after or (unit and unit not in ("m", "k", "b", "md", "mia"))
        ):
            return match[0]
        amounts.add(round(_decimal(digits) * _UNIT.get(unit or "", 1)))
        if currency := before or after:
            currencies.add(_CURRENCY_OF.get(currency, "usd"))
        return " "

    text = _AMOUNT.sub(add, text)
    return frozenset(amounts), frozenset(currencies), text


def _decimal(digits: str) -> float:
    """Read a number whose thousands may be separated by point, comma, space or apostrophe."""
    plain = re.sub(r"[.,\s'’](?=\d{3}(?:\D|$))", "", digits)
    return float(plain.replace(",", "."))


def _without_separators(match: re.Match[str]) -> str:
    return "".join(_DIGITS.findall(match[0]))


def names_life(folded: str) -> bool:
    """Return whether a text has the years of birth and death of a person."""
    return any(_is_life(match) for match in _LIFE.finditer(folded))


def _without_life(match: re.Match[str]) -> str:
    """Return what remains of a period: nothing of the years of birth and death."""
    return " " if _is_life(match) else match[0]


def _is_life(match: re.Match[str]) -> bool:
    return int(match[2]) - int(match[1]) >= MIN_YEARS_OF_LIFE


def _without_zero(version: str) -> str:
    """Return 4.2 for 4.2.0, since an announcement leaves the zero out; 2.0 stays."""
    return version.removesuffix(".0") if version.count(".") > 1 else version


def _number(digits: str, tail: str) -> str:
    return digits + (tail if tail in ("x", "t", "d", "%") else "")


def _number_words(words: Set[str]) -> frozenset[str]:
    known = vocabulary()
    named = (known.ordinals.keys() & words) | (known.numbers.keys() & words)
    return frozenset(filter(None, map(_number_of, named))) if named else frozenset()


def _number_of(word: str) -> str | None:
    """Return the number that a word names; an ordinal counts before a cardinal number."""
    known = vocabulary()
    number = known.ordinals.get(word, known.numbers.get(word))
    return None if number is None else str(number)


def _roman_numerals(text: str) -> frozenset[str]:
    if not _ROMAN_DIGIT.search(text):
        return frozenset()
    found = {"1"} if _NUMBER_ONE.search(text) else set()
    for numeral in _ROMAN.findall(text):
        if numeral == "I":
            continue
        value = 0
        for letter, following in zip(numeral, numeral[1:] + " ", strict=True):
            worth = _ROMAN_VALUE[letter]
            value += -worth if _ROMAN_VALUE.get(following, 0) > worth else worth
        found.add(str(value))
    return frozenset(found)


def _parts(folded: str) -> frozenset[str]:
    """Return the parts of a series that a title names: by number, character or number word."""
    found = set()
    for name in _PART.findall(folded):
        if number := _number_of(name):
            found.add(number)
        elif name == "i":
            found.add("1")
        elif romans := _roman_numerals(f"part {name.upper()}"):
            found |= romans
        elif name.isdigit() or len(name) == 1:
            found.add(name)
    return frozenset(found)
