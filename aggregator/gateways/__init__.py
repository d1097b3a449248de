"""Door: the outside world. HTTP in, SMTP and files out."""
