"""Share one visited source among the tests of a module: each works on a copy of its folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import one_source, visited
from tests.web_server import Web
from tests.workplace import Workplace


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Web]]:
    """Return a folder whose source was visited and published, and the server."""
    folder = tmp_path_factory.mktemp("original")
    with visited(folder) as web:
        yield folder, web


@pytest.fixture
def web(original: tuple[Path, Web]) -> Web:
    """Return the server without answers and requests."""
    original[1].forget()
    return original[1]


@pytest.fixture
def site(original: tuple[Path, Web], web: Web, place: Workplace) -> Workplace:
    """Return a workplace whose source was visited and published."""
    shutil.copytree(original[0], place.folder, dirs_exist_ok=True)
    return one_source(place, web)
