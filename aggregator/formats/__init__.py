"""Parse the bytes of documents into entries, one adapter for each kind (`parsers.PARSERS`)."""

VERSION = "8"
"""Version of the parsers: if it rises, stored documents are parsed again (V4)."""
