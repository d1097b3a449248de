"""Assign items to stories: candidates, evidence, vetoes, editors' decisions, explanations."""
