"""Poll partner sites, publish each story once as merged feeds and an e-mail digest."""

__version__ = "0.1.0"
