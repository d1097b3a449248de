"""Variants: equal for translations, posts and test servers of one article only."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from aggregator.items.url_variants import loose_variant_key, variant
from tests.strategies import law, urls


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://node.example/en/news/welcome-new-node", "https://node.example/de/news/welcome-new-node"),
        ("https://node.example/news/welcome-new-node", "https://node.example/sv/news/welcome-new-node/"),
        (
            "https://node.example/news/new-camera-in-turku_en",
            "https://node.example/news/new-camera-in-turku_fi",
        ),
        ("https://node.example/news/new-camera.en.html", "https://node.example/news/new-camera.de.html"),
        ("https://node.example/news/new-camera?lang=pt", "https://node.example/news/new-camera?lang=en"),
        ("https://node.example/index.php?id=4711&L=1", "https://node.example/index.php?id=4711"),
        (
            "https://node.example/en/news/4711-new-camera",
            "https://node.example/de/aktuelles/4711-neue-kamera",
        ),
        ("https://node.example/lang/cs/news/4711/nova-kamera", "https://node.example/news/4711/a-new-camera"),
        ("https://cordis.europa.eu/article/id/461207-title/it", "https://cordis.europa.eu/article/id/461207"),
        ("https://forum.node.example/t/new-camera/12345/7?u=ada", "https://forum.node.example/t/12345"),
        (
            "https://node.example/viewtopic.php?f=3&t=123&p=456#p456",
            "https://node.example/viewtopic.php?t=123",
        ),
        ("https://node.example/viewtopic.php?t=123&start=15", "https://node.example/viewtopic.php?f=2&t=123"),
        ("https://node.example/index.php?topic=123.msg456", "https://node.example/index.php?topic=123.0"),
        ("https://node.example/threads/camera.123/post-456", "https://node.example/threads/camera.123/"),
        ("https://staging.node.example/news/new-camera", "https://www.node.example/news/new-camera"),
        ("https://www-dev.node.example/news/new-camera", "https://node.example/news/new-camera"),
    ],
)
def test_forms_of_one_article_have_one_variant(one: str, other: str) -> None:
    """Addresses that differ in language, post, title or test server have one key (I3)."""
    a, b = variant(one), variant(other)
    assert a is not None
    assert b is not None
    assert a.key == b.key
    assert loose_variant_key(one) == loose_variant_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://node.example/news/4711-new-camera", "https://node.example/news/4712-new-camera"),
        ("https://node.example/news/4711-new-camera", "https://node.example/events/4711-new-camera"),
        ("https://node.example/news/2026-new-camera", "https://node.example/news/2026-old-camera"),  # a year
        ("https://node.example/20260512-seminar-on-light", "https://node.example/20260512-seminar-on-cells"),
        ("https://doi.org/10.1038/s41592-026-02000-1", "https://doi.org/10.1038/s41592-026-02010-9"),
        ("https://node.example/project/4711/results", "https://node.example/project/4711/partners"),
        ("https://node.example/en/new-camera", "https://node.example/en/new-lens"),
        ("https://node.example/?p=4711", "https://node.example/?p=4712"),
        (
            "https://node.example/news?tx_news_pi1[news]=42&L=1",
            "https://node.example/news?tx_news_pi1[news]=43&L=0",
        ),
        ("https://zenodo.org/records/17210455", "https://zenodo.org/records/17210456"),
        ("https://test.example/news/new-camera", "https://node.example/news/new-camera"),
        ("https://blog.node.example/news/new-camera", "https://node.example/news/new-camera"),
    ],
)
def test_other_articles_have_other_variants(one: str, other: str) -> None:
    """A number, a section or a name of another article stays in the key (I3)."""
    a, b = variant(one), variant(other)
    assert a is not None
    assert b is not None
    assert a.key != b.key


def test_a_variant_states_in_what_an_address_differs() -> None:
    """Language, post and test server are stated apart from the key."""
    post = variant("https://forum.node.example/t/new-camera/12345/7")
    assert post is not None
    assert post.part == "7"
    german = variant("https://staging.node.example/de/aktuelles/neue-kamera-da")
    assert german is not None
    assert (german.language, german.is_staging, german.identifies) == ("de", True, True)
    section = variant("https://node.example/de/aktuelles")
    assert section is not None
    assert not section.identifies


@given(urls)
@law
def test_any_address_has_a_variant(url: str) -> None:
    """Every address within the limit has a variant."""
    assert variant(url) is not None


@pytest.mark.parametrize("part", ["/t/", "-", "_en", "/de", "/1234", "?t=1&p=", "&lang=de", ".123/"])
def test_no_variant_takes_long(part: str) -> None:
    """The variant of an address of 4,000 characters takes less than 50 ms."""
    link = "https://forum.node.example/" + (part * 4_000)[:3_900]
    begun = time.thread_time()
    variant(link)
    variant(link[:480])
    assert time.thread_time() - begun < 0.05
