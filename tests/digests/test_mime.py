"""The message of one recipient: headers of a mailing list, constant bytes (PB16, M4)."""

from __future__ import annotations

import email
import email.policy
import subprocess
import sys
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.digests import mime
from aggregator.model.config import Site
from aggregator.model.digests import Delivery, MessageBody
from tests.builders import NOW, site
from tests.hostile_strings import VECTORS

SENDER = "Imaging news <editors@news.example>"


def delivery(**fields: Any) -> Delivery:
    """Return a delivery due to Ada."""
    defaults: dict[str, Any] = {
        "id": 1,
        "edition_id": "weekly-2026-10-05",
        "digest_id": "weekly",
        "address": "ada@example.org",
        "message_id": mime.message_id("weekly-2026-10-05", "ada@example.org", site()),
        "composed": NOW,
        "attempts": 0,
        "body": MessageBody(subject="Weekly, 5 October 2026", text="wörds\n", html="<p>wörds</p>"),
    }
    return Delivery(**defaults | fields)


def raw(due: Delivery | None = None, sender: str = SENDER, title: str = "Weekly", **fields: Any) -> bytes:
    """Return the message as bytes."""
    return mime.build_message(due or delivery(), sender, title, site(**fields))


def parsed(*args: Any, **fields: Any) -> EmailMessage:
    """Return the message as a mail program parses it."""
    return email.message_from_bytes(raw(*args, **fields), policy=email.policy.default)  # type: ignore[return-value]


def header_lines(body: bytes) -> list[bytes]:
    """Return the lines of the header, unfolded."""
    head = body.partition(b"\r\n\r\n")[0]
    return head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").split(b"\r\n")


def names(body: bytes) -> list[bytes]:
    """Return the names of the headers, in order."""
    return [line.partition(b":")[0] for line in header_lines(body)]


USUAL = [
    b"To",
    b"Message-ID",
    b"From",
    b"Subject",
    b"Date",
    b"List-Id",
    b"List-Unsubscribe",
    b"List-Archive",
    b"Auto-Submitted",
    b"Precedence",
    b"MIME-Version",
    b"Content-Type",
]


_PART = st.text("abcXYZ019_+-.", min_size=1, max_size=45)


@given(local=_PART, domain=_PART, id_=_PART)
def test_plain_addresses_give_the_bytes_of_the_standard_library(local: str, domain: str, id_: str) -> None:
    """To and Message-ID are written as by the standard library: a retry has the same bytes (M4)."""
    address, message_id = f"{local}@{domain}", f"<{id_}@{domain}>"
    own = EmailMessage(policy=mime.POLICY)
    own["To"], own["Message-ID"] = address, message_id
    written = raw(delivery(address=address, message_id=message_id))
    assert written.startswith(own.as_bytes().removesuffix(b"\r\n") + b"From: ")


def test_the_headers_of_a_mailing_list() -> None:
    """Each header of a mailing list is there once, and none promises what does not work (PB16)."""
    mail = parsed()
    assert names(raw()) == USUAL
    assert mail["From"] == SENDER
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == "Weekly, 5 October 2026"
    assert mail["List-Id"] == '"Weekly" <weekly.news.example>'
    assert mail["List-Unsubscribe"] == "<mailto:editors@news.example?subject=unsubscribe%20weekly>"
    assert mail["List-Unsubscribe-Post"] is None  # it needs a URL that unsubscribes
    assert mail["List-Archive"] == "<https://news.example/digests/>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] == "list"


def test_the_date_is_that_of_the_edition() -> None:
    """Date is the time of composition, however late the message is sent (M4)."""
    assert parsedate_to_datetime(parsed()["Date"]) == NOW


def test_text_and_html_are_alternatives() -> None:
    """A message is multipart/alternative, text first, both in UTF-8 (PB16)."""
    mail = parsed()
    assert mail.get_content_type() == "multipart/alternative"
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]
    assert parts[0].get_content().replace("\r\n", "\n") == "wörds\n"
    assert parts[1].get_content().strip() == "<p>wörds</p>"


def test_a_list_unsubscribe_stays_in_one_line_however_long() -> None:
    """The standard library would fold it into =?utf-8?…, which no mail program follows (PB16)."""
    contact = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
    body = raw(delivery(digest_id="w" * 64), contact=contact)
    line = f"\r\nList-Unsubscribe: <mailto:{contact}?subject=unsubscribe%20{'w' * 64}>\r\n"
    assert line.encode() in body


def test_message_id_and_list_id_stay_in_one_line_however_long() -> None:
    """Ids are compared byte by byte, so they are never folded or encoded (PB16)."""
    long = {"url": f"https://{'a' * 60}.{'b' * 60}.example/"}
    due = delivery(message_id=mime.message_id("w" * 64, "ada@example.org", site(**long)), digest_id="w" * 64)
    body = raw(due, title="A title of many words " * 8, **long)
    assert f"\r\nMessage-ID: {due.message_id}\r\n".encode() in body
    assert f" <{'w' * 64}.{'a' * 60}.{'b' * 60}.example>\r\n".encode() in body
    assert names(body) == USUAL


def test_a_message_id_is_one_per_edition_and_address() -> None:
    """One edition and address always give the same Message-ID, others another one (M4)."""
    ids = {
        mime.message_id(edition, address, site())
        for edition in ("weekly-2026-10-05", "weekly-2026-10-12")
        for address in ("ada@example.org", "grace@example.org")
    }
    assert len(ids) == 4
    for id_ in ids:
        assert id_.startswith("<weekly-2026-10-") and id_.endswith("@news.example>")
    again = mime.message_id("weekly-2026-10-05", "ada@example.org", site())
    assert again in ids
    assert "ada" not in again


def test_a_delivery_gives_the_same_bytes_in_every_process() -> None:
    """A message has no random boundary, present date or hash seed, so a retry repeats it (M4)."""
    again = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from tests.digests.test_mime import raw; sys.stdout.buffer.write(raw())",
        ],
        capture_output=True,
        check=True,
    ).stdout
    assert again == raw() == raw(delivery(attempts=3, id=9))


def test_recipients_get_messages_of_their_own() -> None:
    """To names one recipient only (M3)."""
    other = parsed(delivery(address="grace@example.org"))
    assert other["To"] == "grace@example.org"
    assert other["Cc"] is other["Bcc"] is None


@pytest.mark.parametrize(
    "sender",
    [
        "Büro für Bildgebung <buero@news.example>",
        '"Imaging, news & more" <editors@news.example>',
        "イメージング・ニュース <editors@news.example>",
        "editors@news.example",
        "Ein sehr langer Name " * 6 + "äöü <editors@news.example>",
    ],
)
def test_the_name_of_a_sender_is_parsed_as_written(sender: str) -> None:
    """Names beyond ASCII, long or with commas are encoded without loss (PB16, RFC 2047)."""
    body = raw(sender=sender)
    assert body.partition(b"\r\n\r\n")[0].isascii()
    mailbox = email.message_from_bytes(body, policy=email.policy.default)["From"].addresses[0]
    written = EmailMessage()
    written["From"] = sender
    expected = written["From"].addresses[0]
    assert (" ".join(mailbox.display_name.split()), mailbox.addr_spec) == (
        " ".join(expected.display_name.split()),
        expected.addr_spec,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://bücher.example/"},
        {"contact": "news@bücher.example"},
        {"contact": "büro@news.example"},
    ],
)
def test_a_site_beyond_ascii_has_ascii_ids(fields: dict[str, str]) -> None:
    """Each host that feeds.yaml accepts gives valid headers (PB16, RFC 5891, RFC 6068)."""
    due = delivery(message_id=mime.message_id("weekly-2026-10-05", "ada@example.org", site(**fields)))
    body = raw(due, **fields)
    assert body.partition(b"\r\n\r\n")[0].isascii()
    assert names(body) == USUAL


@pytest.mark.parametrize("vector", VECTORS)
def test_no_title_or_subject_forges_a_header(vector: str) -> None:
    """A line break in a subject or title ends no header (PB16)."""
    for hostile in (vector, f"Weekly\r\nBcc: victim@example.org\r\n\r\n{vector}"):
        due = delivery(body=MessageBody(subject=hostile, text="t\n", html="<p>t</p>"))
        body = raw(due, title=hostile)
        assert names(body) == USUAL
        mail = email.message_from_bytes(body, policy=email.policy.default)
        assert mail["Bcc"] is None
        assert len(str(mail["Subject"]).splitlines()) == 1
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@settings(max_examples=60)
@given(subject=st.text(max_size=120), title=st.text(max_size=120), words=st.text(max_size=200))
def test_any_text_gives_a_valid_message(subject: str, title: str, words: str) -> None:
    """Any Unicode gives the usual headers, ASCII bytes and lines below 998 octets (PB16)."""
    due = delivery(body=MessageBody(subject=subject, text=words + "\n", html=f"<p>{words}</p>"))
    body = raw(due, title=title)
    assert names(body) == USUAL
    assert body.isascii()
    assert all(len(line) < 998 for line in body.split(b"\r\n"))
    assert body.count(b"\n") == body.count(b"\r\n")


@pytest.mark.parametrize(
    "subject",
    [
        "Weekly, 5 October 2026",
        "Übersicht der Woche für Grünkohl & Co., 5. Oktober 2026",
        "Nachrichten " * 20 + "aus München",
        "画像ニュース 2026年10月5日 " * 8,
        'quotes "inside" and <angles>',
    ],
)
def test_a_subject_is_parsed_as_written(subject: str) -> None:
    """The words of a subject in any language arrive in order (PB16)."""
    due = delivery(body=MessageBody(subject=subject, text="t\n", html="<p>t</p>"))
    # without spaces: CPython loses one between two encoded words (gh-92081)
    assert "".join(str(parsed(due)["Subject"]).split()) == "".join(subject.split())


def test_lines_are_short_whatever_the_content() -> None:
    """A link of 4,000 characters and HTML on one line stay below 998 octets (PB16, RFC 5322)."""
    link = "https://node.example/" + "x" * 4000
    long = MessageBody(subject="word" * 300, text=f"{link}\n", html=f"<p><a href='{link}'>{link * 5}</a></p>")
    body = raw(delivery(body=long), title="title " * 50, contact=f"{'a' * 64}@{'b' * 60}.example")
    assert max(map(len, body.split(b"\r\n"))) < 998
    mail = email.message_from_bytes(body, policy=email.policy.default)
    assert mail.get_body(("plain",)).get_content().strip() == link  # type: ignore[union-attr]


def test_ids_use_the_host_of_the_site() -> None:
    """List-Id and Message-ID end with the host of the site (M4)."""
    other: Site = site(url="https://www.example.org:8443/news/")
    assert mime.host(other) == "www.example.org"
    assert mime.message_id("e", "a@b.example", other).endswith("@www.example.org>")


def test_the_date_has_a_zone() -> None:
    """Date is in UTC, as RFC 5322 writes it (M4)."""
    assert isinstance(parsedate_to_datetime(parsed()["Date"]), datetime)
    assert parsed()["Date"].endswith("+0000")


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(codec=None, categories=["Cs", "Cf", "Cc", "Zl", "Zp", "So"]), max_size=80),
    st.sampled_from(VECTORS),
    st.sampled_from(
        [
            "x" * 10_000,
            "ü" * 10_000,
            "😀" * 3_000,
            "word " * 2_000,
            "=?utf-8?q?a=0D=0ABcc:=20victim@example.org?=",
            "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLm9yZw==?=",
            "\u202egnp.exe",
            "\ud800",
            "a\r\n\r\nb",
            "a\x85Bcc: victim@example.org",
            "a\u2028Bcc: victim@example.org",
        ]
    ),
)


@settings(max_examples=80)
@given(subject=HOSTILE, title=HOSTILE, words=HOSTILE, more=HOSTILE)
def test_no_hostile_text_forges_a_header(subject: str, title: str, words: str, more: str) -> None:
    """Encoded words, line ends, bidi and surrogates leave the headers unchanged (PB16)."""
    due = delivery(body=MessageBody(subject=subject + more, text=words + more, html=f"<p>{more}{words}</p>"))
    body = raw(due, title=title + more)
    assert names(body) == USUAL
    assert body.isascii()
    assert max(map(len, body.split(b"\r\n"))) < 998
    assert body.count(b"\n") == body.count(b"\r\n") == body.count(b"\r")
    mail = email.message_from_bytes(body, policy=email.policy.default)
    assert len(str(mail["Subject"]).splitlines()) <= 1
    assert mail["To"] == "ada@example.org" and mail["Bcc"] is None
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
