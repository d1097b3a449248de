"""Write the background frequencies of words, which decide how rare a word is.

usage: python benchmarks/word_frequencies.py

Reads the word lists of wordfreq (Robyn Speer, https://github.com/rspeer/wordfreq, data CC BY-SA 4.0), and writes
aggregator/dedupe/vocabulary/frequencies.txt under that licence: for each step of the Zipf scale the words of that
frequency, the highest of all languages. wordfreq is needed only here.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import wordfreq

from aggregator.dedupe.vocabulary.words import fold

WORDS = {"en": 12_000, "de": 4_000} | dict.fromkeys("fr it es pt fi sv nb da nl pl cs hu".split(), 2_000)
"""Number of the most frequent words of each language that are written."""
FILE = Path(__file__).parent.parent / "aggregator/dedupe/vocabulary/frequencies.txt"
HEADER = """\
# Frequency of words in running text: Zipf scale (log10 of uses in a billion words) = words.
# The highest of 14 languages. Written by benchmarks/word_frequencies.py from wordfreq (Robyn Speer), CC BY-SA 4.0.
# Folded: lower case without diacritics.
"""


def main() -> int:
    """Write the file and print its size."""
    highest: dict[str, float] = {}
    for language, most in WORDS.items():
        for written in wordfreq.top_n_list(language, most):
            word = fold(written)
            if word.isalpha() and word.islower() and len(word) > 1:
                zipf = round(2 * wordfreq.zipf_frequency(written, language)) / 2
                highest[word] = max(zipf, highest.get(word, 0))
    by_zipf: defaultdict[float, list[str]] = defaultdict(list)
    for word, zipf in highest.items():
        by_zipf[zipf].append(word)
    lines = (f"{zipf} = {' '.join(sorted(words))}\n" for zipf, words in sorted(by_zipf.items(), reverse=True))
    text = HEADER + "".join(lines)
    FILE.write_text(text, "utf-8")
    print(f"{len(highest)} words, {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
