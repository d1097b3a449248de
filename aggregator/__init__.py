"""Polls partner sites, tells the same news once, republishes one merged Atom feed and an e-mail digest."""

__version__ = "0.1.0"
