"""Events, courses and deadlines found in titles and texts, with reasons, status and places."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import calendar_names
from aggregator.events import tokens
from aggregator.events.find import MAX_EVENTS, MAX_TEXT_CHARACTERS, find_events
from aggregator.events.tokens import folded, may_name_date
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, day_of

ZONE = ZoneInfo("Europe/Berlin")


def found(
    title: str, text: str = "", language: str | None = None, published: str = "2026-06-03"
) -> tuple[Event, ...]:
    """Find the events of a text published at noon of a day."""
    return find_events(title, text, language, datetime.fromisoformat(f"{published}T12:00Z"), ZONE)


def only(title: str, text: str = "", language: str | None = None, published: str = "2026-06-03") -> Event:
    """Return the only event of a text."""
    (event,) = found(title, text, language, published)
    return event


@pytest.mark.parametrize(
    "written",
    [
        "7.10.2026",
        "7. 10. 2026",
        "2026–10–07",
        "7/10/2026",
        "7 OCT 2026",
        "7 říjnu 2026",
        "7. Październiku 2026",
    ],
)
def test_every_form_of_a_date_is_looked_for(written: str) -> None:
    """Texts that can contain no date are passed over by a test that no date fails."""
    assert may_name_date(folded(written))
    assert found(f"Workshop on {written}")


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_is_folded_as_other_text(text: str) -> None:
    """The short way for ASCII text gives the same characters."""
    assert folded(text) == folded(f"{text}–")[:-1]


def test_the_example_of_the_rules() -> None:
    """A dated title with a word for a course is a course with its days and place."""
    event = only("Training in preclinical imaging, 20-22 October 2026, Turin")
    assert event == Event(
        kind=EventKind.COURSE,
        start=date(2026, 10, 20),
        end=date(2026, 10, 22),
        place="Turin",
        attendance=Attendance.ON_SITE,
    )


# --- years (EX4) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "published", "start"),
    [
        ("Workshop on 12 June", "2026-06-12", date(2026, 6, 12)),
        ("Workshop on 12 June", "2026-06-13", date(2027, 6, 12)),
        ("Workshop on 12 June 2026", "2026-06-13", date(2026, 6, 12)),
        ("Workshop, 5–7 June", "2026-06-06", date(2026, 6, 5)),
        ("Workshop, 28 December – 3 January", "2026-06-03", date(2026, 12, 28)),
        ("Workshop, 28 December – 3 January", "2027-01-02", date(2026, 12, 28)),
        ("Leap workshop on 29 February", "2026-06-03", date(2028, 2, 29)),
        ("On 28 May we met for the workshop", "2026-06-03", date(2026, 5, 28)),
    ],
)
def test_a_missing_year_is_the_next_one(text: str, published: str, start: date) -> None:
    """A missing year is the first not before the publication, in reports the last before it."""
    assert only(text, published=published).start == start


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Minutes of the meeting of 28 May", 2026),
        ("Protokoll der Mitgliederversammlung vom 28. Mai", 2026),
        ("Acta de la reunión del 28 de mayo", 2026),
        ("Photos of the open day on 28 May", 2026),
        ("Compte rendu et perspectives : réunion le 28 juin", 2026),
        ("Rückblick und Ausblick: Tagung am 28. Juni", 2026),
        ("Nos reunimos el 28 de junio para una charla", 2026),
    ],
)
def test_a_report_has_the_nearest_date(title: str, year: int) -> None:
    """Reports name recent dates, but may also be the subject of an event soon after (EX4)."""
    event = only(title, published="2026-06-03")
    assert event.start == date(year, event.start.month, 28)
    assert event.retrospective == (event.start.month == 5)


# --- reasons (EX5) -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The ministry decided this on 12 October 2026",
        "Published 12 October 2026",
        "Since 1 January 2026 the consortium has 40 members",
        "Berlin, 3 June 2026 – The ministry has decided",
        "3 June 2026, 14:30",
        "Version 3.10.2026, volume 12, issue 5",
        "doi: 10.1000/20.10.2026",
        "Call +49 30 12 10 2026",
        "It costs 20.10 euro, 3/4 of 12.10 dollars",
        "Our office is closed from 24 December 2026 to 2 January 2027",
        "Öffnungszeiten vom 3. bis 14. August: 9–17 Uhr",
        "Grant agreement, 2 May 2026 - 30 April 2030",
        "Born on 3 May 1991 in Vienna",
        "The building will be finished by 30 June 2028",
        "Vertrag bis 31. Dezember 2028 verlängert",
        "Storing op 12 oktober 2026 van 8 tot 10 uur",
        "Strategic Plan 2024–2028",
        "10 out of 12 labs, 3 may join, 5 set aside",
    ],
)
def test_other_dates_are_no_events(text: str) -> None:
    """Dates of publications, versions, closures and persons, and other numbers, are no events."""
    assert found(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Workshop on 12 October 2026",
        "12 October 2026, Vienna",
        "12 October 2026, 14:00",
        "12 October 2026, online",
        "12–13 October 2026",
    ],
)
def test_each_reason_is_enough(text: str) -> None:
    """A word for an event, a place, a time and a range of days each make a date an event."""
    assert only(text).start in (date(2026, 10, 12), datetime(2026, 10, 12, 14, tzinfo=ZONE))


@pytest.mark.parametrize("label", ["Termin", "Termin:", "Am", "Frist", "Einsendeschluss", "Bewerbungsfrist:"])
def test_a_number_behind_a_label_of_dates_is_a_date(label: str) -> None:
    """“Frist 15.10.” is a date at the end of a sentence, “Kapitel 15.10.” is none."""
    assert day_of(only("Ausschreibung des Seminars", f"{label} 15.10.").start) == date(2026, 10, 15)
    assert not found("Ausschreibung des Seminars", "Siehe Kapitel 15.10.")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Apply by 31 July 2026", date(2026, 7, 31)),
        ("Registration is open from 1 to 30 June 2026", date(2026, 6, 30)),
        ("Anmeldung bis 15.07.2026 möglich", date(2026, 7, 15)),
        ("Deadline: 1 July 2026, 17:00 CEST", datetime(2026, 7, 1, 15, tzinfo=UTC)),
        ("Submit by 15 June 2026 (midnight CET)", datetime(2026, 6, 15, 22, 59, tzinfo=UTC)),
        ("Deadline 15 June 2026, 23:59 AoE", datetime(2026, 6, 16, 11, 59, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_its_last_moment(text: str, start: date) -> None:
    """The last day, or the moment that is stated, is the deadline."""
    event = only(text)
    assert (event.kind, event.start, event.end) == (EventKind.DEADLINE, start, start)


def test_further_events_follow_the_principal_one() -> None:
    """An event of the title comes first, then those of the text, each once."""
    events = found(
        "Training school in Naples, 7–11 September 2026",
        "The school runs 7-11 September 2026. Early bird until 1 July, late registration until 15 July 2026.",
    )
    assert [(event.kind, event.end) for event in events] == [
        (EventKind.COURSE, date(2026, 9, 11)),
        (EventKind.DEADLINE, date(2026, 7, 1)),
        (EventKind.DEADLINE, date(2026, 7, 15)),
    ]


def test_the_text_adds_times_and_place_to_the_title() -> None:
    """Days in the title and their time and place in the text are one event."""
    event = only(
        "Image analysis seminar, 12 October 2026", "Monday, 12 October 2026, 14:00–15:30, Vienna, Austria"
    )
    assert event.start == datetime(2026, 10, 12, 14, tzinfo=ZONE)
    assert event.place == "Vienna, Austria"


def test_a_past_event_is_retrospective() -> None:
    """A report has the dates of its event, and announces nothing."""
    event = only("From 4–6 May 2026, we met in Heidelberg, Germany")
    assert (event.start, event.retrospective) == (date(2026, 5, 4), True)
    assert not only("Workshop, 4–6 June 2026").retrospective


def test_a_month_without_a_day_is_marked() -> None:
    """An event in a month has its first and last day, and is marked as imprecise."""
    event = only("Workshop in October 2026 in Porto")
    assert (event.start, event.end, event.month_only) == (date(2026, 10, 1), date(2026, 10, 31), True)


# --- times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end", "zone"),
    [
        ("14:00–16:00", "14:00+02:00", "16:00+02:00", "Europe/Berlin"),
        ("14 bis 16 Uhr", "14:00+02:00", "16:00+02:00", "Europe/Berlin"),
        ("10–11:30 am", "10:00+02:00", "11:30+02:00", "Europe/Berlin"),
        ("11 am - 1 p.m.", "11:00+02:00", "13:00+02:00", "Europe/Berlin"),
        ("at noon", "12:00+02:00", "12:00+02:00", "Europe/Berlin"),
        ("16 Uhr c.t.", "16:15+02:00", "16:15+02:00", "Europe/Berlin"),
        ("14h30", "14:30+02:00", "14:30+02:00", "Europe/Berlin"),
        ("14:00 CET", "14:00+01:00", "14:00+01:00", None),
        ("14:00 UTC+3", "14:00+03:00", "14:00+03:00", None),
        ("8 pm ET", "20:00-04:00", "20:00-04:00", "America/New_York"),
        ("10:00 (Helsinki time)", "10:00+03:00", "10:00+03:00", "Europe/Helsinki"),
        ("10:00 (New York time)", "10:00-04:00", "10:00-04:00", "America/New_York"),
        ("10:00 heure de New York", "10:00-04:00", "10:00-04:00", "America/New_York"),
        ("10:00 (UK time)", "10:00+01:00", "10:00+01:00", "Europe/London"),
        ("10:00 US Eastern Daylight Time", "10:00-04:00", "10:00-04:00", "America/New_York"),
        ("10:00 Eastern European Summer Time", "10:00+03:00", "10:00+03:00", "Europe/Helsinki"),
        ("23:59 anywhere on Earth", "23:59-12:00", "23:59-12:00", None),
        ("10:00 (Atlantic/Reykjavik)", "10:00+00:00", "10:00+00:00", "Atlantic/Reykjavik"),
        ("10:00 Europe/Lisbon", "10:00+01:00", "10:00+01:00", "Europe/Lisbon"),
        ("kl. 13.15", "13:15+02:00", "13:15+02:00", "Europe/Berlin"),
    ],
)
def test_times_and_zones_are_read(text: str, start: str, end: str, zone: str | None) -> None:
    """Times in the forms of the languages are read in the zone that they state."""
    event = only(f"Seminar on 12 August 2026, {text}")
    assert event.start == datetime.fromisoformat(f"2026-08-12T{start}")
    assert event.end == datetime.fromisoformat(f"2026-08-12T{end}")
    assert event.zone == zone


def test_one_time_of_several_days_is_not_invented_for_all() -> None:
    """A range of days with a single time stays a range of days (EX1)."""
    assert only("Workshop, 12–14 August 2026, 14:00").all_day


# --- status and places (EX6) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("CANCELLED: workshop on 12 October 2026", EventStatus.CANCELLED),
        ("Der Workshop am 12. Oktober 2026 fällt leider aus", EventStatus.CANCELLED),
        ("Le séminaire du 12 octobre 2026 est annulé", EventStatus.CANCELLED),
        ("The symposium of 12 October 2026 has been postponed", EventStatus.POSTPONED),
        ("Workshop moved online: 12 October 2026", EventStatus.MOVED_ONLINE),
        ("New date for the workshop: 12 October 2026", EventStatus.RESCHEDULED),
        ("Workshop, originally planned for 3-5 June, now on 12 October 2026", EventStatus.RESCHEDULED),
        ("Deadline extended to 12 October 2026", EventStatus.EXTENDED),
        ("Deadline extended: abstracts by 12 October 2026", EventStatus.EXTENDED),
        ("Submit an extended abstract by 12 October 2026", EventStatus.SCHEDULED),
        ("Cancellation of the workshop on 12 October 2026", EventStatus.CANCELLED),
        ("Workshop on 12 October 2026 with a fair cancellation policy", EventStatus.SCHEDULED),
        ("Workshop on 12 October 2026", EventStatus.SCHEDULED),
    ],
)
def test_the_status_is_read_from_words(text: str, status: EventStatus) -> None:
    """Words for a cancellation or a move set the status."""
    assert only(text).status is status


@pytest.mark.parametrize(
    "text",
    [
        "Workshop on 12 October 2026 postponed to 14 January 2027",
        "Workshop postponed from 12 October 2026 to 14 January 2027",
        "Workshop brought forward from 20 January 2027 to 14 January 2027",
        "The workshop of 12 October 2026 is moved to 14 January 2027",
        "Workshop postponed until 14 January 2027",
        "Workshop on 14 January 2027 (postponed from 12 October 2026)",
        "Der Workshop vom 12. Oktober 2026 wird auf den 14. Januar 2027 verschoben",
        "Verschoben: Workshop am 12. Oktober 2026, neuer Termin 14. Januar 2027",
        "Atelier du 12 octobre 2026 reporté au 14 janvier 2027",
        "Workshop spostato dal 12 ottobre 2026 al 14 gennaio 2027",
    ],
)
def test_of_a_moved_event_the_new_date_is_announced(text: str) -> None:
    """Where a text names the old and the new date, only the new one is coming (EX6)."""
    event = only(text)
    assert (event.start, event.end) == (date(2027, 1, 14), date(2027, 1, 14))
    assert event.status is EventStatus.RESCHEDULED


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Postponed: workshop on 12 October 2026", "New date: 14 January 2027."),
        ("Verschoben: Workshop am 12. Oktober", "Der Workshop findet nun am 14. Januar 2027 statt."),
        ("Reporté : colloque du 12 octobre", "Il aura lieu le 14 janvier 2027. Inscriptions ouvertes."),
        ("Odloženo: konference 12. října", "Konference se bude konat 14. ledna 2027."),
        ("Symposium postponed", "The symposium planned for 12 October will now be held on 14 January 2027."),
        (
            "Congreso aplazado",
            "El congreso previsto para el 12 de octubre se celebrará el 14 de enero de 2027.",
        ),
        ("Neuer Termin: Workshop am 14. Januar 2027", "Der für den 12. Oktober geplante Workshop fällt aus."),
        ("Workshop moved to 14 January 2027", "It was to take place on 12 October 2026."),
        ("Tagung verlegt", "Die Tagung, die am 12. Oktober stattfinden sollte, ist am 14. Januar 2027."),
        ("Rescheduled: seminar", "Was: 12 October 2026. Now: 14 January 2027."),
        ("Seminaari siirtyy", "Seminaari siirtyy 12.10.2026 pidettäväksi 14.1.2027."),
        ("Workshop se odkládá z 12. října 2026 na 14. ledna 2027", ""),
    ],
)
def test_the_new_date_may_stand_apart_from_the_old_one(title: str, text: str) -> None:
    """A new date replaces that of a title such as "Postponed: …", and planned ones (EX6)."""
    event = only(title, text)
    assert (event.start, event.status) == (date(2027, 1, 14), EventStatus.RESCHEDULED)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Postponed: workshop on 12 October 2026", "The seminar on 14 January 2027 takes place."),
        ("Workshop on 12 October 2026 now postponed", "The seminar on 14 January 2027 takes place."),
        ("Workshop", "The workshop is planned for 12 October 2026, the seminar for 14 January 2027."),
        ("Tagung verschoben", "Das Seminar ist für den 12. Oktober, der Kurs am 14. Januar 2027 geplant."),
    ],
)
def test_another_event_is_no_new_date(title: str, text: str) -> None:
    """A date replaces that of the event of the title only if it is a date of this event (EX6)."""
    assert [event.start for event in found(title, text)] == [date(2026, 10, 12), date(2027, 1, 14)]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("Workshop postponed from 3-5 May 2027 to 7-9 June 2027", (6, 7), (6, 9)),
        ("Workshop postponed from 3-5 May to 12 May 2027", (5, 12), (5, 12)),
        ("Workshop postponed from 3 to 5 May to 10 to 12 May 2027", (5, 10), (5, 12)),
        ("Workshop postponed from 3 to 5 May 2027", (5, 5), (5, 5)),
        ("Workshop postponed: from 3 to 5 May 2027", (5, 3), (5, 5)),
        ("Workshop rescheduled, new dates from 3 to 5 May 2027", (5, 3), (5, 5)),
        ("Colloque reporté : du 3 au 5 mai 2027", (5, 3), (5, 5)),
    ],
)
def test_a_range_of_days_is_moved_to_another(
    text: str, first: tuple[int, int], last: tuple[int, int]
) -> None:
    """The new days are those behind "to", and all of a range behind a colon (EX6)."""
    event = only(text)
    assert (event.start, event.end) == (date(2027, *first), date(2027, *last))


@pytest.mark.parametrize(
    "text",
    [
        "Workshop on 12 October 2026, the course on 14 January 2027 is postponed",
        "Workshop on 12 October 2026 in its new building, moved in, and a course on 14 January 2027",
        "Workshop on 12 October 2026 (new date), course on 14 January 2027",
        "The exhibition opens on 12 October 2026 in Jena before it moves to Turku on 14 January 2027",
    ],
)
def test_a_move_of_another_event_replaces_no_date(text: str) -> None:
    """A word for a move counts for the dates that it connects (EX6)."""
    assert [event.start for event in found(text)] == [date(2026, 10, 12), date(2027, 1, 14)]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Seminar on 10, 17 and 24 November 2026", [10, 17, 24]),
        ("Kurs am 10. und 17. November", [10, 17]),
        ("Seminar on 10 and 12 November 2026", [10]),
    ],
)
def test_days_of_different_weeks_are_dates_of_their_own(text: str, days: list[int]) -> None:
    """Each day of a list over a week or more is an event; other lists are one (EX3)."""
    assert [day_of(event.start).day for event in found(text)] == days


def test_days_of_a_list_that_are_over_stay_in_its_year() -> None:
    """Days of a list without a year belong to the year of its first and last day (EX4)."""
    events = found("Seminar on 1, 8, 15 and 22 June", published="2026-06-10")
    assert [event.start for event in events] == [date(2026, 6, day) for day in (1, 8, 15, 22)]
    events = found("Seminar on 21 December, 4 and 11 January", published="2026-12-01")
    assert [day_of(event.start) for event in events][-2:] == [date(2027, 1, 4), date(2027, 1, 11)]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Deadline extended to 15 July 2026", "The deadline was 30 June 2026."),
        ("Deadline extended", "The deadline of 30 June 2026 has been extended to 15 July 2026."),
        ("Deadline extended", "Original deadline: 30 June 2026. New deadline: 15 July 2026."),
        ("Deadline extended from 30 June to 15 July 2026", ""),
        ("Call extended", "Submit by 15 July 2026 instead of by 30 June 2026."),
        ("Frist verlängert", "Die Bewerbungsfrist wird vom 30. Juni auf den 15. Juli 2026 verlängert."),
        ("Frist verlängert", "Anmeldung bis 15. Juli 2026 (ursprünglich bis 30. Juni 2026)."),
        ("The previously announced deadline is extended to 15 July 2026", ""),
    ],
)
def test_a_replaced_deadline_is_not_announced(title: str, text: str) -> None:
    """Of an extended deadline only the new date is coming."""
    (event,) = found(title, text)
    assert (event.kind, event.start, event.status) == (
        EventKind.DEADLINE,
        date(2026, 7, 15),
        EventStatus.EXTENDED,
    )


def test_an_unaffected_deadline_is_not_extended() -> None:
    """A sentence excepts its deadline from the extension in the title."""
    title = "Frist verlängert: Frühbucherpreis bis 30. Juni 2026"
    events = found(title, "Die Einreichung von Postern ist nicht betroffen und endet weiterhin am 15. Juli.")
    assert [(event.start, event.status) for event in events] == [
        (date(2026, 6, 30), EventStatus.EXTENDED),
        (date(2026, 7, 15), EventStatus.SCHEDULED),
    ]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Deadline extended", "Abstracts until 15 July 2026. Early bird registration until 30 June 2026."),
        ("Deadlines", "Early bird until 30 June 2026 and call extended to 15 July 2026."),
        ("Deadlines extended", "Register by 30 June 2026, submit posters by 15 July 2026."),
    ],
)
def test_other_deadlines_beside_an_extended_one_stay(title: str, text: str) -> None:
    """A deadline that the extension does not name as the former one is still coming."""
    assert {event.start for event in found(title, text)} == {date(2026, 6, 30), date(2026, 7, 15)}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Turin, Italy – 20–22 October 2026 Early career professionals", "Turin, Italy"),
        ("Workshop in Turin, Italy, 20–22 October 2026", "Turin, Italy"),
        ("20–22 October 2026 (Turin, Italy)", "Turin, Italy"),
        ("20–22 October 2026. Venue: Aula Magna, Turin", "Aula Magna, Turin"),
        ("Seminar, 20. Oktober 2026. Ort: Turin. Der Eintritt ist frei.", "Turin"),
        ("Seminar, 20 October 2026. Venue: Aula St. Anna. Entrance is free.", "Aula St. Anna"),
        ("Colloque du 20 au 22 octobre 2026 à Turin", "Turin"),
        ("Friday, 20 October 2026 workshop", None),
        ("20–22 October 2026 Early career professionals", None),
    ],
)
def test_the_place_beside_a_date_is_read(text: str, place: str | None) -> None:
    """A place stands before or after a date, or behind a label."""
    assert only(text).place == place


@pytest.mark.parametrize(
    ("text", "attendance"),
    [
        ("Seminar, 12 October 2026, online", Attendance.ONLINE),
        ("Hybrid workshop, 12 October 2026, Turin", Attendance.BOTH),
        ("Workshop, 12 October 2026, Turin", Attendance.ON_SITE),
        ("Workshop, 12 October 2026", None),
    ],
)
def test_where_people_attend_is_read(text: str, attendance: Attendance | None) -> None:
    """Words for online and hybrid events, and places, say where people attend."""
    assert only(text).attendance is attendance


# --- hostile text (EX8) --------------------------------------------------------------------------------

SIZE = 512 * 1024
HOSTILE = [
    *("1", "-", "1-", "1.", "1/", "1, ", "1 ", ":", "(", "İ", "\u0301", "\n", "A ", "Aa, "),
    *("October ", "1 October - ", "12:00 - ", "5 May anmeldung ", "call ", "20 October 2026, Aa "),
]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_costs_no_time(part: str) -> None:
    """Half a megabyte of any repetition is searched within its limits, and yields few events."""
    text = part * (SIZE // len(part))
    begin = time.process_time()
    assert len(found(text, text)) <= MAX_EVENTS
    assert len(found("Seminar", f"12 October 2026 {part * 1000}")) <= MAX_EVENTS
    assert time.process_time() - begin < 3


def test_unknown_languages_fill_no_memory() -> None:
    """A document may state any language; names of months are kept for known ones only."""
    for number in range(100):
        found("Workshop on 7 October 2026", language=f"q{number}")
    assert tokens._months.cache_info().currsize <= len(calendar_names.DATE_LANGUAGES) + 1


def test_only_the_beginning_of_a_text_is_searched() -> None:
    """A date behind the first 1,000 characters is none of the item's (EX2)."""
    assert found("News", f"{'word ' * (MAX_TEXT_CHARACTERS // 5)} Workshop on 12 October 2026") == ()


@pytest.mark.parametrize(
    "text",
    [
        "Workshop 31 February 2026",
        "Workshop 30-31 February 2026",
        "Workshop 30/31 February 2026",
        "Workshop 30–31 Feb. 2026",
        "Workshop 31-32 May 2026",
        "Workshop 32 May 2026",
        "Workshop 99.99.9999",
        "Workshop 0 May 2026",
        "Workshop 12:99 4/5/6",
    ],
)
def test_impossible_dates_are_none(text: str) -> None:
    """A day that does not exist is no date."""
    assert found(text) == ()


@pytest.mark.parametrize(
    "text", ["Workshop part 2, November 2026", "COVID19 November 2026 workshop", "3 workshops November 2026"]
)
def test_a_number_that_is_no_day_leaves_the_month(text: str) -> None:
    """A month behind another number is a month without a day."""
    assert [event.month_only for event in found(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "Symposium for our founder, born on 7 May 1832 in Turku",
        "Workshop on 30 December 2150 in Rome",
        "Meeting, 30. Dezember 9999, Dresden",
        "Exhibition: opened on May 7, 1901 in Oslo",
    ],
)
def test_a_year_without_events_is_not_replaced(text: str) -> None:
    """A date with a year of long ago or far ahead is no event of the next year (EX4)."""
    assert found(text) == ()


@pytest.mark.parametrize("text", ["Seminar in Rome, 5 May 1700-1830", "Seminar in Rome, 5 May 1700 h"])
def test_a_time_of_four_digits_is_no_year(text: str) -> None:
    """A time behind a month leaves the date without a year (EX4)."""
    assert only(text).start == date(2027, 5, 5)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("(America/New_York)", "America/New_York"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("(America/Port-au-Prince), online", "America/Port-au-Prince"),
        ("europe/berlin", "Europe/Berlin"),
    ],
)
def test_an_iana_zone_is_read_whole(written: str, zone: str) -> None:
    """The name of a zone of several words is its zone, and no part of it is a place (EX1)."""
    event = only(f"Seminar, 10 November 2026, 10:00–11:00 {written}")
    assert (event.zone, event.place) == (zone, None)
    assert event.start == datetime(2026, 11, 10, 10, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    "text",
    [
        "Registration opens on 1 September for the workshop.",
        "The sixth call opens on 2 September.",
        "Die Anmeldung beginnt am 2. September 2026.",
    ],
)
def test_the_opening_of_a_registration_is_no_event(text: str) -> None:
    """The day from which people may register is neither an event nor a deadline."""
    assert found("", text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Die Unterlagen zum Kurs wurden am 20.04.2026 aktualisiert.",
        "Der Tagungsband ist am 1. März 2026 im Verlag Müller erschienen.",
        "We updated our conference privacy notice on 11 May 2026.",
        "The seminar room has been available again since 26 May 2026.",
        "Workshop participants from abroad: 5 of 6; satisfaction 4.5.",
        "Between January and December 2025 we counted 3,102 workshop visits.",
        "Of 12 patients, 5 responded by June 2026.",
        "Our site licence has been renewed until 31 December 2027.",
    ],
)
def test_a_word_for_an_event_nearby_makes_no_event_of_other_dates(text: str) -> None:
    """Dates of documents, states, counts and periods are none, also beside the name of an event."""
    assert found("", text) == ()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("The workshop originally planned for 12 November 2026 has been cancelled.", EventStatus.CANCELLED),
        ("The workshop originally planned for 12 November 2026 is postponed.", EventStatus.POSTPONED),
        ("The workshop on 12 November 2026 takes place, the seminar is postponed.", EventStatus.SCHEDULED),
        (
            "The Python course on 12 November 2026 takes place, the R course is off: cancelled.",
            EventStatus.SCHEDULED,
        ),
        (
            "On 12 November 2026 we planned our workshop, but the workshop is cancelled.",
            EventStatus.CANCELLED,
        ),
        ("The workshop on 12 November 2026, part of our user meeting, is cancelled.", EventStatus.CANCELLED),
    ],
)
def test_a_status_belongs_to_the_event_of_its_clause(text: str, status: EventStatus) -> None:
    """A change that a clause reports of another event does not count for the event of the date."""
    assert only("", text).status is status


@pytest.mark.parametrize(
    "text",
    [
        "Die Tagung wird vom 12. Mai auf den 9. Juni 2026 verschoben.",
        "The workshop is not on 2 June but on 9 June 2026.",
        "El coloquio del 4 de junio se traslada al 9 de junio de 2026.",
    ],
)
def test_the_verb_of_a_move_may_stand_at_its_end(text: str) -> None:
    """Of an old and a new date, the new one is that of the event."""
    event = only("", text)
    assert (event.start, event.status) == (date(2026, 6, 9), EventStatus.RESCHEDULED)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Webinars on 12 June, 3 July and 16 October 2026, each at 14:00", [12, 3, 16]),
        ("Seminar: 15.6., 12.11. und 10.12.2026, jeweils 14:00 Uhr", [15, 12, 10]),
        ("Il corso si terrà il 14, 21 e 28 luglio 2026, dalle 14 alle 16.", [14, 21, 28]),
        ("Ringvorlesung dienstags, 14 Uhr: 13.10., 20.10. und 27.10.2026", [13, 20, 27]),
    ],
)
def test_the_time_beside_a_list_of_days_is_that_of_each(text: str, days: list[int]) -> None:
    """Separate days with one time behind or before them all begin at that time."""
    starts = [event.start for event in found("", text)]
    assert [start.day for start in starts] == days
    assert all(isinstance(start, datetime) and start.hour == 14 for start in starts)


@pytest.mark.parametrize(
    "text",
    [
        "Meeting on 11 June 2026 at 16.00 at the museum",
        "Meeting on 11 June 2026 at 4 pm",
        "Meeting 📅 11 June 2026 🕒 16:00 📍 Rome",
        "Meeting » 11 June 2026 » 16:00",
        "Meeting. Date: 11 June 2026. Time: 16:00. Place: Rome.",
    ],
)
def test_a_time_is_read_in_each_of_its_forms(text: str) -> None:
    """A full stop behind "at" belongs to a time, and pictures separate as commas do."""
    assert only("", text).start == datetime(2026, 6, 11, 16, tzinfo=ZONE)


def test_noon_may_have_its_number() -> None:
    """Twelve noon is one time."""
    assert only("", "Workshop, 11 June 2026, 12 noon").start == datetime(2026, 6, 11, 12, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Workshop, 11 June 2026 between 14:00 and 17:00", "2026-06-11T14:00", "2026-06-11T17:00"),
        ("Workshop a 11 de junho de 2026, entre as 14h e as 17h", "2026-06-11T14:00", "2026-06-11T17:00"),
        ("Event (Thu 11 June 2026, 13:00 - Thu 11 June 2026, 17:00)", "2026-06-11T13:00", "2026-06-11T17:00"),
        ("Event: Thu, 11/06/2026 - 10:00 to Fri, 12/06/2026 - 16:00", "2026-06-11T10:00", "2026-06-12T16:00"),
    ],
)
def test_a_range_of_moments_may_name_days_twice(text: str, start: str, end: str) -> None:
    """The second day may have its weekday, and may be the first day again."""
    event = only("", text)
    assert (event.start, event.end) == tuple(
        datetime.fromisoformat(each).replace(tzinfo=ZONE) for each in (start, end)
    )


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Kurset er fra d. 25. til d. 29. juni 2026.", date(2026, 6, 25), date(2026, 6, 29)),
        ("Lecture series in Bonn, July to September 2026", date(2026, 7, 1), date(2026, 9, 30)),
        ("Start date: 2 July 2026 – End date: 6 July 2026", date(2026, 7, 2), date(2026, 7, 6)),
    ],
)
def test_ranges_of_days_and_months_are_read(text: str, start: date, end: date) -> None:
    """Articles, labels, and months that share a year stand within a range."""
    event = only("", text)
    assert (event.start, event.end) == (start, end)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Radionica će se održati 19. studenoga 2026. u Zagrebu.", "hr"),
        ("Atelierul va avea loc pe 19 noiembrie 2026 la Cluj.", "ro"),
        ("Seminar toimub 19. novembril 2026 Tartus.", "et"),
    ],
)
def test_months_of_the_language_of_a_text_are_read(text: str, language: str) -> None:
    """A text in a language that few partners write in has its dates too."""
    assert only("", text, language).start == date(2026, 11, 19)


@pytest.mark.parametrize(
    "text",
    [
        "Send nominations by email before noon on 11 June 2026.",
        "Las solicitudes pueden presentarse hasta las 12:00 del 11 de junio de 2026.",
    ],
)
def test_a_deadline_may_begin_with_its_time(text: str) -> None:
    """The word for until stands before the time, and other such words may stand before it."""
    event = only("", text)
    assert (event.kind, event.start) == (EventKind.DEADLINE, datetime(2026, 6, 11, 12, tzinfo=ZONE))


@pytest.mark.parametrize(
    ("title", "text", "days"),
    [
        ("Deadlines: 1 July 2026, 1 August 2026 and 1 September 2026", "", [1, 1, 1]),
        ("Deadlines: 1 July, 5 August and 9 September 2026, 17:00", "", [1, 5, 9]),
        ("Deadlines", "Letters: 1 July 2026, 17:00 CEST; full papers: 5 July 2026, 17:00 CEST", [1, 5]),
        ("Deadline extended", "1 July 2026, 17:00 CEST", [1]),
    ],
)
def test_a_list_of_deadlines_has_no_events(title: str, text: str, days: list[int]) -> None:
    """What is said of the first day of a list is said of all; a title decides about bare times."""
    events = found(title, text)
    assert [day_of(event.start).day for event in events] == days
    assert {event.kind for event in events} == {EventKind.DEADLINE}
    assert len({event.all_day for event in events}) == 1


@pytest.mark.parametrize(
    ("title", "text", "hours"),
    [
        ("Seminar on 11 June", "14:00-15:00, Room 2", (14, 15)),
        ("Seminar am 11. Juni", "Beginn: 14 Uhr, Raum 2. Anmeldung bis 5. Juni, 12 Uhr.", (14, 14)),
        ("Seminar", "Seminar on 11 June. Apply by 5 June. Time: 14:00-15:00.", (14, 15)),
        ("Jornada, 11 de junio", "De 14:00 a 15:00 horas en el instituto.", (14, 15)),
        ("Seminar on 11 June", "9:00 Registration. 10:00 Welcome.", None),
        ("Seminar on 11 June", "At 14:00 the registration closes.", None),
        ("Seminar on 11 June", "The office opens at 14:00.", None),
        ("Seminar on 11 and 12 June", "14:00-15:00, Room 2", None),
    ],
)
def test_the_only_time_of_a_text_is_that_of_its_event(
    title: str, text: str, hours: tuple[int, int] | None
) -> None:
    """A sentence that begins with the only time of a text states that of its only event."""
    event = next(event for event in found(title, text) if event.kind is EventKind.EVENT)
    start, end = event.start, event.end
    times = (start.hour, end.hour) if isinstance(start, datetime) and isinstance(end, datetime) else None
    assert times == hours


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Szeminárium 2026. június 11-én 10-től 16 óráig", 10, 16),
        ("Szeminárium 2026. június 11-én 10 órától 16 óráig", 10, 16),
        ("Disputation: fredagen den 11 juni 2026, 9.00, Hörsal 1", 9, 9),
        ("Wykład 11 czerwca o godzinie 17.00", 17, 17),
        ("Kolloquium, 16–18 Uhr: 11. Juni 2026", 16, 18),
    ],
)
def test_times_of_several_languages_are_read(text: str, start: int, end: int) -> None:
    """Endings, commas and words mark times, also before the day (EX3)."""
    event = only(text)
    assert (event.start, event.end) == tuple(
        datetime(2026, 6, 11, hour, tzinfo=ZONE) for hour in (start, end)
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Festveranstaltung am 11. Juni", EventKind.EVENT),
        ("Das Institutstreffen findet nun am Donnerstag, den 11. Juni 2026 statt", EventKind.EVENT),
        ("Gastlezing dr. Wietske Haan op 11 juni 2026", EventKind.EVENT),
        ("Kuvantamiskurssi 11.6.2026", EventKind.COURSE),
        ("Apurahahaku päättyy 11.6.2026 klo 16", EventKind.DEADLINE),
        ("Driftstopp den 11 juni 2026 kl. 8–12", None),
        ("Leállás 2026. június 11., 8:00", None),
    ],
)
def test_compounds_name_the_kind_of_a_date(text: str, kind: EventKind | None) -> None:
    """The last part of a word names the kind; an interruption of service is no event."""
    assert {event.kind for event in found(text)} == ({kind} if kind else set())


@pytest.mark.parametrize(
    "text",
    [
        "Date of publication: 12 June 2026. Date: 14 June 2026",
        "Datum der Veröffentlichung: 12. Juni 2026. Datum: 14. Juni 2026",
        "Erscheinungsdatum: 12.06.2026. Termin: 14.06.2026",
        "Fecha de publicación: 12/06/2026. Fecha: 14/06/2026",
        "Data publikacji: 12 czerwca 2026. Data: 14 czerwca 2026",
        "Julkaisupäivä: 12.6.2026. Ajankohta: 14.6.2026",
    ],
)
def test_a_date_of_publication_is_no_event(text: str) -> None:
    """A label says that a date is that of a publication; a label is no place either (EX5)."""
    event = only("Workshop", text)
    assert (event.start, event.place) == (date(2026, 6, 14), None)


@pytest.mark.parametrize(
    "text",
    [
        "Fecha de inicio: 12 de junio de 2026. Fecha de fin: 14 de junio de 2026.",
        "Data inizio: 12/06/2026 Data fine: 14/06/2026",
        "Data rozpoczęcia: 12.06.2026. Data zakończenia: 14.06.2026.",
    ],
)
def test_labels_name_the_first_and_last_day(text: str) -> None:
    """A label of the last day joins it to the first, also in a sentence of its own (EX3)."""
    event = only("Workshop", text)
    assert (event.start, event.end) == (date(2026, 6, 12), date(2026, 6, 14))


def test_an_initial_is_no_place() -> None:
    """The first character of a name behind a date is that of a speaker."""
    assert only("Upcoming talks", "23 June 2026 – A. Kim: Cilia").place is None


def test_open_days_are_no_open_call() -> None:
    """Days of an open day are an event; days in which a call is open end with a deadline."""
    assert only("Journées portes ouvertes du 5 au 6 octobre 2026").kind is EventKind.EVENT
    assert only("Les inscriptions sont ouvertes du 5 au 6 octobre 2026").kind is EventKind.DEADLINE
