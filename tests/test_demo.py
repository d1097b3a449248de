"""Run the whole demo as a newcomer does."""

from __future__ import annotations

import email
import json
import socket
import struct
import subprocess
import sys
from email import policy
from pathlib import Path

import feedparser
import pytest

from aggregator.config.load import load
from aggregator.demo.sites import community_servers
from aggregator.digests.editor_sign_in import mails_links
from aggregator.digests.personal import is_protected
from tests.feed_validators import chain
from tests.publishing.events import parsed
from tests.publishing.test_feed_validators import DEMO, JUDGES, PLAYED, judge


def _aggregator(*words: str, now: str | None = None) -> subprocess.CompletedProcess[str]:
    from os import environ

    return subprocess.run(
        [sys.executable, "-m", "aggregator", *words],
        capture_output=True,
        encoding="utf-8",
        env=dict(environ) | ({"AGGREGATOR_NOW": now} if now else {}),
        check=False,
    )


def test_a_partner_prints_nothing_for_a_closed_connection(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A client that resets its connection, as after a signal, is no error of the demo."""
    with community_servers() as community:
        host, _, port = community.addresses["gerbi"].removeprefix("http://").partition(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"GET / HTTP/1.1\r\n")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder of a finished demo, and its output."""
    out = tmp_path_factory.mktemp("demo") / "run"
    ended = _aggregator("demo", "--out", str(out))
    assert ended.returncode == 0, ended.stderr
    return out, ended.stdout


def test_rounds(played: tuple[Path, str]) -> None:
    """The rounds have 57 items in 55 stories, joins, an update, and a round without news.

    The page of the partner whose server fails is written each day.
    """
    _, output = played
    assert "57 new items, 0 updated: 55 new stories, 2 items joined known stories" in output
    assert "10 new items, 0 updated: 9 new stories, 1 item joined known stories" in output
    assert "8 new items, 2 updated: 8 new stories, 0 items joined known stories" in output
    assert "10 sources visited: 0 changed, 9 unchanged, 1 failed" in output
    assert "rules were broken at none of them" in output
    assert "\n3 documents written: index.html, events/index.html, partners/oslo.html\n" in output


def test_one_story_of_three_partners(played: tuple[Path, str]) -> None:
    """The survey credits three partners; two similar welcomes stay two stories."""
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
    assert len(titles) == len(set(titles)) == 72


def test_hostile_item(played: tuple[Path, str]) -> None:
    """The hostile item of the forum is published without its script."""
    out, _ = played
    for name in ("atom.xml", "index.html"):
        text = (out / "public" / name).read_text("utf-8")
        assert "Hackathon in Ghent" in text
        assert "<script" not in text and "onerror" not in text and "javascript:" not in text


def test_digest_in_the_outbox(played: tuple[Path, str]) -> None:
    """The outbox has one message with text and HTML, which carries the stories of the week."""
    out, _ = played
    (file,) = (out / "var" / "outbox").glob("*.eml")
    mail = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text and "Welcome, Adriatic Node!" in text.get_content()
    assert html and "Welcome, Adriatic Node!" in html.get_content()


def test_events(played: tuple[Path, str]) -> None:
    """The calendars have a course, its deadline, German events and a cancelled one (CA3)."""
    out, _ = played
    events, deadlines = (
        parsed((out / "public" / name).read_bytes()).events for name in ("events.ics", "deadlines.ics")
    )
    of_events = {str(event.summary): event for event in events}
    turin = of_events["Hands-on course: preclinical imaging in Turin, 20-22 October 2026"]
    assert (str(turin.dtstart), str(turin.dtend)) == ("2026-10-20", "2026-10-23")
    leipzig = of_events["Kurs „Bildanalyse mit Python“ in Leipzig – noch freie Plätze"]
    assert (leipzig.status, leipzig.sequence) == ("CANCELLED", 1)
    assert "Deadline: Hands-on course: preclinical imaging in Turin, 20-22 October 2026" in {
        event.summary for event in deadlines
    }
    page = (out / "public" / "events" / "index.html").read_text("utf-8")
    assert "Cancelled: 23–27 November 2026, Leipzig" in page and "Workshop: Bilddaten" in page


def test_search_and_show(played: tuple[Path, str]) -> None:
    """The commands that the demo names at its end work."""
    out, _ = played
    config = str(out / "feeds.yaml")
    found = json.loads(_aggregator("-c", config, "search", "--json", "joint", "survey").stdout)
    story = found["stories"][0]["story"]
    shown = json.loads(_aggregator("-c", config, "story", "show", "--json", story).stdout)["stories"][0]
    assert [item["source"] for item in shown["items"]] == ["hub", "gerbi", "nfdi"]


def test_explanation_of_a_translation(played: tuple[Path, str]) -> None:
    """The German copy has another link and joins by its text; `story explain` shows why."""
    out, _ = played
    config = str(out / "feeds.yaml")
    found = json.loads(_aggregator("-c", config, "search", "--json", "joint", "survey").stdout)
    output = _aggregator("-c", config, "story", "explain", found["stories"][0]["story"]).stdout
    copy = output.partition("Gemeinsame Umfrage")[2].partition("Take part")[0]
    assert "It is the same story as the lead, because" in copy
    assert "both titles say" in copy and "both give the date" in copy and "needed" in copy


def test_the_demo_has_an_editor(played: tuple[Path, str]) -> None:
    """Somebody who tries the demo can sign in at the editors' pages that `--serve` names."""
    config = load(played[0] / "feeds.yaml")
    assert config.editors == ("editor@news.example",)
    assert mails_links(config) and is_protected(config.web.url or "")


def test_other_folder_is_not_emptied(tmp_path: Path) -> None:
    """The demo empties only folders that a demo wrote."""
    (tmp_path / "precious").write_text("x")
    ended = _aggregator("demo", "--out", str(tmp_path))
    assert ended.returncode == 1 and "was not written by a demo" in ended.stderr
    assert (tmp_path / "precious").exists()


def test_demo_documents_are_valid(played: tuple[Path, str]) -> None:
    """Every feed, archive and list of the demo passes without an error or warning."""
    public = played[0] / "public"
    paths = [
        file.relative_to(public).as_posix()
        for file in sorted(public.rglob("*"))
        if file.name in JUDGES or (file.parent.name == "archive" and file.suffix == ".xml")
    ]
    assert {"atom.xml", "sources.opml", "channels/events/atom.xml", "digests/atom.xml"} <= set(paths)
    assert [
        f"{path}: {problem}"
        for path in paths
        for problem in judge(path)((public / path).read_bytes(), DEMO + path, PLAYED)
    ] == []


def test_the_demo_archive_is_complete(played: tuple[Path, str]) -> None:
    """The chain from atom.xml has every document without contradictions (PB8)."""
    public = played[0] / "public"
    problems, ids = chain.walk(DEMO + "atom.xml", lambda url: (public / url.removeprefix(DEMO)).read_bytes())
    assert problems == []
    assert len(ids) == 72
