"""Sign editors in by mailed links, and out again (ED2, ED3)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from aggregator import addresses, i18n
from aggregator.digests import editor_sign_in, subscriptions
from aggregator.errors import AggregatorError
from aggregator.ports import App
from aggregator.store.editor_sessions import SESSION_LIFETIME
from aggregator.web import forms
from aggregator.web.client_network import WINDOW_SECONDS, NetworkLimit, network
from aggregator.web.editor_request import COOKIE, EditorRequest, Problem

logger = logging.getLogger("aggregator.web.editor")


def required(asked: EditorRequest) -> Response:
    """Respond to a request without a session: lead to the form, and change nothing."""
    if asked.request.method in ("GET", "HEAD"):
        # A link of another site, such as a mail program, sends no cookie that is SameSite=Strict.
        foreign = asked.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        return asked.redirect("editor/sign-in" + ("?from=link" if foreign else ""))
    link = ("editor/sign-in", asked.words["sign_in"])
    return asked.notice(Problem("not_signed_in_why", 403), "not_signed_in", link)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Take addresses and links, and begin and end sessions."""

    limit: NetworkLimit

    async def form(self, asked: EditorRequest) -> Response:
        """Show the form, or take it: the response is the same for each address."""
        if not editor_sign_in.mails_links(asked.app.config):
            return asked.notice(Problem("no_user", 403), "not_signed_in")
        if asked.request.method != "POST":
            return _form(asked)
        form = await forms.read(asked.request)
        address = forms.address(forms.first(form, "address"))
        if address is None:
            return _form(asked, Problem("no_address"), forms.first(form, "address")[:254])
        client = asked.request.client
        if not self.limit.allows(network(client.host if client else "")):
            refused = asked.notice(Problem("too_many_why", 429), "too_many")
            refused.headers["Retry-After"] = str(int(WINDOW_SECONDS))
            return refused
        await run_in_threadpool(editor_sign_in.request, asked.app, address, i18n.known(asked.language))
        sent = asked.rendered("editor_sent.html.j2", title=asked.words["link_sent"])
        sent.background = BackgroundTask(
            _settle, asked.app
        )  # after the response, so that its time says nothing
        return sent

    async def link(self, asked: EditorRequest) -> Response:
        """Show one button, or sign in.

        Programs that check mail follow links, so that a GET changes nothing.
        """
        token = asked.request.path_params["token"]
        if not editor_sign_in.mails_links(asked.app.config):
            return asked.notice(Problem("no_user", 403), "not_signed_in")
        if asked.request.method != "POST":
            if not await run_in_threadpool(editor_sign_in.is_valid, asked.app, token):
                return _invalid(asked)
            return asked.rendered("editor_link.html.j2", title=asked.words["sign_in"])
        session = await run_in_threadpool(editor_sign_in.sign_in, asked.app, token)
        if session is None:
            return _invalid(asked)
        signed_in = asked.redirect("editor", "signed_in")
        _set_cookie(signed_in, session, int(SESSION_LIFETIME.total_seconds()))
        return signed_in

    async def out(self, asked: EditorRequest) -> Response:
        """End the session of the cookie."""
        if session := asked.request.cookies.get(COOKIE):
            await run_in_threadpool(partial(editor_sign_in.sign_out, asked.app, session))
        left = asked.redirect("editor/sign-in")
        _set_cookie(left, "", 0)
        return left


def _form(asked: EditorRequest, problem: Problem | None = None, address: str = "") -> Response:
    return asked.rendered(
        "editor_sign_in.html.j2",
        problem=problem,
        title=asked.words["sign_in"],
        address=address,
        from_link=asked.request.query_params.get("from") == "link",
    )


def _invalid(asked: EditorRequest) -> Response:
    """Respond to every link that cannot be used in one way."""
    link = ("editor/sign-in", asked.words["another_link"])
    return asked.notice(Problem("link_invalid_why", 404), "link_invalid", link)


def _set_cookie(response: Response, session: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE, session, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict"
    )


def _settle(app: App) -> None:
    try:
        subscriptions.settle(app)
    except AggregatorError as error:  # the job that sends mail settles what is left
        logger.error("%s", addresses.without_addresses(str(error)))
