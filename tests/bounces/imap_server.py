"""Run Dovecot, the usual IMAP server of Debian, on loopback ports with one mailbox."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import free_port, until

DOVECOT = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
CERTIFICATE = Path(__file__).parents[1] / "data" / "mail" / "loopback.pem"
PASSWORD = "geheimnisvoll-ü"

SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/loopback.pem
ssl_key = <{folder}/loopback.pem
mail_location = maildir:{folder}/mail
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_client_limit = 50
default_process_limit = 10
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0
"""


@dataclass(frozen=True)
class ImapServer:
    """A running server; mails are files below `new` and `cur` of the folder `mails`."""

    tls: int
    starttls: int
    mails: Path
    owner: tuple[int, int]

    def put(self, raw: bytes, name: str) -> None:
        """Deliver a mail."""
        file = self.mails / "tmp" / name
        file.write_bytes(raw)
        if os.geteuid() == 0:
            os.chown(file, *self.owner)
        file.rename(self.mails / "new" / name)

    def names(self) -> list[str]:
        """Return the names of all mails, without flags."""
        return sorted(
            file.name.partition(":")[0].partition(",")[0]
            for part in ("new", "cur")
            for file in (self.mails / part).iterdir()
        )


@contextmanager
def running_imap_server() -> Iterator[ImapServer]:
    """Run the server until the end of the block, as root or as any user."""
    assert DOVECOT
    # Not below the folders of pytest, which the server's own users may not enter.
    with tempfile.TemporaryDirectory(prefix="imap-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(CERTIFICATE, folder)
        owner, internal, login, group = _users()
        server = ImapServer(tls=free_port(), starttls=free_port(), mails=folder / "mail", owner=owner)
        for part in ("cur", "new", "tmp"):
            (server.mails / part).mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (folder, server.mails, *server.mails.iterdir()):
                os.chown(path, *owner)
        settings = folder / "dovecot.conf"
        settings.write_text(
            SETTINGS.format(
                folder=folder,
                internal=internal,
                internal_group=group,
                login=login,
                password=PASSWORD,
                uid=owner[0],
                gid=owner[1],
                starttls=server.starttls,
                tls=server.tls,
            )
        )
        process = subprocess.Popen([DOVECOT, "-F", "-c", str(settings)], stderr=subprocess.PIPE, text=True)
        try:
            until(lambda: process.poll() is not None or _is_listening(server.tls))
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield server
        finally:
            process.terminate()
            process.wait()
            if process.stderr:
                process.stderr.close()


def _users() -> tuple[tuple[int, int], str, str, str]:
    """Return owner of the mails, internal user, user of logins and group."""
    if os.geteuid() != 0:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        return (os.geteuid(), os.getegid()), user, user, group
    nobody = pwd.getpwnam("nobody")
    return (nobody.pw_uid, nobody.pw_gid), "dovecot", "dovenull", "dovecot"


def _is_listening(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
