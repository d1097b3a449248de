"""The most frequent words decide the language, only where they are clear."""

from __future__ import annotations

import pytest

from aggregator.items.language import detect


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "en",
            "The survey is open until 15 March and you can take part with your facility",
        ),
        (
            "de",
            "Die Umfrage läuft bis zum 15. März und richtet sich an alle, die mit Bilddaten arbeiten.",
        ),
        (
            "fr",
            "Le colloque aura lieu à Lyon et les inscriptions sont ouvertes pour tous ceux qui y travaillent.",
        ),
        (
            "es",
            "La convocatoria está abierta para los grupos que trabajan en el centro y se cierra con el año.",
        ),
        (
            "it",
            "Il corso si tiene nel centro di Torino e le iscrizioni sono aperte per gli studenti della regione.",
        ),
        (
            "pt",
            "O encontro da plataforma decorre em Coimbra e os resumos são aceites até ao fim do mês para uma revisão.",
        ),
        (
            "nl",
            "De faciliteit is open voor het hele land en er zijn ook plaatsen voor een cursus die niet lang duurt.",
        ),
        (
            "fi",
            "Kuvantaminen on osa hanketta ja se on tärkeä, sillä tulokset ovat avoimia ja niin hyviä, että.",
        ),
        (None, "NFDI4BIOIMAGE OMERO Zarr 2026"),
        (None, ""),
        (None, "Welcome, Node!"),
    ],
)
def test_the_language_of_a_clear_text_is_detected(language: str | None, text: str) -> None:
    """The detected language is right or None."""
    assert detect(text) == language


def test_quotes_do_not_change_the_language() -> None:
    """A German text with an English title stays German."""
    text = "“Image analysis with the best of tools” ist der Titel des Kurses, der von den Kollegen gehalten wird."
    assert detect(text) == "de"
