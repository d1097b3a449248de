"""Pure room: a publication -> the documents of a channel, one renderer per format (`renderers`)."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from aggregator import __version__


def template_hash() -> str:
    """What the bytes of a document depend on besides the publication: program version and templates (P1)."""
    mark = hashlib.sha256(__version__.encode())
    for template in sorted(files(__package__).joinpath("templates").iterdir(), key=lambda path: path.name):
        mark.update(template.name.encode() + template.read_bytes())
    return mark.hexdigest()
