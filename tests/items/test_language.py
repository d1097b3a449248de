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
        (
            "cs",
            "Konference se koná v Brně a je otevřena pro všechny, kteří pracují se snímky, které jsou již k dispozici.",
        ),
        (
            "hr",
            "Radionica će se održati u Zagrebu i otvorena je za sve koji rade na slikama, a prijave su moguće do"
            " petka. Svi radovi koji nisu na engleskom bit će prevedeni, te će biti dostupni kao i ostali.",
        ),
        (
            "hr",
            "Tečaj je namijenjen studentima, a održat će se od 5. do 7. listopada na fakultetu u Splitu. Prijaviti se"
            " možete na stranici koja je otvorena, ili nam se javite ako imate pitanja o tome što trebate i kako.",
        ),
        (
            "hr",
            "Radionica je za studente koji se bave slikama. Prijave su otvorene do petka, a što je sve potrebno i"
            " kako će se raditi, biće poznato u julu na sajtu Univerziteta u Beogradu ili na fakultetu.",
        ),
        (
            "sl",
            "Delavnica bo v Ljubljani in je namenjena vsem, ki delajo s slikami, pa tudi študentom. Prijave so"
            " odprte do petka, a po tem roku jih ne bo več mogoče oddati, če bo prostora premalo.",
        ),
        (
            "sk",
            "Konferencia sa koná v Bratislave a je určená pre všetkých, ktorí pracujú s obrazmi. Prihlášky sú"
            " otvorené aj pre študentov, ktoré je možné podať do piatku alebo aj po ňom, ak už bol vyplnený formulár.",
        ),
        (
            "no",
            "Kurset er åpent for alle som arbeider med bilder, og det er ikke nødvendig å ha erfaring. Vi tar opp"
            " deltakere etter søknad, og noen plasser blir holdt av til studenter som er på tur ut av landet.",
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
