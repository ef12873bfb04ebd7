"""Where personal data is heard in words with times."""

from __future__ import annotations

from voiceagent.domain.audio import Word
from voiceagent.domain.pii.bleep import words_to_bleep


def test_a_number_in_groups_of_the_recognisers_own_is_silenced_whole() -> None:
    said = [
        Word("call", 0.0, 0.5),
        Word("848073", 1.0, 2.0),
        Word("427", 2.5, 3.0),
        Word("4.", 3.1, 3.4),
        Word("on", 4.0, 4.5),
    ]
    (interval,) = words_to_bleep(said, padding_s=0.0)
    assert (interval.start_s, interval.end_s) == (1.0, 3.4)
    assert (
        words_to_bleep([Word("room", 0.0, 0.4), Word("427", 0.5, 1.0), Word("in", 1.1, 1.2), Word("2024", 1.3, 2.0)])
        == ()
    )
