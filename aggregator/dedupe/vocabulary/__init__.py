"""Words of the field and of announcements: data files, and functions that look words up in them."""
