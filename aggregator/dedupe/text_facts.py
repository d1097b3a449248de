"""What a text states that survives every translation: dates, years, amounts, numbers, versions, references."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aggregator import calendar_names
from aggregator.dedupe.vocabulary.words import NUMBER_WORDS, ORDINAL_WORDS

MONTHS = calendar_names.month_numbers(
    long="en de fr it es pt fi sv no da nl pl cs".split(), short=("en", "de")
)
_MONTH = rf"{calendar_names.one_of(MONTHS)}(?!\w)\.?"
_JOIN = r"\s*(?:-|–|—|/|&|to|bis(?: zum)?|al?|au|and|und|e|y|tot|till|until|ate|az)\s*"
_NTH = r"(?:st|nd|rd|th|\.|er|º|ª)?"
_DAY_MONTH = re.compile(
    rf"(?<![\w.])(\d{{1,2}}){_NTH}(?:{_JOIN}(\d{{1,2}}){_NTH})?\s*(?:of |de |di |du |d')?"
    rf"({_MONTH})(?:,?\s*(?:de |del )?((?:19|20)\d\d))?"
)
_MONTH_DAY = re.compile(
    rf"(?<!\w)({_MONTH})\s*(\d{{1,2}})(?:st|nd|rd|th)?(?:{_JOIN}({_MONTH})?\s*(\d{{1,2}})(?:st|nd|rd|th)?)?"
    r"(?![\d:.]\d|\d)(?:,?\s*((?:19|20)\d\d))?"
)
_NUMERIC = re.compile(
    r"(?<![\d.])(?:(\d{1,2})\.\s?(?:-|–|bis)\s?)?(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d|(?=\s|$))(?!\d)"
)
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)-(\d\d)-(\d\d)(?!\d)")
_MONTH_YEAR = re.compile(rf"(?<!\w)({_MONTH})(?:\s+((?:19|20)\d\d))?")
_YEAR = re.compile(r"(?<![\w.,])(?:[a-z]{2,12})?((?:19|20)\d\d)(?![\d.,/-]\d|\w)")

_UNITS = {
    1_000_000: "million millions millionen mio mill m miljoonaa miljoen miljoner miljoonan millones milioni"
    " milhoes mln milionow",
    1_000_000_000: "billion milliarden mrd miljard",
    1_000: "thousand tausend k tusen",
}
_UNIT = {word: size for size, words in _UNITS.items() for word in words.split()}
_UNIT_NAMES = "|".join(sorted(_UNIT, key=len, reverse=True))
_CURRENCY = (
    r"(?:euros?|euroa|eur|€|usd|us-dollar|dollars?|\$|chf|franken|sek|kronor|nok|dkk|gbp|pounds?|£|pln|czk)"
)
_AMOUNT = re.compile(
    rf"(?:({_CURRENCY})\s?)?(?<![\w.])(\d+(?:[.,\s]\d{{3}})*(?:[.,]\d+)?)\s?({_UNIT_NAMES})?(?!\w)"
    rf"(?:\s?({_CURRENCY}))?"
)
_REFERENCE = re.compile(
    r"(?<!\w)(?:cve[- ]?(\d{4}-\d{3,})"
    r"|(?:ref(?:erence|\.|erenz|erenznummer)?|kennziffer|kenn-?nr\.?|job[- ]?id|requisition|stellen-?id)"
    r"[\s:.#]*(?:number|code|id|no\.?|nr\.?)?[\s:.#]*([a-z]{0,6}[-/ ]?\d[\w/-]*(?:\.\d+)*))"
)
_REFERENCE_WORDS = frozenset(
    "cve ref reference referenz referenznummer kennziffer kenn job jobid requisition stellen".split()
)
_MONEY_WORDS = frozenset(
    [
        *_UNIT,
        *"euro euros euroa eur usd dollar dollars chf franken sek kronor nok dkk gbp pound pounds pln czk".split(),
    ]
)
_MONEY_SIGN = re.compile("[€$£]")
_DOI = re.compile(r"(?<![\w.])(10\.\d{4,9}/[^\s\"'<>,;]+[^\s\"'<>,;.)\]])")
_VERSION = re.compile(
    r"(?<![\w.,])v?(\d+(?:\.\d+)+(?:[-.]?(?:a|b|rc|alpha|beta|dev|m|rev|post)\.?\d*)?)(?![\d]|\.\d|\w)"
)
_NUMBERED = re.compile(r"(?<![\w.,-])(\d{1,6}(?:,\d{3})*)(st|nd|rd|th|er|e|x|t|d|%)?(?![\w,.]*\d)(?!\w)")
_ROMAN = re.compile(r"(?<!\w)(X{0,2}(?:IX|IV|V?I{1,3}|V)|X{1,2})(?!\w|['’.]\w)")
_NUMBER_ONE = re.compile(r"(?<=\w )I(?=\s*(?:$|[:,;)|–-]))")
_PART = re.compile(
    r"(?<!\w)(?:part|teil|parte|partie|folge|episode|module?|modul|lecture|lesson|chapter|kapitel|unit|block|group"
    r"|gruppe|session|track|volume|vol\.?)\s+(\d{1,3}|[a-z]{1,4}(?![\w-])|[a-z]{3,12}(?!\w))"
)
_ROMAN_VALUE = {"I": 1, "V": 5, "X": 10}
_LETTERS = re.compile(r"[a-z]+")
_COUNTED = NUMBER_WORDS | ORDINAL_WORDS
AROUND = 26
_DIGITS = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """What one text states. `dates` are MM-DD (years stand apart), `amounts` plain numbers of money or millions."""

    dates: frozenset[str] = frozenset()
    months: frozenset[int] = frozenset()
    years: frozenset[str] = frozenset()
    amounts: frozenset[int] = frozenset()
    numbers: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    dois: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    def __or__(self, other: TextFacts) -> TextFacts:
        return TextFacts(**{name: getattr(self, name) | getattr(other, name) for name in self.__slots__})


NOTHING = TextFacts()


def extract(text: str, folded: str, *, title: bool = False, numbers: bool = True) -> TextFacts:
    """The facts in `text`; `folded` is the same without case and diacritics. Roman numerals count in titles only.

    Without `numbers` neither these nor years and months by themselves are looked for.
    """
    said = set(_LETTERS.findall(folded))
    words = frozenset(str(_COUNTED[word]) for word in said & _COUNTED.keys())
    if title:
        words |= _romans(text)
    parts = _parts(folded) if title else frozenset()
    calendar = bool(said & MONTHS.keys())
    if not _DIGIT.search(folded):
        months = _months(folded) if calendar and title else frozenset()
        return TextFacts(numbers=words, months=months, parts=parts) if words or months or parts else NOTHING
    folded = folded if title else _around_digits(folded)
    dois = frozenset(_DOI.findall(folded)) if "10." in folded else frozenset()
    references, rest = _taken(_REFERENCE, folded) if said & _REFERENCE_WORDS else (frozenset(), folded)
    rest = _DOI.sub(" ", rest) if dois else rest
    dates, months, years, rest = _dates(rest, calendar)
    amounts: frozenset[int] = frozenset()
    if said & _MONEY_WORDS or _MONEY_SIGN.search(rest):
        amounts, rest = _amounts(rest)
    versions, rest = _taken(_VERSION, rest)
    if not numbers:
        return TextFacts(dates=dates, amounts=amounts, versions=versions, references=references, dois=dois)
    if calendar:
        months |= _months(rest)
    years |= frozenset(_YEAR.findall(rest))
    rest = _YEAR.sub(" ", rest)
    counted = frozenset(_number(digits, tail) for digits, tail in _NUMBERED.findall(rest))
    return TextFacts(
        dates=dates,
        months=months,
        years=years,
        amounts=amounts,
        numbers=counted | words,
        versions=versions,
        references=references,
        dois=dois,
        parts=parts,
    )


def has_numbers(text: str) -> bool:
    """Whether a text can state dates, sums, versions or references at all."""
    return _DIGIT.search(text) is not None


def _around_digits(text: str) -> str:
    """The parts of a text in which facts can stand; the rest need not be searched."""
    parts, end = [], 0
    for match in _DIGITS.finditer(text):
        start = max(match.start() - AROUND, 0)
        if start > end:
            parts.append(" | ")
            end = start
        parts.append(text[end : match.end() + AROUND])
        end = match.end() + AROUND
    return "".join(parts)


def _number(digits: str, tail: str) -> str:
    return digits.replace(",", "") + (tail if tail in ("x", "t", "d", "%") else "")


def _romans(text: str) -> frozenset[str]:
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
    """Parts of a series that a title names: by number, letter or number word."""
    found = set()
    for name in _PART.findall(folded):
        if name in _COUNTED:
            found.add(str(_COUNTED[name]))
        elif name == "i":
            found.add("1")
        elif romans := _romans(name.upper()):
            found |= romans
        elif name.isdigit() or len(name) == 1:
            found.add(name)
    return frozenset(found)


def _months(folded: str) -> frozenset[int]:
    return frozenset(
        MONTHS[name.rstrip(".")]
        for name, year in _MONTH_YEAR.findall(folded)
        if year or len(name) > 4 or name in ("mai", "juni", "juli", "june", "july")
    )


def _taken(pattern: re.Pattern[str], text: str) -> tuple[frozenset[str], str]:
    found = frozenset("".join(m.groups("")).strip(" .").replace(" ", "") for m in pattern.finditer(text))
    return found, pattern.sub(" ", text) if found else text


def _dates(text: str, calendar: bool) -> tuple[frozenset[str], frozenset[int], frozenset[str], str]:
    dates: set[str] = set()
    months: set[int] = set()
    years: set[str] = set()

    def note(month: int, *days: str | None, year: str | None = None) -> str:
        if 1 <= month <= 12:
            months.add(month)
            dates.update(f"{month:02}-{int(day):02}" for day in days if day and 1 <= int(day) <= 31)
        if year:
            years.add(year)
        return " "

    def month(name: str) -> int:
        return MONTHS[name.rstrip(".")]

    text = _ISO.sub(lambda m: note(int(m[2]), m[3], year=m[1]), text)
    text = _NUMERIC.sub(lambda m: note(int(m[3]), m[1], m[2], year=m[4]), text)
    if not calendar:
        return frozenset(dates), frozenset(months), frozenset(years), text
    text = _DAY_MONTH.sub(lambda m: note(month(m[3]), m[1], m[2], year=m[4]), text)

    def month_first(m: re.Match[str]) -> str:
        note(month(m[1]), m[2], year=m[5])
        return note(month(m[3] or m[1]), m[4])

    text = _MONTH_DAY.sub(month_first, text)
    return frozenset(dates), frozenset(months), frozenset(years), text


MAX_DIGITS = 20
"""A sum longer than that is none, and no float."""


def _amounts(text: str) -> tuple[frozenset[int], str]:
    found: set[int] = set()

    def note(match: re.Match[str]) -> str:
        before, digits, unit, after = match.groups()
        if len(digits) > MAX_DIGITS or not (before or after or (unit and unit not in ("m", "k"))):
            return match[0]
        found.add(round(_value(digits) * _UNIT.get(unit or "", 1)))
        return " "

    text = _AMOUNT.sub(note, text)
    return frozenset(found), text


def _value(digits: str) -> float:
    plain = re.sub(r"[.,\s](?=\d{3}(?:\D|$))", "", digits)
    return float(plain.replace(",", "."))
