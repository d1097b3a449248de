"""Evidence that two items tell the same news: each piece a small function with a name, a weight and a reason.

In the order in which it is believed: addresses, the work itself, reposts, then near evidence, which only counts
together (`compare`). Weights of near evidence were set on labelled pairs (`benchmarks/dedupe.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from aggregator.dedupe import identifiers
from aggregator.dedupe.features import Features, for_member
from aggregator.dedupe.vocabulary.words import FIELD, TECHNIQUES, TEMPLATE
from aggregator.items import canonical_urls
from aggregator.items.identity import title_key
from aggregator.model.stories import Evidence, Member

PROOF = 10.0
"""The weight of evidence that needs no other."""
WINDOW = timedelta(days=60)
"""Near evidence is only looked for between items that are no further apart."""
REDATED = timedelta(days=45)
REISSUED = timedelta(days=21)
REPOSTED = 0.4
"""So far must the titles of a repost and of its origin agree, in one language."""


def _proof(name: str, reason: str) -> Evidence:
    return Evidence(name=name, weight=PROOF, reason=reason)


# --- exact ---------------------------------------------------------------------------------------------


def same_link(a: Member, b: Member) -> Evidence | None:
    """One address."""
    shared = a.links & b.links
    return _proof("same link", f"same link, {min(shared)}") if shared else None


def same_work(a: Member, b: Member) -> Evidence | None:
    """One DOI, arXiv number, PMID or Zenodo record of the item itself."""
    shared = a.works & b.works
    return _proof("same work", f"both are {min(shared)}") if shared else None


def same_record(a: Member, b: Member) -> Evidence | None:
    """A Zenodo concept and its first version: adjacent numbers, one reached by DOI, one title."""
    if _titles_agree(a, b) and any(identifiers.is_concept(x, y) for x in a.works for y in b.works):
        forms = {"/doi/" in (m.link or "") or "doi.org/" in (m.link or "") for m in (a, b)}
        if len(forms) == 2:
            return _proof("same record", "a Zenodo record and the DOI of all its versions, with one title")
    return None


def new_version(a: Member, b: Member) -> Evidence | None:
    """The same work deposited again: two records of a repository with one telling title, soon after each other."""
    both = all(any(work.startswith("zenodo:") for work in m.works) for m in (a, b))
    if both and abs(a.sort - b.sort) <= REISSUED and _telling(a) and _titles_agree(a, b):
        return _proof(
            "new version", "two deposits of a repository with one telling title, within three weeks"
        )
    return None


def repost(a: Member, b: Member) -> Evidence | None:
    """One says that it is a copy of the other's page, in words that fit, at about the same time."""
    if not (a.origins & b.links or b.origins & a.links) or abs(a.sort - b.sort) > WINDOW:
        return None
    if title_likeness(for_member(a), for_member(b)) < REPOSTED and not (
        _in_two_languages(a, b) and _share_a_fact(a, b)
    ):
        return None
    for copy, original in ((a, b), (b, a)):
        if shared := copy.origins & original.links:
            return _proof(
                "repost", f"{copy.publisher or copy.source_id} points to the other's page, {min(shared)}"
            )
    return None


def _in_two_languages(a: Member, b: Member) -> bool:
    """Whether titles cannot be compared because they are in two languages."""
    return bool(a.language and b.language and a.language != b.language)


def _share_a_fact(a: Member, b: Member) -> bool:
    """Whether something that survives translation is in both: a name (but the publishers'), a date or a sum."""
    one, other = for_member(a), for_member(b)
    named = {c for c in one.words.keys() & other.words.keys() if min(one.words[c], other.words[c]) > 1.0}
    if named - one.context - other.context:
        return True
    return bool(one.facts.dates & other.facts.dates or one.facts.amounts & other.facts.amounts)


def other_language(a: Member, b: Member) -> Evidence | None:
    """One page under two languages: addresses that differ in /en/ or /de/ only."""
    if not _loosely_linked(a, b) or not a.link or not b.link:
        return None
    if (
        canonical_urls.language_in(a.link) != canonical_urls.language_in(b.link)
        and len(canonical_urls.slug(a.link)) >= 12
    ):
        return _proof("other language", "one page in two languages, by their addresses")
    return None


def moved_permalink(a: Member, b: Member) -> Evidence | None:
    """A post that was given another date: its permalink differs in the date only."""
    if not _loosely_linked(a, b) or not a.link or not b.link or not _titles_agree(a, b) or not _telling(a):
        return None
    dates = canonical_urls.dated_path(a.link), canonical_urls.dated_path(b.link)
    if all(dates) and dates[0] != dates[1] and abs(a.sort - b.sort) <= REDATED:
        return _proof("moved permalink", "one title under permalinks that differ in the date only")
    return None


def short_link(a: Member, b: Member) -> Evidence | None:
    """WordPress' /?p=123 and the permalink of the same post."""
    if not a.link or not b.link or canonical_urls.short_link(a.link) == canonical_urls.short_link(b.link):
        return None
    if a.text != b.text or abs(a.sort - b.sort) > timedelta(days=2):
        return None
    if _titles_agree(a, b) and _host(a.link) == _host(b.link):
        return _proof("short link", "a short link and a permalink of one site with the same title and text")
    return None


def damaged_link(a: Member, b: Member) -> Evidence | None:
    """One address in which punctuation was lost, as at the line ends of a PDF."""
    if not _loosely_linked(a, b) or not a.link or not b.link or not _titles_agree(a, b):
        return None
    dates = canonical_urls.dated_path(a.link), canonical_urls.dated_path(b.link)
    if dates[0] == dates[1] and canonical_urls.canonical(a.link) != canonical_urls.canonical(b.link):
        return _proof("damaged link", "one title, and addresses that differ in punctuation only")
    return None


EXACT: tuple[Callable[[Member, Member], Evidence | None], ...] = (
    same_link,
    same_work,
    same_record,
    repost,
    other_language,
    moved_permalink,
    short_link,
    damaged_link,
    new_version,
)


def exact(a: Member, b: Member) -> Evidence | None:
    """The first exact evidence there is."""
    return next((found for piece in EXACT if (found := piece(a, b))), None)


def _titles_agree(a: Member, b: Member) -> bool:
    return bool(title_key(a.title)) and for_member(a).key == for_member(b).key


def _telling(a: Member) -> bool:
    """Whether a title says so much that nobody writes it twice for two things."""
    title = for_member(a).title
    return len(title) >= 4 and sum(title.values()) >= 3


def _loosely_linked(a: Member, b: Member) -> bool:
    if not a.link or not b.link or "#" in a.link + b.link:  # series live in fragments
        return False
    return canonical_urls.loose(a.link) == canonical_urls.loose(b.link) is not None


def _host(url: str) -> str:
    return canonical_urls.canonical(url).partition("/")[0].partition("?")[0]


# --- near ----------------------------------------------------------------------------------------------


def title_words(a: Features, b: Features) -> Evidence | None:
    """How far the titles agree, by weight."""
    likeness = title_likeness(a, b)
    if likeness < 0.4:
        return None
    words = "the same title" if a.key == b.key else f"titles alike to {likeness:.0%}"
    return Evidence(name="title", weight=3.6 if a.key == b.key else round(3 * likeness, 2), reason=words)


def title_likeness(a: Features, b: Features) -> float:
    """Shared weight of two titles over the smaller one's, between 0 and 1 (a longer title may say more)."""
    if a.key == b.key:
        return 1.0
    shared = sum(min(w, b.title[c]) for c, w in a.title.items() if c in b.title)
    whole = (sum(a.title.values()), sum(b.title.values()))
    return shared / max(0.35 * max(whole) + 0.65 * min(whole), 1.0)


def shared_words(a: Features, b: Features) -> Evidence | None:
    """Words that both use, by rarity and by where they stand.

    Words that neither title has say little: long texts share many by chance, and boilerplate is made of them.
    """
    shared = (a.words.keys() & b.words.keys()) - a.names - b.names
    worth = {c: _worth(c, a, b) for c in shared if c in a.title or c in b.title}
    told = {c: _worth(c, a, b) for c in shared if c not in worth and is_rare(c)}
    names = {c: w for c, w in told.items() if min(a.words[c], b.words[c]) > 1.0}
    foreign = bool(a.language and b.language and a.language != b.language)
    rare = {c: w for c, w in worth.items() if is_rare(c)}
    total = (
        min(sum(w for c, w in worth.items() if c in TEMPLATE), 1.2)
        + min(sum(w for c, w in worth.items() if c in FIELD or c in TECHNIQUES), 1.8)
        + min(sum(w for c, w in rare.items() if c in a.title and c in b.title), 6.0)
        + min(sum(w for c, w in rare.items() if c not in a.title or c not in b.title), 3.0)
        + min(sum(names.values()), 2.5)
        + min(sum(told.values()) - sum(names.values()), 2.5 if foreign else 0.8) * (1.0 if foreign else 0.5)
    )
    if total < 0.3:
        return None
    shown = sorted(rare | names or worth or told, key=lambda c: (-(worth | told)[c], c))[:5]
    return Evidence(name="words", weight=round(total, 2), reason=f"both say {_listed(shown)}")


def is_rare(concept: str) -> bool:
    """Whether a word is neither of every announcement nor of the whole field."""
    return concept not in TEMPLATE and concept not in FIELD and concept not in TECHNIQUES


def shared_names(a: Features, b: Features) -> Evidence | None:
    """Names and acronyms that both use; those of the two publishers, and those in neither title, count less."""
    worth = {c: _worth(c, a, b) for c in a.words.keys() & b.words.keys() & (a.names | b.names)}
    if not worth:
        return None
    aside = sum(w for c, w in worth.items() if c not in a.title and c not in b.title)
    total = min(sum(worth.values()) - aside, 5.0) + min(aside, 2.4)
    shown = sorted(worth, key=lambda c: (-worth[c], c))[:5]
    return Evidence(
        name="names", weight=round(total, 2), reason=f"both name {_listed(c.upper() for c in shown)}"
    )


def _worth(concept: str, a: Features, b: Features) -> float:
    """What a shared word says: less where it stands in texts only, or is a publisher's name."""
    worth = min(a.words[concept], b.words[concept])
    places = (concept in a.title) + (concept in b.title)
    worth *= (0.6, 0.85, 1.0)[places]
    if concept in a.context or concept in b.context:
        worth *= 0.35
    return worth


def shared_dates(a: Features, b: Features) -> Evidence | None:
    """Days that both give."""
    shared = sorted(a.facts.dates & b.facts.dates)
    if a.facts.dates and b.facts.dates and not shared:
        days = f"{_listed(sorted(a.facts.dates))} and {_listed(sorted(b.facts.dates))}"
        return Evidence(name="dates", weight=-1.5, reason=f"they give other dates, {days}")
    if not shared:
        return None
    return Evidence(
        name="dates",
        weight=min(2.2 + 0.8 * (len(shared) - 1), 3.4),
        reason=f"both give the date {_listed(shared)}",
    )


def shared_amounts(a: Features, b: Features) -> Evidence | None:
    """Sums that both give."""
    shared = sorted(a.facts.amounts & b.facts.amounts)
    if not shared:
        return None
    worth = [2.6 if amount >= 20_000 else 1.4 for amount in shared]
    return Evidence(
        name="amounts",
        weight=round(min(worth[0] + 0.5 * sum(worth[1:]), 4.0), 2),
        reason=f"both give the sum {_listed(f'{n:,}' for n in shared)}",
    )


def shared_numbers(a: Features, b: Features) -> Evidence | None:
    """Numbers and versions that both give."""
    versions = a.facts.versions & b.facts.versions
    numbers = a.facts.numbers & b.facts.numbers
    entitled = a.title_facts.numbers | b.title_facts.numbers
    worth = 1.8 * bool(versions) + sum(0.5 if len(n) < 2 else 0.8 for n in numbers & entitled)
    worth += min(sum(0.3 for _ in numbers - entitled), 0.6)
    years = a.title_facts.years & b.title_facts.years
    worth += 0.7 * bool(years)
    if not worth:
        return None
    return Evidence(
        name="numbers",
        weight=round(min(worth, 2.6), 2),
        reason=f"both give the number {_listed([*sorted(versions), *sorted(numbers), *sorted(years)])}",
    )


def shared_reference(a: Features, b: Features) -> Evidence | None:
    """A reference number (of a vacancy, a vulnerability) or a DOI that both texts give."""
    shared = sorted((a.facts.references & b.facts.references) | (a.facts.dois & b.facts.dois))
    if not shared:
        return None
    return Evidence(name="reference", weight=6.0, reason=f"both give the reference {_listed(shared)}")


def shared_places(a: Features, b: Features) -> Evidence | None:
    """Towns that both name, else countries."""
    if towns := a.towns & b.towns:
        return Evidence(
            name="places", weight=1.3, reason=f"both name {_listed(t.title() for t in sorted(towns))}"
        )
    if countries := a.countries & b.countries:
        return Evidence(
            name="places", weight=0.5, reason=f"both name {_listed(c.title() for c in sorted(countries))}"
        )
    return None


def mention(a: Features, b: Features) -> Evidence | None:
    """One speaks of the other's publisher, who is not its own."""
    for one, other in ((a, b), (b, a)):
        named = {
            c
            for c in one.words.keys() & other.context
            if c not in one.context and c not in TEMPLATE and c not in FIELD
        }
        if named:
            return Evidence(
                name="mention",
                weight=1.2,
                reason=f"one names the other's publisher ({_listed(sorted(named))})",
            )
    return None


NEAR: tuple[Callable[[Features, Features], Evidence | None], ...] = (
    title_words,
    shared_words,
    shared_names,
    shared_dates,
    shared_amounts,
    shared_numbers,
    shared_reference,
    shared_places,
    mention,
)


def closeness(a: Member, b: Member) -> Evidence | None:
    """Told at about the same time."""
    apart = abs(a.sort - b.sort)
    if apart <= timedelta(days=3):
        return Evidence(name="time", weight=0.8, reason="told within three days")
    if apart <= timedelta(days=14):
        return Evidence(name="time", weight=0.4, reason="told within two weeks")
    return None


def pointer(a: Member, b: Member) -> Evidence | None:
    """One links the other's page, among words of its own."""
    shared = (a.pointers & b.links) | (b.pointers & a.links)
    return (
        Evidence(name="link", weight=2.5, reason=f"one links the other's page, {min(shared)}")
        if shared
        else None
    )


def near(a: Member, b: Member, common: frozenset[str] = frozenset()) -> tuple[Evidence, ...]:
    """All near evidence; `common` are words that the archive uses all the time."""
    one, other = _discounted(for_member(a), common), _discounted(for_member(b), common)
    found = [piece(one, other) for piece in NEAR]
    return tuple(filter(None, [*found, pointer(a, b), closeness(a, b)]))


def _discounted(sign: Features, common: frozenset[str]) -> Features:
    """A signature in which common words weigh less."""
    if common.isdisjoint(sign.words):
        return sign
    return replace(sign, words={c: w * 0.4 if c in common else w for c, w in sign.words.items()})


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
