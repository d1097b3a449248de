"""Fixtures of tests of the editors' pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.editors.site import Editor, configure, editing
from tests.editors.site import publish as publish_stories
from tests.web_server import Web
from tests.workplace import Clock, Workplace


@pytest.fixture
def editor(place: Workplace, web: Web) -> Iterator[Editor]:
    """Serve the editors' pages of a site without stories to an editor who is not signed in."""
    configure(place, web)
    with editing(place) as person:
        yield person


@dataclass(frozen=True)
class Site:
    """A running site, its editor, and two stories that may be one."""

    editor: Editor
    place: Workplace
    pair: tuple[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve one site to a signed-in editor for all tests of a file that change nothing."""
    place, web = Workplace(tmp_path_factory.mktemp("site"), Clock()), Web()
    configure(place, web)
    with editing(place) as person:
        ids = publish_stories(place, web)
        person.sign_in()
        yield Site(person, place, ids)
    web.close()


@pytest.fixture
def pair(editor: Editor, place: Workplace, web: Web) -> tuple[str, str]:
    """Publish stories, sign the editor in, and return the ids of two stories that may be one."""
    ids = publish_stories(place, web)
    editor.sign_in()
    return ids
