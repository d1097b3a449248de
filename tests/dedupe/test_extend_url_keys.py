"""Databases of older rules for URLs: keys are extended, nothing is published twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.dedupe import extend_url_keys
from aggregator.store import editorial, meta, url_keys
from aggregator.store.connection import Store, opened
from tests.builders import NOW
from tests.conftest import Workplace
from tests.dedupe.test_assign import store_reports

PAGE = "https://hub.example/2026/a-new-light-sheet-for-turku"
FORM = f"{PAGE}/feed/?share=mastodon"
WORDS = ("A new light sheet for Turku", "Six people per day may use it from May.")


def age(store: Store) -> None:
    """Store keys as a version without rules would: addresses as they are written."""
    with store.transaction():
        store.db.execute("DELETE FROM aliases WHERE kind = 'link'")
        store.db.execute(
            "INSERT INTO aliases SELECT source_id, 'link', substr(link, length('https://') + 1), id FROM items"
        )
        store.db.execute("DELETE FROM candidate_index")
        meta.delete(store, url_keys.STATE_KEY)


def aliases(store: Store) -> set[tuple[str, str]]:
    """All aliases that are links, with their source."""
    return {
        tuple(row) for row in store.db.execute("SELECT source_id, value FROM aliases WHERE kind = 'link'")
    }


def test_known_entries_stay_known(place: Workplace) -> None:
    """After an update the same entry, under any form of its address, is no new story (I2)."""
    (story,) = store_reports(place, ("hub", *WORDS), link=FORM).values()
    with opened(place.database) as store:
        age(store)
        before = aliases(store)
        assert extend_url_keys.extend(store, NOW) == ()
        assert before < aliases(store)
        assert meta.get(store, url_keys.STATE_KEY) == f"{url_keys.RULES_VERSION} 0 0"
    assert set(store_reports(place, ("hub", *WORDS), link=PAGE).values()) == {story}


def test_published_stories_that_prove_equal_are_listed_for_editors(place: Workplace) -> None:
    """Published stories that prove equal become merge candidates, once, and stay two (I5)."""
    store_reports(place, ("hub", *WORDS), link=PAGE)
    store_reports(
        place,
        ("society", "Turku: new sheet", "Come and see."),
        link=f"https://society.example/{url_keys.RULES_VERSION}",
    )
    with opened(place.database) as store:
        store.db.execute("UPDATE items SET link = ? WHERE source_id = 'society'", [FORM])
        age(store)
        announced = store.db.execute("SELECT id, announced, updated FROM stories ORDER BY id").fetchall()
        (notice,) = extend_url_keys.extend(store, NOW)
        assert "1 pair " in notice
        assert len(editorial.candidates(store, 9)) == 1
        assert (
            store.db.execute("SELECT id, announced, updated FROM stories ORDER BY id").fetchall() == announced
        )
        assert extend_url_keys.extend(store, NOW) == ()
        age(store)
        assert extend_url_keys.extend(store, NOW) == ()  # already listed


def test_the_list_of_editors_is_not_flooded(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One version of the rules lists at most `MAX_PAIRS` pairs."""
    monkeypatch.setattr(extend_url_keys, "MAX_PAIRS", 2)
    monkeypatch.setattr(extend_url_keys, "BATCH_ITEMS", 3)
    pages = ("lasers", "mirrors", "pumps", "lenses")
    for page in pages:
        store_reports(place, ("hub", f"About {page}", "Come and see."), link=f"https://hub.example/{page}")
        store_reports(place, ("society", "Turku", "Have a look."), link=f"https://society.example/{page}")
    with opened(place.database) as store:
        for page in pages:
            store.db.execute(
                "UPDATE items SET link = 'https://hub.example/' || ? || '?share=' || source_id WHERE link LIKE ?",
                [page, f"%/{page}"],
            )
        age(store)
        extend_url_keys.extend(store, NOW)
        assert len(editorial.candidates(store, 9)) == 2


def test_one_run_extends_the_newest_items(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run extends a limited number of items, the newest first, and the next runs the others."""
    for n in range(5):
        store_reports(
            place, ("hub", f"Node {n} opens", f"Text {n}."), link=f"https://hub.example/{n}-opens?share=x"
        )
    monkeypatch.setattr(extend_url_keys, "BATCH_ITEMS", 1)
    monkeypatch.setattr(extend_url_keys, "MAX_ITEMS", 2)
    with opened(place.database) as store:
        age(store)
        for expected in (7, 9, 10):
            extend_url_keys.extend(store, NOW)
            assert len(aliases(store)) == expected
            assert ("hub", "hub.example/4-opens") in aliases(store)


def test_an_interrupted_extension_goes_on(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that were committed before a kill are not repeated."""
    for n in range(5):
        store_reports(
            place, ("hub", f"Node {n} opens", f"Text {n}."), link=f"https://hub.example/{n}-opens?share=x"
        )
    monkeypatch.setattr(extend_url_keys, "BATCH_ITEMS", 2)
    with opened(place.database) as store:
        age(store)
        state = meta.put

        def killed(store: Store, key: str, value: str) -> None:
            if value.split()[1] != "4":
                raise KeyboardInterrupt
            state(store, key, value)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(meta, "put", killed)
            extend_url_keys.extend(store, NOW)
        assert len(aliases(store)) == 7
        extend_url_keys.extend(store, NOW + timedelta(hours=1))
        assert len(aliases(store)) == 10
