"""Recorded partner sites, and the real commands run on them."""
