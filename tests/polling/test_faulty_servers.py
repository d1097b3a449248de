"""Run the real program against faulty servers: none harms it or other sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby

import pytest
from _pytest.mark.structures import ParameterSet
from lxml import etree

from tests.builders import NOW
from tests.faulty_servers import ALWAYS, FAULTS, GROUPS, HEALTHY_TITLE, OPENSSL, Case
from tests.faulty_servers.observed import MAX_MEGABYTES, TIMEOUT_SECONDS, Round, make

GRACE_SECONDS = 1.0
"""Maximum seconds of a visit beyond `fetch.timeout`."""
PARSER_SECONDS = 2.0
"""Maximum seconds until a process that parses documents has started, or is free."""
HOST_GAP_SECONDS = 5.0
"""Seconds between the robots.txt of a page and the page (V2)."""
START_SECONDS = 6.0
"""Maximum seconds of a run beside its visits."""
MAX_CHARACTERS = 4_000_000
"""Maximum characters of a stored text: a million, each of which HTML may have to escape."""
RUNS_AT_ONCE = 2

Rounds = Callable[[Case], Round]


def _round_of(case: Case) -> str:
    """Return the name of the run of a case: cases of one kind share one unless `alone`."""
    return case.name if case.alone else next(name for name, cases in GROUPS.items() if case in cases)


@pytest.fixture(scope="module")
def rounds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    """Start the runs of all selected cases, two at a time, and return the run of a case."""
    chosen = {
        item.callspec.params["case"].name: item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "case" in item.callspec.params
        if isinstance(item.callspec.params["case"], Case)
    }
    playable = [case for case in chosen.values() if OPENSSL or not case.certificate]
    folder = tmp_path_factory.mktemp("faulty")
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        begun: dict[str, Future[Round]] = {
            name: pool.submit(make, folder / name, list(cases))
            for name, cases in groupby(sorted(playable, key=_round_of), key=_round_of)
        }
        yield lambda case: begun[_round_of(case)].result()
        for future in begun.values():
            future.cancel()


def _param(case: Case) -> ParameterSet:
    long = case.alone and case.name not in ALWAYS
    return pytest.param(case, id=case.name, marks=[pytest.mark.soak] if long else [])


@pytest.mark.parametrize("case", [_param(case) for case in FAULTS])
def test_fault_of_a_server(case: Case, rounds: Rounds) -> None:
    """A visit has the expected result in time, and healthy entries are kept (CL9, CL16)."""
    if case.certificate and not OPENSSL:
        pytest.skip("makes certificates with openssl")
    seen = rounds(case)
    faults = [*judge(case, seen), *(judge_round(seen) if case.alone else [])]
    assert not faults, f"{case.says} But: " + "; ".join(faults)


_SHARED = {_round_of(case): case for case in FAULTS if not case.alone}


@pytest.mark.parametrize("case", list(_SHARED.values()), ids=list(_SHARED))
def test_run_of_many_faults(case: Case, rounds: Rounds) -> None:
    """Faulty sources neither end a run nor change what healthy sources publish (L3)."""
    faults = list(judge_round(rounds(case)))
    assert not faults, "; ".join(faults)


def judge(case: Case, seen: Round) -> Iterator[str]:
    """Yield what is wrong with the visits of a case."""
    visits = seen.visits.get(case.name, [])
    expected = [case.outcome, case.then] if case.then else [case.outcome]
    if len(visits) != len(expected):
        yield f"{len(visits)} visits instead of {len(expected)}"
    for visit, outcome in zip(visits, expected, strict=False):
        if visit.outcome not in (("changed", "failed") if outcome == "either" else (outcome,)):
            yield f"{visit.outcome} instead of {outcome}: {visit.reason}"
        if visit.seconds > TIMEOUT_SECONDS + GRACE_SECONDS + PARSER_SECONDS + HOST_GAP_SECONDS * (
            "kind: page" in case.options
        ):
            yield f"the visit took {visit.seconds:.1f} s"
        if visit.outcome == "failed" and not 0 < len(visit.reason) <= 300:
            yield f"a reason of {len(visit.reason)} characters"
        if re.search(r"broke the parser|worker died", visit.reason):
            yield f"a reason about the program: {visit.reason}"
    if visits and visits[0].outcome == case.outcome == "failed":
        reason = visits[0].reason.lower()
        if not any(words.lower() in reason for words in case.words.split("|")):
            yield f"the reason lacks {case.words!r}: {reason}"
    yield from _judge_entries(case, seen, visits[0].outcome if visits else "")
    asked = seen.servers.listeners[case.name].asked
    if len(visits) == len(expected) and not case.asked(asked):
        yield f"wrong requests: {[(a.path[:80], dict(a.headers)) for a in asked]}"[:2_000]
    if case.hours and case.name in seen.next_visits:
        hours = (seen.next_visits[case.name] - NOW).total_seconds() / 3_600
        if not case.hours[0] <= hours <= case.hours[1] * 1.1:
            yield f"the next visit is in {hours:.1f} h, not in {case.hours[0]:g} to {case.hours[1]:g} h"


def _judge_entries(case: Case, seen: Round, outcome: str) -> Iterator[str]:
    kept = any(HEALTHY_TITLE in title for title in seen.titles.get(case.name, ()))
    survives = outcome == "changed" if case.survives is None else case.survives
    if survives and not kept:
        yield f"its healthy entry is lost; kept: {list(seen.titles.get(case.name, ()))[:5]}"


def judge_round(seen: Round) -> Iterator[str]:
    """Yield what is wrong with a run and its results."""
    for run in seen.runs:
        if run.code != 0:
            yield f"exit code {run.code} after {run.seconds:.1f} s: {run.err[-500:]}"
        if "Traceback" in run.err or '"trace"' in run.err:
            yield f"a traceback: {run.err[-1_000:]}"
        controls = {
            c for c in run.err + run.out if unicodedata.category(c) in ("Cc", "Cf", "Zl") and c != "\n"
        }
        if controls:
            yield f"control characters are printed: {controls!r}"
        strays = [
            line
            for line in run.err.splitlines()
            if not re.match(r"\{|[a-z0-9-]+ \(https?://127\.8[89]\.|\d+ new items are left to ", line)
        ]
        if strays and run.code == 0:
            yield f"foreign lines: {strays[:3]}"
        if run.megabytes > MAX_MEGABYTES:
            yield f"{run.megabytes:.0f} MB of memory"
        if (
            run.seconds > TIMEOUT_SECONDS + GRACE_SECONDS + HOST_GAP_SECONDS + START_SECONDS
            and len(seen.visits) < 10
        ):
            yield f"the run took {run.seconds:.1f} s"
    if seen.canaries:
        yield f"a canary was requested {seen.canaries} times"
    if any({"authorization", "cookie"} & set(asked.headers) for asked in seen.servers.elsewhere.asked):
        yield "a secret was sent to another host"
    if seen.sound != "ok":
        yield f"the database is not sound: {seen.sound}"
    if seen.longest_text > MAX_CHARACTERS:
        yield f"a text of {seen.longest_text} characters was kept"
    for good in ("good-first", "good-last"):
        if [visit.outcome for visit in seen.visits.get(good, [])] != ["changed"]:
            yield f"{good} was not visited"
    for n in (1, 2):
        if f"Microscope number {n}".encode() not in seen.atom:
            yield f"good item {n} is not published"
    try:
        etree.fromstring(seen.atom, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        yield f"atom.xml is not well-formed: {error}"
