"""Write the given names by which two capitalised words are recognised as a person.

usage: python benchmarks/given_names.py

Reads the lists of given names of Faker (https://github.com/joke2k/faker, MIT) for the partners' languages, and writes
aggregator/dedupe/vocabulary/given_names.txt. Faker is needed only here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from aggregator.dedupe.vocabulary.words import fold

LOCALES = (
    "en_US en_GB de_DE de_AT de_CH fr_FR it_IT es_ES pt_PT fi_FI sv_SE no_NO da_DK nl_NL pl_PL cs_CZ hu_HU"
).split()
FILE = Path(__file__).parent.parent / "aggregator/dedupe/vocabulary/given_names.txt"
HEADER = """\
# Given names in the partners' languages, one a line. Written by benchmarks/given_names.py from Faker, MIT.
# Folded: lower case without diacritics.
"""


def main() -> int:
    """Write the file and print its size."""
    names = {
        word
        for locale in LOCALES
        for kind, listed in vars(import_module(f"faker.providers.person.{locale}").Provider).items()
        if kind.startswith("first_names")
        for written in listed
        if (word := fold(written)).isalpha()
    }
    text = HEADER + "".join(f"{name}\n" for name in sorted(names))
    FILE.write_text(text, "utf-8")
    print(f"{len(names)} names, {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
