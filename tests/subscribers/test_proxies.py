"""Pages of subscribers behind nginx and Caddy with the files of deploy/."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.subscribers.visitor import FORM, Visitor
from tests.web import servers


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_pages_of_subscribers_are_proxied(
    visitor: Visitor,
    subscription: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """GET and POST reach the web app, whose headers come back once."""
    folder = tmp_path_factory.mktemp(name)
    deploy = tmp_path_factory.mktemp("deploy")
    for file in servers.DEPLOY.iterdir():
        text = file.read_text("utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{visitor.port}")
        (deploy / file.name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(servers, "DEPLOY", deploy)
    with servers.serving(name, folder) as server:
        form = urlencode([("action", "signup"), ("address", "eve@e.example"), ("digest", "weekly")])
        unsubscribe = subscription.replace("subscription", "unsubscribe")
        assert _ask(server.port, "GET", "/subscribe")[0] == 200
        assert _ask(server.port, "POST", "/subscribe", form)[0] == 200
        status, headers = _ask(server.port, "POST", unsubscribe, "List-Unsubscribe=One-Click")
        assert status == 200
        for header, value in (("cache-control", "no-store"), ("referrer-policy", "same-origin")):
            assert [text for key, text in headers if key.lower() == header] == [value]
        assert _ask(server.port, "POST", "/index.html")[0] == 405
        # A push of a hub, which is larger than any form.
        assert _ask(server.port, "GET", f"/websub/{'t' * 22}?hub.mode=subscribe")[0] == 404
        assert _ask(server.port, "POST", f"/websub/{'t' * 22}", "x" * 300_000)[0] == 404
        log = Path(folder / "log").read_text("utf-8", "replace")
        assert subscription.rpartition("/")[2] not in log
        assert "t" * 22 not in log


def _ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, list[tuple[str, str]]]:
    """Send a request; return status and headers."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        line.request(method, path, body, {"Content-Type": FORM})
        answer = line.getresponse()
        answer.read()
        return answer.status, answer.getheaders()
