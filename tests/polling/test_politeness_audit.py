"""The visit log replayed: every broken rule is found, and what was allowed is none (CL20)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aggregator.model.polling import VisitRecord
from aggregator.model.reports import PolitenessReport
from aggregator.polling import politeness_audit
from tests.builders import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
URL = "https://node.example/feed/"


def visit(at: timedelta, **fields: Any) -> VisitRecord:
    """A visit so long after NOW that found nothing new."""
    usual: dict[str, Any] = {
        "source_id": "node",
        "url": URL,
        "started": NOW + at,
        "outcome": "unchanged",
        "status": 304,
        "conditional": True,
        "forced": False,
        "min_interval": HOUR,
        "validated": True,
        "until": None,
        "bytes_read": 0,
        "requests": 1,
    }
    return VisitRecord(**usual | fields)


FIRST: dict[str, Any] = {"outcome": "changed", "status": 200, "conditional": False, "bytes_read": 9000}


def politeness_report(*log: VisitRecord) -> PolitenessReport:
    """How the node was treated."""
    (reported,) = politeness_audit.reports_from(log)
    return reported


def test_shares_and_gaps_are_counted() -> None:
    """The report has visits, requests a day, shares, smallest gap and wasted bytes."""
    reported = politeness_report(
        visit(0 * HOUR, **FIRST),
        visit(2 * HOUR),
        visit(24 * HOUR, requests=3),
        visit(48 * HOUR, status=200, bytes_read=700),
    )
    assert reported == PolitenessReport(
        source_id="node",
        visits=4,
        requests=6,
        per_day=3.0,
        conditional=0.75,
        not_modified=0.5,
        smallest_gap=7200.0,
        wasted_bytes=700,
        broken=(),
    )


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ([visit(0 * HOUR, **FIRST), visit(HOUR / 2)], "CL5: visited at 2026-10-05 07:00, 30 min after"),
        ([visit(0 * HOUR, **FIRST | {"validated": False, "min_interval": DAY}), visit(2 * HOUR)], "CL6"),
        (
            [
                visit(0 * HOUR, outcome="failed", status=503, until=NOW + 9 * HOUR),
                visit(5 * HOUR, forced=True),
            ],
            "CL8",
        ),
        (
            [
                visit(0 * HOUR, source_id="other", outcome="failed", status=429, until=NOW + 9 * HOUR),
                visit(5 * HOUR),
            ],
            "CL8",
        ),
        ([visit(0 * HOUR, **FIRST), visit(2 * HOUR, conditional=False)], "CL1"),
    ],
)
def test_a_broken_rule_is_found(log: list[VisitRecord], rule: str) -> None:
    """Too soon, against the server's word, or unconditionally (CL1, CL5, CL6, CL8)."""
    (broken,) = politeness_audit.reports_from(log)[-1].broken
    assert broken.startswith(rule)


@pytest.mark.parametrize(
    "log",
    [
        [visit(0 * HOUR, **FIRST), visit(HOUR)],
        [visit(0 * HOUR, **FIRST), visit(HOUR / 2, forced=True)],
        [visit(0 * HOUR, **FIRST), visit(-5 * HOUR), visit(-4 * HOUR)],
        [visit(0 * HOUR, **FIRST), visit(2 * HOUR, conditional=False, url="https://node.example/new/")],
        [visit(0 * HOUR, **FIRST), visit(9 * DAY, conditional=False, status=200)],
        [visit(0 * HOUR, outcome="failed", status=503, until=NOW + HOUR), visit(HOUR)],
        [
            visit(0 * HOUR, source_id="other", outcome="failed", status=503, until=NOW + 9 * HOUR),
            visit(5 * HOUR),
        ],
    ],
)
def test_what_is_allowed_is_no_breach(log: list[VisitRecord]) -> None:
    """Force, clock changes, a new URL, CL17 and a 503 elsewhere break no rule (V3, CL8)."""
    assert [reported.broken for reported in politeness_audit.reports_from(log)] == [()] * len(
        {v.source_id for v in log}
    )


def test_many_breaches_are_counted() -> None:
    """A source that was hammered does not fill the screen."""
    reported = politeness_report(visit(0 * HOUR, **FIRST), *(visit(n * HOUR / 60) for n in range(1, 20)))
    assert len(reported.broken) == 6 and reported.broken[-1] == "and 14 times more"
