"""The verbs: each job calls doors and pure rooms, and returns a report."""
