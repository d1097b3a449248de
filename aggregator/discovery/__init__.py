"""Find, preview and check sources on request of a person."""
