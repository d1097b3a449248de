"""Strings that attack, and the judge that says whether a page withstood them."""

from __future__ import annotations

import re

from lxml import etree, html

VECTORS = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</textarea></noscript><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onclick=alert(1) `",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script href=data:text/javascript,alert(1) />",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><input type=submit>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "JaVaScRiPt&colon;alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    'https://evil.example/" onclick="alert(1)',
    "https://evil.example/'><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "]]><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "{{ 7 * 7 }}{% include 'site.css' %}",
    "\ufeff<script>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "x\r\nBcc: victim@example.org\r\n\r\nbody",
    "x\u2028<script>alert(1)</script>",
    "\u202eevil\u202c <b onload=alert(1)>",
)

_FORBIDDEN = set("script iframe object embed form input svg math base frame frameset applet".split())
_SCHEME = re.compile(r"(?:java|vb)script:|data:", re.IGNORECASE)


def faults(page: str) -> list[str]:
    """Everything in an HTML text that could run, load or lead astray; empty for a harmless page."""
    found = []
    for element in html.document_fromstring(page).iter(etree.Element):
        if element.tag in _FORBIDDEN:
            found.append(f"<{element.tag}>")
        for name, value in element.attrib.items():
            bare = re.sub(r"[\x00-\x20\x7f-\xa0]", "", str(value))
            if str(name).lower().startswith("on"):
                found.append(f"<{element.tag} {name}>")
            if str(name).rpartition("}")[2] in ("href", "src", "action", "data") and _SCHEME.match(bare):
                found.append(f"<{element.tag} {name}={bare[:40]}>")
    return found


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and the names of their attributes in document order: what no text may ever change."""
    tree = html.document_fromstring(page)
    return [(str(e.tag), tuple(sorted(map(str, e.attrib)))) for e in tree.iter(etree.Element)]
