"""Evidence that two items report the same: a function for each piece of evidence.

Exact evidence suffices by itself, in the order of `EXACT`. Near evidence counts only together (`compare`); its weights
are fitted on labelled pairs (`benchmarks/fit_dedupe.py`), and `benchmarks/ablation.py` shows what each contributes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from itertools import chain

from aggregator.calendar_names import LANGUAGES, one_of, weekdays
from aggregator.dedupe import identifiers, measures, weighed_pairs
from aggregator.dedupe.features import Features, differ_in_language, for_member
from aggregator.dedupe.measures import Measure, Piece
from aggregator.dedupe.vocabulary.words import concepts, fold, weight
from aggregator.dedupe.weighed_pairs import Pair
from aggregator.dedupe.weights import Weights, weights
from aggregator.items import canonical_urls
from aggregator.items.caches import MAX_ADDRESS_CHARACTERS, cached
from aggregator.items.identity import title_key
from aggregator.items.url_variants import Variant, are_in_two_sections, variant
from aggregator.model.stories import Evidence, Member
from aggregator.model.value_classes import dataclass

PROOF_WEIGHT = 10.0
"""The weight of evidence that suffices by itself."""
MAX_TIME_BETWEEN_ITEMS = timedelta(days=60)
"""Maximum time between two items that near evidence can connect."""
MAX_REDATED = timedelta(days=45)
"""Maximum time between two permalinks of one post."""
MAX_TRANSLATED = timedelta(days=14)
"""Maximum time between translations whose addresses agree in a number only."""
MAX_REISSUED = timedelta(days=21)
"""Maximum time between two deposits of one work."""
MAX_SHORT_LINK_DELAY = timedelta(days=2)
"""Maximum time between an item under a short link and the same under its permalink."""
MIN_REPOST_LIKENESS = 0.4
"""Minimum likeness of the titles of a repost and of its origin, in one language."""
_WEEKDAY_OR_TIME = re.compile(
    rf"(?<!\w)(?:{one_of({day for each in LANGUAGES for day in weekdays(each)})}s?|[0-2]?[0-9][:.][0-5][0-9])(?!\w)",
    re.IGNORECASE,
)
MIN_SLUG_WEIGHT = 1.0
"""Minimum weight of words that the address of an article and a title share."""


# --- exact ---------------------------------------------------------------------------------------------


def exact(a: Member, b: Member) -> Evidence | None:
    """Return the first exact evidence, if any."""
    return next((found for piece in EXACT if (found := piece(a, b))), None)


def same_link(a: Member, b: Member) -> Evidence | None:
    """Compare canonical links; that of a section proves nothing for items without a common word."""
    shared = {key for key in a.links & b.links if not canonical_urls.may_be_listing(key)}
    if shared and _have_nothing_in_common(a, b) and not any(_is_of_an_item(key, a, b) for key in shared):
        return None
    return _proof("same link", f"same link, {min(shared)}") if shared else None


def same_work(a: Member, b: Member) -> Evidence | None:
    """Compare the works that the items are: DOI, arXiv number, PMID, Zenodo record."""
    shared = a.works & b.works
    return _proof("same work", f"both are {min(shared)}") if shared else None


def same_record(a: Member, b: Member) -> Evidence | None:
    """Recognise a Zenodo concept and its first version: adjacent numbers and one title.

    One of the two is reached by a DOI, the other by its record.
    """
    if any(identifiers.is_concept(x, y) for x in a.works for y in b.works) and _titles_agree(a, b):
        by_doi = {"/doi/" in (m.link or "") or "doi.org/" in (m.link or "") for m in (a, b)}
        if len(by_doi) == 2:
            return _proof(
                "same record", "a Zenodo record and the DOI of all its versions, with the same title"
            )
    return None


def repost(a: Member, b: Member) -> Evidence | None:
    """Recognise an item that names the page of the other as its origin.

    The titles must be similar. Across languages a shared fact replaces that, since titles cannot be compared.
    """
    if (
        not (a.origins & b.links or b.origins & a.links)
        or abs(a.sort_time - b.sort_time) > MAX_TIME_BETWEEN_ITEMS
    ):
        return None
    one, other = for_member(a), for_member(b)
    translated = differ_in_language(one, other) and _share_a_fact(one, other)
    if title_likeness(one, other) < MIN_REPOST_LIKENESS and not translated:
        return None
    for copy, original in ((a, b), (b, a)):
        if shared := copy.origins & original.links:
            publisher = copy.publisher or copy.source_id
            return _proof("repost", f"{publisher} points to the other's page, {min(shared)}")
    return None


def other_language(a: Member, b: Member) -> Evidence | None:
    """Recognise one page in two languages: addresses that differ only in a language."""
    one, other = _variants(a, b)
    if one is None or other is None or one.key != other.key or one.part != other.part:
        return None
    retitled = one.title and other.title and one.title != other.title
    if retitled and abs(a.sort_time - b.sort_time) > MAX_TRANSLATED:
        return None  # the number may name a section
    if one.language != other.language and one.identifies:
        return _proof("other language", "the addresses are those of one page in two languages")
    return None


def same_page(a: Member, b: Member) -> Evidence | None:
    """Recognise two forms of one address: a topic and a post, a test server, another slug.

    Items of one source need the same title, day and text, too: else they are a template or parts of a series.
    """
    one, other = _variants(a, b)
    if one is None or other is None or one.key != other.key or one.language != other.language:
        return None
    if a.source_id == b.source_id:
        known = _repeats(a, b)
    elif one.part and other.part and one.part != other.part:
        known = False
    elif one.part != other.part or one.is_staging != other.is_staging:
        known = one.identifies or other.identifies
    else:
        known = one.identifies and _titles_agree(a, b)
    return _proof("same page", "two addresses of the same page") if known else None


def moved_page(a: Member, b: Member) -> Evidence | None:
    """Recognise a page that a site has in two sections, by slug, title, day and text."""
    if not a.link or not b.link or not a.text or not _repeats(a, b):
        return None
    if are_in_two_sections(a.link, b.link):
        return _proof("moved page", "the same title and text under the same name in two sections of a site")
    return None


def moved_permalink(a: Member, b: Member) -> Evidence | None:
    """Recognise a post that got another date: its permalink differs only in the date.

    A weekday or time without a date means another day under each permalink, as in a weekly notice.
    """
    if not a.link or not b.link or not _loosely_linked(a, b):
        return None
    dates = canonical_urls.dated_path(a.link), canonical_urls.dated_path(b.link)
    moved = all(dates) and dates[0] != dates[1] and abs(a.sort_time - b.sort_time) <= MAX_REDATED
    if moved and _titles_agree(a, b) and _is_specific(a) and not (_is_relative(a) and _is_relative(b)):
        return _proof("moved permalink", "the same title, and permalinks that differ only in the date")
    return None


def short_link(a: Member, b: Member) -> Evidence | None:
    """Recognise an address with a number only, such as WordPress' /?p=123, beside the permalink."""
    if not a.link or not b.link or a.text != b.text or abs(a.sort_time - b.sort_time) > MAX_SHORT_LINK_DELAY:
        return None
    if canonical_urls.is_short_link(a.link) == canonical_urls.is_short_link(b.link):
        return None
    if _titles_agree(a, b) and canonical_urls.host(a.link) == canonical_urls.host(b.link):
        return _proof("short link", "a short link and a permalink of one site with the same title and text")
    return None


def damaged_link(a: Member, b: Member) -> Evidence | None:
    """Recognise an address that lost punctuation, as at the line ends of a PDF."""
    if not a.link or not b.link or not _loosely_linked(a, b) or not _titles_agree(a, b):
        return None
    dates = canonical_urls.dated_path(a.link), canonical_urls.dated_path(b.link)
    if dates[0] == dates[1] and canonical_urls.canonical(a.link) != canonical_urls.canonical(b.link):
        return _proof("damaged link", "the same title, and addresses that differ only in punctuation")
    return None


def new_version(a: Member, b: Member) -> Evidence | None:
    """Recognise a work deposited again: two records of a repository with one specific title."""
    both = all(any(work.startswith("zenodo:") for work in m.works) for m in (a, b))
    if both and abs(a.sort_time - b.sort_time) <= MAX_REISSUED and _is_specific(a) and _titles_agree(a, b):
        reason = "two deposits in a repository with the same distinctive title within three weeks"
        return _proof("new version", reason)
    return None


EXACT: tuple[Callable[[Member, Member], Evidence | None], ...] = (
    same_link,
    same_work,
    same_record,
    repost,
    other_language,
    same_page,
    moved_page,
    moved_permalink,
    short_link,
    damaged_link,
    new_version,
)


def _proof(name: str, reason: str) -> Evidence:
    return Evidence(name=name, weight=PROOF_WEIGHT, word=lambda: reason)


def _titles_agree(a: Member, b: Member) -> bool:
    return bool(title_key(a.title)) and for_member(a).key == for_member(b).key


def _have_nothing_in_common(a: Member, b: Member) -> bool:
    """Return whether two items share no word of their titles, or no fact across languages."""
    one, other = for_member(a), for_member(b)
    if not one.title or not other.title:
        return False
    if differ_in_language(one, other):
        return not _share_a_fact(one, other)
    return one.title.keys().isdisjoint(other.words) and other.title.keys().isdisjoint(one.words)


def _is_of_an_item(key: str, a: Member, b: Member) -> bool:
    """Return whether an address is that of an article, which has a number or words of its title."""
    named_by = canonical_urls.section_words(key)
    if named_by is None:
        return True
    if len(named_by) < 2:  # /technologies
        return False
    words = for_member(a).words.keys() | for_member(b).words.keys()
    shared = {
        concept: weight(concept, word)
        for word in map(fold, named_by)
        for concept in concepts(word)
        if concept in words
    }
    return sum(shared.values()) >= MIN_SLUG_WEIGHT


def _is_relative(a: Member) -> bool:
    """Return whether an item names a weekday or time, but no date."""
    return not for_member(a).facts.dates and bool(_WEEKDAY_OR_TIME.search(f"{a.title}\n{a.text}"))


def _repeats(a: Member, b: Member) -> bool:
    """Return whether two items have the same title, day and text."""
    return a.sort_time.date() == b.sort_time.date() and a.text == b.text and _titles_agree(a, b)


def _variants(a: Member, b: Member) -> tuple[Variant | None, Variant | None]:
    """Return the variants of two addresses."""
    if not a.link or not b.link:
        return None, None
    return _variant(a.link), _variant(b.link)


@cached(8_192, MAX_ADDRESS_CHARACTERS)
def _variant(link: str) -> Variant | None:
    """Return the variant of an address; None if a fragment may name an item of a series."""
    found = variant(link)
    named = "#" in canonical_urls.canonical(link)
    return None if named and found and found.part is None else found


def _is_specific(a: Member) -> bool:
    """Return whether a title has enough words that no two subjects share it."""
    title = for_member(a).title
    return len(title) >= 4 and sum(title.values()) >= 2.5


def _loosely_linked(a: Member, b: Member) -> bool:
    if not a.link or not b.link or "#" in a.link + b.link:  # items of a series differ in the fragment
        return False
    return canonical_urls.loose_url_key(a.link) == canonical_urls.loose_url_key(b.link) is not None


def _share_a_fact(a: Features, b: Features) -> bool:
    """Return whether a fact that survives translation is in both.

    That is a date, an amount or a name other than those of the publishers.
    """
    named = {c for c in a.words.keys() & b.words.keys() if min(a.words[c], b.words[c]) > 1.0}
    if named - a.publisher_words - b.publisher_words:
        return True
    return bool(a.facts.dates & b.facts.dates or a.facts.amounts & b.facts.amounts)


# --- near ----------------------------------------------------------------------------------------------


MIN_SCORE_FOR_MEANING = 4.0
"""Minimum score without meanings from which they are compared, which takes milliseconds."""


def near(
    a: Member, b: Member, common_keys: frozenset[int] = frozenset(), needed: float = -math.inf
) -> tuple[Evidence, ...]:
    """Return all near evidence; words with `common_keys` weigh less.

    There is none if the score cannot reach `needed`: most candidates are far from related.
    """
    pair = weighed_pairs.weigh_pair(for_member(a), for_member(b), common_keys)
    functions = _measure_functions(measures.NEAR, pair.kind, weights())
    circumstances = (*measures.closeness(a, b), *measures.pointer(a, b))
    results = {function: tuple(function(pair) or ()) for function in functions.first}
    needed = min(needed, MIN_SCORE_FOR_MEANING) if weights().weighs_meaning else needed
    if _highest_score((*chain.from_iterable(results.values()), *circumstances), functions, pair) < needed:
        return ()
    results |= {function: tuple(function(pair) or ()) for function in functions.later}
    in_order = (results[function] for function in measures.NEAR if function in results)
    all_measures = [*chain.from_iterable(in_order), *circumstances]
    weighed = _weighed(all_measures, weights().plain)
    counts = weights().weighs_meaning and score(weighed) >= MIN_SCORE_FOR_MEANING
    if counts and (meaning := measures.meaning(a, b)):
        return _weighed([*all_measures, meaning], weights().with_meaning)
    return weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasureFunctions:
    """Functions of near evidence that have a weight for a kind of pair, in two steps.

    Functions of `later` can raise a score only if `positive_weights` has their weight.
    """

    first: tuple[Piece, ...]
    later: tuple[Piece, ...]
    positive_weights: Mapping[Piece, float]


@lru_cache(16)
def _measure_functions(near: tuple[Piece, ...], kind: str, table: Weights) -> _MeasureFunctions:
    """Choose the functions among `near` that have a weight for a kind of pair."""
    names = measures.NAMES
    weighed = [
        function for function in near if function not in names or table.has_weight(kind + names[function])
    ]
    later = tuple(function for function in weighed if function in measures.LATER)
    weight_of = {function: table.plain.get(kind + names[function], 0.0) for function in later}
    return _MeasureFunctions(
        first=tuple(function for function in weighed if function not in measures.LATER),
        later=later,
        positive_weights={function: weight for function, weight in weight_of.items() if weight > 0},
    )


def _highest_score(results: Iterable[Measure], functions: _MeasureFunctions, pair: Pair) -> float:
    """Return the highest score that measures and the functions of `later` can reach."""
    weight_of = weights().plain.get
    scores = [round(weight_of(measure.name, 0.0) * measure.value, 2) for measure in results]
    scores += [
        round(weight * measures.LATER[function](pair), 2)
        for function, weight in functions.positive_weights.items()
    ]
    return round(math.fsum(scores), 2)


def score(evidence: Iterable[Evidence]) -> float:
    """Return the sum of the weights, the same in any order."""
    return round(math.fsum(observation.weight for observation in evidence), 2)


def _weighed(found: Iterable[Measure], table: Mapping[str, float]) -> tuple[Evidence, ...]:
    weighed = ((measure, round(table.get(measure.name, 0.0) * measure.value, 2)) for measure in found)
    return tuple(
        Evidence(name=measure.name, weight=weight, word=measure.reason)
        for measure, weight in weighed
        if weight
    )


def title_likeness(a: Features, b: Features) -> float:
    """Return the share of weight that two titles have in common, from 0 to 1.

    It is measured mainly by the shorter title, since a longer one may add details.
    """
    if a.key == b.key:
        return 1.0
    shared = sum(min(w, b.title[c]) for c, w in a.title.items() if c in b.title)
    whole = (sum(a.title.values()), sum(b.title.values()))
    return shared / max(0.35 * max(whole) + 0.65 * min(whole), 1.0)
