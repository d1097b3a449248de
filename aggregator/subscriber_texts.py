"""Texts that subscribers see on their pages and in their messages, in English and German."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator import i18n

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""Languages of subscribers' pages and messages, by their own names."""

_PAGES = {
    "en": {
        # Sign-up; the consent text has the version `model.subscribers.FORM_VERSION`
        "subscribe": "Subscribe by e-mail",
        "address": "E-mail address",
        "digests": "Which digests?",
        "next": "next edition: {day}",
        "language": "Language of our messages",
        "consent": "With “Subscribe” you agree that we store your address and send you these digests until you"
        " unsubscribe. We do not record whether you open them or what you click. A link in every message leads to a"
        " page where you unsubscribe, and download or erase your data.",
        "do_subscribe": "Subscribe",
        "trap": "Leave this field empty",
        "lost": "Already subscribed?",
        "lost_why": "Every message has a link to your subscription. If you have none at hand, we send it to you.",
        "do_link": "Send me my link",
        "sent": "Check your mail",
        "sent_signup": "If this address can be subscribed, a message is on its way. Please open the link in it within"
        " 7 days: only then are you subscribed.",
        "sent_link": "If this address is subscribed, a message with the link is on its way.",
        "sent_wait": "This can take some minutes. Look into the folder for spam, too. We send at most one such message"
        " to an address in 24 hours.",
        "no_address": "This is not an e-mail address: check it for typing errors.",
        "no_digest": "Choose at least one digest.",
        "too_many": "Too many requests",
        "too_many_why": "There were too many requests within an hour from your network or from all visitors together."
        " Please try again in an hour.",
        "foreign_why": "This request came from a page of another site, so nothing was changed.",
        # Confirmation
        "confirm": "Confirm your subscription",
        "do_confirm": "Confirm",
        "confirmed": "You are subscribed",
        "confirmed_why": "The next edition will reach you by e-mail.",
        "confirmed_before": "This link has confirmed your subscription before. Nothing was changed.",
        "to_subscription": "Change your subscription",
        # The subscription
        "subscription": "Your subscription",
        "active": "You get these digests by e-mail.",
        "paused": "Your subscription is paused: you get no digests until you resume it.",
        "unsubscribed": "You are not subscribed. To return, subscribe again.",
        "suppressed": "Messages to this address came back, so that we send none. Please write to {contact}.",
        "do_save": "Save",
        "saved": "Saved.",
        "do_pause": "Pause",
        "do_resume": "Resume",
        "leave": "Unsubscribe",
        "leave_why": "After that you get no more digests.",
        "do_leave": "Unsubscribe",
        "rights": "Your data",
        "rights_why": "We store your address, your digests and language, and when and how you agreed or changed it.",
        "do_data": "Download my data",
        "sure": "Yes, erase everything that is stored about me",
        "not_sure": "Nothing was erased: tick the box to confirm.",
        "do_erase": "Erase me",
        "erased": "Everything is erased",
        "erased_why": "Your address and your subscription are deleted. You get no more digests.",
        # Leaving
        "left": "You are unsubscribed",
        "left_one": "You do not get “{title}” any more.",
        "left_all": "You get no more digests.",
        "left_rest": "You still get: {titles}.",
        "leave_one": "Unsubscribe from “{title}”?",
        "leave_all": "Unsubscribe from all digests?",
        "do_undo": "Undo",
        "undone": "You are subscribed again",
        "undone_why": "Everything is as it was before.",
        # Every link that cannot be used
        "invalid": "This link does not work",
        "invalid_why": "It is incomplete, was used already, or has expired. Nothing was changed.",
        "invalid_do": "Subscribe again, or have the link to your subscription sent to you.",
        "unavailable": "Please come again later",
        "unavailable_why": "This does not work at present, and nothing was changed. Please try again in some minutes.",
    },
    "de": {
        "subscribe": "Per E-Mail abonnieren",
        "address": "E-Mail-Adresse",
        "digests": "Welche Newsletter?",
        "next": "nächste Ausgabe: {day}",
        "language": "Sprache unserer Nachrichten",
        "consent": "Mit „Abonnieren“ stimmen Sie zu, dass wir Ihre Adresse speichern und Ihnen diese Newsletter"
        " schicken, bis Sie sich abmelden. Wir erfassen nicht, ob Sie sie öffnen oder was Sie anklicken. Ein Link in"
        " jeder Nachricht führt zu einer Seite, auf der Sie sich abmelden und Ihre Daten herunterladen oder löschen.",
        "do_subscribe": "Abonnieren",
        "trap": "Dieses Feld leer lassen",
        "lost": "Schon angemeldet?",
        "lost_why": "Jede Nachricht enthält einen Link zu Ihrem Abonnement. Wenn Sie keine zur Hand haben, schicken wir"
        " ihn Ihnen.",
        "do_link": "Link zuschicken",
        "sent": "Sehen Sie in Ihr Postfach",
        "sent_signup": "Wenn diese Adresse angemeldet werden kann, ist eine Nachricht unterwegs. Bitte öffnen Sie den"
        " Link darin innerhalb von 7 Tagen: Erst dann sind Sie angemeldet.",
        "sent_link": "Wenn diese Adresse angemeldet ist, ist eine Nachricht mit dem Link unterwegs.",
        "sent_wait": "Das kann einige Minuten dauern. Sehen Sie auch im Ordner für Spam nach. Wir schicken in"
        " 24 Stunden höchstens eine solche Nachricht an eine Adresse.",
        "no_address": "Das ist keine E-Mail-Adresse: Bitte prüfen Sie sie auf Tippfehler.",
        "no_digest": "Wählen Sie mindestens einen Newsletter.",
        "too_many": "Zu viele Anfragen",
        "too_many_why": "Aus Ihrem Netz oder von allen Besuchern zusammen kamen zu viele Anfragen in einer Stunde."
        " Bitte versuchen Sie es in einer Stunde wieder.",
        "foreign_why": "Diese Anfrage kam von der Seite eines anderen Anbieters, darum wurde nichts geändert.",
        "confirm": "Bestätigen Sie Ihr Abonnement",
        "do_confirm": "Bestätigen",
        "confirmed": "Sie sind angemeldet",
        "confirmed_why": "Die nächste Ausgabe erreicht Sie per E-Mail.",
        "confirmed_before": "Mit diesem Link wurde Ihr Abonnement schon bestätigt. Es wurde nichts geändert.",
        "to_subscription": "Abonnement ändern",
        "subscription": "Ihr Abonnement",
        "active": "Sie erhalten diese Newsletter per E-Mail.",
        "paused": "Ihr Abonnement ruht: Sie erhalten keine Newsletter, bis Sie es fortsetzen.",
        "unsubscribed": "Sie sind nicht angemeldet. Um zurückzukehren, melden Sie sich neu an.",
        "suppressed": "Nachrichten an diese Adresse kamen zurück, darum schicken wir keine. Bitte schreiben Sie an"
        " {contact}.",
        "do_save": "Speichern",
        "saved": "Gespeichert.",
        "do_pause": "Pausieren",
        "do_resume": "Fortsetzen",
        "leave": "Abmelden",
        "leave_why": "Danach erhalten Sie keine Newsletter mehr.",
        "do_leave": "Abmelden",
        "rights": "Ihre Daten",
        "rights_why": "Wir speichern Ihre Adresse, Ihre Newsletter und Sprache, und wann und wie Sie zugestimmt oder"
        " etwas geändert haben.",
        "do_data": "Daten herunterladen",
        "sure": "Ja, alles löschen, was über mich gespeichert ist",
        "not_sure": "Es wurde nichts gelöscht: Setzen Sie zur Bestätigung das Häkchen.",
        "do_erase": "Löschen",
        "erased": "Alles ist gelöscht",
        "erased_why": "Ihre Adresse und Ihr Abonnement sind gelöscht. Sie erhalten keine Newsletter mehr.",
        "left": "Sie sind abgemeldet",
        "left_one": "Sie erhalten „{title}“ nicht mehr.",
        "left_all": "Sie erhalten keine Newsletter mehr.",
        "left_rest": "Sie erhalten weiterhin: {titles}.",
        "leave_one": "„{title}“ abbestellen?",
        "leave_all": "Alle Newsletter abbestellen?",
        "do_undo": "Rückgängig machen",
        "undone": "Sie sind wieder angemeldet",
        "undone_why": "Alles ist wie zuvor.",
        "invalid": "Dieser Link funktioniert nicht",
        "invalid_why": "Er ist unvollständig, wurde schon benutzt oder ist abgelaufen. Es wurde nichts geändert.",
        "invalid_do": "Melden Sie sich neu an, oder lassen Sie sich den Link zu Ihrem Abonnement zuschicken.",
        "unavailable": "Bitte kommen Sie später wieder",
        "unavailable_why": "Das geht zurzeit nicht, und es wurde nichts geändert. Bitte versuchen Sie es in einigen"
        " Minuten wieder.",
    },
}
_MESSAGES = {
    "en": {
        "confirm_subject": "Please confirm: {site}",
        "confirm_why": "Somebody, probably you, entered this address on {url} to get:",
        "confirm_do": "To confirm, open this page and press the button:",
        "confirm_button": "Confirm",
        "confirm_end": "If it was not you, do nothing: nothing changes, and a new address is deleted after 7 days.",
        "welcome_subject": "You are subscribed: {site}",
        "welcome_why": "From now on you get:",
        "welcome_do": "On this page you change, pause or end your subscription at any time:",
        "welcome_button": "Your subscription",
        "welcome_end": "Keep this message: the link stays valid. It is in every edition as well.",
        "link_subject": "Your subscription: {site}",
        "link_why": "This is the link to your subscription, as requested on {url}.",
        "link_do": "On this page you change, pause or end your subscription:",
        "link_button": "Your subscription",
        "link_end": "If it was not you, do nothing: nothing was changed.",
        "sign-in_subject": "Sign in: {site}",
        "sign-in_why": "Somebody, probably you, entered this address on the editors' page of {url}.",
        "sign-in_do": "To sign in, open this page within 15 minutes and press the button:",
        "sign-in_button": "Sign in",
        "sign-in_end": "If it was not you, do nothing: without this link nobody can sign in. Do not pass it on.",
        "when": "{title}, next edition: {day}",
        # The end of each edition
        "why": "You get this message because you subscribed to “{title}”.",
        "change": "Change or pause your subscription",
        "stop": "Unsubscribe",
    },
    "de": {
        "confirm_subject": "Bitte bestätigen: {site}",
        "confirm_why": "Jemand, vermutlich Sie, hat diese Adresse auf {url} eingetragen und möchte erhalten:",
        "confirm_do": "Zum Bestätigen öffnen Sie diese Seite und drücken den Knopf:",
        "confirm_button": "Bestätigen",
        "confirm_end": "Wenn Sie es nicht waren, tun Sie nichts: Es ändert sich nichts, und eine neue Adresse wird nach"
        " 7 Tagen gelöscht.",
        "welcome_subject": "Sie sind angemeldet: {site}",
        "welcome_why": "Ab jetzt erhalten Sie:",
        "welcome_do": "Auf dieser Seite ändern, pausieren oder beenden Sie Ihr Abonnement jederzeit:",
        "welcome_button": "Ihr Abonnement",
        "welcome_end": "Bewahren Sie diese Nachricht auf: Der Link bleibt gültig. Er steht auch in jeder Ausgabe.",
        "link_subject": "Ihr Abonnement: {site}",
        "link_why": "Dies ist der Link zu Ihrem Abonnement, wie auf {url} angefordert.",
        "link_do": "Auf dieser Seite ändern, pausieren oder beenden Sie Ihr Abonnement:",
        "link_button": "Ihr Abonnement",
        "link_end": "Wenn Sie es nicht waren, tun Sie nichts: Es wurde nichts geändert.",
        "sign-in_subject": "Anmelden: {site}",
        "sign-in_why": "Jemand, vermutlich Sie, hat diese Adresse auf der Seite der Redaktion von {url} eingetragen.",
        "sign-in_do": "Zum Anmelden öffnen Sie innerhalb von 15 Minuten diese Seite und drücken den Knopf:",
        "sign-in_button": "Anmelden",
        "sign-in_end": "Wenn Sie es nicht waren, tun Sie nichts: Ohne diesen Link kann sich niemand anmelden. Geben Sie"
        " ihn nicht weiter.",
        "when": "{title}, nächste Ausgabe: {day}",
        "why": "Sie erhalten diese Nachricht, weil Sie „{title}“ abonniert haben.",
        "change": "Abonnement ändern oder pausieren",
        "stop": "Abmelden",
    },
}


def page_words(language: str) -> Mapping[str, str]:
    """Return the phrases of pages in a language."""
    return _PAGES[i18n.text_language(language)]


def message_words(language: str) -> Mapping[str, str]:
    """Return the phrases of messages in a language."""
    return _MESSAGES[i18n.text_language(language)]
