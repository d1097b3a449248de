"""Pure room: entries -> items -> stories. No clock, no chance, no I/O."""
