"""Add the words of new items to the full-text index."""

from __future__ import annotations

from aggregator.store.connection import Store

MAX_INDEXED = 3_000
"""Maximum number of items indexed in one transaction, which takes half a second."""
BASIC_CHARACTERS = {
    **dict.fromkeys("ßẞ", "ss"),
    **dict.fromkeys("æÆǽǼ", "ae"),
    **dict.fromkeys("œŒ", "oe"),
    **dict.fromkeys("þÞ", "th"),
    **dict.fromkeys("ðÐđĐ", "d"),
    **dict.fromkeys("ħĦ", "h"),
    **dict.fromkeys("ı", "i"),
    **dict.fromkeys("łŁ", "l"),
    **dict.fromkeys("ŋŊ", "n"),
    **dict.fromkeys("øØǿǾ", "o"),
    **dict.fromkeys("ŧŦ", "t"),
}
"""Characters that unicode61 keeps, and what the index has instead (view `items_folded`)."""


def index_words(store: Store) -> None:
    """Index items stored since the last call, in few writes.

    It precedes placing, so that each item with a story is found; the index itself records how far it reaches.
    """
    count = MAX_INDEXED
    while count == MAX_INDEXED:
        with store.in_transaction():
            rows = store.db.execute(
                "SELECT number, title, text, facets FROM items_searched"
                " WHERE number > (SELECT coalesce(max(id), 0) FROM items_fts_docsize) ORDER BY number LIMIT ?",
                [MAX_INDEXED],
            )
            count = store.db.executemany(
                "INSERT INTO items_fts (rowid, title, text, facets) VALUES (?, ?, ?, ?)",
                ((number, _basic(title), _basic(text), facets) for number, title, text, facets in rows),
            ).rowcount


def _basic(text: str) -> str:
    """Return a text as `items_folded` has it, whose nested `replace` takes thirty times as long."""
    for letter, basic in BASIC_CHARACTERS.items():
        text = text.replace(letter, basic)
    return text
