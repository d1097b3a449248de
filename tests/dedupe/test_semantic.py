"""The extra `semantic`: similarity of meaning, its cache, and what switching it changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from aggregator import extras, health
from aggregator import maintenance as jobs
from aggregator.dedupe import cluster, evidence, recluster, semantic
from aggregator.dedupe.weights import Weights, weights
from aggregator.model.stories import Comparison, Evidence, Member, Strength
from aggregator.store import embeddings
from aggregator.store.connection import opened
from tests.builders import NOW, rss
from tests.command import call
from tests.conftest import Clock, Web, Workplace
from tests.dedupe.test_same_story import reported

installed = pytest.mark.skipif(not semantic.is_on(), reason="needs the extra `semantic`")

OPEN = "Registration open: light-sheet microscopy meeting in Dresden"
OFFEN = "Anmeldung zum Treffen über Lichtblattmikroskopie in Dresden geöffnet"
OTHER = "Three PhD positions in marine biology"


@installed
def test_translations_are_more_alike_than_other_news() -> None:
    """Meaning survives translation, and numbers make a difference."""
    same, other = semantic.similarity(OPEN, OFFEN), semantic.similarity(OPEN, OTHER)
    assert same is not None
    assert other is not None
    assert same > 0.6 > 0.4 > other
    version, another = "Release 2.4 of the viewer", "Release 7.9 of the viewer"
    assert (semantic.similarity(version, version), semantic.similarity(version, another) == 1) == (1, False)


@installed
def test_the_order_of_two_texts_does_not_matter() -> None:
    """Similarity is symmetric and does not depend on white space, length or characters."""
    assert semantic.similarity(OPEN, OFFEN) == semantic.similarity(f" {OFFEN}\n", OPEN.replace(" ", "\t"))
    assert semantic.similarity(OPEN, "\ud800 \x00 𝕏 " + "x" * 1_000_000) is not None
    assert semantic.similarity(OPEN, " \n ") is None


def test_without_the_extra_nothing_is_compared() -> None:
    """Similarity is None where the extra is switched off or not installed."""
    with semantic.switched_off():
        assert semantic.similarity(OPEN, OFFEN) is None
        assert not semantic.is_on()


@installed
def test_meaning_counts_with_a_weight_and_near_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meaning is evidence only with a weight, and only for items that agree otherwise."""
    item = reported("a", OPEN, "Dresden, 4 May 2027.")
    near, far = reported("b", OFFEN, "Dresden, 4.5.2027."), reported("c", OTHER, "Vigo, 350 EUR.")
    weighted = replace(weights(), with_meaning={**weights().plain, semantic.EVIDENCE: 3.0})
    for table, expected in ((replace(weights(), with_meaning={}), []), (weighted, [semantic.EVIDENCE])):
        monkeypatch.setattr(evidence, "weights", partial(lambda it: it, table))
        for other, names in ((near, expected), (far, [])):
            found = [piece.name for piece in evidence.near(item, other)]
            assert [name for name in found if name == semantic.EVIDENCE] == names


@installed
def test_embeddings_are_computed_once(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached embedding gives the same similarity and needs no model."""
    with opened(place.database) as store:

        def compared() -> float | None:
            with semantic.cached(partial(embeddings.read, store), partial(embeddings.write, store, NOW)):
                return semantic.similarity(OPEN, OFFEN)

        first = compared()
        monkeypatch.setattr(semantic, "_model", None)
        assert compared() == first
        monkeypatch.setattr(extras, "sentence_encoder", lambda: "0.0")
        with pytest.raises(TypeError):  # embeddings of another version are none
            compared()


def test_the_cache_is_bounded_and_pruned(place: Workplace, clock: Clock, monkeypatch: Any) -> None:
    """Only the newest embeddings are kept, for as long as items are compared with them."""
    place.write("")
    monkeypatch.setattr(embeddings, "MAX_EMBEDDINGS", 3)

    def kept() -> list[bytes]:
        with opened(place.database) as store:
            return [row[0] for row in store.db.execute("SELECT text_hash FROM embeddings ORDER BY number")]

    for n in range(5):
        with opened(place.database) as store:
            embeddings.write(store, clock.now + timedelta(days=n), "model", {bytes([n]): b"vector"})
    assert kept() == [b"\2", b"\3", b"\4"]
    clock.now += embeddings.MAX_AGE + timedelta(days=3)
    jobs.prune(place.app())
    assert kept() == [b"\3", b"\4"]


def test_status_says_whether_it_is_on(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` names the version of the encoder, or that it is off, as text and as JSON.

    It is off, too, where the encoder is installed and the weights give its result none.
    """
    place.write("")
    call(place, "fetch")
    for version, weight, words, as_json in (
        ("0.2.1", {"meaning": 3.0}, "on (sentence encoder 0.2.1)", '"0.2.1"'),
        ("0.2.1", {}, "off (sentence encoder 0.2.1 is installed, without weight)", '"0.2.1"'),
        (None, {"meaning": 3.0}, "off", "null"),
    ):
        monkeypatch.setattr(extras, "sentence_encoder", partial(lambda it: it, version))
        monkeypatch.setattr(
            "aggregator.dedupe.weights.weights", partial(Weights, plain={}, with_meaning=weight)
        )
        assert f"meanings compared between items: {words}\n" in call(place, "status").out
        assert f'"sentence_encoder": {as_json}' in call(place, "status", "--json").out


# --- switching it --------------------------------------------------------------------------------------


@pytest.fixture
def connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let meaning alone decide: two items are the same if they are alike in meaning."""

    def compare(a: Member, b: Member, *rest: Any, **options: Any) -> Comparison:
        found = real(a, b, *rest, **options)
        alike = semantic.similarity(a.title, b.title)
        if alike is None:
            return found
        piece = Evidence(
            name=semantic.EVIDENCE, weight=alike * 10, word=lambda: f"alike in meaning to {alike:.0%}"
        )
        strength = Strength.SAME if alike > 0.6 else Strength.DIFFERENT
        return replace(found, strength=strength, evidence=(piece,), vetoes=())

    real = cluster.compare
    monkeypatch.setattr(cluster, "compare", compare)


def _fetch(place: Workplace, web: Web, titles: Mapping[str, str]) -> dict[str, bytes]:
    """Serve one item a source, visit all, and return the published feeds."""
    for source, title in titles.items():
        fields = {
            "title": title,
            "link": f"https://{source}.example/1",
            "description": "Dresden, 4 May 2027, 350 EUR.",
        }
        web.feed(f"/{source}", rss({**fields, "pubDate": "Mon, 05 Oct 2026 05:00:00 +0000"}))
    lines = (f"  - {{id: {source}, name: {source.title()}, url: '{web.url}/{source}'}}" for source in titles)
    place.write("sources:\n" + "\n".join(lines) + "\n")
    assert call(place, "fetch", "--force").code == 0
    return published(place)


def published(place: Workplace) -> dict[str, bytes]:
    """Return the published feeds."""
    return {name: (place.public / name).read_bytes() for name in ("atom.xml", "rss.xml", "feed.json")}


def _entries(feeds: Mapping[str, bytes]) -> list[list[str]]:
    """Return ids and titles in each feed, but no links to related stories."""
    return [
        re.findall(r"tag:[^<\"]*|<title>[^<]*|\"title\": *\"[^\"]*", feed.decode()) for feed in feeds.values()
    ]


@contextmanager
def _off() -> Iterator[None]:
    with semantic.switched_off():
        yield


@installed
@pytest.mark.usefixtures("connecting", "hasty")
@pytest.mark.parametrize("first_on", [True, False], ids=["then off", "then on"])
def test_switching_it_changes_no_published_story(place: Workplace, web: Web, first_on: bool) -> None:
    """Published stories stay, after `recluster` too, and at most become candidates (I5)."""
    on, off = nullcontext(), _off()
    before, after = (on, off) if first_on else (off, on)
    with before:
        feeds = _fetch(place, web, {"one": OPEN, "two": OFFEN, "three": OTHER})
    assert feeds["atom.xml"].count(b"<entry") == (2 if first_on else 3)
    with after:
        assert call(place, "fetch", "--force").code == 0
        call(place, "publish")
        assert recluster.run(place.app(), dry_run=False).leaves == ()
        call(place, "publish")
    assert _entries(published(place)) == _entries(feeds)
    assert len(health.read_report(place.app().config).merge_candidates) == (0 if first_on else 1)


@installed
@pytest.mark.usefixtures("connecting", "hasty")
def test_an_item_that_meaning_would_part_stays(place: Workplace, web: Web) -> None:
    """An item that joined without the extra stays when the extra says otherwise (I5)."""
    with semantic.switched_off():
        _fetch(place, web, {"one": OPEN, "two": OPEN})
    with opened(place.database) as store:
        store.db.execute("UPDATE items SET title = ? WHERE source_id = 'two'", [OPEN + " | Node"])
        assert store.db.execute("SELECT count(*) FROM stories").fetchone()[0] == 1
    assert recluster.run(place.app(), dry_run=False).leaves == ()
