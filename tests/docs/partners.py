"""Serve the partner sites of the tutorial on loopback addresses."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from tests.web_server import Answer, Web

SCHOOL = (
    "Training school on image analysis, Freiburg, 16-18 November 2026",
    "Registration for the training school on image analysis in Freiburg is open until 30 October 2026. Participants "
    "learn to segment and measure microscopy images with Galaxy and OMERO. The number of places is limited to 25.",
)
POSTS = {
    "https://training.galaxyproject.org/training-material": [
        (*SCHOOL, "2026-10-01T08:00:00Z", "/news/2026/10/01/school.html"),
        (
            "New tutorial: object tracking",
            "Follow cells over time.",
            "2026-09-28T09:00:00Z",
            "/news/2026/09/28/t.html",
        ),
    ],
    "https://www.openmicroscopy.org/blog": [
        (*SCHOOL, "2026-10-02T10:00:00Z", "/2026/10/02/school.html"),
        (
            "OMERO 5.7 is released",
            "This release reads OME-Zarr.",
            "2026-09-24T12:00:00Z",
            "/2026/09/24/omero.html",
        ),
    ],
}
"""URL of each site with a feed -> title, text, time and path of its posts."""
FEEDS = {
    "https://training.galaxyproject.org/training-material": "/feed.xml",
    "https://www.openmicroscopy.org/blog": "/atom.xml",
}
LISTING = [
    (
        "Measuring the shape of nuclei",
        "October 3, 2026",
        "Which features describe a nucleus, and which mislead.",
    ),
    (
        "Tiled processing with dask",
        "September 21, 2026",
        "Images that do not fit into memory are processed in tiles.",
    ),
    (
        "Notes from the halfway meeting",
        "September 9, 2026",
        "What we discussed about annotation tools in Dresden.",
    ),
]
"""Title, date and summary of the posts of the site without a feed."""
PAGE = "https://biapol.github.io/blog/intro.html"


def served(webs: Callable[[], Web]) -> dict[str, str]:
    """Serve the sites; return the origin of each on the web -> its loopback origin."""
    origins: dict[str, str] = {}
    for site, posts in POSTS.items():
        origin, path = _split(site)
        web = webs()
        web.feed(path + FEEDS[site], _atom(site, posts).encode(), '"1"')
        origins[origin] = web.url
    origin, path = _split(PAGE)
    web = webs()
    web.answers[path] = Answer(
        _listing().encode(), headers={"Content-Type": "text/html; charset=utf-8", "ETag": '"1"'}
    )
    origins[origin] = web.url
    return origins


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path


def _atom(site: str, posts: list[tuple[str, str, str, str]]) -> str:
    entries = "".join(
        f"<entry><id>{site}{path}</id><title>{title}</title><updated>{time}</updated><published>{time}</published>"
        f'<link href="{site}{path}"/><summary>{text}</summary></entry>'
        for title, text, time, path in posts
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f'<id>{site}/</id><title>{site}</title><updated>{posts[0][2]}</updated><link href="{site}/"/>{entries}</feed>'
    )


def _listing() -> str:
    blocks = "".join(
        f'<section><h3><a href="{escape(title.lower().replace(" ", "_"))}/readme.html">{title}</a></h3>'
        f"<p><small>{date}</small></p><p>{summary}</p></section>"
        for title, date, summary in LISTING
    )
    return f"<!doctype html><html lang=en><title>A blog</title><body><article><h1>Blog</h1>{blocks}</article>"
