"""The personal part of an edition: its encoding, its links, its headers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import link_tokens
from aggregator.digests import body, mime, personal
from aggregator.model.config import DigestPlan
from aggregator.model.digests import Addressee, Delivery, Edition, EditionEntry, EntryReason
from tests.builders import NOW, site
from tests.digests.scenario import parsed

KEY, NONCE = b"k" * 32, b"n" * 16
PLAN = DigestPlan(
    id="weekly",
    title="Weekly “news”",
    channels=("all",),
    schedule="0 8 * * 1",
    language="en",
    timezone=site().timezone,
)


def delivery(title: str) -> Delivery:
    """Return a delivery of an edition with one entry."""
    entry = EditionEntry(
        story_id="s",
        item_id="i",
        reason=EntryReason.NEW,
        section="news",
        title=title,
        publisher="P",
        day=date(2026, 10, 5),
    )
    edition = Edition(
        id="weekly-2026-10-05",
        digest_id="weekly",
        title=PLAN.title,
        subject="Weekly",
        language="en",
        period=date(2026, 10, 5),
        composed=NOW,
        entries=(entry,),
    )
    return Delivery(
        id=1,
        edition_id=edition.id,
        digest_id="weekly",
        address="ada@a.example",
        message_id="<1@news.example>",
        composed=NOW,
        attempts=0,
        body=body.compose_body(edition, site()),
        subscriber=Addressee(id=1, language="en", nonce=NONCE),
    )


def parts(message: bytes) -> tuple[str, str]:
    """Return text and HTML as a mail program decodes them."""
    mail = parsed(message)
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text and html
    return str(text.get_content()).replace("\r\n", "\n"), str(html.get_content()).replace("\r\n", "\n")


def build(one: Delivery, url: str = "https://news.example/") -> bytes:
    """Build the message of a subscriber."""
    part = personal.personal_part(PLAN, site(), url, KEY, NONCE)
    return mime.build_message(one, "N <n@news.example>", PLAN.title, site(), part)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=300))
def test_a_template_decodes_to_the_whole_edition(title: str) -> None:
    """Text encoded beforehand and the personal part decode to one edition, in any alphabet (M4)."""
    one = delivery(f'{title} <p class="foot"> -- ')
    text, html = parts(build(one))
    before, mark, _ = one.body.text.rpartition("\n-- \n")
    assert text.startswith(before + mark) and text.count("/subscription/") == 1
    kept, opening, rest = one.body.html.rpartition('<p class="foot"')
    assert html.startswith(kept + opening) and html.endswith(rest[rest.index("</p>") :])
    assert build(one) == build(one)


@pytest.mark.parametrize("title", ["Plain", "Новости микроскопии " * 20, "顕微鏡" * 60])
def test_lines_stay_short_and_only_ascii(title: str) -> None:
    """A line has at most 998 octets, and List-Unsubscribe is not folded (PB16, SU5)."""
    raw = build(delivery(title))
    raw.decode("ascii")
    assert all(len(line) <= 998 and b"\n" not in line for line in raw.split(b"\r\n"))
    assert raw.count(b"\r\nList-Unsubscribe: <https://news.example/unsubscribe/") == 1


def test_tokens_differ_by_nonce_and_key() -> None:
    """A token is 128 bits in 22 characters; another nonce or key gives another one (SU2)."""
    token = link_tokens.link_token(KEY, NONCE)
    assert len(token) == 22
    assert len({token, link_tokens.link_token(KEY, b"m" * 16), link_tokens.link_token(b"l" * 32, NONCE)}) == 3
    assert link_tokens.token_hash(token) != token


@pytest.mark.parametrize(
    ("url", "one_click"),
    [
        ("https://news.example/", True),
        ("http://news.example/", False),
        ("http://127.0.0.1:8000/", True),
        ("http://localhost/", True),
        ("https://bücher.example/a b/", True),
    ],
)
def test_one_click_is_offered_where_it_may_be(url: str, one_click: bool) -> None:
    """List-Unsubscribe-Post is sent with a protected link only (RFC 8058)."""
    mail = parsed(build(delivery("News"), url))
    assert (mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") is one_click
    assert str(mail["List-Unsubscribe"]).isascii()


def test_a_long_address_leaves_out_the_mailto() -> None:
    """The header stays below a line's maximum; the link is more important than the address."""
    part = personal.personal_part(
        PLAN, replace(site(), contact="c" * 800 + "@news.example"), "https://n.example/", KEY, NONCE
    )
    assert "mailto" not in dict(part.headers)["List-Unsubscribe"]
