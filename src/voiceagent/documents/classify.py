"""What kind of document it is: near to which examples it lies, helped by words that only such documents use. Kinds can be added by example."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from voiceagent.documents.judge import Judge
from voiceagent.ports.embed import Embedder
from voiceagent.ports.llm import LanguageModel

Vector = tuple[float, ...]

OTHER = "other"
EXAMPLES: dict[str, tuple[str, ...]] = {
    "contract": (
        "This agreement is entered into by and between the parties. The parties agree to the following terms and conditions.",
        "Termination: either party may terminate this contract with thirty days written notice. Governing law and jurisdiction.",
        "The lessee shall pay the rent to the landlord. Liability, confidentiality, signatures of both parties.",
    ),
    "invoice": (
        "Invoice number, invoice date, bill to, quantity, unit price, subtotal, tax, total amount due, payment terms.",
        "Please pay the amount of this bill within 14 days to the bank account below. VAT included.",
        "Receipt for your purchase: items, price, tax, total paid by card.",
    ),
    "manual": (
        "User manual: how to install, configure and use the product. Step 1: press the button. Troubleshooting. Safety warnings.",
        "Instructions for support staff: check the customer's settings, then follow these steps to solve the problem.",
        "Handbook of procedures and policies: eligibility, requirements, what to do when.",
    ),
    "letter": (
        "Dear Sir or Madam, I am writing to you about my application. Yours sincerely.",
        "Dear Mrs Miller, thank you for your letter. We are pleased to inform you. Kind regards.",
        "Memorandum to all employees from the director concerning the new rules.",
    ),
    "report": (
        "Abstract. Introduction. In this paper we present a method and experimental results. Conclusion. References.",
        "Annual report: revenue grew this quarter compared with last year. Summary of findings and recommendations.",
        "Analysis of the data shows an increase. Table 1 and figure 2 show the results of the study.",
    ),
    "form": (
        "Please fill in this form. Name, date of birth, address, signature. Check the box that applies. For official use only.",
        "Application form: last name, first name, social security number, city, state, zip code, date.",
        "Tick one: yes no. Enter the amount from line 12. Attach schedule B if required.",
    ),
    "cv": (
        "Curriculum vitae. Work experience, education, skills, languages, references available on request.",
        "Resume: software engineer with five years of experience. University degree. Employment history. Certifications.",
        "Professional profile, career summary, achievements, hobbies.",
    ),
    "email": (
        "From: To: Subject: Sent: Hi all, please find attached the notes from our meeting. Best, Anna",
        "On Monday he wrote: thanks for the quick reply. See my answers below. Forwarded message.",
    ),
}
_CUES: dict[str, re.Pattern[str]] = {
    "contract": re.compile(
        r"\b(?:hereinafter|party of the|parties agree|governing law|in witness whereof|lessee|indemnif|vertrag|contrat)",
        re.I,
    ),
    "invoice": re.compile(
        r"\b(?:invoice (?:no|number|date)|amount due|bill to|subtotal|unit price|balance due|rechnung|facture)\b", re.I
    ),
    "manual": re.compile(
        r"\b(?:troubleshoot|step \d|press the|user (?:manual|guide)|how to|instructions?|warning:|procedure)\b", re.I
    ),
    "letter": re.compile(
        r"\b(?:dear (?:sir|madam|mr|mrs|ms|dr|all)|yours (?:sincerely|faithfully)|sincerely|kind regards|memorandum)\b",
        re.I,
    ),
    "report": re.compile(
        r"\b(?:abstract|introduction|conclusions?|references|table \d|figure \d|et al|fiscal year|findings)\b", re.I
    ),
    "form": re.compile(
        r"\b(?:fill in|please print|signature|check (?:the|one) box|official use|applicant|date of birth|zip code)\b|_{5,}|\u2610",
        re.I,
    ),
    "cv": re.compile(
        r"\b(?:curriculum vitae|work experience|employment history|education and training|career summary)\b", re.I
    ),
    "email": re.compile(r"^(?:from|to|cc|subject|sent):", re.I | re.M),
}
_CUE_WEIGHT = 0.05
_MOST_CUES = 4
_SHARPNESS = 14.0
_LEAST_SCORE = 0.26
"""Below this nothing is said to be of any kind. Looked through on 75 test documents with MiniLM: invoices, forms, manuals and letters reach
0.31 to 0.67, texts of no kind mostly stay under 0.25."""

_LEAD_CHARS = 6_000
_JUDGED = 0.6
"""How sure a model's word is that nothing else supports."""

_HOME: dict[str, str] = {"eml": "email"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A label and how sure it is, 0 to 1."""

    label: str
    confidence: float


class Classifier:
    """Keeps the centres of the labels of one embedding model. Labels of a tenant come with each call: they are few and change seldom."""

    def __init__(self, embedder: Embedder, llm: LanguageModel | None = None) -> None:
        """llm: asked first; the examples decide what it does not."""
        self._embedder = embedder
        self._judge = Judge(llm) if llm is not None else None
        self._centres: dict[tuple[str, ...], Vector] = {}

    async def kind_of(
        self, lead: tuple[Vector, ...], text: str, format_name: str, own: Mapping[str, tuple[str, ...]]
    ) -> Kind:
        """The kind of a document. lead: vectors of its first chunks.  own: the tenant's labels with examples; they win over ours of the same name.

        Raises Unavailable `embed_unavailable`.
        """
        if format_name in _HOME:
            return Kind(_HOME[format_name], 0.99)
        beginning = text[:_LEAD_CHARS]
        scores: dict[str, float] = {}
        labels = {**EXAMPLES, **own}
        for label, examples in labels.items():
            centre = await self._centre(examples)
            near = max((_cosine(vector, centre) for vector in lead), default=0.0)
            cues = len({match.lower() for match in _CUES[label].findall(beginning)}) if label in _CUES else 0
            scores[label] = near + _CUE_WEIGHT * min(cues, _MOST_CUES)
        by_examples = _decided(scores)
        if self._judge is None:
            return by_examples
        return _judged(await self._judge.label_of(text, {**labels, OTHER: ("none of the above",)}), by_examples)

    async def _centre(self, examples: tuple[str, ...]) -> Vector:
        known = self._centres.get(examples)
        if known is None:
            vectors = await self._embedder.embed(examples)
            summed = [sum(values) for values in zip(*vectors, strict=True)]
            length = math.sqrt(sum(value * value for value in summed)) or 1.0
            known = self._centres[examples] = tuple(value / length for value in summed)
        return known


def _judged(label: str | None, by_examples: Kind) -> Kind:
    """The model's word; it is surer where the examples say the same."""
    if label is None:
        return by_examples
    if label == by_examples.label:
        return Kind(label, round(1.0 - (1.0 - by_examples.confidence) * (1.0 - _JUDGED), 3))
    return Kind(label, _JUDGED)


def _decided(scores: dict[str, float]) -> Kind:
    best = max(scores, key=lambda label: scores[label])
    weights = {label: math.exp(_SHARPNESS * (score - scores[best])) for label, score in scores.items()}
    confidence = weights[best] / sum(weights.values())
    if scores[best] < _LEAST_SCORE:
        return Kind(OTHER, round(1.0 - confidence * max(scores[best], 0.0) / _LEAST_SCORE, 3))
    return Kind(best, round(confidence, 3))


def _cosine(left: Vector, right: Vector) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))
