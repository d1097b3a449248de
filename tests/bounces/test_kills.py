"""kill -9 while bounces are read: each counts once (BO2)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bounces.mails import dsn
from tests.bounces.scenario import PIPE, READER, put, send_editions
from tests.builders import NOW
from tests.command import PROGRAM
from tests.digests.scenario import rows
from tests.web_server import Web
from tests.workplace import Workplace

OTHERS = tuple(f"reader{n}@b.example" for n in range(120))


@pytest.mark.parametrize("kills", [8, pytest.param(120, marks=pytest.mark.soak)])
def test_killed_readers_count_each_bounce_once(place: Workplace, web: Web, kills: int) -> None:
    """After kills no bounce is lost or counted twice, and all mails are consumed."""
    (sent,) = send_editions(place, web, readers=OTHERS)
    for n, sender in enumerate(sent.values()):
        put(place, dsn(sender), f"{n}.mx")
    subprocess.run(
        [sys.executable, "-m", "tests.bounces.killed_readers", str(place.folder), str(kills), "7"],
        env={"AGGREGATOR_NOW": NOW.isoformat(), "PATH": ""},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        timeout=500,
    )
    assert [*(place.folder / "mail" / "new").iterdir()] == []
    assert rows(place, "SELECT count(*), count(DISTINCT delivery_id) FROM returned_mail") == [(120, 120)]
    assert rows(place, "SELECT count(*) FROM suppressions") == [(120,)]
    assert len([*(place.folder / "var" / "bounces").glob("*.eml")]) == 120


def test_a_mail_server_passes_a_mail_on_by_a_pipe(place: Workplace, web: Web) -> None:
    """The command reads standard input in a process of its own, beside a running job (L1)."""
    (sent,) = send_editions(place, web, bounces=PIPE)
    done = subprocess.run(
        [PROGRAM, "-c", place.folder / "feeds.yaml", "bounce"],
        input=dsn(sent[READER]),
        capture_output=True,
        env={"AGGREGATOR_NOW": NOW.isoformat(), "PATH": ""},
        timeout=300,
        check=True,
    )
    assert (
        done.stdout == b"r***@a.example gets no more messages: bounced: 5.1.1 smtp; 550 5.1.1 no such user\n"
    )
    assert done.stderr == b""
    assert rows(place, "SELECT address FROM suppressions") == [(READER,)]
