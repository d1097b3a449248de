"""The letter of an edition: what a reader finds in it, and how large it may be (PB16, P3, M4)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from lxml import html

from aggregator import text, urls
from aggregator.digests import body, mime
from aggregator.digests.edition import compose
from aggregator.model.config import DigestPlan
from aggregator.model.digests import Delivery, Edition, MessageBody, PendingStories, StoryUpdate, UpdateKind
from aggregator.model.documents import Kind
from aggregator.model.stories import Story, StoryItem
from tests.builders import BERLIN, NOW, item, publisher, site, story
from tests.hostile_strings import VECTORS, faults, shape


def told(*, by: dict[str, Any] | None = None, **fields: Any) -> StoryItem:
    """A sighting: fields of its item, and those of its teller in `by`."""
    return StoryItem(item=item(**fields), publisher=publisher(**by or {}))


def edition(
    *stories: Story, again: tuple[StoryUpdate, ...] = (), language: str = "en", **plan: Any
) -> Edition:
    """The edition of 5 October."""
    fields: dict[str, Any] = {"channels": ("all",), "schedule": "0 8 * * 1", "timezone": BERLIN}
    digest = DigestPlan(**{"id": "weekly", "title": "Weekly", "language": language} | fields | plan)
    return compose(
        digest, PendingStories(new=stories, retold=again), date(2026, 10, 5), NOW, ("data", "analysis")
    )


def composed(*stories: Story, **fields: Any) -> MessageBody:
    """The letter of an edition with these stories."""
    return body.compose(edition(*stories, **fields), site())


def retold(known: Story, turn: UpdateKind = UpdateKind.CORRECTED, before: str | None = None) -> StoryUpdate:
    """A story that was told before."""
    return StoryUpdate(story=known, turn=turn, at=NOW - timedelta(days=1), before=before)


def size(made: MessageBody) -> int:
    """The bytes of the whole message as it goes to the relay."""
    delivery = Delivery(
        id=1,
        edition_id="weekly-2026-10-05",
        digest_id="weekly",
        address="ada@example.org",
        message_id="<weekly-2026-10-05.0f3e@news.example>",
        composed=NOW,
        attempts=0,
        letter=made,
    )
    return len(mime.build_message(delivery, "News <news@news.example>", "Weekly", site()))


def read(made: MessageBody) -> str:
    """The text of the HTML part in one line."""
    return " ".join(html.document_fromstring(made.html).body.text_content().split())


ENGLISH = """\
Weekly, 5 October 2026
3 new stories from 3 partners, 3 corrected, 1 withdrawn

Read in the browser:
https://news.example/digests/weekly-2026-10-05.html


NEWS
====

* Light for all
  The node, 3 October 2026
  (also published by B & Co, The c)
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa

* No more than a title
  The node, 5 October 2026


EVENTS AND COURSES
==================

* Image analysis course
  B & Co, 5 October 2026
  Learn things.
  https://b.example/course


CORRECTED OR CANCELLED
======================

* Is right now
  The node, 5 October 2026
  Corrected on 4 October 2026. Told before as “Was wrong”
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa

* Light for all
  The node, 5 October 2026
  Corrected on 4 October 2026. The title is the same, the text was
  changed.
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa

* Summer school is cancelled
  The node, 5 October 2026
  Cancelled, as of 4 October 2026. Told before as “Summer school”
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa


WITHDRAWN
=========

* Was no news
  The node, 5 October 2026
  Withdrawn on 4 October 2026.

--\x20
You get this because your address is on the list of “Weekly”.
To leave the list, write to
editors@news.example
https://news.example/
"""

GERMAN = (
    ("Weekly, 5 October 2026", "Weekly, 5. Oktober 2026"),
    ("3 new stories from 3 partners", "3 neue Meldungen von 3 Partnern"),
    ("NEWS\n====", "NEUIGKEITEN\n==========="),
    ("The node, 3 October 2026", "The node, 3. Oktober 2026"),
    ("The node, 5 October 2026", "The node, 5. Oktober 2026"),
    ("B & Co, 5 October 2026", "B & Co, 5. Oktober 2026"),
    ("also published by", "auch veröffentlicht von"),
    ("EVENTS AND COURSES\n==================", "VERANSTALTUNGEN UND KURSE\n========================="),
    (
        "CORRECTED OR CANCELLED\n======================",
        "BERICHTIGT ODER ABGESAGT\n========================",
    ),
    ("WITHDRAWN\n=========", "ZURÜCKGEZOGEN\n============="),
    ("3 corrected, 1 withdrawn", "3 berichtigt, 1 zurückgezogen"),
    ("Read in the browser:", "Im Browser lesen:"),
    (
        "Corrected on 4 October 2026. Told before as “Was wrong”",
        "Berichtigt am 4. Oktober 2026. Bisher gemeldet als „Was wrong“",
    ),
    (
        "Corrected on 4 October 2026. The title is the same, the text was\n  changed.",
        "Berichtigt am 4. Oktober 2026. Der Titel ist derselbe, der Text wurde\n  geändert.",
    ),
    (
        "Cancelled, as of 4 October 2026. Told before as “Summer school”",
        "Abgesagt, Stand 4. Oktober 2026. Bisher gemeldet als „Summer school“",
    ),
    ("Withdrawn on 4 October 2026.", "Zurückgezogen am 4. Oktober 2026."),
    (
        "You get this because your address is on the list of “Weekly”.",
        "Sie erhalten diese Mail, weil Ihre Adresse auf der Liste von „Weekly“\nsteht.",
    ),
    ("To leave the list, write to", "Zum Abbestellen schreiben Sie an"),
)


def usual(language: str) -> MessageBody:
    """The letter of an ordinary week."""
    b = {"id_": "b", "name": "B & Co"}
    folded = story(
        "folded",
        told(title="Light for all"),
        told(id_="b" * 16, source_id="b", by=b),
        told(id_="c" * 16, source_id="c", by={"id_": "c"}),
        told(id_="d" * 16, source_id="b", by=b),
        told(id_="e" * 16),
        published=NOW - timedelta(days=2),
    )
    bare = story("bare", told(title="No more than a title", excerpt="No more than a title", link=None))
    course = story(
        "course",
        told(title="Image analysis course", excerpt="Learn things.", link="https://b.example/course", by=b),
        kind=Kind.COURSE,
    )
    again = (
        retold(story("again", told(title="Is right now")), before="Was wrong"),
        retold(story("text", told(title="Light for all")), before="Light for all"),
        retold(story("off", told(title="Summer school is cancelled")), UpdateKind.CANCELLED, "Summer school"),
        retold(story("gone", told(title="Was no good news")), UpdateKind.WITHDRAWN, "Was no news"),
    )
    return composed(folded, bare, course, again=again, language=language)


def test_the_text_of_an_ordinary_letter() -> None:
    """PB16: the text part is the whole letter, laid out for 72 columns; folded duplicates are credited once each."""
    made = usual("en")
    assert made.subject == "Weekly, 5 October 2026"
    assert made.text == ENGLISH


def test_the_text_of_an_ordinary_letter_in_german() -> None:
    """PB16: everything of ours is in the digest's language, everything of the partners in theirs."""
    wanted = ENGLISH
    for english, german in GERMAN:
        assert english in wanted
        wanted = wanted.replace(english, german)
    made = usual("de")
    assert made.subject == "Weekly, 5. Oktober 2026"
    assert made.text == wanted


@pytest.mark.parametrize("language", ["en", "de"])
def test_both_parts_tell_the_same(language: str) -> None:
    """PB16: titles, tellers, dates, excerpts, headings and links of the text part stand in the HTML part too."""
    made = usual(language)
    tree = html.document_fromstring(made.html)
    assert tree.get("lang") == language
    assert [e.text for e in tree.iter("title", "h1")] == [made.subject, made.subject]
    headings = re.findall(r"^(.+)\n=+$", made.text, re.MULTILINE)
    assert [h.text_content().upper() for h in tree.iter("h2")] == headings
    assert [h.text_content() for h in tree.iter("h3")] == [
        "Light for all",
        "No more than a title",
        "Image analysis course",
        "Is right now",
        "Light for all",
        "Summer school is cancelled",
        "Was no news",
    ]
    assert set(re.findall(r"https://\S+", made.text)) == {
        a for a in tree.xpath("//a/@href") if a.startswith("http")
    }
    plain = read(made)
    for line in made.text.split("\n")[:2] + made.text.strip().split("\n")[-4:]:
        assert line.strip("-* ") in plain
    assert "B & Co" in tree.xpath("//p[@class='meta']")[0].text_content()
    assert [p.text_content() for p in tree.xpath("//p[@class='text']")] == [
        "Some words.",
        "Learn things.",
        *["Some words."] * 3,
    ]


def test_an_unknown_language_falls_back_to_english() -> None:
    """PB16: a digest in a language we have no words for is in English, not broken."""
    made = composed(story(), language="fr")
    assert made.subject == "Weekly, 5 October 2026"
    assert "one new story" in made.text


def test_a_story_in_another_language_says_so() -> None:
    """PB16: screen readers are told where the language changes, and only there."""
    stories = (story("de", told(language="de")), story("en", told(language="en")), story("any", told()))
    tree = html.document_fromstring(composed(*stories).html)
    assert tree.xpath("//h3/@lang") == tree.xpath("//p[@class='text']/@lang") == ["de"]
    assert tree.xpath("//h3[@lang='de']/@dir") == ["auto"]


def test_every_kind_of_news_has_its_place() -> None:
    """M1: what goes on the ledger as told is in the letter, whatever its kind."""
    made = composed(*(story(kind.value, told(title=f"A {kind} here"), kind=kind) for kind in Kind))
    for kind in Kind:
        assert made.text.count(f"* A {kind} here") == 1
        assert read(made).count(f"A {kind} here") == 1


@pytest.mark.parametrize(
    ("count", "partners", "english", "german"),
    [
        (1, 1, "one new story", "eine neue Meldung"),
        (2, 2, "2 new stories from 2 partners", "2 neue Meldungen von 2 Partnern"),
        (2, 1, "2 new stories from 1 partner", "2 neue Meldungen von 1 Partner"),
    ],
)
def test_the_summary_counts(count: int, partners: int, english: str, german: str) -> None:
    """PB16: stories and partners are counted, in grammatical words."""
    stories = [story(f"s{n}", told(by={"id_": f"p{n % partners}"})) for n in range(count)]
    assert composed(*stories).text.split("\n")[1] == english
    assert composed(*stories, language="de").text.split("\n")[1] == german


# --- how large (PB16) ----------------------------------------------------------------------------------


def long_stories(count: int, word: str) -> list[Story]:
    """Stories as long as a partner may make them by ordinary means, with ordinary long links."""
    return [
        story(
            f"s{n:015}",
            told(
                id_=f"i{n:015}",
                title=f"{n}. " + (word * 150)[:145],
                excerpt=(word * 300)[:299] + "…",
                link=f"https://node.example/news/2026/10/{'a-rather-long-slug-' * 4}{n}",
            ),
            told(id_=f"j{n:015}", by={"id_": "b"}),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("word", ["word ", "Übergröße ", "слово ", "言葉"])
def test_a_letter_stays_below_100_kb(word: str) -> None:
    """PB16: with 300 long stories in any script the whole message is below 100 KB, where Gmail cuts letters off."""
    stories = long_stories(300, word)
    assert size(composed(*stories, again=tuple(retold(one) for one in stories[:50]))) < 100_000


def test_what_does_not_fit_is_counted() -> None:
    """PB16: a letter says how many more stories there are, and where; no story is half told."""
    stories = long_stories(300, "word ")
    made = composed(*stories, again=tuple(retold(one) for one in long_stories(40, "other ")))
    shown = made.text.count("\n* ")
    more = r"^… and (\d+) more in the whole edition:\nhttps://news\.example/digests/weekly-2026-10-05\.html$"
    (hidden,) = re.findall(more, made.text, re.MULTILINE)
    assert shown + int(hidden) == 340
    where = "https://news.example/digests/weekly-2026-10-05.html"
    assert f"… and {hidden} more in the whole edition: {where}" in read(made)
    assert len(html.document_fromstring(made.html).xpath("//h3")) == shown
    assert shown >= 20
    german = composed(*stories, language="de")
    assert re.search(r"^… und \d+ weitere in der ganzen Ausgabe:\nhttps://", german.text, re.MULTILINE)


def test_the_newest_stories_are_those_that_are_shown() -> None:
    """PB16: where not all fit, the first of the edition do; those behind them are only counted."""
    made = composed(*long_stories(300, "word "))
    numbers = [int(n) for n in re.findall(r"^\* (\d+)\. ", made.text, re.MULTILINE)]
    assert numbers == list(range(len(numbers)))


def test_a_letter_that_fits_counts_nothing() -> None:
    """PB16: no "and 0 more"."""
    assert "more in" not in composed(story()).text
    assert "more in" not in read(composed(story()))


# --- harmless (PB5, PB16, P3) --------------------------------------------------------------------------


def test_nothing_is_loaded_and_nobody_is_tracked() -> None:
    """PB16: no pictures, no remote style sheets, no scripts, no counting links: links are the partners' own."""
    picture = '<p>words <img src="https://evil.example/pixel.gif" width="9"></p>'
    made = composed(story("s", told(html=picture, by={"full_text": True})))
    tree = html.document_fromstring(made.html)
    assert tree.xpath("//img | //script | //link | //iframe | //*[@src] | //*[@background]") == []
    assert "url(" not in made.html and "@import" not in made.html and "evil.example" not in made.html
    assert tree.xpath("//h3/a/@href") == ["https://node.example/aaaaaaaaaaaaaaaa"]


def test_a_letter_has_no_full_text() -> None:
    """P3: mail included: title, excerpt and link, whatever a feed may carry."""
    made = composed(story("s", told(html="<p>all of it</p>", text="all of it", by={"full_text": True})))
    assert "all of it" not in made.text + made.html


def hostile_letter(line: str, link: str) -> MessageBody:
    """A letter with `line` in every text and `link` in every address a stranger can write."""
    story_items = (
        told(title=line, excerpt=f"{line} more", link=link, authors=(line,), by={"name": line}),
        told(id_="b" * 16, title=line, link=link, by={"id_": "b", "name": line}),
    )
    hostile = story("s" * 16, *story_items, topics=(line,))
    return composed(hostile, again=(retold(hostile, before=f"{line} before"),), title=line)


HARMLESS = shape(hostile_letter("harmless", "https://node.example/").html)


@pytest.mark.parametrize("vector", VECTORS)
def test_no_text_changes_the_letter(vector: str) -> None:
    """PB5: whatever a partner writes, the HTML part keeps its elements and attributes, and nothing in it can run."""
    line = text.line(vector, 500) or "-"
    for address in (vector, f"https://evil.example/{vector}"):
        made = hostile_letter(line, urls.join("https://node.example/", address) or "https://node.example/")
        assert faults(made.html) == []
        assert shape(made.html) == HARMLESS


@pytest.mark.parametrize("vector", VECTORS)
def test_no_text_forges_a_part_of_the_text(vector: str) -> None:
    """PB16: a title is one paragraph: it starts no section, no signature and no further story."""
    line = text.line(vector[:400] + " -- \n==== \n* forged", 500) or "-"
    lines = hostile_letter(line, "https://node.example/").text.split("\n")
    # The signature holds the title of the digest, which is the operator's own.
    # A first word too long for its line stands below its asterisk.
    assert sum(one.split(" ")[0] == "*" for one in lines[: lines.index("-- ")]) == 2
    assert sum(one == "-- " for one in lines) == 1
    assert sum(bool(one) and set(one) == {"="} for one in lines) == 2


def test_the_same_edition_is_the_same_letter() -> None:
    """M4: composed twice, a letter has the same bytes; nothing but the edition goes into it."""
    made = edition(*long_stories(5, "word "))
    assert body.compose(made, site()) == body.compose(made, site())
