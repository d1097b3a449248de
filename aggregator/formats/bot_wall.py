"""Recognise bot walls, so that messages name them; they are never evaded (CL15)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADERS = (
    ("cf-mitigated", "Cloudflare"),
    ("x-datadome", "DataDome"),
    ("x-amzn-waf-action", "AWS WAF"),
    ("x-sucuri-block", "Sucuri"),
    ("x-vercel-mitigated", "Vercel"),
)
# Titles of pages that are only a bot wall, also with status 200.
_TITLES = (
    (rb"<title>\s*(?:Just a moment\.\.\.|Attention Required! \| Cloudflare)", "Cloudflare"),
    (rb"<title>\s*Making sure you(?:'|&#39;|&#x27;|\xe2\x80\x99)re not a bot", "Anubis"),
    (rb"<title>\s*Sucuri WebSite Firewall", "Sucuri"),
    (
        rb"<title>\s*(?:Client Challenge|Bot Verification|Human Verification|DDoS-Guard)\s*</title>",
        "a firewall",
    ),
    (rb"^.{0,2000}_Incapsula_Resource.{0,2000}$", "Imperva"),  # the whole page
)
# Scripts that ordinary pages contain too; they count only if the status is a refusal.
_SCRIPTS = (
    (rb"cdn-cgi/challenge-platform", "Cloudflare"),
    (rb"captcha-delivery\.com", "DataDome"),
    (rb"_Incapsula_Resource", "Imperva"),
    (rb"sucuri_cloudproxy_js", "Sucuri"),
    (rb"awsWafCookieDomainList|AwsWAFScript", "AWS WAF"),
    (rb"<title>\s*Access Denied\s*</title>", "a firewall"),
    (rb"g-recaptcha|hcaptcha\.com/1/api|cf-turnstile", "a captcha"),
)
_REFUSALS = (401, 403, 405, 429, 503)
SEARCHED_BYTES = 65_536


def detect(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the vendor of the bot wall that answered, or None.

    `headers` have names in lower case; only the beginning of `body` is read.
    """
    refused = status in _REFUSALS
    if refused or status == 200:
        for header, owner in _HEADERS:
            if header in headers:
                return owner
        for pattern, owner in _TITLES + (_SCRIPTS if refused else ()):
            if re.search(pattern, body[:SEARCHED_BYTES], re.DOTALL):
                return owner
    if status in (403, 429, 503) and headers.get("server", "").lower() == "cloudflare":
        return "Cloudflare"
    return None
