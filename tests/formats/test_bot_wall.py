"""Bot walls are recognised and named (CL15)."""

from __future__ import annotations

import pytest

from aggregator.formats import bot_wall


@pytest.mark.parametrize(
    ("status", "headers", "body", "owner"),
    [
        (403, {"cf-mitigated": "challenge"}, b"", "Cloudflare"),
        (503, {}, b"<html><title>Just a moment...</title>", "Cloudflare"),
        (403, {"server": "cloudflare"}, b"error code: 1010", "Cloudflare"),
        (200, {}, b"<title>Making sure you&#39;re not a bot!</title>", "Anubis"),
        (405, {"x-amzn-waf-action": "captcha"}, b"", "AWS WAF"),
        (403, {"x-datadome": "protected"}, b"", "DataDome"),
        (200, {}, b"<script src='/_Incapsula_Resource?x'></script>", "Imperva"),
        (403, {}, b"<html><title>Forbidden</title>", None),
        (404, {}, b"<html>gone<script src=/cdn-cgi/challenge-platform/h/b/scripts/jsd/main.js>", None),
        (200, {}, b"<html>home<script src=/cdn-cgi/challenge-platform/h/b/scripts/jsd/main.js>", None),
        (200, {}, b"<html><form class=g-recaptcha>contact us" + b"x" * 9000, None),
        (200, {"server": "cloudflare"}, b"<html>a page</html>", None),
        (404, {"server": "cloudflare"}, b"", None),
        (403, {}, b"", None),
    ],
)
def test_a_wall_is_named(status: int, headers: dict[str, str], body: bytes, owner: str | None) -> None:
    """A bot wall is recognised by headers or content; a plain refusal is none."""
    assert bot_wall.detect(status, headers, body) == owner
