"""Open the database, for jobs under the lock, and check that it belongs to `public`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from aggregator.errors import AggregatorError, AuthorityChanged, DatabaseLost, FutureAuthority
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.ports import Clock
from aggregator.store import channels, meta, runs
from aggregator.store.connection import Store, has_database, opened, record_schema
from aggregator.text import legal

AUTHORITY_KEY = "authority"
MAX_REASON_CHARACTERS = 500
"""Maximum length of the stored reason why a run ended."""
RELEASED_KEY = "released"
"""Key of the time when items under review were last released: unplaced since then."""


@contextmanager
def locked_store(
    config: Config,
    *,
    create: bool = False,
    wait_seconds: float = 0,
    job: str = "",
    clock: Clock | None = None,
) -> Iterator[Store]:
    """Open the store of `config` under the lock that one job at a time may hold (L1).

    `wait_seconds` is how many seconds to wait for another job. With `job` and `clock`, any exception is recorded as a
    failed run of that job. Raises AuthorityChanged if published ids were made with another `site.authority` (V5),
    and DatabaseLost.
    """
    refuse_lost(config)
    files.close_data(config.data, config.public)
    with files.lock(config.data, wait_seconds), opened(config.data / "aggregator.db", create=create) as store:
        refuse_lost(config, store)
        check_same_authority(store, config)
        record_schema(store)
        runs.end_interrupted(store)
        before = runs.newest(store)
        try:
            yield store
        except Exception as error:
            if clock:
                runs.fail(store, job, _reason(error), clock(), since=before)
            raise


@contextmanager
def existing_store(config: Config) -> Iterator[Store]:
    """Open the database beside any job, without creating one (L1).

    Raises DatabaseLost, and StoreError before the first `fetch`.
    """
    refuse_lost(config)
    with opened(config.data / "aggregator.db", create=False) as store:
        refuse_lost(config, store)
        yield store


def _reason(error: Exception) -> str:
    words = str(error) if isinstance(error, AggregatorError) else f"{type(error).__name__}: {error}"
    return legal(words)[:MAX_REASON_CHARACTERS]


def refuse_lost(config: Config, store: Store | None = None) -> None:
    """Raise DatabaseLost where `atom.xml` exists but the database never published anything.

    A new database would announce and mail every story once more. Without `store` an existing database is not read.
    """
    database, feed = config.data / "aggregator.db", config.public / "atom.xml"
    # Channels are stored before any file is written.
    new = not channels.known_ids(store) if store else not has_database(database)
    if new and feed.is_file():
        raise DatabaseLost(
            f"{database} is {'empty' if database.exists() else 'missing'}, but {feed} was published before:"
            " filling a new database would announce and mail everything once more; nothing was done."
            f" Restore a backup to {database} (docs/operations.md), or move {config.public} away to start again"
        )


def check_same_authority(store: Store, config: Config) -> None:
    """Raise AuthorityChanged if published ids were made with another `site.authority` (V5)."""
    known = meta.get(store, AUTHORITY_KEY)
    if known is not None and known != config.site.authority:
        raise AuthorityChanged(
            f"{config.file.name}: site.authority is {config.site.authority!r}, but everything published so far"
            f" has ids of {known!r}; set it back (subscribers would see every story again)"
        )


def refuse_future_authority(store: Store, config: Config, now: datetime) -> None:
    """Raise FutureAuthority, unless published ids have this date already (V5)."""
    if meta.get(store, AUTHORITY_KEY) is None:
        _refuse_future(config, now)


def _refuse_future(config: Config, now: datetime) -> None:
    day = config.site.authority.rpartition(",")[2]
    if day > now.date().isoformat():  # of a year or month the text is less than that of its days
        raise FutureAuthority(
            f"{config.file.name}: site.authority is {config.site.authority!r}, but {day} is in the future: write a"
            f" date on which the domain is yours, such as {now.year} (RFC 4151)"
        )


def check_authority(config: Config, now: datetime) -> None:
    """Raise AuthorityChanged, FutureAuthority (V5) or DatabaseLost, without the lock."""
    refuse_lost(config)
    if not has_database(config.data / "aggregator.db"):
        _refuse_future(config, now)
        return
    with existing_store(config) as store:
        check_same_authority(store, config)
        refuse_future_authority(store, config, now)
