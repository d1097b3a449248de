"""Words and /regexes/ of feeds.yaml against what an item says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.items import classify
from aggregator.model.config import TopicRule
from aggregator.model.documents import ItemKind
from tests.strategies import law


@pytest.mark.parametrize(
    ("word", "said", "found"),
    [
        ("microscopy", "New Microscopy course", True),
        ("microscopy", "cryomicroscopy", False),
        ("scope", "microscopes", False),
        ("FAIR", "FAIR data", True),
        ("FAIR", "a fair price, Fair enough", False),
        ("fair", "FAIR data", True),
        ("Bild und Ton", "Alles über Bild und Ton!", True),
        ("C++", "Writing C++ for GPUs", True),
        ("C++", "Writing C for GPUs", False),
        (".NET", "the .NET release", True),
        ("größe", "Die GRÖSSE und die Größe", True),
        ("/ome.?zarr/", "OME-Zarr at last", True),
        ("/ome.?zarr/", "some czar", False),
        ("/^news:/", "News: today", True),
        ("/", "a / b", True),
    ],
)
def test_a_word_matches_whole_words(word: str, said: str, found: bool) -> None:
    """A word matches whole in any case, one in capitals in capitals, /…/ as an expression."""
    assert bool(classify.pattern(word).search(said)) is found


@given(
    st.text(min_size=1, max_size=20).filter(lambda word: not (word.startswith("/") and word.endswith("/")))
)
@law
def test_a_word_is_taken_literally(word: str) -> None:
    """Whatever signs a word has, it matches itself, and no sign of it is a pattern."""
    assert classify.pattern(word).search(f" {word} ")


def test_drop_wins_over_only() -> None:
    """`drop` precedes `only`, and the reason names the word (G3)."""
    assert classify.dropped_by((), (), "anything") is None
    assert classify.dropped_by(("imaging",), (), "An imaging course") is None
    assert classify.dropped_by(("imaging",), (), "A cookery course") == "only: none of the words"
    assert classify.dropped_by((), ("job", "/ph\\.?d/"), "A PhD position") == "drop: /ph\\.?d/"
    assert classify.dropped_by(("imaging",), ("job",), "An imaging job") == "drop: job"


def test_topics_come_in_the_order_of_the_rules() -> None:
    """Any word of a rule gives its topic, once, in the order of feeds.yaml."""
    rules = (
        TopicRule(topic="data", words=("FAIR", "metadata")),
        TopicRule(topic="training", words=("course",)),
        TopicRule(topic="none", words=("nowhere",)),
    )
    assert classify.topics(rules, "A course on FAIR metadata") == ("data", "training")
    assert classify.topics((), "A course") == ()


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Newsletter September 2026", ItemKind.NEWSLETTER),
        ("Rundbrief 3/2026", ItemKind.NEWSLETTER),
        ("PhD position in expansion microscopy", ItemKind.JOB),
        ("Stellenangebot: Leitung Lichtmikroskopie", ItemKind.JOB),
        ("Wissenschaftliche Mitarbeiterin (m/w/d) gesucht", ItemKind.JOB),
        ("Summer School on image analysis", ItemKind.COURSE),
        ("Fortbildung Bildanalyse", ItemKind.COURSE),
        ("Call for abstracts", ItemKind.CALL),
        ("Ausschreibung: Gerätezeit", ItemKind.CALL),
        ("Annual symposium in Turin", ItemKind.EVENT),
        ("Jahrestreffen der Knoten", ItemKind.EVENT),
        ("OMERO 5.6.1 released", ItemKind.RELEASE),
        ("viewer v2.1", ItemKind.RELEASE),
        ("New preprint on tracking", ItemKind.PAPER),
        ("Grace joins the node", ItemKind.NEWS),
        ("We lost a jobber", ItemKind.NEWS),
    ],
)
def test_a_title_shows_the_kind_of_its_item(title: str, kind: ItemKind) -> None:
    """Whole words of a title, English or German, decide the kind of an item."""
    assert classify.kind(title, ()) is kind


def test_categories_are_asked_when_the_title_says_nothing() -> None:
    """A title goes before the categories; without both an item is news."""
    assert classify.kind("Grace joins the node", ("People", "Job openings", "Jobs")) is ItemKind.JOB
    assert classify.kind("Symposium in Turin", ("Jobs",)) is ItemKind.EVENT
    assert classify.kind("Grace joins", ("People",)) is ItemKind.NEWS


@pytest.mark.parametrize(
    "title", ["Press release: a new microscope", "Of course we went", "New training data for segmentation"]
)
def test_everyday_phrases_are_news(title: str) -> None:
    """Words in another meaning decide nothing: press release, of course, training data."""
    assert classify.kind(title, ()) is ItemKind.NEWS


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Research Software Engineer (f/m/d) for OMERO", ItemKind.JOB),
        ("Sommerschule Bilddatenmanagement in Düsseldorf", ItemKind.COURSE),
        ("Nominations open: Young Investigator Award", ItemKind.CALL),
        ("Fristverlängerung: Core-Facility-Preis", ItemKind.CALL),
        ("GerBI-Jahrestagung 2027 in Freiburg", ItemKind.EVENT),
        ("Tag der offenen Tür", ItemKind.EVENT),
        ("Bio-Formats 8.3.0", ItemKind.NEWS),
    ],
)
def test_kinds_of_the_field(title: str, kind: ItemKind) -> None:
    """Words that partners use in English and German decide the kind."""
    assert classify.kind(title, ()) is kind


WORDS = (
    "FAIR",
    "data",
    "a",
    "B",
    "ß",
    "İ",
    "K",
    "S",
    "c++",
    ".net",
    "x-",
    "STRASSE",
    "/ome.?zarr/",
    r"/(a)\1/",
)
PIECES = (*WORDS, " ", "-", ".", "fair", "DATA", "omezarr", "aa", "ſ", "s", "straße", "i")


@law
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
)
def test_a_topic_is_given_for_any_of_its_words(words: list[str], text: str) -> None:
    """A topic's words are searched together and found where one of them would be."""
    found = classify.topics([TopicRule(topic="t", words=tuple(words))], text)
    assert bool(found) == any(classify.pattern(word).search(text) for word in words)
