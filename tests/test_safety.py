"""Check that no string of a feed or server is active in files, mail and output (PB5, PB16).

Feeds in three formats have every vector in every field. The real commands fetch and publish them, write the digest
and print what they know. Parsers as readers have them check all files and output.
"""

from __future__ import annotations

import email
import html
import json
import os
import pty
import re
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from itertools import chain
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from lxml import etree

from aggregator.gateways import sandbox
from aggregator.polling import polite_client
from tests.builders import NOW
from tests.chromium import CHROMIUM
from tests.command import PROGRAM, Output, call
from tests.hostile_strings import POISON, VECTORS, faults, terminal_faults, xml_faults
from tests.publishing.pages import PAGES
from tests.web_server import Web
from tests.workplace import HEAD, Clock, Workplace

ATOM = "{http://www.w3.org/2005/Atom}"
PAYLOAD = "top.document.title=1"
"""The script of the vectors, so that a browser shows whether it ran."""

ARMED = tuple(vector.replace("alert(1)", PAYLOAD) for vector in VECTORS)
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SIZE = 15
WELL_FORMED = [vector for vector in ARMED if not NOT_XML.search(vector)]
BROKEN = [vector for vector in ARMED if NOT_XML.search(vector)]
BATCHES = [
    tuple(vectors[start : start + SIZE])
    for vectors in (WELL_FORMED, BROKEN)
    for start in range(0, len(vectors), SIZE)
]
BATCHES += [tuple(text for text in POISON if not NOT_XML.search(text))]
"""Vectors that XML can contain, vectors that make it malformed, and texts that may raise."""


# --- feeds with vectors everywhere ---------------------------------------------------------------------


def rss(vectors: tuple[str, ...]) -> bytes:
    """Make RSS 2.0 with content:encoded, Dublin Core and enclosures."""
    items = "".join(
        f"<item><title>{escape(v)}</title><link>{escape(link(n, v))}</link>"
        f"<guid isPermaLink={quoteattr(v)}>{escape(v)}</guid><author>{escape(v)}</author>"
        f"<dc:creator>{escape(v)}</dc:creator><dc:rights>{escape(v)}</dc:rights>"
        f"<dc:language>{escape(v)}</dc:language>"
        f"<category domain={quoteattr(v)}>{escape(v)}</category><comments>{escape(v)}</comments>"
        f"<description>{escape('what it says: ' + v)}</description>"
        f"<content:encoded><![CDATA[<p>before</p>{v.replace(']]>', ']]]]><![CDATA[>')}<p>after</p>]]></content:encoded>"
        f"<enclosure url={quoteattr(v)} type={quoteattr(v)} length={quoteattr(v)}/>"
        f"<enclosure url={quoteattr('https://node.example/' + v)} type={quoteattr(v)}/>"
        f"<pubDate>{escape(v if n % 2 else f'Mon, 05 Oct 2026 05:00:00 +0000 {v}')}</pubDate></item>"
        for n, v in enumerate(vectors)
    )
    v = vectors[0]
    head = f"<title>{escape(v)}</title><link>{escape(v)}</link><description>{escape(v)}</description>"
    head += (
        f"<language>{escape(v)}</language><copyright>{escape(v)}</copyright><pubDate>{escape(v)}</pubDate>"
    )
    head += f"<generator>{escape(v)}</generator><ttl>{escape(v)}</ttl>"
    head += f"<image><url>{escape(v)}</url><title>{escape(v)}</title><link>{escape(v)}</link></image>"
    spaces = (
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    )
    return encoded(f'<rss version="2.0" {spaces}><channel>{head}{items}</channel></rss>')


def atom(vectors: tuple[str, ...]) -> bytes:
    """Make Atom with constructs of type text, html and wrong types, and hostile bases."""
    entries = "".join(
        f"<entry xml:base={quoteattr(v)} xml:lang={quoteattr(v)}><id>{escape(v)}</id>"
        f"<title type={quoteattr(('text', 'html', v)[n % 3])}>{escape(v)}</title>"
        f"<link href={quoteattr(link(n, v))} type={quoteattr(v)} title={quoteattr(v)} hreflang={quoteattr(v)}/>"
        f"<link rel={quoteattr(v)} href={quoteattr(v)}/>"
        f"<link rel='enclosure' href={quoteattr('https://node.example/' + v)} type={quoteattr(v)}/>"
        f"<author><name>{escape(v)}</name><uri>{escape(v)}</uri><email>{escape(v)}</email></author>"
        f"<category term={quoteattr(v)} scheme={quoteattr(v)} label={quoteattr(v)}/><rights>{escape(v)}</rights>"
        f"<summary type='text'>{escape('what it says: ' + v)}</summary>"
        f"<content type={quoteattr(('html', 'text/html', 'text', v)[n % 4])}>{escape(f'<p>before</p>{v}')}</content>"
        f"<published>{escape(v if n % 2 else '2026-10-05T05:00:00Z')}</published>"
        f"<updated>{escape('2026-10-05T05:00:00Z' + v)}</updated></entry>"
        for n, v in enumerate(vectors)
    )
    v = vectors[0]
    head = f"<id>{escape(v)}</id><title type='html'>{escape(v)}</title><updated>{escape(v)}</updated>"
    head += (
        f"<link href={quoteattr(v)}/><rights>{escape(v)}</rights><author><name>{escape(v)}</name></author>"
    )
    attributes = f"xmlns='http://www.w3.org/2005/Atom' xml:base={quoteattr(v)} xml:lang={quoteattr(v)}"
    return encoded(f"<feed {attributes}>{head}{entries}</feed>")


def json_feed(vectors: tuple[str, ...]) -> bytes:
    """Make JSON Feed 1.1, which can contain every character."""
    items = [
        {
            "id": v,
            "url": link(n, v),
            "title": v,
            ("content_html", "content_text")[n % 2]: f"<p>before</p>{v}",
            "summary": v,
            "date_published": v if n % 2 else "2026-10-05T05:00:00Z",
            "date_modified": v,
            "authors": [{"name": v, "url": v}],
            "tags": [v],
            "language": v,
            "attachments": [
                {"url": url, "mime_type": v, "size_in_bytes": v} for url in (v, f"https://node.example/{v}")
            ],
        }
        for n, v in enumerate(vectors)
    ]
    v = vectors[0]
    head = {"version": "https://jsonfeed.org/version/1.1", "title": v, "home_page_url": v, "feed_url": v}
    return json.dumps({**head, "language": v, "items": items}).encode()


def link(n: int, vector: str) -> str:
    """Return the vector as a URL, or appended to one."""
    return vector if n % 2 else f"https://node.example/{n}/{vector}"


def encoded(text: str) -> bytes:
    """Encode as UTF-8, invalid for surrogates."""
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text.encode("utf-8", "surrogatepass")


FEEDS: dict[str, Callable[[tuple[str, ...]], bytes]] = {"rss": rss, "atom": atom, "json": json_feed}


# --- the run -------------------------------------------------------------------------------------------


@dataclass
class Run:
    """Hold the workplace of a batch, and the output of each command."""

    place: Workplace
    vectors: tuple[str, ...]
    outputs: dict[str, Output]

    def documents(self, suffix: str) -> dict[str, str]:
        """Read the published documents of a kind, by path."""
        public = self.place.public
        return {str(file.relative_to(public)): file.read_text("utf-8") for file in public.rglob(f"*{suffix}")}

    def messages(self) -> list[bytes]:
        """Read every message of the outbox."""
        return [file.read_bytes() for file in sorted((self.place.folder / "var" / "outbox").iterdir())]


@contextmanager
def served(folder: Path, vectors: tuple[str, ...]) -> Iterator[Workplace]:
    """Serve a source in each format, each on a host of its own, with licences for full text."""
    place, webs = Workplace(folder, Clock()), {format_: Web() for format_ in FEEDS}
    sources = "".join(
        f"  - {{id: {format_}, name: The {format_}, url: '{web.url}/feed', full_text: true, licence: CC0}}\n"
        for format_, web in webs.items()
    )
    digest = "{id: daily, title: Daily, schedule: '0 8 * * *', recipients: [ada@a.example, bob@b.example]}"
    place.write(f"sources:\n{sources}digests:\n  - {digest}\n")
    try:
        for format_, web in webs.items():
            web.feed("/feed", FEEDS[format_](vectors), '"1"')
        yield place
    finally:
        for web in webs.values():
            web.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Run every batch once; the processes that parse stay from one to the next."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sandbox, "end_processes", lambda: None)
            return [run(tmp_path_factory.mktemp("hostile") / "place", vectors) for vectors in BATCHES]
    finally:
        sandbox.end_processes()


@pytest.fixture(params=range(len(BATCHES)))
def batch(request: pytest.FixtureRequest, runs: list[Run]) -> Run:
    """Return one batch after the other."""
    return runs[request.param]


def run(folder: Path, vectors: tuple[str, ...]) -> Run:
    """Fetch, publish, mail and print a batch of vectors by the real commands."""
    folder.mkdir()
    with served(folder, vectors) as place:
        outputs = {
            "fetch": call(place, "-vv", "fetch", sandboxed=True),
            "digest run": call(place, "-vv", "digest", "run"),
            "digest preview": call(place, "digest", "preview", "daily"),
            "publish": call(place, "-v", "publish"),
            "status": call(place, "status"),
            "status --json": call(place, "status", "--json"),
            "status --textfile": call(place, "status", "--textfile", str(folder / "metrics.prom")),
            "source list": call(place, "source", "list"),
            "source export": call(place, "source", "export"),
            "check": call(place, "check"),
        }
        ids = sorted(path.stem for path in (place.public / "stories").glob("*.html"))
        assert len(ids) > len(vectors)
        outputs |= {
            "story show": call(place, "story", "show", *ids),
            "story show --json": call(place, "story", "show", "--json", *ids),
            "story explain": call(place, "story", "explain", ids[0]),
            "story explain two": call(place, "story", "explain", *ids[:2]),
            "search": call(place, "search", "before", "--limit", "1000"),
            "search --json": call(place, "search", "--json", "what", "--limit", "1000"),
        }
    assert {command: one.code for command, one in outputs.items()} == dict.fromkeys(outputs, 0)
    return Run(place, vectors, outputs)


# --- checks -------------------------------------------------------------------------------------


def test_no_entry_is_lost(batch: Run) -> None:
    """Every source has as many items as its document has entries, and no error."""
    sources = json.loads(batch.outputs["status --json"].out)["sources"]
    assert {one["id"]: (one["state"], one["items"]) for one in sources} == dict.fromkeys(
        FEEDS, ("ok", len(batch.vectors))
    )


def test_pages(batch: Run) -> None:
    """An HTML5 parser finds no script, event, foreign namespace or odd URL on any page (PB5)."""
    pages = batch.documents(".html")
    assert pages
    for path, page in pages.items():
        assert faults(page) == [], path


def test_xml(batch: Run) -> None:
    """Feeds and the list of sources are well-formed and have only characters of XML 1.0."""
    documents = batch.documents(".xml") | batch.documents(".opml")
    assert "atom.xml" in documents and "sources.opml" in documents
    for path, document in documents.items():
        assert xml_faults(document.encode()) == [], path
    assert xml_faults(batch.outputs["source export"].out.encode()) == []


def test_content_of_atom(batch: Run) -> None:
    """Texts of Atom entries are harmless as HTML, and every URL is http or https (PB5)."""
    for path, document in batch.documents(".xml").items():
        if not path.endswith("rss.xml") and not path.startswith("sitemap"):
            _check_atom(document)


def test_content_of_rss(batch: Run) -> None:
    """Texts of RSS items are harmless as HTML, and every URL is http or https (PB5, PB7)."""
    for path, document in batch.documents(".xml").items():
        if path.endswith("rss.xml"):
            items = etree.fromstring(document.encode()).findall("channel/item")
            assert items
            for text in (
                e.text or "" for i in items for e in i if e.tag == "description" or "encoded" in e.tag
            ):
                assert faults(text) == []
            assert [
                i.findtext("link") for i in items if not i.findtext("link").lower().startswith("http")
            ] == []


def _check_atom(document: str) -> None:
    feed = etree.fromstring(document.encode())
    entries = feed.findall(f"{ATOM}entry")
    assert entries
    for content in feed.iter(f"{ATOM}content"):
        assert content.get("type") == "html" and len(content) == 0
        assert faults(content.text or "") == []
    for tag in ("title", "summary", "rights", "name"):
        for element in feed.iter(f"{ATOM}{tag}"):
            assert len(element) == 0
            assert element.get("type", "text") == "text" or faults(element.text) == []
    addresses = [e.get("href") or e.get("uri") or "" for e in feed.iter(f"{ATOM}link")]
    assert [one for one in addresses if not re.match(r"(?i)https?://[^\s<>\"\x00-\x20]+$", one)] == []


HEADERS = [
    "To",
    "Message-ID",
    "From",
    "Subject",
    "Date",
    "List-Id",
    "List-Unsubscribe",
    "List-Archive",
    "Auto-Submitted",
    "Precedence",
    "MIME-Version",
    "Content-Type",
]


def test_headers_of_messages(batch: Run) -> None:
    """No string of a feed adds a header, part, recipient or overlong line to a message (PB16)."""
    messages = batch.messages()
    assert len(messages) == 2
    for body in messages:
        mail = email.message_from_bytes(body, policy=policy.default)
        assert mail.keys() == HEADERS
        assert not mail.defects
        assert [part.get_content_type() for part in mail.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
        assert all(not part.defects for part in mail.walk())
        assert body.isascii() and b"\0" not in body
        assert max(map(len, body.splitlines())) < 998
        assert mail["Subject"] == "Daily, 5 October 2026"


def test_bodies_of_messages(batch: Run) -> None:
    """Both parts of a message are harmless, and no story is missing (PB5)."""
    for body in batch.messages():
        mail: Any = email.message_from_bytes(body, policy=policy.default)
        text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert faults(page) == []
        assert terminal_faults(text.replace("\r\n", "\n")) == []
        assert "more at https://news.example/" not in text


def test_output_of_commands(batch: Run) -> None:
    """Commands print foreign strings without control characters and bidi overrides."""
    for command, said in batch.outputs.items():
        assert terminal_faults(said.out) == [], command
        assert terminal_faults(said.err) == [], command


def test_names_of_files(batch: Run) -> None:
    """Files have only expected names and folders."""
    folder = batch.place.folder
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    message = r"daily-2026-10-05-[0-9a-f]{24}\.eml"
    expected = (
        r"feeds\.yaml|metrics\.prom|var/(lock|parsed-feeds\.json|compiled-templates/([0-9a-f]{40}|program)|aggregator\.db(-wal|-shm)?)|public/"
        r"(index\.html|atom\.xml|rss\.xml|feed\.json|feed\.css|archive/\d{4}-\d\d\.xml|sources\.opml)(\.gz)?"
        r"|public/(style-[0-9a-f]{12}\.css|events\.ics|deadlines\.ics|events/(index\.html|choices\.css))(\.gz)?"
        rf"|public/({PAGES.pattern})"
        r"|public/digests/(index\.html|atom\.xml|daily-2026-10-05\.html)(\.gz)?"
        rf"|var/outbox/{message}|[\w./-]*daily[\w-]*\.(eml|html)"
    )
    assert [name for name in files if not re.fullmatch(expected, name)] == []
    assert [name.name for name in folder.parent.iterdir()] == ["place"]


def test_metrics(batch: Run) -> None:
    """No foreign string adds a line to the metrics."""
    lines = (batch.place.folder / "metrics.prom").read_text("utf-8").splitlines()
    assert [
        one for one in lines if not re.match(r"# (HELP|TYPE) |aggregator_\w+(\{[^{}]*\})? [\d.e+-]+$", one)
    ] == []


# --- on a terminal -------------------------------------------------------------------------------------


def test_output_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal a command prints only its own control characters."""
    vectors = tuple(text for text in (*ARMED, *POISON) if terminal_faults(text))
    assert len(vectors) > 10
    with served(tmp_path, vectors) as place:
        assert terminal_faults(watched(place, "-vv", "fetch")) == []
        assert terminal_faults(watched(place, "search", "before")) == []


def watched(place: Workplace, *args: str) -> str:
    """Return what a command writes on a terminal, without its own progress sequence."""
    ours, its = pty.openpty()
    env = os.environ | {"AGGREGATOR_NOW": NOW.isoformat(), "TERM": "xterm"}
    process = subprocess.Popen([PROGRAM, *args], cwd=place.folder, env=env, stdin=its, stdout=its, stderr=its)
    os.close(its)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # on Linux the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return written.decode().replace("\r\x1b[K", "").replace("\r\n", "\n")


# --- responses of servers ----------------------------------------------------------------------------------


class RawServer(socketserver.ThreadingTCPServer):
    """Answer each path with the bytes given for it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers: dict[str, bytes]) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                path = self.rfile.readline().split(b" ")[1].decode()
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(answers[path])

        super().__init__(("127.89.0.1", 0), Handler)
        self.url = "http://{}:{}".format(*self.server_address[:2])
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


def answers(n: int, vector: str) -> dict[str, bytes]:
    """Make responses with a vector as reason phrase, header, body and redirect target."""
    one_line = vector.replace("\r", "").replace("\n", "").encode("utf-8", "surrogatepass")
    said = b"".join(
        name + b": " + one_line + b"\r\n"
        for name in (
            b"ETag",
            b"Last-Modified",
            b"Retry-After",
            b"Cache-Control",
            b"Expires",
            b"Date",
            b"Server",
            b"Link",
        )
    )
    body = b"%s" % one_line
    size = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    lines = {
        "missing": b"HTTP/1.1 404 " + one_line + b"\r\n" + said,
        "broken": b"HTTP/1.1 500 " + one_line + b"\r\n" + said,
        "page": b"HTTP/1.1 200 OK\r\nContent-Type: " + one_line + b"\r\n" + said,
        "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: " + one_line + b"\r\nContent-Type: x\r\n",
        "moved": b"HTTP/1.1 301 Moved\r\nLocation: " + one_line + b"\r\n",
        "below": b"HTTP/1.1 302 Moved\r\nLocation: /below/" + one_line + b"\r\n",
        "odd": b"HTTP/1.1 " + one_line + b"\r\n" + one_line + b"\r\n",
        "raw": b"HTTP/1.1 404 " + vector.encode("utf-8", "surrogatepass") + b"\r\n",
    }
    return {f"/{kind}-{n}": line + size + body for kind, line in lines.items()}


RESPONSE_VECTORS = [vector for vector in VECTORS if len(vector) < 2_000 and not vector.isalnum()]


class AnyPath(dict[str, bytes]):
    """Answer other paths, the targets of redirects, with 404."""

    def __missing__(self, path: str) -> bytes:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("start", range(0, len(RESPONSE_VECTORS), 32))
def test_responses_in_logs_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    """Strings of responses are printed as text, one line for each source."""
    monkeypatch.setattr(polite_client, "HOST_GAP_SECONDS", 0.0)
    given = AnyPath(
        chain.from_iterable(answers(n, v).items() for n, v in enumerate(RESPONSE_VECTORS[start : start + 32]))
    )
    server = RawServer(given)
    place = Workplace(tmp_path, Clock())
    sources = "".join(f"  - {{id: {path[1:]}, name: N, url: '{server.url}{path}'}}\n" for path in given)
    place.write(f"sources:\n{sources}", HEAD)
    try:
        said = {
            "fetch": call(place, "-vv", "fetch"),
            "status": call(place, "status"),
            "status --json": call(place, "status", "--json"),
            "status --check": call(place, "status", "--check"),
        }
    finally:
        server.shutdown()
        server.server_close()
    for command, one in said.items():
        assert terminal_faults(one.out) == [], command
        assert terminal_faults(one.err) == [], command
    rows = said["status"].out.split("\n")
    assert [row.split()[0] for row in rows[1 : len(given) + 1]] == [path[1:] for path in given]
    for line in said["fetch"].err.splitlines():
        assert re.match(r'\{"time": "|[a-z]+-\d+ \(http://127[^ ]+\): |aggregator: all ', line), line


# --- in a browser --------------------------------------------------------------------------------------


def in_browser(folder: Path, pages: list[str]) -> str:
    """Load pages in frames of one origin in Chromium, and return the title afterwards."""
    frames = "".join(f"<iframe srcdoc={quoteattr(page)}></iframe>" for page in pages)
    file = folder / "driver.html"
    page = f"<!doctype html><meta charset=utf-8><title>quiet</title>{frames}"
    file.write_text(page, encoding="utf-8", errors="replace")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--timeout=20000")
    nowhere = ("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile")
    dumped = subprocess.run(
        [str(CHROMIUM), *flags, *nowhere, "--dump-dom", file.as_uri()],
        capture_output=True,
        check=True,
        timeout=120,
    ).stdout.decode("utf-8", "replace")
    title = re.search("<title>([^<]*)</title>", dumped)  # the first one: parsing the whole takes 2 s
    assert title
    return title[1]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_pages_in_chromium(runs: list[Run], tmp_path: Path, step: int) -> None:
    """Pages, HTML messages and contents of feeds run no script in Chromium (PB5).

    Each vector is on the pages of months and channels too, so that a sixth of the pages of stories is enough.
    """
    pages = []
    for batch in runs:
        documents = sorted(batch.documents(".html").items())
        pages += [page for path, page in documents if not path.startswith("stories/")]
        pages += [page for path, page in documents if path.startswith("stories/")][::step]
        mail: Any = email.message_from_bytes(batch.messages()[0], policy=policy.default)
        pages.append(mail.get_body(("html",)).get_content())
        for document in batch.documents(".xml").values():
            contents = etree.fromstring(document.encode()).iter(f"{ATOM}content")
            pages.append("<hr>".join(content.text or "" for content in contents))
    assert in_browser(tmp_path, list(dict.fromkeys(pages))) == "quiet"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_chromium_runs_unescaped_vectors(tmp_path: Path) -> None:
    """An unescaped vector runs in Chromium, so that the test before can fail."""
    assert in_browser(tmp_path, [f"<img src=x onerror={PAYLOAD}>"]) == "1"
    assert in_browser(tmp_path, [html.escape(f"<img src=x onerror={PAYLOAD}>")]) == "quiet"
