"""Run the demo: poll three recorded days of partner sites with the real commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from aggregator.demo.sites import Community, community_servers
from aggregator.errors import AggregatorError, FilesError

MARKER_FILE = ".aggregator-demo"
PORT = 8017
FEEDS = """\
# Written by `aggregator demo`: a recorded community on this machine.
site:
  title: Imaging news (demo)
  url: http://127.0.0.1:{port}/
  contact: editors@news.example
  language: en
  timezone: Europe/Berlin
  authority: news.example,2026
fetch: {{allow_private: [127.77.0.0/24]}}
web: {{url: "http://127.0.0.1:{port}/", listen: "127.0.0.1:{port}"}}
editors: [editor@news.example]
sources:
  - id: hub
    name: European Imaging Hub
    url: {hub}/news/
    kind: page
    priority: 10
    page: {{item: article.news-item, link: a.title-link, title: a.title-link h3, date: span.date, summary: p.summary}}
  - {{id: gerbi, name: German Imaging Society, url: "{gerbi}/feed/", language: de, timezone: Europe/Berlin}}
  - {{id: nfdi, name: Imaging Data Consortium, url: "{nfdi}/feed.atom", topics: [data]}}
  - {{id: turin, name: Molecular Imaging Turin, url: "{turin}/rdf.xml", timezone: Europe/Rome}}
  - {{id: fiam, name: Finnish Microscopy Node, url: "{fiam}/feed.json", timezone: Europe/Helsinki}}
  - {{id: brno, name: Imaging Brno, url: "{brno}/news.xml", timezone: Europe/Prague}}
  - {{id: lisbon, name: Lisbon Imaging Platform, url: "{lisbon}/rss.xml", timezone: Europe/Lisbon}}
  - {{id: oslo, name: Oslo Node, url: "{oslo}/feed/", timezone: Europe/Oslo}}
  - {{id: forum, name: Image Analysis Forum, url: "{forum}/c/announcements.rss", aggregator: true}}
  - id: restoration
    name: Bildgebung in der Restaurierung
    url: {restoration}/aktuelles/
    kind: page
    language: de
    timezone: Europe/Berlin
    page: {{item: div.teaser, link: h2 a, title: h2 a, date: time, summary: div.text}}
topics:
  data: [FAIR, metadata, Metadaten, Bilddaten, "image data", OMERO, /ome.?zarr/]
  analysis: [plugin, napari, Fiji, /image analysis/, Bildanalyse]
channels:
  - {{id: all, title: Imaging news (demo)}}
  - {{id: events, title: Events and courses, include: {{kinds: [event, course]}}}}
  - {{id: data, title: Image data, include: {{topics: [data]}}}}
  - {{id: deutsch, title: Auf Deutsch, include: {{languages: [de]}}}}
digests:
  - {{id: weekly, title: Imaging weekly, channels: [all], schedule: "mon 08:00", recipients: [reader@news.example]}}
mail:
  from: Imaging news <editors@news.example>
"""


def run_demo(out: Path, *, serve: bool) -> None:
    """Run the demo in the folder `out`; with `serve`, serve the result until interrupted."""
    _empty(out)
    try:
        with community_servers() as community:
            (out / "feeds.yaml").write_text(FEEDS.format(port=PORT, **community.addresses), encoding="utf-8")
            _run_days(out, community)
            _print_results(out)
            if serve:
                _serve(out)
    except subprocess.CalledProcessError as error:
        raise AggregatorError(
            f"the demo stopped: `{' '.join(error.cmd[3:])}` ended with {error.returncode}"
        ) from error


def _empty(out: Path) -> None:
    """Empty the folder; raises FilesError for one that no demo wrote."""
    if out.exists() and any(out.iterdir()) and not (out / MARKER_FILE).exists():
        raise FilesError(f"{out} exists and was not written by a demo: choose another folder with --out")
    try:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER_FILE).touch()
    except OSError as error:
        raise FilesError(f"{out} cannot be written: {error.strerror}") from error


def _run_days(out: Path, community: Community) -> None:
    def command(now: str, *words: str) -> None:
        print(f"$ aggregator {' '.join(words)}", flush=True)
        environment = os.environ | {"AGGREGATOR_NOW": now}
        call = [sys.executable, "-m", "aggregator", "-c", str(out / "feeds.yaml"), "-v", *words]
        subprocess.run(call, check=True, env=environment)
        print(flush=True)

    _heading("Ten recorded partner sites are served on this machine; the clock is simulated.")
    command("2026-10-01T09:00:00+00:00", "check")

    _heading(
        "Thursday, 1 October 2026: the first round. Everything is new; Oslo is down, Brno sends malformed XML."
    )
    command("2026-10-01T09:00:00+00:00", "fetch")

    community.day = "day2"
    _heading("Friday: new items; a third partner announces the joint survey, which stays one story.")
    command("2026-10-02T09:00:00+00:00", "fetch")

    community.day = "day3"
    _heading("Monday, 5 October: Lisbon moves its winter school to Porto, and a course is cancelled.")
    command("2026-10-05T06:30:00+00:00", "fetch")
    _heading("Monday is also the day of the digest.")
    command("2026-10-05T06:35:00+00:00", "digest", "run")

    _heading(
        "Tuesday: nothing is new; two pages no longer list what ended on Monday, and no feed is touched."
    )
    command("2026-10-06T06:30:00+00:00", "fetch")

    _heading("One story, published by three partners:")
    command("2026-10-06T06:30:00+00:00", "search", "joint survey")
    command("2026-10-06T06:30:00+00:00", "story", "show", _story_about(out, "joint survey"))
    _heading("The health of the sources, and how their servers were treated:")
    command("2026-10-06T06:30:00+00:00", "status")
    command("2026-10-06T06:30:00+00:00", "status", "--politeness")


def _story_about(out: Path, words: str) -> str:
    call = [sys.executable, "-m", "aggregator", "-c", str(out / "feeds.yaml"), "search", "--json", words]
    result = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    return str(result["stories"][0]["story"])


def _heading(text: str) -> None:
    print(f"\n--- {text}", flush=True)


def _print_results(out: Path) -> None:
    _heading("Done. The results:")
    print(
        f"  {out / 'public' / 'index.html'}   the page (`aggregator demo --serve` serves it on http://127.0.0.1:{PORT}/)"
    )
    print(f"  {out / 'public' / 'atom.xml'}     the merged feed: each entry names its source")
    print(f"  {out / 'public' / 'events' / 'index.html'}   events and deadlines, with their calendars")
    for page in sorted((out / "public" / "digests").glob("weekly-*.html")):
        print(f"  {page}   the digest as its permanent page")
    for message in sorted((out / "var" / "outbox").glob("*.eml")):
        print(f"  {message}   the digest as a mail message")
    print(
        f"  {out / 'feeds.yaml'}          the configuration (its sites are served only while the demo runs)"
    )
    program = Path(sys.executable).with_name("aggregator")
    print(
        f"  {program} -c {out / 'feeds.yaml'} search survey   (or: status, story show ID, story explain ID)"
    )


def _serve(out: Path) -> None:
    address = f"http://127.0.0.1:{PORT}/"
    print(f"\nServing on {address} (stop with Ctrl-C)")
    print(f"  {address}search    search, with a feed of its results")
    print(f"  {address}status    how the partners' servers and the aggregator are")
    run = f"`aggregator -c {out / 'feeds.yaml'} digest run`"
    print(f"  {address}subscribe sign-up; {run} then writes the confirmation to {out / 'var/outbox'}")
    print(
        f"  {address}editor    the editors' pages, for editor@news.example; {run} writes the link", flush=True
    )
    with suppress(KeyboardInterrupt):
        subprocess.run(
            [sys.executable, "-m", "aggregator", "-c", str(out / "feeds.yaml"), "serve"], check=True
        )
