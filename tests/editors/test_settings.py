"""The keys of editors in feeds.yaml, and the commands that list and undo decisions."""

from __future__ import annotations

import json

import pytest

from aggregator.config import load
from aggregator.dedupe import editor_commands
from aggregator.errors import ConfigError
from tests import command
from tests.dedupe.test_assign import OTHER_WELCOME, WELCOME, store_reports
from tests.workplace import Workplace

URL = "url: 'https://news.example/'"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (f"web: {{{URL}}}\neditors: [eva]\n", "editors[0]: 'eva' is not a mail address"),
        (f"web: {{{URL}}}\neditors: eva@a.example\n", "editors: should be a list, not a text"),
        ("editors: [eva@a.example]\n", "web.url: is missing: `editors` sign in by a mailed link to it"),
        ("web: {editor_header: X-Remote-User}\n", "web.editor_header: needs `web.trusted_proxies`"),
        (
            "web: {trusted_proxies: [127.0.0.1], editor_header: 'X Remote'}\n",
            "web.editor_header: 'X Remote' is not the name of a header",
        ),
        (
            "web: {trusted_proxies: [127.0.0.1], editor_header: COOKIE}\n",
            "web.editor_header: 'COOKIE' has another meaning",
        ),
        (
            f"web: {{{URL}, editor_headr: X-User}}\n",
            'web.editor_headr: unknown key, did you mean "editor_header"?',
        ),
    ],
)
def test_wrong_settings_are_refused(place: Workplace, settings: str, problem: str) -> None:
    """Each mistake is one problem with its key."""
    file = place.write(f"{settings}sources: []\n")
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert len(refused.value.problems) == 1
    assert problem in str(refused.value)


def test_editors_are_read_once_each(place: Workplace) -> None:
    """An address that is listed twice, in another case, is one editor."""
    file = place.write(
        f"web: {{{URL}}}\neditors: [Eva@a.example, eva@A.example, max@a.example]\nsources: []\n"
    )
    assert load(file).editors == ("Eva@a.example", "max@a.example")


def test_decisions_are_listed_and_undone(place: Workplace) -> None:
    """`story decisions` lists them with numbers, `story undo` undoes one, once."""
    reported = store_reports(place, WELCOME, OTHER_WELCOME)
    assert command.call(place, "story", "decisions").err == "no decisions yet\n"
    editor_commands.merge(place.app(), list(reported.values()), "eva@a.example")
    assert "1  2026-10-05 06:30 UTC  eva@a.example: merge" in command.call(place, "story", "decisions").out
    assert command.call(place, "story", "undo", "1").out.startswith(
        "decision 1 (merge) is undone from the next"
    )
    listed = json.loads(command.call(place, "story", "decisions", "--json").out)["decisions"]
    assert [(each["verb"], each["undone"]) for each in listed] == [("undo merge", False), ("merge", True)]
    again = command.call(place, "story", "undo", "1")
    assert (again.code, again.line) == (
        2,
        "aggregator: decision 1 was undone before; nothing was changed",
    )
    assert (
        command.call(place, "story", "undo", "9").line
        == "aggregator: no decision 9: `aggregator story decisions` lists them; nothing was changed"
    )
    assert command.call(place, "story", "undo", "first").code == 2
