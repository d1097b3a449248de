"""Read mail to the bounce address, and suppress addresses that cannot be written to."""
