"""Poll sources: visit what is due and store what changed."""
