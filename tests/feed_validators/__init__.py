"""Validate published documents: `problems(document, url)` lists the rules that one breaks.

The rules are those of the specifications, this project's publishing rules (PB1 to PB16), and errors and warnings of
the W3C feed validator. Its notes, such as a missing compression, are not checked. Times after `now` are in the future.

| message of the W3C validator | where | checked by |
|---|---|---|
| SAXError, UnicodeError, BadCharacters, EncodingMismatch | all XML | `rules.xml` |
| InvalidFullLink, InvalidUriChar, InvalidIRI, UriNotIri | addresses | `rules.address`: ASCII, http(s), a host |
| InvalidURLAttribute | enclosures | `rss` |
| InvalidTAG, InvalidURN, InvalidUUID, NonCanonicalURI | ids | `rules.identifier` |
| InvalidRFC3339Date, ImplausibleDate | dates | `rules.rfc3339` |
| InvalidRFC2822Date, IncorrectDOW, ProblematicalRFC822Date | dates | `rules.rfc822` |
| InvalidLanguage | xml:lang, hreflang, language | `rules.language` |
| NotHtml, SecurityRisk, SecurityRiskAttr, DangerousStyleAttr, ContainsRelRef | HTML | `rules.html` |
| ContainsUndeclaredHTML | plain text | `rules.looks_like_html` |
| ContainsHTML, CharacterData | plain text in RSS | the same, unless the line has `&#x` |
| UndefinedElement, MissingElement, UnexpectedAttribute, DuplicateElement | all XML | the grammar, or tables |
| InvalidMIMEType | link type | `atom` |
| UnknownNamespace | all XML | reported, but for tombstones (RFC 6721), which the validator does not know |
| MisplacedMetadata, MisplacedItem, NeedDescriptionBeforeContent | order | grammar; `rss` |
| MissingSelf, SelfDoesntMatchLocation, RelativeSelf, SelfNotAtom | rel=self | `atom`, `rss` |
| DuplicateEntries, DuplicateIds, DuplicateUpdated | Atom | `atom` |
| DuplicateAtomLink, UnregisteredAtomLinkRel | Atom | `atom` |
| MissingTextualContent, MissingSummary, MissingContentOrAlternate | Atom | `atom` |
| NotBlank, AttrNotBlank, ContainsEmail | Atom | `atom` |
| MissingSourceElement | atom:source | `atom` (PB3 asks for more) |
| FeedHistoryRelInEntry, MissingCurrentInArchive | RFC 5005 | `atom`, `chain` |
| ArchiveIncomplete | RFC 5005 | not reported: the oldest archive has nothing before it and is frozen (P2) |
| AvoidNamespacePrefix, ReservedPrefix, NonstdPrefix | prefixes | `atom`, `rss` |
| MissingGuid, InvalidHttpGUID, InvalidPermalink, NotSufficientlyUnique, DuplicateValue | guid | `rss` |
| DuplicateEnclosure, UseZeroForUnknown, InvalidMIMEAttribute, InvalidIntegerAttribute | enclosure | `rss` |
| DuplicateSemantics, DuplicateItemSemantics, QuestionableUsage | RSS | `rss`, tables |
| InvalidContact, EmailFormat, MissingRealName | RSS | `rss` |
| ImageLinkDoesntMatch, ImageTitleDoesntMatch, ImageUrlFormat, InvalidWidth, InvalidHeight | RSS | `rss` |
| MissingXmlURL, MissingTitleAttr, MissingUrlAttr, MissingOutlineType, InvalidOPMLVersion | OPML | `opml` |
| NotHtml in an outline's text | OPML | not reported: names are plain text there, which readers show as it is |
| UnexpectedContentType, HttpProtocolError, TempRedirect, Uncompressed | HTTP | not part of a document |
"""
