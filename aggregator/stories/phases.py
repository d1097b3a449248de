"""Turns that are news of their own: what is cancelled, extended, awarded or over is no longer what was announced."""

from __future__ import annotations

import re

_PHASES = {
    "cancelled": r"cancell?ed|abgesagt|entfallt|entfallen|annule[es]?|called off|cancellation|absage",
    "moved": r"postponed|rescheduled|new date|verschoben|neuer termin"
    r"|moved to (?:january|february|march|april|may|june|july|august|september|october|november|december|online)",
    "extended": r"extended|extension|verlangert|fristverlangerung|prolonged|prorogation|more time",
    "reminder": r"reminder|erinnerung|last (?:chance|call)|closes soon|ends soon|final call|letzte chance",
    "corrected": r"correction|corrigendum|erratum|korrektur|richtigstellung|retract(?:ed|ion)",
    "over": r"recap|look(?:ing|s)? back|ruckblick|recordings?|aufzeichnung(?:en)?"
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
    "short version": r"short version|kurzfassung|kurzversion|abridged",
}
HARD = frozenset(
    {
        "cancelled",
        "moved",
        "extended",
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
