"""Compare the full-text index with one that is made anew."""

from __future__ import annotations

import sqlite3


def assert_is_whole(db: sqlite3.Connection) -> None:
    """Check that the index has the folded words of all items that it reaches, and no others.

    `integrity-check` compares it with `items_searched`, whose characters are those of the texts.
    """
    db.execute(
        "CREATE VIRTUAL TABLE temp.fresh USING fts5 (title, text, facets, tokenize='unicode61 remove_diacritics 2')"
    )
    db.execute(
        "INSERT INTO temp.fresh (rowid, title, text, facets) SELECT number, title, text, facets FROM items_folded"
        " WHERE number <= (SELECT coalesce(max(id), 0) FROM items_fts_docsize)"
    )
    db.execute("CREATE VIRTUAL TABLE temp.fresh_terms USING fts5vocab (temp, fresh, instance)")
    known, fresh = (
        sorted(map(tuple, db.execute(f"SELECT term, doc, col, offset FROM {table}")))
        for table in ("items_terms", "temp.fresh_terms")
    )
    db.execute("DROP TABLE temp.fresh_terms")
    db.execute("DROP TABLE temp.fresh")
    assert known == fresh
