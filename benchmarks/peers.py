"""Run what the aggregator is compared with: bare requests, and lemon24/reader.

`peers.py floor STATE` does the bare GETs of one cycle; `peers.py reader ACTION DB URLS` adds, updates or counts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

WORKERS = 16
"""Threads of the bare requests, equal to the default of `fetch.concurrency`."""
READER_WORKERS = 10


def floor(state_file: Path) -> None:
    """GET every URL of the state file conditionally, hash the body, store the validators."""
    import requests

    own, adapter = threading.local(), _one_context()

    def visit(url: str, validators: dict[str, str]) -> dict[str, str]:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.mount("https://", adapter())
        answer = own.session.get(url, headers=validators, timeout=20)
        answer.raise_for_status()
        if answer.status_code == 304:
            return validators
        hashlib.sha256(answer.content).digest()
        return {"If-None-Match": answer.headers["ETag"], "If-Modified-Since": answer.headers["Last-Modified"]}

    state: dict[str, dict[str, str]] = json.loads(state_file.read_text())
    with ThreadPoolExecutor(WORKERS) as pool:
        renewed = dict(zip(state, pool.map(visit, state.keys(), state.values()), strict=True))
    state_file.write_text(json.dumps(renewed))


def _one_context() -> Callable[[], Any]:
    """Return a class of adapters that load the certificates once for all connections."""
    import ssl

    from requests.adapters import HTTPAdapter

    context: list[ssl.SSLContext] = []

    class OneContext(HTTPAdapter):
        def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
            host, pool = super().build_connection_pool_key_attributes(*args, **options)
            if host["scheme"] == "https":
                context[:] = context or [ssl.create_default_context()]
                pool = {"ssl_context": context[0], "cert_reqs": "CERT_REQUIRED"}
            return host, pool

        def cert_verify(self, *args: Any) -> None:
            """Do nothing: the context verifies."""

    return OneContext


def reader(action: str, database: str, urls_file: Path) -> None:
    """`add` the feeds, `update` them (what is measured), or print the `count` of entries."""
    _lend_sgmllib()
    from reader import make_reader

    with make_reader(database) as library:
        if action == "add":
            for url in json.loads(urls_file.read_text()):
                library.add_feed(url)
        elif action == "update":
            library.update_feeds(workers=READER_WORKERS, scheduled=False)  # as our --force
        else:
            print(library.get_entry_counts().total)


def _lend_sgmllib() -> None:
    """Provide `sgmllib`, which the old feedparser inside reader 3.26 needs.

    That one (6.0.14) requires the same module under another name.
    """
    if importlib.util.find_spec("sgmllib") is None:
        sys.modules["sgmllib"] = importlib.import_module("feedparser_sgmllib")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["floor", state]:
            floor(Path(state))
        case ["reader", action, database, urls]:
            reader(action, database, Path(urls))
        case _:
            sys.exit(__doc__)
