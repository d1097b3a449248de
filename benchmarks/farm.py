"""Serve many feeds on loopback, each at its own address (127.x.y.z), in one process.

Prints one JSON line when it serves, `{"control": URL, "feeds": [URLs]}`, and ends when its standard input does.
The control endpoint has a port of its own and answers a GET with the answers counted since the last one:
`/set?change=SHARE` (that share of feeds gets one new item and loses its oldest), `/set?validators=0` (every answer
is 200), `/set?latency=MS`; settings may be combined. With `--documents` the feeds are files as they are, which never
change; with `--certificates` (`tls_files.py` makes them) they are served over HTTPS.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import resource
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, lru_cache, partial
from html import escape
from itertools import accumulate
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

BEGINNING = datetime(2025, 3, 3, 9, tzinfo=UTC)  # content is the same in every run
KINDS = tuple("rss rss atom rss rss rss atom rss rss rss atom rss rdf rss atom rss rss rss atom rss".split())
TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "rdf": "application/rdf+xml"}
TYPES |= {"json": "application/feed+json", "xml": "application/xml"}
FEEDS_OF_A_CERTIFICATE = 25
REPOSTED = 10  # every second feed reposts each tenth item of the feed before: a twentieth of all
SOCKETS_ASIDE = 500  # file descriptors for connections and the loop


# --- what the feeds say --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _words() -> tuple[list[str], list[float]]:
    """Return the words of a made-up language, with cumulated weights as uneven as real ones."""
    chance = random.Random(1)
    syllables = (
        "ba bio cel dra en fi gra hü in ka lo mi mo neu or pa que ra scop sin to ul ver wei xy zo".split()
    )
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(4_000)]
    return words, list(accumulate(1 / (n + 10) for n in range(len(words))))


def _sentences(chance: random.Random) -> Iterator[str]:
    """Yield sentences of 7 to 22 words; different items share none, as different news do."""
    words, weights = _words()
    while True:
        yield " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(7, 22))).capitalize() + "."


@dataclass(frozen=True, slots=True)
class Item:
    """The nth item ever published by a feed; `origin` is the feed whose page and words it has."""

    feed: int
    number: int
    origin: int
    title: str
    summary: str
    html: str

    @property
    def link(self) -> str:
        """Its page; nobody ever asks for it."""
        return f"https://feed{self.origin}.example/news/{self.number}/"

    @property
    def time(self) -> datetime:
        """When it claims to be from."""
        return BEGINNING + timedelta(hours=7 * self.number, minutes=self.feed % 400)


def _item(feed: int, number: int) -> Item:
    origin = feed - feed % 2 if number % REPOSTED == 0 else feed
    said = _sentences(random.Random(f"{origin}/{number}"))

    def text(count: int) -> str:
        return " ".join(next(said) for _ in range(count))

    page, partner = f"/media/{origin}/{number}", f"https://partner{origin % 50}.example/{origin}/{number}"
    html = (
        f"<p>{text(3)} <a href='{partner}?a=1&amp;b=2'>{next(said)}</a></p>\n"
        f'<figure><img src="{page}.jpg" alt="A figure" width="640" height="360" class="wide" />'
        f"<figcaption>{text(1)}</figcaption></figure>\n<p>{text(3)} <strong>{text(1)}</strong></p>\n"
        f"<h3>Programme {number}</h3>\n<ul>{''.join(f'<li>{text(1)}</li>' for _ in range(4))}</ul>\n"
        f'<blockquote><p>{text(1)}</p></blockquote>\n<p style="color: red">{text(3)} <em>{text(1)}</em>'
        f' <a href="{page}/register">Register</a></p>'
    )
    title = " ".join(next(said).rstrip(".").split()[:9])
    return Item(feed, number, origin, f"{title} {origin}-{number}", text(2), html)


def _rss(feed: int, items: list[Item]) -> str:
    entries = "".join(
        f"<item>\n<title>{item.title}</title>\n<link>{item.link}</link>\n"
        f'<guid isPermaLink="false">https://feed{feed}.example/?p={item.number}</guid>\n'
        f"<pubDate>{format_datetime(item.time)}</pubDate>\n<dc:creator><![CDATA[Ada B. {feed}]]></dc:creator>\n"
        f"<category><![CDATA[News]]></category>\n<category><![CDATA[Topic {item.number % 7}]]></category>\n"
        f"<description><![CDATA[<p>{item.summary}</p>]]></description>\n"
        f"<content:encoded><![CDATA[{item.html}]]></content:encoded>\n</item>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' xmlns:atom="http://www.w3.org/2005/Atom">\n<channel>\n<title>Feed {feed}</title>\n'
        f"<link>https://feed{feed}.example/</link>\n<description>News of {feed}</description>\n"
        f"<lastBuildDate>{format_datetime(items[0].time)}</lastBuildDate>\n<language>en-GB</language>\n"
        f"{entries}</channel>\n</rss>\n"
    )


def _atom(feed: int, items: list[Item]) -> str:
    entries = "".join(
        f'<entry>\n<title type="html">{item.title}</title>\n<link rel="alternate" href="{item.link}"/>\n'
        f"<id>tag:feed{feed}.example,2025:{item.number}</id>\n<published>{item.time.isoformat()}</published>\n"
        f"<updated>{item.time.isoformat()}</updated>\n<author><name>Ada B. {feed}</name></author>\n"
        f'<category term="News"/>\n<summary type="html">{escape(f"<p>{item.summary}</p>")}</summary>\n'
        f'<content type="html">{escape(item.html)}</content>\n</entry>\n'
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">\n'
        f'<title>Feed {feed}</title>\n<link rel="alternate" href="https://feed{feed}.example/"/>\n'
        f"<id>tag:feed{feed}.example,2025:feed</id>\n<updated>{items[0].time.isoformat()}</updated>\n"
        f"{entries}</feed>\n"
    )


def _rdf(feed: int, items: list[Item]) -> str:
    listed = "".join(f'<rdf:li rdf:resource="{item.link}"/>' for item in items)
    entries = "".join(
        f'<item rdf:about="{item.link}">\n<title>{item.title}</title>\n<link>{item.link}</link>\n'
        f"<dc:date>{item.time.isoformat()}</dc:date>\n<dc:creator>Ada B. {feed}</dc:creator>\n"
        f"<description>{escape(item.summary)}</description>\n"
        f"<content:encoded><![CDATA[{item.html}]]></content:encoded>\n</item>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f'<channel rdf:about="https://feed{feed}.example/">\n<title>Feed {feed}</title>\n'
        f"<link>https://feed{feed}.example/</link>\n<description>News of {feed}</description>\n"
        f"<items><rdf:Seq>{listed}</rdf:Seq></items>\n</channel>\n{entries}</rdf:RDF>\n"
    )


FORMATS = {"rss": _rss, "atom": _atom, "rdf": _rdf}


# --- serving -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Feed:
    """A feed as it is now: the newest `length` items it ever published, and its validators."""

    number: int
    length: int
    document: Path | None = None
    """The file that it serves instead."""
    published: int = 0
    packed: bytes = b""
    etag: str = ""
    modified: str = ""

    def publish(self, count: int) -> None:
        """Publish `count` further items."""
        if self.document:
            body = self.document.read_bytes()
            self.packed, self.etag = gzip.compress(body, 6, mtime=0), f'"{self.number}"'
            self.modified = format_datetime(BEGINNING, usegmt=True)
            return
        self.published += count
        oldest = self.published - self.length
        items = [_item(self.number, n) for n in range(self.published - 1, oldest - 1, -1)]
        body = FORMATS[self.kind](self.number, items).encode()
        self.packed = gzip.compress(body, 6, mtime=0)
        self.etag = f'"{self.number}-{self.published}"'
        self.modified = format_datetime(items[0].time, usegmt=True)

    @property
    def kind(self) -> str:
        """rss, atom or rdf; a document decides itself, because its type is read as such."""
        if self.document:
            return "json" if self.document.suffix == ".json" else "xml"
        return KINDS[self.number % len(KINDS)]

    def is_known(self, headers: dict[str, str]) -> bool:
        """Whether the asker has what we have (RFC 9110, 13.2.2: If-None-Match goes first)."""
        if (known := headers.get("if-none-match")) is not None:
            return self.etag in known
        return headers.get("if-modified-since") == self.modified

    def answer(self, headers: dict[str, str], *, heed_validators: bool) -> tuple[int, bytes]:
        """(status, the whole response)."""
        fields = f"ETag: {self.etag}\r\nLast-Modified: {self.modified}\r\nVary: Accept-Encoding\r\n"
        if heed_validators and self.is_known(headers):
            return 304, _response("304 Not Modified", fields)
        body = self.packed
        if "gzip" in headers.get("accept-encoding", ""):
            fields += "Content-Encoding: gzip\r\n"
        else:
            body = gzip.decompress(body)
        charset = "" if self.document else "; charset=utf-8"
        fields += f"Content-Type: {TYPES[self.kind]}{charset}\r\nContent-Length: {len(body)}\r\n"
        return 200, _response("200 OK", fields, body)


def _response(status: str, fields: str, body: bytes = b"") -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return f"HTTP/1.1 {status}\r\nDate: {date}\r\nServer: farm\r\n{fields}\r\n".encode() + body


@dataclass(slots=True)
class Farm:
    """All feeds, and how they answer at present."""

    feeds: list[Feed]
    heed_validators: bool = True
    latency: float = 0.0
    """Seconds before each answer."""
    counts: Counter[int] = field(default_factory=Counter)
    changes: int = 0

    def set(self, settings: dict[str, str]) -> None:
        """Apply the settings sent to the control endpoint."""
        self.heed_validators = settings.get("validators", str(int(self.heed_validators))) != "0"
        self.latency = float(settings.get("latency", self.latency * 1000)) / 1000
        self.counts.clear()
        if share := float(settings.get("change", 0)):
            self.changes += 1
            # Drawn, not every twentieth: that would always be feeds of the same format.
            chosen = random.Random(self.changes).sample(self.feeds, max(1, round(share * len(self.feeds))))
            for feed in chosen:
                feed.publish(1)


class _Connection(asyncio.Protocol):
    """GET requests on one connection, kept alive."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while b"\r\n\r\n" in self.unread:
            head, _, self.unread = self.unread.partition(b"\r\n\r\n")
            first, *rest = head.decode("latin-1").split("\r\n")
            fields = (line.partition(":") for line in rest)
            self.asked(first.split()[1], {name.lower(): value.strip() for name, _, value in fields})

    def asked(self, target: str, headers: dict[str, str]) -> None:
        raise NotImplementedError


class FeedConnection(_Connection):
    """A connection to the address of one feed."""

    def __init__(self, farm: Farm, feed: Feed) -> None:
        super().__init__()
        self.farm, self.feed = farm, feed

    def asked(self, target: str, headers: dict[str, str]) -> None:
        """Answer after the latency; whatever the path, it is the feed."""
        del target
        status, response = self.feed.answer(headers, heed_validators=self.farm.heed_validators)
        self.farm.counts[status] += 1
        if self.farm.latency:
            asyncio.get_running_loop().call_later(self.farm.latency, self.transport.write, response)
        else:
            self.transport.write(response)


class ControlConnection(_Connection):
    """A connection to the control endpoint."""

    def __init__(self, farm: Farm) -> None:
        super().__init__()
        self.farm = farm

    def asked(self, target: str, headers: dict[str, str]) -> None:
        """`/set?…`; answers with the counts so far, by status."""
        del headers
        body = json.dumps(self.farm.counts).encode()
        self.farm.set(dict(parse_qsl(urlsplit(target).query)))
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(_response("200 OK", fields, body))


def address(number: int) -> str:
    """The nth loopback address; 127.0.x.y is left to others."""
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def _listening(address: str) -> socket.socket:
    sock = socket.socket()
    sock.bind((address, 0))
    sock.listen(64)
    sock.setblocking(False)
    return sock


async def serve(farm: Farm, certificates: Path | None) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    scheme = "https" if certificates else "http"
    urls = []
    for feed in farm.feeds:
        sock = _listening(address(feed.number))
        context = _context(certificates, feed.number // FEEDS_OF_A_CERTIFICATE) if certificates else None
        await loop.create_server(partial(FeedConnection, farm, feed), sock=sock, backlog=64, ssl=context)
        urls.append("{}://{}:{}/feed.xml".format(scheme, *sock.getsockname()))
    control = _listening("127.0.0.1")
    await loop.create_server(partial(ControlConnection, farm), sock=control)
    print(json.dumps({"control": "http://{}:{}".format(*control.getsockname()), "feeds": urls}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@cache
def _context(certificates: Path, number: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{number}.pem")
    return context


def _room_for(sockets: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + SOCKETS_ASIDE
    if hard != resource.RLIM_INFINITY and wanted > hard:
        sys.exit(f"{sockets} feeds need {wanted} file descriptors, {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a farm of feeds on loopback until stdin ends.")
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--items", type=int, default=30, help="items in each feed")
    parser.add_argument("--documents", type=Path, help="serve the files in this folder instead")
    parser.add_argument("--certificates", type=Path, help="serve over HTTPS with those in this folder")
    options = parser.parse_args()
    _room_for(options.feeds)
    if options.documents:
        files = sorted(path for path in options.documents.rglob("*") if path.is_file())
        feeds = [Feed(number, 0, document=file) for number, file in enumerate(files)]
    else:
        feeds = [Feed(number, options.items) for number in range(options.feeds)]
    farm = Farm(feeds)
    for feed in farm.feeds:
        feed.publish(options.items)
    asyncio.run(serve(farm, options.certificates))


if __name__ == "__main__":
    main()
