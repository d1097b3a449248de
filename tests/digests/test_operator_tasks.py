"""The tasks of the operator's report, what to do about them, and foreign text in them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from aggregator.digests import mime
from aggregator.digests.operator_report import OperatorReport, compose_report_from
from aggregator.model.config import DigestPlan
from aggregator.model.digests import Delivery, QueuedMessage, RelayPause, Suppression
from aggregator.model.polling import SourceState
from aggregator.model.reports import (
    OperatorFacts,
    RecentActivity,
    RemovedStory,
    RunRecord,
    SourceHealth,
)
from aggregator.model.stories import CandidatePair
from aggregator.text import legal
from tests.builders import BERLIN, NOW, site, source_health, status_report
from tests.hostile_strings import VECTORS, Shape, faults, shape

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
    """Return a source in a state."""
    return source_health(**{"state": state, "last_success": NOW - 3 * DAY, "next_visit": NOW + DAY} | fields)


def report(
    *sources: SourceHealth,
    status: dict[str, Any] | None = None,
    recent_activity: dict[str, Any] | None = None,
    messages: tuple[QueuedMessage, ...] = (),
    overdue: int = 0,
) -> OperatorReport:
    """Compose the report of 5 October, in which all is well except for the arguments."""
    past = RecentActivity(since=NOW - 7 * DAY, visits=1032, stories=1, accepted=120)
    facts = OperatorFacts(
        status=status_report(*sources or (source(),), **status or {}),
        overdue=overdue,
        messages=messages,
        recent_activity=replace(past, **recent_activity or {}),
    )
    return compose_report_from(facts, PLAN, site(), date(2026, 10, 5), NOW)


def listed(composed: OperatorReport) -> list[str]:
    """Return the tasks of the text part, each on one line."""
    body = composed.body.text.partition("\n\n\n")[2].partition("\n-- \n")[0]
    tasks = []
    for part in re.split(r"\n\n+", body):
        lines = part.strip("\n").split("\n")
        if lines[0].startswith("* "):
            tasks.append(" ".join(line.strip() for line in lines))
    return tasks


def merge_candidate(**fields: Any) -> CandidatePair:
    """Return two stories that may be one."""
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


def message(state: str = "failed", **fields: Any) -> QueuedMessage:
    """Return a message of the queue."""
    failed = QueuedMessage(
        edition="weekly-2026-10-05",
        address="eve@example.org",
        state=state,
        attempts=1,
        next_attempt=None,
        reason="550 no",
        message_id="<x@y>",
    )
    return replace(failed, **fields)


def run(number: int, job: str = "fetch") -> RunRecord:
    """Return a run that was interrupted."""
    started = NOW - number * DAY
    return RunRecord(id=number, job=job, started=started, finished=None, outcome="interrupted", report=None)


ILL = {"reason": "not found (404)", "advice": "correct `url`", "failures": 40}
SINCE = NOW - 2 * DAY


@pytest.mark.parametrize(
    ("composed", "expected"),
    [
        (report(), []),
        (report(source(SourceState.OK, reason="one failure", failures=1)), []),
        (
            report(
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
            report(source(SourceState.FAILING, **ILL)),
            [
                "* The node (node) failing: not found (404); last good visit 2 October 2026, 40 failures in a row"
                " To do: correct `url`"
            ],
        ),
        (
            report(
                source(
                    SourceState.GONE, reason="gone (410)", last_success=None, advice="wait, then tell them"
                ),
                source(SourceState.STALE, id="b", reason="nothing new", advice="look there"),
            ),
            [
                "* The node (node) gone: gone (410); no successful visit yet To do: wait, then tell them",
                "* The node (b) stale: nothing new; last good visit 2 October 2026 To do: look there",
            ],
        ),
        (
            report(
                source(SourceState.MOVED, id="m", advice="m"),
                source(SourceState.NEEDS_REVIEW, id="h", advice="h"),
            ),
            [
                "* The node (h) needs_review: ; last good visit 2 October 2026 To do: h",
                "* The node (m) moved: ; last good visit 2 October 2026 To do: m",
            ],
        ),
        (
            report(status={"merge_candidates": (merge_candidate(),)}),
            [
                "* “A microscope” and “Ein Mikroskop” the same day, similar titles; since 4 October 2026 To do:"
                f" compare them with `aggregator story explain {'a' * 16} {'b' * 16}`, then"
                f" `aggregator story merge {'a' * 16} {'b' * 16}`"
                f" or `aggregator story keep-apart {'a' * 16} {'b' * 16}`"
            ],
        ),
        (
            report(
                status={
                    "relay": RelayPause(since=SINCE, until=NOW, reason="TLS"),
                    "owed": 1,
                    "oldest_owed": SINCE,
                }
            ),
            [
                "* The mail relay cannot be used since 3 October 2026 TLS; 1 message unsent To do: check `mail.smtp` in"
                " feeds.yaml and the relay; `aggregator digest retry` then ends the pause at once"
            ],
        ),
        (
            report(
                status={"owed": 2, "oldest_owed": SINCE}, messages=(message("queued"), message("deferred"))
            ),
            [
                "* 2 messages unsent, the oldest since 3 October 2026 the relay is not the cause To do:"
                " `aggregator -v digest run` shows why"
            ],
        ),
        (
            report(messages=(message("unknown", address="o'hara@example.org"),)),
            [
                "* o'hara@example.org, weekly-2026-10-05: unknown 550 no To do:"
                " `aggregator digest retry 'o'\"'\"'hara@example.org'` sends it again,"
                " `aggregator digest acknowledge 'o'\"'\"'hara@example.org'` ends this task"
            ],
        ),
        (
            report(
                status={"suppressed": (Suppression(address="eve@example.org", since=SINCE, reason="5.1.1"),)}
            ),
            [
                "* eve@example.org gets no more messages since 3 October 2026 5.1.1 To do: remove the address from"
                " feeds.yaml; if it is correct after all, `aggregator digest retry eve@example.org`"
            ],
        ),
        (
            report(overdue=1, recent_activity={"interrupted_runs": (run(1), run(2), run(3, "digest"))}),
            [
                "* 1 of 1 source not visited in time visits are more than two hours late To do: is cron or the daemon"
                " running? `aggregator -v fetch` shows what prevents visits",
                "* 2 runs of fetch interrupted the last began 4 October 2026, 08:30 To do: nothing is lost, the next"
                " run continued; without a restart, check the log, memory and disk",
                "* 1 run of digest interrupted the last began 2 October 2026, 08:30 To do: nothing is lost, the next"
                " run continued; without a restart, check the log, memory and disk",
            ],
        ),
        (
            report(recent_activity={"hub_error": "answered 500"}),
            [
                "* The hub does not accept notifications of changed feeds answered 500 To do: nothing is lost, as"
                " subscribers also poll: correct or remove `publish.hub` in feeds.yaml"
            ],
        ),
        (
            report(
                recent_activity={
                    "removed": (RemovedStory(story="s" * 16, title="A course", source="Node", at=SINCE),)
                }
            ),
            [
                f"* A course Node, 3 October 2026: its page is gone To do: nothing; `aggregator story show {'s' * 16}`"
                " lists other sources of the story"
            ],
        ),
    ],
)
def test_each_fault_is_a_task_with_advice(composed: OperatorReport, expected: list[str]) -> None:
    """A task has facts and a command or key, the worst source first; without faults none."""
    assert listed(composed) == expected
    assert len(composed.tasks) == len(expected)


def everything_fails(line: str = "Some words", count: int = 1) -> OperatorReport:
    """Compose a report with every task `count` times and `line` as all foreign text."""
    failing = [
        source(state, name=line, id=f"{state}-{n}", reason=line, advice="ask them", failures=2)
        for n in range(count)
        for state in (
            SourceState.FAILING,
            SourceState.GONE,
            SourceState.RATE_LIMITED,
            SourceState.NEEDS_REVIEW,
            SourceState.MOVED,
            SourceState.STALE,
        )
    ]
    return report(
        *failing,
        status={
            "merge_candidates": (merge_candidate(title=line, other_title=line, why=line),) * count,
            "relay": RelayPause(since=SINCE, until=NOW, reason=line),
            "suppressed": (Suppression(address="eve@example.org", since=SINCE, reason=line),) * count,
        },
        messages=(message(reason=line),) * count,
        recent_activity={
            "hub_error": line,
            "interrupted_runs": (run(1),),
            "removed": (RemovedStory(story="s" * 16, title=line, source=line, at=SINCE),) * count,
        },
    )


@pytest.fixture(scope="module")
def harmless() -> Shape:
    """Return the structure of a report with harmless reasons."""
    return shape(everything_fails().body.html)


@pytest.mark.parametrize("vector", VECTORS)
def test_no_reason_changes_the_report(vector: str, harmless: Shape) -> None:
    """Foreign reasons and titles add no element, script or line."""
    composed = everything_fails(vector + "\n\n-- \n* forged\nSOURCES\n=======\n")
    assert faults(composed.body.html) == []
    assert shape(composed.body.html) == harmless
    lines = composed.body.text.split("\n")
    assert (lines.count("-- "), lines.count("SOURCES"), lines.count("* forged")) == (1, 1, 0)
    assert legal(composed.body.text) == composed.body.text


def test_commands_can_be_copied() -> None:
    """No command of the text part is broken over two lines."""
    commands = re.findall(r"`aggregator [^`]*`", everything_fails().body.text)
    assert len(commands) >= 9
    assert [command for command in commands if "\n" in command] == []
    assert all(len(line) <= 90 for line in everything_fails().body.text.splitlines())


def test_the_first_lines_have_the_numbers() -> None:
    """Subject and first lines have the number of tasks, the start and the activity."""
    assert (
        report(source(SourceState.FAILING, **ILL)).body.subject == "Imaging news: 1 open task, 5 October 2026"
    )
    well = report()
    assert well.body.subject == "Imaging news: nothing to do, 5 October 2026"
    summary = "Since 28 September 2026: 1,032 visits, 1 new story, 120 messages accepted."
    assert summary in " ".join(well.body.text.split())
    assert summary in well.body.html


@pytest.mark.parametrize("line", ["long words " * 40, "長い" * 400])
def test_many_tasks_fit_into_a_message(line: str) -> None:
    """Many tasks under one heading are counted, so that the message stays below 100 KB (PB16)."""
    composed = everything_fails(line, count=40)
    assert re.search(r"^… and 23[0-9] more: `aggregator status`$", composed.body.text, re.MULTILINE)
    delivery = Delivery(
        id=1,
        edition_id=composed.edition.id,
        digest_id="operator",
        address="ada@example.org",
        message_id="<x@y>",
        composed=NOW,
        attempts=0,
        body=composed.body,
    )
    message_bytes = mime.build_message(delivery, "News <news@news.example>", PLAN.title, site())
    assert len(message_bytes) < 100_000
    assert b"Auto-Submitted: auto-generated" in message_bytes
    assert b"List-Archive" not in message_bytes
