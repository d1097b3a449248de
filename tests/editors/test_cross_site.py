"""Every route that accepts a form refuses requests of other sites (ED4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Route

from aggregator.web import app
from aggregator.web.body_limit import BodyLimit
from aggregator.web.cross_site import ONE_CLICK, CrossSite
from tests.digests.scenario import all_rows
from tests.editors.site import EVA, Editor, configure
from tests.web_server import Web
from tests.workplace import Workplace

FOREIGN = (
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "nonsense", "origin": "https://news.example"},
    {"origin": "https://evil.example"},
    {"origin": "https://news.example.evil.example"},
    {"origin": "http://news.example"},
    {"origin": "null"},
)
OWN = ({"sec_fetch_site": "same-origin"}, {"origin": "https://news.example"}, {})


def forms(place: Workplace) -> Iterator[str]:
    """Yield the path of every route that takes POST, with names in place of its parameters."""
    config = place.app().config
    web = app.build(config, list, clock=place.clock, app=place.app)
    assert isinstance(web, BodyLimit) and isinstance(web.app, CrossSite)
    for route in web.app.app.routes:  # type: ignore[attr-defined]
        if isinstance(route, Route) and "POST" in (route.methods or ()):
            yield re.sub(r"\{\w+\}", "x" * 22, route.path)


def test_every_form_of_another_site_is_refused(
    editor: Editor, pair: tuple[str, str], place: Workplace
) -> None:
    """No route changes anything for a page of another site, even with the cookie of a session."""
    paths = [path for path in forms(place) if not path.startswith(ONE_CLICK)]
    assert len(paths) >= 9
    before = all_rows(place)
    for path in [*paths, f"/editor/stories/{pair[0]}"]:
        for headers in FOREIGN:
            fields = (("story", pair[0]), ("other", pair[1]), ("action", "merge"))
            page = editor.visitor.post(path, *fields, cookie=editor.cookie, **headers)
            assert (page.status, "page of another site" in page.text) == (403, True), (path, headers)
    assert all_rows(place) == before


def test_forms_without_a_session_change_nothing(
    editor: Editor, pair: tuple[str, str], place: Workplace
) -> None:
    """Forms for editors are refused without a session, also with the header of a proxy."""
    before = all_rows(place)
    paths = [path for path in forms(place) if path.startswith("/editor") and "/sign-" not in path]
    assert len(paths) >= 4
    for path in [*paths, f"/editor/stories/{pair[0]}"]:
        for headers in ({}, {"cookie": "__Host-editor=" + "A" * 22}, {"x_remote_user": EVA}):
            fields = (("story", pair[0]), ("other", pair[1]), ("action", "merge"))
            page = editor.visitor.post(path, *fields, **headers)
            assert (page.status, "You are not signed in" in page.text) == (403, True), (path, headers)
    assert all_rows(place) == before


def test_forms_of_this_site_are_taken(editor: Editor, pair: tuple[str, str], place: Workplace) -> None:
    """Forms of browsers on these pages and of other programs are accepted."""
    for headers in (*OWN, {"origin": f"http://127.0.0.1:{editor.visitor.port}"}):
        for path in forms(place):
            page = editor.visitor.post(path, cookie=editor.cookie, **headers)
            assert "page of another site" not in page.text, (path, headers)


def test_one_click_unsubscribing_needs_no_origin(editor: Editor) -> None:
    """Mail programs may send their POST from anywhere; the token authorises it (RFC 8058)."""
    page = editor.visitor.post(f"{ONE_CLICK}{'x' * 22}", sec_fetch_site="cross-site", origin="null")
    assert page.status == 404  # an unknown token, but no refusal


def test_the_web_app_has_no_form_beside_these(place: Workplace, web: Web) -> None:
    """This file lists every path that accepts POST, so that a new one fails this test."""
    configure(place, web)
    assert {re.sub("/x+$", "/…", path) for path in forms(place)} == {
        "/subscribe",
        "/confirm/…",
        "/subscription/…",
        "/unsubscribe/…",
        "/editor/sign-in",
        "/editor/sign-in/…",
        "/editor/sign-out",
        "/editor/candidates",
        "/editor/stories/…",
        "/editor/held",
        "/editor/decisions",
        "/websub/…",
    }


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_of_other_sites_are_refused(editor: Editor, method: str) -> None:
    """Every method that may change something is checked, not only POST."""
    import http.client
    from contextlib import closing

    with closing(http.client.HTTPConnection("127.0.0.1", editor.visitor.port, timeout=60)) as line:
        line.request(method, "/editor/candidates", headers={"Sec-Fetch-Site": "cross-site"})
        assert line.getresponse().status == 403
