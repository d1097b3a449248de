"""Texts for people, with dates and numbers, in English and German."""
