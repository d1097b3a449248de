"""The web app: published files and health. It decides nothing; what it shows, jobs have made."""
