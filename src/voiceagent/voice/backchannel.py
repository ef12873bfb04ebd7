"""Is it an interruption or an acknowledgement? Pure: words in, answer out."""

from __future__ import annotations

import re

_ACKNOWLEDGEMENTS = frozenset(
    "yeah yes yep yup ya ok okay right sure uh huh uhhuh uh-huh mm mmm mhm hm hmm mm-hmm mmhmm mhmm ah aha oh "
    "good great nice cool true exactly indeed alright wow interesting thanks".split()
)
_PHRASES = frozenset({"i see", "got it", "thank you", "all right", "of course", "i know", "uh huh", "mm hmm", "go on"})
_STOPPERS = frozenset({"stop", "wait", "no", "hold", "pause", "quiet", "enough", "hello", "sorry", "excuse", "but"})
_WORD = re.compile(r"[a-z][a-z'-]*|\d+", re.IGNORECASE)
_SOUND = re.compile(r"[\[(*][^\])*]*[\])*]")
"""Recognisers write noises as [cough], (laughter), *sigh*."""


def wants_the_floor(text: str) -> bool:
    """Whether somebody who says `text` over the agent wants it to stop: real words, not an acknowledgement, not a noise."""
    words = [word.strip("-'") for word in _WORD.findall(_SOUND.sub(" ", text).lower())]
    words = [word for word in words if word]
    if not words:
        return False
    if any(word in _STOPPERS for word in words):
        return True
    if " ".join(words) in _PHRASES:
        return False
    return not all(word in _ACKNOWLEDGEMENTS for word in words)
