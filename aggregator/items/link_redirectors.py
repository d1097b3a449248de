"""Find the page behind a link of mail filters, networks and search engines."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

from aggregator import urls

REDIRECTORS = {
    "safelinks.protection.outlook.com": ("url",),
    "linkprotect.cudasvc.com/url": ("a",),
    "linkedin.com/redir/redirect": ("url",),
    "linkedin.com/safety/go": ("url",),
    "facebook.com/l.php": ("u",),
    "l.instagram.com": ("u",),
    "youtube.com/redirect": ("q",),
    "google.com/url": ("url", "q"),
    "out.reddit.com": ("url",),
    "slack-redir.net/link": ("url",),
}
"""The end of a host with the path of redirects, and the parameters that may hold the target."""
MAX_LABELS = 4
"""Maximum number of labels of such a host."""


def target_page(url: str) -> str:
    """Return the page to which a link leads through such services, or the link itself."""
    while following := next(_targets(url), None):  # ends, since a target is shorter than its link
        url = following
    return url


def _targets(url: str) -> Iterator[str]:
    parts = urls.parse(url)
    if parts is None or not parts.query:
        return
    labels, path = (parts.hostname or "").split(".")[-MAX_LABELS:], parts.path.rstrip("/")
    for start in range(len(labels) - 1):
        names = REDIRECTORS.get(".".join(labels[start:]) + path, ())
        parameters = parse_qs(parts.query) if names else {}
        for page in (page for name in names for page in parameters.get(name, ())):
            if (target := urls.parse(page)) and target.scheme in ("https", "http"):
                yield page
