"""The language of a text, told by its commonest words; nothing where they do not say it clearly."""

from __future__ import annotations

import re
from collections import Counter

SURE, CLEAR = 6, 2.0
"""So many of a language's words must be there, and so many times those of any other language."""
READ = 600
_WORDS = {
    "en": "the and of to for with is are was were this that from by you your we our will have has"
    " on at it be as an or which",
    "de": "der die das und ist nicht mit für von den dem des ein eine einen einer sich auf auch"
    " werden wird wir bei zum zur im am als nach über",
    "fr": "le la les des et est une dans pour que qui sur avec par au aux du nous vous ce cette sont plus ou pas leur",
    "es": "el la los las del y que en por para con una es se al como más su sus este esta son nuestro entre sobre",
    "it": "il lo gli di che per con una del della delle nel nella dei sono è anche come più alla dal questo si ed",
    "pt": "o os as do da dos das que em para com uma não é no na nos por mais ao pela pelo seu sua como são",
    "nl": "de het een van en is dat op te voor met zijn aan er om naar door ook bij uit wordt niet deze onze worden",
    "fi": "ja on ei että se ovat oli mukaan sekä tai kun myös joka hän ovat sen tämä voi mutta niin jotka",
    "sv": "och att det som en ett på är av för med den till har inte om vi kan från vid ska eller",
    "da": "og at det som en et på er af for med den til har ikke om vi kan fra ved skal eller der",
    "pl": "i w na z do się jest że od po o oraz za dla jak są który przez nie to",
    "cs": "a v na se je že do s z pro jsou který o od za po jako ve k také byl",
}
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _language, _said in _WORDS.items():
    for _one in dict.fromkeys(_said.split()):
        _LANGUAGES[_one] = (*_LANGUAGES.get(_one, ()), _language)
_WORD = re.compile(r"[^\W\d_]+")


def detect(text: str) -> str | None:
    """The language (primary subtag) of a text, or None."""
    counts: Counter[str] = Counter()
    for word in _WORD.findall(text[:READ].lower()):
        counts.update(_LANGUAGES.get(word, ()))
    ranked = [*counts.most_common(2), ("", 0), ("", 0)]
    (language, best), (_, second) = ranked[:2]
    return language if best >= SURE and best >= CLEAR * second else None
