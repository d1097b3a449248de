"""Cleaned HTML has no scripts or styles, keeps every word, and is made in limited time."""

from __future__ import annotations

import html as html_text
import re
from urllib.parse import urlsplit

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from aggregator.items import sanitize
from aggregator.text import legal
from tests.strategies import fuzz, law, markup, soup, texts

BASE = "https://node.example/news/"


def tree(fragment: str) -> html.HtmlElement:
    """A fragment as a browser's parser would see it."""
    return html.fragment_fromstring(fragment, create_parent="main")


def text_of(fragment: str) -> str:
    """Return the alphanumeric characters of a fragment, in order."""
    return re.sub(r"[\W_]+", "", "".join(tree(fragment).itertext()))


RUNS = set(
    "script style iframe frame form input button textarea select object embed applet svg math link meta base".split()
)
POINTS = (
    "href",
    "src",
    "action",
    "formaction",
    "cite",
    "poster",
    "background",
    "data",
    "srcset",
    "xlink:href",
)


def assert_harmless(fragment: str) -> None:
    """Cleaned HTML has no script, style, event attribute or other scheme (PB5).

    Schemes are http, https and mailto.
    """
    for element in tree(fragment).iter():
        assert isinstance(element.tag, str), f"a comment or instruction stayed: {fragment}"
        assert element.tag not in RUNS, fragment
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on") and name.lower() not in (
                "style",
                "srcdoc",
                "id",
                "class",
            ), fragment
            if name.lower() in POINTS:
                assert urlsplit(re.sub(r"\s", "", value)).scheme in ("http", "https", "mailto"), fragment


VECTORS = (
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    '<img src="x" onerror="alert(1)">',
    '<img/src="x"/onerror=alert(1)>',
    "<img src=x onerror\x0c=alert(1)>",
    "<img src=javascript:alert(1)>",
    '<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">',
    '<img srcset="javascript:alert(1) 1x">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href="java&#10;script:alert(1)">x</a>',
    '<a href="&#106;&#97;vascript:alert(1)">x</a>',
    '<a href=" &#1; javascript:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="//evil.example" onmouseover="alert(1)">x</a>',
    '<a href="https://x.example" style="position:fixed;inset:0">x</a>',
    '<svg onload="alert(1)"><circle r="1"/></svg>',
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<svg><script>alert(1)</script></svg>",
    '<svg><animate attributeName="href" values="javascript:alert(1)"/></svg>',
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    '<math href="javascript:alert(1)">x</math>',
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'><param name=x></object>",
    "<embed src='javascript:alert(1)'>",
    "<form action='javascript:alert(1)'><input type=submit><button formaction='javascript:alert(1)'>x</button></form>",
    "<style>@import 'https://evil.example/x.css'; p { background: url(javascript:alert(1)) }</style>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='https://evil.example/'>",
    "<body onload=alert(1) background='javascript:alert(1)'>x",
    "<details open ontoggle=alert(1)>x</details>",
    "<video poster='javascript:alert(1)'><source onerror=alert(1)></video>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<template><script>alert(1)</script></template>",
    "<textarea></textarea><script>alert(1)</script>",
    "<title></title><img src=x onerror=alert(1)>",
    "<xmp></xmp><img src=x onerror=alert(1)>",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>x",
    "<p/onclick=alert(1)>x</p><p onclick\n=alert(1)>y</p>",
    "<blockquote cite='javascript:alert(1)'>x</blockquote><del cite='javascript:alert(1)'>y</del>",
    "<table background='javascript:alert(1)'><td style='x'>z",
    "<x-element is=script onanything=alert(1)>x</x-element>",
    "<isindex action=javascript:alert(1) type=image>",
    "&lt;script&gt;alert(1)&lt;/script&gt;<img src='x' title='\"><script>alert(1)</script>'>",
)


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("base", [BASE, ""])
def test_nothing_runs(vector: str, base: str) -> None:
    """Of every known way to run a script nothing is left, and the words beside it stay (PB5)."""
    cleaned = sanitize.fragment(f"<p>before</p>{vector}", base)
    assert_harmless(cleaned)
    assert text_of(cleaned).startswith("before")


@given(soup)
@law
def test_nothing_runs_in_any_soup(dirty: str) -> None:
    """Whatever tags are opened and closed in whatever order, what comes out is harmless (PB5)."""
    assert_harmless(sanitize.fragment(dirty, BASE))


@pytest.mark.soak
@given(soup)
@fuzz
def test_nothing_runs_in_very_much_soup(dirty: str) -> None:
    """The same, for as long as there is time (PB5)."""
    assert_harmless(sanitize.fragment(dirty, BASE))
    assert_harmless(sanitize.fragment(dirty, ""))


@given(markup)
@law
def test_cleaning_clean_html_changes_nothing(dirty: str) -> None:
    """What was cleaned once stays as it is, however often it is cleaned."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert sanitize.fragment(cleaned, BASE) == cleaned


@given(soup)
@law
def test_cleaning_clean_soup_changes_nothing(dirty: str) -> None:
    """What was cleaned once stays as it is, even if it was no HTML to begin with."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert sanitize.fragment(cleaned, BASE) == cleaned


crossed = st.sampled_from("a b h1 h2 p div ul li blockquote table td".split()).flatmap(
    lambda name: st.sampled_from(
        [f"<{name}>", f"<{name}>", f"</{name}>", f"<{name.upper()} title='</p>'>", "x"]
    )
)


@given(st.lists(crossed, max_size=40).map("".join))
@law
def test_cleaning_crossed_tags_twice_changes_nothing(dirty: str) -> None:
    """Few kinds of tags that cross each other often are cleaned once for all, too."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert sanitize.fragment(cleaned, BASE) == cleaned


@pytest.mark.soak
@given(st.one_of(soup, st.lists(crossed, max_size=80).map("".join)))
@fuzz
def test_cleaning_very_much_soup_twice_changes_nothing(dirty: str) -> None:
    """The same, for as long as there is time."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert sanitize.fragment(cleaned, BASE) == cleaned


@pytest.mark.parametrize(
    "dirty",
    [
        "<pre>\n\ncode</pre>",
        "<li><listing><li>",
        "<a><table><a>x",
        "<h3><b>x<h3>y</b></h3>",
        "<h3><a>x</a><h2></h3><b>y</h2></b>",
        f"<a>{'<ul>' * 8}<a>x",
        f"<a>{'<div><b>' * 40}<a>x",
    ],
)
def test_cleaning_twice_is_cleaning_once(dirty: str) -> None:
    """Elements that go do not leave behind what a second reading would put elsewhere."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert sanitize.fragment(cleaned, BASE) == cleaned


def test_code_that_begins_with_empty_lines_loses_no_markup() -> None:
    """A <pre> that begins with empty lines stays one, and the attributes before it stay."""
    link = '<a href="https://x.example/" rel="'
    made = sanitize.fragment(f'<p>{link}">x</a></p><pre>{12 * chr(10)}  code\n\nmore</pre>', BASE)
    assert link in made and made.endswith("<pre>  code\n\nmore</pre>")
    assert sanitize.fragment(made, BASE) == made


@given(texts)
@law
def test_paragraphs_are_clean(text: str) -> None:
    """Plain text made into HTML is harmless and complete, and cleaning it changes nothing."""
    made = sanitize.paragraphs(text)
    assert_harmless(made)
    assert sanitize.plain(made).split() == text.replace("\xa0", " ").split()
    assert sanitize.plain(sanitize.fragment(made, BASE)) == sanitize.plain(made)
    assert sanitize.fragment(made, BASE) == made


@given(st.text(st.characters(exclude_characters="<>&", exclude_categories=["Cs"])))
@law
def test_text_without_markup_is_what_nh3_makes_of_it(text: str) -> None:
    """Text without markup is not parsed, and is the same as if it were."""
    assert sanitize.fragment(text, BASE) == legal(nh3.clean(text)).strip()


def test_plain_text_with_other_line_ends_is_clean_html() -> None:
    """CR LF and CR end a line, and a non-breaking space is written as nh3 writes it."""
    assert sanitize.paragraphs("a\r\nb\rc\r\n\r\nd\xa0e") == "<p>a<br>b<br>c</p><p>d&nbsp;e</p>"


@given(markup)
@law
def test_plain_text_of_a_cleaned_fragment_has_no_tags(dirty: str) -> None:
    """Plain text has every character of the fragment in order, without markup."""
    cleaned = sanitize.fragment(dirty, BASE)
    plain = sanitize.plain(cleaned)
    assert re.sub(r"[\W_]+", "", plain) == text_of(cleaned)
    assert plain.count("<") == cleaned.count("&lt;")
    assert not re.search(r"</?[a-z]|&\w+;", plain)


def test_plain_text_keeps_the_shape_of_lists_and_tables() -> None:
    """Blank lines separate blocks, and list items, rows and breaks begin a line.

    A space separates cells.
    """
    made = sanitize.plain(
        sanitize.fragment(
            "<h2>Title</h2><p>One\n two<br>three</p><ul><li>a</li>\n<li>b</ul>"
            "<table><tr><td>1<td>2<tr><td>3</table><p>End",
            BASE,
        )
    )
    assert made == "Title\n\nOne two\nthree\n\n• a\n• b\n\n1 2\n3\n\nEnd"


def test_code_in_a_text_does_not_break_its_paragraphs() -> None:
    """Lines of a <pre> stay lines; a paragraph beside it is still one line."""
    made = sanitize.plain(sanitize.fragment("<p>One\ntwo</p><pre>x\ny</pre>", BASE))
    assert made == "One two\n\nx\ny"


# --- links and pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("/x", "https://node.example/x"),
        ("x?a=1&amp;b=2", "https://node.example/news/x?a=1&b=2"),
        ("#part", "https://node.example/news/#part"),
        ("//else.example/y", "https://else.example/y"),
        ("https://else.example/y", "https://else.example/y"),
        ("mailto:desk@node.example", "mailto:desk@node.example"),
        ("ftp://node.example/z", None),
        ("tel:+4912345", None),
        ("http://[broken", None),
    ],
)
def test_links_are_absolute_or_gone(written: str, resolved: str | None) -> None:
    """Relative links are resolved; a link of another scheme keeps only its words (PB5)."""
    link = tree(sanitize.fragment(f'<a href="{written}">words</a>', BASE)).find("a")
    assert link is not None
    assert (link.get("href"), link.text) == (resolved, "words")


def test_without_a_base_relative_links_go() -> None:
    """Only absolute links stay; what cannot be resolved has no address (PB5)."""
    assert "href" not in sanitize.fragment('<a href="/x">x</a>', "")
    assert 'href="https://node.example/x"' in sanitize.fragment('<a href="https://node.example/x">x</a>', "")


@pytest.mark.parametrize(
    "base", ["http://node.example:port/", "https://%3Cnode.example/", "http://[", "https://"]
)
def test_a_base_that_cannot_be_read_costs_relative_links_only(base: str) -> None:
    """A broken xml:base is no reason to lose a text."""
    assert sanitize.fragment('<p><a href="/x">words</a></p>', base).startswith("<p><a")


@pytest.mark.parametrize(
    "image",
    [
        '<img src="data:image/gif;base64,R0" data-src="data:image/gif;base64,R0" alt="A cell">',
        '<img data-src="javascript:x">',
        '<img srcset="data:image/gif;base64,R0 1x, javascript:x 2x">',
        '<img src="javascript:x">',
        "<img title=' src=\"x\"'>",
        "<img>",
    ],
)
def test_an_image_without_address_is_removed(image: str) -> None:
    """An image whose address was removed is removed (HTML section 4.8.3)."""
    cleaned = sanitize.fragment(f'<p>a {image} b<img src="/a.png"></p>', BASE)
    assert tree(cleaned).xpath("//img/@src") == ["https://node.example/a.png"]
    assert len(tree(cleaned).xpath("//img")) == 1


REAL = "https://node.example/real.jpg"


@pytest.mark.parametrize(
    "image",
    [
        '<img data-src="/real.jpg">',
        "<IMG DATA-SRC=/real.jpg alt='a > b'>",
        '<img src="data:image/gif;base64,R0" data-src="/real.jpg" alt="A cell">',
        '<img src="https://cdn.example/1x1.gif" data-lazy-src="//node.example/real.jpg">',
        '<img src="/blurred.jpg" data-original="../real.jpg">',
        '<img src="/_.svg" data-srcset="/real.jpg 1024w, /large.jpg 4096w">',
        '<img data-src="javascript:alert(1)" data-lazy-src="https://u:p@node.example/real.jpg">',
        '<img data-src="" data-srcset="/real.jpg">',
        '<img data-src="/x_{width}.jpg" src="/real.jpg">',
        '<img data-src="javascript:alert(1)" src="/real.jpg">',
        '<img srcset="/small.jpg 320w,/real.jpg 960w,\n/large.jpg 2400w">',
        '<img srcset="/real.jpg, /large.jpg 2x">',
        '<img srcset="\n\t/small.jpg\t320w,\n\t/real.jpg\n1200w,">',
        '<img srcset="/large.jpg 3x, /real.jpg 1x">',
        '<img src="data:," srcset="javascript:alert(1) 1x, /real.jpg 2x">',
        '<img src="/pixel.GIF?v=1" srcset="/real.jpg 800w">',
        '<img src="/real.jpg" srcset="/small.jpg 320w, /large.jpg 1000w">',
    ],
)
def test_an_image_that_a_script_would_load_is_shown(image: str) -> None:
    """The address that a script or `srcset` gives an image becomes its `src`, if it is http(s)."""
    cleaned = sanitize.fragment(f"<p>a {image} b</p>", BASE)
    (found,) = tree(cleaned).xpath("//img")
    assert found.get("src") == REAL
    assert set(found.attrib) <= {"src", "alt"}
    assert sanitize.fragment(cleaned, BASE) == cleaned


def test_a_comma_in_an_address_of_a_srcset_is_kept() -> None:
    """Addresses that a script or `srcset` gives an image become its `src` if http(s)."""
    cleaned = sanitize.fragment('<img srcset="/w_90,h_9/a.jpg 90w, /w_900,h_90/a.jpg 900w">', BASE)
    assert tree(cleaned).xpath("//img/@src") == ["https://node.example/w_900,h_90/a.jpg"]


def test_what_is_for_readers_without_scripts_is_not_shown_twice() -> None:
    """The content of <noscript> is neither text nor a second image."""
    image = '<img src="data:image/gif;base64,R0" data-src="/real.jpg">'
    cleaned = sanitize.fragment(f'<p>a {image}<noscript><img src="/real.jpg"></noscript> b</p>', BASE)
    assert tree(cleaned).xpath("//img/@src") == [REAL]
    assert sanitize.plain(cleaned) == "a b"


_lazy_images = st.lists(
    st.tuples(
        st.sampled_from(["src", "data-src", "data-lazy-src", "data-srcset", "srcset", "alt", "width"]),
        st.one_of(
            st.sampled_from(
                ["/a.jpg", "data:,x", "1", "/a.gif", "javascript:x", "//[", "/ü 2x, /b.jpg 1x", "mailto:a"]
            ),
            st.text(max_size=12),
        ),
    ),
    max_size=5,
    unique_by=lambda each: each[0],
).map(lambda each: "<img " + " ".join(f'{name}="{html_text.escape(value)}"' for name, value in each) + ">")


@given(
    st.lists(st.one_of(_lazy_images, st.sampled_from(["<p>", "</a>", "<a href=x>", "x"])), max_size=8).map(
        "".join
    )
)
@law
def test_cleaning_images_twice_changes_nothing(dirty: str) -> None:
    """Images are harmless and keep their address, whatever their attributes (PB5)."""
    cleaned = sanitize.fragment(dirty, BASE)
    assert_harmless(cleaned)
    assert "data-" not in re.sub(r'"[^"]*"', "", cleaned) and "srcset" not in re.sub(r'"[^"]*"', "", cleaned)
    assert sanitize.fragment(cleaned, BASE) == cleaned


def test_tracking_pixels_go_and_pictures_stay() -> None:
    """A picture of one pixel, which counts readers, is removed; other pictures stay."""
    dirty = (
        '<img src="/t.gif" width="1" height="1"><img height=0 width=0 src="/u.gif"><img src="/photo.jpg" width="800">'
        """<img src="/chart.png" alt='<img width="1" height="1">'>"""
    )
    sources = tree(sanitize.fragment(dirty, BASE)).xpath("//img/@src")
    assert sources == ["https://node.example/photo.jpg", "https://node.example/chart.png"]


# --- size and depth ------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
DEEP = (
    "<div>",
    "<b>",
    "<ul><li>",
    "<table><tr><td>",
    "<font><center>",
    "<p>",
    "<x-y>",
    "<svg>",
    "<a href=x>",
    "<!--",
    "<p><b>",
)


@pytest.mark.parametrize("opening", DEEP)
def test_a_megabyte_of_opening_tags_becomes_text(opening: str) -> None:
    """Markup nested too deeply is kept as text, since nh3 is quadratic in it."""
    cleaned = sanitize.fragment("<p>before</p>" + opening * (MEGABYTE // len(opening)), BASE)
    assert sanitize.plain(cleaned).startswith("before")
    assert len(cleaned) < 4 * sanitize.MAX_CHARACTERS


def depth(element: html.HtmlElement) -> int:
    """How deep a tree is, without recursion."""
    deepest, level = 0, [element]
    while level:
        deepest, level = deepest + 1, [child for parent in level for child in parent]
    return deepest


@pytest.mark.parametrize("repeated", ["<b></i>", "<b></div>", "<em></p>", "<span></x>"])
def test_closing_tags_that_close_nothing_do_not_hide_depth(repeated: str) -> None:
    """The depth guard counts open tags: an end tag of another name closes none.

    70,000 of these took 28 s.
    """
    cleaned = sanitize.fragment(repeated * 250 + "words", BASE)
    assert text_of(cleaned) == "words"
    assert depth(tree(cleaned)) <= sanitize.MAX_DEPTH


def test_what_is_nested_reasonably_stays_markup() -> None:
    """Layout tables and nested lists of real newsletters are far from the guard."""
    cleaned = sanitize.fragment("<div>" * 40 + "<p>words</p>" + "</div>" * 40 + "<p>x</p>" * 5_000, BASE)
    assert depth(tree(cleaned)) == 42  # <main>, 40 <div>, <p>
    assert cleaned.count("<p>") == 5_001


@pytest.mark.parametrize("prefix", ["", "mml:"])
def test_the_text_of_a_formula_stays(prefix: str) -> None:
    """Formulas of MathML are shown as text, without what repeats them in TeX."""
    formula = (
        "<math xmlns='x'><semantics><mi>x</mi><mo>&lt;</mo><mn>2</mn>"
        "<annotation encoding='application/x-tex'>x &lt; 2</annotation></semantics></math>"
    )
    written = f"<p>Only where {formula} holds</p>".replace("<m", f"<{prefix}m").replace("</m", f"</{prefix}m")
    assert sanitize.fragment(written, BASE) == "<p>Only where x&lt;2 holds</p>"


def test_a_long_text_is_cut_at_the_limit_and_not_before() -> None:
    """A field is capped, but the longest real article (60 KB) is far below the cap."""
    cleaned = sanitize.fragment("<p>" + "word " * 100_000 + "last</p>", BASE)
    assert cleaned.endswith("last</p>")
    assert len(sanitize.fragment("x" * (2 * MEGABYTE), BASE)) == sanitize.MAX_CHARACTERS


@pytest.mark.soak
@pytest.mark.parametrize(
    "repeated",
    [
        "math<annotation>",
        "<math><mi>",
        "<div ",
        '<a href="x" ',
        "<",
        "&",
        "&#",
        "</b>",
        "<b></i>",
        "<b></div>",
        "<nobr>",
        "<p a=b c=d ",
    ],
)
def test_half_a_megabyte_of_anything_ends(repeated: str) -> None:
    """No input makes cleaning quadratic: these took 6 to 70 seconds when they were found."""
    cleaned = sanitize.fragment("<p>before</p>" + repeated * (MEGABYTE // 2 // len(repeated)), BASE)
    assert sanitize.plain(cleaned).startswith("before")


# --- excerpts and titles -------------------------------------------------------------------------------


@given(texts)
@law
def test_an_excerpt_has_at_most_300_characters(text: str) -> None:
    """At most 300 characters in one line, made of the beginning of the text (P3)."""
    short = sanitize.excerpt(text * 3)
    assert len(short) <= 300
    assert "\n" not in short
    assert " ".join((text * 3).split()).startswith(short.removesuffix("…"))


def test_an_excerpt_ends_at_a_word() -> None:
    """A cut text ends with a whole word and an ellipsis, a short one as it is (P3)."""
    assert sanitize.excerpt("A short text.") == "A short text."
    assert sanitize.excerpt("word " * 100) == "word " * 58 + "word…"
    assert sanitize.excerpt("x" * 301) == "x" * 299 + "…"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<b>Bold</b> and <em class='x'>proud</em>", "Bold and proud"),
        ("&lt;b&gt;Escaped&lt;/b&gt; once", "Escaped once"),
        ("<T> in generics", "<T> in generics"),
        ("List&lt;String&gt; &amp; friends", "List<String> & friends"),
        ("a < b and c > d", "a < b and c > d"),
        ("  two\n lines ", "two lines"),
        ("One<br>two", "One two"),
        ("R&amp;D", "R&D"),
        ("<script>alert(1)</script>Safe", "Safe"),
        ("How the <script> tag loads", "How the tag loads"),
        ("<!--:en-->Grant<!--:-->", "Grant"),
        ("Comments begin with <!-- in HTML", "Comments begin with <!-- in HTML"),
        ("<math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math> holds", "E=mc2 holds"),
    ],
)
def test_a_title_is_one_line_of_text(written: str, shown: str) -> None:
    """Known tags are removed, unknown ones stay, and escapes are undone once.

    feedparser has undone one before.
    """
    assert sanitize.title(written, is_html=True) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("CO<sub>2</sub> uptake", "CO2 uptake"),
        ("<i>C. elegans</i>, alive", "C. elegans, alive"),
        ("<b>F</b>AIR", "FAIR"),
    ],
)
def test_inline_markup_in_a_title_parts_no_words(written: str, shown: str) -> None:
    """No space appears at a tag inside a word, so that spellings of one title compare equal."""
    assert sanitize.title(written, is_html=True) == shown


def test_a_title_about_a_script_is_not_cut_short() -> None:
    """An escaped <script> without an end is a word of the title."""
    assert sanitize.title("The &lt;script&gt; element considered", is_html=True).endswith("considered")


def test_a_plain_title_is_taken_as_it_is() -> None:
    """Where a format says that a title is text nothing is undone."""
    assert sanitize.title("<b>1 &lt; 2</b>", is_html=False) == "<b>1 &lt; 2</b>"


def test_a_title_ends_in_no_blank_where_it_is_cut() -> None:
    """A title cut at 500 characters is read back from our feed as it was written."""
    assert sanitize.title("a " * 300, is_html=False) == ("a " * 250).strip()


@given(texts)
@law
def test_a_title_is_never_longer_than_a_line(text: str) -> None:
    """A title has no line breaks, no blanks at its ends, and at most 500 characters."""
    for is_html in (True, False):
        title = sanitize.title(text * 4, is_html=is_html)
        assert title == title.strip()
        assert len(title.splitlines()) <= 1
        assert len(title) <= 500


# --- headlines of posts without a title ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("A course is open! Twelve places.", "A course is open!"),
        ("Hi! Our new microscope is here. Come and see.", "Hi! Our new microscope is here."),
        ("@ada @bob@social.example Thank you", "Thank you"),
        ("Join #FAIR days https://node.example/x #data #open", "Join FAIR days"),
        ("https://node.example/x\n\nThe text stands below", "The text stands below"),
        ("R&D in C# 7", "R&D in C# 7"),
        ("Talk by Dr. Ada", "Talk by Dr. Ada"),
        ("Version 2.1 is out, v. 2.2 follows", "Version 2.1 is out, v. 2.2 follows"),
        ("#one #two", "#one #two"),
        ("https://node.example/x", "https://node.example/x"),
        ("", ""),
        ("word " * 40, "word " * 18 + "word…"),
    ],
)
def test_a_text_without_title_is_called_by_its_first_sentence(text: str, headline: str) -> None:
    """A headline has no mentions, addresses and final hashtags, unless there is nothing else."""
    assert sanitize.headline(text) == headline


@given(st.text(max_size=300))
@law
def test_a_headline_is_a_line(text: str) -> None:
    """Whatever the text, its headline is one line of at most 100 characters."""
    assert "\n" not in sanitize.headline(text)
    assert len(sanitize.headline(text)) <= 100
