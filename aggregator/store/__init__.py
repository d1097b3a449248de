"""The only room that speaks SQL. `glance` needs no more than sqlite3; the rest is imported on demand."""
