"""What an answer is: found out in isolation, and nothing but a survey or a failure ever comes of it."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from aggregator.discovery import inspect_response
from aggregator.discovery.live_check import HostLooks, Look
from aggregator.discovery.probe import ProbeRules
from aggregator.model.polling import Failure, Response, Robots
from tests.builders import BERLIN, NOW, source
from tests.strategies import law, soup

HTML = {"content-type": "text/html"}
BEGINNINGS = st.sampled_from(
    ["", "<!doctype html>", "<html>", "{", "[", "BEGIN:VCALENDAR\r\n", "<?xml version='1.0'?><rss>"]
)


def surveyed(body: bytes, headers: dict[str, str]) -> inspect_response.Inspection | Failure:
    """What comes of a body."""
    answer = Response(status=200, url="https://node.example/news/", headers=headers, body=body)
    return inspect_response.inspect(answer, (), BERLIN, NOW)


@given(beginning=BEGINNINGS, dirty=soup, headers=st.sampled_from([{}, HTML]))
@law
def test_any_text_is_surveyed_or_refused(beginning: str, dirty: str, headers: dict[str, str]) -> None:
    """Whatever a text is made of, its survey can travel between processes, and at most five items of each offer do."""
    seen = surveyed((beginning + dirty).encode("utf-8", "replace"), headers)
    assert pickle.loads(pickle.dumps(seen)) == seen
    if isinstance(seen, inspect_response.Inspection):
        assert all(
            len(offer.first_items) <= inspect_response.SHOWN and not offer.proposal.entries
            for offer in seen.proposals
        )


@given(body=st.binary(max_size=300), headers=st.sampled_from([{}, HTML]))
@law
def test_any_bytes_are_surveyed_or_refused(body: bytes, headers: dict[str, str]) -> None:
    """Neither do bytes that are no text at all do any harm."""
    assert isinstance(surveyed(body, headers), inspect_response.Inspection | Failure)


def test_a_look_can_be_handed_to_another_process() -> None:
    """What a worker gets is frozen values, so that any executor can carry them."""
    terms = ProbeRules(allow_private=(), public=True, rules=(), zone=BERLIN, now=NOW, seconds=20.0, gap=5.0)
    robots = (Robots(origin="https://node.example", read=NOW, text=""),)
    looks = (Look(source=source(), url="https://node.example/"),)
    work = HostLooks(looks=looks, terms=terms, robots=robots, visited=("node.example",))
    assert pickle.loads(pickle.dumps(work)) == work
