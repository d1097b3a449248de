"""Sign editors in by mailed links, and end their sessions."""

from __future__ import annotations

from aggregator import addresses, link_tokens
from aggregator.digests.subscriptions import opened_store
from aggregator.model.config import Config
from aggregator.model.subscribers import AccountMessage
from aggregator.ports import App
from aggregator.store import editor_sessions, subscription_requests


def mails_links(config: Config) -> bool:
    """Return whether editors can sign in by a mailed link."""
    return bool(config.editors and config.web.url)


def request_link(app: App, address: str, language: str) -> None:
    """Store that a sign-in link was requested for an address, listed or not (ED2).

    `subscriptions.process_requests` decides about it after the response, so that its duration does not show whether it
    is listed.
    """
    with opened_store(app) as store:
        subscription_requests.add(store, AccountMessage.SIGN_IN, address, language, (), app.clock())


def is_valid(app: App, link: str) -> bool:
    """Return whether a sign-in link can be used."""
    with opened_store(app) as store:
        return is_editor(app, editor_sessions.link_address(store, link, app.clock()))


def sign_in(app: App, link: str) -> str | None:
    """Use a sign-in link; return the token of the session, None for an invalid link."""
    now, session = app.clock(), link_tokens.encoded(app.random_bytes(link_tokens.TOKEN_BYTES))
    with opened_store(app) as store, store.transaction():
        editor_sessions.expire(store, app.config.editors, now)
        if editor_sessions.link_address(store, link, now) is None:
            return None
        editor_sessions.begin(store, link, session, now)
    return session


def sign_out(app: App, session: str) -> None:
    """End a session, and delete expired ones."""
    with opened_store(app) as store, store.transaction():
        editor_sessions.end(store, session)
        editor_sessions.expire(store, app.config.editors, app.clock())


def is_editor(app: App, name: str | None) -> bool:
    """Return whether a name is an address in `editors`."""
    return name is not None and addresses.key(name) in {
        addresses.key(editor) for editor in app.config.editors
    }
