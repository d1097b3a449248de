"""Find identifiers of the work that an address belongs to: DOI, arXiv, PMID, PMC, Zenodo."""

from __future__ import annotations

import re
from urllib.parse import unquote

from aggregator.text import legal

_HINT = re.compile(r"10(?:\.|%2e)\d|zenodo|arxiv|pmid|pubmed|pmc|nature\.com/articles|f1000", re.IGNORECASE)
_DOI = r"10\.[0-9]{4,9}/[^\s?#\"'<>]+"
# Publishers whose landing pages have the DOI in their address.
_DOI_IN_ADDRESS = re.compile(
    rf"^https?://(?:[\w-]+\.)*(?:doi\.org|(?:onlinelibrary\.wiley|tandfonline|science|embopress|springer"
    rf"|sagepub|rupress|biologists)\.\w+"
    rf"|pubs\.acs\.org|pnas\.org|biorxiv\.org|medrxiv\.org|frontiersin\.org|dx\.doi\.org|zenodo\.org"
    rf"|royalsocietypublishing\.org|oup\.com)/\S*?({_DOI})",
    re.IGNORECASE,
)
_PLOS = re.compile(rf"^https?://journals\.plos\.org/\S*[?&]id=({_DOI})", re.IGNORECASE)
_NATURE = re.compile(
    r"^https?://(?:www\.)?nature\.com/articles/([a-z]?[\w.-]+?)(?:\.pdf|_reference\.pdf)?/?(?:[?#]|$)",
    re.IGNORECASE,
)
_F1000 = re.compile(
    r"^https?://(?:www\.)?f1000research\.com/articles/([0-9]{1,6})-([0-9]{1,6})(?![0-9])", re.IGNORECASE
)
_ARXIV = re.compile(
    r"^(?:https?://(?:[\w-]+\.)?arxiv\.org/(?:abs|pdf|html)/|arxiv:)([a-z-]+/[0-9]{7}|[0-9]{4}\.[0-9]{4,5})",
    re.IGNORECASE,
)
_PMID = re.compile(
    r"^(?:https?://(?:pubmed\.ncbi\.nlm\.nih\.gov|www\.ncbi\.nlm\.nih\.gov/pubmed)/|pmid:)([0-9]{1,12})(?![0-9])",
    re.IGNORECASE,
)
_PMC = re.compile(
    r"^https?://(?:(?:www\.)?ncbi\.nlm\.nih\.gov/pmc|pmc\.ncbi\.nlm\.nih\.gov)/articles/pmc([0-9]{1,12})(?![0-9])",
    re.IGNORECASE,
)
# Europe PMC names its database: MED has PubMed's numbers, PMC those of PubMed Central.
_EUROPE_PMC = re.compile(
    r"^https?://(?:www\.)?europepmc\.org/(?:article|articles|abstract)/(?:(med)/|pmc/|(?=pmc))(?:pmc)?([0-9]{1,12})(?![0-9])",
    re.IGNORECASE,
)
_ZENODO = re.compile(
    r"^https?://(?:www\.)?zenodo\.org/(?:records?|deposit)/([0-9]{1,18})(?![0-9])",
    re.IGNORECASE,
)
_ZENODO_DOI = re.compile(r"^10\.5281/zenodo\.([0-9]{1,18})$")
_TAIL = re.compile(
    r"(?:v\d+)?(?:\.(?:full|abstract|pdf|full\.pdf|full-text|html?))*/?(?:/(?:full|abstract|pdf|epdf|html))?$",
    re.IGNORECASE,
)


def find_identifiers(*addresses: str | None) -> frozenset[str]:
    """Return the works that links and guids belong to, such as `doi:…`, `arxiv:…`, `pmc:…`."""
    hinted = {address for address in addresses if address and _HINT.search(address)}
    return frozenset(filter(None, (_work(legal(unquote(address))) for address in hinted)))


def _work(address: str) -> str | None:
    if match := _ZENODO.match(address):
        return f"zenodo:{match[1]}"
    if match := _ARXIV.match(address):
        return f"arxiv:{match[1].lower()}"
    if match := _PMID.match(address):
        return f"pmid:{match[1]}"
    if match := _PMC.match(address):
        return f"pmc:{match[1]}"
    if match := _EUROPE_PMC.match(address):
        return f"{'pmid' if match[1] else 'pmc'}:{match[2]}"
    if match := _NATURE.match(address):
        return f"doi:10.1038/{match[1].lower()}"
    if match := _F1000.match(address):
        return f"doi:10.12688/f1000research.{match[2]}"
    match = (
        _DOI_IN_ADDRESS.match(address)
        or _PLOS.match(address)
        or re.match(rf"^(?:doi:\s?)({_DOI})", address, re.IGNORECASE)
    )
    return _doi(match[1]) if match else None


def _doi(written: str) -> str:
    doi = written.lower().rstrip(".,;)")
    # In their addresses, only preprint servers add versions and file endings to a DOI.
    doi = (
        _TAIL.sub("", doi)
        if doi.startswith(("10.1101/", "10.64898/"))
        else re.sub(r"/(?:full|abstract|e?pdf|html)$", "", doi)
    )
    if match := _ZENODO_DOI.match(doi):
        return f"zenodo:{match[1]}"
    if doi.startswith("10.48550/arxiv."):
        return f"arxiv:{doi.removeprefix('10.48550/arxiv.')}"
    return f"doi:{doi}"


def is_concept(one: str, other: str) -> bool:
    """Return whether two Zenodo numbers are adjacent, as of a concept and its first version."""
    numbers = [int(work.removeprefix("zenodo:")) for work in (one, other) if work.startswith("zenodo:")]
    return len(numbers) == 2 and abs(numbers[0] - numbers[1]) == 1
