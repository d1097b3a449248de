"""Find events, courses and deadlines in the text of items. Pure."""
