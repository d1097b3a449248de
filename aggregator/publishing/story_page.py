"""Render the page of a story, and what remains of it when it is no longer published."""

from __future__ import annotations

import re

import nh3
from markupsafe import Markup

from aggregator.i18n import event_texts
from aggregator.model.config import Site
from aggregator.model.pages import GoneStoryPage, StoryPage
from aggregator.model.publishing import PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import atom, page_template, paths, structured_data

PAGE_TAGS = {
    "p",
    "br",
    "ul",
    "ol",
    "li",
    "a",
    "em",
    "strong",
    "b",
    "i",
    "sub",
    "sup",
    "blockquote",
    "code",
    "pre",
}
"""Elements of licensed texts on pages: none that loads something, and no headings."""
HEADINGS = re.compile(r"<(/?)h[1-6]\b[^>]*>")


def render(page: StoryPage, site: Site, *, web_url: str | None) -> PublishedDocument:
    """Render `stories/<id>.html` of a published story."""
    story = page.story
    text = _licensed_text(story, site)
    lead = story.lead
    own = site.url + paths.story_page(story.id)
    return page_template.render(
        "story.html.j2",
        site,
        paths.story_page(story.id),
        web_url=web_url,
        story=story,
        content=page,
        lead=lead,
        original=paths.href(lead.link) if lead.link else None,
        own=own,
        canonical=own if text or not lead.link else paths.href(lead.link),
        text=text,
        dates=[
            event_texts.event_line(each.event, each.former, site.language, site.timezone)
            for each in story.events
        ],
        calendar=_calendar(story),
        link_of=paths.further_source,
        data=structured_data.story_data(story, site),
    )


def render_gone(gone: GoneStoryPage, site: Site, *, web_url: str | None) -> PublishedDocument:
    """Render `stories/<id>.html` of a story that was hidden or merged."""
    return page_template.render("gone.html.j2", site, paths.story_page(gone.id), web_url=web_url, gone=gone)


def _licensed_text(story: Story, site: Site) -> Markup | None:
    """Return the full text where its source permits it (P3), without images and headings."""
    if not atom.full_text(story, site):
        return None
    html = HEADINGS.sub(r"<\1p>", story.lead.html)
    cleaned = nh3.clean(
        html,
        tags=PAGE_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
    return Markup(cleaned) if cleaned.strip() else None  # noqa: S704 # nh3 cleaned it


def _calendar(story: Story) -> str | None:
    """Return the file name of the story's calendar; None if it announces no day of its own."""
    event = story.event
    if event is None or event.entry_id != story.id or event.event.month_only or event.event.retrospective:
        return None
    return f"{story.id}.ics"
