"""Reduce the query of a URL to the parameters that identify its page, sorted."""

from __future__ import annotations

import re
from urllib.parse import quote_plus, unquote_to_bytes

_KEPT_CHARACTERS = "[]:/@,"
_CAMPAIGN = frozenset(
    # Google, Meta, Microsoft, X, LinkedIn, TikTok, Yandex, Instagram, Pinterest, Reddit
    "fbclid fb_action_ids fb_action_types fb_source fb_ref mibextid gclid gclsrc dclid gbraid wbraid msclkid twclid"
    " ttclid li_fat_id yclid ysclid _openstat igshid igsh epik rdt_cid _ga _gl gad_source srsltid"
    # Newsletters and analytics: Mailchimp, Marketo, HubSpot, Salesforce, Adobe, AT Internet, Webtrends, Google News
    " mc_cid mc_eid mkt_tok __hstc __hssc __hsfp hsctatracking sfmc_id dm_i s_cid s_kwcid sc_cid cmpid ncid xtor xtref"
    " wt.mc_id wt.rss_ev wt.rss_f ocid icid cmp wickedid vgo_ee rb_clickid ck_subscriber_id mkwid trk trkcampaign __s"
    # Share buttons and views of one page
    " share shared share_from shareid share_id sharesource share_source sr_share smid smtyp ref_src ref_url"
    " referrer replytocom like_comment no_cache amp print printable mobile wt-search"
    # Sessions
    " phpsessid jsessionid aspsessionid cfid cftoken".split()
)
"""Parameters of campaigns, share buttons and sessions, in lower case."""
_CAMPAIGN_PREFIXES = (
    "utm_",
    "mtm_",
    "pk_",
    "piwik_",
    "matomo_",
    "hsa_",
    "_hs",
    "vero_",
    "oly_",
    "wt_",
    "ga_",
    "cm_",
    "ns_",
    "at_",
    "itm_",
    "stm_",
    "trk_",
    "elq",
    "relatedposts_",
)
_CHANNEL = (
    r"twitter|x|t\.co|facebook|fb|linkedin|mastodon|bluesky|bsky|threads|instagram|whatsapp|telegram|signal|xing|reddit"
    r"|pocket|flipboard|e-?mail|mail|newsletter|rss|feed|atom|social(?:-?media)?|share(?:-?(?:button|link))?|copy-?link"
)
_BY_VALUE = {
    **dict.fromkeys(("ref", "source", "src", "via", "from", "medium", "share_via"), _CHANNEL),
    "feature": r"shared?|youtu\.be|emb_\w+",
    "nb": "1",  # beside WordPress' ?share=
    "sid": "[0-9a-f]{32}",  # phpBB
    **dict.fromkeys(
        ("view", "format", "layout", "style", "mode", "output", "outputtype", "tmpl"), "print|amp|component"
    ),
    **dict.fromkeys(("start", "offset", "limitstart", "page"), "0"),  # the first page of several
}
_DROPPED_BY_VALUE = {name: re.compile(values, re.IGNORECASE) for name, values in _BY_VALUE.items()}
"""Parameters that do not identify with certain values: /?source=rss, but not /?source=12."""
_SWITCH = re.compile(r"tx_\w+(\[\w+\])*\[(overwritedemand|backpid|controller|action)\].*", re.IGNORECASE)
_ITEM, _DATE = re.compile(r"tx_\w+\[(?:tt_)?news\]"), re.compile(r"tx_\w+\[(?:day|month|year)\]")


def identifying_parameters(query: str, *, is_plain: bool = False) -> str:
    """Return the parameters that may identify a page, sorted, without empty ones.

    A name without `=` stays, since sites use it as a path. `is_plain`: nothing in it is percent-encoded.
    """
    found: list[str] = []
    names: set[str] = set()
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if (equals and not value) or not part:
            continue
        if not is_plain:
            name, value = _spelled(name), _spelled(value)
        names.add(name)
        if not _is_dropped(name.lower(), value):
            found.append(f"{name}={value}" if equals else name)
    if len(names) > 1:
        found = _without_checksum(found, names)
    return "&".join(sorted(found))


def _spelled(text: str) -> str:
    """Return a name or value in one spelling of percent-encoding."""
    return quote_plus(
        unquote_to_bytes(text.replace("+", " ").encode("utf-8", "replace")), safe=_KEPT_CHARACTERS
    )


def _is_dropped(name: str, value: str) -> bool:
    if name in _CAMPAIGN or name.startswith(_CAMPAIGN_PREFIXES):
        return True
    if (values := _DROPPED_BY_VALUE.get(name)) is not None:
        return values.fullmatch(value) is not None
    return name.startswith("tx_") and _SWITCH.fullmatch(name) is not None


def _without_checksum(found: list[str], names: set[str]) -> list[str]:
    """Drop what repeats other parameters of TYPO3: their checksum, and the date of a news item.

    The checksum of an equal page is another one after each move of a server. Alone it may identify.
    """
    dated = any(map(_ITEM.fullmatch, names))
    return [
        each
        for each in found
        if not each.lower().startswith("chash=") and not (dated and _DATE.fullmatch(each.partition("=")[0]))
    ]
