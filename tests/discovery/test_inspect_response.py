"""Inspection of responses: every body gives an inspection or a failure."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from aggregator.discovery import inspect_response
from aggregator.discovery.probe import ProbeSettings
from aggregator.discovery.site_check import HostChecks, SiteCheck
from aggregator.model.polling import Failure, Response, Robots
from tests.builders import BERLIN, NOW, source
from tests.strategies import law, soup

HTML = {"content-type": "text/html"}
BEGINNINGS = st.sampled_from(
    ["", "<!doctype html>", "<html>", "{", "[", "BEGIN:VCALENDAR\r\n", "<?xml version='1.0'?><rss>"]
)


def inspected(body: bytes, headers: dict[str, str]) -> inspect_response.Inspection | Failure:
    """Inspect a body."""
    answer = Response(status=200, url="https://node.example/news/", headers=headers, body=body)
    return inspect_response.inspect(answer, (), BERLIN, NOW)


@given(beginning=BEGINNINGS, dirty=soup, headers=st.sampled_from([{}, HTML]))
@law
def test_any_text_is_inspected_or_refused(beginning: str, dirty: str, headers: dict[str, str]) -> None:
    """The inspection of any text can be pickled, with at most five items of each proposal."""
    inspection = inspected((beginning + dirty).encode("utf-8", "replace"), headers)
    assert pickle.loads(pickle.dumps(inspection)) == inspection
    if isinstance(inspection, inspect_response.Inspection):
        assert all(
            len(tried.first_items) <= inspect_response.MAX_ITEMS_SHOWN and not tried.proposal.entries
            for tried in inspection.proposals
        )


@given(body=st.binary(max_size=300), headers=st.sampled_from([{}, HTML]))
@law
def test_any_bytes_are_inspected_or_refused(body: bytes, headers: dict[str, str]) -> None:
    """Bytes that are no text raise no exception."""
    assert isinstance(inspected(body, headers), inspect_response.Inspection | Failure)


def test_checks_of_a_host_can_be_pickled() -> None:
    """A worker receives frozen values, which any executor can pickle."""
    settings = ProbeSettings(
        allow_private=(), public=True, topics=(), zone=BERLIN, now=NOW, seconds=20.0, host_gap=5.0
    )
    robots = (Robots(origin="https://node.example", read=NOW, text=""),)
    checks = (SiteCheck(source=source(), url="https://node.example/"),)
    work = HostChecks(checks=checks, settings=settings, robots=robots, visited=("node.example",))
    assert pickle.loads(pickle.dumps(work)) == work
