"""Configure Sphinx for the documentation site (`make site-docs`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent.parent))

from aggregator import __version__

project = "aggregator"
release = version = __version__
language = "en"

extensions = ["myst_parser", "sphinx_copybutton"]
nitpicky = True

myst_heading_anchors = 3  # links to headings, as GitHub writes them

html_theme = "furo"
html_title = "aggregator"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None  # the same bytes at each build
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

# A button copies commands without the prompt and without the output.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

FURTHER_PAGES = "<!-- further pages -->\n"
"""Where docs/index.md lists pages that it does not name."""


def add_further_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Add pages that docs/index.md does not name to its list of guides."""
    if page == "index":
        named = set(re.findall(r"^(?:.*<)?([\w/-]+)>?$", source[0], re.MULTILINE))
        unnamed = sorted(app.env.found_docs - named - {"index"})
        source[0] = source[0].replace(FURTHER_PAGES, "".join(f"{name}\n" for name in unnamed))


def setup(app: Sphinx) -> None:
    """Register what completes the first page."""
    app.connect("source-read", add_further_pages)
