"""Measure what the size of an archive costs: assigning, publishing, searching, status.

Idle digests and memory as well.

Usage: python benchmarks/scale.py --stories 10000,100000,1000000 [--json]

An archive of each size is filled in bulk: 300 stories a day, with the frequencies of words and names of real news.
After 66 days texts are repeated, which is more than the time within which items are compared.
A process of its own then opens it and measures the functions of the real jobs. `ratio` is the largest archive
compared with the smallest.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from aggregator import app as application
from aggregator import config as configuration
from aggregator import health, story_view
from aggregator.dedupe import assign
from aggregator.dedupe import features as item_features
from aggregator.dedupe.index_keys import index_keys
from aggregator.digests import run as digests
from aggregator.items import diff, normalise
from aggregator.items.identity import short_hash
from aggregator.model.config import Config
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import IdentityPolicy
from aggregator.publishing import publish
from aggregator.publishing.synchronise import synchronise
from aggregator.store import items, stories, word_index
from aggregator.store.connection import Store, opened, stamp
from aggregator.store.idle_check import PAGES_BEFORE_KEY

NOW = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
STORIES_A_DAY, SOURCES, BATCH, VOCABULARY = 300, 40, 20_000, 40_000
PLACED, ROUNDS = 200, 9
KINDS, LANGUAGES, TOPICS = (
    ("news", "news", "event", "job", "paper"),
    ("en", "en", "de"),
    ("data", "open-science"),
)
FEEDS = """\
site: {title: Scale, url: "http://127.0.0.1/", contact: scale@news.example, authority: "news.example,2026"}
fetch: {allow_private: [127.0.0.0/8]}
mail: {from: "Scale <scale@news.example>"}
digests:
  - {id: weekly, title: Weekly, channels: [all], schedule: "mon 08:00", recipients: [reader@news.example]}
sources:
"""
SYLLABLES = (
    "ba be bi bo da de di fa fe ga go ka ke li lo ma me mi na ne no pa pe ra re ri sa se so ta te ti va ve zu"
).split()
TOWNS = (
    "Turin Oslo Brno Lisbon Vienna Ghent Jena Konstanz Heidelberg Dresden Turku Bergen Pisa Porto Madrid Dundee"
).split()


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--stories", default="10000,100000", type=_sizes, metavar="N,N")
    options.add_argument("--json", action="store_true")
    options.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return 0
    result = compare(arguments.stories)
    print(json.dumps(result, indent=2) if arguments.json else _table(result))
    return 0


def _sizes(text: str) -> list[int]:
    sizes = [int(size) if size.isdecimal() else 0 for size in text.split(",")]
    if 0 in sizes:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of sizes such as 10000,100000")
    return sizes


def compare(sizes: list[int]) -> dict[str, Any]:
    """Measure each size, and divide the last by the first."""
    results = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            fill(Path(folder), size)
            seconds = round(time.perf_counter() - started, 1)
            megabytes = round((Path(folder) / "var/aggregator.db").stat().st_size / 2**20)
            call = [sys.executable, __file__, "--measure", folder]
            output = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            results.append(
                {"stories": size, "filled_in_s": seconds, "database_mb": megabytes, **json.loads(output)}
            )
    ratio = {
        key: round(results[-1][key] / results[0][key], 2)
        for key in ("place_ms", "publish_ms", "search_ms", "status_ms", "digest_ms", "memory_mb")
    }
    return {"sizes": results, "ratio": ratio}


# --- an archive ------------------------------------------------------------------------------------------


class Words:
    """Generate text in which few words are frequent and most are rare."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        drawn = random.Random(0)
        self.known = ["".join(drawn.choices(SYLLABLES, k=drawn.randint(2, 4))) for _ in range(VOCABULARY)]

    def word(self) -> str:
        """Choose a word by frequency."""
        return self.known[int(VOCABULARY ** self.random.random()) - 1]

    def title(self, n: int) -> str:
        """Generate a title with a name, a town and a day."""
        name = "".join(self.random.choice("ABCDEFGHKLMNPRSTUVZ") for _ in range(self.random.randint(3, 5)))
        words = " ".join(self.word() for _ in range(5))
        return f"{name}: {words} in {self.random.choice(TOWNS)}, {n % 28 + 1} June"

    def text(self) -> str:
        """Generate a paragraph."""
        return " ".join(self.word() for _ in range(30)).capitalize() + "."


def configure(folder: Path) -> Config:
    lines = [
        f'  - {{id: s{n}, name: Partner {n}, url: "http://127.0.1.{n + 1}/feed"}}' for n in range(SOURCES)
    ]
    file = folder / "feeds.yaml"
    file.write_text(FEEDS + "\n".join(lines) + "\n", encoding="utf-8")
    return configuration.load(file)


def fill(folder: Path, size: int) -> None:
    """Fill an archive with `size` stories of one item each."""
    config, texts = configure(folder), list(_texts(Words(1)))
    with opened(config.data / "aggregator.db") as store:
        store.db.execute("PRAGMA synchronous = OFF")
        synchronise(store, config, NOW)
        store.db.execute("CREATE TEMP TABLE drawn (token INTEGER, day INTEGER, item INTEGER)")
        for start in range(0, size, BATCH):
            _fill(store, texts, range(start, min(start + BATCH, size)), size)
        store.db.execute(
            "INSERT OR IGNORE INTO candidate_index SELECT token, day, item FROM drawn ORDER BY 1, 2, 3"
        )
        store.db.execute("DELETE FROM index_queue")
        # As after the rounds in which the pages of old stories were written.
        _prepare_pages(store, config)


def _prepare_pages(store: Store, config: Config) -> None:
    """Record all pages of stories and months as written, since an archive has grown with them."""
    store.db.execute("DELETE FROM page_queue")
    publish.render(store, config, NOW)
    store.db.execute("UPDATE meta SET value = '' WHERE key = ?", [PAGES_BEFORE_KEY])


Text = tuple[str, str, Mapping[int, float]]
"""Title and text of an item, and the keys under which it is found."""


def _texts(words: Words) -> Iterator[Text]:
    for n in range(BATCH):
        title, text = words.title(n), words.text()
        item = item_features.extract(title, text, f"Partner {n % SOURCES}", None)
        yield title, text, index_keys(item)


def _fill(store: Store, texts: Sequence[Text], numbers: range, size: int) -> None:
    rows, features = [], []
    for n, (title, text, keys) in zip(numbers, texts, strict=False):
        sort = NOW - timedelta(days=(size - n) / STORIES_A_DAY, minutes=1)
        id_ = short_hash(f"item {n}")
        rows.append(
            (
                n + 1,
                id_,
                f"s{n % SOURCES}",
                short_hash(f"story {n}"),
                f"http://127.0.1.1/{n}",
                title,
                text,
                stamp(sort),
                KINDS[n % len(KINDS)],
                LANGUAGES[n % len(LANGUAGES)],
                json.dumps(TOPICS[: n % 3]),
            )
        )
        day = int(sort.timestamp()) // 86_400
        features += [(token, day, n + 1) for token in keys]
    execute = store.db.conn.executemany
    with store.transaction():
        execute(
            "INSERT INTO stories (number, id, lead_id, title, kind, announced, published, updated, changed, month)"
            " VALUES (?1, ?4, ?2, ?6, ?9, ?8, ?8, ?8, ?8, substr(?8, 1, 7))",
            [row[:9] for row in rows],
        )
        execute("INSERT OR IGNORE INTO archives (month) VALUES (substr(?, 1, 7))", [[row[7]] for row in rows])
        execute(
            "INSERT INTO items (number, id, source_id, story_id, link, title, html, text, excerpt,"
            " first_seen, sort, position,"
            " backlog, kind, language, authors, categories, topics, enclosures, content_hash)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?7, ?8, ?8, 0, 0, ?9, ?10, '[]', '[]', ?11, '[]', '')",
            rows,
        )
        execute(
            "INSERT INTO aliases (source_id, kind, value, item_id) VALUES (?, 'link', ?, ?)",
            [(row[2], row[4].removeprefix("http://"), row[1]) for row in rows],
        )
        execute(
            "INSERT INTO channel_stories (channel_id, story_id, announced, published, position, fed)"
            " VALUES ('all', ?4, ?8, ?8, 0, 1)",
            [row[:8] for row in rows],
        )
        word_index.index_words(store)
        execute("INSERT INTO drawn VALUES (?, ?, ?)", features)


# --- measuring ---------------------------------------------------------------------------------------------


def measure(folder: Path) -> dict[str, float]:
    """Measure the best of some rounds in milliseconds, and the peak memory of the process."""
    config = configuration.load(folder / "feeds.yaml")
    words, new = Words(2), iter(range(10**9))
    with opened(config.data / "aggregator.db") as store:
        publish.render(store, config, NOW)

        def assigning() -> float:
            _arrive(store, config, words, new, PLACED)
            return _milliseconds(lambda: assign.assign_items(store, config.channels, NOW)) / PLACED

        def publishing() -> float:
            _arrive(store, config, words, new, 1)
            assign.assign_items(store, config.channels, NOW)
            return _milliseconds(lambda: publish.render(store, config, NOW))

        def assigning_one() -> float:
            _arrive(store, config, words, new, 1)
            return _milliseconds(lambda: assign.assign_items(store, config.channels, NOW))

        assigning()
        result = {
            "place_ms": min(assigning() for _ in range(ROUNDS)),
            "place_alone_ms": min(assigning_one() for _ in range(ROUNDS)),
            "publish_ms": min(publishing() for _ in range(ROUNDS)),
            "features_per_item": _features_per_item(store),
        }
    app = replace(application.build(folder / "feeds.yaml"), clock=lambda: NOW)
    digests.run(app)
    result["digest_ms"] = min(_milliseconds(lambda: digests.run(app)) for _ in range(ROUNDS))
    result["status_ms"] = min(_milliseconds(lambda: health.read_report(config)) for _ in range(ROUNDS))
    # Frequent words: in any archive they have more matches than a search counts, others have more in a larger one.
    queries = Words(3).known[:30]
    result["search_ms"] = median(_milliseconds(lambda q=q: story_view.search(config, q, 20)) for q in queries)  # type: ignore[misc]
    result["memory_mb"] = _peak_megabytes()
    return {key: round(value, 3) for key, value in result.items()}


def _peak_megabytes() -> float:
    """Return the peak memory of this process in MB; `ru_maxrss` would include its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _features_per_item(store: Store) -> float:
    """Return the features per item, the size of the index of candidates."""
    row = store.db.execute(
        "SELECT (SELECT count(*) FROM candidate_index) * 1.0 / (SELECT count(*) FROM items)"
    ).fetchone()
    return float(row[0])


def _arrive(store: Store, config: Config, words: Words, new: Iterator[int], count: int) -> None:
    """Store items of today that belong to no story yet; half have a title of the archive."""
    known = stories.read(store, _some(store, count))
    source = config.sources[0]
    entries = []
    for _ in range(count):
        n = next(new)
        title = known[n % len(known)].lead.title if n % 2 and known else words.title(n)
        entries.append(
            Entry(
                position=0, link=f"http://127.0.2.1/{n}", title=title, summary=words.text(), base=source.url
            )
        )
    found, _ = normalise.items_of(ParsedDocument(entries=tuple(entries)), source, IdentityPolicy(), (), NOW)
    with store.transaction():
        items.save(store, diff.item_changes(found, lambda _: None), backlog=False, now=NOW)


def _some(store: Store, count: int) -> list[str]:
    rows = store.db.execute("SELECT id FROM stories ORDER BY number DESC LIMIT ?", [count * 3])
    return [row[0] for row in rows][::3]


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _table(result: dict[str, Any]) -> str:
    keys = list(result["sizes"][0])
    lines = ["  ".join(f"{key:>14}" for key in keys)]
    lines += ["  ".join(f"{size[key]:>14,}" for key in keys) for size in result["sizes"]]
    lines.append(
        "largest compared with smallest: " + ", ".join(f"{k} {v}" for k, v in result["ratio"].items())
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
