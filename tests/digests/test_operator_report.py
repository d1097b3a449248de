"""The operator's mail: what it tells, what to do about it, and that no stranger's words do any harm in it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from aggregator.digests import mime, operator_report
from aggregator.digests.operator_report import OperatorMail
from aggregator.model.config import DigestPlan
from aggregator.model.digests import Delivery, QueuedMessage, RelayPause, Suppression
from aggregator.model.polling import SourceState
from aggregator.model.reports import (
    OperatorFacts,
    RecentActivity,
    RemovedStory,
    RunRecord,
    SourceHealth,
    StatusReport,
)
from aggregator.model.stories import CandidatePair
from aggregator.text import legal
from tests.builders import BERLIN, NOW, site
from tests.hostile_strings import VECTORS, faults, shape

DAY = timedelta(days=1)
PLAN = DigestPlan(
    id="operator",
    title="Imaging news, for its operator",
    channels=(),
    schedule="0 7 * * 1",
    language="en",
    timezone=BERLIN,
    recipients=("ada@example.org",),
)


def source(state: SourceState = SourceState.OK, **fields: Any) -> SourceHealth:
    """A source in a state."""
    known = SourceHealth(
        id="node",
        name="The node",
        state=state,
        last_success=NOW - 3 * DAY,
        last_attempt=NOW,
        next_visit=NOW + DAY,
        failures=0,
        reason=None,
        advice=None,
        items=1,
        stories=1,
    )
    return replace(known, **fields)


def made(
    *sources: SourceHealth,
    status: dict[str, Any] | None = None,
    recent_activity: dict[str, Any] | None = None,
    letters: tuple[QueuedMessage, ...] = (),
    overdue: int = 0,
) -> OperatorMail:
    """The mail of 5 October, where all is well but for what is given."""
    report = StatusReport(
        sources=sources or (source(),),
        stories=1,
        items=1,
        subscribers=0,
        owed=0,
        oldest_owed=None,
        parked={},
        runs=(),
    )
    past = RecentActivity(since=NOW - 7 * DAY, visits=1032, stories=1, accepted=120)
    condition = OperatorFacts(
        status=replace(report, **status or {}),
        overdue=overdue,
        messages=letters,
        recent_activity=replace(past, **recent_activity or {}),
    )
    return operator_report.compose(PLAN, site(), condition, date(2026, 10, 5), NOW)


def told(bulletin: OperatorMail) -> list[str]:
    """The things in the text part, each in one line, with the heading before it."""
    body = bulletin.letter.text.partition("\n\n\n")[2].partition("\n-- \n")[0]
    found = []
    for part in re.split(r"\n\n+", body):
        lines = part.strip("\n").split("\n")
        if lines[0].startswith("* "):
            found.append(" ".join(line.strip() for line in lines))
    return found


def merge_candidate(**fields: Any) -> CandidatePair:
    """Two stories that may be one."""
    pair = CandidatePair(
        story="a" * 16,
        title="A microscope",
        other="b" * 16,
        other_title="Ein Mikroskop",
        score=0.6,
        why="the same day, similar titles",
        since=NOW - DAY,
    )
    return replace(pair, **fields)


def letter(state: str = "failed", **fields: Any) -> QueuedMessage:
    """A letter that is owed or parked."""
    known = QueuedMessage(
        edition="weekly-2026-10-05",
        address="eve@example.org",
        state=state,
        attempts=1,
        next_attempt=None,
        reason="550 no",
        message_id="<x@y>",
    )
    return replace(known, **fields)


def run(number: int, job: str = "fetch") -> RunRecord:
    """A run that broke off."""
    started = NOW - number * DAY
    return RunRecord(id=number, job=job, started=started, finished=None, outcome="interrupted", report=None)


ILL = {"reason": "not found (404)", "advice": "mend `url`", "failures": 40}
SINCE = NOW - 2 * DAY


@pytest.mark.parametrize(
    ("bulletin", "expected"),
    [
        (made(), []),
        (made(source(SourceState.OK, reason="one failure", failures=1)), []),
        (
            made(
                source(
                    SourceState.RATE_LIMITED,
                    reason="(503)",
                    advice="wait",
                    failures=1,
                    last_success=NOW - DAY,
                )
            ),
            [],
        ),
        (
            made(source(SourceState.FAILING, **ILL)),
            [
                "* The node (node) failing: not found (404); last good visit 2 October 2026, 40 failures in a row"
                " To do: mend `url`"
            ],
        ),
        (
            made(
                source(
                    SourceState.GONE, reason="gone (410)", last_success=None, advice="wait, then tell them"
                ),
                source(SourceState.STALE, id="b", reason="nothing new", advice="look there"),
            ),
            [
                "* The node (node) gone: gone (410); no good visit yet To do: wait, then tell them",
                "* The node (b) silent: nothing new; last good visit 2 October 2026 To do: look there",
            ],
        ),
        (
            made(
                source(SourceState.MOVED, id="m", advice="m"),
                source(SourceState.NEEDS_REVIEW, id="h", advice="h"),
            ),
            [
                "* The node (h) needs_review: ; last good visit 2 October 2026 To do: h",
                "* The node (m) moved: ; last good visit 2 October 2026 To do: m",
            ],
        ),
        (
            made(status={"merge_candidates": (merge_candidate(),)}),
            [
                "* “A microscope” and “Ein Mikroskop” the same day, similar titles; since 4 October 2026 To do:"
                f" compare them with `aggregator story explain {'a' * 16} {'b' * 16}`, then"
                f" `aggregator story merge {'a' * 16} {'b' * 16}`"
                f" or `aggregator story keep-apart {'a' * 16} {'b' * 16}`"
            ],
        ),
        (
            made(
                status={
                    "relay": RelayPause(since=SINCE, until=NOW, reason="TLS"),
                    "owed": 1,
                    "oldest_owed": SINCE,
                }
            ),
            [
                "* The mail relay cannot be used since 3 October 2026 TLS; 1 letter owed To do: look at `mail.smtp` in"
                " feeds.yaml and at the relay; once it is mended `aggregator digest retry` need not wait"
            ],
        ),
        (
            made(status={"owed": 2, "oldest_owed": SINCE}, letters=(letter("queued"), letter("deferred"))),
            [
                "* 2 letters owed, the oldest since 3 October 2026 the relay is not the reason To do:"
                " `aggregator -v digest run` says what keeps them"
            ],
        ),
        (
            made(letters=(letter("unknown", address="o'hara@example.org"),)),
            [
                "* o'hara@example.org, weekly-2026-10-05: unknown 550 no To do:"
                " `aggregator digest retry 'o'\"'\"'hara@example.org'` sends it again,"
                " `aggregator digest dismiss 'o'\"'\"'hara@example.org'` leaves it as it is"
            ],
        ),
        (
            made(
                status={"suppressed": (Suppression(address="eve@example.org", since=SINCE, reason="5.1.1"),)}
            ),
            [
                "* eve@example.org gets no more letters since 3 October 2026 5.1.1 To do: take the address out of"
                " feeds.yaml; if it is right after all, `aggregator digest retry eve@example.org`"
            ],
        ),
        (
            made(overdue=1, recent_activity={"interrupted_runs": (run(1), run(2), run(3, "digest"))}),
            [
                "* 1 of 1 source not visited in time visits are more than two hours late To do: is cron or the daemon"
                " running? `aggregator -v fetch` says what is in its way",
                "* 2 runs of fetch broke off the last began 4 October 2026, 08:30 To do: nothing is lost, the next run"
                " went on; if it was no restart, look into the log, at memory and disk",
                "* 1 run of digest broke off the last began 2 October 2026, 08:30 To do: nothing is lost, the next run"
                " went on; if it was no restart, look into the log, at memory and disk",
            ],
        ),
        (
            made(recent_activity={"hub_error": "answered 500"}),
            [
                "* The hub does not take notice of new feeds answered 500 To do: nothing is lost, subscribers find"
                " the news by polling: mend or remove `publish.hub` in feeds.yaml"
            ],
        ),
        (
            made(
                recent_activity={
                    "removed": (RemovedStory(story="s" * 16, title="A course", source="Node", at=SINCE),)
                }
            ),
            [
                f"* A course Node, 3 October 2026: its page is gone To do: nothing; `aggregator story show {'s' * 16}`"
                " says who else tells it"
            ],
        ),
    ],
)
def test_each_trouble_is_told_with_what_to_do(bulletin: OperatorMail, expected: list[str]) -> None:
    """What is wrong, what is known of it, and a command or key; the worst sources first; all well is nothing."""
    assert told(bulletin) == expected
    assert bulletin.concerns == len(expected)


def everything(line: str = "Some words", many: int = 1) -> OperatorMail:
    """A mail in which everything is wrong, `many` times, and `line` stands wherever a stranger's words can."""
    ill = [
        source(state, name=line, id=f"{state}-{n}", reason=line, advice="ask them", failures=2)
        for n in range(many)
        for state in (
            SourceState.FAILING,
            SourceState.GONE,
            SourceState.RATE_LIMITED,
            SourceState.NEEDS_REVIEW,
            SourceState.MOVED,
            SourceState.STALE,
        )
    ]
    return made(
        *ill,
        status={
            "merge_candidates": (merge_candidate(title=line, other_title=line, why=line),) * many,
            "relay": RelayPause(since=SINCE, until=NOW, reason=line),
            "suppressed": (Suppression(address="eve@example.org", since=SINCE, reason=line),) * many,
        },
        letters=(letter(reason=line),) * many,
        recent_activity={
            "hub_error": line,
            "interrupted_runs": (run(1),),
            "removed": (RemovedStory(story="s" * 16, title=line, source=line, at=SINCE),) * many,
        },
    )


HARMLESS = shape(everything().letter.html)


@pytest.mark.parametrize("vector", VECTORS)
def test_no_reason_changes_the_mail(vector: str) -> None:
    """Reasons and titles are foreign: the HTML part keeps its elements, nothing in it runs, no line is forged."""
    bulletin = everything(vector + "\n\n-- \n* forged\nSOURCES\n=======\n")
    assert faults(bulletin.letter.html) == []
    assert shape(bulletin.letter.html) == HARMLESS
    lines = bulletin.letter.text.split("\n")
    assert (lines.count("-- "), lines.count("SOURCES"), lines.count("* forged")) == (1, 1, 0)
    assert legal(bulletin.letter.text) == bulletin.letter.text


def test_commands_can_be_copied() -> None:
    """No command of the text part is broken over lines, neither at a blank nor at a hyphen."""
    commands = re.findall(r"`aggregator [^`]*`", everything().letter.text)
    assert len(commands) >= 9
    assert [command for command in commands if "\n" in command] == []
    assert all(len(line) <= 90 for line in everything().letter.text.splitlines())


def test_the_numbers_of_the_week_are_told() -> None:
    """Subject and first lines: how many things, since when, what was done meanwhile; well is said as such."""
    assert (
        made(source(SourceState.FAILING, **ILL)).letter.subject
        == "Imaging news: 1 thing to look after, 5 October 2026"
    )
    well = made()
    assert well.letter.subject == "Imaging news: all is well, 5 October 2026"
    summary = "Since 28 September 2026: 1,032 visits, 1 new story, 120 letters accepted."
    assert summary in " ".join(well.letter.text.split())
    assert summary in well.letter.html


@pytest.mark.parametrize("line", ["long words " * 40, "長い" * 400])
def test_a_mail_of_a_very_bad_week_is_not_cut_off(line: str) -> None:
    """Where there is much of a sort the others are counted; the mail stays below the 100 KB of mail programs (PB16)."""
    bulletin = everything(line, many=40)
    assert re.search(r"^… and 23[0-9] more: `aggregator status`$", bulletin.letter.text, re.MULTILINE)
    delivery = Delivery(
        id=1,
        edition_id=bulletin.edition.id,
        digest_id="operator",
        address="ada@example.org",
        message_id="<x@y>",
        composed=NOW,
        attempts=0,
        letter=bulletin.letter,
    )
    body = mime.build_message(delivery, "News <news@news.example>", PLAN.title, site())
    assert len(body) < 100_000
    assert b"Auto-Submitted: auto-generated" in body
    assert b"List-Archive" not in body
