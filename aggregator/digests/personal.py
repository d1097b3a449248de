"""Compose what is personal in an edition: links of the subscriber, and their headers (SU5)."""

from __future__ import annotations

import ipaddress
from html import escape
from urllib.parse import quote

from aggregator import link_tokens, urls
from aggregator.i18n import phrases
from aggregator.model.config import DigestPlan, Site
from aggregator.model.digests import PersonalPart

MAX_HEADER_CHARACTERS = 900
"""Maximum length of List-Unsubscribe with both addresses (RFC 5322 section 2.1.1: 998)."""


def manage_url(web_url: str, token: str) -> str:
    """Return the address of the page of a subscription (SU4)."""
    return f"{urls.ascii_url(web_url)}subscription/{token}"


def confirm_url(web_url: str, token: str) -> str:
    """Return the address of the page that confirms (SU2)."""
    return f"{urls.ascii_url(web_url)}confirm/{token}"


def sign_in_url(web_url: str, token: str) -> str:
    """Return the address of the page that signs an editor in (ED2)."""
    return f"{urls.ascii_url(web_url)}editor/sign-in/{token}"


def unsubscribe_url(web_url: str, token: str, digest_id: str) -> str:
    """Return the address that ends the subscription to a digest, by page or one click."""
    return f"{urls.ascii_url(web_url)}unsubscribe/{token}?digest={quote(digest_id)}"


def personal_part(plan: DigestPlan, site: Site, web_url: str, key: bytes, nonce: bytes) -> PersonalPart:
    """Return the last paragraph of an edition, and its headers; the same ones each time (M4)."""
    token = link_tokens.link_token(key, nonce)
    words = phrases.messages(plan.language)
    manage, leave = manage_url(web_url, token), unsubscribe_url(web_url, token, plan.id)
    why = words["why"].format(title=plan.title)
    links = "".join(
        f'<br><a href="{escape(url)}">{escape(words[name])}</a>'
        for name, url in (("change", manage), ("stop", leave))
    )
    home = f'<br><a href="{escape(site.url)}">{escape(site.url)}</a>'
    return PersonalPart(
        text=f"{why}\n{words['change']}:\n{manage}\n{words['stop']}:\n{leave}\n{site.url}\n",
        html=escape(why) + links + home,
        headers=tuple(_headers(plan, site, leave)),
    )


def _headers(plan: DigestPlan, site: Site, leave: str) -> list[tuple[str, str]]:
    mailto = f"<mailto:{quote(site.contact, safe='@')}?subject={quote(f'unsubscribe {plan.id}')}>"
    both = f"<{leave}>, {mailto}"
    headers = [("List-Unsubscribe", both if len(both) <= MAX_HEADER_CHARACTERS else f"<{leave}>")]
    if is_protected(leave):
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return headers


def is_protected(url: str) -> bool:
    """Return whether nobody reads or changes a request on its way: https, or this machine.

    RFC 8058 section 3.1 asks for https; a loopback address is for trials (W3C Secure Contexts, section 3.1).
    """
    if url.startswith("https:"):
        return True
    host = urls.host(url) or ""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
