"""Parse the bytes of documents into entries, one adapter for each kind (`parsers.PARSERS`)."""

VERSION = "9"
"""Version of the parsers: if it rises, stored documents are parsed again (V4)."""
