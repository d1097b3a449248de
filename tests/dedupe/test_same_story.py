"""Evidence, vetoes and facts, and the laws of assigning items by them (I3, I5, I7)."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedupe import evidence, identifiers, measures, vetoes, weighed_pairs
from aggregator.dedupe.cluster import place_items
from aggregator.dedupe.compare import SAME, compare
from aggregator.dedupe.features import extract
from aggregator.dedupe.index_keys import index_keys, word_key
from aggregator.dedupe.origin_links import find_origins
from aggregator.dedupe.text_facts import body_facts, title_facts
from aggregator.dedupe.title_comparison import title_difference
from aggregator.dedupe.vocabulary.words import concepts, fold, root
from aggregator.dedupe.weights import weights
from aggregator.items import canonical_urls
from aggregator.model.stories import Cluster, LinkConstraint, Member, Strength
from tests.builders import NOW
from tests.dedupe.test_cluster import partition
from tests.strategies import law, texts


def reported(id_: str, title: str, text: str = "", **fields: Any) -> Member:
    """An item of a source of its own."""
    link = fields.pop("link", f"https://{id_}.example/news/{id_}")
    usual: dict[str, Any] = {
        "source_id": f"source-{id_}",
        "publisher": f"Partner {id_.upper()}",
        "links": frozenset({canonical_urls.canonical(link)}),
        "works": identifiers.find_identifiers(link),
        "link": link,
        "aggregator": False,
        "priority": 0,
        "sort_time": NOW,
    }
    return Member(item_id=id_, title=title, text=text, **usual | fields)


SURVEY = reported(
    "hub",
    "Euro-BioImaging and NFDI4BIOIMAGE launch a survey",
    "Joint survey on how facilities handle image data; open until 15 March 2026.",
    language="en",
)
UMFRAGE = reported(
    "society",
    "Umfrage zum Bilddatenmanagement gestartet",
    "NFDI4BIOIMAGE und Euro-BioImaging fragen, wie Core Facilities mit Bilddaten umgehen; bis 15. März 2026.",
    language="de",
    sort_time=NOW + timedelta(days=1),
)


# --- facts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("open until 15 March 2026", {"03-15"}),
        ("bis 15. März 2026", {"03-15"}),
        ("Turin, 20-22 October 2026", {"10-20", "10-22"}),
        ("dal 20 al 22 ottobre 2026", {"10-20", "10-22"}),
        ("vom 6. bis 10. Juli", {"07-06", "07-10"}),
        ("Oct 20–22 2026", {"10-20", "10-22"}),
        ("28 April - 1st May 2025", {"04-28", "05-01"}),
        ("April 28 - May 1", {"04-28", "05-01"}),
        ("Bewerbung bis 31.07.2026", {"07-31"}),
        ("am 22 de maio", {"05-22"}),
        ("14.-15. října 2026", {"10-14", "10-15"}),
        ("on 2026-06-09", {"06-09"}),
        ("3 et 4 décembre", {"12-03", "12-04"}),
        ("1. til 18. september", {"09-01", "09-18"}),
        ("1° febbraio 2026", {"02-01"}),
        ("3. och 4. maj", {"05-03", "05-04"}),
        ("3 i 4 grudnia 2026", {"12-03", "12-04"}),
        ("hasta el 26 de junio de 2026", {"06-26"}),
        ("version 5.6.19 of 2026", set()),
    ],
)
def test_days_are_the_same_in_every_language(text: str, dates: set[str]) -> None:
    """Dates survive translation."""
    assert body_facts(fold(text)).dates == dates


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("240.000 Euro", {240_000}),
        ("240,000 euro", {240_000}),
        ("25 M euro", {25_000_000}),
        ("25 miljoen euro", {25_000_000}),
        ("3,2 Millionen Euro", {3_200_000}),
        ("4,5 miljoonaa euroa", {4_500_000}),
        ("€1.5 million", {1_500_000}),
        ("20 million images", {20_000_000}),
        ("15 000 Kč", {15_000}),
        ("48 milionů korun", {48_000_000}),
        ("3,9 mln zł", {3_900_000}),
        ("450 tys. zł", {450_000}),
        ("2 milliárd forint", {2_000_000_000}),
        ("11,5 miljoonalla eurolla", {11_500_000}),
        ("78 million kroner", {78_000_000}),
        ("100'000 Franken", {100_000}),
        ("450,000 US dollars, 450.000 US-Dollar, 450,000 U.S. dollars", {450_000}),
        ("12 crowded posters, 3 milestones and 4 crownlike cells", set()),
        ("64 participants", set()),
    ],
)
def test_sums_are_the_same_in_every_spelling(text: str, amounts: set[int]) -> None:
    """Amounts survive translation."""
    assert body_facts(fold(text)).amounts == amounts


def test_numbers_versions_and_references_are_distinguished() -> None:
    """Versions, numbers in words and figures, numerals and references each have their kind."""
    title = "OMERO 5.6.19 and part 3 of the eleventh series"
    found = title_facts(title, title.lower())
    assert found.versions == {"5.6.19"} and {"3", "11"} <= found.numbers
    assert title_facts("Exchange of Experience IX", "exchange of experience ix").numbers == {"9"}
    assert title_facts("XII. Congress, World War II, Horizon V", "").numbers == {"12", "2", "5"}
    assert not title_facts("V Brně měří první MINFLUX", "v brne meri minflux").numbers
    assert title_facts("Part V", "part v").parts == {"5"}
    assert not title_facts("QUAREP working group 3", "quarep working group 3").parts
    assert body_facts("bewerbung unter kennziffer w26-214").references == {"w26-214"}
    assert body_facts("posting ref. ht-aix-122").references == {"ht-aix-122"}
    assert body_facts("referencia plt-mri-09").references == {"plt-mri-09"}
    assert body_facts("s-biad2417, empiar-11234").references == {"s-biad2417", "empiar-11234"}
    assert body_facts("cve-2021-44228 assessment").references == {"2021-44228"}


@pytest.mark.parametrize(
    "text",
    [
        "from 09:00–10:00 in the hall",
        "14-16 Uhr",
        "9.30-10.30 Uhr",
        "at 2 pm and 10:15 a.m.",
        "à 10h30",
        "16:00:00",
        "12 h",
        "9am, 10:15 am",
    ],
)
def test_a_time_of_day_is_no_number(text: str) -> None:
    """Two meetings at one hour share no number or version by that."""
    facts = body_facts(fold(text))
    assert (facts.numbers, facts.versions) == (frozenset(), frozenset())


def test_what_resembles_a_time_stays_a_number() -> None:
    """Scores, ratios and versions are no times."""
    assert body_facts("version 10.30, a ratio of 10:15:20:30, 3:1 votes").numbers == {
        "10",
        "15",
        "20",
        "30",
        "3",
        "1",
    }
    assert body_facts("version 10.30").versions == {"10.30"}
    assert body_facts("a hackathon of 48 h, gels of 10:90").numbers == {"48", "10", "90"}
    assert body_facts("kurs 3 am institut").numbers == {"3"}


def test_a_period_has_two_years_and_a_reference_none() -> None:
    """Years on both sides of a hyphen are years; a number after a hyphen makes a reference."""
    assert body_facts("the years 1999-2003").years == {"1999", "2003"}
    assert body_facts("the years 2027–2031").years == {"2027", "2031"}
    assert body_facts("vacancy 2026-114").years == set()


def test_years_of_birth_and_death_are_no_years() -> None:
    """A period as long as a life says nothing about the year of an edition."""
    assert title_facts("In memoriam A. Lee (1939-2026)", "in memoriam a. lee (1939-2026)").years == set()


@pytest.mark.parametrize("number", ["61,000", "61.000", "61 000", "61'000"])
def test_thousands_are_separated_in_many_ways(number: str) -> None:
    """A number with separated thousands is one number and no version."""
    facts = body_facts(f"a study with {number} women")
    assert (facts.numbers, facts.versions) == ({"61000"}, set())


@pytest.mark.parametrize("measured", ["11.7 tesla", "11,7 Teslas", "11.7T"])
def test_a_decimal_number_before_a_unit_is_no_version(measured: str) -> None:
    """A measured value survives translation like other numbers."""
    facts = body_facts(fold(f"a magnet of {measured} was installed"))
    assert (facts.numbers, facts.versions) == ({"11.7"}, set())


def test_a_last_zero_of_a_version_may_be_left_out() -> None:
    """4.2.0 is 4.2, but 2.0 is not 2."""
    assert body_facts("trackforge 4.2.0").versions == body_facts("trackforge 4.2").versions == {"4.2"}
    assert body_facts("stitchwell 2.0").versions == {"2.0"}


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1,2 Mio. Pfund", 1_200_000, "gbp"),
        ("two million euros", 2_000_000, "eur"),
        ("8,3 millions d'euros", 8_300_000, "eur"),
        ("SEK 75 million", 75_000_000, "crown"),
    ],
)
def test_sums_in_words_and_with_their_currency(text: str, amount: int, currency: str) -> None:
    """A sum is read with the currency behind its size, and from a number in words."""
    facts = body_facts(fold(f"a grant of {text}"))
    assert (facts.amounts, facts.currencies, facts.numbers) == ({amount}, {currency}, set())


def test_a_sum_is_no_word() -> None:
    """The end of "£1.2m" connects no titles."""
    assert not any("2m" in word for word in extract("£1.2m for a new centre", "", "A Node", "en").title)


def test_a_transliterated_name_is_the_same() -> None:
    """Names with and without umlauts have the same roots, and are the same persons."""
    for one, other in (
        ("Grünhäußler", "Gruenhaeussler"),
        ("Sønderskov", "Soenderskov"),
        ("Ångström", "Aangstroem"),
    ):
        assert root(fold(one)) == root(fold(other))
    a, b = (extract(f"{name} wird Direktor", "", "A Node", "de") for name in ("Jörg Müller", "Joerg Mueller"))
    assert a.phrases == b.phrases == {"jorg muller"}


@pytest.mark.parametrize("shared", ["3,912", "630", "8.3%", "MARBLENET"])
def test_a_rare_number_or_name_leads_to_candidates_by_itself(shared: str) -> None:
    """Two items that share it alone have an odd key in common."""
    a, b = (
        extract(title, "", "A Node", "en") for title in (f"Stones with {shared}", f"Old {shared} frescoes")
    )
    assert any(key & 1 for key in index_keys(a).keys() & index_keys(b).keys())


def test_a_doi_is_one_in_any_form() -> None:
    """The DOI of a text counts with and without the address of its resolver."""
    forms = (
        "doi:10.1016/j.crmeth.2026.1",
        "https://doi.org/10.1016/J.CRMETH.2026.1",
        "10.1016/j.crmeth.2026.1",
    )
    found = {extract("A paper", f"See {form}", "", None).facts.dois for form in forms}
    assert found == {frozenset({"10.1016/j.crmeth.2026.1"})}
    page = extract("A paper", "See https://lab.example/10.1016/j.crmeth.2026.1", "", None)
    assert not page.facts.dois


# --- words ---------------------------------------------------------------------------------------------


def test_german_words_mean_english_concepts() -> None:
    """A small bilingual word list of the field, compounds included."""
    assert concepts("umfrage") == concepts("survey")
    assert set(concepts("bilddatenmanagement")) == {"image", "data", "management"}
    assert set(concepts("bildgebungszentrum")) == {"imaging", "center"}
    assert concepts("lichtmikroskopie") == ("light", "microscopy")
    assert root("deconvolution") == root("deconvolve")


@given(texts)
@law
def test_a_signature_can_be_made_of_anything(text: str) -> None:
    """No title or text breaks the comparison; what is compared with itself has no veto."""
    features = extract(text, text, "A Node", None)
    again = extract(text, text, "A Node", None)
    assert index_keys(features) == index_keys(again)
    assert (features.words, features.facts, features.phases) == (again.words, again.facts, again.phases)
    assert vetoes.of_one_page(reported("a", text), reported("b", text)) == ()


# --- addresses and works -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://doi.org/10.1038/s41592-026-01234-5", "https://www.nature.com/articles/s41592-026-01234-5"),
        ("https://arxiv.org/abs/2602.01234v2", "https://arxiv.org/pdf/2602.01234"),
        ("https://doi.org/10.48550/arXiv.2602.01234", "https://arxiv.org/abs/2602.01234"),
        ("https://www.biorxiv.org/content/10.1101/2026.03.30.612345v1.full", "doi:10.1101/2026.03.30.612345"),
        ("https://zenodo.org/doi/10.5281/zenodo.10730423", "https://zenodo.org/records/10730423"),
        ("https://pubmed.ncbi.nlm.nih.gov/3912345/", "pmid:3912345"),
        (
            "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0261",
            "https://doi.org/10.1371/JOURNAL.PONE.0261",
        ),
    ],
)
def test_addresses_of_one_work(one: str, other: str) -> None:
    """A work has one identifier, whatever the resolver or landing page (I3)."""
    assert identifiers.find_identifiers(one) == identifiers.find_identifiers(other) != frozenset()


def test_an_ordinary_page_is_no_work() -> None:
    """A news page that is about a paper is not the paper."""
    assert (
        identifiers.find_identifiers("https://node.example/news/10-years", "https://www.nature.com/", None)
        == frozenset()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.youtube.com/c/EuroBioImaging", "https://youtube.com/@eurobioimaging/videos"),
        ("https://youtu.be/a1B2?si=x", "https://www.youtube.com/watch?v=a1B2&feature=share"),
        (
            "https://a.example/n/?cHash=e9&tx_news_pi1%5BoverwriteDemand%5D%5Bcategories%5D=2",
            "https://a.example/n",
        ),
        ("https://a.example/n?amp=1", "https://a.example/n/amp/"),
    ],
)
def test_addresses_of_one_page(one: str, other: str) -> None:
    """Spellings of one address have one key."""
    assert canonical_urls.canonical(one) == canonical_urls.canonical(other)


@pytest.mark.parametrize(
    ("a", "b", "name"),
    [
        (
            {"link": "https://x.example/2026/01/12/a-telling-slug"},
            {"link": "https://x.example/2026/01/20/a-telling-slug"},
            "moved permalink",
        ),
        (
            {"link": "https://x.example/en/a-telling-slug"},
            {"link": "https://x.example/de/a-telling-slug"},
            "other language",
        ),
        (
            {"link": "https://x.example/exchange-of/ix"},
            {"link": "https://x.example/exchangeof/ix"},
            "damaged link",
        ),
        (
            {"link": "https://x.example/?p=48213"},
            {"link": "https://x.example/2026/01/12/other"},
            "short link",
        ),
        (
            {"link": "https://zenodo.org/doi/10.5281/zenodo.10730423"},
            {"link": "https://zenodo.org/records/10730424"},
            "same record",
        ),
        (
            {"link": "https://zenodo.org/records/100"},
            {"link": "https://zenodo.org/records/9000"},
            "new version",
        ),
    ],
)
def test_two_addresses_of_one_item(a: dict[str, str], b: dict[str, str], name: str) -> None:
    """Within one source, too, identity evidence makes one story (I2, I3)."""
    title = "Expansion microscopy protocol library now open to everybody"
    one, other = reported("a", title, source_id="s", **a), reported("b", title, source_id="s", **b)
    found = compare(one, other)
    assert (found.strength, found.evidence[0].name) == (Strength.SAME, name)
    assert partition(place_items([one, other], (), {"a": {"b"}, "b": {"a"}})) == {frozenset("ab")}


@pytest.mark.parametrize(
    ("title", "a", "b"),
    [
        (
            "Weekly seminar",
            "https://x.example/2026/03/02/weekly-seminar",
            "https://x.example/2026/03/09/weekly-seminar",
        ),
        ("Poster", "https://zenodo.org/records/100", "https://zenodo.org/records/101"),
        ("Season’s greetings", "https://x.example/news/greetings", "https://x.example/news/greetings-1"),
        ("An item of a series in fragments", "https://x.example/jobs#1", "https://x.example/jobs#2"),
    ],
)
def test_what_only_looks_like_one_address(title: str, a: str, b: str) -> None:
    """Titles that say nothing and addresses of a series identify nothing (I1)."""
    one, other = reported("a", title, source_id="s", link=a), reported("b", title, source_id="s", link=b)
    assert compare(one, other).strength is Strength.DIFFERENT


# --- reposts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "Read more at https://hub.example/news/virtual-pub",
        '<p>A teaser. <a href="https://hub.example/news/virtual-pub">Read more</a></p>' + "<p>words</p>" * 90,
        '<p>Original article: <a href="https://hub.example/news/virtual-pub?utm_source=x">here</a></p>',
        '<a href="https://hub.example/news/virtual-pub">The hub has news</a>',
        "<p>Weiterlesen: https://hub.example/news/virtual-pub.</p>",
    ],
)
def test_a_repost_names_its_origin(body: str) -> None:
    """ "read more at", an empty body with one link, in text and HTML, English and German (I3)."""
    assert find_origins(body, "https://copy.example/1")[0] == {"hub.example/news/virtual-pub"}


@pytest.mark.parametrize(
    "body",
    [
        "No link at all",
        '<a href="https://copy.example/1">Read more</a>',
        '<a href="https://hub.example/">Read more</a>',
        '<a href="https://a.example/x/1">one</a> and <a href="https://b.example/x/2">another</a>',
        "<p>"
        + "A long text of its own. " * 40
        + '<a href="https://hub.example/news/x">a link among others</a></p>',
        '<p>Bewerben Sie sich bei uns. <a href="https://hub.example/news/x">Info</a></p>',
        '<p>Vote here: <a href="https://hub.example/news/x">contest</a></p>',
    ],
)
def test_a_link_alone_makes_no_repost(body: str) -> None:
    """Own pages, homes, several links, and links in texts of their own name no origin (I3)."""
    assert find_origins(body, "https://copy.example/1")[0] == frozenset()


def test_a_repost_is_the_same_news_unless_it_says_otherwise() -> None:
    """A short note that points to the hub's page joins it; an extended deadline does not (I3)."""
    hub = reported("hub", "Virtual Pub returns with volume EM", link="https://hub.example/news/pub")
    origin = frozenset({"hub.example/news/pub"})
    assert partition(place_items([hub, reported("copy", "Virtual Pub returns", origins=origin)], ())) == {
        frozenset(("hub", "copy"))
    }
    extended = reported("late", "Virtual Pub: deadline extended", origins=origin)
    placements = place_items([hub, extended], ())
    assert all(p.founds for p in placements) and placements[1].related
    assert (
        len(
            partition(place_items([hub, reported("other", "Travel grants for students", origins=origin)], ()))
        )
        == 2
    )


@pytest.mark.parametrize(
    ("note", "page"),
    [
        ({"title": "Neue Mitarbeiterin in der Leitung", "language": "de"}, "User Forum on plant biology"),
        (
            {"title": "Wir waren dabei", "text": "Ein Bericht.", "language": "de"},
            "EMBO course on light-sheets",
        ),
        (
            {"title": "User Forum on plant biology", "sort_time": NOW + timedelta(days=900)},
            "User Forum on plant biology",
        ),
        ({"title": "Comment on the User Forum"}, "User Forum"),
    ],
)
def test_who_points_to_a_page_need_not_repeat_it(note: dict[str, Any], page: str) -> None:
    """A pointer alone is not enough: title, fact or time must agree (I3).

    Across languages that is a name, a date or an amount. An answer is a story of its own.
    """
    hub = reported("hub", page, language="en", link="https://hub.example/news/pub")
    for field in ("origins", "pointers"):
        other = reported("note", **note | {field: hub.links})
        assert compare(hub, other).strength is not Strength.SAME


# --- near evidence and vetoes --------------------------------------------------------------------------


def test_a_joint_survey_is_one_news_in_two_languages() -> None:
    """Names, dates and bilingual words connect two languages, each with its weight."""
    found = compare(SURVEY, UMFRAGE)
    assert found.strength is Strength.SAME and found.score >= SAME and not found.vetoes
    assert {"translated names", "translated dates"} <= {piece.name for piece in found.evidence}
    assert all(piece.reason for piece in found.evidence)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Welcome, MAdMiC Node!", "Welcome, Adriatic Node!"),
        ("Newsletter March 2026", "Newsletter March 2026"),
        ("Facility closed for maintenance 3–7 August", "Facility closed for maintenance 3–7 August"),
        ("Meet the Node: Brno", "Meet the Node: Bergen"),
        ("Release of OMERO.web 5.32.0", "Release of OMERO.web 5.33.0"),
        ("Atlas of the mouse kidney published", "Atlas of the mouse heart published"),
        (
            "Kurs Bildanalyse mit Fiji in Köln, 13.-17. April 2026",
            "Course on image analysis with Fiji, Leipzig, 13-17 April 2026",
        ),
        ("FLIM workshop in Oslo, 4-5 May 2026", "Cancelled: FLIM workshop in Oslo, 4-5 May 2026"),
        ("Trends in Microscopy 2027: registration open", "Trends in Microscopy 2027: programme online"),
        ("First Open Call of AI4Life", "Second Open Call of AI4Life"),
        ("New paper from our users", "New paper from our users"),
        ("GloBIAS seminars: spring schedule", "GloBIAS seminars: autumn schedule"),
    ],
)
def test_look_alikes_of_two_partners_stay_apart(a: str, b: str) -> None:
    """Uses of one template, other phases, versions or places, and own affairs stay apart."""
    assert compare(reported("a", a), reported("b", b)).strength is not Strength.SAME
    assert (
        len(partition(place_items([reported("a", a), reported("b", b)], (), {"a": {"b"}, "b": {"a"}}))) == 2
    )


LOOK_ALIKES = [
    (
        "Course on deconvolution, part I",
        "Deconvolution with Huygens in Basel.",
        "Course on deconvolution, part II",
        "Deconvolution with Huygens in Basel.",
    ),
    (
        "Talk by Susan Cox on SOFI",
        "Susan Cox of King's College.",
        "Talk by Susan Cox on SOFI, part 3",
        "Susan Cox of King's College.",
    ),
    (
        "Session C: image formats with Josh Moore",
        "NGFF in Lisbon.",
        "Session D: image formats with Josh Moore",
        "NGFF in Lisbon.",
    ),
    (
        "SPAOM congress in Vigo",
        "SPAOM in Vigo, 4-6 November.",
        "SPAOM congress in Vigo findet nicht statt",
        "SPAOM in Vigo, 4-6 November.",
    ),
    (
        "ZIDAS school, Lausanne",
        "ZIDAS in Lausanne, 4-8 June.",
        "ZIDAS school, Lausanne: sold out",
        "ZIDAS in Lausanne, 4-8 June.",
    ),
    (
        "COMULIS retreat in Graz",
        "COMULIS meets in Graz, 4 June.",
        "COMULIS retreat in Graz: change of venue",
        "COMULIS meets in Graz, 4 June.",
    ),
    (
        "BINA survey on careers",
        "BINA asks until 1 June.",
        "BINA survey on careers closed",
        "BINA asked until 1 June.",
    ),
    (
        "RMS journal club with Jo Marrison",
        "RMS journal club.",
        "RMS journal club with Jo Marrison on hold",
        "RMS journal club.",
    ),
    (
        "Jason Swedlow joins the BINA board",
        "Jason Swedlow, BINA, 1 June.",
        "Jason Swedlow retires from the BINA board",
        "Jason Swedlow, BINA, 1 June.",
    ),
    ("ELMI in Bled: schedule", "ELMI in Bled, 4-8 June.", "Fotos: ELMI in Bled", "ELMI in Bled, 4-8 June."),
    ("CLARITY demo week", "CLARITY demo, 3 to 7 June.", "CLARITY demo week", "CLARITY demo, 10 to 14 June."),
    ("QuPath down", "QuPath server fails.", "QuPath down", "QuPath server fails."),
    (
        "New widefield: Leica Thunder available",
        "Leica Thunder for users.",
        "New widefield: Leica Thunder available",
        "Leica Thunder for users.",
    ),
    (
        "Introduction to CellProfiler",
        "CellProfiler course on 4-5 June.",
        "Introduction to CellProfiler",
        "CellProfiler course on 4-5 June.",
    ),
    (
        "Doctoral student for cryo-ET, Baumeister group",
        "Wolfgang Baumeister, Martinsried.",
        "Technician for cryo-ET, Baumeister group",
        "Wolfgang Baumeister, Martinsried.",
    ),
    (
        "GloBIAS workshop for trainers",
        "GloBIAS in Kyoto, 4 June.",
        "GloBIAS workshop for students",
        "GloBIAS in Kyoto, 4 June.",
    ),
    (
        "CZI grants for software",
        "CZI gives 3 million dollars.",
        "CZI grants for instruments",
        "CZI gives 3 million dollars.",
    ),
    (
        "NEUBIAS school in Porto",
        "NEUBIAS school, 4-8 June.",
        "NEUBIAS school online",
        "NEUBIAS school, 4-8 June.",
    ),
    (
        "ARCADE project kick-off",
        "ARCADE has 4 million euro, Ghent.",
        "ARCADE project final meeting",
        "ARCADE has 4 million euro, Ghent.",
    ),
    (
        "SPAOM congress 2026",
        "SPAOM in Vigo, 4-6 November.",
        "SPAOM congress 2026: childcare",
        "SPAOM in Vigo, 4-6 November.",
    ),
    (
        "ARCADE data available: zebrafish heart, 3 TB",
        "The ARCADE project of Vigo published 3 TB, 45 volumes.",
        "ARCADE data available: mouse brain, 3 TB",
        "The ARCADE project of Vigo published 3 TB, 45 volumes.",
    ),
    (
        "ARCADE school in Vigo: FLIM",
        "ARCADE school, Vigo, 4 May 2027, 12 places.",
        "FRET at the ARCADE school in Vigo",
        "ARCADE school, Vigo, 4 May 2027, 12 places.",
    ),
    (
        "Dorothee Zschoche receives the ARCADE prize in Vigo",
        "ARCADE prize of 10,000 EUR, Vigo, 4 May 2027.",
        "Vigo: ARCADE prize for Winfried Balzarotti",
        "ARCADE prize of 10,000 EUR, Vigo, 4 May 2027.",
    ),
    (
        "Registration for SPAOM 2026 in Vigo is open",
        "SPAOM 2026 in Vigo, 4-6 November.",
        "SPAOM 2026 in Vigo: abstract submission is open",
        "SPAOM 2026 in Vigo, 4-6 November.",
    ),
    (
        "Anmeldung zu SPAOM 2026 in Vigo",
        "SPAOM 2026, Vigo, 4. bis 6. November 2026.",
        "Travel bursaries: SPAOM 2026, Vigo",
        "SPAOM 2026, Vigo, 4-6 November 2026.",
    ),
    (
        "Doktorandin gesucht: COMULIS in Graz",
        "COMULIS in Graz, bis 31. Mai 2026.",
        "Postdoc position at COMULIS, Graz",
        "COMULIS in Graz, until 31 May 2026.",
    ),
    (
        "Vote for the SPAOM image of the year",
        "SPAOM image contest, 4 June.",
        "Submit to the SPAOM image of the year",
        "SPAOM image contest, 4 June.",
    ),
    (
        "Abierta la inscripción: II Jornada de Imagen Preclínica, Vigo",
        "En CIC biomaGUNE, el 28 de mayo.",
        "Report: Second Preclinical Imaging Day in Vigo",
        "At CIC biomaGUNE on 28 May.",
    ),
    (
        "What's new in OME-Zarr 0.6?",
        "OME-Zarr 0.6 has transformations and labels for NGFF viewers, says Josh Moore.",
        "NGFF viewer 4.2.0: transformations",
        "The NGFF viewer of Josh Moore reads OME-Zarr 0.6 with transformations and labels.",
    ),
    (
        "Horizon Europe: HORIZON-INFRA-2027-DEV-02-01 explained",
        "Budget 40 million euro, until 23 April.",
        "Horizon Europe: HORIZON-INFRA-2027-DEV-02-02 opens",
        "Budget 40 million euro, until 23 April.",
    ),
    (
        "ARCADE grant: 8 million kroner to show how starfish heal",
        "For four years, says the ARCADE foundation.",
        "8 million kroner to show how oysters heal",
        "The ARCADE foundation supports it for four years.",
    ),
    (
        "Evangelia Kalogeropoulou elected to the ARCADE board",
        "The head of imaging in Vigo will serve for three years.",
        "Vigo's Evangelia Kalogeropoulou receives the Cajal fellowship",
        "The head of imaging will spend three months in Cape Town.",
    ),
]


@pytest.mark.parametrize(("a", "in_a", "b", "in_b"), LOOK_ALIKES)
def test_one_event_has_many_news(a: str, in_a: str, b: str, in_b: str) -> None:
    """One event has many stories: parts, phases, days, places, aspects, single words."""
    one, other = reported("a", a, in_a), reported("b", b, in_b)
    assert compare(one, other).strength is not Strength.SAME
    assert compare(other, one).strength is not Strength.SAME


ONE_DIFFERENCE = [
    (
        "places",
        "GloBIAS training school on CLEM data",
        "GloBIAS and COMULIS teach CLEM registration in Turku, 4-6 May 2026.",
        "GloBIAS and COMULIS teach CLEM registration in Porto, 4-6 May 2026.",
    ),
    (
        "dates",
        "COMULIS and GloBIAS hackathon on CLEM registration in Turku",
        "Travel is paid. COMULIS and GloBIAS meet on 4 May 2026.",
        "Travel is paid. COMULIS and GloBIAS meet on 11 May 2026.",
    ),
    (
        "years",
        "COMULIS and GloBIAS survey on CLEM registration",
        "Facilities in Turku answer until 4 May 2025.",
        "Facilities in Turku answer until 4 May 2026.",
    ),
    (
        "sums",
        "CZI funds napari plugins of COMULIS",
        "CZI gives 3 million dollars to napari and COMULIS until 4 May 2026.",
        "CZI gives 5 million dollars to napari and COMULIS until 4 May 2026.",
    ),
    (
        "reference numbers",
        "Research engineer for NGFF at EMBL-EBI Hinxton",
        "EMBL-EBI seeks an engineer, reference W26-214, until 4 May 2026.",
        "EMBL-EBI seeks an engineer, reference W26-215, until 4 May 2026.",
    ),
]


@pytest.mark.parametrize(("what", "title", "in_a", "in_b"), ONE_DIFFERENCE)
def test_one_difference_in_the_text_makes_two_stories(what: str, title: str, in_a: str, in_b: str) -> None:
    """One difference in texts under one title makes two stories, and the veto names it.

    Such a template is sent out for each place, date, year, call and vacancy, by different partners.
    """
    found = compare(reported("a", title, in_a), reported("b", title, in_b), all_vetoes=True)
    assert found.strength is not Strength.SAME
    assert any(veto.startswith(f"{what}: ") for veto in found.vetoes)


def test_a_pointer_counts_beside_other_evidence() -> None:
    """An item that links to the page of the other in its own text needs less other evidence."""
    hub = reported("hub", "Lattice lightsheet for users of Madrid", "The Node offers it.")
    later = NOW + timedelta(days=10)
    note = reported(
        "note", "Node in Madrid has a lattice lightsheet", "Users apply by mail.", sort_time=later
    )
    assert compare(hub, note).score < SAME
    assert compare(hub, replace(note, pointers=hub.links)).strength is Strength.SAME


@pytest.mark.parametrize(
    ("a", "in_a", "b", "in_b"),
    [
        ("Release of Cellpose 4.1.2", "The forum has it.", "Release of Cellpose 4.1.2", "Segments more."),
        (
            "SPAOM congress 2026 in Vigo",
            "On 4-6 November.",
            "SPAOM congress 2026",
            "In Vigo, 4-6 November 2026.",
        ),
        (
            "Course part I: NGFF with Josh Moore in Lisbon",
            "On 4 June.",
            "Course part 1: NGFF with Josh Moore in Lisbon",
            "On 4 June 2026.",
        ),
    ],
)
def test_more_words_make_no_other_news(a: str, in_a: str, b: str, in_b: str) -> None:
    """A release is one story for all, and details known from the text are no other subject."""
    assert compare(reported("a", a, in_a), reported("b", b, in_b)).strength is Strength.SAME


@pytest.mark.parametrize(
    "written",
    [
        "&ldquo;SPAOM congress&rdquo; &#8211; Vigo, 4&#8211;6 November",
        "\U0001f52c SPAOM CONGRESS: VIGO, 4-6 NOVEMBER",
        "Re: SPAOM congress | Vigo, 4–6 November",
        "[News] SPAOM congress – Vigo, 4-6 November | Spanish Imaging",
        "Spanish Imaging | SPAOM congress, Vigo, 4-6 November",
        "SPAOM-Congress, Vigo, 4-6 November (cross-posted)",
    ],
)
def test_typography_and_the_name_of_a_site_are_no_part_of_a_title(written: str) -> None:
    """Entities, quotes, dashes, emoji, capitals and additions of sites do not change a title."""
    plain = extract("SPAOM congress, Vigo, 4-6 November", "", "Spanish Imaging", "en")
    assert extract(written, "", "Spanish Imaging", "en").compact_title == plain.compact_title


def test_an_acronym_stands_for_the_words_whose_initials_it_has() -> None:
    """Two titles agree although one spells out what the other abbreviates."""
    found = compare(
        reported("a", "USGS maps zebrafish habitats in Oregon"),
        reported("b", "US Geological Survey maps zebrafish habitats in Oregon"),
    )
    assert "USGS" in next(piece.reason for piece in found.evidence if piece.name.endswith("title words"))


def test_titles_that_contradict_each_other_are_two_stories() -> None:
    """A rise and a fall of one figure are not one story."""
    one, other = (
        reported("a", "Zebrafish imports to Vigo rise"),
        reported("b", "Zebrafish imports to Vigo fall"),
    )
    assert any("rise" in veto for veto in compare(one, other, all_vetoes=True).vetoes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Susan Cox", "Jan Huisken"),
        ("Jan Hansen", "Susan White"),
        ("Till Bruckner", "Per Åkesson"),
        ("Jean-Marie Petit", "Hans-Peter Klein"),
        ("Eric van der Berg", "Susan A. Cox"),
        ("Sofia Lindqvist", "Sean O'Brien"),
    ],
)
@pytest.mark.parametrize(
    ("template", "translation"),
    [
        ("{} receives the ARCADE prize in Vigo", "Vigo: ARCADE prize for {}"),
        ("{} receives the ARCADE prize in Vigo", "Vigo: ARCADE-Preis geht an {}"),
        ("ARCADE in Vigo: seminario di {}", "ARCADE seminar in Vigo by {}"),
    ],
)
def test_two_persons_in_one_template_are_two_stories(
    one: str, other: str, template: str, translation: str
) -> None:
    """A given name makes a person, also where it or the surname is a frequent word."""
    texts = "ARCADE in Vigo, 4 May 2027.", "ARCADE, Vigo, 4. Mai 2027."
    a = reported("a", template.format(one), texts[0], language="en")
    b = reported("b", translation.format(other), texts[1], language="de")
    c = reported("c", translation.format(one), texts[1], language="de")
    assert any(veto.startswith("persons: ") for veto in compare(a, b, all_vetoes=True).vetoes)
    assert compare(a, b).strength is not Strength.SAME
    assert not compare(a, c, all_vetoes=True).vetoes


@pytest.mark.parametrize(
    "title",
    ["May Newsletter", "Jan 2026", "Grant Open Access", "Till Friday", "Can Cells Think", "June Webinar"],
)
def test_a_given_name_beside_a_usual_word_is_no_person(title: str) -> None:
    """A word that is also a given name makes a person only before a surname."""
    assert not extract(title, "", "", None).phrases


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SPAOM 2026 in Vigo: registration and abstract submission", "Anmeldung zu SPAOM 2026 in Vigo"),
        ("Call for abstracts: SPAOM 2026 in Vigo", "Abstract submission for SPAOM 2026 in Vigo is open"),
        ("Doctoral student or postdoc at SPAOM, Vigo", "SPAOM, Vigo: PhD student or postdoc"),
    ],
)
def test_a_call_for_more_does_not_contradict_one_of_its_parts(one: str, other: str) -> None:
    """Two phases or positions exclude each other only where each title has one of them."""
    text = "SPAOM in Vigo, 4-6 November 2026; until 31 May 2026."
    assert compare(reported("a", one, text), reported("b", other, text)).strength is Strength.SAME


def test_no_weight_has_the_wrong_sign() -> None:
    """What differs never counts for a pair, and what agrees never against it."""
    for table in (weights().plain, weights().with_meaning):
        for name, weight in table.items():
            differs = any(word in name.split() for word in ("other", "unlike", "template", "unspecific"))
            assert (weight < 0) == differs, name


def test_every_piece_has_a_name_and_is_symmetric() -> None:
    """Evidence does not depend on who is asked first."""
    for one, other in (
        (SURVEY, UMFRAGE),
        (SURVEY, reported("x", "Survey on energy use", "Until 20 March 2026.")),
    ):
        assert compare(one, other).score == compare(other, one).score
        assert {e.name for e in evidence.near(one, other)} == {e.name for e in evidence.near(other, one)}
        assert compare(one, other).strength is compare(other, one).strength


def test_near_evidence_needs_a_common_time() -> None:
    """Near evidence is looked for inside a time window."""
    late = reported("late", SURVEY.title, SURVEY.text, sort_time=NOW + timedelta(days=90))
    assert compare(SURVEY, late).strength is Strength.DIFFERENT
    assert "days apart" in compare(SURVEY, late).vetoes[0]


def test_what_the_archive_says_all_the_time_counts_less() -> None:
    """Evidence is weighted by rarity."""
    seldom, often = (
        compare(SURVEY, UMFRAGE),
        compare(SURVEY, UMFRAGE, frozenset(map(word_key, ("nfdi4bioimage", "bioimaging")))),
    )
    assert often.score < seldom.score


@pytest.mark.parametrize(
    "other",
    [
        UMFRAGE,
        reported("x", "Survey on energy use", "Until 20 March 2026."),
        reported("x", "Open position in Vienna", "A cryostat, and 12 chairs."),
        reported("x", SURVEY.title, SURVEY.text, sort_time=NOW + timedelta(days=90)),
    ],
)
def test_a_comparison_that_stops_early_has_the_same_result(other: Member) -> None:
    """Evidence is incomplete only between items that are not even related."""
    quick, full = compare(SURVEY, other), compare(SURVEY, other, all_vetoes=True)
    assert quick.strength is full.strength
    assert full.strength is Strength.DIFFERENT or quick.evidence == full.evidence
    assert {piece.name for piece in quick.evidence} <= {piece.name for piece in full.evidence}


@given(texts, texts)
@law
def test_what_is_measured_last_has_a_maximum(title: str, text: str) -> None:
    """A comparison stops early by what these measures can add at most."""
    pair = weighed_pairs.weigh_pair(extract(title, text, "A", None), extract(text, title, "B", None))
    for piece, name in measures.NAMES.items():
        most = measures.LATER[piece](pair) if piece in measures.LATER else math.inf
        for measure in piece(pair) or ():
            assert measure.name == f"{pair.kind}{name}"
            assert 0 <= measure.value <= most + 1e-9
        assert pair.kind in ("", "bare ", "translated ")


# --- laws of placing -----------------------------------------------------------------------------------

_titles = st.sampled_from(
    [
        (SURVEY.title, SURVEY.text, "en"),
        (UMFRAGE.title, UMFRAGE.text, "de"),
        (
            "Take part: joint survey on image data",
            "NFDI4BIOIMAGE and Euro-BioImaging ask; closes 15 March 2026.",
            "en",
        ),
        (
            "Results of the joint survey on image data",
            "What NFDI4BIOIMAGE and Euro-BioImaging learned.",
            "en",
        ),
        ("OMERO 5.6.19 released", "Fixes.", "en"),
        ("OMERO 5.6.20 released", "Fixes.", "en"),
        ("Release of OMERO 5.6.19", "", "en"),
        ("Welcome, MAdMiC Node!", "In Madrid.", "en"),
    ]
)
_drawn = st.lists(
    st.tuples(
        _titles, st.sampled_from("abcde"), st.booleans(), st.integers(0, 40), st.sampled_from(["x", "y", ""])
    ),
    max_size=7,
).map(
    lambda rows: [
        reported(
            f"item{n}",
            title,
            text,
            language=language,
            source_id=source,
            publisher=f"Partner {source}",
            aggregator=aggregator,
            sort_time=NOW - timedelta(days=days),
            links=frozenset({link} if link else {f"own{n}"}),
        )
        for n, ((title, text, language), source, aggregator, days, link) in enumerate(rows)
    ]
)


def _all_near(members: list[Member]) -> dict[str, set[str]]:
    ids = {member.item_id for member in members}
    return {id_: ids - {id_} for id_ in ids}


@given(_drawn, st.randoms(use_true_random=False))
@law
def test_arrival_plays_no_part_with_near_evidence(members: list[Member], random: Any) -> None:
    """Items in any order become the same stories, with the same ids, leads and reasons (I5)."""
    shuffled = list(members)
    random.shuffle(shuffled)
    near = _all_near(members)
    assert place_items(members, (), near) == place_items(shuffled, (), near)


@given(_drawn)
@law
def test_every_member_is_the_same_as_its_lead(members: list[Member]) -> None:
    """Each item that joined is the same as the lead, without a veto between them (I3, I5)."""
    by_id = {m.item_id: m for m in members}
    for placement in place_items(members, (), _all_near(members)):
        if placement.founds:
            continue
        assert placement.comparison and placement.comparison.strength is Strength.SAME
        assert placement.comparison.score >= placement.comparison.threshold
        assert placement.compared_with and not vetoes.of_one_page(
            placement.member, by_id[placement.compared_with]
        )


@given(_drawn, st.data())
@law
def test_editors_have_the_last_word(members: list[Member], data: Any) -> None:
    """What an editor put together or apart stays so, whatever the evidence (I7)."""
    if len(members) < 2:
        return
    pair = data.draw(
        st.lists(st.sampled_from(members), min_size=2, max_size=2, unique_by=lambda m: m.item_id)
    )
    ids = frozenset(m.item_id for m in pair)
    near = _all_near(members)
    apart = {
        p.member.item_id: p.story_id
        for p in place_items(members, (), near, {ids: LinkConstraint.CANNOT_LINK})
    }
    assert len({apart[id_] for id_ in ids}) == 2
    first, second = pair
    clusters = [Cluster(story_id="s", members=(first,))]
    (placed,) = place_items([second], clusters, near, {ids: LinkConstraint.MUST_LINK})
    assert (placed.story_id, placed.founds) == ("s", False)


def test_a_bridge_between_two_stories_is_a_merge_candidate() -> None:
    """An item equal to two published stories joins one; the other is a merge candidate (I5)."""
    one = reported("one", "OMERO 5.6.19 released", "Fixes.")
    other = reported("other", "Release of OMERO 5.6.19", "Fixes.")
    clusters = [Cluster(story_id="s1", members=(one,)), Cluster(story_id="s2", members=(other,))]
    bridge = reported("bridge", "OMERO 5.6.19 released", "Fixes.")
    (placed,) = place_items([bridge], clusters, {"bridge": {"one", "other"}})
    assert not placed.founds
    assert {placed.story_id, *(merge_candidate.story_id for merge_candidate in placed.merge_candidates)} == {
        "s1",
        "s2",
    }


@pytest.mark.parametrize(
    "title",
    [
        "Costs € " + "9" * 400,
        "€" + "1" * 19 + "." + "0" * 30,
        "bilddaten" * 60 + "x",
        "datenmanagement" * 30 + "q",
    ],
)
def test_no_title_stops_the_program(title: str) -> None:
    """Endless amounts and words made of known words are read in less than two seconds (L2)."""
    begun = time.thread_time()
    index_keys(extract(title, title, "A Node", None))
    assert time.thread_time() - begun < 2


# --- forms of one address ------------------------------------------------------------------------------

TEXT = "Six people per day may use the new light sheet in Turku."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://node.example/?p=4711", "https://node.example/2026/new-light-sheet/"),
        ("https://node.example/node/4711", "https://node.example/news/new-light-sheet"),
        (
            "https://node.example/index.php?option=com_content&view=article&id=4711:new-light-sheet",
            "https://node.example/news/4711-new-light-sheet",
        ),
        ("https://node.example/index.php?id=4711", "https://node.example/aktuelles/new-light-sheet"),
        ("https://node.example/news/new-light-sheet", "https://node.example/press/new-light-sheet"),
        ("https://node.example/research/cells/new-light-sheet", "https://node.example/new-light-sheet"),
        ("https://staging.node.example/new-light-sheet", "https://node.example/new-light-sheet"),
        ("https://node.example/news/4711-new-light-sheet", "https://node.example/news/4711-a-new-sheet"),
        ("https://forum.node.example/t/new-sheet/4711/2", "https://forum.node.example/t/new-sheet/4711"),
    ],
)
def test_one_source_two_addresses_one_story(one: str, other: str) -> None:
    """Items of one source under forms of one address are one story if title, day and text agree.

    Yearly and monthly templates, other texts and other titles remain stories of their own.
    """
    first = reported("a", "A new light sheet opens for users", TEXT, source_id="node", link=one)
    second = replace(
        reported("b", first.title, TEXT, source_id="node", link=other), publisher=first.publisher
    )
    assert compare(first, second).strength is Strength.SAME
    assert len({p.story_id for p in place_items([first, second], (), {"a": ["b"], "b": ["a"]})}) == 1
    for unlike in (
        replace(second, sort_time=NOW + timedelta(days=365)),
        replace(second, sort_time=NOW + timedelta(days=28)),
        replace(second, text="Ten people per day may use the confocal."),
        replace(second, title="A new confocal opens for users"),
    ):
        assert len({p.story_id for p in place_items([first, unlike], (), {"a": ["b"], "b": ["a"]})}) == 2


@pytest.mark.parametrize(
    ("one", "other", "strength"),
    [
        ("https://forum.node.example/t/x-y/4711", "https://forum.node.example/t/4711/9?u=a", Strength.SAME),
        (
            "https://forum.node.example/t/x-y/4711/8",
            "https://forum.node.example/t/4711/9",
            Strength.DIFFERENT,
        ),
        ("https://test.node.example/new-light-sheet", "https://node.example/new-light-sheet", Strength.SAME),
        ("https://test.node.example/training", "https://node.example/training", Strength.DIFFERENT),
        ("https://node.example/news/4711-x-yes", "https://node.example/news/4712-x-yes", Strength.DIFFERENT),
    ],
)
def test_two_sources_link_forms_of_one_address(one: str, other: str, strength: Strength) -> None:
    """Two partners that link forms of one page report one story under titles of their own (I3)."""
    first = reported("a", "Bring your samples to Turku", "Six days are free.", link=one)
    second = reported("b", "Light for everybody", "The sheet is open.", link=other)
    assert compare(first, second).strength is strength


def test_a_link_of_a_section_proves_nothing() -> None:
    """Two partners that link one section of a site with unlike words have two stories (I1)."""
    link = "https://node.example/en/technologies"
    first = reported("a", "Acoustic microscopy in Sofia", "Listen to cells.", link=link)
    second = reported("b", "Fluorescence lifetime of plants", "Leaves glow.", link=link)
    assert compare(first, second).strength is not Strength.SAME
    agreeing = reported("b", "Sofia adds acoustic microscopy", "Listen to cells.", link=link)
    assert compare(first, agreeing).strength is Strength.SAME


@pytest.mark.parametrize(
    ("address", "strength"),
    [
        ("https://node.example/service-access", Strength.DIFFERENT),
        ("https://node.example/upcoming-events", Strength.DIFFERENT),
        ("https://forms.office.com/e/node2026", Strength.DIFFERENT),
        ("https://www.youtube.com/@NodeVideos/videos", Strength.DIFFERENT),
        ("https://node.example/en/how-to-apply", Strength.DIFFERENT),
        ("https://node.example/acoustic-microscopy", Strength.SAME),
        ("https://node.example/2026/05/service-access", Strength.SAME),
        ("https://node.example/service-access?id=7", Strength.SAME),
        ("https://node.example/news/the-node-that-listens-to-cells", Strength.SAME),
    ],
)
def test_an_address_in_words_of_neither_title_is_a_section(address: str, strength: Strength) -> None:
    """An article has a number, many words or words of its title in its address."""
    first = reported("a", "Acoustic microscopy in Sofia", "", link=address)
    second = reported("b", "Fluorescence lifetime of plants", "Leaves glow.", link=address)
    assert compare(first, second).strength is strength


@pytest.mark.parametrize(
    ("one", "other", "days", "strength"),
    [
        ("And the winner is a tardigrade", "Tardigrade takes the image prize", 2, Strength.SAME),
        ("Recording: how to ship samples", "How to ship samples (video)", 5, Strength.SAME),
        (
            "Microscopy school in Turku",
            "Looking back at the microscopy school in Turku",
            30,
            Strength.RELATED,
        ),
        ("Microscopy school in Turku", "Cancelled: microscopy school in Turku", 1, Strength.RELATED),
    ],
)
def test_two_titles_of_one_page_differ_in_wording_for_a_week(
    one: str, other: str, days: int, strength: Strength
) -> None:
    """Not each title of a page about results says so; weeks later that is other news."""
    link = "https://node.example/2026/contest"
    first = reported("a", one, "", link=link)
    second = reported("b", other, "", link=link, sort_time=NOW + timedelta(days=days))
    assert compare(first, second).strength is strength


def test_a_portal_connects_no_news_in_two_languages() -> None:
    """Two partners that link one section in two languages need a common fact (I1)."""
    link = "https://node.example/access/"
    first = reported("a", "Apply for remote cryo-ET", "Ten days on our Krios.", link=link, language="en")
    second = reported("b", "Nieuw: foto-akoestiek", "Te reserveren in Rotterdam.", link=link, language="nl")
    assert compare(first, second).strength is not Strength.SAME
    third = reported("b", "Cryo-ET op afstand", "Tien dagen op de Krios.", link=link, language="nl")
    assert compare(first, third).strength is Strength.SAME


_words = st.lists(st.sampled_from("cell mouse zebrafish liver heart kidney porto".split()), max_size=7)


@given(_words, _words)
@example(["porto", "cell", "mouse", "zebrafish"], ["liver", "kidney", "mouse", "porto", "mouse"])
@law
def test_a_template_is_one_in_any_order(one: list[str], other: list[str]) -> None:
    """What titles differ in does not depend on which of the items came first (I5)."""
    a, b = (extract(" ".join(words), "", "", None) for words in (one, other))
    found, reversed_ = title_difference(a, b), title_difference(b, a)
    assert (found is None) == (reversed_ is None)
    if found and reversed_:
        assert (found.equal_share, found.words, found.other_words) == (
            reversed_.equal_share,
            reversed_.other_words,
            reversed_.words,
        )


def test_one_reference_number_makes_no_template() -> None:
    """A vacancy in the words of its employer and of a job board is one, by its number."""
    text = "Dresden, until 31 July 2026, ref. w26-214."
    first = reported("a", "Job: image analyst, Light Microscopy Facility", text)
    second = reported("b", "Vacancy: data scientist, Light Microscopy Facility", text)
    assert not {"template"} & {piece.name for piece in evidence.near(first, second)}
    other = replace(second, text=text.replace("214", "215"))
    assert compare(first, other).strength is not Strength.SAME


@pytest.mark.parametrize(
    ("title", "phase"),
    [
        ("Comment on the paper of Zschoche", "answer"),
        ("Comment on the draft of the vocabulary", None),
        ("QUAREP asks for your opinion", None),
        ("napari 0.7 beta", "candidate"),
        ("Looking for beta testers of a converter", None),
        ("Image data hackathon – report", "over"),
        ("Image data hackathon – report and code", "over"),
        ("Image data hackathon – Report from Ghent", "over"),
        ("Image data hackathon – Bericht", "over"),
        ("napari 0.7 – Report a bug", None),
        ("napari 0.7 - report bugs here", None),
        ("Reply to Zschoche et al.", "answer"),
        ("Data retention: an author's reply", "answer"),
        ("User survey – reply by Friday", None),
        ("User survey: please reply to this mail", None),
        ("Zschoche and Lind withdraw their paper", "cancelled"),
        ("How to withdraw from a course", None),
        ("Withdraw your application by Friday", None),
        ("Cours de microscopie reporté à mai", "moved"),
        ("[Reporté] Cours de microscopie", "moved"),
        ("Journées de la microscopie reportées", "moved"),
        ("napari 0.7 – Reporte un error", None),
        ("Jornadas de microscopía: reporte anual", None),
        ("Cancellation of the summer school", "cancelled"),
        ("The cancellation policy of our training courses", None),
        ("Abstract submission extended", "extended"),
        ("Call for extended abstracts", None),
        ("Extended reality in the microscopy core", None),
    ],
)
def test_an_invitation_is_no_phase(title: str, phase: str | None) -> None:
    """What readers are asked to do has not been done yet, and an adjective is no act."""
    assert extract(title, "", "", None).title_phases == ({phase} if phase else set())


@pytest.mark.parametrize(
    ("phase", "titles"),
    [
        (
            "full",
            "Le cours affiche complet|Posti esauriti|Plazas agotadas|De cursus is volgeboekt|Kursen är fullbokad",
        ),
        (
            "closed",
            "Fermeture de la plateforme|Piattaforma chiusa|Het centrum is gesloten|Keskus suljettu|Zakład zamknięty",
        ),
        (
            "leaving",
            "Afscheid van de directeur|Il direttore si dimette|La directora se jubila|Odstupuje ředitel|Lemondott",
        ),
        (
            "reminder",
            "Rappel : inscription|Ultimi giorni|Lembrete: prazo|Sista chansen|Przypomnienie|Nur noch bis Freitag",
        ),
        ("corrected", "Rectificatif|Rettifica|Fe de erratas|Rättelse|Sprostowanie|Berichtigung"),
        (
            "result",
            "Résultats du concours|I vincitori|Los ganadores|De winnaars|Voittajat|Výsledky soutěže|Eredmények",
        ),
        ("memory", "Il y a dix ans|Dieci anni fa|Tien jaar geleden|Dziesięć lat temu"),
    ],
)
def test_phases_are_read_in_the_languages_of_partners(phase: str, titles: str) -> None:
    """A translation names the same change of an announcement as its original."""
    for title in titles.split("|"):
        assert extract(title, "", "", None).title_phases == {phase}, title


def test_a_position_of_an_institution_is_no_reply() -> None:
    """“Stellungnahme” is a reply only to something; an epithet makes no list of winners."""
    assert extract("Stellungnahme zum Entwurf", "", "", None).title_phases == {"answer"}
    assert not extract("Stellungnahme: Stellen für Gerätezentren", "", "", None).title_phases
    assert not extract("Nobel laureate visits the centre", "", "", None).title_phases


def test_a_publisher_is_named_by_its_acronym() -> None:
    """Who reports the newsletter of another partner names it, also by an acronym in its name."""
    item = extract("GerBI newsletter no. 58", "", "Austrian BioImaging", "en")
    assert (
        "gerbi"
        in item.words.keys() & extract("Rundbrief", "", "German Imaging (GerBI)", "de").publisher_words
    )


def test_one_sum_in_two_languages_is_evidence() -> None:
    """A sum survives translation, and counts as much as in one language."""
    first = reported("a", "Basel teilt ein Mikroskop", "NanoVue kostet 4,1 Millionen Franken.", language="de")
    second = reported("b", "Un microscope voyage", "NanoVue a coûté 4,1 millions de francs.", language="fr")
    assert "translated amounts" in {piece.name for piece in evidence.near(first, second)}


def test_one_title_with_one_date_is_one_story() -> None:
    """Equal titles of common words are one story if their texts give the same date."""
    title, text = "Image data days are back, join us online", "Online days on image data, {} November 2026."
    for days, one_story in (("24-25", True), ("26-27", False)):
        first = reported("a", title, text.format("24-25"))
        second = reported("b", title.replace("days", "Days"), text.format(days))
        assert (compare(first, second).strength is Strength.SAME) is one_story


def test_a_weekly_notice_is_not_a_moved_permalink() -> None:
    """A permalink with another date is a moved post, unless its text names a bare weekday."""
    title = "Coffee hour of the data stewards in Jena"
    links = [f"https://node.example/2026/05/{day}/coffee-hour/" for day in ("04", "11")]
    for text, strength in ((TEXT, Strength.SAME), ("Thursday at 14:00, usual room.", Strength.DIFFERENT)):
        first, second = (
            reported(name, title, text, source_id="node", link=link, sort_time=NOW + timedelta(days=7 * n))
            for n, (name, link) in enumerate(zip("ab", links, strict=True))
        )
        assert compare(first, second).strength is strength


@pytest.mark.parametrize(
    ("address", "work"),
    [
        ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC12877410/", "pmc:12877410"),
        ("https://europepmc.org/article/PMC/PMC12877410", "pmc:12877410"),
        ("https://europepmc.org/articles/PMC12877410", "pmc:12877410"),
        ("https://europepmc.org/abstract/MED/41235877", "pmid:41235877"),
    ],
)
def test_libraries_name_one_work(address: str, work: str) -> None:
    """PubMed Central and Europe PMC name one work; a GitHub number is no Zenodo record."""
    assert identifiers.find_identifiers(address) == {work}
    assert not identifiers.find_identifiers("https://zenodo.org/badge/latestdoi/12345678")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://node.example/jena/registration-is-open", "https://node.example/turku/registration-is-open"),
        ("https://node.example/4711/registration-is-open", "https://node.example/4712/registration-is-open"),
        ("https://node.example/events/4711-open-day", "https://node.example/events/4712-open-day"),
        ("https://node.example/?p=4711", "https://node.example/?p=4712"),
        ("https://node.example/open-day-in-may", "https://node.example/open-day-in-may-2"),
        ("https://forum.node.example/t/open-day/4711", "https://forum.node.example/t/open-day/4712"),
    ],
)
def test_one_text_about_two_subjects_is_two_stories(one: str, other: str) -> None:
    """Equal title, day and text under addresses of two pages of one source are a template."""
    first = reported("a", "Registration is open", TEXT, source_id="node", link=one)
    second = reported("b", "Registration is open", TEXT, source_id="node", link=other)
    assert compare(first, second).strength is Strength.DIFFERENT


def test_a_number_of_a_section_makes_no_translation() -> None:
    """Pages in two languages with one number and other words are translations of the same days."""
    english = reported(
        "a", "New paper out", "Cells.", link="https://node.example/en/group/4711/new-paper-out"
    )
    german = reported(
        "b", "Neue Arbeit", "Zellen.", link="https://node.example/group/4711/neue-arbeit-da", language="de"
    )
    assert compare(english, german).strength is Strength.SAME
    assert (
        compare(english, replace(german, sort_time=NOW + timedelta(days=30))).strength is Strength.DIFFERENT
    )
    event = reported("a", "Call", "Posters.", link="https://node.example/en/elmi2026/call-for-posters")
    other = reported("b", "Anmeldung", "Los.", link="https://node.example/de/elmi2026/anmeldung-ist-offen")
    assert compare(event, other).strength is Strength.DIFFERENT


@pytest.mark.parametrize(
    "call", ["Apply now", "Registration open", "Call for applications", "Jetzt anmelden", "Iscrizioni aperte"]
)
@pytest.mark.parametrize(
    ("days", "strength"),
    [
        (1, Strength.SAME),
        (7, Strength.SAME),
        (-7, Strength.SAME),
        (20, Strength.RELATED),
        (50, Strength.RELATED),
    ],
)
def test_a_call_at_the_time_of_an_announcement_is_the_same_news(
    call: str, days: int, strength: Strength
) -> None:
    """A call is an announcement in other words, but weeks later news of its own (EX7)."""
    school = "Autumn School on Light-Sheet Microscopy 2026"
    text = "From 5 to 9 October 2026 in Jena, the school of the BIOMICRO network teaches sample preparation."
    announced = reported("a", school, text)
    called = reported("b", f"{call}: {school}", text, sort_time=NOW + timedelta(days=days))
    assert compare(announced, called).strength is strength
