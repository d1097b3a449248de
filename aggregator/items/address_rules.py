"""List the forms in which software publishes one page, as named rules for canonical keys.

A rule is looked up by host, by a segment of the path or by a parameter before an expression of it is tried. Each has
the source of its knowledge and examples, which the tests run: `same` addresses have one key, `distinct` ones have not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION = 2
"""Number of the rules, raised with each change: stored keys of older rules are extended then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRule:
    """Forms of one page in one software.

    `shapes` are expressions of a whole key (host, path, sorted query) with the key that replaces it; the first
    that matches applies. `hosts` that begin with a dot are those below a domain; `segments` and `parameters` are
    names that the key contains.
    `lower`: upper and lower case are one in the result.
    """

    name: str
    source: str
    shapes: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    lower: bool = False
    same: tuple[tuple[str, ...], ...]
    distinct: tuple[tuple[str, str], ...]


_REST = r"(?:\?.*)?"
_TITLE = r"(?![0-9]+(?:[/?]|$))[^/?]+"
_SLUG = rf"(?:{_TITLE}/)"
_FORUM = r"(?:forums?|community|discuss|discussions?|discourse|meta|talk|support|users|board)"
# A site whose host or path says that it is a forum; elsewhere /t/ and /topic/ may be tags and years.
_IN_FORUM = rf"(?=(?:[^/?]*[./]|[^?]*/)?{_FORUM}[./])([^?]*?)"

RULES: tuple[AddressRule, ...] = (
    AddressRule(
        name="YouTube video",
        source="YouTube Data API, videos: v, embed, shorts, live and youtu.be name one video by its id",
        hosts=("youtube.com", "music.youtube.com", "youtu.be", "youtube-nocookie.com"),
        shapes=(
            (rf"youtu\.be/([\w-]+){_REST}", r"youtube.com/watch?v=\1"),
            (
                rf"(?:music\.)?youtube(?:-nocookie)?\.com/(?:embed|shorts|live|v|e)/([\w-]+){_REST}",
                r"youtube.com/watch?v=\1",
            ),
            (
                r"(?:music\.)?youtube(?:-nocookie)?\.com/watch\?(?:.*&)?v=([\w-]+)(?:&.*)?",
                r"youtube.com/watch?v=\1",
            ),
        ),
        same=(
            (
                "https://www.youtube.com/watch?v=aB3-_fGhIjk&list=PL12&index=4&t=42s",
                "https://youtu.be/aB3-_fGhIjk?si=Qx7&t=5",
                "https://www.youtube-nocookie.com/embed/aB3-_fGhIjk?rel=0",
                "https://m.youtube.com/shorts/aB3-_fGhIjk",
            ),
        ),
        distinct=(
            (
                "https://youtu.be/aB3-_fGhIjk",
                "https://youtu.be/aB3-_fGhIjK",
            ),  # upper and lower case are two videos
            (
                "https://www.youtube.com/playlist?list=PL12",
                "https://www.youtube.com/watch?v=aB3-_fGhIjk&list=PL12",
            ),
        ),
    ),
    AddressRule(
        name="YouTube channel",
        source="YouTube Help 6180214, channel URLs: handle, custom and user URLs lead to one channel, in any case",
        hosts=("youtube.com",),
        shapes=(
            (
                r"youtube\.com/(?:c/|user/|@)([^/?]+)"
                rf"(?:/(?:videos|featured|streams|about|shorts|community|playlists))?{_REST}",
                r"youtube.com/@\1",
            ),
            (
                r"youtube\.com/(?!(?:watch|playlist|results|feed|channel|hashtag|redirect|attribution_link|embed|shorts"
                rf"|live|premium|gaming|about|oembed)(?:/|$|\?))([\w.-]{{3,}}){_REST}",
                r"youtube.com/@\1",
            ),
        ),
        lower=True,
        same=(
            (
                "https://www.youtube.com/c/NodeImaging",
                "https://www.youtube.com/@nodeimaging/videos",
                "https://youtube.com/NodeImaging",
            ),
        ),
        distinct=(
            ("https://www.youtube.com/@node", "https://www.youtube.com/@node/search"),
            ("https://www.youtube.com/channel/UCa", "https://www.youtube.com/channel/UCA"),
        ),
    ),
    AddressRule(
        name="Mastodon",
        source="Mastodon documentation, entities/Status (uri, url) and the redirects of its routes.rb",
        segments=("@", "users"),
        shapes=(
            (
                rf"([^/?]+)/(?:web/|deck/)?@([\w.-]+)/([0-9]{{6,}})(?:/embed|/activity)?{_REST}",
                r"\1/@\2/\3",
            ),
            (rf"([^/?]+)/users/([\w.-]+)/statuses/([0-9]{{6,}})(?:/embed|/activity)?{_REST}", r"\1/@\2/\3"),
        ),
        lower=True,
        same=(
            (
                "https://social.example/@Node/116605518822190344",
                "https://social.example/users/node/statuses/116605518822190344",
                "https://social.example/web/@node/116605518822190344",
                "https://social.example/@node/116605518822190344/embed",
            ),
        ),
        distinct=(
            # Another instance gives its copy a number of its own.
            (
                "https://social.example/@node/116605518822",
                "https://social.example/@node@else.example/116605518822",
            ),
            ("https://social.example/@node/116605518822", "https://social.example/@node/116605518823"),
        ),
    ),
    AddressRule(
        name="X",
        source="X developer documentation, post URLs: the number alone names a post; twitter.com is its former host",
        hosts=("x.com", "twitter.com"),
        shapes=(
            (
                r"(?:x|twitter)\.com/(?:[^/?]+|i/web)/status(?:es)?/([0-9]+)"
                rf"(?:/(?:photo|video)/[0-9]+)?{_REST}",
                r"x.com/i/status/\1",
            ),
        ),
        same=(
            (
                "https://x.com/Node/status/2048765512340?s=20",
                "https://mobile.twitter.com/node/status/2048765512340/photo/1",
            ),
        ),
        distinct=(("https://x.com/node/status/20487", "https://x.com/node/status/20488"),),
    ),
    AddressRule(
        name="DOI",
        source="DOI Handbook 2.4 (names are not case-sensitive) and 3.7 (dx.doi.org is the former proxy)",
        hosts=("doi.org", "dx.doi.org", "zenodo.org"),
        shapes=(
            (r"(?:dx\.)?doi\.org/(?:doi:)?(10\.[0-9.]+)(?:/|%2[fF])([^?]+)" + _REST, r"doi.org/\1/\2"),
            (rf"zenodo\.org/doi/(10\.[0-9.]+)(?:/|%2[fF])([^?]+){_REST}", r"doi.org/\1/\2"),
        ),
        lower=True,
        same=(
            (
                "http://dx.doi.org/10.1111/JMI.13571",
                "https://doi.org/10.1111/jmi.13571",
                "https://doi.org/10.1111%2Fjmi.13571",
            ),
            ("https://zenodo.org/doi/10.5281/zenodo.17210455", "https://doi.org/10.5281/zenodo.17210455"),
        ),
        distinct=(
            ("https://doi.org/10.1111/jmi.13571", "https://doi.org/10.1111/jmi.1357"),
            ("https://doi.org/10.1101/2026.01.02.123456", "https://doi.org/10.1101/2026.01.02.123457"),
        ),
    ),
    AddressRule(
        name="Zenodo",
        source="Zenodo FAQ, DOI versioning: each version is a record, the concept DOI stands for all of them",
        hosts=("zenodo.org",),
        shapes=(
            (
                rf"zenodo\.org/records?/([0-9]+)(?:/(?:preview|latest-preview).*)?{_REST}",
                r"zenodo.org/records/\1",
            ),
        ),
        same=(
            (
                "https://zenodo.org/record/17210455#.aBcDe9JByUk",
                "https://zenodo.org/records/17210455?preview=1",
            ),
        ),
        distinct=(
            ("https://zenodo.org/records/17210455", "https://zenodo.org/records/17210456"),
            ("https://zenodo.org/records/17210455", "https://zenodo.org/records/17210455/files/a.pdf"),
        ),
    ),
    AddressRule(
        name="arXiv",
        source="arXiv help, the arXiv identifier: abs, pdf, html and the mirrors show one paper; v2 is another version",
        hosts=("arxiv.org", ".arxiv.org"),
        shapes=(
            (
                r"(?:[a-z]+\.)?arxiv\.org/(?:abs|pdf|html|format|ps)/"
                r"([a-z-]+(?:\.[A-Z]{2})?/[0-9]{7}(?:v[0-9]+)?|[0-9]{4}\.[0-9]{4,5}(?:v[0-9]+)?)(?:\.pdf)?"
                + _REST,
                r"arxiv.org/abs/\1",
            ),
        ),
        same=(
            (
                "https://arxiv.org/abs/2608.04417",
                "https://arxiv.org/pdf/2608.04417.pdf",
                "http://export.arxiv.org/abs/2608.04417?context=cs.CV",
            ),
        ),
        distinct=(
            ("https://arxiv.org/abs/2608.04417v1", "https://arxiv.org/abs/2608.04417v2"),
            ("https://arxiv.org/abs/2608.04417", "https://arxiv.org/abs/2608.0441"),
            ("https://arxiv.org/list/cs.CV/recent", "https://arxiv.org/list/q-bio/recent"),
        ),
    ),
    AddressRule(
        name="PubMed",
        source="NLM Technical Bulletin 2020, the new PubMed: a host of its own replaces ncbi.nlm.nih.gov/pubmed",
        hosts=("pubmed.ncbi.nlm.nih.gov", "ncbi.nlm.nih.gov"),
        shapes=(
            (
                rf"(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/(?:m/)?pubmed)/([0-9]+){_REST}",
                r"pubmed.ncbi.nlm.nih.gov/\1",
            ),
        ),
        same=(
            (
                "https://www.ncbi.nlm.nih.gov/pubmed/41235877",
                "https://pubmed.ncbi.nlm.nih.gov/41235877/?dopt=Abstract",
            ),
        ),
        distinct=(("https://pubmed.ncbi.nlm.nih.gov/41235877", "https://pubmed.ncbi.nlm.nih.gov/41235878"),),
    ),
    AddressRule(
        name="PubMed Central",
        source="PMC announcement of 2024: pmc.ncbi.nlm.nih.gov replaces ncbi.nlm.nih.gov/pmc",
        hosts=("pmc.ncbi.nlm.nih.gov", "ncbi.nlm.nih.gov"),
        shapes=(
            (
                rf"(?:pmc\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/(?:m/)?pmc)/articles/(PMC[0-9]+)(?:/pdf(?:/[^?]*)?)?{_REST}",
                r"pmc.ncbi.nlm.nih.gov/articles/\1",
            ),
        ),
        same=(
            (
                "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC12877410/",
                "https://pmc.ncbi.nlm.nih.gov/articles/PMC12877410/pdf/main.pdf",
            ),
        ),
        distinct=(
            ("https://pmc.ncbi.nlm.nih.gov/articles/PMC12877410", "https://pubmed.ncbi.nlm.nih.gov/12877410"),
        ),
    ),
    AddressRule(
        name="CORDIS",
        source="CORDIS, permanent links: /article/id/N and /project/id/N; a title may follow, a language other than en",
        hosts=("cordis.europa.eu",),
        shapes=(
            (
                r"cordis\.europa\.eu/(article|project|result|news)/(id|rcn)/([0-9]+)(?:-[^/?]*)?((?:/[^?]*?)??)(?:/en)?"
                + _REST,
                r"cordis.europa.eu/\1/\2/\3\4",
            ),
        ),
        same=(
            (
                "https://cordis.europa.eu/article/id/461207-microscopes-that-talk/en",
                "https://cordis.europa.eu/article/id/461207?WT.mc_id=rss",
            ),
        ),
        distinct=(
            ("https://cordis.europa.eu/article/id/461207", "https://cordis.europa.eu/project/id/461207"),
            # One story, but two pages: `variants` connects them.
            ("https://cordis.europa.eu/article/id/461207", "https://cordis.europa.eu/article/id/461207/de"),
            (
                "https://cordis.europa.eu/project/id/101188432",
                "https://cordis.europa.eu/project/id/101188432/results",
            ),
        ),
    ),
    AddressRule(
        name="Discourse",
        source="Discourse routes.rb: /t/:slug/:id/:post_number, where slug and the first post are optional",
        segments=("t",),
        shapes=(
            (rf"{_IN_FORUM}/t/{_SLUG}?([0-9]+)(?:/1|/print)?(?:\.(?:rss|json))?{_REST}", r"\1/t/\2"),
            (rf"{_IN_FORUM}/t/{_SLUG}?([0-9]+)/([0-9]+|last){_REST}", r"\1/t/\2/\3"),
            # Elsewhere a slug of several words shows that /t/ is a topic.
            (rf"([^?]+)/t/(?=[^/?]+-){_SLUG}([0-9]+)(?:/1|/print)?(?:\.(?:rss|json))?{_REST}", r"\1/t/\2"),
            (rf"([^?]+)/t/(?=[^/?]+-){_SLUG}([0-9]+)/([0-9]+|last){_REST}", r"\1/t/\2/\3"),
        ),
        same=(
            (
                "https://forum.node.example/t/new-home-for-the-update-sites/118204",
                "https://forum.node.example/t/118204",
                "https://forum.node.example/t/new-home-for-the-update-sites/118204/1?u=ada",
                "https://forum.node.example/t/another-title/118204.rss",
            ),
            ("https://node.example/t/new-camera/118204", "https://node.example/t/118204"),
        ),
        distinct=(
            ("https://forum.node.example/t/a-b/118204", "https://forum.node.example/t/a-b/118205"),
            ("https://forum.node.example/t/a-b/118204/2", "https://forum.node.example/t/a-b/118204/3"),
            ("https://forum.node.example/t/a-b/118204/2", "https://forum.node.example/t/2"),
            ("https://node.example/t/python/2026", "https://node.example/t/java/2026"),  # a tag by year
        ),
    ),
    AddressRule(
        name="phpBB",
        source="phpBB documentation, viewtopic.php: t names the topic, f its forum, p a post; sid is a session",
        segments=("viewtopic.php",),
        shapes=(
            (r"([^?]*/viewtopic\.php)\?(?:.*&)?(p=[0-9]+)&(?:.*&)?(t=[0-9]+)(?:&.*)?", r"\1?\2&\3"),
            (r"([^?]*/viewtopic\.php)\?(?:.*&)?(start=[0-9]+)&(?:.*&)?(t=[0-9]+)(?:&.*)?", r"\1?\2&\3"),
            (r"([^?]*/viewtopic\.php)\?(?:.*&)?([tp]=[0-9]+)(?:&.*)?", r"\1?\2"),
        ),
        same=(
            (
                "https://node.example/viewtopic.php?f=3&t=123",
                "https://node.example/viewtopic.php?t=123&sid=0123456789abcdef0123456789abcdef&start=0&hilit=cells",
            ),
        ),
        distinct=(
            ("https://node.example/viewtopic.php?f=3&t=123", "https://node.example/viewtopic.php?f=3&t=124"),
            ("https://node.example/viewtopic.php?p=123", "https://node.example/viewtopic.php?t=123"),
        ),
    ),
    AddressRule(
        name="vBulletin and MyBB",
        source="vBulletin and MyBB documentation, showthread.php: t or tid names the thread, a title may follow",
        segments=("showthread.php",),
        shapes=(
            (r"([^?]*/showthread\.php)\?(?:.*&)?t=([0-9]+)(?:-[^&]*)?(?:&.*)?", r"\1?t=\2"),
            (r"([^?]*/showthread\.php)(?:/|\?)([0-9]+)(?:-[^&/?]*)?(?:[?&].*)?", r"\1?t=\2"),
            (r"([^?]*/showthread\.php)\?(?:(?!pid=).*&)?tid=([0-9]+)(?:&.*)?", r"\1?tid=\2"),
        ),
        same=(
            (
                "https://node.example/showthread.php?t=123-new-camera&s=1",
                "https://node.example/showthread.php/123-new",
            ),
        ),
        distinct=(
            ("https://node.example/showthread.php?t=123", "https://node.example/showthread.php?tid=124"),
        ),
    ),
    AddressRule(
        name="XenForo",
        source="XenForo documentation, route filters: /threads/title.123/, the number alone names the thread",
        segments=("threads",),
        shapes=(
            (
                rf"([^?]*)/threads/(?:[^/?]*\.)?([0-9]+)(?:/(?:latest|unread|page-1))?{_REST}",
                r"\1/threads/\2",
            ),
            (rf"([^?]*)/threads/(?:[^/?]*\.)?([0-9]+)/((?:post|page)-[0-9]+){_REST}", r"\1/threads/\2/\3"),
        ),
        same=(("https://node.example/threads/new-camera.123/", "https://node.example/threads/123/unread"),),
        distinct=(
            ("https://node.example/threads/new-camera.123/", "https://node.example/threads/new-camera.124/"),
            ("https://node.example/threads/a.123/post-7", "https://node.example/threads/a.123/post-8"),
        ),
    ),
    AddressRule(
        name="NodeBB, Invision and Flarum",
        source="Routes of NodeBB (/topic/id/title), Invision (/topic/id-title) and Flarum (/d/id-title)",
        segments=("topic", "d"),
        shapes=(
            (rf"{_IN_FORUM}/(topic|d)/([0-9]+)(?:-[^/?]*|/{_TITLE})?(?:/1)?{_REST}", r"\1/\2/\3"),
            (rf"{_IN_FORUM}/(topic|d)/([0-9]+)(?:-[^/?]*|/{_TITLE})?/([0-9]+){_REST}", r"\1/\2/\3/\4"),
        ),
        same=(
            (
                "https://community.node.example/topic/123/new-camera",
                "https://community.node.example/topic/123",
            ),
            ("https://discuss.node.example/d/123-new-camera", "https://discuss.node.example/d/123"),
        ),
        distinct=(
            ("https://node.example/topic/2026/new-camera", "https://node.example/topic/2026/old-camera"),
            ("https://discuss.node.example/d/123-a/4", "https://discuss.node.example/d/123-a/5"),
        ),
    ),
    AddressRule(
        name="Stack Exchange",
        source="Stack Exchange API, question: link and share_link name a question by its number",
        hosts=("stackoverflow.com", ".stackexchange.com", "biostars.org"),
        shapes=((rf"([^/?]+)/(?:questions|q)/([0-9]+)(?:/[^?]*)?{_REST}", r"\1/questions/\2"),),
        same=(
            (
                "https://bioinformatics.stackexchange.com/questions/123/how-to-count",
                "https://bioinformatics.stackexchange.com/q/123/45",
            ),
        ),
        distinct=(
            ("https://stackoverflow.com/questions/123/a", "https://stackoverflow.com/questions/124/a"),
            ("https://stackoverflow.com/a/123", "https://stackoverflow.com/q/123"),  # an answer
        ),
    ),
    AddressRule(
        name="WordPress",
        source="WordPress Developer Resources, rewrite endpoints: feed, embed, trackback, comment-page-N of a post",
        segments=("feed", "embed", "trackback"),
        shapes=((rf"([^?]+/[^?]+)/(?:feed(?:/(?:atom|rss2?))?|embed|trackback){_REST}", r"\1"),),
        same=(
            (
                "https://node.example/2026/10/new-camera/",
                "https://node.example/2026/10/new-camera/feed/",
                "https://node.example/2026/10/new-camera/?share=mastodon&nb=1",
                "https://node.example/2026/10/new-camera/?replytocom=17#respond",
            ),
        ),
        distinct=(
            ("https://node.example/?p=17", "https://node.example/?p=18"),
            ("https://node.example/?p=17", "https://node.example/?page_id=18"),
            ("https://node.example/2026/10/new-camera/", "https://node.example/2026/10/new-camera-2/"),
            ("https://node.example/a/#comment-17", "https://node.example/a/#comment-18"),
        ),
    ),
    AddressRule(
        name="Joomla",
        source="Joomla documentation, non-SEF URLs: id names the article, catid and Itemid its category and menu",
        parameters=("option",),
        shapes=(
            (
                r"([^?]*)\?(?:.*&)?id=([0-9]+)(?:(?::|%3A|-)[^&]*)?&(?:.*&)?option=(com_content|com_k2)"
                r"&(?:.*&)?view=(article|item)(?:&.*)?",
                r"\1?id=\2&option=\3&view=\4",
            ),
        ),
        same=(
            (
                "https://node.example/index.php?option=com_content&view=article&id=1987:new-camera&catid=14&Itemid=216",
                "https://node.example/?option=com_content&view=article&id=1987&tmpl=component&print=1",
            ),
        ),
        distinct=(
            (
                "https://node.example/index.php?option=com_content&view=article&id=1987",
                "https://node.example/index.php?option=com_content&view=category&id=1987",
            ),
            (
                "https://node.example/index.php?option=com_content&view=featured&Itemid=1",
                "https://node.example/index.php?option=com_content&view=featured&Itemid=2",
            ),
        ),
    ),
    AddressRule(
        name="TYPO3",
        source="TYPO3 Explained, cHash; tx_news documentation, routing: [news] names the item, [day] repeats its date",
        parameters=("type",),
        shapes=((r"([^?]*)\?(?:(.*)&)?type=98(?:&.*)?", r"\1?\2"),),
        same=(
            (
                "https://node.example/news/?tx_news_pi1%5Baction%5D=detail&tx_news_pi1%5Bnews%5D=42&cHash=0b1d",
                "https://node.example/news?tx_news_pi1[news]=42&tx_news_pi1[controller]=News&cHash=77e0&no_cache=1",
                "https://node.example/news?tx_news_pi1[news]=42&tx_news_pi1[day]=3&tx_news_pi1[month]=5&cHash=aa",
                "https://node.example/news?tx_news_pi1[news]=42&type=98",
            ),
        ),
        distinct=(
            (
                "https://node.example/news?tx_news_pi1[news]=42",
                "https://node.example/news?tx_news_pi1[news]=43",
            ),
            ("https://node.example/index.php?id=42", "https://node.example/index.php?id=43"),
            ("https://node.example/news?cHash=0b1d", "https://node.example/news?cHash=77e0"),
        ),
    ),
    AddressRule(
        name="Drupal",
        source="Drupal documentation, clean URLs (?q=node/1 is /node/1) and the modules Print and Entity Print",
        segments=("print", "printpdf", "printmail"),
        parameters=("q",),
        shapes=(
            (r"([^?]*)\?(?:.*&)?q=(node(?:/|%2F)[0-9]+)(?:&.*)?", r"\1/\2"),
            (rf"([^?]*)/print(?:pdf|mail|/pdf)?(?:/node)?/([0-9]+){_REST}", r"\1/node/\2"),
            (rf"([^?]*[^/?])/print{_REST}", r"\1"),
        ),
        same=(
            (
                "https://node.example/node/1482",
                "https://node.example/?q=node/1482",
                "https://node.example/index.php?q=node/1482",
                "https://node.example/print/1482",
                "https://node.example/print/pdf/node/1482",
            ),
        ),
        distinct=(
            ("https://node.example/node/1482", "https://node.example/node/1483"),
            ("https://node.example/search?q=node", "https://node.example/search?q=cells"),
        ),
    ),
    AddressRule(
        name="Plone",
        source="Plone documentation, traversal: /view and @@…_view are views of the content before them",
        segments=("view", "@"),
        shapes=(
            (
                r"([^?]+/[^?]+)/(?:(?:@@)?(?:view|(?:newsitem|document|event|link|listing)_view))(\?.*)?",
                r"\1\2",
            ),
        ),
        same=(
            (
                "https://node.example/news/new-camera",
                "https://node.example/news/new-camera/view",
                "https://node.example/news/new-camera/@@newsitem_view",
            ),
        ),
        distinct=(
            ("https://node.example/news/a/view?id=1", "https://node.example/news/a/view?id=2"),
            ("https://node.example/resolveuid/0a", "https://node.example/resolveuid/0b"),
        ),
    ),
    AddressRule(
        name="AMP cache",
        source="AMP documentation, Google AMP Cache URL format: /c/s/host/path repeats the address of the page",
        hosts=(".cdn.ampproject.org", "google.com"),
        shapes=(
            (r"[a-z0-9-]+\.cdn\.ampproject\.org/[cv]/(?:s/)?(?:www\.)?([a-z0-9.-]+\.[a-z]+(?:/.*)?)", r"\1"),
            (r"google\.com/amp/(?:s/)?(?:www\.)?([a-z0-9.-]+\.[a-z]+(?:/.*)?)", r"\1"),
        ),
        same=(
            (
                "https://node.example/news/new-camera",
                "https://node-example.cdn.ampproject.org/c/s/node.example/news/new-camera/amp/",
                "https://www.google.com/amp/s/www.node.example/news/new-camera",
                "https://node.example/news/new-camera?amp=1",
            ),
        ),
        distinct=(
            ("https://www.google.com/amp/s/node.example/a", "https://www.google.com/amp/s/node.example/b"),
        ),
    ),
    AddressRule(
        name="Wikipedia",
        source="MediaWiki documentation, MobileFrontend: en.m.wikipedia.org shows the pages of en.wikipedia.org",
        hosts=(".m.wikipedia.org",),
        shapes=((r"([a-z-]+)\.m\.(wikipedia\.org.*)", r"\1.\2"),),
        same=(("https://en.m.wikipedia.org/wiki/Cell", "https://en.wikipedia.org/wiki/Cell"),),
        distinct=(("https://en.m.wikipedia.org/wiki/Cell", "https://de.wikipedia.org/wiki/Cell"),),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """A rule with compiled expressions."""

    shapes: tuple[tuple[re.Pattern[str], str], ...]
    lower: bool

    def apply(self, key: str) -> str:
        """Return the key that replaces `key`, or `key` itself."""
        for shape, target in self.shapes:
            if match := shape.fullmatch(key):
                new = match.expand(target)
                return new.lower() if self.lower else new
        return key


Index = dict[str, tuple[CompiledRule, ...]]
BY_HOST: Index = {}
BY_SEGMENT: Index = {}
BY_PARAMETER: Index = {}

for _rule in RULES:
    _compiled = CompiledRule(
        shapes=tuple((re.compile(shape, re.DOTALL), target) for shape, target in _rule.shapes),
        lower=_rule.lower,
    )
    for _index, _names in (
        (BY_HOST, _rule.hosts),
        (BY_SEGMENT, _rule.segments),
        (BY_PARAMETER, _rule.parameters),
    ):
        for _name in _names:
            _index[_name] = (*_index.get(_name, ()), _compiled)
