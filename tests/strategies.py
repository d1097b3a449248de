"""Define what Hypothesis draws for tests of properties, and how many examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.hostile_strings import POISON

law = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
fuzz = settings(law, max_examples=5_000, database=None)

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LEGAL = st.characters(
    exclude_categories=["Cs", "Cc", "Cn", "Co"], include_characters="\n\t", exclude_characters=BIDI
)
"""Characters that `text.legal` keeps."""

texts = st.text(LEGAL, max_size=400)
words = st.text("abcdefghij ÄÖß", min_size=1, max_size=20)

moments = st.integers(
    int(datetime(1990, 1, 2, tzinfo=UTC).timestamp()), int(datetime(2049, 12, 30, tzinfo=UTC).timestamp())
).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""Times in whole seconds, in years that two digits identify."""

aware = st.builds(
    lambda moment, minutes: moment.astimezone(timezone(timedelta(minutes=minutes))),
    moments,
    st.integers(-14 * 60, 14 * 60),
)
"""The same times in zones of whole minutes."""


_segments = st.sampled_from(
    [
        "news",
        "a",
        "B-c",
        "2026",
        "index.html",
        "..",
        ".",
        "",
        "x y",
        "%20",
        "ä",
        "%C3%A4",
        "a;b",
        "~u",
        "a,b",
        "a:b",
    ]
)
_pairs = st.sampled_from(
    ["p=1", "a=1", "a=2", "b", "q=ä", "q=%20", "q=+", "utm_source=x", "fbclid=y", "x=%2F", "=", "c=%26"]
)
_fragments = st.sampled_from(["", "#part-2", "#more-7", "#top", "#", "#:~:text=cells", "#a b", "#x?y"])

urls = st.builds(
    lambda scheme, host, port, path, query, fragment: (
        f"{scheme}://{host}{port}/{'/'.join(path)}{'?' if query else ''}{'&'.join(query)}{fragment}"
    ),
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(
        ["node.example", "www.node.example", "Node.Example", "müller.example", "127.0.0.1", "[::1]"]
    ),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.lists(_segments, max_size=4),
    st.lists(_pairs, max_size=4),
    _fragments,
)

addresses = st.one_of(
    st.sampled_from(POISON),
    st.text(max_size=30),
    st.builds(
        lambda scheme, text, path: f"{scheme}{text}{path}",
        st.sampled_from(["http://", "https://", "//", "HTTP:", "https:\\\\", ""]),
        st.text(st.sampled_from("[]:/@?#.%\\\t\n\x00 a9：／＠。℀ßé\u200d\ud800０"), max_size=12),
        st.sampled_from(["", "/", "/a?b#c", ":80/", "]/"]),
    ),
)
"""What documents have in the place of a URL."""

# --- HTML ----------------------------------------------------------------------------------------------

_inner = st.sampled_from(
    ["cells", " ", "1 &lt; 2", "R&amp;D", "<br>", "&nbsp;", "ß", "\n", '<img src="/p.png" alt="a">']
)
_inline = ("b", "em", "code", "span", "font", "abbr", "sub")
_blocks = ("div", "blockquote", "section", "ul><li", "table><tr><td", "center", "details", "form", "h2")


def _element(name: str, inner: str) -> str:
    closing = "".join(f"</{part.strip('<')}>" for part in reversed(name.split(">")))
    return f"<{name}>{inner}{closing}"


_phrase = st.recursive(
    _inner,
    lambda inner: st.builds(_element, st.sampled_from(_inline), st.lists(inner, max_size=3).map("".join)),
)
_paragraph = st.one_of(
    st.builds(lambda inner: f"<p>{inner}</p>", _phrase),
    st.builds(lambda inner: f'<a href="/x?a=1&amp;b=2" onclick="x()">{inner}</a>', _phrase),
    st.sampled_from(
        ["<script>x()</script>", "<style>p {}</style>", "<iframe src='/x'></iframe>", "<!-- note -->", "<hr>"]
    ),
)
markup = st.recursive(
    _paragraph,
    lambda inner: st.builds(_element, st.sampled_from(_blocks), st.lists(inner, max_size=3).map("".join)),
)
"""Well-formed HTML: every element is closed, paragraphs are in blocks."""

_tags = st.sampled_from(
    "a b p div span li ul table tr td pre br img script style svg math form input textarea select option iframe"
    " object embed base meta link h1 em font title noscript template details blockquote button video".split()
)
_attributes = st.sampled_from(
    [
        "",
        ' href="/x"',
        " href=javascript:x()",
        " onclick=x()",
        ' style="x"',
        " src=//x/y",
        ' title="a>b<c"',
        " src=data:x,y",
        " alt='<script>x()</script>'",
        ' xlink:href="javascript:x()"',
        " formaction=javascript:x()",
        " srcdoc=<script>",
    ]
)
soup = st.lists(
    st.one_of(
        st.builds(lambda tag, attributes: f"<{tag}{attributes}>", _tags, _attributes),
        _tags.map(lambda tag: f"</{tag}>"),
        st.text(LEGAL, max_size=5),
        st.sampled_from(
            ["<!--", "-->", "<![CDATA[", "]]>", "<", "&lt;script&gt;", "&amp;lt;", "&#60;", "<?x", "\n"]
        ),
    ),
    max_size=20,
).map("".join)
"""HTML with tags opened and closed at random."""
