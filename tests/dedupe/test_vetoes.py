"""Vetoes: what two partners write differently about one thing, and look-alikes beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.dedupe import measures, vetoes, weighed_pairs
from aggregator.dedupe.compare import compare
from aggregator.dedupe.features import Features, extract, towns_differ
from aggregator.dedupe.title_comparison import MAX_WORDS_ALIGNED, title_difference
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.model.stories import Member, Strength
from tests.builders import NOW
from tests.dedupe.test_same_story import reported


def _vetoes(a: Member, b: Member) -> set[str]:
    return {veto.partition(":")[0] for veto in compare(a, b, all_vetoes=True).vetoes}


# --- reference numbers -----------------------------------------------------------------------------------

VACANCY = "Head of the FLIM facility at ARCADE in Vigo"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ref. EB-2026-071", "Reference 26/114"),
        ("Kennziffer 2026/188", "Job ID 40712"),
        ("reference W26-214", "Ref. 88.231"),
    ],
)
def test_a_job_board_has_reference_numbers_of_its_own(one: str, other: str) -> None:
    """Reference numbers of two forms are of two numberings and do not contradict."""
    a, b = (reported(id_, VACANCY, f"{ref}, until 4 May 2026.") for id_, ref in (("a", one), ("b", other)))
    assert compare(a, b).strength is Strength.SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ref. EB-2026-071", "Reference EB-2026-072"),
        ("Ref. EB-2026-71", "Reference EB-2026-104"),
        ("Ref. PHD-12", "Reference PDOC-13"),
        ("Kennziffer 2026/188", "Kennziffer 2026/9"),
    ],
)
def test_numbers_of_one_form_are_two_vacancies(one: str, other: str) -> None:
    """Two numbers of one numbering are two vacancies, whatever their length or prefix."""
    a, b = (reported(id_, VACANCY, f"{ref}, until 4 May 2026.") for id_, ref in (("a", one), ("b", other)))
    assert "reference numbers" in _vetoes(a, b)
    assert compare(a, b).strength is not Strength.SAME


# --- towns -----------------------------------------------------------------------------------------------


def test_a_publisher_need_not_name_its_own_town() -> None:
    """The town of a text may be that of the other publisher, who names another one."""
    a = extract("A parasite on its way into the liver", "Filmed in Porto, by COMULIS.", "Gulbenkian", None)
    b = extract("Light sheet films malaria", "With a group of Lisbon, by COMULIS.", "i3S Porto", None)
    assert not towns_differ(a, b) and not towns_differ(b, a)
    assert vetoes.other_place(a, b) is None


def test_the_country_of_a_publisher_need_not_be_named_either() -> None:
    """Countries are compared only where one of the two items names no town."""
    a = extract("A parasite on its way into the liver", "Filmed in Porto, Portugal.", "Gulbenkian", None)
    b = extract("Light sheet films malaria", "With a group of Vienna, Austria.", "i3S Porto", None)
    assert a.countries and b.countries and not a.countries & b.countries
    assert vetoes.other_place(a, b) is None


def test_towns_in_both_titles_differ_whoever_publishes_them() -> None:
    """A title names the town that the news is about, which may be that of its publisher."""
    a = extract("Parasites of Porto", "", "Gulbenkian", None)
    b = extract("Malaria in Lisbon", "", "i3S Porto", None)
    assert towns_differ(a, b) and towns_differ(b, a)


def test_the_town_of_a_publisher_says_less_than_another_town() -> None:
    """A town that is in the name of one publisher counts half as evidence."""
    items = [extract("Malaria in Porto", "", name, None) for name in ("i3S Porto", "Gulbenkian")]
    halves = [
        next(iter(measures.places(weighed_pairs.weigh_pair(items[at], items[1])))).value for at in (0, 1)
    ]
    assert halves == [0.5, 1.0]


@pytest.mark.parametrize(
    ("a", "in_a", "b", "in_b"),
    [
        ("FLIM school in Porto", "On 4 May.", "FLIM school in Lisbon", "On 4 May."),
        ("FLIM school", "In Madrid, on 4 May.", "FLIM school", "In Lisbon, on 4 May."),
    ],
)
def test_a_course_in_two_towns_is_two_stories(a: str, in_a: str, b: str, in_b: str) -> None:
    """Under similar titles towns are compared even if they are those of publishers."""
    one, other = extract(a, in_a, "Universidade de Lisboa", None), extract(b, in_b, "i3S Porto", None)
    assert vetoes.other_place(one, other)
    assert vetoes.other_place(other, one)


# --- titles ----------------------------------------------------------------------------------------------

LONG = "QUAREP publishes recommendations for illumination power measurements in confocal microscopes"
CUT = "QUAREP publishes recommendations for illumination power"


def test_a_cut_title_has_the_same_subject() -> None:
    """What follows an ellipsis is unknown and no other subject."""
    text = "Working Group 1 has tested the protocol at 38 sites."
    assert compare(reported("a", LONG, text), reported("b", f"{CUT}…", text)).strength is Strength.SAME
    assert compare(reported("a", LONG, text), reported("b", f"{CUT} [...]", text)).strength is Strength.SAME


def test_a_longer_title_without_an_ellipsis_has_a_subject_of_its_own() -> None:
    """A complete title that the other continues is another subject."""
    text = "Working Group 1 has tested the protocol at 38 sites."
    assert vetoes.other_aspect(extract(LONG, text, "", None), extract(CUT, text, "", None))
    assert compare(reported("a", LONG, text), reported("b", CUT, text)).strength is not Strength.SAME


def test_a_person_of_a_title_is_compared_with_those_of_the_other_text() -> None:
    """Of two similar titles only one names its person: two winners, members or speakers."""
    a = reported("a", "Karin Hedlund elected chair of ARCADE", "In Vigo on 4 May the members elected her.")
    b = reported("b", "Vice chair of ARCADE elected", "Lars Overgaard was elected in Vigo on 4 May.")
    c = reported(
        "c", "Chair of ARCADE elected", "Karin Hedlund was elected in Vigo, with Lars Overgaard as deputy."
    )
    assert "persons" in _vetoes(a, b)
    assert "persons" not in _vetoes(a, c)


def test_persons_of_texts_are_no_contradiction_under_other_titles() -> None:
    """A joint project has a leader here and another there, and each partner writes of its own."""
    a = reported("a", "Karin Hedlund leads ARCADE in Vigo", "It gets 9.8 million euro for six years.")
    b = reported(
        "b", "9.8 million euro for atlas of the lung", "ARCADE pays Lars Overgaard in Vigo for six years."
    )
    assert "persons" not in _vetoes(a, b)


@pytest.mark.parametrize(
    ("one", "other"), [("D4.1", "D4.3"), ("T2.1", "T3.1"), ("D4.1", "D4.11"), ("v1.2", "v1.2.1")]
)
def test_deliverables_of_one_project_are_two_stories(one: str, other: str) -> None:
    """A number with a point under one title makes two stories: deliverables, tasks, versions."""
    a, b = (
        reported(id_, f"ARCADE publishes {label} on FLIM", "FLIM in Vigo.")
        for id_, label in (("a", one), ("b", other))
    )
    assert "versions" in _vetoes(a, b)
    same = reported("c", f"{one}: ARCADE on FLIM", "FLIM in Vigo.")
    assert "versions" not in _vetoes(a, same)


def test_only_the_beginnings_of_long_titles_are_aligned() -> None:
    """Aligning takes the square of the number of words, and a feed may have any title."""
    words = " ".join(f"w{number}" for number in range(MAX_WORDS_ALIGNED - 1))
    one, other = (extract(f"{words} {end}", "", "", None) for end in ("hydra cells", "hydra moss"))
    assert title_difference(one, other) is None
    one, other = (extract(f"{words} {end}", "", "", None) for end in ("hydra", "moss"))
    assert title_difference(one, other) is not None


# --- time ------------------------------------------------------------------------------------------------


def test_years_far_apart_do_not_contradict() -> None:
    """One text names the year of a foundation, the other that of the news."""
    a = extract("Torleif Brandvik has died", "He died in 2026.", "A", "en")
    b = extract("Obituary: Torleif Brandvik", "He founded our centre in 1991.", "B", "en")
    assert vetoes.any_other_year(a, b) is None
    c = extract("Obituary: Torleif Brandvik", "He will be missed at the meeting of 2027.", "B", "en")
    assert vetoes.any_other_year(a, c)


def test_days_of_titles_that_differ_on_both_sides_contradict() -> None:
    """Two events of one town may overlap."""
    a = extract("Course in Graz, 5-9 October", "", "A", "en")
    b = extract("Users meet in Graz, 8-9 October", "", "B", "en")
    assert vetoes.other_month(a, b)
    assert vetoes.other_month(a, extract("Graz: course from 5 October", "", "B", "en")) is None


@pytest.mark.parametrize(("days", "is_report"), [(3, False), (30, True)])
def test_an_item_after_the_event_reports_on_it(days: int, is_report: bool) -> None:
    """An announcement and an item after the days that both name are two stories."""
    day = NOW + timedelta(days=2)
    text = f"Viewers for OME-Zarr are coded in Zwolle on {day.day} {day:%B}."
    a = reported("a", "Hackathon in Zwolle", text, dated=True)
    b = reported("b", "What we coded", text, dated=True, sort_time=NOW + timedelta(days=days))
    assert ("one was published before, the other after the days that both name" in _vetoes(a, b)) is is_report


def test_a_photo_contest_is_no_report() -> None:
    """Photos of an event are; a contest or prize for photos is not."""
    assert "over" not in phases("photo contest until 31 october")
    assert "over" in phases("photos of the congress")


# --- subjects --------------------------------------------------------------------------------------------


def test_sums_in_two_currencies_do_not_contradict() -> None:
    """One partner gives the sum in kronor, the other in euros."""
    a = extract("Grant for Lund", "A gift of SEK 75 million.", "A", "en")
    assert vetoes.other_amount(a, extract("Grant for Lund", "A gift of €6.8 million.", "B", "en")) is None
    assert vetoes.other_amount(a, extract("Grant for Lund", "A gift of SEK 70 million.", "B", "en"))


def test_two_publishers_have_grants_of_one_programme() -> None:
    """Each title names its own publisher, and neither item that of the other."""
    a = extract("£1.2m from MRC for Wexcombe", "A microscope is bought.", "University of Wexcombe", "en")
    b = extract("MRC: £1.2m for Strathmarnock", "A scanner is bought.", "University of Strathmarnock", "en")
    assert vetoes.own_subjects(a, b)
    partner = extract("MRC: £1.2m for Strathmarnock", "With Wexcombe.", "University of Strathmarnock", "en")
    assert vetoes.own_subjects(a, partner) is None


@pytest.mark.parametrize("other", ["Lab manager", "Postdoc", "Internship"])
def test_a_doctoral_position_is_no_other_position(other: str) -> None:
    """Two vacancies of one group differ in their stage, also across languages."""
    a = extract("Dva doktorandi pro mikroskopii", "", "A", "cs")
    assert vetoes.opposites(a, extract(f"{other} for microscopy", "", "B", "en"))


def test_a_journal_connects_no_papers() -> None:
    """What stands behind "published in" is shared by other papers of a team."""
    a = extract("A planet", "It was published in Planetary Discoveries.", "A", "en")
    b = extract("Kometen", "Die Arbeit erschien in Planetary Discoveries.", "B", "de")
    assert not a.words.keys() & b.words.keys()
    assert "Italian" in extract("A", "Published in March by Italian teams.", "A", "en").clean_text


def test_two_obituaries_name_one_person() -> None:
    """A title is that of an obituary by a word or by the years of a life."""
    titles = "In memoriam: Anna Weber", "Anna Weber, 1934-2026", "Interview: Anna Weber"
    memoriam, life, interview = (extract(title, "", "A", "en") for title in titles)

    def found(other: Features) -> bool:
        return any(measures.obituaries(weighed_pairs.weigh_pair(memoriam, other)))

    assert (found(life), found(interview)) == (True, False)
