"""Kill runs at random points: no data are lost, and nothing is published twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import rss
from tests.web_server import Web
from tests.workplace import HEAD

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data" / "feeds"
DIGEST = """
channels:
  - {id: few, title: Few, include: {sources: [node1, node2]}}
digests:
  - {id: weekly, title: Weekly, schedule: 'mon 08:00', recipients: [a@x.example, b@x.example]}
"""


def _generated(n: int) -> bytes:
    """Make a feed of 25 items of this week."""
    return rss(
        *(
            {
                "title": f"News {n}-{k}",
                "link": f"https://node{n}.example/news/{k}",
                "description": f"<p>{'Some words about microscopes. ' * 30}{k}</p>",
                "pubDate": f"Sun, {1 + k % 4:02} Oct 2026 10:{k:02}:00 +0000",
            }
            for k in range(25)
        )
    )


def _killed(folder: Path, webs: Callable[[], Web], documents: list[bytes], kills: int) -> str:
    """Kill runs over these documents, compare the end states, and return the output."""
    lines = ["sources:"]
    for n, document in enumerate(documents):
        web = webs()
        web.feed("/feed", document, etag=f'"{n}"')
        lines.append(f"  - {{id: node{n}, name: Node {n}, url: '{web.url}/feed'}}")
    (folder / "feeds.yaml").write_text(HEAD + "\n".join(lines) + DIGEST, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.killed_runs", str(folder), str(kills), "1"],
        cwd=ROOT,
        env={"AGGREGATOR_NOW": "2026-10-05T06:30:00+00:00", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_killed_runs_end_in_the_state_of_an_undisturbed_one(tmp_path: Path, webs: Callable[[], Web]) -> None:
    """A run after random kills ends with the same database, files and messages (P1, M4)."""
    assert "kills" in _killed(tmp_path, webs, [_generated(n) for n in range(4)], 8)


@pytest.mark.soak
def test_fifty_kills_on_real_documents(tmp_path: Path, webs: Callable[[], Web]) -> None:
    """Real feeds of up to 624 KB give the same after fifty kills."""
    if not REAL.is_dir():
        pytest.skip("there are no real documents here")
    documents = [file.read_bytes() for file in sorted(REAL.iterdir())]
    print(_killed(tmp_path, webs, documents, 50))


@pytest.mark.soak
def test_a_thousand_kills(tmp_path: Path, webs: Callable[[], Web]) -> None:
    """Generated feeds give the same after a thousand kills."""
    print(_killed(tmp_path, webs, [_generated(n) for n in range(6)], 1000))
