"""Turns that are news of their own: what is cancelled, extended, awarded or over is no longer what was announced."""

from __future__ import annotations

import re

_PHASES = {
    "cancelled": r"cancell?ed|abgesagt|entfallt|entfallen|annule[es]?|called off|cancellation|absage"
    r"|(?:will|does|can) ?not take place"
    r"|findet nicht statt|fallt aus|withdraw[ns]?|withdrawn|zuruckgezogen",
    "moved": r"postponed|rescheduled|new date|verschoben|neuer termin"
    r"|moved to (?:january|february|march|april|may|june|july|august|september|october|november|december|online)",
    "extended": r"extended|extension|verlangert|fristverlangerung|prolonged|prorogation|more time",
    "full": r"fully booked|booked out|sold out|ausgebucht|no (?:more )?places left|waiting list|waitlist|warteliste",
    "venue": r"(?:new|change of|changed) (?:venue|location|room)|venue change|neuer (?:veranstaltungsort|ort|raum)",
    "closed": r"(?:is |has |now )?closed|geschlossen|beendet",
    "paused": r"paus(?:es|ed)|pausiert|on hold|suspended|suspends|in der pause",
    "leaving": r"steps? down|stepping down|resigns?|retires?|tritt zuruck|rucktritt|farewell|abschied|verabschiedet",
    "reminder": r"reminder|frist (?:\w+ ){0,4}endet|deadline (?:approaching|tomorrow|today)"
    r"|erinnerung|last (?:chance|call)|closes soon|ends soon|final call|letzte chance",
    "corrected": r"correction|corrigendum|erratum|korrektur|richtigstellung|retract(?:ed|ion)",
    "over": r"recap|photos?|fotos?|photo ?gallery|bildergalerie|slides"
    r"|look(?:ing|s)? back|ruckblick|recordings?|aufzeichnung(?:en)?"
    r"|took place|brings? together|brought together|attracted|summary of"
    r"|bilanz|looks back|(?:conference|meeting|workshop|event|final) report|nachlese|impressions",
    "answer": r"comments? on|commentary|reply to|repl(?:y|ies)|response to|kommentar|stellungnahme|opinion",
    "memory": r"throwback|years ago|vor \w+ jahren|on this day",
    "result": r"results|ergebnisse|winners?|gewinner(?:in|innen)?|nominees|what we learned",
    "awarded": r"awarded|verliehen|goes to|geht an|honou?rs|ehrt|laureates?|preistrager(?:in|innen)?|receives?|gets",
    "taking part": r"take part|participate|mitmachen|jetzt teilnehmen|vote|cast your ballot",
    "application": r"nominations? open|nominate|nominieren|apply"
    r"|applications? (?:are )?open|bewerben|bewerbung|open call"
    r"|call for (?:applications|nominations|proposals|projects)",
    "registration": r"registration|register(?: now)?|anmeldung|inscripciones|inscriptions|sign up",
    "abstracts": r"abstracts?|call for (?:posters|papers|abstracts|talks)|posters? call|resumos",
    "programme": r"programme? (?:is )?(?:now )?(?:online|available|published|out)|schedule|programm (?:ist )?online",
    "early bird": r"early[- ]bird|fruhbucher",
    "grants": r"travel grants?|bursar(?:y|ies)|reisestipendien",
    "candidate": r"release candidate|beta|pre-?release|\d(?:rc|b)\d+|for testing",
    "submission": r"submit|einreichen",
    "short version": r"short version|kurzfassung|kurzversion|abridged",
}
HARD = frozenset(
    {
        "cancelled",
        "moved",
        "extended",
        "full",
        "venue",
        "closed",
        "paused",
        "leaving",
        "reminder",
        "corrected",
        "over",
        "answer",
        "memory",
        "result",
        "candidate",
        "short version",
    }
)
"""Turns that part two news even where only one of them takes it; of the others each must say one."""
_ANY = re.compile(
    r"(?<!\w)(?:" + "|".join(f"(?P<p{n}>{words})" for n, words in enumerate(_PHASES.values())) + r")(?!\w)"
)
_NAMES = tuple(_PHASES)


def phases(folded: str) -> frozenset[str]:
    """The turns that a folded text speaks of."""
    return frozenset(_NAMES[int((match.lastgroup or "p0")[1:])] for match in _ANY.finditer(folded))
