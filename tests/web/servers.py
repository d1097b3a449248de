"""Run servers of `public/`: the daemon's, and nginx and Caddy with the files of deploy/."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aggregator import config
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.publishing import PublishedDocument
from tests.builders import NOW
from tests.conftest import HEAD
from tests.processes import LONGEST_SECONDS, free_port, until

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
CADDY = shutil.which("caddy")
HUB = "https://hub.example.org/"


@dataclass(frozen=True)
class Response:
    """Hold a response; header names in lower case, values of one name joined."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """Hold a running server and the folder that it serves."""

    name: str
    port: int
    public: Path

    def ask(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Response:
        """Send a request on a new connection, without headers except Host."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            found: dict[str, str] = {}
            for name, value in answer.getheaders():
                known = found.get(name.lower())
                found[name.lower()] = f"{known}, {value}" if known else value
            return Response(answer.status, found, answer.read())


def put(public: Path, path: str, body: bytes, kind: str = "application/octet-stream") -> None:
    """Publish a document with its `.gz`, as jobs do."""
    files.write_document(public, PublishedDocument(path=path, media_type=kind, body=body))


def configured(public: Path, hub: str | None = None) -> Config:
    """Return a configuration that serves `public`, with its data beside it."""
    file = public.with_name(f"{public.name}.yaml")
    paths = f"paths: {{public: '{public.name}', data: '{public.name}-data'}}\n"
    file.write_text(
        HEAD.replace("publish: {", f"publish: {{hub: {hub or 'null'}, ") + paths + "sources: []\n"
    )
    return config.load(file)


@contextmanager
def serving(name: str, folder: Path, daemon: int | None = None) -> Iterator[Server]:
    """Run the server called `name` on `folder`/public, in front of a daemon at a port."""
    missing = {"nginx": NGINX is None, "caddy": CADDY is None}
    if missing.get(name):
        pytest.skip(f"{name} is not installed")
    (folder / "public").mkdir(exist_ok=True)
    port = free_port()
    command = {"own": _own, "nginx": _nginx, "caddy": _caddy}[name](folder, port)
    for file in ("site.conf", "Caddyfile"):
        if daemon and (folder / file).exists():
            text = (folder / file).read_text("utf-8")
            (folder / file).write_text(
                text.replace("127.0.0.1:8000", f"127.0.0.1:{daemon}"), encoding="utf-8"
            )
    with (folder / "log").open("wb") as log:
        home = {**os.environ, "HOME": str(folder), "AGGREGATOR_NOW": NOW.isoformat()}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=home)
    try:
        _until_up(port, process, folder / "log")
        yield Server(name, port, folder / "public")
    finally:
        process.terminate()
        process.wait(LONGEST_SECONDS)


def _until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    def listens() -> bool:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        with closing(socket.socket()) as line:
            return line.connect_ex(("127.0.0.1", port)) == 0

    until(listens, lambda: "nobody listens:\n" + log.read_text("utf-8", "replace"))


def _own(folder: Path, port: int) -> list[str]:
    file = folder / "feeds.yaml"
    file.write_text(
        f"{HEAD}web: {{listen: '127.0.0.1:{port}', trusted_proxies: [127.0.0.1]}}\nsources: []\n",
        encoding="utf-8",
    )
    return [sys.executable, "-m", "aggregator", "-c", str(file), "serve"]


def _adapted(file: str, folder: Path, changes: Mapping[str, str]) -> str:
    """Return a file of deploy/ adapted to this folder; each changed text must exist."""
    text = (DEPLOY / file).read_text("utf-8")
    for old, new in {"/srv/aggregator": str(folder), **changes, "news.example.org": "news.example"}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _nginx(folder: Path, port: int) -> list[str]:
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen [::]:80;": "",
        '#"~^/': '"~^/',  # the line of the hub
    }
    (folder / "site.conf").write_text(_adapted("nginx.conf", folder, changes), encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths} include {folder}/site.conf; }}\n",
        encoding="utf-8",
    )
    if os.geteuid() == 0:  # its worker is nobody then, who cannot come by here
        text = (folder / "nginx.conf").read_text("utf-8")
        (folder / "nginx.conf").write_text("user root;\n" + text, encoding="utf-8")
    return [str(NGINX), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int) -> list[str]:
    changes = {"news.example.org {\n": f"http://127.0.0.1:{port} {{\n", "#header @feed": "header @feed"}
    site = _adapted("Caddyfile", folder, changes)
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site, encoding="utf-8")
    return [str(CADDY), "run", "--config", str(file), "--adapter", "caddyfile"]
