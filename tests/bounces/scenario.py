"""Send editions whose bounces return to a Maildir, and give mails to the program."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests import command
from tests.builders import NOW, rss
from tests.digests.scenario import messages, news, plan, poll, run, write
from tests.web_server import Web
from tests.workplace import Workplace

READER = "reader@a.example"
MAILDIR = "{address: bounces@news.example, maildir: mail}"
PIPE = "{address: bounces@news.example}"


def send_editions(
    place: Workplace,
    web: Web,
    number: int = 1,
    *,
    bounces: str = MAILDIR,
    readers: tuple[str, ...] = (READER,),
    more: str = "",
) -> list[dict[str, str]]:
    """Send editions on successive days; return the envelope sender of each message by address."""
    for part in ("new", "cur", "tmp"):
        (place.folder / "mail" / part).mkdir(parents=True, exist_ok=True)
    sender = f"Imaging news <editors@news.example>, bounces: {bounces}"
    write(place, {"node": web}, plan("daily", "daily 08:00", readers=readers), sender=sender, more=more)
    senders: list[dict[str, str]] = []
    for _ in range(number):
        if (place.folder / "var").exists():
            place.clock.now += timedelta(days=1)
        web.feed("/feed", todays_feed(place))
        poll(place)
        before = len(messages(place))
        run(place)
        new = messages(place)[before:]
        senders.append({str(each["To"]): str(each["Return-Path"]).strip("<>") for each in new})
    return senders


def todays_feed(place: Workplace) -> bytes:
    """Return a feed with one item for each day since NOW."""
    days = (place.clock.now - NOW).days + 1
    return rss(*(news(n, place.clock.now) for n in range(days, 0, -1)))


def put(place: Workplace, raw: bytes, name: str = "1.mx") -> Path:
    """Deliver a mail to the Maildir."""
    file = place.folder / "mail" / "new" / name
    file.write_bytes(raw)
    return file


def pipe(place: Workplace, raw: bytes) -> command.Output:
    """Give a mail to `aggregator bounce` on standard input."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return command.call(place, "bounce")
