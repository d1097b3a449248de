"""The web app and the server files of deploy/."""
