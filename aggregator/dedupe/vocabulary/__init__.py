"""Word lists of the field and of announcements, and functions that look words up."""
