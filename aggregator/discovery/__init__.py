"""Find sources on partner sites, preview and check them, and exchange them as OPML."""
