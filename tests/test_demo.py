"""The demo: the whole of it, as a newcomer runs it."""

from __future__ import annotations

import email
import json
import subprocess
import sys
from email import policy
from pathlib import Path

import feedparser
import pytest


def _aggregator(*words: str, now: str | None = None) -> subprocess.CompletedProcess[str]:
    from os import environ

    return subprocess.run(
        [sys.executable, "-m", "aggregator", *words],
        capture_output=True,
        encoding="utf-8",
        env=dict(environ) | ({"AGGREGATOR_NOW": now} if now else {}),
        check=False,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo that was played, and what it said."""
    out = tmp_path_factory.mktemp("demo") / "run"
    ended = _aggregator("demo", "--out", str(out))
    assert ended.returncode == 0, ended.stderr
    return out, ended.stdout


def test_the_rounds_show_news_updates_duplicates_and_rest(played: tuple[Path, str]) -> None:
    """Each day shows what it is there for: 57 items in 55 stories, joins, an update, an unchanged round."""
    _, said = played
    assert "57 new items, 0 updated: 55 new stories, 2 items told a story already known" in said
    assert "10 new items, 0 updated: 9 new stories, 1 items told a story already known" in said
    assert "7 new items, 2 updated: 7 new stories, 0 items told a story already known" in said
    assert "10 sources visited: 0 changed, 9 unchanged, 1 failed" in said
    assert "rules were broken at none of them" in said
    assert said.count("no document changed") == 1


def test_the_joint_survey_is_one_story_of_three_partners(played: tuple[Path, str]) -> None:
    """The survey credits all three, the two welcomes stay two."""
    out, _ = played
    feed = feedparser.parse((out / "public" / "atom.xml").read_bytes())
    titles = [entry.title for entry in feed.entries]
    survey = [entry for entry in feed.entries if "survey: how do you store" in entry.title]
    assert len(survey) == 1
    credited = {link.title for link in survey[0].links if link.rel == "related"}
    assert credited == {
        "Also published by German Imaging Society",
        "Also published by Imaging Data Consortium",
    }
    assert {"Welcome, MAdMiC Node!", "Welcome, Adriatic Node!"} <= set(titles)
    assert len(titles) == len(set(titles)) == 71


def test_nothing_hostile_gets_through(played: tuple[Path, str]) -> None:
    """The forum's hostile item is told, its script is not."""
    out, _ = played
    for name in ("atom.xml", "index.html"):
        text = (out / "public" / name).read_text("utf-8")
        assert "Hackathon in Ghent" in text
        assert "<script" not in text and "onerror" not in text and "javascript:" not in text


def test_the_digest_is_in_the_outbox(played: tuple[Path, str]) -> None:
    """One letter, with text and HTML, telling the news of the week."""
    out, _ = played
    (file,) = (out / "var" / "outbox").glob("*.eml")
    mail = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text and "Welcome, Adriatic Node!" in text.get_content()
    assert html and "Welcome, Adriatic Node!" in html.get_content()


def test_the_result_can_be_asked(played: tuple[Path, str]) -> None:
    """The commands that the demo names at its end work."""
    out, _ = played
    config = str(out / "feeds.yaml")
    found = json.loads(_aggregator("-c", config, "search", "--json", "joint", "survey").stdout)
    story = found["stories"][0]["story"]
    shown = json.loads(_aggregator("-c", config, "story", "show", "--json", story).stdout)["stories"][0]
    assert [item["source"] for item in shown["items"]] == ["hub", "gerbi", "nfdi"]


def test_the_german_copy_is_explained(played: tuple[Path, str]) -> None:
    """The German copy has an address of its own and joins by what it says; a reader can follow why."""
    out, _ = played
    config = str(out / "feeds.yaml")
    found = json.loads(_aggregator("-c", config, "search", "--json", "joint", "survey").stdout)
    said = _aggregator("-c", config, "story", "explain", found["stories"][0]["story"]).stdout
    copy = said.partition("Gemeinsame Umfrage")[2].partition("Take part")[0]
    assert "It tells the same news as the story's lead, because" in copy
    assert "both say" in copy and "both give the date" in copy and "are needed" in copy


def test_a_folder_that_is_no_demos_is_left_alone(tmp_path: Path) -> None:
    """The demo empties only its own folder."""
    (tmp_path / "precious").write_text("x")
    ended = _aggregator("demo", "--out", str(tmp_path))
    assert ended.returncode == 1 and "not a demo's" in ended.stderr
    assert (tmp_path / "precious").exists()
