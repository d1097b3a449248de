"""Exchange bytes with the outside: HTTP, SMTP, files, DNS and the sandbox."""
