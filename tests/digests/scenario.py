"""Write feeds.yaml, poll, run the digest job and read the outbox, for tests of digests."""

from __future__ import annotations

import email
import email.policy
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from aggregator.digests import run as digest
from aggregator.model.reports import DigestReport
from aggregator.polling import fetch
from tests.builders import NOW
from tests.smtp_server import Relay
from tests.web_server import Web
from tests.workplace import HEAD, Workplace

DAY, WEEK = timedelta(days=1), timedelta(days=7)
READERS = ("ada@a.example", "grace@b.example", "mary@c.example")
BODY = "The instrument was opened to all users today, and the partners explain how to apply for time on it."


def news(n: int, when: datetime | None = NOW, **fields: str) -> dict[str, str]:
    """Return an RSS item with a number."""
    dated = {"pubDate": format_datetime(when)} if when else {}
    return {
        "title": f"News number {n}",
        "link": f"https://node.example/news/{n}",
        "guid": f"node-{n}",
        "description": f"{BODY} Part {n}.",
        **dated,
    } | fields


def plan(
    id_: str = "weekly", schedule: str = "mon 08:00", readers: tuple[str, ...] = READERS[:1], more: str = ""
) -> str:
    """Return a digest as a line of feeds.yaml."""
    to = ", ".join(readers)
    return f"  - {{id: {id_}, title: {id_.title()} news, schedule: '{schedule}', recipients: [{to}]{more}}}\n"


def write(
    place: Workplace,
    webs: dict[str, Web],
    *plans: str,
    relay: Relay | int | None = None,
    more: str = "",
    sender: str = "Imaging news <editors@news.example>",
) -> None:
    """Write feeds.yaml with a source for each server, the digests, and the relay."""
    port = relay.port if isinstance(relay, Relay) else relay
    smtp = f", smtp: {{host: 127.0.0.1, port: {port}, security: none}}" if port else ""
    head = HEAD.replace("{from: Imaging news <editors@news.example>", f"{{from: {sender}{smtp}")
    sources = "".join(
        f"  - {{id: {id_}, name: The {id_}, url: '{web.url}/feed'}}\n" for id_, web in webs.items()
    )
    place.write(f"sources:\n{sources}{more}digests:\n{''.join(plans or (plan(),))}", head)


def poll(place: Workplace) -> None:
    """Visit every source and assign its items to stories."""
    fetch.run(place.app(), force=True)


def run(place: Workplace) -> DigestReport:
    """Run the digest job once."""
    return digest.run(place.app())


def messages(place: Workplace) -> list[EmailMessage]:
    """Read the messages in the outbox folder, by edition and address."""
    return [parsed(file.read_bytes()) for file in sorted((place.folder / "var" / "outbox").glob("*.eml"))]


def parsed(message: bytes) -> EmailMessage:
    """Parse a message as a mail program does."""
    return email.message_from_bytes(message, policy=email.policy.default)  # type: ignore[return-value]


def text_of(message: EmailMessage) -> str:
    """Return the text part of a message."""
    return str(message.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]


def titles(message: EmailMessage) -> list[str]:
    """Return the titles of the stories in a message, in order."""
    return re.findall(r"^\* (.+)$", text_of(message), re.MULTILINE)


def editions(place: Workplace) -> dict[str, list[str]]:
    """Return the titles in each edition, by its id."""
    return {
        str(message["Message-ID"]).strip("<>").partition(".")[0]: titles(message)
        for message in messages(place)
    }


def rows(place: Workplace, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    conn = sqlite3.connect(place.database)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()


def all_rows(place: Workplace) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'items_fts%'"
    with closing(sqlite3.connect(place.database)) as conn:  # each connection reads the whole schema
        return {name: conn.execute(f"SELECT * FROM {name}").fetchall() for (name,) in conn.execute(names)}
