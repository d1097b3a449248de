"""Bot walls, named as such (CL15): what stands between us and a partner is told, never evaded."""

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
# What these pages say of themselves; looked for in the beginning of a page only.
_PAGES = (
    (
        rb"cdn-cgi/challenge-platform|<title>Just a moment\.\.\.|Attention Required! \| Cloudflare",
        "Cloudflare",
    ),
    (
        rb"Making sure you(?:'|&#39;|&#x27;|\xe2\x80\x99)re not a bot|/\.within\.website/x/cmd/anubis",
        "Anubis",
    ),
    (rb"captcha-delivery\.com", "DataDome"),
    (rb"_Incapsula_Resource", "Imperva"),
    (rb"Sucuri WebSite Firewall|sucuri_cloudproxy_js", "Sucuri"),
    (rb"awsWafCookieDomainList|AwsWAFScript", "AWS WAF"),
    (rb"<title>(?:Client Challenge|Access Denied|Bot Verification)</title>", "a firewall"),
    (rb"g-recaptcha|hcaptcha\.com/1/api|cf-turnstile", "a captcha"),
)
BEGINNING = 65_536


def name(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Whose bot wall answered, or None. `headers` in lower case; a page that is let through has none of these."""
    for header, owner in _HEADERS:
        if header in headers:
            return owner
    for pattern, owner in _PAGES:
        if re.search(pattern, body[:BEGINNING]):
            return owner
    if status in (403, 429, 503) and headers.get("server", "").lower() == "cloudflare":
        return "Cloudflare"
    return None
