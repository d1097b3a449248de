"""Respond to sign-up, confirmation, subscription and unsubscribing (SU1 to SU6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from aggregator import addresses
from aggregator.digests import subscriptions
from aggregator.errors import AggregatorError
from aggregator.i18n import phrases
from aggregator.model.subscribers import AccountMessage, LinkPurpose, Subscriber, SubscriberState
from aggregator.ports import App
from aggregator.web import forms, headers
from aggregator.web.background import process_requests
from aggregator.web.forms import Form, first_value
from aggregator.web.request_limit import WINDOW_SECONDS, RequestLimit, network
from aggregator.web.static import StaticFiles, StaticResponse
from aggregator.web.subscription_pages import Pages, SignUp

HEADERS = {
    **{name.decode(): value.decode() for name, value in headers.SECURITY},
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # tokens are in URLs; `no-referrer` would hide `Origin` from us as well
    "x-robots-tag": "noindex",
}

logger = logging.getLogger("aggregator.web.subscriptions")

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """The endpoints of subscribers; `app` returns the program with the current feeds.yaml.

    Without `web.url` or without digests they respond as to any unknown path.
    """

    app: Callable[[], App]
    static: StaticFiles
    limit: RequestLimit = field(default_factory=RequestLimit)

    def routes(self) -> list[Route]:
        """Return the routes of all pages; GET never changes anything (SU2)."""
        endpoints: dict[str, Endpoint] = {
            "/subscribe": self.subscribe,
            "/confirm/{token}": self.confirm,
            "/subscription/{token}": self.subscription,
            "/unsubscribe/{token}": self.unsubscribe,
        }
        return [
            Route(path, self._guarded(endpoint), methods=["GET", "POST"])
            for path, endpoint in endpoints.items()
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Respond 404 where there is no sign-up, 503 where the database cannot be used."""

        async def respond(request: Request) -> Response:
            config = self.app().config
            if config.sign_up_url is None:
                return StaticResponse(self.static)
            try:
                return await endpoint(request)
            except AggregatorError as error:
                logger.error("%s", addresses.without_addresses(str(error)))
                root = "../" if "token" in request.path_params else "./"
                pages = self._pages(_language(request, config.site.language), root)
                return _page(pages.notice("unavailable", "unavailable_why"), 503)

        return respond

    def _pages(self, language: str, root: str = "../") -> Pages:
        app = self.app()
        return Pages(config=app.config, clock=app.clock, language=language, root=root)

    # --- sign-up ---------------------------------------------------------------------------------------

    async def subscribe(self, request: Request) -> Response:
        """Show the form, or take it: the response says nothing about the address (SU1)."""
        app = self.app()
        language = _language(request, app.config.site.language)
        pages = self._pages(language, "./")
        if request.method != "POST":
            return _page(pages.sign_up(SignUp()))
        form = await forms.read_form(request)
        kind = AccountMessage.LINK if first_value(form, "action") == "link" else AccountMessage.CONFIRM
        sent = _page(pages.sent("sent_link" if kind is AccountMessage.LINK else "sent_signup"))
        if first_value(form, "website"):  # a hidden field, which only programs fill
            return sent
        address = forms.parse_address(first_value(form, "address"))
        known = {plan.id for plan in app.config.digests}
        digests = frozenset(form.get("digest", [])) & known
        if address is None or (kind is AccountMessage.CONFIRM and not digests):
            problem = "no_address" if address is None else "no_digest"
            filled = SignUp(address=first_value(form, "address")[:254], digests=digests, problem=problem)
            return _page(pages.sign_up(filled), 400)
        message_language = forms.known_language(
            first_value(form, "language"), phrases.text_language(language)
        )
        if not self.limit.allows(self._network(request)) or not await run_in_threadpool(
            subscriptions.store_request, app, kind, address, message_language, sorted(digests)
        ):
            too_many = _page(pages.notice("too_many", "too_many_why"), 429)
            too_many.headers["Retry-After"] = str(int(WINDOW_SECONDS))
            return too_many
        # After the response, so that its time says nothing.
        sent.background = BackgroundTask(process_requests, app)
        return sent

    def _network(self, request: Request) -> str:
        return network(request.client.host if request.client else "")

    # --- links -----------------------------------------------------------------------------------------

    async def confirm(self, request: Request) -> Response:
        """Show one button, or confirm (SU2)."""
        app, token = self.app(), request.path_params["token"]
        subscriber = await run_in_threadpool(subscriptions.find_subscriber, app, token, LinkPurpose.CONFIRM)
        pages = self._pages(_language(request, subscriber.language if subscriber else ""))
        if subscriber is not None:
            if request.method != "POST":
                return _page(pages.confirm())
            if manage := await run_in_threadpool(subscriptions.confirm, app, token):
                return _page(pages.confirmed(manage))
        before = await run_in_threadpool(subscriptions.confirmed_before, app, token)
        if before is None:
            return self._invalid(request)
        pages = self._pages(_language(request, before.language))
        return _page(pages.notice("confirmed", "confirmed_before"))

    async def unsubscribe(self, request: Request) -> Response:
        """Show the button, or act at once: mail programs send POST without a page (SU5).

        What the body says is of no importance, nor how it is encoded (RFC 8058 section 3.2).
        """
        app, token = self.app(), request.path_params["token"]
        subscriber = await run_in_threadpool(subscriptions.find_subscriber, app, token, LinkPurpose.MANAGE)
        if subscriber is None:
            return self._invalid(request)
        named = request.query_params.get("digest")
        # A digest of an older message may have left feeds.yaml, and been left; an unknown name means all digests.
        known = await run_in_threadpool(subscriptions.digests_so_far, app, subscriber)
        digest = named if named in known.union(plan.id for plan in app.config.digests) else None
        if request.method != "POST":
            return _page(self._pages(subscriber.language).unsubscribe(digest))
        await request.body()
        return await self._unsubscribe(request, digest)

    async def _unsubscribe(self, request: Request, digest: str | None) -> Response:
        token = request.path_params["token"]
        ended = await run_in_threadpool(subscriptions.unsubscribe, self.app(), token, digest)
        if ended is None:
            return self._invalid(request)
        return _page(
            self._pages(ended.subscriber.language).unsubscribed(ended.subscriber, digest, token, ended.undo)
        )

    async def subscription(self, request: Request) -> Response:
        """Show a subscription, or change it (SU4)."""
        app, token = self.app(), request.path_params["token"]
        subscriber = await run_in_threadpool(subscriptions.find_subscriber, app, token, LinkPurpose.MANAGE)
        if subscriber is None:
            return self._invalid(request)
        if request.method != "POST":
            return _page(self._pages(subscriber.language).subscription(subscriber))
        form = await forms.read_form(request)
        action = first_value(form, "action")
        if action == "leave":
            return await self._unsubscribe(request, None)
        if action in ("data", "erase", "undo"):
            return await run_in_threadpool(self._right, app, subscriber, token, action, form)
        said = await run_in_threadpool(_change, app, subscriber, token, action, form)
        subscriber = await run_in_threadpool(subscriptions.find_subscriber, app, token, LinkPurpose.MANAGE)
        if subscriber is None:
            return self._invalid(request)
        page = self._pages(subscriber.language).subscription(subscriber, said)
        return _page(page, 400 if said == "no_digest" else 200)

    def _right(self, app: App, subscriber: Subscriber, token: str, action: str, form: Form) -> Response:
        """Download, erase, or undo unsubscribing."""
        pages = self._pages(subscriber.language)
        if action == "data":
            stored = json.dumps(subscriptions.export_subscriber(app, token), ensure_ascii=False, indent=2)
            download = Response(stored + "\n", media_type="application/json", headers=HEADERS)
            download.headers["Content-Disposition"] = 'attachment; filename="subscription.json"'
            return download
        if action == "undo":
            undone = subscriptions.undo_unsubscribing(app, token, first_value(form, "undo"))
            return _page(pages.notice("undone", "undone_why")) if undone else self._invalid_page(pages)
        if first_value(form, "sure") != "yes":
            return _page(pages.subscription(subscriber, "not_sure"), 400)
        erased = subscriptions.erase_subscriber(app, token)
        return _page(pages.notice("erased", "erased_why")) if erased else self._invalid_page(pages)

    def _invalid(self, request: Request) -> Response:
        """Respond to every link that cannot be used in one way."""
        return self._invalid_page(self._pages(_language(request, self.app().config.site.language)))

    def _invalid_page(self, pages: Pages) -> Response:
        return _page(pages.notice("invalid", "invalid_why", again=True), 404)


def _change(app: App, subscriber: Subscriber, token: str, action: str, form: Form) -> str | None:
    """Save, pause or resume; return what the page then says."""
    if action == "pause":
        return "saved" if subscriptions.set_running_state(app, token, SubscriberState.PAUSED) else None
    if action == "resume":
        return "saved" if subscriptions.set_running_state(app, token, SubscriberState.ACTIVE) else None
    if action != "save":
        return None
    known = {plan.id for plan in app.config.digests}
    # Digests that are not in feeds.yaml at the moment are not on the page, so nobody gave them up.
    digests = known.intersection(form.get("digest", []))
    if not digests:
        return "no_digest"
    language = forms.known_language(first_value(form, "language"), subscriber.language)
    kept = set(subscriber.digests) - known
    return "saved" if subscriptions.save_choices(app, token, sorted(digests | kept), language) else None


# --- requests and responses ------------------------------------------------------------------------------


def _page(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def _language(request: Request, usual: str) -> str:
    """Return the language of a page: `?lang=`, the subscriber's, the browser's, or the usual."""
    if usual in phrases.LANGUAGES and "token" in request.path_params:
        return forms.known_language(request.query_params.get("lang", ""), usual)
    return forms.page_language(request, usual)
