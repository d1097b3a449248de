"""Let the full-text index follow items in few writes."""

from __future__ import annotations

from sqlite_utils import Database

_IS_INDEXED = " WHEN EXISTS (SELECT 1 FROM items_fts_docsize WHERE id = old.number) BEGIN "


def m0032_indexed_words(db: Database) -> None:
    """Index new items when they are placed, in one write (`word_index.index_words`).

    FTS5 writes its index at the end of each transaction, which was 6 ms for each document with new items. The other
    triggers leave out what is not indexed yet.
    """
    db.execute("DROP TRIGGER items_ai")
    for name in ("items_ad", "items_au"):
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name]).fetchone()
        db.execute(f"DROP TRIGGER {name}")
        db.execute(sql.replace(" BEGIN ", _IS_INDEXED, 1))


_BASIC_CHARACTERS = {
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


def _folded(column: str) -> str:
    """Return SQL for a text with basic characters, in as many words as before."""
    for letter, basic in _BASIC_CHARACTERS.items():
        column = f"replace({column}, '{letter}', '{basic}')"
    return column


def m0039_basic_characters(db: Database) -> None:
    """Index characters that Unicode does not decompose as basic ones, so that "lodz" finds Łódź.

    What is shown and highlighted is read from `items_searched` as before: the words and their order are the same. Only
    items with such characters are indexed again.
    """
    titles_and_texts = ", ".join(f"{_folded(column)} AS {column}" for column in ("title", "text"))
    db.execute(f"CREATE VIEW items_folded AS SELECT number, {titles_and_texts}, facets FROM items_searched")
    for name in ("items_ad", "items_au"):
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name]).fetchone()
        db.execute(f"DROP TRIGGER {name}")
        for row in ("old", "new"):
            words = f"{_folded(f'{row}.title')}, {_folded(f'{row}.text')}"
            sql = sql.replace(f"{row}.title, {row}.text, 's'", f"{words}, 's'")
        db.execute(sql)
    numbers = db.execute(
        "SELECT number FROM items_searched AS written JOIN items_folded AS folded USING (number)"
        " JOIN items_fts_docsize ON items_fts_docsize.id = number"
        " WHERE (written.title, written.text) <> (folded.title, folded.text)"
    ).fetchall()
    values = "number, title, text, facets"
    for number in numbers:
        db.execute(
            "INSERT INTO items_fts (items_fts, rowid, title, text, facets)"
            f" SELECT 'delete', {values} FROM items_searched WHERE number = ?",
            number,
        )
        db.execute(
            "INSERT INTO items_fts (rowid, title, text, facets)"
            f" SELECT {values} FROM items_folded WHERE number = ?",
            number,
        )
