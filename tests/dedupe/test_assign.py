"""Deduplication in the real store: assigning, explaining, editors' decisions, re-clustering."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlite_utils import Database

from aggregator import health, story_view
from aggregator.dedupe import assign as placing
from aggregator.dedupe import candidates, editor_commands, explain, recluster
from aggregator.dedupe.features import extract
from aggregator.dedupe.index_keys import word_key
from aggregator.digests import body
from aggregator.digests import run as digest
from aggregator.errors import UnknownName, WrongDecision
from aggregator.items import diff, normalise
from aggregator.items.identity import short_hash
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import IdentityPolicy
from aggregator.model.stories import LinkConstraint, MergeCandidate
from aggregator.publishing import publish
from aggregator.publishing.synchronise import synchronise
from aggregator.store import candidate_index, channels, editorial, items, stories, story_search
from aggregator.store import maintenance as pruning
from aggregator.store.connection import Store, opened
from aggregator.store.schema import MIGRATIONS
from tests.builders import NOW
from tests.conftest import Clock, Workplace

SOURCES = """\
sources:
  - {id: hub, name: European Imaging Hub, url: "https://hub.example/feed", priority: 10}
  - {id: society, name: German Imaging Society, url: "https://society.example/feed"}
  - {id: consortium, name: NFDI4BIOIMAGE, url: "https://consortium.example/feed"}
  - {id: forum, name: Image Forum, url: "https://forum.example/feed", aggregator: true}
"""
Report = tuple[str, str, str]
SURVEY: Report = (
    "hub",
    "German Imaging Society, NFDI4BIOIMAGE and Hub launch a survey",
    "Joint survey on how facilities handle image data; open until 15 March 2026.",
)
UMFRAGE: Report = (
    "society",
    "Umfrage zum Bilddatenmanagement gestartet",
    "German Imaging Society und NFDI4BIOIMAGE fragen, wie Core Facilities mit Bilddaten umgehen; bis zum 15."
    " März 2026.",
)
TAKE_PART: Report = (
    "consortium",
    "Take part: joint survey on image data management",
    "NFDI4BIOIMAGE and the German Imaging Society ask facilities about image data; closes 15 March 2026.",
)
WELCOME: Report = ("hub", "Welcome, MAdMiC Node!", "A Node in Madrid.")
OTHER_WELCOME: Report = ("society", "Welcome, Adriatic Node!", "A Node in Trieste.")

# Published in this order; the last one leads the merged story.
THREE = (
    ("forum", "Poster prize for Lyon"),
    ("society", "Beamtime at the synchrotron"),
    ("hub", "Welcome, MAdMiC Node!"),
)

DIGEST = "digests:\n  - {id: daily, title: Daily, schedule: daily 08:00, recipients: [ada@a.example]}\n"


def store_reports(place: Workplace, *reports: Report, **fields: Any) -> dict[str, str]:
    """Store items published now and assign them; return the story of each, by title."""
    if not (place.folder / "feeds.yaml").exists():
        place.write(SOURCES)
    config = place.app().config
    by_id = {source.id: source for source in config.sources}
    with opened(config.data / "aggregator.db") as store:
        synchronise(store, config, NOW)
        for source_id, title, text in reports:
            slug = "-".join(title.lower().split()[:6])
            entry = Entry(
                position=0,
                link=fields.get("link") or f"https://{source_id}.example/news/{slug}",
                title=title,
                summary=text,
                published=place.clock.now.isoformat(),
            )
            reading = ParsedDocument(entries=(entry,))
            found, _ = normalise.items_of(reading, by_id[source_id], IdentityPolicy(), (), place.clock.now)
            known = items.known(store, source_id, [alias for item in found for alias in item.aliases])
            with store.transaction():
                items.save(store, diff.item_changes(found, known.get), backlog=False, now=place.clock.now)
        placing.assign_items(store, config.channels, place.clock.now)
        return shown(store)


def shown(store: Store) -> dict[str, str]:
    """The story of every item, by title."""
    return {row[0]: row[1] for row in store.db.execute("SELECT title, story_id FROM items ORDER BY number")}


def state(place: Workplace) -> dict[str, str]:
    """The same, of what is stored."""
    with opened(place.database, create=False) as store:
        return shown(store)


def in_feed(place: Workplace) -> list[str]:
    """The stories of the feed of everything."""
    with opened(place.database, create=False) as store:
        return [*channels.newest_stories(store, "all", 100, in_feeds_only=True)]


def mailed(place: Workplace, clock: Clock) -> dict[str, str]:
    """Return the titles of the next day's edition of the digest, with the reasons."""
    clock.now += timedelta(days=1)
    composed = digest.run(place.app()).composed
    with opened(place.database, create=False) as store:
        rows = store.db.execute(
            "SELECT stories.title, reason FROM ledger JOIN items ON items.id = item_id"
            " JOIN stories ON stories.id = story_id WHERE edition_id = ?",
            composed or [""],
        )
        return {row[0]: row[1] for row in rows}


# --- placing -------------------------------------------------------------------------------------------


def test_three_partners_are_credited_for_one_survey(place: Workplace) -> None:
    """Three reports in two languages are one story; two welcomes stay two (I3)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE, TAKE_PART, WELCOME, OTHER_WELCOME)
    assert len({story_ids[title] for _, title, _ in (SURVEY, UMFRAGE, TAKE_PART)}) == 1
    assert story_ids[WELCOME[1]] != story_ids[OTHER_WELCOME[1]]
    (story, *_) = story_view.search(place.app().config, "survey", 5)
    assert {story.publisher.id, *(s.publisher.id for s in story.further_items)} == {
        "hub",
        "society",
        "consortium",
    }


@pytest.mark.parametrize("order", list(permutations((SURVEY, UMFRAGE, TAKE_PART, WELCOME)))[::5])
def test_the_order_of_visits_plays_no_part(place: Workplace, order: Sequence[Report]) -> None:
    """Whichever partner's visit is kept first, the stories and their ids are the same (I5, I4)."""
    story_ids = store_reports(place, *order)
    assert len(set(story_ids.values())) == 2
    assert story_ids[SURVEY[1]] == story_ids[UMFRAGE[1]] == story_ids[TAKE_PART[1]]
    (leads,) = {row.lead.source_id for row in story_view.search(place.app().config, "survey", 5)}
    assert leads == "hub"


RELEASE: Report = (
    "hub",
    "v0.7.3",
    "napari 0.7.3 fixes the regression in labels painting and adds a colormap editor.",
)
RELEASED: Report = (
    "forum",
    "Image Forum: napari 0.7.3 released",
    "This release adds a colormap editor and fixes a regression in painting labels.",
)


@pytest.mark.parametrize("order", [(RELEASE, RELEASED), (RELEASED, RELEASE)])
@pytest.mark.parametrize("together", [True, False])
def test_a_version_leads_to_a_candidate(place: Workplace, order: Sequence[Report], together: bool) -> None:
    """Items with one version are compared, in one round or two, whichever comes first (I5)."""
    if not together:
        store_reports(place, order[0])
    told = store_reports(place, *order) if together else store_reports(place, order[1])
    assert len(set(told.values())) == 1


def test_a_candidate_of_one_item_is_one_of_both(place: Workplace) -> None:
    """An item that finds nothing is compared with those that find it (I5)."""
    store_reports(place, RELEASE, RELEASED)
    with opened(place.database, create=False) as store:
        ids = {row["id"] for row in store.db.execute("SELECT id FROM items")}
        with store.transaction():
            candidate_index.clear_queries(store)
            candidates.add_queries(store, ids)
        candidates.find_similar(store)
        store.db.execute("DELETE FROM similar WHERE id <> ?", [max(ids)])
        assert set(candidate_index.near(store, ids)) == ids


def test_a_later_report_joins_the_published_story(place: Workplace, clock: Clock) -> None:
    """A report of the next day joins the story and changes neither id nor time (I5)."""
    first = store_reports(place, SURVEY)
    clock.now = NOW + timedelta(days=1)
    later = store_reports(place, UMFRAGE)
    assert later[UMFRAGE[1]] == first[SURVEY[1]]
    again = store_reports(place)
    assert again == later


def test_items_of_an_older_version_are_found(place: Workplace) -> None:
    """The next run indexes the items of an older version, and they keep their stories."""
    place.write(SOURCES)
    config = place.app().config
    first = store_reports(place, SURVEY)
    with opened(place.database, create=False) as store:
        for table in ("candidate_index", "item_keys"):
            store.db.execute(f"DELETE FROM {table}")
        store.db.execute("INSERT INTO index_queue SELECT number FROM items")
    story_ids = store_reports(place, UMFRAGE)
    assert story_ids[UMFRAGE[1]] == story_ids[SURVEY[1]] == first[SURVEY[1]]
    assert config.sources and MIGRATIONS._migrations[-1].name


def test_the_migration_lists_what_there_is(tmp_path: Path) -> None:
    """Items stored before there was a candidate index are queued for it."""
    file = tmp_path / "old.db"
    db = Database(sqlite3.connect(file, isolation_level=None))
    MIGRATIONS.apply(db, stop_before="m0004_same_news")
    db.execute("INSERT INTO sources (id, url, name, kind) VALUES ('s', 'https://s.example/', 'S', 'feed')")
    db.execute(
        "INSERT INTO items (id, source_id, title, html, text, excerpt, first_seen, sort, position, backlog,"
        " kind, authors,"
        " categories, topics, enclosures, content_hash) VALUES ('i', 's', 't', '', '', '', '2026-01-01T00:00:00Z',"
        " '2026-01-01T00:00:00Z', 0, 0, 'news', '[]', '[]', '[]', '[]', '')"
    )
    db.conn.close()
    with opened(file) as store:
        assert store.db.execute("SELECT count(*) FROM index_queue").fetchone()[0] == 1


def test_items_of_two_months_are_indexed_again(tmp_path: Path) -> None:
    """Items that new ones are compared with get the new keys; old and emptied ones keep theirs."""
    file = tmp_path / "old.db"
    db = Database(sqlite3.connect(file, isolation_level=None))
    MIGRATIONS.apply(db, stop_before="m0037_sufficient_keys")
    db.execute("PRAGMA foreign_keys = OFF")
    now = datetime.now(UTC)
    for number, (days, text) in enumerate(((1, "Text"), (1, ""), (59, "Text"), (70, "Text")), start=1):
        sort = (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        db.execute(
            "INSERT INTO items (number, id, source_id, title, html, text, excerpt, first_seen, sort, position, backlog,"
            " kind, authors, categories, topics, enclosures, content_hash)"
            " VALUES (?, ?, 's', 't', '', ?, '', ?, ?, 0, 0, 'news', '[]', '[]', '[]', '[]', '')",
            [number, f"i{number}", text, sort, sort],
        )
    db.execute("DELETE FROM index_queue")
    db.conn.close()
    with opened(file) as store:
        assert [row[0] for row in store.db.execute("SELECT item FROM index_queue ORDER BY 1")] == [1, 3]


def test_link_constraints_of_an_older_version_hold(tmp_path: Path) -> None:
    """Link constraints of the version before hold under their new names."""
    file = tmp_path / "old.db"
    db = Database(sqlite3.connect(file, isolation_level=None))
    MIGRATIONS.apply(db, stop_before="m0013_link_constraint_kinds")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute(
        "INSERT INTO decisions (at, who, verb, stories, items) VALUES ('2026-01-01T00:00:00Z', 'ada', 'apart',"
        " '[\"s\"]', '[]')"
    )
    for one, other, kind in (("a", "b", "together"), ("a", "c", "apart")):
        db.execute("INSERT INTO link_constraints VALUES (?, ?, ?, 1)", [one, other, kind])
    db.conn.close()
    with opened(file) as store:
        assert editorial.link_constraints(store, ["a"]) == {
            frozenset("ab"): LinkConstraint.MUST_LINK,
            frozenset("ac"): LinkConstraint.CANNOT_LINK,
        }
        assert [decision.verb for decision in editorial.decisions(store, "s")] == ["apart"]


def test_a_released_item_finds_its_story(place: Workplace) -> None:
    """A released item is compared like one that has just arrived (G2)."""
    story_ids = store_reports(place, SURVEY)
    with opened(place.database) as store:
        store.db.execute(
            "CREATE TRIGGER hold AFTER INSERT ON items BEGIN"
            " UPDATE items SET held = 'waiting' WHERE number = new.number; END"
        )
    assert store_reports(place, UMFRAGE)[UMFRAGE[1]] is None
    with opened(place.database) as store:
        store.db.execute("UPDATE items SET held = NULL")
    assert store_reports(place)[UMFRAGE[1]] == story_ids[SURVEY[1]]


ADS: list[Report] = [
    (
        "hub",
        f"Bioimage analyst position {word} at the Turku Node",
        f"The Turku Bioscience Centre seeks an analyst for {word} with QuPath, CellProfiler, OMERO,"
        " BigStitcher, TrackMate, ImageJ; 15 March 2026, 4 May 2026.",
    )
    for word in "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda omicron".split()
]
REPOST: Report = (
    "society",
    "Position for a bioimage analyst (lambda) at the Turku Node",
    "Turku seeks an analyst for lambda until 15 March 2026.",
)


@pytest.mark.parametrize(
    "order", [[REPOST, *ADS], [*ADS, REPOST], [*ADS[:6], REPOST, *ADS[6:]], [*ADS[::-1], REPOST]]
)
def test_a_crowd_of_one_source_hides_nothing(place: Workplace, order: list[Report]) -> None:
    """Similar items of one source take no candidate's place, whatever the order (I5)."""
    for one_report in order:
        store_reports(place, one_report)
    story_ids = state(place)
    assert len(set(story_ids.values())) == len(ADS)
    assert story_ids[REPOST[1]] == story_ids[ADS[10][1]]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_size_of_batches_plays_no_part(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Several batches give the stories, leads and reasons of a single one (I5)."""
    reports = (REPOST, TAKE_PART, *ADS, UMFRAGE, WELCOME, SURVEY, OTHER_WELCOME)
    results = []
    for number, items_of_batch in enumerate((1_000, size)):
        monkeypatch.setattr(placing, "BATCH_ITEMS", items_of_batch)
        here = replace(place, folder=tmp_path / str(number))
        here.folder.mkdir()
        store_reports(here, *reports)
        with opened(here.database) as store:
            written = [
                [tuple(row) for row in store.db.execute(f"SELECT {columns} ORDER BY 1, 2")]
                for columns in (
                    "id, lead_id, title, changed FROM stories",
                    "id, story_id, why, evidence FROM items",
                    "story_id, other_id, why FROM related",
                )
            ]
        results.append(written)
    assert results[0] == results[1]
    assert len({row[1] for row in results[0][1]}) == len(reports) - 3  # one survey, one repost


def test_held_and_dropped_items_are_no_candidates(place: Workplace) -> None:
    """A held or dropped item is no candidate and makes no word common until released (G2, G3)."""
    store_reports(place, UMFRAGE)
    with opened(place.database) as store:
        assert store.db.execute("SELECT count(*) FROM candidate_index").fetchone()[0] > 0
        for field in ("held", "dropped"):
            store.db.execute(f"UPDATE items SET {field} = 'waiting'")
            placing.assign_items(store, (), place.clock.now)
            assert store.db.execute("SELECT count(*) FROM candidate_index").fetchone()[0] == 0
            store.db.execute(f"UPDATE items SET {field} = NULL")
            placing.assign_items(store, (), place.clock.now)
            assert store.db.execute("SELECT count(*) FROM candidate_index").fetchone()[0] > 0


def test_an_edited_item_is_found_by_what_it_says_now(place: Workplace) -> None:
    """The index has what an edited item says now, and nothing of before (E2).

    Retention of its text changes nothing.
    """
    store_reports(place, UMFRAGE)

    def traced(change: str) -> tuple[set[int], set[int]]:
        with opened(place.database) as store:
            if change:
                store.db.execute(f"UPDATE items SET {change}")
                placing.assign_items(store, (), place.clock.now)
            rows = store.db.execute("SELECT token, day FROM candidate_index").fetchall()
            return {row[0] for row in rows}, {row[1] for row in rows}

    first, days = traced("")
    assert traced("text = '', html = ''") == (first, days)
    other, _ = traced("text = 'Der FV5000 wird am 3. Mai in Dresden gezeigt.'")
    assert other - first and first - other
    plain, _ = traced("title = 'Neues'")
    assert len(plain & first) == 1  # the address
    same, later = traced("sort = '2026-09-09T12:00:00Z'")
    assert same == plain and len(later) == 1 and not later & days


# --- explaining ----------------------------------------------------------------------------------------


def test_a_story_is_explained(place: Workplace) -> None:
    """For each item the evidence, its weights, the score and the threshold it had to reach."""
    story_ids = store_reports(place, SURVEY, UMFRAGE)
    said = explain.story(place.app().config, story_ids[SURVEY[1]])
    lead, joined = said["items"]
    assert lead["lead"] and lead["evidence"] == [] and lead["why"] == "first to report it"
    assert joined["score"] >= joined["threshold"] == said["thresholds"]["same"]
    assert joined["beside"] == lead["id"]
    assert round(sum(piece["weight"] for piece in joined["evidence"]), 2) == joined["score"]
    assert {"name", "weight", "reason"} == set(joined["evidence"][0])


def test_why_not(place: Workplace) -> None:
    """Near misses are explained, too: from one side, and of any two by name."""
    results = (
        "consortium",
        "Results of the joint survey on image data",
        "What NFDI4BIOIMAGE and the German Imaging Society learned.",
    )
    story_ids = store_reports(place, SURVEY, results)
    config = place.app().config
    said = explain.pair(config, story_ids[SURVEY[1]], story_ids[results[1]])
    assert not said["one_story"] and said["strength"] != "same" and said["vetoes"]
    misses = explain.story(config, story_ids[SURVEY[1]])["near_misses"]
    assert [miss["title"] for miss in misses] == [results[1]] and misses[0]["vetoes"]
    with pytest.raises(UnknownName):
        explain.pair(config, story_ids[SURVEY[1]], "nothing")


# --- editors -------------------------------------------------------------------------------------------


def merged(place: Workplace, clock: Clock) -> tuple[str, str]:
    """Two welcomes that an editor merged: the id that stays, and the other."""
    first = store_reports(place, WELCOME)[WELCOME[1]]
    clock.now = NOW + timedelta(days=1)
    second = store_reports(place, OTHER_WELCOME)[OTHER_WELCOME[1]]
    kept, gone = editor_commands.merge(place.app(), [second, first], "ada")
    assert (kept, gone) == (first, [second])
    return first, second


def test_a_merge_keeps_the_older_id(place: Workplace, clock: Clock) -> None:
    """A merge keeps the older id; the other becomes a tombstone and an alias (I7).

    Channels follow, and author and time are stored.
    """
    first, second = merged(place, clock)
    assert set(state(place).values()) == {first}
    assert in_feed(place) == [first]
    config = place.app().config
    assert story_view.read(config, second).story.id == first
    (decision,) = explain.story(config, first)["decisions"]
    assert (decision["who"], decision["verb"], decision["at"]) == ("ada", "merge", clock.now)
    with opened(place.database) as store:
        row = store.db.execute("SELECT became, reason FROM tombstones").fetchone()
        assert row["became"] == first and "ada" in row["reason"]
    with pytest.raises(WrongDecision):
        editor_commands.merge(place.app(), [first, second], "ada")


def test_a_merge_with_old_backlog_is_still_news(place: Workplace, clock: Clock) -> None:
    """The id that feeds carried stays, however old the backlog is that they never did (I7)."""
    place.write(f"{SOURCES}{DIGEST}")
    first = store_reports(place, WELCOME)[WELCOME[1]]
    with opened(place.database) as store:
        store.db.execute("UPDATE stories SET fed = 0, announced = '2024-01-01T00:00:00Z'")
        store.db.execute("UPDATE channel_stories SET fed = 0, announced = '2024-01-01T00:00:00Z'")
    second = store_reports(place, OTHER_WELCOME)[OTHER_WELCOME[1]]
    assert in_feed(place) == [second]
    assert editor_commands.merge(place.app(), [second, first], "ada") == (second, [first])
    assert in_feed(place) == [second]
    (story,) = story_view.search(place.app().config, "welcome", 5)
    assert story.announced == clock.now
    assert set(mailed(place, clock).values()) == {"new"}


@pytest.mark.parametrize("nth", [0, 1])
def test_what_is_hidden_is_not_merged_with_what_is_shown(place: Workplace, nth: int) -> None:
    """A hidden and a shown story are merged only after the editor decided which they are (I7)."""
    story_ids = store_reports(place, WELCOME, OTHER_WELCOME)
    ids = [story_ids[WELCOME[1]], story_ids[OTHER_WELCOME[1]]]
    editor_commands.hide(place.app(), ids[nth : nth + 1], "ada")
    with pytest.raises(WrongDecision, match=f"{ids[nth]} is hidden"):
        editor_commands.merge(place.app(), ids, "ada")
    assert state(place) == story_ids
    editor_commands.hide(place.app(), ids, "ada")
    editor_commands.merge(place.app(), ids, "ada")
    assert in_feed(place) == []


def test_decisions_outlive_placing_everything_again(place: Workplace, clock: Clock) -> None:
    """Re-clustering undoes neither a merge nor a split, and changes no id (I7)."""
    first, _ = merged(place, clock)
    story_ids = store_reports(place, SURVEY, UMFRAGE)
    umfrage = story_view.read(place.app().config, story_ids[SURVEY[1]]).story.further_items[0].item.id
    home, part = editor_commands.split(place.app(), [umfrage], "ada", announce=False)
    before = state(place)
    assert home == story_ids[SURVEY[1]] and before[UMFRAGE[1]] == part != home
    for dry in (True, False, False):
        diff = recluster.run(place.app(), dry_run=dry)
        assert (diff.leaves, diff.joins) == ((), ())
        assert state(place) == before
    assert before[WELCOME[1]] == before[OTHER_WELCOME[1]] == first


@pytest.mark.parametrize("kept_apart", [False, True])
def test_a_merge_of_three_outlives_placing_everything_again(
    place: Workplace, clock: Clock, kept_apart: bool
) -> None:
    """All items of a merge stay together, whatever was decided about two of them before (I7)."""
    story_ids = []
    for source, title in THREE:
        story_ids.append(store_reports(place, (source, title, "."))[title])
        clock.now += timedelta(days=1)
    if kept_apart:
        editor_commands.keep_apart(place.app(), story_ids[1], story_ids[2], "ada")
    kept, gone = editor_commands.merge(place.app(), story_ids, "ada")
    assert {kept, *gone} == set(story_ids) and len(gone) == 2
    assert story_view.read(place.app().config, kept).story.publisher.id == "hub"
    for dry in (True, False, True):
        diff = recluster.run(place.app(), dry_run=dry)
        assert (diff.leaves, diff.joins) == ((), ())
    assert set(state(place).values()) == {kept}


def test_a_merge_outlives_a_lead_that_no_editor_linked(place: Workplace, clock: Clock) -> None:
    """Merged items stay together in a story that an item leads which joined later (I6, I7)."""
    link = "https://society.example/news/shared"
    society, consortium = ("society", "Beamtime at the synchrotron", "."), ("consortium", "A prize", ".")
    story_ids = store_reports(place, consortium)
    clock.now += timedelta(days=1)
    story_ids = store_reports(place, society, link=link)
    kept, _ = editor_commands.merge(place.app(), [story_ids[society[1]], story_ids[consortium[1]]], "ada")
    store_reports(place, ("hub", *society[1:]), link=link)
    assert set(state(place).values()) == {kept}
    assert story_view.read(place.app().config, kept).story.publisher.id == "hub"
    for dry in (True, False):
        assert recluster.run(place.app(), dry_run=dry).leaves == ()


def test_what_is_split_off_is_announced_nowhere(place: Workplace) -> None:
    """The part that leaves is on the site and in search, in feeds only on request (I7)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE, TAKE_PART)
    story = story_view.read(place.app().config, story_ids[SURVEY[1]]).story
    by_source = {s.publisher.id: s.item.id for s in story.items}
    _, part = editor_commands.split(place.app(), [by_source["society"]], "ada", announce=False)
    assert part not in in_feed(place)
    _, announced = editor_commands.split(place.app(), [by_source["consortium"][:8]], "ada", announce=True)
    assert announced in in_feed(place)
    with pytest.raises(WrongDecision):
        editor_commands.split(place.app(), [by_source["hub"]], "ada", announce=False)
    with pytest.raises(UnknownName):
        editor_commands.split(place.app(), ["zzzz"], "ada", announce=False)


@pytest.mark.parametrize(
    ("how", "subject"), [("split", None), ("announce", "new"), ("recluster", None)], ids=lambda v: v or "-"
)
def test_what_is_split_off_is_mailed_as_new_or_not_at_all(
    place: Workplace, clock: Clock, how: str, subject: str | None
) -> None:
    """A digest carries it only if the editor announces it, then once and as new (I7, M1)."""
    place.write(f"{SOURCES}{DIGEST}")
    first = store_reports(place, SURVEY)
    clock.now += timedelta(hours=6)
    story_ids = store_reports(place, UMFRAGE)
    assert story_ids[UMFRAGE[1]] == first[SURVEY[1]]
    assert mailed(place, clock) == {SURVEY[1]: "new"}
    society = story_view.read(place.app().config, story_ids[SURVEY[1]]).story.further_items[0].item.id
    if how == "recluster":
        with opened(place.database) as store:
            store.db.execute("UPDATE items SET title = 'Yeast', text = 'Yeast.' WHERE id = ?", [society])
        assert recluster.run(place.app(), dry_run=False).leaves
    else:
        editor_commands.split(place.app(), [society], "ada", announce=how == "announce")
    assert mailed(place, clock) == ({UMFRAGE[1]: subject} if subject else {})
    assert mailed(place, clock) == {}


def test_a_story_that_leaves_a_merge_is_no_correction(place: Workplace, clock: Clock) -> None:
    """A digest that carried a merge says nothing of a story split off without edits (E1, M1)."""
    place.write(f"{SOURCES}{DIGEST}")
    first = store_reports(place, WELCOME)[WELCOME[1]]
    clock.now += timedelta(hours=1)
    second = store_reports(place, OTHER_WELCOME)[OTHER_WELCOME[1]]
    editor_commands.merge(place.app(), [first, second], "ada")
    assert mailed(place, clock) == {WELCOME[1]: "new"}
    item_id = story_view.read(place.app().config, first).story.further_items[0].item.id
    assert editor_commands.split(place.app(), [item_id], "ada", announce=False) == (first, second)
    assert mailed(place, clock) == {}


def test_an_item_that_was_split_off_is_merged_again(place: Workplace) -> None:
    """The last decision stands; an id is given to one item's story only (I7)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE)
    _, society = (s.item.id for s in story_view.read(place.app().config, story_ids[SURVEY[1]]).story.items)
    _, part = editor_commands.split(place.app(), [society], "ada", announce=False)
    assert part != story_ids[SURVEY[1]]
    kept, gone = editor_commands.merge(place.app(), [part, story_ids[SURVEY[1]]], "ada")
    assert {kept, *gone} == {part, story_ids[SURVEY[1]]}
    assert recluster.run(place.app(), dry_run=True).leaves == ()
    _, again = editor_commands.split(place.app(), [society], "ada", announce=False)
    assert again == (part if kept == story_ids[SURVEY[1]] else story_ids[SURVEY[1]])


def test_merge_candidates_are_listed_until_an_editor_decides(place: Workplace, clock: Clock) -> None:
    """Merge candidates are listed in `status` until an editor decides (I5)."""
    story_ids = store_reports(place, SURVEY, WELCOME)
    one, other = story_ids[SURVEY[1]], story_ids[WELCOME[1]]
    with opened(place.database) as store, store.transaction():
        merge_candidate = MergeCandidate(story_id=other, score=7.0, why="titles alike")
        editorial.add_candidate(store, one, [merge_candidate], clock.now)
        editorial.add_relations(store, [(one, other, "titles alike")])
    (pair,) = health.read_report(place.app().config).merge_candidates
    assert {pair.story, pair.other} == {one, other} and pair.why == "titles alike"
    editor_commands.keep_apart(place.app(), one, other, "ada")
    assert health.read_report(place.app().config).merge_candidates == ()
    assert explain.pair(place.app().config, one, other)["editor"] == "cannot-link"
    with pytest.raises(WrongDecision):
        editor_commands.keep_apart(place.app(), one, one, "ada")


def test_hiding_is_logged(place: Workplace) -> None:
    """The author and time of hiding are stored, and hiding survives re-clustering (I7)."""
    story_ids = store_reports(place, WELCOME)
    editor_commands.hide(place.app(), [story_ids[WELCOME[1]]], "ada")
    recluster.run(place.app(), dry_run=False)
    said = explain.story(place.app().config, story_ids[WELCOME[1]])
    assert said["hidden"] and [(d["who"], d["verb"]) for d in said["decisions"]] == [("ada", "hide")]


# --- recluster -----------------------------------------------------------------------------------------


def test_an_edited_item_leaves_and_the_difference_is_printed_first(place: Workplace) -> None:
    """An item edited into another report leaves its story; a dry run changes nothing (I5)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE)
    before = state(place)
    with opened(place.database) as store:
        store.db.execute(
            "UPDATE items SET title = 'Bild des Monats', text = 'Hefe.' WHERE title = ?", [UMFRAGE[1]]
        )
    diff = recluster.run(place.app(), dry_run=True)
    assert [(leaving.title, leaving.story) for leaving in diff.leaves] == [
        ("Bild des Monats", story_ids[SURVEY[1]])
    ]
    assert set(state(place).values()) == set(before.values())
    recluster.run(place.app(), dry_run=False)
    after = state(place)
    assert after[SURVEY[1]] == story_ids[SURVEY[1]] != after["Bild des Monats"]
    assert after["Bild des Monats"] not in in_feed(place)
    again = recluster.run(place.app(), dry_run=False)
    assert (again.leaves, again.joins) == ((), ())


def test_published_stories_are_never_merged_by_the_machine(place: Workplace) -> None:
    """Published stories that the current rules call one become merge candidates, once (I5)."""
    story_ids = store_reports(place, SURVEY, (*WELCOME[:1], "Something else", "Entirely."), OTHER_WELCOME)
    with opened(place.database) as store:
        store.db.execute(
            "UPDATE items SET title = ?, text = ? WHERE title = ?", [*UMFRAGE[1:], OTHER_WELCOME[1]]
        )
        store.db.execute("INSERT OR IGNORE INTO index_queue SELECT number FROM items")
    first = recluster.run(place.app(), dry_run=False)
    assert len(first.joins) == 1
    assert set(state(place).values()) == set(story_ids.values())
    assert len(health.read_report(place.app().config).merge_candidates) == 1
    assert recluster.run(place.app(), dry_run=False).joins == ()
    with opened(place.database) as store:
        (story,) = stories.read(store, [story_ids[SURVEY[1]]])
        assert story.related


def test_what_retention_took_the_text_of_stays(place: Workplace, clock: Clock) -> None:
    """Items without text are not compared: none leaves or joins for that (I5)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE, TAKE_PART)
    clock.now += timedelta(days=900)
    with opened(place.database) as store:
        assert pruning.prune(store, place.app().config.retention, clock.now).texts == 3
    diff = recluster.run(place.app(), dry_run=False)
    assert (diff.leaves, diff.joins) == ((), ())
    assert state(place) == story_ids


@pytest.mark.parametrize("together", [True, False])
def test_common_words_count_less_in_recluster_too(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """Re-clustering compares as assigning does, by words that are common now."""
    story_ids = store_reports(place, SURVEY, UMFRAGE)
    assert story_ids[SURVEY[1]] == story_ids[UMFRAGE[1]]
    common_keys = frozenset(map(word_key, extract(*SURVEY[1:], "", "en").words))
    around = candidates.find_candidates
    monkeypatch.setattr(
        candidates, "find_candidates", lambda *given: replace(around(*given), common_keys=common_keys)
    )
    if together:
        (leaving,) = recluster.run(place.app(), dry_run=True).leaves
        assert leaving.title == UMFRAGE[1]
    else:
        recluster.run(place.app(), dry_run=False)
        with opened(place.database) as store:
            store.db.execute("DELETE FROM related")
        assert recluster.run(place.app(), dry_run=True).joins == ()


def test_counts_follow_items_through_merge_and_split(place: Workplace) -> None:
    """The counted items and stories are those of the tables, whatever editors move (I7)."""

    def counted() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        with opened(place.database) as store:
            kept = store.db.execute("SELECT source_id, items, stories FROM source_counts ORDER BY 1")
            tables = store.db.execute(
                "SELECT source_id, count(*), count(DISTINCT story_id) FROM items GROUP BY 1 ORDER BY 1"
            )
            assert stories.counts(store)[0] == store.db.execute("SELECT count(*) FROM stories").fetchone()[0]
            return [tuple(row) for row in kept], [tuple(row) for row in tables]

    story_ids = store_reports(place, SURVEY, UMFRAGE, TAKE_PART, WELCOME, OTHER_WELCOME)
    before = counted()
    assert before[0] == before[1]
    editor_commands.merge(place.app(), [story_ids[WELCOME[1]], story_ids[SURVEY[1]]], "ada")
    merged = counted()
    assert merged[0] == merged[1] != before[1]
    with opened(place.database) as store:
        (item_id,) = store.db.execute("SELECT id FROM items WHERE title = ?", [WELCOME[1]]).fetchone()
    editor_commands.split(place.app(), [item_id], "ada", announce=False)
    assert counted() == before


# --- editors beside jobs (L1) --------------------------------------------------------------------------


def beside(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], object]) -> None:
    """Let an editor act, once, right before `module.name` is called."""
    original, acts = getattr(module, name), [act]

    def called(*given: Any, **named: Any) -> Any:
        if acts:
            acts.pop()()
        return original(*given, **named)

    monkeypatch.setattr(module, name, called)


def test_a_merge_while_files_are_written(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written files are consistent, and the next run writes the merge (L1, P1)."""
    story_ids = store_reports(place, WELCOME, OTHER_WELCOME)
    ids = [story_ids[WELCOME[1]], story_ids[OTHER_WELCOME[1]]]
    beside(monkeypatch, stories, "read", lambda: editor_commands.merge(place.app(), ids, "ada"))
    config = place.app().config
    for entries in (2, 1):
        with opened(place.database) as store:
            publish.render(store, config, NOW)
        # The archive is written first, before the merge; the feed knows of it at once.
        assert (place.public / "archive/2026-10.xml").read_text("utf-8").count("<entry>") == entries
        assert (place.public / "atom.xml").read_text("utf-8").count("<entry>") == 1


def test_a_merge_while_everything_is_placed_again(
    place: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision made meanwhile stands; the rest of the difference waits (L1, I7)."""
    first = store_reports(place, WELCOME)[WELCOME[1]]
    clock.now += timedelta(hours=1)
    second = store_reports(place, SURVEY, UMFRAGE)[SURVEY[1]]
    with opened(place.database) as store:
        store.db.execute("UPDATE items SET title = 'Yeast', text = '.' WHERE title = ?", [UMFRAGE[1]])
    merge = partial(editor_commands.merge, place.app(), [first, second], "ada")
    beside(monkeypatch, recluster, "_apply", merge)
    diff = recluster.run(place.app(), dry_run=False)
    assert (diff.leaves, diff.joins, diff.applied) == ((), (), True)
    assert set(state(place).values()) == {first}


@pytest.mark.parametrize("merge", [True, False])
def test_a_decision_while_pairs_go_on_the_list(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, merge: bool
) -> None:
    """A pair that became one story meanwhile, or is kept apart, is no doubt any more (L1)."""
    story_ids = store_reports(place, WELCOME, OTHER_WELCOME)
    ids = [story_ids[WELCOME[1]], story_ids[OTHER_WELCOME[1]]]
    with opened(place.database) as store:
        for source, title, text in (SURVEY, UMFRAGE):
            store.db.execute(
                "UPDATE items SET title = ?, text = ? WHERE source_id = ?", [title, text, source]
            )
        store.db.execute("INSERT OR IGNORE INTO index_queue SELECT number FROM items")
    act = (
        partial(editor_commands.merge, place.app(), ids)
        if merge
        else partial(editor_commands.keep_apart, place.app(), *ids)
    )
    beside(monkeypatch, recluster, "_apply", lambda: act("ada"))
    assert recluster.run(place.app(), dry_run=False).joins == ()
    assert health.read_report(place.app().config).merge_candidates == ()


def test_a_split_while_an_edition_is_composed(
    place: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor waits until the edition is written; the next one has the news item (L1, M1)."""
    place.write(f"{SOURCES}{DIGEST}")
    store_reports(place, SURVEY)
    clock.now += timedelta(hours=6)
    story_ids = store_reports(place, UMFRAGE)
    society = story_view.read(place.app().config, story_ids[SURVEY[1]]).story.further_items[0].item.id
    split = partial(editor_commands.split, place.app(), [society], "ada", announce=True)
    editor = Thread(target=split)
    beside(monkeypatch, body, "compose_body", editor.start)
    assert mailed(place, clock) == {SURVEY[1]: "new"}
    editor.join()
    assert mailed(place, clock) == {UMFRAGE[1]: "new"}
    assert mailed(place, clock) == {}


def test_names_are_resolved_where_they_are_used(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a name and the write nobody else writes (L1)."""
    story_ids = store_reports(place, SURVEY, UMFRAGE, WELCOME)
    within: list[bool] = []

    def watched(module: Any, name: str) -> None:
        original = getattr(module, name)

        def called(store: Store, *given: Any) -> Any:
            within.append(store.db.conn.in_transaction)
            return original(store, *given)

        monkeypatch.setattr(module, name, called)

    society = story_view.read(place.app().config, story_ids[SURVEY[1]]).story.further_items[0].item.id
    watched(story_search, "resolve")
    watched(editorial, "items_by_prefix")
    app = place.app()
    _, part = editor_commands.split(app, [society], "ada", announce=False)
    editor_commands.keep_apart(app, part, story_ids[WELCOME[1]], "ada")
    editor_commands.merge(app, [part, story_ids[SURVEY[1]]], "ada")
    editor_commands.hide(app, [story_ids[WELCOME[1]]], "ada")
    assert len(within) == 6 and all(within)


def test_a_merge_undone_gives_each_story_its_id_back(place: Workplace, clock: Clock) -> None:
    """An id stays with the item that founded it, also after a merge and a split (I4, I7)."""
    kept, gone = merged(place, clock)
    with opened(place.database, create=False) as store:
        rows = store.db.execute("SELECT id FROM items WHERE story_id = ?", [kept]).fetchall()
    items = [row["id"] for row in rows]
    with pytest.raises(WrongDecision, match=r"founded .* whose id stays with it permanently"):
        editor_commands.split(place.app(), items[:1], "ada", announce=False)
    other = next(item for item in items if short_hash(f"story\n{item}") == gone)
    assert editor_commands.split(place.app(), [other], "ada", announce=True) == (kept, gone)
    with opened(place.database, create=False) as store:
        assert story_search.resolve(store, gone) == gone
        assert store.db.execute("SELECT count(*) FROM tombstones").fetchone()[0] == 0
