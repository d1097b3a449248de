"""The editors' pages of `serve`, behind no proxy and behind nginx."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from aggregator import daemon
from tests.digests.scenario import poll
from tests.editors.site import configure, editing
from tests.processes import until
from tests.web import servers
from tests.web_server import Web
from tests.workplace import Workplace


def test_serve_follows_the_list_of_editors(tmp_path: Path) -> None:
    """A changed feeds.yaml takes effect without a restart; an invalid one is ignored."""
    with servers.serving("own", tmp_path) as server:
        file = tmp_path / "feeds.yaml"
        written = file.read_text("utf-8")
        assert server.ask("/editor").status == 404
        editors = "editors: [eva@editors.example]\n"
        file.write_text(written.replace("web: {", "web: {url: 'https://news.example/', ") + editors, "utf-8")
        until(lambda: server.ask("/editor").status == 303)
        file.write_text("editors: [eva]\n", "utf-8")
        until(lambda: "editors[0]" in (tmp_path / "log").read_text("utf-8"))
        assert server.ask("/editor").status == 303
        file.write_text(written, "utf-8")
        until(lambda: server.ask("/editor").status == 404)


@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://news.example/", True), ("https://news.example/", False), ("http://127.0.0.1:8000/", False)],
)
def test_an_address_without_https_is_reported(
    place: Workplace, web: Web, caplog: pytest.LogCaptureFixture, url: str, warned: bool
) -> None:
    """A warning at the start states that browsers store no session cookie for this address."""
    configure(place, web, f"web: {{url: '{url}'}}\neditors: [eva@editors.example]\n")
    daemon._warn_of_cookies(place.app().config)
    assert ("https only" in caplog.text) is warned


@pytest.mark.parametrize(
    ("web_url", "warned"),
    [("https://news.example/", True), ("http://127.0.0.1:8000/", False), ("http://[::1]:8000/", False)],
)
def test_a_proxy_that_is_not_named_is_reported(
    place: Workplace, web: Web, caplog: pytest.LogCaptureFixture, web_url: str, warned: bool
) -> None:
    """The log asks for the proxy where one must be, and not for a trial on this machine."""
    configure(place, web, f"web: {{url: '{web_url}', listen: '127.0.0.1:8000'}}\n")
    daemon._warn_of_proxies(place.app().config)
    assert ("trusted_proxies is empty" in caplog.text) is warned


@pytest.mark.skipif(servers.NGINX is None, reason="nginx is not installed")
def test_nginx_signs_editors_in(
    place: Workplace, web: Web, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented location accepts users of nginx and ignores the header of a client."""
    configure(place, web, "web: {trusted_proxies: [127.0.0.1], editor_header: X-Remote-User}\n")
    poll(place)
    deploy, folder = tmp_path_factory.mktemp("deploy"), tmp_path_factory.mktemp("nginx")
    (folder / "editors").write_text("eva:{PLAIN}secret\n", "utf-8")
    page = (servers.DEPLOY.parent / "docs" / "editors.md").read_text("utf-8")
    location = page.partition("```nginx\n")[2].partition("```")[0]
    location = location.replace("/etc/nginx/editors", str(folder / "editors"))
    with editing(place) as editor:
        for file in servers.DEPLOY.iterdir():
            text = file.read_text("utf-8")
            if file.name == "nginx.conf":
                before, marker, after = text.partition("    location ~ ^/(?:search|")
                text = f"{before}{location}{marker}{after}"
            text = text.replace("127.0.0.1:8000", f"127.0.0.1:{editor.visitor.port}")
            (deploy / file.name).write_text(text, "utf-8")
        monkeypatch.setattr(servers, "DEPLOY", deploy)
        with servers.serving("nginx", folder) as server:
            known = {"Authorization": f"Basic {b64encode(b'eva:secret').decode()}"}
            wrong = {"Authorization": f"Basic {b64encode(b'eva:wrong').decode()}"}
            assert server.ask("/editor").status == 401
            assert server.ask("/editor/held", {"X-Remote-User": "eva"}).status == 401
            assert server.ask("/editor", wrong | {"X-Remote-User": "eva"}).status == 401
            shown = server.ask("/editor", known | {"X-Remote-User": "max"})
            assert (shown.status, b"Signed in as eva" in shown.body) == (200, True)
            for path in ("/search/%2e%2e/editor", "//editor", "/stories/..%2feditor", "/editor/./held"):
                assert server.ask(path, {"X-Remote-User": "eva"}).status in (401, 404), path
