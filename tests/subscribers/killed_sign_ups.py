"""Kill sign-up, confirmation and sending at random points, and check what was mailed.

Usage: `python -m tests.subscribers.killed_sign_ups FOLDER KILLS SEED`; `test_kills.py` calls it.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import aggregator.digests.account_messages
import aggregator.digests.body
import aggregator.digests.draft  # noqa: F401
from aggregator import app as builder
from aggregator import link_tokens
from aggregator.digests import run as digest
from aggregator.digests import subscriptions
from aggregator.model.subscribers import AccountMessage
from aggregator.ports import App, Mailer
from aggregator.store import connection

PEOPLE = [f"p{n}@a.example" for n in range(6)]
LEAVING = PEOPLE[::2]


def main(folder: Path, kills: int, seed: int) -> int:
    """Kill runs, finish, and return 0 if everybody got each message once and agreed once."""
    connection.SYNCHRONOUS = "OFF"  # what a killed process wrote is kept without it
    chance = random.Random(seed)
    begun = time.monotonic()
    _fork(folder / "undisturbed", None)
    seconds = time.monotonic() - begun
    work = folder / "killed"
    hits = sum(_fork(work, chance.uniform(0, seconds)) for _ in range(kills))
    _fork(work, None)
    problems = [*_problems(work), *([] if hits else ["no run was killed"])]
    print(f"{kills} kills, {hits} during work", *problems, sep="\n")
    return int(bool(problems))


def _fork(work: Path, delay: float | None) -> bool:
    """Do the work in a process that is killed after `delay` seconds; return whether it was."""
    work.mkdir(exist_ok=True)
    (work / "feeds.yaml").write_bytes((work.parent / "feeds.yaml").read_bytes())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _live(work)
            code = 0
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed")
    return os.WIFSIGNALED(status)


def _live(work: Path) -> None:
    """Let everybody sign up, confirm, and some leave; no step is repeated."""

    @contextmanager
    def mailer() -> Iterator[Mailer]:
        yield lambda message, _address, _sender=None: _keep(work, message)

    app = replace(builder.build(work / "feeds.yaml"), mailer=mailer)
    for person in PEOPLE:
        if not _rows(work, f"SELECT 1 FROM subscribers WHERE key = '{person}'") and not _rows(
            work, f"SELECT 1 FROM subscription_requests WHERE address = '{person}'"
        ):
            subscriptions.store_request(app, AccountMessage.CONFIRM, person, "en", ["weekly"])
        subscriptions.process_requests(app)
    digest.run(app)
    for person in PEOPLE:
        if token := _token(app, work, person, "confirm", "pending"):
            subscriptions.confirm(app, token)
    digest.run(app)
    for person in LEAVING:
        if token := _token(app, work, person, "manage", "active"):
            subscriptions.unsubscribe(app, token, None)


def _token(app: App, work: Path, person: str, purpose: str, state: str) -> str | None:
    """Return the token that a person has in a message."""
    nonces = _rows(
        work,
        "SELECT nonce FROM tokens JOIN subscribers ON subscribers.id = subscriber_id"
        f" WHERE key = '{person}' AND purpose = '{purpose}' AND subscribers.state = '{state}'",
    )
    return link_tokens.link_token(app.link_key(), nonces[0][0]) if nonces else None


def _keep(work: Path, message: bytes) -> None:
    """Accept a message as a relay does: it is kept before anybody hears of it."""
    (work / "mails").mkdir(exist_ok=True)
    (work / "mails" / f"{time.monotonic_ns()}-{os.getpid()}").write_bytes(message)


def _rows(work: Path, sql: str) -> list[tuple[bytes, ...]]:
    if not (work / "var" / "aggregator.db").exists():
        return []
    with closing(sqlite3.connect(work / "var" / "aggregator.db", timeout=30)) as conn:
        try:
            return conn.execute(sql).fetchall()
        except sqlite3.OperationalError:  # killed before the first migration ended
            return []


def _problems(work: Path) -> Iterator[str]:
    """Yield what is wrong at the end."""
    mails = [file.read_bytes() for file in (work / "mails").iterdir() if file.stat().st_size]
    by_id: dict[str, set[bytes]] = {}
    for mail in mails:
        by_id.setdefault(str(message_from_bytes(mail)["Message-ID"]), set()).add(mail)
    yield from (f"{id_} has different bytes" for id_, bodies in by_id.items() if len(bodies) > 1)
    kinds = Counter(
        (message_from_bytes(next(iter(bodies)))["To"], id_[1:].partition(".")[0])
        for id_, bodies in by_id.items()
    )
    for person in PEOPLE:
        for kind in ("confirm", "welcome"):
            if kinds[person, kind] != 1:
                yield f"{person} has {kinds[person, kind]} messages of kind {kind}"
    states = dict(_rows(work, "SELECT key, state FROM subscribers"))
    for person in PEOPLE:
        expected = "unsubscribed" if person in LEAVING else "active"
        if states.get(person) != expected:  # type: ignore[call-overload]
            yield f"{person} is {states.get(person)!r}"  # type: ignore[call-overload]
    consents = _rows(work, "SELECT count(*) FROM subscriber_history WHERE event = 'active'")
    if consents != [(len(PEOPLE),)]:
        yield f"consent was recorded {consents} times"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
