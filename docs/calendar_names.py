"""Write aggregator/calendar_names.json: months and weekdays from the CLDR data of Babel.

Usage: python docs/calendar_names.py (or `make calendar-names`), with the development dependencies installed. Babel is
not used at run time: loading its locales takes 150 ms in each process that parses documents.
"""

from __future__ import annotations

import json
from pathlib import Path

from babel import Locale

FILE = Path(__file__).parent.parent / "aggregator" / "calendar_names.json"
LOCALES = {
    "en": ("en", "en_GB"),
    "de": ("de", "de_AT"),
    "fr": ("fr",),
    "it": ("it",),
    "es": ("es", "es_PE"),
    "pt": ("pt",),
    "fi": ("fi",),
    "sv": ("sv",),
    "no": ("nb",),
    "da": ("da",),
    "nl": ("nl",),
    "pl": ("pl",),
    "cs": ("cs",),
    "hu": ("hu",),
    "sl": ("sl",),
    "bg": ("bg",),
    "ca": ("ca",),
    "ro": ("ro",),
    "sk": ("sk",),
    "hr": ("hr",),
    "et": ("et",),
    "lt": ("lt",),
    "lv": ("lv",),
    "el": ("el",),
    "tr": ("tr",),
    "uk": ("uk",),
    "ru": ("ru",),
}
"""The languages of publishers and the locales whose names they use, the main one first."""


FURTHER = {
    ("de", "long"): {1: ["Jaenner"], 2: ["Feber"], 3: ["Maerz"]},
    ("de", "short"): {3: ["Mrz"]},
    ("sl", "long"): {
        1: ["januarja"],
        2: ["februarja"],
        4: ["aprila"],
        6: ["junija"],
        7: ["julija"],
        8: ["avgusta"],
        9: ["septembra"],
        10: ["oktobra"],
        11: ["novembra"],
        12: ["decembra"],
    },
    ("lv", "long"): {
        number: [name]
        for number, name in enumerate(
            "janvārī februārī martā aprīlī maijā jūnijā jūlijā augustā septembrī oktobrī novembrī decembrī".split(),
            start=1,
        )
    },
    ("tr", "long"): {5: ["Mayis"], 11: ["Kasim"], 12: ["Aralik"]},
}
"""Names that CLDR lacks: older spellings, ASCII, Slovenian genitives, Latvian locatives."""


def names() -> dict[str, dict[str, list[list[str]] | list[str]]]:
    """Collect the names of each language: `long` and `short` by month, and `weekdays`.

    The first long name of a month is the one that a date in running text has.
    """
    return {language: _of_language(language) for language in LOCALES}


def _of_language(language: str) -> dict[str, list[list[str]] | list[str]]:
    locales = [Locale.parse(locale) for locale in LOCALES[language]]
    long = _collect(locales, "wide", FURTHER.get((language, "long"), {}))
    short = _collect(locales, "abbreviated", FURTHER.get((language, "short"), {}))
    return {
        "long": long,
        "short": [[name for name in short[n] if name not in long[n]] for n in range(12)],
        "weekdays": [str(locales[0].days["format"]["wide"][n]) for n in range(7)],
    }


def _collect(locales: list[Locale], width: str, further: dict[int, list[str]]) -> list[list[str]]:
    """List the names of each month, each once, without the full stop of an abbreviation."""
    months = []
    for number in range(1, 13):
        written = [
            str(locale.months[form][width][number]).rstrip(".")
            for form in ("format", "stand-alone")
            for locale in locales
        ]
        unique = {name.casefold(): name for name in reversed([*written, *further.get(number, [])])}
        months.append(list(reversed(unique.values())))
    return months


def text() -> str:
    """Render the file: one language on a few lines, so that a change is readable."""
    languages = (
        f"  {json.dumps(language)}: {{\n"
        + ",\n".join(
            f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in of.items()
        )
        + "\n  }"
        for language, of in names().items()
    )
    return "{\n" + ",\n".join(languages) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
