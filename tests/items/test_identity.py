"""What identifies an entry within its source (I1, I2, I4)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.items import identity
from aggregator.model.items import Alias, IdentityPolicy
from tests.builders import entry
from tests.strategies import law, texts

HOMES = ("https://node.example/feed/", "https://node.example/")
WELL = IdentityPolicy()


def kinds(*aliases: Alias) -> list[str]:
    """The kinds of aliases, in order."""
    return [alias.kind for alias in aliases]


def judged(*entries: object, before: IdentityPolicy = WELL) -> IdentityPolicy:
    """Return the identity policy after a document with these entries."""
    return identity.decide_policy(identity.distinct(entries), before, HOMES)  # type: ignore[arg-type]


# --- I1 ------------------------------------------------------------------------------------------------


def test_a_guid_shared_by_two_entries_identifies_none() -> None:
    """One repeated guid discredits the guids of the source, and only them (I1)."""
    identity_policy = judged(
        entry(0, guid="t", link="https://node.example/a", title="A"),
        entry(1, guid="t", link="https://node.example/b", title="B"),
        entry(2, guid="u", link="https://node.example/c", title="C"),
    )
    assert identity_policy == IdentityPolicy(guid=False, link=True)


def test_a_link_shared_by_two_entries_identifies_none() -> None:
    """Two spellings of one link are one link; fragments of one page are two (I1)."""
    one, other = (
        entry(0, guid="1", link="https://node.example/a/"),
        entry(1, guid="2", link="http://www.node.example/a"),
    )
    assert judged(one, other) == IdentityPolicy(guid=True, link=False)
    parts = [entry(n, guid=str(n), link=f"https://node.example/a#part{n}") for n in range(3)]
    assert judged(*parts) == WELL


def test_listing_links_are_no_evidence_against_links() -> None:
    """Newsletters that all link to the newsletter's page do not affect links of articles (I1)."""
    issues = [entry(n, title=f"Issue {n}", link="https://node.example/newsletter/") for n in range(3)]
    assert judged(*issues, entry(3, link="https://node.example/news/a")) == WELL


def test_a_repetition_is_no_second_entry() -> None:
    """A pinned entry that is also in the list is one entry, at its first position (I1)."""
    pinned = entry(0, guid="p", link="https://node.example/p", title="Pinned!", content="<p>x</p>")
    again = entry(4, guid="p", link="https://node.example/p", title="Pinned", content="<p>x</p>")
    assert identity.distinct([pinned, entry(1, guid="q"), again]) == [pinned, entry(1, guid="q")]
    assert judged(pinned, again) == WELL


def test_entries_that_differ_in_their_text_only_are_two() -> None:
    """Entries that share guid, link and title are two items if their texts differ (I1, I2)."""
    one = entry(
        0, guid="t", link="https://node.example/club", title="Journal club", content="Adaptive optics"
    )
    other = entry(
        1, guid="t", link="https://node.example/club", title="Journal club", content="Phase retrieval"
    )
    assert identity.distinct([one, other]) == [one, other]
    assert judged(one, other) == IdentityPolicy(guid=False, link=False)


def test_a_no_is_permanent() -> None:
    """The policy is permanent: a later document with unique values changes nothing (I1)."""
    fine = entry(0, guid="1", link="https://node.example/a")
    for before in (
        IdentityPolicy(guid=False),
        IdentityPolicy(link=False),
        IdentityPolicy(guid=False, link=False),
    ):
        assert judged(fine, before=before) == before


def test_an_empty_document_is_no_evidence() -> None:
    """Nothing can be held against a source that says nothing (I1)."""
    assert judged() == WELL


# --- I2 ------------------------------------------------------------------------------------------------


def test_aliases_come_strongest_first() -> None:
    """The order is guid, link, page and title, title and text (I2).

    The last one is used only where no link identifies.
    """
    full = entry(guid="g-1", link="https://node.example/a")
    assert kinds(*identity.aliases(full, "T", "x", WELL, HOMES)) == list(identity.STRENGTH)
    assert kinds(*identity.aliases(entry(), "T", "x", WELL, HOMES)) == ["text"]
    assert tuple(identity.STRENGTH) == ("guid", "link", "linktitle", "text")


def test_what_does_not_identify_is_no_alias() -> None:
    """Guids and links that identify nothing are no aliases; page and title may be (I1, I2)."""
    full = entry(guid="g-1", link="https://node.example/a")
    assert kinds(*identity.aliases(full, "T", "x", IdentityPolicy(guid=False), HOMES)) == [
        "link",
        "linktitle",
        "text",
    ]
    assert kinds(*identity.aliases(full, "T", "x", IdentityPolicy(link=False), HOMES))[:1] == ["guid"]
    neither = kinds(*identity.aliases(full, "T", "x", IdentityPolicy(guid=False, link=False), HOMES))
    assert neither and not {"guid", "link"} & set(neither)


@pytest.mark.parametrize(
    "link", ["https://node.example/", "https://www.node.example/news/", "https://node.example/feed"]
)
def test_home_and_listing_pages_are_no_alias(link: str) -> None:
    """A link or guid that is a home, listing or newsletter page identifies no entry (I1)."""
    assert kinds(*identity.aliases(entry(guid=link, link=link), "T", "x", WELL, HOMES)) == ["text"]


def test_a_page_that_may_be_a_listing_identifies_with_the_title_only() -> None:
    """Such links do not discredit others, and known entries stay known (I1, I2)."""
    page = "https://node.example/upcoming-events"
    one, other = (entry(n, title=f"Course {n}", link=page) for n in range(2))
    assert judged(one, other) == WELL
    assert kinds(*identity.aliases(one, "T", "x", WELL, HOMES)) == ["linktitle", "text"]
    permalink = identity.aliases(replace(one, guid=page), "T", "x", WELL, HOMES)
    assert kinds(*permalink) == ["guid", "linktitle", "text"]


def test_a_fragment_counts_unless_the_titles_agree() -> None:
    """Fragments of one page are different links, with a common alias under one title (I2)."""
    one = identity.aliases(entry(link="https://node.example/s#1"), "Title", "x", WELL, HOMES)
    other = identity.aliases(entry(link="https://node.example/s#2"), "title!", "y", WELL, HOMES)
    third = identity.aliases(entry(link="https://node.example/s#2"), "Other", "y", WELL, HOMES)
    assert {a.kind for a in set(one) & set(other)} == {"linktitle"}
    assert not set(one) & set(third)


def test_a_date_is_never_part_of_an_identity() -> None:
    """Neither published nor updated, nor digits in a text, change what an entry is (I2)."""
    for fields in ({"guid": "1"}, {"link": "https://node.example/a"}, {}):
        one = entry(published="2026-09-28", **fields)
        other = entry(published="2026-10-01", updated="2026-10-02", **fields)
        assert identity.aliases(one, "T", "seen 17 times", WELL, ()) == identity.aliases(
            other, "T", "seen 18 times", WELL, ()
        )


def test_a_title_is_no_identity_while_a_link_serves() -> None:
    """A corrected title keeps guid and link, so the strongest alias does not move (I2)."""
    full = entry(guid="g", link="https://node.example/a")
    before, after = (identity.aliases(full, title, "x", WELL, HOMES) for title in ("Tpyo", "Typo"))
    assert before[:2] == after[:2]


# --- keys and ids --------------------------------------------------------------------------------------


@given(texts)
@law
def test_a_title_key_has_neither_case_nor_punctuation(title: str) -> None:
    """Two publishers' spellings of one title have one key, and the key of a key is itself."""
    key = identity.title_key(title)
    assert identity.title_key(key) == key
    assert identity.title_key(f" “{title}” … ") == key
    assert key == key.strip()


@given(st.text(max_size=50), st.sampled_from(identity.STRENGTH), st.text(max_size=50))
@law
def test_an_id_is_80_bits_of_hash(url: str, kind: str, value: str) -> None:
    """An id has 16 characters of base32 and depends on source and alias alone (I4)."""
    made = identity.item_id(url, Alias(kind=kind, value=value))
    assert re.fullmatch(r"[a-z2-7]{16}", made)
    assert made == identity.item_id(url, Alias(kind=kind, value=value))


def test_ids_differ_by_source_kind_and_value() -> None:
    """The same guid at another source, or the same text as a link, is another id (I4)."""
    pairs = [
        (u, Alias(kind=k, value=v))
        for u in ("https://a/", "https://b/")
        for k in ("guid", "link")
        for v in "xy"
    ]
    assert len({identity.item_id(*pair) for pair in pairs}) == 8


def test_an_id_made_today_is_the_id_of_tomorrow() -> None:
    """A published id never changes, since readers would show every story again (I4)."""
    assert (
        identity.item_id("https://node.example/feed/", Alias(kind="guid", value="north-17"))
        == "ynerpqvf5q64hzt4"
    )


def test_one_entry_under_two_forms_of_its_address_is_no_shared_link() -> None:
    """An entry listed under two forms of its address does not end the identity by links (I1)."""
    words = {"title": "A new camera", "summary": "It sees in the dark."}
    one = entry(0, guid="1", link="https://node.example/a?share=x", **words)
    other = entry(1, guid="2", link="https://node.example/a", **words)
    assert judged(one, other).link
    assert not judged(one, replace(other, title="Another camera")).link
    assert not judged(one, replace(other, link=one.link)).link
