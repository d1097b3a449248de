"""Proxies that sign editors in, with the examples of docs/editors.md in nginx and Caddy."""

from __future__ import annotations

import base64
import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.editors.site import configure, editing, publish
from tests.web import servers
from tests.web_server import Answer, Asked, Web
from tests.workplace import Workplace

GUIDE = Path(__file__).parents[2] / "docs" / "editors.md"
PLACES = {"nginx": ("nginx.conf", "location @missing {"), "caddy": ("Caddyfile", "@daemon path")}
"""The file of deploy/ for each server, and the line above which its example stands."""
EVA, SHOWN = "eva@editors.example", "e***@editors.example"
PROXIED = f"web: {{trusted_proxies: [127.0.0.1], editor_header: X-Remote-User}}\neditors: [{EVA}]\n"


def example(name: str) -> str:
    """Return the example of the guide for a server."""
    blocks = re.findall(r"```(?:nginx|text)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if ("forward_auth" in block) == (name == "caddy")]
    return str(found)


def signing_in(asked: Asked) -> Answer:
    """Answer as oauth2-proxy does: with the address of a signed-in person, if it has one."""
    known = {"session=eva": {"X-Auth-Request-Email": EVA}, "session=nameless": {}}
    headers = known.get(asked.headers.get("cookie", ""))
    return Answer(status=401) if headers is None else Answer(status=202, headers=headers)


@pytest.fixture(params=PLACES)
def port(
    request: pytest.FixtureRequest,
    place: Workplace,
    web: Web,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[int]:
    """Serve the editors' pages behind a server with its example; return its port."""
    name, (file, line) = request.param, PLACES[request.param]
    folder, deploy = tmp_path_factory.mktemp(name), tmp_path_factory.mktemp("deploy")
    (folder / "editors").write_text(f"{EVA}:{{PLAIN}}password\n", encoding="utf-8")
    web.answers["/oauth2/auth"] = signing_in
    configure(place, web, PROXIED)
    publish(place, web)
    with editing(place) as editor:
        text = (servers.DEPLOY / file).read_text("utf-8")
        assert text.count(line) == 1
        text = text.replace(line, f"{example(name)}\n{line}")
        for written, here in {
            "127.0.0.1:8000": f"127.0.0.1:{editor.visitor.port}",
            "127.0.0.1:4180": web.url.removeprefix("http://"),
            "/etc/nginx/editors": f"{folder}/editors",
        }.items():
            text = text.replace(written, here)
        (deploy / file).write_text(text, encoding="utf-8")
        monkeypatch.setattr(servers, "DEPLOY", deploy)
        with servers.serving(name, folder) as server:
            yield server.port


def ask(port: int, path: str = "/editor", **headers: str) -> tuple[int, str]:
    """Request a page as a person with a session at the proxy, or without one."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        line.request("GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        response = line.getresponse()
        return response.status, response.read().decode("utf-8")


SIGNED_IN = {
    "cookie": "session=eva",
    "authorization": f"Basic {base64.b64encode(f'{EVA}:password'.encode()).decode()}",
}
"""Headers of a person who signed in, for either proxy."""


def test_examples_of_proxies(port: int) -> None:
    """The proxy names the editor; others are refused, whatever header they send (ED1)."""
    assert ask(port, "/editor/stories", **SIGNED_IN)[0] == 200
    for forged in ({}, {"x_remote_user": "max@editors.example"}, {"x_remote_user": EVA}):
        assert ask(port, **forged)[0] == 401
        status, page = ask(port, **SIGNED_IN, **forged)
        assert (status, f"Signed in as {SHOWN}" in page) == (200, True)


def test_a_proxy_that_names_nobody(port: int) -> None:
    """An answer without an address signs nobody in, also if the client names itself (ED1)."""
    for forged in ({}, {"x_remote_user": EVA}):
        assert ask(port, cookie="session=nameless", **forged)[0] in (401, 403)


def test_other_pages_need_no_sign_in(port: int) -> None:
    """The example applies to the editors' pages only."""
    assert ask(port, "/status")[0] == 200
    assert ask(port, "/editors-of-journals.html")[0] == 404
