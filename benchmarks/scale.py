"""What an archive's size costs: placing an item, publishing after one new story, searching, memory.

usage: python benchmarks/scale.py --stories 10000,100000,1000000 [--json]

An archive of each size is made in bulk (300 stories a day, words and names drawn as unevenly as in real news),
then a process of its own opens it and measures the real jobs' functions. `ratio` compares the largest
archive with the smallest.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from aggregator import config as configuration
from aggregator import story_view
from aggregator.dedupe import assign
from aggregator.dedupe import features as item_features
from aggregator.items import diff, normalise
from aggregator.items.identity import short_hash
from aggregator.model.config import Config
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import IdentityPolicy
from aggregator.publishing import publish
from aggregator.publishing.synchronise import synchronise
from aggregator.store import items, stories
from aggregator.store.connection import Store, opened, stamp

NOW = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
A_DAY, SOURCES, BATCH, VOCABULARY = 300, 40, 20_000, 40_000
PLACED, ROUNDS = 200, 9
FEEDS = """\
site: {title: Scale, url: "http://127.0.0.1/", contact: scale@news.example, authority: "news.example,2026"}
fetch: {allow_private: [127.0.0.0/8]}
sources:
"""
SYLLABLES = "ba be bi bo da de di fa fe ga go ka ke li lo ma me mi na ne no pa pe ra re ri sa se so ta te ti"
" va ve zu".split()
TOWNS = "Turin Oslo Brno Lisbon Vienna Ghent Jena Konstanz Heidelberg Dresden Turku Bergen Pisa Porto Madrid"
" Dundee".split()


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--stories", default="10000,100000")
    options.add_argument("--json", action="store_true")
    options.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measured(asked.measure)))
        return 0
    result = compared([int(size) for size in asked.stories.split(",")])
    print(json.dumps(result, indent=2) if asked.json else _table(result))
    return 0


def compared(sizes: list[int]) -> dict[str, Any]:
    """The measurements of each size, and the last in terms of the first."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            filled(Path(folder), size)
            seconds = round(time.perf_counter() - begun, 1)
            megabytes = round((Path(folder) / "var/aggregator.db").stat().st_size / 2**20)
            call = [sys.executable, __file__, "--measure", folder]
            said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            found.append(
                {"stories": size, "filled_in_s": seconds, "database_mb": megabytes, **json.loads(said)}
            )
    ratio = {
        key: round(found[-1][key] / found[0][key], 2)
        for key in ("place_ms", "publish_ms", "search_ms", "memory_mb")
    }
    return {"sizes": found, "ratio": ratio}


# --- an archive ------------------------------------------------------------------------------------------


class Words:
    """News as an archive has them: few words very often, most words seldom."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        drawn = random.Random(0)
        self.known = ["".join(drawn.choices(SYLLABLES, k=drawn.randint(2, 4))) for _ in range(VOCABULARY)]

    def word(self) -> str:
        """A word, seldom a rare one."""
        return self.known[int(VOCABULARY ** self.random.random()) - 1]

    def title(self, n: int) -> str:
        """A title with a name, a town and a day."""
        name = "".join(self.random.choice("ABCDEFGHKLMNPRSTUVZ") for _ in range(self.random.randint(3, 5)))
        words = " ".join(self.word() for _ in range(5))
        return f"{name}: {words} in {self.random.choice(TOWNS)}, {n % 28 + 1} June"

    def text(self) -> str:
        """A paragraph."""
        return " ".join(self.word() for _ in range(30)).capitalize() + "."


def configured(folder: Path) -> Config:
    lines = [
        f'  - {{id: s{n}, name: Partner {n}, url: "http://127.0.1.{n + 1}/feed"}}' for n in range(SOURCES)
    ]
    file = folder / "feeds.yaml"
    file.write_text(FEEDS + "\n".join(lines) + "\n", encoding="utf-8")
    return configuration.load(file)


def filled(folder: Path, size: int) -> None:
    """An archive of `size` stories of one item each."""
    config, words = configured(folder), Words(1)
    with opened(config.data / "aggregator.db") as store:
        store.db.execute("PRAGMA synchronous = OFF")
        synchronise(store, config, NOW)
        store.db.execute("CREATE TEMP TABLE drawn (token INTEGER, day INTEGER, item INTEGER)")
        for start in range(0, size, BATCH):
            _fill(store, words, range(start, min(start + BATCH, size)), size)
        store.db.execute(
            "INSERT OR IGNORE INTO candidate_index SELECT token, day, item FROM drawn ORDER BY 1, 2, 3"
        )
        store.db.execute("DELETE FROM index_queue")
        store.db.execute("ANALYZE")


def _fill(store: Store, words: Words, numbers: range, size: int) -> None:
    rows, features = [], []
    for n in numbers:
        sort = NOW - timedelta(days=(size - n) / A_DAY, minutes=1)
        id_, title, text = short_hash(f"item {n}"), words.title(n), words.text()
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
            )
        )
        day = int(sort.timestamp()) // 86_400
        features += [
            (token, day, n + 1) for token in item_features.index_keys(title, text, f"Partner {n % SOURCES}")
        ]
    execute = store.db.conn.executemany
    with store.transaction():
        execute(
            "INSERT INTO stories (number, id, lead_id, title, kind, announced, published, updated, changed, month)"
            " VALUES (?1, ?4, ?2, ?6, 'news', ?8, ?8, ?8, ?8, substr(?8, 1, 7))",
            rows,
        )
        execute("INSERT OR IGNORE INTO archives (month) VALUES (substr(?, 1, 7))", [[row[7]] for row in rows])
        execute(
            "INSERT INTO items (number, id, source_id, story_id, link, title, html, text, excerpt,"
            " first_seen, sort, position,"
            " backlog, kind, authors, categories, topics, enclosures, content_hash)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?7, ?8, ?8, 0, 0, 'news', '[]', '[]', '[]', '[]', '')",
            rows,
        )
        execute(
            "INSERT INTO aliases (source_id, kind, value, item_id) VALUES (?, 'link', ?, ?)",
            [(row[2], row[4].removeprefix("http://"), row[1]) for row in rows],
        )
        execute(
            "INSERT INTO channel_stories (channel_id, story_id, announced, published, position, fed)"
            " VALUES ('all', ?4, ?8, ?8, 0, 1)",
            rows,
        )
        execute("INSERT INTO drawn VALUES (?, ?, ?)", features)


# --- measuring ---------------------------------------------------------------------------------------------


def measured(folder: Path) -> dict[str, float]:
    """The best of some rounds in milliseconds (others use the machine), and the peak memory of the process."""
    config = configuration.load(folder / "feeds.yaml")
    words, new = Words(2), iter(range(10**9))
    with opened(config.data / "aggregator.db") as store:
        publish.render(store, config, NOW)

        def placing() -> float:
            _arrive(store, config, words, new, PLACED)
            return _timed(lambda: assign.assign(store, config.channels, NOW)) / PLACED

        def publishing() -> float:
            _arrive(store, config, words, new, 1)
            assign.assign(store, config.channels, NOW)
            return _timed(lambda: publish.render(store, config, NOW))

        def placing_one() -> float:
            _arrive(store, config, words, new, 1)
            return _timed(lambda: assign.assign(store, config.channels, NOW))

        placing()
        result = {
            "place_ms": min(placing() for _ in range(ROUNDS)),
            "place_alone_ms": min(placing_one() for _ in range(ROUNDS)),
            "publish_ms": min(publishing() for _ in range(ROUNDS)),
            "features_per_item": _share(store),
        }
    searched = Words(3)
    queries = [f"{searched.word()} {searched.word()}" for _ in range(30)]
    result["search_ms"] = median(_timed(lambda q=q: story_view.search(config, q, 20)) for q in queries)  # type: ignore[misc]
    result["memory_mb"] = _peak()
    return {key: round(value, 3) for key, value in result.items()}


def _peak() -> float:
    """The peak memory of this process in MB; `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _share(store: Store) -> float:
    """Features per item: how large the index of candidates is."""
    row = store.db.execute(
        "SELECT (SELECT count(*) FROM candidate_index) * 1.0 / (SELECT count(*) FROM items)"
    ).fetchone()
    return float(row[0])


def _arrive(store: Store, config: Config, words: Words, new: Iterator[int], count: int) -> None:
    """Items of today, half of them retelling something of the archive, kept but not placed."""
    told = stories.read(store, _some(store, count))
    source = config.sources[0]
    entries = []
    for _ in range(count):
        n = next(new)
        title = told[n % len(told)].lead.title if n % 2 and told else words.title(n)
        entries.append(
            Entry(
                position=0, link=f"http://127.0.2.1/{n}", title=title, summary=words.text(), base=source.url
            )
        )
    found, _ = normalise.items(ParsedDocument(entries=tuple(entries)), source, IdentityPolicy(), (), NOW)
    with store.transaction():
        items.keep(store, diff.item_changes(found, lambda _: None), backlog=False, now=NOW)


def _some(store: Store, count: int) -> list[str]:
    rows = store.db.execute("SELECT id FROM stories ORDER BY number DESC LIMIT ?", [count * 3])
    return [row[0] for row in rows][::3]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _table(result: dict[str, Any]) -> str:
    keys = list(result["sizes"][0])
    lines = ["  ".join(f"{key:>14}" for key in keys)]
    lines += ["  ".join(f"{size[key]:>14,}" for key in keys) for size in result["sizes"]]
    lines.append("largest in terms of smallest: " + ", ".join(f"{k} {v}" for k, v in result["ratio"].items()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
