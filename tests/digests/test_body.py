"""The message body of an edition: content, size and safety (PB16, P3, M4)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from lxml import html

from aggregator import text, urls
from aggregator.digests import body, mime
from aggregator.digests.edition import compose_edition
from aggregator.model.config import DigestPlan
from aggregator.model.digests import Delivery, Edition, MessageBody, PendingStories, StoryUpdate, UpdateKind
from aggregator.model.documents import ItemKind
from aggregator.model.stories import Story
from tests.builders import BERLIN, NOW, site, story, story_item
from tests.hostile_strings import VECTORS, Shape, faults, shape


def edition(
    *stories: Story, updates: tuple[StoryUpdate, ...] = (), language: str = "en", **plan: Any
) -> Edition:
    """Compose the edition of 5 October."""
    fields: dict[str, Any] = {"channels": ("all",), "schedule": "0 8 * * 1", "timezone": BERLIN}
    digest = DigestPlan(**{"id": "weekly", "title": "Weekly", "language": language} | fields | plan)
    return compose_edition(
        digest, PendingStories(new=stories, updates=updates), date(2026, 10, 5), NOW, ("data", "analysis")
    )


def body_of(*stories: Story, **fields: Any) -> MessageBody:
    """Compose the body of an edition with stories."""
    return body.compose_body(edition(*stories, **fields), site())


def update(
    published: Story, update_kind: UpdateKind = UpdateKind.CORRECTED, former_title: str | None = None
) -> StoryUpdate:
    """Return the update of a published story."""
    return StoryUpdate(
        story=published, update_kind=update_kind, at=NOW - timedelta(days=1), former_title=former_title
    )


def message_size(made: MessageBody) -> int:
    """Return the size of the whole message in bytes."""
    delivery = Delivery(
        id=1,
        edition_id="weekly-2026-10-05",
        digest_id="weekly",
        address="ada@example.org",
        message_id="<weekly-2026-10-05.0f3e@news.example>",
        composed=NOW,
        attempts=0,
        body=made,
    )
    return len(mime.build_message(delivery, "News <news@news.example>", "Weekly", site()))


def html_text(made: MessageBody) -> str:
    """Return the text of the HTML part on one line."""
    return " ".join(html.document_fromstring(made.html).body.text_content().split())


ENGLISH = """\
Weekly, 5 October 2026
3 new stories from 3 partners, 3 corrected or cancelled, 1 withdrawn

Read in your browser:
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
  Corrected on 4 October 2026. Previous title: “Was wrong”
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa

* Light for all
  The node, 5 October 2026
  Corrected on 4 October 2026. The title is unchanged; the text was
  revised.
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa

* Summer school is cancelled
  The node, 5 October 2026
  Cancelled (as of 4 October 2026). Previous title: “Summer school”
  Some words.
  https://node.example/aaaaaaaaaaaaaaaa


WITHDRAWN
=========

* Was no news
  The node, 5 October 2026
  Withdrawn on 4 October 2026.

--\x20
You are receiving this message because your address is on the mailing
list “Weekly”.
To unsubscribe, write to
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
    ("3 corrected or cancelled, 1 withdrawn", "3 berichtigt oder abgesagt, 1\nzurückgezogen"),
    ("Read in your browser:", "Im Browser lesen:"),
    (
        "Corrected on 4 October 2026. Previous title: “Was wrong”",
        "Berichtigt am 4. Oktober 2026. Bisheriger Titel: „Was wrong“",
    ),
    (
        "Corrected on 4 October 2026. The title is unchanged; the text was\n  revised.",
        "Berichtigt am 4. Oktober 2026. Der Titel ist unverändert, der Text\n  wurde überarbeitet.",
    ),
    (
        "Cancelled (as of 4 October 2026). Previous title: “Summer school”",
        "Abgesagt (Stand: 4. Oktober 2026). Bisheriger Titel: „Summer school“",
    ),
    ("Withdrawn on 4 October 2026.", "Zurückgezogen am 4. Oktober 2026."),
    (
        "You are receiving this message because your address is on the mailing\nlist “Weekly”.",
        "Sie erhalten diese E-Mail, weil Ihre Adresse im Verteiler „Weekly“\nsteht.",
    ),
    ("To unsubscribe, write to", "Zum Abbestellen schreiben Sie an"),
)


def usual_body(language: str) -> MessageBody:
    """Compose the body of an ordinary week."""
    b = {"id_": "b", "name": "B & Co"}
    folded = story(
        "folded",
        story_item(title="Light for all"),
        story_item(id_="b" * 16, source_id="b", by=b),
        story_item(id_="c" * 16, source_id="c", by={"id_": "c"}),
        story_item(id_="d" * 16, source_id="b", by=b),
        story_item(id_="e" * 16),
        published=NOW - timedelta(days=2),
    )
    bare = story("bare", story_item(title="No more than a title", excerpt="No more than a title", link=None))
    course = story(
        "course",
        story_item(
            title="Image analysis course", excerpt="Learn things.", link="https://b.example/course", by=b
        ),
        kind=ItemKind.COURSE,
    )
    updates = (
        update(story("again", story_item(title="Is right now")), former_title="Was wrong"),
        update(story("text", story_item(title="Light for all")), former_title="Light for all"),
        update(
            story("off", story_item(title="Summer school is cancelled")),
            UpdateKind.CANCELLED,
            "Summer school",
        ),
        update(story("gone", story_item(title="Was no good news")), UpdateKind.WITHDRAWN, "Was no news"),
    )
    return body_of(folded, bare, course, updates=updates, language=language)


def test_the_text_of_an_ordinary_message() -> None:
    """The text part has the whole edition in 72 columns, and names each publisher once (PB16)."""
    made = usual_body("en")
    assert made.subject == "Weekly, 5 October 2026"
    assert made.text == ENGLISH


def test_the_text_of_an_ordinary_message_in_german() -> None:
    """Phrases are in the language of the digest, foreign text in its own (PB16)."""
    expected = ENGLISH
    for english, german in GERMAN:
        assert english in expected
        expected = expected.replace(english, german)
    made = usual_body("de")
    assert made.subject == "Weekly, 5. Oktober 2026"
    assert made.text == expected


@pytest.mark.parametrize("language", ["en", "de"])
def test_both_parts_have_the_same_content(language: str) -> None:
    """Titles, publishers, dates, excerpts and links are the same in both parts (PB16)."""
    made = usual_body(language)
    tree = html.document_fromstring(made.html)
    assert tree.get("lang") == language
    assert [element.text for element in tree.iter("title", "h1")] == [made.subject, made.subject]
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
    plain = html_text(made)
    for line in made.text.split("\n")[:2] + made.text.strip().split("\n")[-4:]:
        assert line.strip("-* ") in plain
    assert "B & Co" in tree.xpath("//p[@class='meta']")[0].text_content()
    assert [p.text_content() for p in tree.xpath("//p[@class='text']")] == [
        "Some words.",
        "Learn things.",
        *["Some words."] * 3,
    ]


def test_an_unknown_language_falls_back_to_english() -> None:
    """A digest in a language without phrases is in English (PB16)."""
    made = body_of(story(), language="fr")
    assert made.subject == "Weekly, 5 October 2026"
    assert "one new story" in made.text


def test_a_story_in_another_language_is_marked() -> None:
    """Only a story in another language than its edition has `lang`, for screen readers (PB16)."""
    stories = (
        story("de", story_item(language="de")),
        story("en", story_item(language="en")),
        story("any", story_item()),
    )
    tree = html.document_fromstring(body_of(*stories).html)
    assert tree.xpath("//h3/@lang") == tree.xpath("//p[@class='text']/@lang") == ["de"]
    assert tree.xpath("//h3[@lang='de']/@dir") == ["auto"]


def test_texts_have_the_direction_of_their_script() -> None:
    """Hebrew or Arabic reads from the right, also if the language is not known."""
    title = "כנס הדמיה 2026 – (Berlin)"
    made = body_of(story("s", story_item(title=title, excerpt=f"{title}.", language=None)))
    tree = html.document_fromstring(made.html)
    (publisher,) = tree.xpath("//p[contains(@class, 'meta')]/span[not(@class)]")
    texts = [tree.xpath("//h3")[0], tree.xpath("//p[contains(@class, 'text')]")[0], publisher]
    assert [each.get("dir") for each in texts] == ["auto"] * 3


def test_every_kind_of_story_is_in_the_message() -> None:
    """A story in the ledger is in the message, whatever its kind (M1)."""
    made = body_of(*(story(kind.value, story_item(title=f"A {kind} here"), kind=kind) for kind in ItemKind))
    for kind in ItemKind:
        assert made.text.count(f"* A {kind} here") == 1
        assert html_text(made).count(f"A {kind} here") == 1


@pytest.mark.parametrize(
    ("count", "partners", "english", "german"),
    [
        (1, 1, "one new story", "eine neue Meldung"),
        (2, 2, "2 new stories from 2 partners", "2 neue Meldungen von 2 Partnern"),
        (2, 1, "2 new stories from 1 partner", "2 neue Meldungen von 1 Partner"),
    ],
)
def test_the_summary_counts(count: int, partners: int, english: str, german: str) -> None:
    """Stories and partners are counted in correct grammar (PB16)."""
    stories = [story(f"s{n}", story_item(by={"id_": f"p{n % partners}"})) for n in range(count)]
    assert body_of(*stories).text.split("\n")[1] == english
    assert body_of(*stories, language="de").text.split("\n")[1] == german


# --- how large (PB16) ----------------------------------------------------------------------------------


def long_stories(count: int, word: str) -> list[Story]:
    """Return stories with the longest titles, excerpts and ordinary links."""
    return [
        story(
            f"s{n:015}",
            story_item(
                id_=f"i{n:015}",
                title=f"{n}. " + (word * 150)[:145],
                excerpt=(word * 300)[:299] + "…",
                link=f"https://node.example/news/2026/10/{'a-rather-long-slug-' * 4}{n}",
            ),
            story_item(id_=f"j{n:015}", by={"id_": "b"}),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("word", ["word ", "Übergröße ", "слово ", "言葉"])
def test_a_message_stays_below_100_kb(word: str) -> None:
    """With 300 long stories in any script the message is below 100 KB, where Gmail cuts (PB16)."""
    stories = long_stories(300, word)
    assert message_size(body_of(*stories, updates=tuple(update(each) for each in stories[:50]))) < 100_000


def test_what_does_not_fit_is_counted() -> None:
    """A message gives the number of other stories and the page that has them (PB16)."""
    stories = long_stories(300, "word ")
    made = body_of(*stories, updates=tuple(update(each) for each in long_stories(40, "other ")))
    shown = made.text.count("\n* ")
    more = r"^… and (\d+) more in the full edition:\nhttps://news\.example/digests/weekly-2026-10-05\.html$"
    (hidden,) = re.findall(more, made.text, re.MULTILINE)
    assert shown + int(hidden) == 340
    where = "https://news.example/digests/weekly-2026-10-05.html"
    assert f"… and {hidden} more in the full edition: {where}" in html_text(made)
    assert len(html.document_fromstring(made.html).xpath("//h3")) == shown
    assert shown >= 20
    german = body_of(*stories, language="de")
    assert re.search(r"^… und \d+ weitere in der vollständigen Ausgabe:\nhttps://", german.text, re.MULTILINE)


def test_the_newest_stories_are_shown() -> None:
    """Where not all fit, the first stories of the edition are shown (PB16)."""
    made = body_of(*long_stories(300, "word "))
    numbers = [int(n) for n in re.findall(r"^\* (\d+)\. ", made.text, re.MULTILINE)]
    assert numbers == list(range(len(numbers)))


def test_a_message_with_all_stories_counts_none() -> None:
    """There is no "and 0 more" (PB16)."""
    assert "more in" not in body_of(story()).text
    assert "more in" not in html_text(body_of(story()))


# --- harmless (PB5, PB16, P3) --------------------------------------------------------------------------


def test_nothing_is_loaded_and_no_reader_is_tracked() -> None:
    """There are no images, remote styles, scripts or counting links (PB16)."""
    picture = '<p>words <img src="https://evil.example/pixel.gif" width="9"></p>'
    made = body_of(story("s", story_item(html=picture, by={"full_text": True})))
    tree = html.document_fromstring(made.html)
    assert tree.xpath("//img | //script | //link | //iframe | //*[@src] | //*[@background]") == []
    assert "url(" not in made.html and "@import" not in made.html and "evil.example" not in made.html
    assert tree.xpath("//h3/a/@href") == ["https://node.example/aaaaaaaaaaaaaaaa"]


def test_a_message_has_no_full_text() -> None:
    """A message has title, excerpt and link, whatever a feed may carry (P3)."""
    made = body_of(story("s", story_item(html="<p>all of it</p>", text="all of it", by={"full_text": True})))
    assert "all of it" not in made.text + made.html


def hostile_body(line: str, link: str) -> MessageBody:
    """Compose a body with `line` in all foreign text and `link` in all foreign addresses."""
    story_items = (
        story_item(title=line, excerpt=f"{line} more", link=link, authors=(line,), by={"name": line}),
        story_item(id_="b" * 16, title=line, link=link, by={"id_": "b", "name": line}),
    )
    hostile = story("s" * 16, *story_items, topics=(line,))
    return body_of(hostile, updates=(update(hostile, former_title=f"{line} before"),), title=line)


@pytest.fixture(scope="module")
def harmless() -> Shape:
    """Return the structure of a message with harmless texts."""
    return shape(hostile_body("harmless", "https://node.example/").html)


@pytest.mark.parametrize("vector", VECTORS)
def test_no_foreign_text_changes_the_html(vector: str, harmless: Shape) -> None:
    """The HTML part keeps its elements and attributes and contains no script (PB5)."""
    line = text.line(vector, 500) or "-"
    for address in (vector, f"https://evil.example/{vector}"):
        made = hostile_body(line, urls.join("https://node.example/", address) or "https://node.example/")
        assert faults(made.html) == []
        assert shape(made.html) == harmless


@pytest.mark.parametrize("vector", VECTORS)
def test_no_foreign_text_forges_a_part_of_the_text(vector: str) -> None:
    """A title is one paragraph: it begins no section, signature or story (PB16)."""
    line = text.line(vector[:400] + " -- \n==== \n* forged", 500) or "-"
    lines = hostile_body(line, "https://node.example/").text.split("\n")
    # The signature has the title of the digest, which is not foreign.
    # A first word too long for its line is below its asterisk.
    assert sum(each.split(" ")[0] == "*" for each in lines[: lines.index("-- ")]) == 2
    assert sum(each == "-- " for each in lines) == 1
    assert sum(bool(each) and set(each) == {"="} for each in lines) == 2


def test_the_same_edition_gives_the_same_body() -> None:
    """A body depends on the edition alone, so that it can be composed again (M4)."""
    made = edition(*long_stories(5, "word "))
    assert body.compose_body(made, site()) == body.compose_body(made, site())
