"""Word lists of the field."""
