"""Turn entries into items: clean text, canonical links, identity, language. Pure."""
