"""States of sources in databases of earlier versions."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from aggregator.store.connection import opened
from aggregator.store.schema import MIGRATIONS
from aggregator.store.sources import health


@pytest.mark.parametrize(
    ("before", "failed_status", "after"),
    [
        ("new", None, "new"),
        ("well", None, "ok"),
        ("silent", None, "stale"),
        ("failing", 500, "failing"),
        ("held", 429, "rate_limited"),
        ("held", 503, "rate_limited"),
        ("held", None, "needs_review"),
    ],
)
def test_a_migration_renames_states(
    tmp_path: Path, before: str, failed_status: int | None, after: str
) -> None:
    """A migrated source has its new state; `held` is split by the last failure."""
    file = tmp_path / "aggregator.db"
    db = Database(file)
    MIGRATIONS.apply(db, stop_before="m0014_source_states")
    db.execute(
        "INSERT INTO sources (id, url, name, kind, state, failed_status) VALUES ('node', 'u', 'n', 'feed', ?, ?)",
        [before, failed_status],
    )
    db.conn.commit()
    db.conn.close()
    with opened(file) as store:
        assert [source.state for source in health(store)] == [after]
