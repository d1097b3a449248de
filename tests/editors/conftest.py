"""Fixtures of tests of the editors' pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors.site import Editor, configure, editing
from tests.editors.site import publish as publish_stories
from tests.web_server import Web
from tests.workplace import Workplace


@pytest.fixture
def editor(place: Workplace, web: Web) -> Iterator[Editor]:
    """Serve the editors' pages of a site without stories to an editor who is not signed in."""
    configure(place, web)
    with editing(place) as person:
        yield person


@pytest.fixture
def pair(editor: Editor, place: Workplace, web: Web) -> tuple[str, str]:
    """Publish stories, sign the editor in, and return the ids of two stories that may be one."""
    ids = publish_stories(place, web)
    editor.sign_in()
    return ids
