"""Makes the model's text fit to be said: [2] becomes a citation, markup goes, a leading "Assistant:" goes. Pure, and the same however the text is cut."""

from __future__ import annotations

import re

from voiceagent.domain.conversation import Citation
from voiceagent.domain.document import Passage, boxes_between, page_at
from voiceagent.domain.reply import ReplyCitation, ReplyText
from voiceagent.engine.grounding.sentences import sentences
from voiceagent.engine.grounding.words import content

Said = ReplyText | ReplyCitation

QUOTE_CHARS = 300

_MARK = re.compile(r"\[\^?\d{1,2}(?:\s?[,;]\s?\^?\d{1,2}){0,7}\]")
_MARK_BEGUN = re.compile(r"\[\^?(?:\d{1,2}(?:\s?[,;]\s?\^?\d{1,2}){0,7}(?:\s?[,;]?\s?\^?\d{0,2}))?")
_LINK = re.compile(r"\[([^\[\]\n]{0,80})\]\([^()\s]{0,200}\)")
_LINK_BEGUN = re.compile(r"\[[^\[\]\n]{0,80}(?:\](?:\([^()\s]{0,200})?)?")
_LINE = re.compile(r"[ \t]*(?:#{1,6}[ \t]+|[-*+•][ \t]+|\d{1,2}[.)][ \t]+|>[ \t]*)")
_LINE_BEGUN = re.compile(r"[ \t]*(?:#{0,6}|[-*+•]?|\d{0,2}[.)]?|>?)[ \t]*")
_BLANKS = re.compile(r"[ \t]+")
_MARKUP = re.compile(r"[*_`~]+")
_PLAIN = re.compile(r"[^\s\[*_`~]+|\n+|\s")
_SPEAKER = re.compile(r"\s*(?:assistant|answer|ai|a)\s*:\s*", re.IGNORECASE)
_SPEAKER_WORDS = ("assistant:", "answer:", "ai:", "a:")

_Unit = tuple[int, str, tuple[int, ...]]
"""Where a unit ends, what is said of it, and the passages that it cites."""


class CitedText:
    """The filter of one reply. passages: those of the prompt, numbered from 1. spoken: the text will be heard, so markup is dropped."""

    def __init__(self, passages: tuple[Passage, ...] = (), *, spoken: bool = True) -> None:
        self._passages = passages
        self._spoken = spoken
        self._held = ""
        self._claim = ""
        self._cited = False
        self._before = ""
        self._begun = False

    def feed(self, text: str) -> list[Said]:
        """What can be said now; the start of a mark or of markup is held back until it is decided."""
        self._held += text
        return self._take(final=False)

    def end(self) -> list[Said]:
        """What was still held back."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> list[Said]:
        if not self._begun and not self._begin(final):
            return []
        said: list[Said] = []
        words: list[str] = []
        at = 0
        while at < len(self._held):
            unit = self._unit(at, final)
            if unit is None:
                break
            end, text, cited = unit
            if text and self._cited and not text.isspace():
                self._claim, self._cited = "", False
            words.append(text)
            if cited:
                self._claim += "".join(words)
                said += _text(words) + [
                    ReplyCitation(cited_sentence(self._passages[n - 1], self._claim)) for n in cited
                ]
                words, self._cited = [], True
            self._before = self._held[end - 1]
            at = end
        self._claim += "".join(words)
        self._held = self._held[at:]
        return said + _text(words)

    def _begin(self, final: bool) -> bool:
        """Drop blanks and the speaker's name at the very start; False while that is undecided."""
        self._held = self._held.lstrip()
        head = re.sub(r"\s+:", ":", self._held[:16].lower()).rstrip()
        if not final and any(word.startswith(head) for word in _SPEAKER_WORDS):
            return False
        if match := _SPEAKER.match(self._held):
            if match.end() == len(self._held) and not final:
                return False
            self._held = self._held[match.end() :]
        self._begun = True
        return True

    def _unit(self, at: int, final: bool) -> _Unit | None:
        """The unit at `at`, or None while its end is not known."""
        text = self._held
        if self._spoken and self._before in ("", "\n"):
            line = _LINE.match(text, at)
            if line is not None and (final or line.end() < len(text)):
                return line.end(), "", ()
            if not final and _LINE_BEGUN.fullmatch(text, at):
                return None
        blanks = _BLANKS.match(text, at)
        if blanks is not None:
            return self._blanks(at, blanks.end(), final)
        if text[at] == "[":
            return self._bracket(at, final)
        if self._spoken and (markup := _MARKUP.match(text, at)):
            return self._markup(at, markup.end(), final)
        plain = _PLAIN.match(text, at)
        return (plain.end(), plain.group(), ()) if plain else (at + 1, text[at], ())

    def _blanks(self, at: int, end: int, final: bool) -> _Unit | None:
        """Blanks before a mark go with it; at the end they wait for what follows."""
        if end == len(self._held):
            return (end, "", ()) if final else None
        if self._held[end] == "[":
            unit = self._bracket(end, final)
            if unit is None or not unit[1]:
                return unit
        return end, self._held[at:end], ()

    def _bracket(self, at: int, final: bool) -> _Unit | None:
        text = self._held
        link = _LINK.match(text, at)
        if link is not None:
            return link.end(), link.group(1) if self._spoken else link.group(), ()
        mark = _MARK.match(text, at)
        if mark is not None and not final and mark.end() == len(text):
            return None
        if mark is not None and (self._passages or self._spoken):
            numbers = [int(number) for number in re.findall(r"\d+", mark.group())]
            return mark.end(), "", tuple(n for n in numbers if 1 <= n <= len(self._passages))
        begun = _LINK_BEGUN if self._spoken else _MARK_BEGUN
        if not final and begun.fullmatch(text, at):
            return None
        return at + 1, "[", ()

    def _markup(self, at: int, end: int, final: bool) -> _Unit | None:
        """Emphasis touches a word and is dropped; a sign between blanks or digits is said."""
        if end == len(self._held) and not final:
            return None
        after = self._held[end] if end < len(self._held) else " "
        between = (self._before or " ", after)
        alone = all(side.isspace() for side in between) or all(side.isdigit() for side in between)
        inside = self._held[at] == "_" and all(side.isalnum() for side in between)
        return end, self._held[at:end] if alone or inside else "", ()


def cited_sentence(passage: Passage, claim: str) -> Citation:
    """The citation of the sentence that has most in common with what was said; of the passage's beginning when none has anything."""
    chunk = passage.chunk
    start, end = _best_span(chunk.text, claim)
    page = page_at(passage, chunk.start + start)
    return Citation(
        chunk.document_id,
        passage.title,
        page,
        chunk.start + start,
        chunk.start + end,
        quote=chunk.text[start:end],
        score=passage.score,
        boxes=boxes_between(chunk.boxes, chunk.start + start, chunk.start + end),
    )


def _best_span(text: str, claim: str) -> tuple[int, int]:
    said = set(content(claim))
    spans = list(sentences(text))
    shared = [len(said.intersection(content(text[start:end]))) for start, end in spans]
    if not any(shared):
        return 0, min(len(text), QUOTE_CHARS)
    start, end = spans[shared.index(max(shared))]
    return start, min(end, start + QUOTE_CHARS)


def _text(words: list[str]) -> list[Said]:
    text = "".join(words)
    return [ReplyText(text)] if text else []
