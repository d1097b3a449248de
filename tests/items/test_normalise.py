"""Entries -> items: everything an entry says, in our own terms."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.items import normalise
from aggregator.items.diff import item_changes
from aggregator.model.config import Source, TopicRule
from aggregator.model.documents import Enclosure, ItemKind, ParsedDocument
from aggregator.model.items import ChangeKind, IdentityPolicy, Item, KnownItem
from tests.builders import NOW, entry, reading, source
from tests.strategies import law, markup, texts


def items(
    *entries: object, publisher: Source | None = None, rules: tuple[TopicRule, ...] = (), **document: object
) -> tuple[Item, ...]:
    """The items of a document of these entries, seen now for the first time."""
    return normalise.items_of(
        reading(*entries, **document), publisher or source(), IdentityPolicy(), rules, NOW
    )[0]  # type: ignore[arg-type]


def one(publisher: Source | None = None, **fields: object) -> Item:
    """The item of a document with one entry."""
    (item,) = items(entry(**fields), publisher=publisher)
    return item


# --- dates ---------------------------------------------------------------------------------------------

CROATIAN = (
    "Konferencija se održava 15. listopada 2026. u Zagrebu, a prijave su otvorene na stranici. Sudionici se mogu"
    " prijaviti do kraja rujna."
)


@pytest.mark.parametrize(
    ("languages", "month"),
    [
        ({"document": "hr"}, 10),
        ({"document": "hr-HR"}, 10),
        ({"entry": "hr", "document": "en"}, 10),
        ({"source": "hr", "document": "en"}, 10),
        ({"document": "pl"}, 11),
        ({"document": "cs-CZ"}, 11),
        ({"document": "en"}, 11),
        ({}, 11),
    ],
)
def test_months_are_read_in_the_stated_language(languages: dict[str, str], month: int) -> None:
    """Listopad is October in Croatian, November in Polish and Czech, in dates and in events."""
    publisher = source(language=languages.get("source"))
    written = entry(
        title="Konferencija",
        content=f"<p>{CROATIAN}</p>",
        published="5. listopada 2020.",
        updated="6 Lis 2020",
        language=languages.get("entry"),
    )
    (item,) = items(written, publisher=publisher, language=languages.get("document"))
    assert item.claimed and (item.claimed.month, item.claimed.day) == (month, 5)
    assert [event.start.month for event in item.events] == [month]


def test_the_date_of_a_document_is_read_in_its_language() -> None:
    """The date of a feed is read in the language of the feed."""
    (item,) = items(entry(title="T"), language="hr", updated="Mon, 12 Lis 2020 10:00:00 +0200")
    assert item.source_updated and item.source_updated.month == 10


# --- texts ---------------------------------------------------------------------------------------------


def test_content_goes_before_summary() -> None:
    """The content is the text; the summary is the excerpt where it is shorter."""
    item = one(title="T", summary="<p>Short.</p>", content="<p>Long <b>and</b> broad.</p>")
    assert (item.html, item.text, item.excerpt) == (
        "<p>Long <b>and</b> broad.</p>",
        "Long and broad.",
        "Short.",
    )


def test_a_summary_alone_is_text_and_excerpt() -> None:
    """Without content the summary is all there is."""
    item = one(summary="<p>Only this.</p>")
    assert (item.text, item.excerpt) == ("Only this.", "Only this.")


def test_an_empty_summary_is_no_excerpt() -> None:
    """A summary that is only a picture leaves the excerpt to the text."""
    assert (
        one(summary="<img src='/p.png'>", content="<p>Some long enough text.</p>").excerpt
        == "Some long enough text."
    )


def test_wordpress_boilerplate_is_no_excerpt() -> None:
    """Neither "The post … appeared first on …" nor "[…]" is part of an excerpt (P3)."""
    content = "<p>" + "A whole article about clearing. " * 20 + "</p>"
    tail = '<p>The post <a href="/x">Title</a> {} on <a href="/">Node</a>.</p>'
    for said in ("appeared first", "first appeared"):
        item = one(summary="<p>A whole article [&#8230;]</p>" + tail.format(said), content=content)
        assert item.excerpt == "A whole article…"
        assert "The post" not in item.text


def test_plain_text_becomes_paragraphs() -> None:
    """Text that is no HTML is escaped, not interpreted."""
    item = one(content="1 < 2 & <b>\n\nnext", text_is_html=False)
    assert item.html == "<p>1 &lt; 2 &amp; &lt;b&gt;</p><p>next</p>"
    assert item.text == "1 < 2 & <b>\n\nnext"


def test_links_are_resolved_against_the_entry() -> None:
    """A relative link in a text is relative to its entry's base, not to the feed (PB5)."""
    assert (
        'href="https://else.example/x"'
        in one(content="<a href='x'>x</a>", base="https://else.example/a").html
    )


@given(texts, markup, st.booleans())
@law
def test_every_item_keeps_the_promises_of_the_model(title: str, text: str, is_html: bool) -> None:
    """Any entry becomes an item with title, short excerpt, id and plausible time (P3, T1, I4)."""
    item = one(title=title, content=text, text_is_html=is_html)
    assert item.title
    assert len(item.excerpt) <= 300
    assert item.sort_time <= item.first_seen == NOW
    assert re.fullmatch(r"[a-z2-7]{16}", item.id)


# --- titles --------------------------------------------------------------------------------------------


def test_an_untitled_entry_is_called_by_its_text() -> None:
    """The title of an entry without one is the beginning of its text, or "(untitled)"."""
    assert one(content="<p>A short note.</p>").title == "A short note."
    assert len(one(content="<p>" + "word " * 100 + "</p>").title) <= 100
    assert one().title == "(untitled)"


# --- dates ---------------------------------------------------------------------------------------------


def test_what_the_source_wrote_is_kept() -> None:
    """An insane date is absent but kept raw for explain (T2)."""
    item = one(published="Fri, 01 Jan 2100 00:00:00 GMT")
    assert (item.claimed, item.claimed_raw) == (None, "Fri, 01 Jan 2100 00:00:00 GMT")


def test_what_is_stated_twice_is_once_in_an_item() -> None:
    """Authors, categories in any case, and enclosures with one address are listed once."""
    file, again = Enclosure(url="https://node.example/a", length=9), Enclosure(url="https://node.example/a")
    item = one(authors=("Ada", "Ada"), categories=("News", "news"), enclosures=(file, again))
    assert (item.authors, item.categories, item.enclosures) == (("Ada",), ("News",), (file,))


def test_updated_serves_where_published_is_missing() -> None:
    """The claimed time is published, else updated (T1)."""
    assert (
        one(published="2026-09-01T00:00:00Z", updated="2026-10-01T00:00:00Z").claimed_raw
        == "2026-09-01T00:00:00Z"
    )
    assert one(updated="2026-10-01T00:00:00Z").claimed_raw == "2026-10-01T00:00:00Z"


def test_a_little_in_the_future_is_now() -> None:
    """Up to 24 hours ahead is kept as claimed, but sorts as seen now (T1, T2)."""
    item = one(published=(NOW + timedelta(hours=23)).isoformat())
    assert item.claimed == NOW + timedelta(hours=23)
    assert item.sort_time == NOW


# --- topics, kinds, filters, language, rights ----------------------------------------------------------


def test_topics_are_the_sources_and_those_of_the_rules() -> None:
    """A source's own topics come first, then those whose words occur, each once."""
    rules = (TopicRule(topic="data", words=("FAIR",)), TopicRule(topic="training", words=("course",)))
    (item,) = items(
        entry(title="A course", categories=("FAIR",)),
        publisher=source(topics=("regional", "training")),
        rules=rules,
    )
    assert item.topics == ("regional", "training", "data")


def test_the_title_shows_the_kind() -> None:
    """An item is an event because its title says so."""
    assert one(title="Symposium in Turin").kind is ItemKind.EVENT


def test_a_filtered_item_is_kept_with_its_reason() -> None:
    """An item that filters drop is kept with the reason (G3).

    Title, categories and text are searched.
    """
    publisher = source(only=("imaging",), drop=("job",))
    assert one(publisher, title="Imaging news").dropped is None
    assert one(publisher, title="Canteen").dropped == "only: none of the words"
    assert one(publisher, title="x", categories=("Imaging",)).dropped is None
    assert one(publisher, title="x", content="<p>A <b>job</b> in imaging</p>").dropped == "drop: job"


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        (
            "sr",
            "Radionica će se održati u Beogradu i namenjena je svima koji rade sa slikama, a prijave su otvorene do"
            " petka. Svi radovi koji nisu na engleskom biće prevedeni.",
        ),
        (
            "nb-NO",
            "Kurset er åpent for alle som arbeider med bilder, og det er ikke nødvendig å ha erfaring. Vi tar opp"
            " deltakere etter søknad, og noen plasser blir holdt av til studenter som er på tur ut av landet.",
        ),
    ],
)
@pytest.mark.parametrize("by_operator", [False, True])
def test_a_stated_language_is_more_exact_than_a_similar_one(
    stated: str, text: str, by_operator: bool
) -> None:
    """Texts of a Serbian feed are Serbian, although their words are as in Croatian."""
    publisher = source(language=stated if by_operator else None)
    written = entry(title="T", content=text, language=None)
    (item,) = items(written, publisher=publisher, language=None if by_operator else stated)
    assert item.language == stated[:2]


@pytest.mark.parametrize(
    ("configured", "entrys", "documents", "language"),
    [
        (None, "de-AT", "en", "de"),
        (None, None, "en-GB", "en"),
        ("fr", "de", "en", "fr"),
        (None, None, None, None),
        (None, "EN_us", None, "en"),
        (None, None, "english", None),
        (None, "x", None, None),
        (None, "gsw-CH", None, "gsw"),
    ],
)
def test_a_language_is_a_primary_subtag(
    configured: str | None, entrys: str | None, documents: str | None, language: str | None
) -> None:
    """The language is that of source, entry or document, without region (RFC 5646)."""
    (item,) = items(entry(language=entrys), publisher=source(language=configured), language=documents)
    assert item.language == language


def test_rights_are_words_or_an_address() -> None:
    """Rights of an entry precede those of its document; a linked picture becomes its target."""
    badge = '<a href="https://licence.example/by/4.0/"><img src="x.png" alt="CC BY"></a>'
    assert items(entry(rights="CC0"), rights="CC BY")[0].rights == "CC0"
    assert items(entry(), rights="CC BY")[0].rights == "CC BY"
    assert normalise.rights("© 2026 <b>The Node</b>") == "© 2026 The Node"
    assert normalise.rights(badge) == "https://licence.example/by/4.0/"
    assert normalise.rights('<img src="x.png">') is None
    assert normalise.rights(None) is None


# --- identity ------------------------------------------------------------------------------------------

_guids = st.sampled_from([None, "1", "2", "https://node.example/"])
_links = st.sampled_from(
    [
        None,
        "https://node.example/a",
        "https://node.example/b",
        "https://node.example/b#x",
        "https://node.example/news/",
    ]
)
_numbered = st.lists(st.tuples(_guids, _links), max_size=8).map(
    lambda drawn: [
        entry(n, guid=guid, link=link, title=f"Title {'abcdefgh'[n]}", content=f"<p>Text {n}</p>")
        for n, (guid, link) in enumerate(drawn)
    ]
)


@given(_numbered)
@law
def test_entries_with_different_titles_are_different_items(entries: list[object]) -> None:
    """However guids and links repeat, no entry is lost and no two share an id (I1, I2)."""
    made = items(*entries)
    assert [item.title for item in made] == [item.title for item in entries]  # type: ignore[attr-defined]
    assert len({item.id for item in made}) == len(made)


@given(_numbered, st.randoms(use_true_random=False))
@law
def test_ids_depend_on_the_entries_alone(entries: list[object], random: object) -> None:
    """The same document in another order, or read later, gives the same ids (I4)."""
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    later = normalise.items_of(reading(*shuffled), source(), IdentityPolicy(), (), NOW + timedelta(days=400))[
        0
    ]  # type: ignore[arg-type]
    assert {item.title: item.id for item in items(*entries)} == {item.title: item.id for item in later}


def test_entries_that_differ_in_their_text_only_are_two_items() -> None:
    """Where guid, link and title repeat, title and text distinguish the entries (I1, I2)."""
    club = {"guid": "t", "link": "https://node.example/club", "title": "Journal club"}
    made = items(entry(0, content="Adaptive optics", **club), entry(1, content="Phase retrieval", **club))
    assert [item.text for item in made] == ["Adaptive optics", "Phase retrieval"]


def test_a_changed_identity_policy_publishes_nothing_twice() -> None:
    """A known entry stays known when another one repeats its guid, link and title (I1, I4)."""
    club = {"guid": "t", "link": "https://node.example/club", "title": "Journal club"}
    (optics,) = items(entry(0, content="Adaptive optics", **club))
    known = KnownItem(
        **{
            f: getattr(optics, f)
            for f in ("id", "title", "text", "content_hash", "first_seen", "claimed", "dropped")
        },
        edits=0,
        story_id="s",
    )
    both = items(entry(0, content="Phase retrieval", **club), entry(1, content="Adaptive optics", **club))
    made = {a.item.text: a for a in item_changes(both, dict.fromkeys(optics.aliases, known).get)}
    assert made["Adaptive optics"].item.id == optics.id
    assert made["Phase retrieval"].change is ChangeKind.NEW
    assert made["Phase retrieval"].item.id != optics.id


def test_an_identity_policy_is_kept() -> None:
    """The stored identity policy is applied and returned, without any new cause (I1)."""
    document = reading(entry(guid="1", link="https://node.example/a", title="T"))
    made, identity_policy = normalise.items_of(document, source(), IdentityPolicy(guid=False), (), NOW)
    assert identity_policy == IdentityPolicy(guid=False, link=True)
    assert made[0].aliases[0].kind == "link"


def test_ids_belong_to_their_source() -> None:
    """Two sources with the same guid have two items (I4)."""
    assert one(guid="1").id != one(source(url="https://else.example/feed/"), guid="1").id


# --- content hash --------------------------------------------------------------------------------------


def test_a_date_is_no_content() -> None:
    """An entry that is only dated anew has not changed, wherever it moved in the document (E1)."""
    before, after = (
        one(guid="1", published="2026-09-01"),
        one(position=7, guid="1", published="2026-10-01", updated="x"),
    )
    assert before.content_hash == after.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Other"},
        {"content": "<p>Other</p>"},
        {"summary": "S"},
        {"link": "https://node.example/other"},
        {"authors": ("A",)},
        {"categories": ("C",)},
        {"enclosures": (Enclosure(url="https://node.example/a.pdf"),)},
        {"language": "de"},
        {"rights": "CC0"},
    ],
)
def test_whatever_is_shown_is_content(change: dict[str, object]) -> None:
    """A change of anything that is shown or selected by changes the content hash (E1)."""
    usual: dict[str, object] = {"guid": "1", "title": "T", "content": "<p>A text of some length</p>"}
    assert one(**usual).content_hash != one(**usual | change).content_hash


def test_an_empty_document_has_no_items() -> None:
    """A document without entries is no failure."""
    assert normalise.items_of(ParsedDocument(entries=()), source(), IdentityPolicy(), (), NOW) == (
        (),
        IdentityPolicy(),
    )


def test_limits_that_shorten_a_text_are_reported() -> None:
    """A notice reports a text that is cut or kept as words only; others stay as they are."""
    deep, long = "<div>" * 200 + "x", "y" * 600_000
    notes = normalise.limit_notes(
        reading(entry(0, content=deep), entry(1, content=long), entry(2, content="z"))
    )
    assert notes == (
        "1 text was cut at 512000 characters",
        "1 text is nested too deeply; only their words were kept",
    )


@pytest.mark.parametrize("field", ["title", "content"])
def test_a_title_hides_nothing(field: str) -> None:
    """Zero-width and tag characters are removed from titles."""
    item = one(**{field: "Mi\u200bcro\u2060scope\U000e0068\U000e0069"})
    assert item.title == "Microscope"
