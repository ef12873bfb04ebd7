"""What can be told of a document without a model: title, authors, dates, keywords, names and numbers in it, and its leading sentences."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from voiceagent.documents.language import language_of
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.split import Piece, count_words

_TITLE_CHARS = 200
_JUNK_TITLE = re.compile(
    r"(?:untitled|microsoft word|document\d*|titel|no title|print|slide \d+)\b|\(anonymous\)|.*\.(?:docx?|pdf|indd|qxd|tex|dvi)$",
    re.IGNORECASE,
)
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?![\d-])")
_MONTHS = {
    name: at
    for at, name in enumerate(
        "january february march april may june july august september october november december".split(), start=1
    )
}
_WRITTEN_DATE = re.compile(
    rf"\b(?:({'|'.join(_MONTHS)})\s+(\d{{1,2}}),?\s+(\d{{4}})|(\d{{1,2}})\s+({'|'.join(_MONTHS)})\s+(\d{{4}}))\b",
    re.IGNORECASE,
)

_TERM = re.compile(r"[^\W\d_][\w'-]{2,40}")
_ORGANISATION = re.compile(
    r"\b[A-Z][\w&'-]{1,30}(?: (?:and|&|[A-Z][\w&'-]{0,30})){0,5} (?:Inc|Incorporated|Ltd|Limited|LLC|LLP|PLC|plc|GmbH|AG|SE|KG|Corp|"
    r"Corporation|Company|University|Institute|Foundation|Association|Commission|Department|Ministry|Agency|Hospital|Bank|Council|Society)\b"
    r"|\b(?:University|Department|Ministry|Institute|Bank|Bureau|Office|Council) of(?: the)?(?: [A-Z][\w'-]{1,30}){1,4}"
)
_NAME = re.compile(r"\b[A-Z][a-z]{1,20}(?: (?:[A-Z]\. ?)?[A-Z][a-z]{1,20}){1,3}\b")
_FOUND = {
    "emails": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b"),
    "amounts": re.compile(r"(?:[$€£]\s?\d[\d.,]{0,14}\d|\b\d[\d.,]{0,14}\s?(?:EUR|USD|GBP|CHF|€|dollars|euros)\b)"),
    "dates": re.compile(
        rf"\b(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}|(?:{'|'.join(_MONTHS)}) \d{{1,2}},? \d{{4}}|\d{{1,2}}\.? "
        rf"(?:{'|'.join(_MONTHS)}) \d{{4}})\b",
        re.IGNORECASE,
    ),
    "phones": re.compile(
        r"(?<![\w.+-])(?:\+\d{1,3}[ ./-]?(?:\(0\))?|\(\d{2,5}\) ?|0)\d{1,5}(?:[ ./-]\d{2,5}){1,4}(?![\w-])|(?<![\w.-])\d{3}-\d{3}-\d{4}(?![\w-])"
    ),
    "urls": re.compile(r"\bhttps?://[^\s<>\"')\]]{4,200}"),
}
_ENTITY_CHARS = 60_000
_ENTITIES = 12
_KEYWORDS = 10
_SUMMARY_SENTENCES = 3
_SUMMARY_CHARS = 600
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\s|$))?")
_SENTENCE_CHARS = range(31, 402)
_COMMON = frozenset(
    "about above after again all also and any are because been before being between both but can could did does doing down during each few for "
    "from further had has have having her here hers him his how into its itself just may more most must not now off once only other our out over "
    "own per same shall she should some such than that the their them then there these they this those through too under until upon use used "
    "using very was were what when where which while who whom why will with within would you your one two new see page following however".split()
)


def describe(document: ParsedDocument, pieces: tuple[Piece, ...], file_name: str) -> dict[str, object]:
    """title, authors, created, modified, language, pages, words, keywords, entities, summary, hidden: plain values for JSON."""
    properties = document.properties
    title = title_of(document, file_name)
    keywords = keywords_of(pieces)
    described: dict[str, object] = {
        "title": title,
        "authors": [part.strip() for part in re.split(r"[;,]| and ", properties.get("authors", "")) if part.strip()][
            :10
        ],
        "language": language_of(document.text),
        "pages": len(document.pages),
        "words": count_words(document.text),
        "keywords": keywords,
        "entities": entities_of(document.text),
        "summary": summary_of(document.text, keywords),
    }
    for name in ("created", "modified"):
        moment = date_of(properties.get(name, ""))
        if moment is not None:
            described[name] = moment.isoformat()
    if document.hidden:
        described["hidden"] = dict(document.hidden)
    if properties.get("text_recognised"):
        described["text_recognised"] = True
    if properties.get("pages_not_recognised", "").isdigit():
        described["pages_not_recognised"] = int(properties["pages_not_recognised"])
    return described


def title_of(document: ParsedDocument, file_name: str) -> str:
    """What the file calls itself, its first heading on the first page, or its name without the ending."""
    told = " ".join(document.properties.get("title", "").split())
    if 3 <= len(told) <= _TITLE_CHARS and not _JUNK_TITLE.match(told):
        return told
    first_end = document.pages[0].start + len(document.pages[0].text) if document.pages else 0
    headings = [span for span in document.spans if span.kind == "heading" and span.start < first_end]
    if headings:
        best = min(headings, key=lambda span: (span.level, span.start))
        heading = " ".join(document.text[best.start : best.end].split())
        if 3 <= len(heading) <= _TITLE_CHARS:
            return heading
    name = file_name.rpartition(".")[0] or file_name
    return re.sub(r"[_\s-]+", " ", name).strip()[:_TITLE_CHARS] or "Untitled"


def date_of(text: str) -> datetime | None:
    """A date as PDF, ISO 8601, an e-mail or English writes it, in UTC; None when it is none."""
    numbers = _PDF_DATE.match(text)
    try:
        if numbers:
            year, month, day, hour, minute, second = (int(part) if part else None for part in numbers.groups())
            return datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
        is_iso = _ISO_DATE.match(text) is not None
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if is_iso else parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return _written_date(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _written_date(text: str) -> datetime | None:
    match = _WRITTEN_DATE.search(text[:10_000])
    if match is None:
        return None
    month, day, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
    try:
        return datetime(int(year), _MONTHS[month.lower()], int(day), tzinfo=UTC)
    except ValueError:
        return None


def dated(metadata: dict[str, object], text: str) -> datetime | None:
    """The document's date: when it was made, last changed, or the first date written in its beginning."""
    for name in ("created", "modified"):
        value = metadata.get(name)
        if isinstance(value, str):
            return datetime.fromisoformat(value)
    return _written_date(text[:4_000])


def keywords_of(pieces: tuple[Piece, ...]) -> list[str]:
    """Words that are frequent in some parts and absent from others: tf-idf with the document's own chunks as the collection."""
    total: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for piece in pieces:
        words = [word.lower() for word in _TERM.findall(piece.text)]
        words = [word for word in words if word not in _COMMON and len(word) < 30]
        total.update(words)
        parts.update(set(words))
    count = len(pieces) + 1
    scored = {
        word: (1 + math.log(times)) * math.log(1 + count / parts[word]) * math.sqrt(times)
        for word, times in total.items()
    }
    return sorted(scored, key=lambda word: (-scored[word], word))[:_KEYWORDS]


def entities_of(text: str) -> dict[str, list[str]]:
    """Names, organisations, e-mail addresses, telephone numbers, dates, sums of money and addresses of pages, the commonest first."""
    sample = text[:_ENTITY_CHARS]
    found = {
        kind: [value for value, _ in Counter(pattern.findall(sample)).most_common(_ENTITIES)]
        for kind, pattern in _FOUND.items()
    }
    organisations = Counter(_ORGANISATION.findall(sample))
    found["organisations"] = [name for name, _ in organisations.most_common(_ENTITIES)]
    others = _FOUND["dates"].sub(";", _ORGANISATION.sub(";", sample))
    found["names"] = [name for name, _ in Counter(_NAME.findall(others)).most_common(_ENTITIES)]
    return {kind: values for kind, values in found.items() if values}


def summary_of(text: str, keywords: list[str]) -> str:
    """The sentences that hold most of the keywords, in their order; the beginning of the text counts double."""
    wanted = {word: len(keywords) - at for at, word in enumerate(keywords)}
    whole = (match.group() for match in _SENTENCE.finditer(text[:_ENTITY_CHARS]))
    sentences = [one.strip() for one in whole if one[-1] in ".!?" and len(one) in _SENTENCE_CHARS]
    scored = []
    for at, sentence in enumerate(sentences):
        words = {word.lower() for word in _TERM.findall(sentence)}
        score = sum(wanted.get(word, 0) for word in words) / math.sqrt(len(words) + 3)
        scored.append((score * (2.0 if at < 5 else 1.0), at))
    best = sorted(at for _, at in sorted(scored, reverse=True)[:_SUMMARY_SENTENCES])
    return " ".join(sentences[at] for at in best)[:_SUMMARY_CHARS]
