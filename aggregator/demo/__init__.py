"""A recorded community of partner sites, served on loopback, and the real commands run on it."""
